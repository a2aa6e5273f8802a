"""The hub on our engine, the same on CometBFT over ABCI, and CometBFT's own kvstore, in one run.

Four validators as processes each time, blocks half a second apart. Where ``cometbft`` is not
on PATH only our engine is measured.
"""

import asyncio
import itertools
import shutil
import statistics
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from benchmarks.load import commit_latency, percentile, send, throughput
from benchmarks.network import chain_access, running_network
from benchmarks.report import Row
from chainkit.primitives.errors import OperationFailed
from isthmus.adapters.cometbft import PROGRAM, run_engine
from isthmus.adapters.rpc_client import HttpRpcTransport
from isthmus.config import BrokerSpec, ChainSpec, NetSpec
from isthmus.homes import create_network
from parachains.zone.rpc import Rpc

VALIDATORS = 4
TRANSFERS = 1_000
SAMPLES = 30
SENDERS = 2
START_TIMEOUT_S = 120.0
POLL_S = 0.2


def measure(transfers: int = TRANSFERS, samples: int = SAMPLES) -> list[Row]:
    """Return the rows of each engine; ``transfers`` and ``samples`` say how many to send."""
    with tempfile.TemporaryDirectory(prefix="isthmus-bench-") as folder:
        return asyncio.run(_measure(Path(folder), transfers, samples))


async def _measure(folder: Path, transfers: int, samples: int) -> list[Row]:
    rows = await _hub(folder / "own", "isthmus", "hub on our engine", transfers, samples)
    program = shutil.which(PROGRAM)
    if program is not None:
        name = "hub on CometBFT"
        rows += await _hub(folder / "comet", "cometbft", name, transfers, samples)
        rows += await _kvstore(folder / "kvstore", program, transfers, samples)
    return rows


async def _hub(home: Path, engine: str, name: str, transfers: int, samples: int) -> list[Row]:
    spec = _described(home.with_suffix(".toml"), engine)
    async with AsyncExitStack() as stack:
        _, place = await stack.enter_async_context(running_network(home, spec))
        senders = [
            await stack.enter_async_context(chain_access(place.chains[0], account))
            for account in place.accounts[:SENDERS]
        ]
        waits = await commit_latency(
            senders[0].rpc, [send(senders[0], place) for _ in range(samples)]
        )
        batches = [
            [send(sender, place) for _ in range(transfers // len(senders))] for sender in senders
        ]
        rate, blocks = await throughput([sender.transport for sender in senders], batches)
    return _rows(name, "MsgSend", waits, rate, f"{transfers} in {blocks} blocks")


def _described(path: Path, engine: str) -> Path:
    """Write the description of a network that is a hub alone."""
    path.write_text(
        'paths = []\n[[chains]]\nname = "hub"\nkind = "hub"\ndenom = "uisth"\n'
        f'validators = {VALIDATORS}\nengine = "{engine}"\n'
        '[broker]\nkind = "none"\n',
        encoding="utf-8",
    )
    return path


async def _kvstore(home: Path, program: str, transfers: int, samples: int) -> list[Row]:
    numbers = itertools.count()

    def pair() -> bytes:
        return f"key{next(numbers)}=value".encode()

    async with AsyncExitStack() as stack:
        urls = await stack.enter_async_context(_kvstore_network(home, program))
        transports = [
            await stack.enter_async_context(HttpRpcTransport(urls)) for _ in range(SENDERS)
        ]
        waits = await commit_latency(Rpc(transports[0]), [pair() for _ in range(samples)])
        batches = [[pair() for _ in range(transfers // SENDERS)] for _ in range(SENDERS)]
        rate, blocks = await throughput(transports, batches)
    return _rows("CometBFT's kvstore", "pairs", waits, rate, f"{transfers} in {blocks} blocks")


@asynccontextmanager
async def _kvstore_network(home: Path, program: str) -> AsyncIterator[list[str]]:
    """Run CometBFT with the application that it brings over homes of ours; its RPCs' URLs."""
    chain = ChainSpec(name="hub", kind="hub", validators=VALIDATORS)
    spec = NetSpec(chains=(chain,), paths=(), broker=BrokerSpec(kind="none"))
    nodes = create_network(home, spec).chains[0].nodes
    async with asyncio.TaskGroup() as group:
        running = [
            group.create_task(
                run_engine(program, home / node.home, "kvstore", "--log_level", "none")
            )
            for node in nodes
        ]
        urls = [node.rpc_url for node in nodes]
        async with HttpRpcTransport(urls) as transport, asyncio.timeout(START_TIMEOUT_S):
            while not await _has_block(transport):  # noqa: ASYNC110 - it is another process
                await asyncio.sleep(POLL_S)
        yield urls
        for task in running:
            task.cancel()


async def _has_block(transport: HttpRpcTransport) -> bool:
    try:
        return (await Rpc(transport).status()).height >= 1
    except OperationFailed:
        return False


def _rows(name: str, what: str, waits: list[float], rate: float, note: str) -> list[Row]:
    return [
        Row(
            f"{name}: commit latency, p50",
            statistics.median(waits),
            "s",
            f"{VALIDATORS} validators",
        ),
        Row(f"{name}: commit latency, p95", percentile(waits, 0.95), "s", "until RPC answers"),
        Row(f"{name}: {what}", rate, "tx/s", note),
    ]
