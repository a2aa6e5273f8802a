"""A third of the power or more is hostile: networks fork, and the guilty must be proven."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random

from relay_chain.consensus.votes import is_supermajority
from relay_chain.simulator.invariants import InvariantBroken
from relay_chain.simulator.plan import MS, Cut, Fault, Kind, Plan, Quality
from relay_chain.simulator.world import Simulation

RUN_NS = 4_000 * MS
_FOR_GOOD_NS = 60_000 * MS


@dataclass(frozen=True, slots=True)
class ForkResult:
    """One seed's outcome."""

    seed: int
    counters: Counter[str]
    """The kinds of forks, and how each was proven."""
    failure: str | None


def fork_plan(seed: int) -> Plan:
    """Return a plan that tends to fork: two deaf halves, and just too many hostile.

    The hostile agree with either half, twice a round or once; the correct are of this
    chain's rule or mixed with CometBFT's. Cuts open and close, so that what one half
    decided reaches the other rounds later.
    """
    rng = Random(f"fork {seed}")
    count = rng.randint(4, 7)
    powers = (10,) * count
    if rng.random() < 0.4:
        powers = tuple(sorted((rng.randint(5, 20) for _ in range(count)), reverse=True))
    order = rng.sample(range(count), count)
    hostile, sides = _just_too_many(order, powers)
    if rng.random() < 0.4:
        # More than needed: then some of them can pass for honest latecomers.
        extra = rng.choice(sorted(set(sides) - hostile))
        if len({sides[index] for index in set(sides) - hostile - {extra}}) == 2:
            hostile |= {extra}
    how = rng.choice(
        ((Kind.MIRROR,), (Kind.FLATTERER,), (Kind.MIRROR, Kind.FLATTERER), (Kind.AMNESIAC,))
    )
    share = rng.choice((0.0, 0.5, 1.0))
    kinds = tuple(
        rng.choice(how)
        if index in hostile
        else (Kind.COMETBFT if rng.random() < share else Kind.CORRECT)
        for index in range(count)
    )
    delay = Quality(delay_ns=rng.choice((2, 10, 40)) * MS)
    faults: list[tuple[int, Fault]] = [(0, delay), (0, _cut(sides, hostile, mute=frozenset()))]
    # A half that falls mute between its prevotes and its precommits decides on its own.
    first_half = frozenset(index for index in set(sides) - hostile if sides[index] == 0)
    mute_from = rng.randint(delay.delay_ns // 4, 3 * delay.delay_ns)
    faults.append((mute_from, _cut(sides, hostile, mute=first_half)))
    time = mute_from
    while (time := time + rng.choice((50, 300, 900)) * MS) < RUN_NS:
        mute = rng.choice((frozenset(), first_half, first_half ^ set(sides) - hostile))
        faults.append((time, _cut(sides, hostile, mute=mute)))
    return Plan(
        seed, powers, kinds, tuple(faults), chaos_ns=_FOR_GOOD_NS,
        sides=sides,
    )  # fmt: skip


def _just_too_many(order: list[int], powers: tuple[int, ...]) -> tuple[set[int], dict[int, int]]:
    """Return the fewest hostile that make a quorum with either half, and the halves."""
    # Where the drawn ones are too weak, take the strongest: nodes are in order of power.
    tries = [(drawn, few) for drawn in (order, sorted(order)) for few in range(1, len(order) - 1)]
    for drawn, few in tries:
        hostile, correct = set(drawn[:few]), drawn[few:]
        sides = {index: place % 2 for place, index in enumerate(correct)}
        halves = [
            sum(powers[index] for index in correct if sides[index] == half) for half in (0, 1)
        ]
        with_hostile = min(halves) + sum(powers[index] for index in hostile)
        if min(halves) and is_supermajority(with_hostile, sum(powers)):
            return hostile, {**dict.fromkeys(hostile, 0), **sides}
    raise AssertionError(f"no fork with powers {powers}")


def _cut(sides: dict[int, int], hostile: set[int], *, mute: frozenset[int]) -> Cut:
    """Return a cut between the correct of both halves, and from the mute to everybody."""
    pairs = {
        (a, b)
        for a in sides
        for b in sides
        if sides[a] != sides[b] and a not in hostile and b not in hostile
    }
    return Cut(frozenset(pairs | {(a, b) for a in mute for b in sides if b not in mute}))


def run_fork(seed: int) -> ForkResult:
    """Run a seed, and check what its forks prove."""
    simulation = Simulation(fork_plan(seed), tolerates_forks=True)
    watcher = simulation.watcher
    failure = None
    try:
        simulation.run(heights=1_000, deadline_ns=RUN_NS)
        watcher.check_accountability()
    except InvariantBroken as error:
        failure = repr(error)
    names = [name for name in watcher.counters if name.startswith("fork: ")]
    return ForkResult(seed, Counter({name: watcher.counters[name] for name in names}), failure)


def run_forks(seeds: Iterable[int]) -> Iterator[ForkResult]:
    """Yield each seed's result."""
    for seed in seeds:
        yield run_fork(seed)
