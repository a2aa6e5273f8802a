"""A node that has nothing fetches a long chain, and takes its place in consensus."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from chainkit.primitives.types import DurationNs
from relay_chain.node.config import read_config, write_config
from tests.e2e.network import (
    FAST,
    MS,
    Process,
    make_network,
    running,
    wait_for_vote,
    wait_until,
)

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(1_800)]

BLOCKS = 2_000
AWAY_BLOCKS = 30
AT_ONCE = replace(
    FAST, propose_ns=DurationNs(200 * MS), commit_ns=DurationNs(0), skip_commit_wait=True
)
"""No wait after a block; a round whose proposer is away costs a fifth of a second."""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """
    A folder in memory where there is one: 2,000 blocks wait for a disk two minutes, and what
    this test is about is not on it.
    """
    memory = Path("/dev/shm")
    if not memory.is_dir():
        yield tmp_path
        return
    with TemporaryDirectory(prefix="isthmus-", dir=memory) as name:
        yield Path(name)


def at_usual_speed(nodes: Sequence[Process]) -> None:
    """Let the nodes wait after each block when they start next."""
    for node in nodes:
        config = read_config(node.paths.config)
        timeouts = replace(FAST, commit_ns=DurationNs(500 * MS))
        write_config(node.paths.config, replace(config, timeouts=timeouts))


def test_a_new_node_syncs_a_long_chain_and_votes(folder: Path) -> None:
    """
    Two validators of three make 2,000 blocks without a wait. The third starts with an empty
    home: it fetches and verifies them all, and its votes are in the commits after. Killed,
    away for thirty blocks and started again it does the same.
    """
    nodes = make_network(folder, 3, powers=(30, 30, 1), timeouts=AT_ONCE)
    maker, other, late = nodes
    began = time.monotonic()
    with running([maker, other]):
        wait_until(lambda: maker.height() >= BLOCKS, seconds=1_200, what="the chain")
    made_in = time.monotonic() - began
    at_usual_speed(nodes)
    with running(nodes):
        wait_until(lambda: late.height() >= 1, seconds=90, what="the first block")
        began = time.monotonic()
        wait_until(lambda: late.height() >= BLOCKS, seconds=300, what="the blocks")
        synced_in = time.monotonic() - began
        voted_at = wait_for_vote(late, maker, BLOCKS)
        rates = f"made {BLOCKS / made_in:.0f} blocks/s, synced {BLOCKS / synced_in:.0f} blocks/s"
        print(f"{rates}, first vote at {voted_at}")
        assert not late.rpc("status")["sync_info"]["catching_up"]
        assert late.block(BLOCKS) == maker.block(BLOCKS)
        synced = [line for line in late.log_text().splitlines() if "blocksync.finished" in line]
        assert len(synced) == 1

        late.kill()
        away_from = maker.height()
        wait_until(lambda: maker.height() >= away_from + AWAY_BLOCKS, seconds=120, what="30 blocks")
        late.start()
        wait_for_vote(late, maker, away_from + AWAY_BLOCKS)
        assert late.block(away_from + AWAY_BLOCKS) == maker.block(away_from + AWAY_BLOCKS)
