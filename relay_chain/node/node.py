"""One node: stores, executor, consensus, peers, in the order in which they start and stop."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import time_ns

import structlog

from chainkit.formats.tendermint.types import Block, BlockId, Commit, Part, ValidatorSet
from chainkit.primitives.timestamps import NS_PER_SECOND
from chainkit.primitives.types import BlockHeight, ChainId, TimestampNs
from chainkit.runtime.errors import UpgradeNeeded
from relay_chain.node.api.assembly import node_api
from relay_chain.node.block_store import BlockStore
from relay_chain.node.config import NodeConfig
from relay_chain.node.consensus_shell import ConsensusShell
from relay_chain.node.crash_points import enter
from relay_chain.node.event_bus import EventBus
from relay_chain.node.event_index import EventIndex, IndexDatabase
from relay_chain.node.executor import Executor
from relay_chain.node.genesis import Genesis
from relay_chain.node.json_forms import JsonObject
from relay_chain.node.network import VERSION, make_switch
from relay_chain.node.p2p.node_key import NodeKey
from relay_chain.node.p2p.peer import monotonic_ns
from relay_chain.node.ports import Application, ChainDatabase
from relay_chain.node.privval import FilePrivateValidator
from relay_chain.node.reactors.blocksync import BlockSyncReactor
from relay_chain.node.reactors.consensus import ConsensusReactor
from relay_chain.node.reactors.evidence import EvidenceReactor
from relay_chain.node.reactors.mempool import MempoolReactor
from relay_chain.node.reactors.statesync import StateSyncReactor
from relay_chain.node.rpc.methods import NodeFacts, RpcMethods
from relay_chain.node.rpc.peer_forms import peer_dump_json, peer_json
from relay_chain.node.rpc.unsafe import UnsafeMethods
from relay_chain.node.signing.client import RemoteValidator
from relay_chain.node.snapshots import SnapshotService
from relay_chain.node.state_store import StateStore
from relay_chain.node.wal import WriteAheadLog

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class NodePaths:
    """The files of a home folder, by CometBFT's names."""

    home: Path

    @property
    def config(self) -> Path:
        """Settings."""
        return self.home / "config" / "config.toml"

    @property
    def app(self) -> Path:
        """Which application, and its settings."""
        return self.home / "config" / "app.toml"

    @property
    def genesis(self) -> Path:
        """Genesis document."""
        return self.home / "config" / "genesis.json"

    @property
    def node_key(self) -> Path:
        """The key that peers know the node by."""
        return self.home / "config" / "node_key.json"

    @property
    def validator_key(self) -> Path:
        """The key that votes."""
        return self.home / "config" / "priv_validator_key.json"

    @property
    def data(self) -> Path:
        """Folder of all that the node writes while it runs."""
        return self.home / "data"

    @property
    def chain_database(self) -> Path:
        """Blocks and states."""
        return self.data / "chain.db"

    @property
    def event_index(self) -> Path:
        """What blocks and transactions emitted."""
        return self.data / "tx_index.db"

    @property
    def validator_state(self) -> Path:
        """What the key signed last."""
        return self.data / "priv_validator_state.json"

    @property
    def remote_signer(self) -> Path:
        """The key of the remote signer, as it was at the first start."""
        return self.data / "remote_signer.json"

    @property
    def remote_signer_state(self) -> Path:
        """What the remote signer was asked last."""
        return self.data / "remote_signer_state.json"

    @property
    def wal(self) -> Path:
        """Consensus write-ahead log."""
        return self.data / "cs.wal"


class _BlockSync:
    """The executor while blocks are fetched, and the hand-over to consensus."""

    def __init__(self, executor: Executor, done: asyncio.Event) -> None:
        self._executor = executor
        self._done = done

    @property
    def chain_id(self) -> ChainId:
        return self._executor.chain_id

    def last_height(self) -> BlockHeight:
        return self._executor.last_height()

    def validators(self) -> ValidatorSet:
        return self._executor.validators()

    async def apply(
        self, block: Block, block_id: BlockId, parts: tuple[Part, ...], seen_commit: Commit
    ) -> None:
        await self._executor.apply(block, block_id, parts, seen_commit)

    async def caught_up(self, blocks_synced: int) -> None:
        _log.info("blocksync.caught_up", blocks=blocks_synced)
        self._done.set()


def _file_validator(paths: NodePaths) -> FilePrivateValidator | None:
    if not paths.validator_key.exists():
        return None
    return FilePrivateValidator(paths.validator_key, paths.validator_state)


