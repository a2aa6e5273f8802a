"""Seeds of the QBFT machine under faults; all 200 of them in the slow test."""

import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import pytest

from parachains.account.simulation.plan import calm_plan, lonely_decision, plan_of_seed
from parachains.account.simulation.swarm import (
    MARGIN,
    RARE_BRANCHES,
    explain,
    run_plan,
    run_seeds,
)
from parachains.account.simulation.world import Simulation

FEW, ALL = 24, 200
LONELY = 24


def counted(seeds: range) -> Counter[str]:
    counters: Counter[str] = Counter()
    for result in run_seeds(seeds):
        if result.failure is not None:
            pytest.fail(explain(result.seed))
        counters.update(result.counters)
    return counters


def test_a_few_seeds_keep_every_invariant() -> None:
    """
    Agreement, validity, no equivocation by the correct, what was committed stays prepared, log
    before signature, replay equal, progress after healing.
    """
    counters = counted(range(FEW))

    assert counters["decided in round>=3"]
    assert counters["one block sealed in two rounds"]


@pytest.mark.slow
def test_200_seeds_keep_every_invariant_and_take_every_rare_branch() -> None:
    """
    The same, and no branch that the claim rests on was taken by chance.
    """
    counters = counted(range(ALL))

    assert [name for name in RARE_BRANCHES if counters[name] < MARGIN] == []


@pytest.mark.parametrize("seed", range(LONELY))
def test_a_block_that_one_node_alone_decided_is_decided_by_all(seed: int) -> None:
    """
    The next proposer lies about what was prepared, every time in another way, and is not believed.
    """
    result = run_plan(lonely_decision(seed))

    assert result.failure is None
    assert result.counters["round change after a commit"]


@pytest.mark.parametrize("is_real", [False, True])
def test_a_calm_network_decides_in_round_0(is_real: bool) -> None:
    """
    Without faults there is no second round and nothing is refused, with real signatures or not.
    """
    plan = replace(calm_plan(1), real_signatures=is_real)
    simulation = Simulation(plan).run(heights=20)
    counters = simulation.watcher.counters

    assert len(simulation.watcher.decisions) >= 20
    assert not [name for name in counters if name.startswith(("refused", "round", "bad"))]


def test_a_seed_gives_the_same_run_whatever_the_hash_seed() -> None:
    """
    Nothing in a run depends on set or dict order of hashes: two processes agree.
    """
    script = (
        "from parachains.account.simulation.swarm import run_seeds\n"
        "print([result.digest for result in run_seeds(range(4))])"
    )
    outputs = [
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "4242")
    ]

    assert outputs[0] == outputs[1]
    assert len(outputs[0]) > 4 * 64


def test_two_seeds_differ() -> None:
    """
    The digest covers the run.
    """
    first, again = run_plan(plan_of_seed(5)), run_plan(plan_of_seed(5))

    assert first.digest == again.digest
    assert first.digest != run_plan(plan_of_seed(6)).digest
