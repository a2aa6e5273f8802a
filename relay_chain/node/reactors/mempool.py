"""The mempool reactor: passes transactions on."""

import asyncio

from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.limits import MAX_TX_BYTES
from chainkit.wire.codec import decode_known, encode
from chainkit.wire.proto.tendermint.mempool import types_pb2
from relay_chain.node.p2p.multiplex import ChannelDescriptor
from relay_chain.node.p2p.peer import Peer
from relay_chain.node.p2p.reactor import Peers
from relay_chain.node.reactors.limits import (
    GOSSIP_PERIOD_NS,
    MAX_TXS_IN_MESSAGE,
    MEMPOOL_CHANNEL,
    MEMPOOL_OVERHEAD_BYTES,
    MEMPOOL_QUEUE_MESSAGES,
)
from relay_chain.node.reactors.ports import MempoolEntry, MempoolPort, PeerHeights
from relay_chain.node.reactors.waiting import Wakers, wait_for_flag

_MAX_MESSAGE_BYTES = MAX_TX_BYTES + MEMPOOL_OVERHEAD_BYTES


def encode_txs(txs: tuple[bytes, ...]) -> bytes:
    """Return ``tendermint.mempool.Message`` with transactions."""
    return encode(types_pb2.Message(txs=types_pb2.Txs(txs=txs)))


def decode_txs(data: bytes) -> tuple[bytes, ...]:
    """Return the transactions of a message.

    Raises:
        MalformedMessage: The bytes do not decode, or hold none or too many transactions.
    """
    message = decode_known(types_pb2.Message, data, max_bytes=_MAX_MESSAGE_BYTES)
    txs = tuple(message.txs.txs)
    if not 0 < len(txs) <= MAX_TXS_IN_MESSAGE:
        raise MalformedMessage(f"{len(txs)} transactions in a message")
    return txs


def should_wait(entry: MempoolEntry, peer_height: int | None) -> bool:
    """Return whether a peer is too far behind to judge a transaction; one block is allowed."""
    return peer_height is None or peer_height < entry.height - 1


class MempoolReactor:
    """Channel 0x30. Each peer has its own place in the mempool's order.

    Args:
        mempool: What waits.
        heights: How far peers are.
        broadcast: Whether this node's transactions are passed on (``mempool.broadcast``);
            those of peers are taken in either case.
    """

    channels = (ChannelDescriptor(MEMPOOL_CHANNEL, 5, MEMPOOL_QUEUE_MESSAGES, _MAX_MESSAGE_BYTES),)

    def __init__(
        self, mempool: MempoolPort, heights: PeerHeights, *, broadcast: bool = True
    ) -> None:
        self._mempool = mempool
        self._heights = heights
        self._broadcast = broadcast
        self._wakers = Wakers()

    def wake(self) -> None:
        """A transaction entered the mempool."""
        self._wakers.wake()

    def peer_added(self, peer: Peer) -> None:
        """Peers are served by ``serve_peer``."""

    def peer_removed(self, peer: Peer, reason: Exception) -> None:
        """There is nothing kept of a peer."""

    async def run(self, peers: Peers) -> None:
        """There is nothing to do that is not about one peer."""

    async def receive(self, channel_id: int, peer: Peer, message: bytes) -> None:  # noqa: ARG002
        """Hand a peer's transactions to the mempool, one after the other.

        Raises:
            MalformedMessage: They do not decode. A bad transaction is nobody's fault here.
        """
        for tx in decode_txs(message):
            await self._mempool.add_from_peer(tx, peer.id)

    async def serve_peer(self, peer: Peer) -> None:
        """Send a peer each transaction it may lack, in order, until cancelled."""
        if not self._broadcast:
            return
        flag = self._wakers.add()
        position = -1
        try:
            while True:
                entry = self._mempool.next_after(position)
                if entry is None or should_wait(entry, self._heights.peer_height(peer.id)):
                    await wait_for_flag(flag, GOSSIP_PERIOD_NS)
                    continue
                known = peer.id in entry.senders
                if known or await peer.send(MEMPOOL_CHANNEL, encode_txs((entry.tx,))):
                    position = entry.position
                await asyncio.sleep(0)  # let others run between two transactions
        finally:
            self._wakers.discard(flag)
