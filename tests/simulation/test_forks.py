"""More than a third hostile, or rules that do not fit: the network forks, and why."""

from collections import Counter
from dataclasses import replace

import pytest

from relay_chain.consensus.accountability import ForkKind, classify_fork
from relay_chain.simulator.forks import run_forks
from relay_chain.simulator.plan import MS, Cut, Kind, Plan, Quality
from relay_chain.simulator.scripts import nil_polka_attack
from relay_chain.simulator.swarm import run_plan
from relay_chain.simulator.world import Simulation

FOR_GOOD = 60_000 * MS


def fork_of(plan: Plan) -> Simulation:
    simulation = Simulation(plan, tolerates_forks=True)
    return simulation.run(heights=1_000, deadline_ns=20_000 * MS)


def split(seed: int) -> Plan:
    """Two correct validators that cannot hear each other, two coordinated equivocators."""
    kinds = (Kind.CORRECT, Kind.CORRECT, Kind.EQUIVOCATOR, Kind.EQUIVOCATOR)
    cut = Cut(frozenset({(0, 1), (1, 0)}))
    return Plan(
        seed, (10,) * 4, kinds, ((0, Quality()), (0, cut)), chaos_ns=FOR_GOOD,
        sides={0: 0, 1: 1, 2: 0, 3: 1},
    )  # fmt: skip


def test_a_fork_of_one_round_names_a_third_of_the_power_from_its_commits() -> None:
    """
    f + 1 equivocators fork a round; the two commits alone prove at least a third guilty, and
    nobody correct.
    """
    simulation = fork_of(split(1))
    of_one_round = [classify_fork(a, b) for a, b in simulation.watcher.forks if a.round == b.round]

    assert of_one_round
    for fork in of_one_round:
        assert fork.kind is ForkKind.EQUIVOCATION
        assert set(fork.guilty) <= {2, 3}
        power = sum(simulation.plan.powers[index] for index in fork.guilty)
        assert 3 * power > sum(simulation.plan.powers)
    named = simulation.watcher.check_accountability()
    assert all(named[a.height] == {2, 3} for a, _ in simulation.watcher.forks)


def test_an_amnesia_fork_is_classed_so_and_named_from_the_logs() -> None:
    """
    Two validators that forget their lock let a late node decide another block in a later round:
    the commits prove nobody guilty, the vote logs name both.
    """
    kinds = (Kind.CORRECT, Kind.CORRECT, Kind.AMNESIAC, Kind.AMNESIAC)
    # Node 0 proposes and gets everybody's votes; its precommit reaches nobody.
    apart = {(0, 1), (1, 0)}
    mute = Cut(frozenset(apart | {(0, 2), (0, 3)}))
    faults = ((0, Quality()), (0, Cut(frozenset(apart))), (MS, mute))
    simulation = fork_of(Plan(1, (10,) * 4, kinds, faults, chaos_ns=FOR_GOOD))
    across = [(a, b) for a, b in simulation.watcher.forks if a.round != b.round]

    assert across
    named = simulation.watcher.check_accountability()
    for a, b in across:
        fork = classify_fork(a, b)
        assert fork.kind is ForkKind.AMNESIA
        assert fork.guilty == ()
        assert named[a.height] == {2, 3}


def test_without_the_second_equivocator_the_same_network_does_not_fork() -> None:
    """
    One of four is below a third: the attack of the first test fails.
    """
    plan = split(1)
    kinds = (Kind.CORRECT, Kind.CORRECT, Kind.CORRECT, Kind.EQUIVOCATOR)
    simulation = fork_of(replace(plan, kinds=kinds))

    assert simulation.watcher.forks == []


def test_every_fork_of_many_proves_a_third_guilty_and_nobody_correct() -> None:
    """
    Seeds of networks with just too many hostile: a fork of one round names them from its commits,
    an amnesia fork from the logs, one by one or, where CometBFT's nodes take part, as a group.
    """
    counters: Counter[str] = Counter()
    for result in run_forks(range(150)):
        assert result.failure is None, f"seed {result.seed}: {result.failure}"
        counters.update(result.counters)

    assert counters["fork: equivocation"] >= 10
    assert counters["fork: amnesia"] >= 50
    assert counters["fork: a third named one by one"] >= 50
    assert counters["fork: a third among the suspects"] >= 3


@pytest.mark.parametrize("seed", range(5))
def test_the_paper_rule_forks_a_network_with_cometbft(seed: int) -> None:
    """
    The mutant, run as a network: its nil prevote completes the polka that unlocks CometBFT's
    nodes after a decision, with one hostile validator of four.
    """
    failure = run_plan(nil_polka_attack(seed, Kind.PAPER)).failure

    assert failure is not None
    assert failure.startswith("agreement | ")


@pytest.mark.parametrize("kind", [Kind.CORRECT, Kind.COMETBFT])
@pytest.mark.parametrize("seed", range(5))
def test_the_same_attack_on_our_rule_fails(seed: int, kind: Kind) -> None:
    """
    The locked block is prevoted again, so no nil polka forms and nobody unlocks.
    """
    result = run_plan(nil_polka_attack(seed, kind))

    assert result.failure is None
    assert result.counters["locked block prevoted again"]
