"""The block sync reactor: serves stored blocks, and fetches what this node missed."""

import asyncio
import time

import structlog

from chainkit.formats.tendermint.block_codec import encode_block
from chainkit.formats.tendermint.hashing import header_hash
from chainkit.formats.tendermint.parts import split_block
from chainkit.formats.tendermint.types import Block, BlockId
from chainkit.formats.tendermint.verify_commit import verify_commit
from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.types import BlockHeight, DurationNs, TimestampNs
from relay_chain.node.p2p.multiplex import ChannelDescriptor
from relay_chain.node.p2p.peer import Peer
from relay_chain.node.p2p.reactor import Peers
from relay_chain.node.reactors.block_pool import BadBlock, BlockPool, Drop, UnsolicitedBlock
from relay_chain.node.reactors.blocksync_messages import (
    BlockRequest,
    BlockResponse,
    NoBlockResponse,
    StatusRequest,
    StatusResponse,
    decode_blocksync_message,
    encode_block_response,
    encode_blocksync_message,
)
from relay_chain.node.reactors.limits import (
    BLOCKSYNC_CHANNEL,
    BLOCKSYNC_QUEUE_MESSAGES,
    GOSSIP_PERIOD_NS,
    MAX_BLOCKSYNC_MESSAGE_BYTES,
    STATUS_PERIOD_NS,
)
from relay_chain.node.reactors.ports import BlockStorePort, BlockSyncPort
from relay_chain.node.reactors.waiting import wait_for_flag

_BLOCK_RESPONSE_KEY = 0x1A
"""First byte of a ``Message`` that holds a ``BlockResponse``: field 3, length-delimited."""

_LOG_EVERY_BLOCKS = 100


def _now() -> TimestampNs:
    return TimestampNs(time.monotonic_ns())


