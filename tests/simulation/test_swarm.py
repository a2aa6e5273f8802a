"""200 fixed seeds of the consensus machine under faults, and that a seed is a run."""

import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import pytest

from relay_chain.consensus.lock_rule import KeepLock
from relay_chain.simulator import world
from relay_chain.simulator.dice import plan_of_seed
from relay_chain.simulator.plan import Crash, Kind, calm_plan
from relay_chain.simulator.rules import Amnesia
from relay_chain.simulator.swarm import (
    MARGIN,
    RARE_BRANCHES,
    explain,
    run_plan,
    run_seeds,
    shrink,
)

SEEDS = 200


def test_fixed_seeds_keep_every_invariant_and_take_every_rare_branch() -> None:
    """
    Agreement, validity, no equivocation by the correct, locks kept, replay equal, nobody correct
    named, progress after healing; and no branch that the claim rests on was taken by chance.
    """
    counters: Counter[str] = Counter()
    for result in run_seeds(range(SEEDS)):
        if result.failure is not None:
            pytest.fail(explain(result.seed))
        counters.update(result.counters)

    assert [name for name in RARE_BRANCHES if counters[name] < MARGIN] == []


def test_a_seed_gives_the_same_run_whatever_the_hash_seed() -> None:
    """
    Nothing in a run depends on set or dict order of hashes: two processes agree.
    """
    script = (
        "from relay_chain.simulator.swarm import run_seeds\n"
        "print([result.digest for result in run_seeds(range(8))])"
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
    assert len(outputs[0]) > 8 * 64


def test_two_runs_of_one_seed_are_equal_and_two_seeds_differ() -> None:
    """
    The digest covers the run.
    """
    first, again = run_plan(plan_of_seed(5)), run_plan(plan_of_seed(5))

    assert first.digest == again.digest
    assert first.digest != run_plan(plan_of_seed(6)).digest


def test_a_calm_network_decides_in_round_0() -> None:
    """
    Without faults there is no second round, and no wait runs out but the commit's.
    """
    simulation = world.Simulation(calm_plan(1)).run(heights=20)

    assert {commit.round for _, commit in simulation.watcher.decisions.values()} == {0}
    assert not simulation.watcher.forks


@pytest.mark.parametrize("seed", range(3))
def test_a_network_with_a_third_cut_off_for_good_still_heals(seed: int) -> None:
    """
    Seeds of which every fault is a crash end with all correct nodes further.
    """
    plan = plan_of_seed(seed)
    crashes = tuple((time, Crash(index % 4, 3, 1)) for index, (time, _) in enumerate(plan.faults))

    assert run_plan(replace(plan, faults=crashes)).failure is None


def test_correct_nodes_that_forget_their_lock_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The lock mutant: nodes that call themselves correct and prevote any offer break an invariant.
    """
    monkeypatch.setattr(world, "KEEP_LOCK", Amnesia())
    failures = [result.failure for result in run_seeds(range(60)) if result.failure]

    assert any(failure.startswith(("lock kept", "agreement")) for failure in failures)


def test_a_failing_plan_shrinks_to_a_smaller_one_that_fails_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    What a failing seed prints is short.
    """
    monkeypatch.setattr(world, "KEEP_LOCK", Amnesia())
    seed, failure = next((r.seed, r.failure) for r in run_seeds(range(100)) if r.failure)
    plan = plan_of_seed(seed)
    small = shrink(plan)

    assert len(small.faults) <= len(plan.faults)
    assert (run_plan(small).failure or "").split(" | ")[0] == failure.split(" | ")[0]
    assert explain(seed).startswith(f"seed {seed} fails")


def test_rules_of_kinds() -> None:
    """
    Only this chain's own kind and the hostile ones that hide behind it run its rule.
    """
    assert isinstance(world.rule_of(Kind.CORRECT), KeepLock)
    assert not isinstance(world.rule_of(Kind.COMETBFT), KeepLock)
