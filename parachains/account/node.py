"""An account node's process: peers over TCP, the consensus' clock, and the RPC of its host.

The only place of this package with a clock, sockets and chance; everything that decides is in
the pure modules below it.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog

from chainkit.commitments.database import KeyValueDatabase
from chainkit.formats.ethereum.types import Transaction
from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.timestamps import NS_PER_SECOND
from chainkit.primitives.types import (
    Address,
    BlockHeight,
    ChainId,
    Denom,
    DurationNs,
    Hash32,
    TimestampNs,
)
from ibc.ics02_client.port import LightClient
from ibc.ics26_routing.port import ApplicationFactory
from parachains.account import wire
from parachains.account.chain import Chain, StoredBlock
from parachains.account.consensus.messages import Message, PeerId
from parachains.account.engine import Engine, EngineSettings
from parachains.account.gossip import Gossip, Out, PeerBrokeRule
from parachains.account.ledger import ChainIdentity, Ledger
from parachains.account.mempool import Mempool, PoolRules
from parachains.account.rpc import Eth, answer
from parachains.account.rpc_votes import ValidatorVotes
from parachains.account.settings import AccountSettings
from parachains.account.subscriptions import NO_SUBSCRIPTIONS, Subscriptions
from parachains.account.world import AccountState, World

_log = structlog.get_logger()
HANDSHAKE_TIMEOUT_S = 10
HEARTBEAT_S = 15
"""A peer is told of the head so often, new or not: it hears that this node is there."""

MAX_SILENCE_S = 60
"""A peer that says nothing for so long, or leaves a message half said, is gone."""

RECONNECT_S = 0.5
SEND_QUEUE_MESSAGES = 4_000
MAX_PEERS = 64
MAX_STRANGERS = 32
"""Connections that came in and have not greeted."""

MAX_QUEUED_BYTES = 33_554_432
"""What waits for a peer to read it: two of the largest messages."""

MAX_MESSAGES_PER_SECOND = 4_000
COST_OF_BLOCKS = 40
"""As how many messages a request for blocks counts: 100 a second of a peer, 32 blocks each."""

COST_OF_REFUSED = 4
"""As how many messages a transaction counts that the pool refuses: 1,000 a second of a peer."""

CLIENT_VERSION = "isthmus/0.1/account"
_NS_PER_MS = 1_000_000

Announce = Callable[[BlockHeight, int], None]
Notify = Callable[[Mapping[str, object]], None]


class RpcSession(Protocol):
    """One client's connection: requests in, answers out, and notifications by ``notify``."""

    def answer(self, request: object) -> Mapping[str, object]:
        """Return the answer to one decoded request."""
        ...

    def close(self) -> None:
        """Forget what the client has subscribed to."""
        ...


class NodeHost(Protocol):
    """What the process around a node gives it."""

    def database(self, path: Path) -> KeyValueDatabase:
        """Return the database in a file; it is closed when the process ends."""
        ...

    def serve_sessions(
        self, open_session: Callable[[Notify | None], RpcSession], host: str, port: int
    ) -> Awaitable[None]:
        """Answer JSON-RPC over HTTP and WebSocket until cancelled.

        ``open_session`` is called for each connection; HTTP has no ``notify``.
        """
        ...

    def announcer(self, url: str, chain_id: ChainId) -> Announce:
        """Return what tells a broker of a chain's blocks; an empty URL tells nobody."""
        ...


@dataclass(slots=True)
class _Peer:
    """A connection; mutable."""

    number: int
    writer: asyncio.StreamWriter
    outgoing: asyncio.Queue[bytes]
    since: float
    messages: int = 0
    queued_bytes: int = 0


class Session:
    """One RPC client's connection; mutable, it has the client's subscriptions."""

    def __init__(self, node: "AccountNode", notify: Notify | None) -> None:
        self._node = node
        self._notify = notify
        self._subscriptions: Subscriptions = NO_SUBSCRIPTIONS
        self._methods = dict(node.methods)
        if notify is not None:
            self._methods["eth_subscribe"] = self._subscribe
            self._methods["eth_unsubscribe"] = self._unsubscribe

    def answer(self, request: object) -> Mapping[str, object]:
        """Return the answer to one decoded request."""
        return answer(self._methods, request)

    def close(self) -> None:
        """Forget what the client has subscribed to."""
        self._node.sessions.discard(self)

    def _subscribe(self, kind: object, options: object = None) -> str:
        self._subscriptions, identity = self._subscriptions.subscribe(kind, options)
        self._node.sessions.add(self)
        return identity

    def _unsubscribe(self, identity: object) -> bool:
        self._subscriptions, was_there = self._subscriptions.unsubscribe(identity)
        return was_there

    def on_block(self, chain: Chain, stored: StoredBlock) -> None:
        """Tell the client of a block."""
        assert self._notify is not None
        for message in self._subscriptions.on_block(chain, stored):
            self._notify(message)

    def on_transaction(self, transaction_hash: Hash32) -> None:
        """Tell the client of a transaction that waits."""
        assert self._notify is not None
        for message in self._subscriptions.on_transaction(transaction_hash):
            self._notify(message)