class Node:
    """Everything of one node but its RPC server. Mutable: it is a process's life.

    Args:
        paths: The home folder; its ``data`` must exist.
        config: Settings.
        genesis: What the chain begins from.
        node_key: Known to peers.
        database: Holds blocks and states.
        index: Holds what they emitted.
        application: Over a database of its own.
        remote: The key, where ``priv_validator_laddr`` says that it is elsewhere; it is known.
        snapshots: What peers that are new are served; None for an application that takes none.
    """

    def __init__(
        self,
        paths: NodePaths,
        config: NodeConfig,
        genesis: Genesis,
        node_key: NodeKey,
        database: ChainDatabase,
        index: IndexDatabase,
        application: Application,
        remote: RemoteValidator | None = None,
        snapshots: SnapshotService | None = None,
    ) -> None:
        self.config = config
        self.bus = EventBus(
            max_clients=config.rpc.max_subscription_clients,
            max_per_client=config.rpc.max_subscriptions_per_client,
            buffer=config.rpc.subscription_buffer,
        )
        self.blocks = BlockStore(database)
        self.states = StateStore(database)
        self.executor = Executor(
            application,
            self.blocks,
            self.states,
            EventIndex(index, self.blocks, self.states),
            self.bus,
            genesis=genesis,
            mempool=config.mempool,
            pruning=config.pruning,
        )
        assert (remote is None) == (config.priv_validator_laddr is None)
        key = remote or _file_validator(paths)
        self._wal = WriteAheadLog(paths.wal)
        self.consensus = ConsensusShell(self.executor, key, self._wal, config.timeouts)
        if remote is not None:
            remote.deliver = self.consensus.take_signed
        self._synced = asyncio.Event()
        syncing = not self._is_alone(key)
        if not syncing:
            self._synced.set()
        self._consensus_reactor = ConsensusReactor(self.consensus, self.blocks, syncing=syncing)
        self._wire(syncing=syncing, node_key=node_key, snapshots=snapshots)
        self._snapshots = snapshots
        self._committed = asyncio.Event()
        if snapshots is not None:
            self.bus.listen(lambda _: self._begin_snapshot(snapshots))
        facts = NodeFacts(
            node_id=node_key.id,
            moniker=config.moniker,
            network=genesis.chain_id,
            version=VERSION,
            channels=self.switch.node_info.channels,
            listen_addr=str(config.p2p.laddr),
            rpc_addr=str(config.rpc.laddr),
            public_key=key.public_key if key else None,
            address=key.address if key else b"",
        )
        self.api = node_api(self.executor, facts, self._is_catching_up)
        unsafe = UnsafeMethods(self.switch, self.executor.mempool)
        self.rpc = RpcMethods(
            self.executor, self.consensus, self.api, facts, self._peers_json, self._is_catching_up,
            peer_states=self._peer_states_json,
            unsafe=unsafe.routes() if config.rpc.unsafe else {},
            commit_timeout_s=config.rpc.timeout_broadcast_tx_commit_ns / NS_PER_SECOND,
        )  # fmt: skip

    def _is_catching_up(self) -> bool:
        return not self._synced.is_set()

    def _is_alone(self, key: FilePrivateValidator | RemoteValidator | None) -> bool:
        validators = self.executor.validators().validators
        return key is not None and len(validators) == 1 and validators[0].address == key.address

    def _wire(self, *, syncing: bool, node_key: NodeKey, snapshots: SnapshotService | None) -> None:
        config, consensus = self.config, self._consensus_reactor
        block_sync = BlockSyncReactor(
            self.blocks, _BlockSync(self.executor, self._synced), syncing=syncing
        )
        mempool = MempoolReactor(
            self.executor.mempool, consensus, broadcast=config.mempool.broadcast
        )
        evidence = EvidenceReactor(self.executor, consensus)
        statesync = StateSyncReactor(snapshots)
        self.switch = make_switch(
            config,
            node_key,
            self.executor.chain_id,
            (consensus, block_sync, mempool, evidence, statesync),
        )
        self.consensus.announcer = consensus
        self.consensus.drop_peer = self.switch.disconnect
        self.executor.on_evidence = evidence.wake
        self.executor.mempool.on_added = self._on_tx(mempool.wake)

    def _on_tx(self, wake: Callable[[], None]) -> Callable[[], None]:
        def added() -> None:
            wake()
            self.consensus.txs_available()

        return added

    def _peers_json(self) -> tuple[JsonObject, ...]:
        now, monotonic = TimestampNs(time_ns()), monotonic_ns()
        return tuple(
            peer_json(peer, now=now, open_ns=monotonic - peer.connected_at)
            for peer in self.switch.peers()
        )

    def _peer_states_json(self) -> tuple[JsonObject, ...]:
        reactor = self._consensus_reactor
        return tuple(
            peer_dump_json(peer, reactor.peer_state(peer.id)) for peer in self.switch.peers()
        )

    async def run(self) -> None:
        """Talk to peers, sync, then take part in consensus, until cancelled."""
        try:
            enter("sync")
            async with asyncio.TaskGroup() as group:
                group.create_task(self.switch.run())
                if self._snapshots is not None:
                    group.create_task(self._take_snapshots(self._snapshots))
                await self._synced.wait()
                group.create_task(self._take_part())
        finally:
            self.consensus.close()

    def _begin_snapshot(self, snapshots: SnapshotService) -> None:
        snapshots.committed(self.executor.state.last_block_height)
        self._committed.set()

    async def _take_snapshots(self, snapshots: SnapshotService) -> None:
        """Write what was begun beside everything else, a little at a time."""
        while True:
            await self._committed.wait()
            if not snapshots.work():
                self._committed.clear()
            await asyncio.sleep(0)  # let peers and consensus have their turn

    async def _take_part(self) -> None:
        enter("consensus")
        self._consensus_reactor.consensus_started()
        try:
            await self.consensus.run()
        except UpgradeNeeded as needed:
            # Clients of this chain need its last block and proofs to follow it.
            _log.warning("node.upgrade_needed", name=needed.name, height=needed.height)
            await asyncio.Event().wait()