class BlockSyncReactor:
    """Channel 0x40. Mutable: it owns the pool while a sync runs.

    Args:
        store: Stored blocks, for peers that ask.
        executor: What verified blocks are applied to.
        syncing: Whether to fetch blocks first; when no peer is ahead any more,
            ``executor.caught_up`` is called once, and the reactor only serves.
    """

    channels = (
        ChannelDescriptor(
            BLOCKSYNC_CHANNEL, 5, BLOCKSYNC_QUEUE_MESSAGES, MAX_BLOCKSYNC_MESSAGE_BYTES
        ),
    )

    def __init__(self, store: BlockStorePort, executor: BlockSyncPort, *, syncing: bool) -> None:
        self._store = store
        self._executor = executor
        self._was_syncing = syncing
        self._pool: BlockPool | None = None
        if syncing:
            self._pool = BlockPool(BlockHeight(executor.last_height() + 1))
        self._work = asyncio.Event()
        self._log = structlog.get_logger()

    @property
    def is_syncing(self) -> bool:
        """Whether blocks are being fetched (``sync_info.catching_up``)."""
        return self._pool is not None

    def max_peer_height(self) -> BlockHeight:
        """Return the greatest height reported by peers; 0 when not syncing."""
        return BlockHeight(0) if self._pool is None else self._pool.max_peer_height()

    def peer_added(self, peer: Peer) -> None:
        """Tell a peer what we have; while syncing, ask what it has."""
        self._send_status(peer)
        if self._pool is not None:
            peer.try_send(BLOCKSYNC_CHANNEL, encode_blocksync_message(StatusRequest()))

    def peer_removed(self, peer: Peer, reason: Exception) -> None:  # noqa: ARG002 - the port's
        """Ask others for what the peer owes."""
        if self._pool is not None:
            self._pool.remove_peer(peer.id)
            self._work.set()

    async def serve_peer(self, peer: Peer) -> None:
        """Peers are served as they ask."""

    async def receive(self, channel_id: int, peer: Peer, message: bytes) -> None:  # noqa: ARG002
        """Answer a request, or take an answer into the pool.

        Raises:
            RuleBroken: The message does not decode, or the peer broke a rule of the pool.
        """
        if message[:1] == bytes([_BLOCK_RESPONSE_KEY]) and not self._expects_block(peer):
            return
        decoded = decode_blocksync_message(message)
        match decoded:
            case BlockRequest(height):
                self._send_block(peer, height)
            case StatusRequest():
                self._send_status(peer)
            case StatusResponse() | BlockResponse() | NoBlockResponse():
                if self._pool is not None:
                    self._take(self._pool, peer, decoded)

    def _take(
        self, pool: BlockPool, peer: Peer, answer: StatusResponse | BlockResponse | NoBlockResponse
    ) -> None:
        """Take a peer's answer into the pool, or raise what it broke."""
        match answer:
            case StatusResponse(height, base):
                drops = pool.set_range(peer.id, base, height, _now())
            case BlockResponse(block):
                drops = pool.add_block(peer.id, block, _now())
            case NoBlockResponse(height):
                drops = pool.no_block(peer.id, height, _now())
        self._work.set()
        for drop in drops:
            raise drop.reason

    async def run(self, peers: Peers) -> None:
        """Fetch, verify and apply blocks until no peer is ahead; then hand over."""
        pool = self._pool
        if pool is None:
            return
        synced = 0
        ask_status_at = _now()
        while not pool.is_caught_up(_now()):
            if _now() >= ask_status_at:
                asked = peers.broadcast(
                    BLOCKSYNC_CHANNEL, encode_blocksync_message(StatusRequest())
                )
                self._log.info(
                    "blocksync.asked_peers",
                    peers=asked,
                    next_height=pool.height,
                    peers_height=pool.max_peer_height(),
                )
                ask_status_at = TimestampNs(_now() + STATUS_PERIOD_NS)
            self._perform_plan(pool, peers)
            pair = pool.next_pair()
            if pair is None:
                await wait_for_flag(self._work, DurationNs(GOSSIP_PERIOD_NS))
                continue
            if await self._apply(pool, peers, *pair):
                synced += 1
                if synced % _LOG_EVERY_BLOCKS == 0:
                    self._log.info("blocksync.advanced", height=pool.height - 1)
            await asyncio.sleep(0)  # let blocks arrive between two that are applied
        self._pool = None
        self._log.info("blocksync.finished", height=pool.height - 1, blocks=synced)
        await self._executor.caught_up(synced)

    def _perform_plan(self, pool: BlockPool, peers: Peers) -> None:
        for effect in pool.plan(_now()):
            if isinstance(effect, Drop):
                peers.disconnect(effect.peer_id, effect.reason)
                continue
            peer = peers.peer(effect.peer_id)
            if peer is not None:
                # A full queue loses the request; the peer's timeout asks it of another.
                peer.try_send(
                    BLOCKSYNC_CHANNEL, encode_blocksync_message(BlockRequest(effect.height))
                )

    async def _apply(self, pool: BlockPool, peers: Peers, first: Block, second: Block) -> bool:
        """Verify a block by the next one's commit and apply it; say whether it was good."""
        header, parts = split_block(encode_block(first))
        block_id = BlockId(header_hash(first.header), header)
        try:
            if second.last_commit is None:
                raise BadBlock(height=first.header.height, error="no commit in the next block")
            verify_commit(
                self._executor.chain_id,
                self._executor.validators(),
                block_id,
                first.header.height,
                second.last_commit,
            )
            await self._executor.apply(first, block_id, parts, second.last_commit)
        except RuleBroken as error:
            self._log.warning(
                "blocksync.block_refused", height=first.header.height, reason=str(error)
            )
            for drop in pool.reject_pair(str(error), _now()):
                peers.disconnect(drop.peer_id, drop.reason)
            return False
        pool.pop()
        return True

    def _expects_block(self, peer: Peer) -> bool:
        """Return whether to decode a peer's block; an answer to an ended sync is ignored.

        Raises:
            UnsolicitedBlock: None was ever asked of it: decoding is what the peer wants.
        """
        if self._pool is None and self._was_syncing:
            return False
        if self._pool is None or not self._pool.owes_block(peer.id):
            raise UnsolicitedBlock(height=0)
        return True

    def _send_status(self, peer: Peer) -> None:
        status = StatusResponse(height=self._store.height(), base=self._store.base())
        peer.try_send(BLOCKSYNC_CHANNEL, encode_blocksync_message(status))

    def _send_block(self, peer: Peer, height: BlockHeight) -> None:
        if not peer.has_room(BLOCKSYNC_CHANNEL):
            return  # reading the block is the dear part, and it could not be sent
        block = self._store.block_bytes(height)
        if block is None:
            answer = encode_blocksync_message(NoBlockResponse(height))
        else:
            answer = encode_block_response(block)
        peer.try_send(BLOCKSYNC_CHANNEL, answer)
