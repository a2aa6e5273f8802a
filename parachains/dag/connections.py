"""A DAG node's connections: frames over TCP to and from peers, greeted and bounded."""

import asyncio
import random
import time
from contextlib import suppress
from dataclasses import dataclass

import structlog

from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.types import Hash32
from parachains.dag import wire
from parachains.dag.errors import PeerBrokeRule
from parachains.dag.gossip import Gossip, Out
from parachains.dag.wire import Kind

_log = structlog.get_logger()
HANDSHAKE_TIMEOUT_S = 10
RECONNECT_S = 1.0
SEND_QUEUE_MESSAGES = 4_000
SEND_QUEUE_BYTES = 67_108_864
MAX_PEERS = 32
"""Connections that others open; those that the node opens are its settings'."""

MAX_MESSAGES_PER_SECOND = 2_000
"""Of a peer, each counted as often as its answer costs."""

_COST = {Kind.GET_HEADERS: 100, Kind.GET_BLOCKS: 4, Kind.GET_TRANSACTIONS: 4}


@dataclass(slots=True)
class _Peer:
    """A connection; mutable."""

    number: int
    writer: asyncio.StreamWriter
    outgoing: asyncio.Queue[bytes]
    since: float
    address: str
    is_outbound: bool
    messages: int = 0
    queued: int = 0
    """Bytes in the queue."""


