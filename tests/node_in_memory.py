"""A node without processes: the real shell over memory, for tests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from chainkit.commitments.database import KeyValueDatabase, MemoryDatabase
from chainkit.primitives.types import ChainId, DurationNs, TimestampNs, VotingPower
from chainkit.sigverify.ed25519 import public_key_from_seed
from isthmus.adapters.event_index import SqliteEventIndex
from relay_chain.consensus.messages import Timeouts
from relay_chain.node.api.assembly import node_api
from relay_chain.node.block_store import BlockStore
from relay_chain.node.config import MempoolConfig, PruningConfig
from relay_chain.node.consensus_shell import ConsensusShell
from relay_chain.node.event_bus import EventBus
from relay_chain.node.event_index import EventIndex, IndexDatabase
from relay_chain.node.executor import Executor
from relay_chain.node.genesis import Genesis, GenesisValidator
from relay_chain.node.kvstore import KeyValueApplication
from relay_chain.node.ports import Application
from relay_chain.node.privval import FilePrivateValidator, write_empty_state, write_private_key
from relay_chain.node.rpc.methods import NodeFacts, RpcMethods
from relay_chain.node.state_store import StateStore
from relay_chain.node.wal import WriteAheadLog

SEED = b"\x05" * 32
GENESIS = Genesis(
    ChainId("memory-1"),
    TimestampNs(1_700_000_000_000_000_000),
    validators=(GenesisValidator(public_key_from_seed(SEED), VotingPower(10), "one"),),
)


def make_executor(
    chain: KeyValueDatabase,
    state: KeyValueDatabase,
    keep_blocks: int = 0,
    genesis: Genesis = GENESIS,
    application: Application | None = None,
    index: IndexDatabase | None = None,
) -> Executor:
    blocks, states = BlockStore(chain), StateStore(chain)
    return Executor(
        application or KeyValueApplication(state),
        blocks,
        states,
        EventIndex(index or SqliteEventIndex(None), blocks, states),
        EventBus(),
        genesis=genesis,
        mempool=MempoolConfig(),
        pruning=PruningConfig(keep_blocks=keep_blocks),
    )


class MemoryNode:
    """One validator that decides alone, as fast as it can."""

    def __init__(
        self,
        folder: Path,
        keep_blocks: int = 0,
        genesis: Genesis = GENESIS,
        application: Application | None = None,
    ) -> None:
        if not (folder / "key.json").exists():
            write_private_key(folder / "key.json", SEED)
            write_empty_state(folder / "state.json")
        self.key = FilePrivateValidator(folder / "key.json", folder / "state.json")
        self.wal = WriteAheadLog(folder / "wal")
        self.chain, self.state = MemoryDatabase(), MemoryDatabase()
        self.executor = make_executor(self.chain, self.state, keep_blocks, genesis, application)
        timeouts = Timeouts(commit_ns=DurationNs(0))
        self.shell = ConsensusShell(self.executor, self.key, self.wal, timeouts)
        facts = NodeFacts(
            "ab" * 20,
            "memory",
            genesis.chain_id,
            "0.38.17",
            b"\x40",
            "tcp://127.0.0.1:1",
            "tcp://127.0.0.1:2",
            self.key.public_key,
            self.key.address,
        )
        self.api = node_api(self.executor, facts, lambda: False)
        self.rpc = RpcMethods(self.executor, self.shell, self.api, facts, tuple, lambda: False)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.shell.run())
            yield
            task.cancel()
        self.shell.close()

    async def reach(self, height: int) -> None:
        """Wait until a height is committed; the shell must be running."""
        moved = asyncio.Event()
        self.executor.bus.listen(lambda _: moved.set())
        async with asyncio.timeout(60):
            while self.executor.state.last_block_height < height:
                moved.clear()
                await moved.wait()