class AccountNode:
    """One node; mutable, it owns the sockets and the chain."""

    def __init__(
        self,
        home: Path,
        settings: AccountSettings,
        host: NodeHost,
        light_clients: Sequence[LightClient],
        applications: Sequence[ApplicationFactory],
    ) -> None:
        self._settings = settings
        self._host = host
        self._nonce = random.SystemRandom().getrandbits(64)
        self._peers: dict[int, _Peer] = {}
        self._strangers = 0
        self._numbers = iter(range(1, 1 << 62))
        self._announce = host.announcer(settings.mqtt_url, ChainId(settings.chain_id))
        self.sessions: set[Session] = set()
        identity = ChainIdentity(
            ChainId(settings.chain_id),
            settings.evm_chain_id,
            Denom(settings.denom),
            settings.address_prefix,
        )
        database = host.database(home / "chain.db")
        ledger = Ledger(
            database,
            identity,
            light_clients=light_clients,
            applications=applications,
            keep_states=settings.keep_states,
        )
        self.chain = Chain(database, ledger, settings.genesis())
        self._world, self._world_height = World(ledger.state.overlay()), ledger.state.height
        self._failure: asyncio.Future[None] | None = None
        rules = PoolRules(settings.evm_chain_id, self.chain.head.header.gas_limit)
        self.pool = Mempool(rules, self._account)
        engine_settings = EngineSettings(
            bytes.fromhex(settings.validator_key),
            settings.period_s,
            DurationNs(settings.request_timeout_ms * _NS_PER_MS),
        )
        self.engine = Engine(
            self.chain, self.pool, host.database(home / "consensus.db"), engine_settings, self
        )
        self.gossip = Gossip(self.chain, self.pool, self.engine, self._heard)
        eth = Eth(self.chain, self.pool, self)
        votes = ValidatorVotes(eth, self.engine.wishes)
        self.methods = {**eth.methods(), **votes.methods(may_vote=settings.votes_over_rpc)}

    def _account(self, address: Address) -> AccountState:
        """Return an account as of the newest block."""
        state = self.chain.ledger.state
        if self._world_height != state.height:
            self._world, self._world_height = World(state.overlay()), state.height
        return self._world.account(address)

    async def run(self) -> None:
        """Take part until cancelled."""
        settings = self._settings
        server = await asyncio.start_server(self._accept, settings.listen_host, settings.p2p_port)
        async with server, asyncio.TaskGroup() as group:
            group.create_task(server.serve_forever())
            group.create_task(self._serve())
            group.create_task(self._tell_heads())
            for address in settings.peers:
                group.create_task(self._keep_dialing(address))
            _log.info(
                "account.started",
                height=self.chain.head.header.number,
                chain_id=settings.chain_id,
                validator=self.engine.address.hex(),
            )
            self._failure = asyncio.get_running_loop().create_future()
            self.engine.start()
            await self._failure

    async def _serve(self) -> None:
        await self._host.serve_sessions(
            lambda notify: Session(self, notify),
            self._settings.listen_host,
            self._settings.rpc_port,
        )

    # --- what the engine and the RPC have of the node -------------------------------------

    @property
    def client_version(self) -> str:
        """Name and version of the program."""
        return CLIENT_VERSION

    def peer_count(self) -> int:
        """How many peers are connected."""
        return len(self._peers)

    def highest_known(self) -> int:
        """The highest block that any peer told of."""
        return self.gossip.highest_known()

    def submit(self, transaction: Transaction) -> Hash32:
        """Put a transaction into the pool and tell peers."""
        found = self.pool.add(transaction)
        self._heard(found)
        self._send(self.gossip.announce_transaction(transaction))
        return found

    def now_ns(self) -> TimestampNs:
        """Return the wall clock's time."""
        return TimestampNs(time.time_ns())

    def later(self, delay_ns: DurationNs, run: Callable[[], None]) -> None:
        """Call ``run`` once after a delay."""
        asyncio.get_running_loop().call_later(delay_ns / NS_PER_SECOND, self._guarded, run)

    def _guarded(self, run: Callable[[], None]) -> None:
        """Run what a timer calls; what it raises ends the node, as it would in a task."""
        try:
            run()
        except Exception as error:  # noqa: BLE001 - a timer has nobody above it
            if self._failure is not None and not self._failure.done():
                self._failure.set_exception(error)

    def broadcast(self, message: Message) -> None:
        """Send a message to every peer."""
        self._send(self.gossip.broadcast(message))

    def stored(self, block: StoredBlock) -> None:
        """Tell everyone of a block that was stored."""
        header = block.header
        _log.info(
            "account.block_stored",
            height=header.number,
            hash=block.hash.hex(),
            transactions=len(block.block.transactions),
            gas_used=header.gas_used,
            proposer=header.beneficiary.hex(),
        )
        self._announce(BlockHeight(header.number), len(block.block.transactions))
        self._send(self.gossip.announce_block(block))
        for session in list(self.sessions):
            session.on_block(self.chain, block)

    def invalid(self, peer: PeerId, error: RuleBroken) -> None:
        """Drop a peer that sent what no correct node sends."""
        _log.warning("account.peer_invalid", peer=peer, reason=str(error))
        found = self._peers.get(int(peer)) if peer else None
        if found is not None:
            found.writer.close()

    def _heard(self, transaction_hash: Hash32) -> None:
        for session in list(self.sessions):
            session.on_transaction(transaction_hash)

    # --- peers --------------------------------------------------------------------------

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._peers) >= MAX_PEERS or self._strangers >= MAX_STRANGERS:
            writer.close()
            return
        # Nobody awaits this task, and only the end of the process cancels it.
        with suppress(asyncio.CancelledError):
            await self._converse(reader, writer)

    async def _tell_heads(self) -> None:
        """Let every peer know from time to time that this node is there."""
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            self._send(self.gossip.announce_block(self.chain.head))

    async def _keep_dialing(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        while True:
            try:
                reader, writer = await asyncio.open_connection(host, int(port))
            except OSError:
                await asyncio.sleep(RECONNECT_S)
                continue
            await self._converse(reader, writer)
            await asyncio.sleep(RECONNECT_S)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Greet a peer and talk to it until it leaves or breaks a rule."""
        queue: asyncio.Queue[bytes] = asyncio.Queue(SEND_QUEUE_MESSAGES)
        peer = _Peer(next(self._numbers), writer, queue, time.monotonic())
        reason = "connection closed"
        try:
            async with asyncio.TaskGroup() as group:
                sender = group.create_task(_drain(peer))
                try:
                    await self._listen(reader, peer)
                finally:
                    sender.cancel()
        except* RuleBroken as errors:
            reason = str(errors.exceptions[0])
        except* (OSError, asyncio.IncompleteReadError, TimeoutError):
            pass  # it went away, which is nobody's fault
        finally:
            writer.close()
            self.gossip.peer_removed(peer.number)
            if self._peers.pop(peer.number, None) is not None:
                _log.info("account.peer_left", peer=peer.number, reason=reason)

    async def _listen(self, reader: asyncio.StreamReader, peer: _Peer) -> None:
        self._put(peer, wire.STATUS, wire.encode_status(self.gossip.status(self._nonce)))
        self._strangers += 1
        try:
            async with asyncio.timeout(HANDSHAKE_TIMEOUT_S):
                code, payload = await _read(reader, wire.MAX_STATUS_BYTES)
        finally:
            self._strangers -= 1
        if code != wire.STATUS:
            raise PeerBrokeRule("peer did not greet")
        status = wire.decode_status(payload)
        if status.nonce == self._nonce:
            raise PeerBrokeRule("connected to itself")
        told = self.gossip.peer_added(peer.number, status)
        self._peers[peer.number] = peer
        self._send(told)
        while True:
            async with asyncio.timeout(MAX_SILENCE_S):
                code, payload = await _read(reader, wire.MAX_PAYLOAD_BYTES)
            _count(peer, COST_OF_BLOCKS if code == wire.GET_BLOCKS else 1)
            self._send(self.gossip.receive(peer.number, code, payload))
            _count(peer, COST_OF_REFUSED * self.gossip.take_refused(peer.number))

    def _send(self, messages: list[Out]) -> None:
        for number, code, payload in messages:
            peer = self._peers.get(number)
            if peer is not None:
                self._put(peer, code, payload)

    def _put(self, peer: _Peer, code: int, payload: bytes) -> None:
        frame = wire.encode_frame(code, payload)
        if peer.outgoing.full() or peer.queued_bytes + len(frame) > MAX_QUEUED_BYTES:
            # A peer that does not read is dropped; its reader task sees the closed socket.
            peer.writer.transport.abort()
            return
        peer.queued_bytes += len(frame)
        peer.outgoing.put_nowait(frame)


async def _read(reader: asyncio.StreamReader, most: int) -> tuple[int, bytes]:
    code, size = wire.decode_frame(await reader.readexactly(wire.FRAME_BYTES), most)
    return code, await reader.readexactly(size)


async def _drain(peer: _Peer) -> None:
    with suppress(OSError):
        while True:
            frame = await peer.outgoing.get()
            peer.writer.write(frame)
            await peer.writer.drain()
            peer.queued_bytes -= len(frame)


def _count(peer: _Peer, cost: int) -> None:
    """Count a message; refuse a flood."""
    now = time.monotonic()
    if now - peer.since >= 1:
        peer.since, peer.messages = now, 0
    peer.messages += cost
    if peer.messages > MAX_MESSAGES_PER_SECOND:
        raise PeerBrokeRule(f"over {MAX_MESSAGES_PER_SECOND} messages a second")