class Connections:
    """All peers of a node; mutable, it owns the sockets.

    Args:
        gossip: What is said.
        chain_id: The chain's name, as peers must say it.
        genesis: The first block's hash; its beginning marks every frame.
    """

    def __init__(self, gossip: Gossip, chain_id: str, genesis: Hash32) -> None:
        self._gossip = gossip
        self._chain_id = chain_id
        self._genesis = genesis
        self._magic = genesis[: wire.MAGIC_BYTES]
        self._nonce = random.SystemRandom().getrandbits(64)
        self._peers: dict[int, _Peer] = {}
        self._numbers = iter(range(1, 1 << 62))
        self._inbound = 0
        self._is_active = True

    def __len__(self) -> int:
        return len(self._peers)

    @property
    def nonce(self) -> int:
        """This process' name among peers."""
        return self._nonce

    def told(self) -> list[dict[str, object]]:
        """Return what is known of each peer."""
        return [
            {"id": peer.number, "address": peer.address, "isOutbound": peer.is_outbound}
            for peer in self._peers.values()
        ]

    def set_active(self, active: bool) -> None:
        """Talk to nobody, or to everybody again."""
        self._is_active = active
        if not active:
            for peer in self._peers.values():
                peer.writer.close()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Talk to a peer that opened a connection, until it leaves."""
        # Counted from the first byte: one that never greets takes a place, too.
        if self._inbound >= MAX_PEERS or not self._is_active:
            writer.close()
            return
        self._inbound += 1
        try:
            # Nobody awaits this task, and only the end of the process cancels it.
            with suppress(asyncio.CancelledError):
                await self._converse(reader, writer, is_outbound=False)
        finally:
            self._inbound -= 1

    async def keep_dialing(self, address: str) -> None:
        """Stay connected to a peer until cancelled."""
        host, _, port = address.rpartition(":")
        while True:
            if self._is_active:
                try:
                    reader, writer = await asyncio.open_connection(host, int(port))
                except OSError:
                    pass
                else:
                    await self._converse(reader, writer, is_outbound=True)
            await asyncio.sleep(RECONNECT_S)

    async def watch(self) -> None:
        """Ask again for what does not come, and drop who is silent, until cancelled.

        Where every peer has dropped what this node lacks, say so: it needs an archive.
        """
        lacked = False
        while True:
            await asyncio.sleep(1)
            if self._gossip.lacks_pruned and not lacked:
                _log.warning("dag.peers_pruned", peers=len(self._peers))
            lacked = self._gossip.lacks_pruned
            messages, stalled = self._gossip.tick()
            self.send(messages)
            for number, reason in stalled.items():
                peer = self._peers.get(number)
                if peer is not None:
                    _log.info("dag.peer_stalled", peer=number, reason=reason)
                    peer.writer.close()

    async def _converse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_outbound: bool
    ) -> None:
        """Greet a peer and talk to it until it leaves or breaks a rule."""
        queue: asyncio.Queue[bytes] = asyncio.Queue(SEND_QUEUE_MESSAGES)
        name = writer.get_extra_info("peername")
        address = f"{name[0]}:{name[1]}" if name else ""
        peer = _Peer(next(self._numbers), writer, queue, time.monotonic(), address, is_outbound)
        reason = "connection closed"
        try:
            async with asyncio.TaskGroup() as group:
                sender = group.create_task(_drain(peer))
                try:
                    await self._listen(reader, peer)
                finally:
                    sender.cancel()
        except* (PeerBrokeRule, MalformedMessage) as errors:
            reason = str(errors.exceptions[0])
            _log.info("dag.peer_dropped", peer=peer.number, reason=reason)
        except* (OSError, asyncio.IncompleteReadError, TimeoutError):
            pass  # it went away, which is nobody's fault
        finally:
            writer.close()
            if self._peers.pop(peer.number, None) is not None:
                self.send(self._gossip.peer_removed(peer.number))
                _log.info("dag.peer_left", peer=peer.number, reason=reason)

    async def _listen(self, reader: asyncio.StreamReader, peer: _Peer) -> None:
        async with asyncio.timeout(HANDSHAKE_TIMEOUT_S):
            await self._greet(reader, peer)
        self._peers[peer.number] = peer
        self.send(self._gossip.peer_added(peer.number))
        while True:
            kind, payload = await self._read(reader)
            _count(peer, kind)
            self.send(self._gossip.receive(peer.number, kind, payload))

    async def _greet(self, reader: asyncio.StreamReader, peer: _Peer) -> None:
        hello = wire.Hello(wire.PROTOCOL_VERSION, self._chain_id, self._genesis, self._nonce)
        self._put(peer, Kind.HELLO, wire.encode_hello(hello))
        kind, payload = await self._read(reader)
        if kind is not Kind.HELLO:
            raise PeerBrokeRule("it does not greet")
        theirs = wire.decode_hello(payload)
        if theirs.nonce == self._nonce:
            raise PeerBrokeRule("connected to itself")
        if (theirs.version, theirs.chain_id) != (hello.version, hello.chain_id):
            raise PeerBrokeRule(f"it is of the chain {theirs.chain_id!r}, {theirs.version}")
        if theirs.genesis != self._genesis:
            raise PeerBrokeRule("it has another genesis")

    async def _read(self, reader: asyncio.StreamReader) -> tuple[Kind, bytes]:
        kind, size = wire.decode_frame(await reader.readexactly(wire.FRAME_BYTES), self._magic)
        return kind, await reader.readexactly(size)

    def send(self, messages: list[Out]) -> None:
        """Put messages into the queues of their peers."""
        for number, kind, payload in messages:
            peer = self._peers.get(number)
            if peer is not None:
                self._put(peer, kind, payload)

    def _put(self, peer: _Peer, kind: Kind, payload: bytes) -> None:
        peer.queued += len(payload)
        frame = wire.encode_frame(self._magic, kind, payload)
        if peer.queued > SEND_QUEUE_BYTES or peer.outgoing.full():
            # A peer that does not read is dropped; its reader task sees the closed socket.
            peer.writer.close()
        else:
            peer.outgoing.put_nowait(frame)


async def _drain(peer: _Peer) -> None:
    with suppress(OSError):
        while True:
            data = await peer.outgoing.get()
            peer.writer.write(data)
            await peer.writer.drain()
            peer.queued -= len(data) - wire.FRAME_BYTES


def _count(peer: _Peer, kind: Kind) -> None:
    """Count a message; refuse a flood."""
    now = time.monotonic()
    if now - peer.since >= 1:
        peer.since, peer.messages = now, 0
    peer.messages += _COST.get(kind, 1)
    if peer.messages > MAX_MESSAGES_PER_SECOND:
        raise PeerBrokeRule(f"over {MAX_MESSAGES_PER_SECOND} messages a second")
