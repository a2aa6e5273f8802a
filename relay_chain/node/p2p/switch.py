"""The switch: accepts, dials and drops peers, and hands their messages to the reactors."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from chainkit.primitives.errors import OperationFailed, RuleBroken
from chainkit.primitives.types import DurationNs, TimestampNs
from relay_chain.consensus.messages import PeerId
from relay_chain.node.p2p.address import PeerAddress
from relay_chain.node.p2p.errors import (
    BannedPeer,
    ConnectionLost,
    DuplicatePeer,
    IncompatiblePeer,
    PongOverdue,
    SelfConnection,
    TooManyPeers,
)
from relay_chain.node.p2p.handshake import greet
from relay_chain.node.p2p.limits import (
    BAN_NS,
    DIAL_TIMEOUT_NS,
    HANDSHAKE_TIMEOUT_NS,
    MAX_ASKED_PEERS,
    MAX_BANS,
    MAX_INBOUND_PEERS,
    MAX_PENDING_HANDSHAKES,
    RECEIVE_BYTES_PER_SECOND,
    REDIAL_FIRST_NS,
    REDIAL_LONGEST_NS,
    SEND_BYTES_PER_SECOND,
)
from relay_chain.node.p2p.node_info import NodeInfo
from relay_chain.node.p2p.node_key import NodeKey
from relay_chain.node.p2p.peer import Peer, monotonic_ns, seconds
from relay_chain.node.p2p.reactor import Reactor

_YOUNG_NS = DurationNs(5_000_000_000)
_NOT_BANNED = (
    BannedPeer,
    DuplicatePeer,
    IncompatiblePeer,
    PongOverdue,
    SelfConnection,
    TooManyPeers,
)


@dataclass(frozen=True, slots=True)
class SwitchConfig:
    """Where to listen, whom to dial, how many to admit."""

    listen_host: str = "127.0.0.1"
    listen_port: int = 0
    """0 lets the system choose; ``Switch.listen_port`` says which."""
    persistent_peers: tuple[PeerAddress, ...] = ()
    """Dialled for ever, never banned, admitted beyond the limit."""
    max_inbound_peers: int = MAX_INBOUND_PEERS
    send_rate: int = SEND_BYTES_PER_SECOND
    """Bytes a second to each peer, on average."""
    receive_rate: int = RECEIVE_BYTES_PER_SECOND
    """Bytes a second read from each peer, on average."""


class Switch:
    """The node's peers. Mutable: it owns the listening socket and every connection.

    Use: ``group.create_task(switch.run())``; it runs until cancelled. A task of its own
    that fails by a defect takes ``run`` down with it.
    """

    def __init__(
        self,
        node_key: NodeKey,
        node_info: NodeInfo,
        reactors: Sequence[Reactor],
        config: SwitchConfig,
    ) -> None:
        self._node_key = node_key
        self.node_info = node_info
        self._reactors = tuple(reactors)
        self._channels = tuple(c for reactor in reactors for c in reactor.channels)
        self._reactor_of = {c.id: reactor for reactor in reactors for c in reactor.channels}
        assert len(self._reactor_of) == len(self._channels), "two reactors share a channel"
        assert set(node_info.channels) == set(self._reactor_of)
        self._config = config
        self._persistent = {address.id for address in config.persistent_peers}
        self._peers: dict[PeerId, Peer] = {}
        self._gone = asyncio.Condition()
        self._handshakes = 0
        self._bans: dict[PeerId, TimestampNs] = {}
        self._listening = asyncio.Event()
        self._stopping = False
        self._asked: asyncio.Queue[tuple[PeerAddress, bool]] = asyncio.Queue(MAX_ASKED_PEERS)
        self.listen_port = config.listen_port
        self._log = structlog.get_logger().bind(node=node_key.id[:8])

    def peers(self) -> tuple[Peer, ...]:
        """Return the connected peers, oldest connection first."""
        return tuple(self._peers.values())

    def peer(self, peer_id: PeerId) -> Peer | None:
        """Return a connected peer."""
        return self._peers.get(peer_id)

    def broadcast(self, channel_id: int, message: bytes) -> int:
        """Queue a message for every peer that has room; return for how many."""
        return sum(peer.try_send(channel_id, message) for peer in self._peers.values())

    def disconnect(self, peer_id: PeerId, reason: Exception) -> None:
        """End a peer's connection; ``RuleBroken`` bans it for a while."""
        peer = self._peers.get(peer_id)
        if peer is not None:
            peer.disconnect(reason)

    def dial(self, address: PeerAddress, *, keep: bool) -> bool:
        """Dial a peer soon, and with ``keep`` for ever; False if too many wait for that."""
        if self._asked.full():
            return False
        if keep:
            self._persistent.add(address.id)
        self._asked.put_nowait((address, keep))
        return True

    async def wait_listening(self) -> int:
        """Return the port once the switch listens."""
        await self._listening.wait()
        return self.listen_port

    async def run(self) -> None:
        """Listen, dial and serve until cancelled.

        Raises:
            OSError: The address cannot be listened on.
        """
        async with asyncio.TaskGroup() as group:

            def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                if self._handshakes >= MAX_PENDING_HANDSHAKES:
                    writer.close()
                    return
                group.create_task(self._serve_inbound(reader, writer))

            # Cancelled while it begins to serve it would leave its socket open.
            server = await asyncio.start_server(
                accept,
                self._config.listen_host,
                self._config.listen_port,
                start_serving=False,
            )
            try:
                await server.start_serving()
                self.listen_port = server.sockets[0].getsockname()[1]
                self._listening.set()
                for reactor in self._reactors:
                    group.create_task(reactor.run(self))
                for address in self._config.persistent_peers:
                    group.create_task(self._keep_dialling(address))
                while True:
                    address, keep = await self._asked.get()
                    group.create_task(self._keep_dialling(address) if keep else self._dial(address))
            finally:
                self._stopping = True
                server.close()

    async def _keep_dialling(self, address: PeerAddress) -> None:
        back_off = REDIAL_FIRST_NS
        while True:
            if address.id in self._peers:
                await self._wait_gone(address.id)
            started = monotonic_ns()
            await self._dial(address)
            if self._stopping:
                # Python 3.11's TaskGroup loses a cancellation that comes together with the
                # failure of a child, here the connection's end: without this the task that
                # was cancelled would dial on for ever.
                return
            if monotonic_ns() - started > REDIAL_LONGEST_NS:
                back_off = REDIAL_FIRST_NS  # it was connected for a while
            # Jitter keeps two nodes that dial each other from colliding again and again.
            await asyncio.sleep(seconds(back_off) * (0.5 + random.random()))
            back_off = DurationNs(min(2 * back_off, REDIAL_LONGEST_NS))

    async def _wait_gone(self, peer_id: PeerId) -> None:
        async with self._gone:
            # No network wait of its own: each connection has its timeouts.
            await self._gone.wait_for(lambda: peer_id not in self._peers)

    async def _dial(self, address: PeerAddress) -> None:
        try:
            async with asyncio.timeout(seconds(DIAL_TIMEOUT_NS)):
                reader, writer = await asyncio.open_connection(address.host, address.port)
        except (TimeoutError, OSError) as error:
            self._log.debug("peer.dial_failed", peer=str(address), error=type(error).__name__)
            return
        await self._serve(reader, writer, expected=address.id)

    async def _serve_inbound(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await self._serve(reader, writer, expected=None)

    async def _serve(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        expected: PeerId | None,
    ) -> None:
        """Greet a connection, admit it and serve it to its end."""
        try:
            peer = await self._greet(reader, writer, expected)
            await self._admit(peer)
        except (RuleBroken, OperationFailed, OSError) as error:
            writer.close()
            self._log.info("peer.refused", error=type(error).__name__, reason=str(error))
            return
        reason: Exception = ConnectionLost("switch stopped")
        try:
            await peer.run(self._deliver, [reactor.serve_peer(peer) for reactor in self._reactors])
        except* (RuleBroken, OperationFailed, OSError) as group:
            reason = _first(group)
        finally:
            await self._remove(peer, reason)

    async def _greet(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        expected: PeerId | None,
    ) -> Peer:
        self._handshakes += 1
        try:
            async with asyncio.timeout(seconds(HANDSHAKE_TIMEOUT_NS)):
                greeted = await greet(reader, writer, self._node_key, self.node_info, expected)
        except TimeoutError as error:
            raise ConnectionLost("handshake took too long") from error
        finally:
            self._handshakes -= 1
        host, port = (writer.get_extra_info("peername") or ("?", 0))[:2]
        return Peer(
            greeted,
            reader,
            writer,
            self._channels,
            is_outbound=expected is not None,
            is_persistent=greeted.node_info.id in self._persistent,
            address=f"{host}:{port}",
            send_rate=self._config.send_rate,
            receive_rate=self._config.receive_rate,
        )

    async def _admit(self, peer: Peer) -> None:
        """Add a peer, or refuse it.

        Raises:
            BannedPeer, TooManyPeers, DuplicatePeer: Why it is refused.
        """
        if not peer.is_persistent:
            if self._is_banned(peer.id):
                raise BannedPeer(peer_id=peer.id)
            inbound = sum(not other.is_outbound for other in self._peers.values())
            if not peer.is_outbound and inbound >= self._config.max_inbound_peers:
                raise TooManyPeers(limit=self._config.max_inbound_peers)
        old = self._peers.get(peer.id)
        if old is not None:
            if not self._replaces(peer, old):
                raise DuplicatePeer(peer_id=peer.id)
            old.disconnect(DuplicatePeer(peer_id=peer.id))
            await self._wait_gone(peer.id)
            if peer.id in self._peers:
                raise DuplicatePeer(peer_id=peer.id)
        self._peers[peer.id] = peer
        for reactor in self._reactors:
            reactor.peer_added(peer)
        self._log.info("peer.connected", peer=peer.id, address=peer.address)

    def _replaces(self, new: Peer, old: Peer) -> bool:
        """Return whether of two connections made at once the new one stays.

        Two nodes that dial each other at the same moment must drop the same connection:
        the one dialled by the lesser id stays. A connection that is not young never goes.
        """
        young = monotonic_ns() - old.connected_at < _YOUNG_NS
        we_dial = self._node_key.id < new.id
        return young and new.is_outbound != old.is_outbound and new.is_outbound == we_dial

    async def _remove(self, peer: Peer, reason: Exception) -> None:
        if self._peers.get(peer.id) is peer:
            del self._peers[peer.id]
        if isinstance(reason, RuleBroken) and not isinstance(reason, _NOT_BANNED):
            self._ban(peer.id)
        for reactor in self._reactors:
            reactor.peer_removed(peer, reason)
        level = self._log.warning if isinstance(reason, RuleBroken) else self._log.info
        level("peer.disconnected", peer=peer.id, error=type(reason).__name__, reason=str(reason))
        async with self._gone:
            self._gone.notify_all()

    async def _deliver(self, channel_id: int, peer: Peer, message: bytes) -> None:
        await self._reactor_of[channel_id].receive(channel_id, peer, message)

    def _ban(self, peer_id: PeerId) -> None:
        self._bans.pop(peer_id, None)
        if len(self._bans) >= MAX_BANS:
            del self._bans[next(iter(self._bans))]
        self._bans[peer_id] = TimestampNs(monotonic_ns() + BAN_NS)

    def _is_banned(self, peer_id: PeerId) -> bool:
        return monotonic_ns() < self._bans.get(peer_id, 0)


def _first(group: BaseExceptionGroup[Exception]) -> Exception:
    """Return the first plain exception in nested groups: what ended the connection."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, Exception)
    return error
