"""The supply reader's process, for scenarios: started beside a network, asked for its verdict."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import msgspec

from chainkit.primitives.types import BlockHeight
from demos.network import Network

READER_TIMEOUT_S = 60.0
_READER = "import sys; from demos.supply_reader import main; sys.exit(main())"


class Verdict(msgspec.Struct, frozen=True):
    """What the reader process found."""

    conserved: bool
    violations: tuple[str, ...] = ()
    heights: dict[str, int] = {}
    comparisons: int = 0
    packets_in_flight: int = 0
    headers_verified: int = 0
    proofs_verified: dict[str, int] = {}
    block_seconds: dict[str, float] = {}


@asynccontextmanager
async def supply_reader(net: Network) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run the reader process; it reads from the first block on, and ends with this block."""
    with (net.home / "logs" / "supply-reader.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            _READER,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )
    chains = [
        {
            "name": chain.name,
            "rpc": chain.nodes[0].rpc_url,
            "prefix": chain.bech32_prefix,
            "denom": chain.denom,
            "chain_id": chain.chain_id,
        }
        for chain in net.place.chains
    ]
    try:
        assert process.stdin is not None
        process.stdin.write(json.dumps({"chains": chains}).encode() + b"\n")
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def read_verdict(net: Network, reader: asyncio.subprocess.Process) -> Verdict:
    """Tell the reader up to where to read, and return what it found.

    A reader that fails or does not answer found no conserved supply.
    """
    until = {
        chain.name: (await (await net.client(chain.name)).status()).height
        for chain in net.place.chains
    }
    net.say(f"another process compares the supply at every height up to {_heights(until)}")
    assert reader.stdin is not None
    assert reader.stdout is not None
    reader.stdin.write(json.dumps({"until": until}).encode() + b"\n")
    try:
        async with asyncio.timeout(READER_TIMEOUT_S):
            line = await reader.stdout.readline()
        return msgspec.json.decode(line, type=Verdict)
    except TimeoutError:
        return Verdict(conserved=False, violations=("the reader did not finish in time",))
    except msgspec.MsgspecError:
        return Verdict(conserved=False, violations=("the reader ended without a verdict",))


def _heights(heights: Mapping[str, BlockHeight]) -> str:
    return ", ".join(f"{name} {height}" for name, height in heights.items())
