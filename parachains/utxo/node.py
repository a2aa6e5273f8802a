"""A UTXO node's process: peers over TCP, a miner, and the methods that its host serves.

The only place of this package with a clock, sockets and chance; everything that decides is
in the pure modules below it.
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog

from chainkit.commitments.database import KeyValueDatabase
from chainkit.formats.bitcoin.blocks import Block
from chainkit.formats.bitcoin.encoding import display_hash
from chainkit.formats.bitcoin.errors import BitcoinRuleBroken, MalformedBitcoin
from chainkit.formats.bitcoin.proof_of_work import target_of
from chainkit.formats.bitcoin.transactions import Transaction, TxOutput
from chainkit.primitives.types import Address, BlockHeight, ChainId, Denom
from ibc.ics02_client.port import LightClient
from ibc.ics26_routing.port import ApplicationFactory
from parachains.utxo import wire
from parachains.utxo.chain import Chain, ChainChange, open_chain
from parachains.utxo.gossip import Gossip, Out, PeerBrokeRule
from parachains.utxo.ledger import output_script_of
from parachains.utxo.mempool import Mempool
from parachains.utxo.mining import build_template, search
from parachains.utxo.parameters import UtxoParameters
from parachains.utxo.service import Method, Service
from parachains.utxo.service_blocks import BlockService
from parachains.utxo.service_forms import INVALID_PARAMETER, RpcError, integer_of
from parachains.utxo.settings import UtxoSettings
from parachains.utxo.state_machine import StateMachine
from parachains.utxo.wallet import Key, Spendable, build_transaction

_log = structlog.get_logger()
HANDSHAKE_TIMEOUT_S = 10
RECONNECT_S = 1.0
SEND_QUEUE_MESSAGES = 1_000
MAX_PEERS = 32
"""Connections that others open; those that the node opens are its settings'."""

MAX_MESSAGES_PER_SECOND = 2_000
NONCES_A_STEP = 16_000
"""Nonces tried between two looks at the sockets: two milliseconds, in Python alone twenty."""

BOOTSTRAP_BLOCKS = 101
"""So many that the first coinbase can be spent: it pays the funded accounts."""

USER_AGENT = "/isthmus:0.1/"
ANY_HEIGHT = 2**31 - 1
MAX_SHARE = 1_000_000_000
"""Of a miner that is told to hurry: a thousand times the chain's spacing."""


Announce = Callable[[BlockHeight, int], None]
"""Tells whoever listens of a new tip: its height and how many transactions it has."""


class NodeHost(Protocol):
    """What the process around a node gives it."""

    def database(self, path: Path) -> KeyValueDatabase:
        """Return the database in a file; it is closed when the process ends."""
        ...

    async def serve(
        self, methods: Mapping[str, tuple[Method, tuple[str, ...]]], host: str, port: int
    ) -> None:
        """Answer JSON-RPC until cancelled."""
        ...

    def announcer(self, url: str, chain_id: ChainId) -> Announce:
        """Return what tells a broker of a chain's blocks; an empty URL tells nobody.

        Raises:
            RuleBroken: The URL is none of a broker.
        """
        ...


@dataclass(slots=True)
class _Peer:
    """A connection; mutable."""

    number: int
    writer: asyncio.StreamWriter
    outgoing: asyncio.Queue[bytes]
    since: float
    messages: int = 0


@dataclass(slots=True)
class _Work:
    """What mining took since the node started, its bootstrap left out; mutable."""

    templates: int = 0
    nonces: int = 0
    cpu_ns: int = 0
    """Of the processor, for templates and the search."""

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Count the processor's time of what is done within, which must not wait."""
        began = time.thread_time_ns()
        yield
        self.cpu_ns += time.thread_time_ns() - began


