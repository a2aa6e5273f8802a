"""A DAG node's process: peers over TCP, a miner, and the methods that its host serves.

With ``connections.py`` the only place of this package with a clock, sockets and chance;
everything that decides is in the pure modules below it.
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog

from chainkit.commitments.database import KeyValueDatabase
from chainkit.formats.ghostdag.proof_of_work import target_of
from chainkit.primitives.errors import OperationFailed, RuleBroken
from chainkit.primitives.types import BlockHeight, ChainId
from chainkit.sigverify.ed25519 import ed25519_address, public_key_from_seed
from ibc.ics02_client.port import LightClient
from ibc.ics26_routing.port import ApplicationFactory
from parachains.dag import wire
from parachains.dag.blocks import Block
from parachains.dag.chain import ChainChange, DagChain
from parachains.dag.connections import Connections
from parachains.dag.gossip import Gossip
from parachains.dag.limits import MAX_UNDO_BLOCKS
from parachains.dag.mempool import Mempool
from parachains.dag.mining import search
from parachains.dag.service import Method, Service
from parachains.dag.service_forms import (
    MAX_SCORE,
    REFUSED,
    Json,
    RpcError,
    boolean_of,
    bytes_of,
    integer_of,
    list_of,
    transaction_of,
)
from parachains.dag.settings import DagSettings, chain_parameters
from parachains.dag.state_machine import StateMachine
from parachains.dag.transactions import Transaction
from parachains.sdk.undo import UndoDatabase

_log = structlog.get_logger()
SERVER_VERSION = "isthmus/0.1"
NONCES_A_STEP = 2_000
"""Nonces tried between two looks at the sockets: some milliseconds."""

ALONE_S = 5.0
"""How long a node that has peers to dial waits for one before it mines."""

RECENT_BLOCKS = 30
"""A tip is young that is no older than so many mean times between blocks."""

SEED_BYTES = 32
MAX_SHARE = 1_000_000_000
"""Of a miner that is told to hurry: a thousand times the chain's rate."""

MAX_TRANSACTIONS_GIVEN = 1_000
Announce = Callable[[BlockHeight, int], None]
"""Tells whoever listens of a new tip: its height and how many transactions it accepted."""


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


class NoKey(OperationFailed):
    """The settings' miner key is none."""


@dataclass(slots=True)
class _Work:
    """What mining took since the node started; mutable."""

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


