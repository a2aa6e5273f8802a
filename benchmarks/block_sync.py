"""How fast a new node fetches, verifies and executes blocks of a chain of two validators.

Real processes and sockets, the files in memory where the machine has such a folder: the figure
is about verifying and executing, not about a disk. The blocks are empty.
"""

import tempfile
import time
from dataclasses import replace
from pathlib import Path

from benchmarks.report import Row
from chainkit.primitives.types import DurationNs
from tests.e2e.network import FAST, make_network, running, wait_until

BLOCKS = 500
_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None


def measure(blocks: int = BLOCKS) -> list[Row]:
    """Return how fast ``blocks`` blocks were made without a wait, and fetched by a third node."""
    timeouts = replace(FAST, commit_ns=DurationNs(0), skip_commit_wait=True)
    with tempfile.TemporaryDirectory(prefix="isthmus-bench-", dir=_MEMORY) as folder:
        nodes = make_network(Path(folder), 2, followers=1, timeouts=timeouts)
        *makers, late = nodes
        with running(makers):
            first = makers[0]
            wait_until(lambda: first.height() >= 1, seconds=60, what="the first block")
            began, start = time.monotonic(), first.height()
            wait_until(lambda: first.height() >= start + blocks, seconds=900, what="the chain")
            made = (first.height() - start) / (time.monotonic() - began)
            with running([late]):
                wait_until(lambda: late.height() >= 1, seconds=60, what="the first block")
                began, start = time.monotonic(), late.height()
                wait_until(lambda: late.height() >= blocks, seconds=300, what="the blocks")
                synced = (late.height() - start) / (time.monotonic() - began)
    return [
        Row("blocks made without a wait, 2 validators", made, "blocks/s", "processes, empty"),
        Row("block sync", synced, "blocks/s", "verified and executed, while both go on"),
    ]
