"""A remote signer and its node in one process, and signers that misbehave, for tests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from chainkit.commitments.database import MemoryDatabase
from chainkit.formats.tendermint.types import BlockId, PartSetHeader, Proposal, Vote, VoteType
from chainkit.primitives.types import Address, BlockHeight, DurationNs, Round, TimestampNs
from relay_chain.consensus.messages import Timeouts
from relay_chain.node.consensus_shell import ConsensusShell
from relay_chain.node.privval import FilePrivateValidator, write_empty_state, write_private_key
from relay_chain.node.signing.client import RemoteValidator
from relay_chain.node.signing.endpoint import SignerEndpoint, TcpEndpoint, UnixEndpoint
from relay_chain.node.signing.link import SignerLink, make_link
from relay_chain.node.signing.server import SignerServer
from relay_chain.node.wal import WriteAheadLog
from tests.node_in_memory import GENESIS, SEED, make_executor

CHAIN = GENESIS.chain_id
BLOCK = BlockId(b"\x01" * 32, PartSetHeader(1, b"\x02" * 32))
OTHER = BlockId(b"\x03" * 32, PartSetHeader(1, b"\x02" * 32))
T0 = TimestampNs(1_700_000_000_123_456_789)
ANY_PORT = TcpEndpoint("127.0.0.1", 0)
LONGEST_S = 30


def vote(height: int, round_: int, type_: VoteType, block_id: BlockId = BLOCK) -> Vote:
    return Vote(type_, BlockHeight(height), Round(round_), block_id, T0, Address(b"\x09" * 20), 0)


def proposal(height: int, round_: int, block_id: BlockId = BLOCK) -> Proposal:
    return Proposal(BlockHeight(height), Round(round_), Round(-1), block_id, T0)


def key_in(home: Path, seed: bytes = SEED) -> FilePrivateValidator:
    """The signer's key and memory in a folder; made where there is none."""
    key, state = home / "key.json", home / "state.json"
    home.mkdir(exist_ok=True)
    if not key.exists():
        write_private_key(key, seed)
        write_empty_state(state)
    return FilePrivateValidator(key, state)


def remote_in(home: Path, endpoint: SignerEndpoint = ANY_PORT) -> RemoteValidator:
    """The node's side, with its memory in a folder."""
    home.mkdir(exist_ok=True)
    return RemoteValidator(endpoint, CHAIN, home / "remote.json", home / "asked.json")


@asynccontextmanager
async def task(coroutine) -> AsyncIterator[None]:
    """Run something beside the body of a ``with``, and cancel it at its end."""
    async with asyncio.TaskGroup() as group:
        running = group.create_task(coroutine)
        try:
            yield
        finally:
            running.cancel()


@asynccontextmanager
async def listening(remote: RemoteValidator) -> AsyncIterator[SignerEndpoint]:
    async with task(remote.run()):
        yield await remote.wait_listening()


@asynccontextmanager
async def signing(home: Path, endpoint: SignerEndpoint, seed: bytes = SEED) -> AsyncIterator[None]:
    """An honest signer that dials ``endpoint``."""
    async with task(SignerServer(key_in(home, seed), CHAIN, endpoint).run()):
        yield


async def dial(endpoint: SignerEndpoint) -> SignerLink:
    """A connection by which a test itself plays the signer."""
    if isinstance(endpoint, UnixEndpoint):
        reader, writer = await asyncio.open_unix_connection(endpoint.path)
        return make_link(reader, writer, seed=None)
    reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
    link = make_link(reader, writer, seed=b"\x07" * 32)
    await link.agree()
    return link


class Inbox:
    """What a remote validator delivered."""

    def __init__(self, remote: RemoteValidator) -> None:
        self._queue: asyncio.Queue[Vote | Proposal] = asyncio.Queue()
        remote.deliver = self._queue.put_nowait

    async def next(self) -> Vote | Proposal:
        async with asyncio.timeout(LONGEST_S):
            return await self._queue.get()

    @property
    def is_empty(self) -> bool:
        return self._queue.empty()


class RemoteNode:
    """A lone validator in memory whose key is elsewhere."""

    def __init__(self, folder: Path, remote: RemoteValidator) -> None:
        self.executor = make_executor(MemoryDatabase(), MemoryDatabase())
        timeouts = Timeouts(commit_ns=DurationNs(0))
        self.shell = ConsensusShell(self.executor, remote, WriteAheadLog(folder / "wal"), timeouts)
        remote.deliver = self.shell.take_signed

    @property
    def height(self) -> int:
        return self.executor.state.last_block_height

    async def reach(self, height: int) -> None:
        """Wait until a height is committed; the shell must be running."""
        moved = asyncio.Event()
        self.executor.bus.listen(lambda _: moved.set())
        async with asyncio.timeout(LONGEST_S):
            while self.height < height:
                moved.clear()
                await moved.wait()


async def closed(link: SignerLink) -> None:
    """Wait until the other side ends the connection."""
    async with asyncio.timeout(LONGEST_S):
        with suppress(Exception):
            while True:
                await link.receive()
    link.close()