class DagNode:
    """One node; mutable, it owns the chain and the connections."""

    def __init__(
        self,
        home: Path,
        settings: DagSettings,
        host: NodeHost,
        light_clients: Sequence[LightClient],
        applications: Sequence[ApplicationFactory],
    ) -> None:
        parameters = chain_parameters(settings)
        seed = _seed(settings.miner_key)
        self._settings = settings
        self._host = host
        self._miner = ed25519_address(public_key_from_seed(seed))
        self._work = _Work()
        self._mine_until = MAX_SCORE
        self._share = settings.mining_share_millionths
        self._started = time.monotonic()
        self._announce = host.announcer(settings.mqtt_url, parameters.chain_id)
        database = UndoDatabase(host.database(home / "chain.db"), MAX_UNDO_BLOCKS)
        machine = StateMachine(
            database, parameters, light_clients=light_clients, applications=applications
        )
        self.chain = DagChain(database, machine, archive=settings.archive)
        self.mempool = Mempool(self.chain, salt=self._miner, minimum_fee=settings.minimum_fee)
        self.gossip = Gossip(self.chain, self.mempool, _now_ms, self._changed)
        self.connections = Connections(self.gossip, parameters.chain_id, self.chain.dag.genesis)

    async def run(self) -> None:
        """Take part until cancelled."""
        settings = self._settings
        service = Service(self.chain, self.mempool, self._submitted, settings.finality_depth)
        methods = {**service.methods(), **self._own_methods()}
        server = await asyncio.start_server(
            self.connections.accept, settings.listen_host, settings.p2p_port
        )
        async with server, asyncio.TaskGroup() as group:
            group.create_task(server.serve_forever())
            group.create_task(self._host.serve(methods, settings.listen_host, settings.rpc_port))
            group.create_task(self.connections.watch())
            for address in settings.peers:
                group.create_task(self.connections.keep_dialing(address))
            if settings.mining_share_millionths:
                group.create_task(self._mine())
            _log.info(
                "dag.started",
                height=self.chain.tip.order.blue_score,
                blocks=self.chain.store.count,
                chain_id=settings.chain_id,
            )

    def _own_methods(self) -> Mapping[str, tuple[Method, tuple[str, ...]]]:
        steering: Mapping[str, tuple[Method, tuple[str, ...]]] = {
            "setGenerate": (self._set_generate, ("generate", "until", "share_millionths")),
            "generateBlock": (self._generate_block, ("transactions", "broadcast")),
            "setNetworkActive": (self._set_network_active, ("active",)),
        }
        return {
            **(steering if self._settings.operator_methods else {}),
            "submitBlock": (self._submit_block, ("block",)),
            "getInfo": (self._get_info, ()),
            "getMiningInfo": (self._get_mining_info, ()),
            "getConnectedPeerInfo": (lambda: {"peerInfo": self.connections.told()}, ()),
            "status": (self._status, ()),
            "net_info": (lambda: {"n_peers": str(len(self.connections))}, ()),
        }

    # --- what is answered ---------------------------------------------------------------

    def _status(self) -> Json:
        """Return what every kind of node says of itself."""
        return {
            "sync_info": {
                "latest_block_height": str(self.chain.tip.order.blue_score),
                "catching_up": not self.gossip.is_synced or self.gossip.lacks_pruned,
                "peers_are_pruned": self.gossip.lacks_pruned,
            }
        }

    def _get_info(self) -> Json:
        wanted, orphans, orphan_bytes = self.gossip.held
        return {
            "serverVersion": SERVER_VERSION,
            "mempoolSize": len(self.mempool),
            "isSynced": self.gossip.is_synced and not self.gossip.lacks_pruned,
            "p2pId": f"{self.connections.nonce:016x}",
            "wantedBlocks": wanted,
            "orphans": orphans,
            "orphanBytes": orphan_bytes,
        }

    def _get_mining_info(self) -> Json:
        bits = self.chain.tip.header.bits
        return {
            "bits": f"{bits:08x}",
            "target": f"{target_of(bits):064x}",
            "templates": self._work.templates,
            "nonces": self._work.nonces,
            "cpu_us": self._work.cpu_ns // 1_000,
        }

    def _submit_block(self, block: object) -> Json:
        """Take a block as one of our own: peers are told of it."""
        try:
            found = wire.decode_block(bytes_of(block))
            self.connections.send(self.gossip.submit_block(found))
        except RuleBroken as error:
            raise RpcError(REFUSED, f"{error} ({error.codespace}/{error.code})") from error
        return {"hash": found.header.hash.hex()}

    # --- what steers --------------------------------------------------------------------

    def _set_generate(
        self, generate: object, until: object = MAX_SCORE, share_millionths: object = 0
    ) -> Json:
        """Let the miner go on up to a blue score, with a part of the blocks; or pause it.

        Without ``share_millionths`` its part is that of its settings.
        """
        is_on = boolean_of(generate, "generate")
        score = integer_of(until, 0, MAX_SCORE, "until")
        share = integer_of(share_millionths, 0, MAX_SHARE, "share_millionths")
        self._mine_until = score if is_on else 0
        self._share = share or self._settings.mining_share_millionths
        _log.info("dag.mining_set", until=self._mine_until, share_millionths=self._share)
        return {"generate": is_on, "until": self._mine_until, "share_millionths": self._share}

    def _generate_block(self, transactions: object = None, broadcast: object = True) -> Json:
        """Mine a block at once above the tips; keep it and tell peers, or give it away only."""
        given = None
        if transactions is not None:
            items = list_of(transactions, MAX_TRANSACTIONS_GIVEN, "transactions")
            given = tuple(transaction_of(each) for each in items)
        is_told = boolean_of(broadcast, "broadcast")
        template, start = self._template(given), 0
        while (found := self._try(template, start)) is None:
            start += NONCES_A_STEP
        if is_told:
            self.connections.send(self.gossip.submit_block(found))
        return {"hash": found.header.hash.hex(), "block": wire.encode_block(found).hex()}

    def _set_network_active(self, active: object) -> Json:
        """Drop all peers and stay alone, or take and dial peers again."""
        is_active = boolean_of(active, "active")
        self.connections.set_active(is_active)
        _log.info("dag.network_set", active=is_active)
        return {"active": is_active}

    # --- what happens -------------------------------------------------------------------

    def _changed(self, block: Block, change: ChainChange) -> None:
        tip = self.chain.tip
        for name in change.disqualified:
            _log.warning("dag.block_disqualified", hash=name.hex())
        if not change.connected:
            _log.debug("dag.block", hash=block.header.hash.hex())
            return
        accepted = sum(o.accepted for joined in change.connected for o in joined.outcomes)
        _log.info(
            "dag.tip",
            height=tip.order.blue_score,
            hash=tip.hash.hex(),
            disconnected=len(change.disconnected),
            merged=len(tip.merge_set),
            accepted=accepted,
        )
        self._announce(BlockHeight(tip.order.blue_score), accepted)

    def _submitted(self, transactions: list[Transaction]) -> None:
        self.connections.send(self.gossip.announce_transactions(transactions))

    # --- mining -------------------------------------------------------------------------

    def _may_mine(self) -> bool:
        """Return whether a block of ours would be of use: near the tip, and not told to pause.

        Whose tip is young mines, whatever peers say that they have.
        """
        tip = self.chain.tip
        if tip.order.blue_score >= self._mine_until:
            return False
        young = RECENT_BLOCKS * self.chain.parameters.dag.target_time_ms
        if tip.order.blue_score and tip.header.timestamp > _now_ms() - young:
            return True
        if len(self.connections):
            return self.gossip.is_synced and not self.gossip.lacks_pruned
        return not self._settings.peers or time.monotonic() - self._started > ALONE_S

    async def _mine(self) -> None:
        """Wait on an exponential clock, then search: the rate without burning a core.

        A block that others find meanwhile is not waited for: ours is parallel to it. The next
        wait counts from the end of the last one, so that a search does not slow the chain down.
        """
        chance = random.SystemRandom()
        mean = self.chain.parameters.dag.target_time_ms / 1_000 * 1_000_000
        woke = time.monotonic()
        while True:
            due = woke + chance.expovariate(self._share / mean)
            await asyncio.sleep(max(0, due - time.monotonic()))
            woke = time.monotonic()
            if not self._may_mine():
                continue
            with self._work.measured():
                template = self._template()
            start = 0
            while (found := self._try(template, start)) is None:
                start += NONCES_A_STEP
                await asyncio.sleep(0)
                if not self._may_mine():
                    break
            if found is None:
                continue  # told to pause meanwhile: whoever paused it counts on no more blocks
            try:
                self.connections.send(self.gossip.submit_block(found))
            except RuleBroken as error:
                _log.warning("dag.own_block_refused", reason=str(error))

    def _template(self, transactions: Sequence[Transaction] | None = None) -> Block:
        """Return the next block without work: what waits, or some given transactions."""
        self._work.templates += 1
        chosen = transactions
        if chosen is None:
            _, run = self.chain.pending()
            chosen = self.mempool.select(run.sequences)
        template, _ = self.chain.template(self._miner, chosen, _now_ms())
        return template

    def _try(self, template: Block, start: int) -> Block | None:
        """Try some nonces; return the block where one gives it work."""
        with self._work.measured():
            header = search(template.header, start, NONCES_A_STEP)
        tried = NONCES_A_STEP if header is None else header.nonce - start + 1
        self._work.nonces += tried
        return None if header is None else Block(header, template.body)


def _seed(text: str) -> bytes:
    """Return a miner's seed.

    Raises:
        NoKey: It has not 32 bytes in hex.
    """
    try:
        seed = bytes.fromhex(text)
    except ValueError as error:
        raise NoKey("miner_key is no hex") from error
    if len(seed) != SEED_BYTES:
        raise NoKey(f"miner_key has {len(seed)} bytes, not {SEED_BYTES}")
    return seed


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