class UtxoNode:
    """One node; mutable, it owns the sockets and the chain."""

    def __init__(
        self,
        home: Path,
        settings: UtxoSettings,
        parameters: UtxoParameters,
        host: NodeHost,
        light_clients: Sequence[LightClient],
        applications: Sequence[ApplicationFactory],
    ) -> None:
        self._settings = settings
        self._parameters = parameters
        self._host = host
        self._key = Key(bytes.fromhex(settings.miner_key))
        self._nonce = random.SystemRandom().getrandbits(64)
        self._peers: dict[int, _Peer] = {}
        self._numbers = iter(range(1, 1 << 62))
        self._inbound = 0
        self._new_tip = asyncio.Event()
        self._work = _Work()
        self._mine_until = ANY_HEIGHT
        self._share = settings.mining_share_millionths
        self._announce = host.announcer(settings.mqtt_url, ChainId(settings.chain_id))

        def machine(database: KeyValueDatabase) -> StateMachine:
            return StateMachine(
                database,
                chain_id=ChainId(settings.chain_id),
                native=Denom(settings.denom),
                address_prefix=settings.address_prefix,
                light_clients=light_clients,
                applications=applications,
            )

        self.chain: Chain = open_chain(host.database(home / "chain.db"), machine, parameters)
        self.mempool = Mempool(self.chain)
        self.gossip = Gossip(self.chain, self.mempool, _now, self._changed)

    async def run(self) -> None:
        """Take part until cancelled."""
        if self._settings.bootstrap and self.chain.tip.height < BOOTSTRAP_BLOCKS + 1:
            await self._bootstrap()
        service = Service(self.chain, self.mempool, self._submitted)
        methods = {**service.methods(), **self._own_methods()}
        server = await asyncio.start_server(
            self._accept, self._settings.listen_host, self._settings.p2p_port
        )
        async with server, asyncio.TaskGroup() as group:
            group.create_task(server.serve_forever())
            group.create_task(
                self._host.serve(methods, self._settings.listen_host, self._settings.rpc_port)
            )
            for address in self._settings.peers:
                group.create_task(self._keep_dialing(address))
            if self._settings.mining_share_millionths:
                group.create_task(self._mine())
            _log.info(
                "utxo.started", height=self.chain.tip.height, chain_id=self._settings.chain_id
            )

    def _own_methods(self) -> Mapping[str, tuple[Method, tuple[str, ...]]]:
        def status() -> object:
            return {
                "sync_info": {
                    "latest_block_height": str(self.chain.tip.height),
                    "catching_up": self.chain.heaviest_header() is not self.chain.tip,
                }
            }

        def net_info() -> object:
            return {"n_peers": str(len(self._peers))}

        def getpeerinfo() -> object:
            return [{"id": peer.number} for peer in self._peers.values()]

        def getmininginfo() -> object:
            tip = self.chain.tip
            return {
                "blocks": tip.height,
                "bits": f"{tip.header.bits:08x}",
                "target": f"{target_of(tip.header.bits):064x}",
                "pooledtx": len(self.mempool.entries()),
                "chain": self._parameters.name,
                "templates": self._work.templates,
                "nonces": self._work.nonces,
                "cpu_us": self._work.cpu_ns // 1_000,
            }

        steering: Mapping[str, tuple[Method, tuple[str, ...]]] = {
            "setgenerate": (self._setgenerate, ("generate", "until", "share_millionths")),
        }
        blocks = BlockService(
            self.chain, self.mempool, self._take_block, _now, self._key.address[:8]
        )
        return {
            **(
                {**steering, **blocks.operator_methods()} if self._settings.operator_methods else {}
            ),
            **blocks.methods(),
            "getmininginfo": (getmininginfo, ()),
            "status": (status, ()),
            "net_info": (net_info, ()),
            "getpeerinfo": (getpeerinfo, ()),
        }

    def _setgenerate(
        self, generate: object, until: object = ANY_HEIGHT, share_millionths: object = 0
    ) -> object:
        """Let the miner go on up to a height, with a part of the blocks; or pause it.

        Without ``share_millionths`` its part is that of its settings.
        """
        if not isinstance(generate, bool):
            raise RpcError(INVALID_PARAMETER, "generate is true or false")
        height = integer_of(until, 0, ANY_HEIGHT, "until")
        share = integer_of(share_millionths, 0, MAX_SHARE, "share_millionths")
        self._mine_until = height if generate else 0
        self._share = share or self._settings.mining_share_millionths
        self._new_tip.set()  # a search under way begins anew
        _log.info("utxo.mining_set", until=self._mine_until, share_millionths=self._share)
        return {"generate": generate, "until": self._mine_until, "share_millionths": self._share}

    def _changed(self, change: ChainChange) -> None:
        self._new_tip.set()
        tip = self.chain.tip
        _log.info(
            "utxo.tip",
            height=tip.height,
            hash=display_hash(tip.header.hash),
            disconnected=len(change.disconnected),
            carriers=sum(len(item.results) for item in change.connected),
        )
        for joined in change.connected[-1:]:
            self._announce(BlockHeight(tip.height), len(joined.block.transactions))

    def _take_block(self, block: Block) -> None:
        """Take a block as one of our own: peers are told of it."""
        self._send(self.gossip.submit_block(block))

    def _submitted(self, tx: Transaction) -> None:
        self._send(self.gossip.announce_transaction(tx))

    # --- mining -------------------------------------------------------------------------

    async def _bootstrap(self) -> None:
        """Mine the first blocks with times of the past, then pay the accounts of genesis."""
        spacing = self._parameters.rules.target_spacing
        first = _now() - spacing * (BOOTSTRAP_BLOCKS + 2)
        while self.chain.tip.height < BOOTSTRAP_BLOCKS:
            await self._mine_block((), first + spacing * self.chain.tip.height)
        coins = [
            Spendable(point, coin.output)
            for point, coin in self.chain.coins_of(self._key.script)
            if coin.height == 1
        ]
        outputs = [
            TxOutput(amount, output_script_of(Address(bytes.fromhex(address))))
            for address, amount in self._settings.funded
        ]
        if outputs:
            tx = build_transaction(self._key, coins, outputs, fee_rate=1)
            await self._mine_block((tx,), first + spacing * self.chain.tip.height)
        _log.info("utxo.bootstrapped", height=self.chain.tip.height, accounts=len(outputs))

    async def _mine_block(self, transactions: tuple[Transaction, ...], seconds: int) -> None:
        template = build_template(
            self.chain, transactions, payout_script=self._key.script, time=seconds
        )
        assert not template.refused, "our own transaction fits our own chain"
        start = 0
        while True:
            found = search(template.block, start, NONCES_A_STEP)
            if found is not None:
                self.gossip.submit_block(found)
                return
            start += NONCES_A_STEP
            await asyncio.sleep(0)

    async def _mine(self) -> None:
        """Wait on an exponential clock, then search: spacing without burning a core."""
        chance = random.SystemRandom()
        mean = self._parameters.rules.target_spacing * 1_000_000
        while True:
            wait = chance.expovariate(self._share / mean)
            await asyncio.sleep(wait)
            if self.chain.tip.height <= BOOTSTRAP_BLOCKS:
                continue  # the chain's first blocks come from one node; a second start is a fork
            if self.chain.tip.height >= self._mine_until:
                continue
            self._new_tip.clear()
            with self._work.measured():
                template = build_template(
                    self.chain,
                    self.mempool.in_block_order(),
                    payout_script=self._key.script,
                    time=_now(),
                    extra=self._key.address[:8],
                )
            self._work.templates += 1
            self.mempool.drop(template.refused)
            await self._search(template.block)

    async def _search(self, block: Block) -> None:
        """Look for proof of work until it is found or another block is the tip."""
        start = 0
        while not self._new_tip.is_set():
            with self._work.measured():
                found = search(block, start, NONCES_A_STEP)
            self._work.nonces += NONCES_A_STEP if found is None else found.header.nonce - start + 1
            start += NONCES_A_STEP
            if found is not None:
                with suppress(BitcoinRuleBroken):
                    self._send(self.gossip.submit_block(found))
                return
            await asyncio.sleep(0)

    # --- peers --------------------------------------------------------------------------

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Counted from the first byte: one that never greets takes a place, too.
        if self._inbound >= MAX_PEERS:
            writer.close()
            return
        self._inbound += 1
        try:
            # Nobody awaits this task, and only the end of the process cancels it.
            with suppress(asyncio.CancelledError):
                await self._converse(reader, writer)
        finally:
            self._inbound -= 1

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
        except* (PeerBrokeRule, MalformedBitcoin) as errors:
            reason = str(errors.exceptions[0])
        except* (OSError, asyncio.IncompleteReadError, TimeoutError):
            pass  # it went away, which is nobody's fault
        finally:
            writer.close()
            if self._peers.pop(peer.number, None) is not None:
                self._send(self.gossip.peer_removed(peer.number))
                _log.info("utxo.peer_left", peer=peer.number, reason=reason)

    async def _listen(self, reader: asyncio.StreamReader, peer: _Peer) -> None:
        async with asyncio.timeout(HANDSHAKE_TIMEOUT_S):
            await self._greet(reader, peer)
        self._peers[peer.number] = peer
        self._send(self.gossip.peer_added(peer.number))
        while True:
            frame, payload = await self._read(reader)
            _count(peer)
            self._send(self.gossip.receive(peer.number, frame.command, payload))

    async def _greet(self, reader: asyncio.StreamReader, peer: _Peer) -> None:
        version = wire.Version(
            protocol=wire.PROTOCOL_VERSION,
            services=wire.SERVICES,
            time=_now(),
            nonce=self._nonce,
            user_agent=USER_AGENT,
            start_height=self.chain.tip.height,
        )
        self._put(peer, "version", wire.encode_version(version))
        seen = acknowledged = False
        while not (seen and acknowledged):
            frame, payload = await self._read(reader)
            if frame.command == "version":
                if wire.decode_version(payload).nonce == self._nonce:
                    raise PeerBrokeRule("connected to itself")
                seen = True
                self._put(peer, "verack", b"")
            elif frame.command == "verack":
                acknowledged = True

    async def _read(self, reader: asyncio.StreamReader) -> tuple[wire.Frame, bytes]:
        frame = wire.decode_frame(await reader.readexactly(wire.HEADER_BYTES))
        if frame.magic != self._parameters.magic:
            raise PeerBrokeRule("message of another network")
        payload = await reader.readexactly(frame.size)
        wire.check_payload(frame, payload)
        return frame, payload

    def _send(self, messages: list[Out]) -> None:
        for number, command, payload in messages:
            peer = self._peers.get(number)
            if peer is not None:
                self._put(peer, command, payload)

    def _put(self, peer: _Peer, command: str, payload: bytes) -> None:
        try:
            peer.outgoing.put_nowait(wire.encode_message(self._parameters.magic, command, payload))
        except asyncio.QueueFull:
            # A peer that does not read is dropped; its reader task sees the closed socket.
            peer.writer.close()


async def _drain(peer: _Peer) -> None:
    with suppress(OSError):
        while True:
            peer.writer.write(await peer.outgoing.get())
            await peer.writer.drain()


def _count(peer: _Peer) -> None:
    """Count a message; refuse a flood."""
    now = time.monotonic()
    if now - peer.since >= 1:
        peer.since, peer.messages = now, 0
    peer.messages += 1
    if peer.messages > MAX_MESSAGES_PER_SECOND:
        raise PeerBrokeRule(f"over {MAX_MESSAGES_PER_SECOND} messages a second")


def _now() -> int:
    return int(time.time())
