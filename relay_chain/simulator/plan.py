"""What one seed means: the validators, their kinds, and which faults happen when."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from random import Random

from chainkit.primitives.types import DurationNs
from relay_chain.consensus.messages import Timeouts

MS = 1_000_000
SECOND = 1_000 * MS

CHAOS_NS = 12 * SECOND
"""Virtual time with faults; afterwards the network heals."""

HEIGHTS_AFTER_HEALING = 3
HEALING_BOUND_NS = 90 * SECOND
"""Virtual time in which every correct node must be that many heights further."""

FAST = Timeouts(
    propose_ns=DurationNs(300 * MS),
    propose_delta_ns=DurationNs(100 * MS),
    prevote_ns=DurationNs(150 * MS),
    prevote_delta_ns=DurationNs(100 * MS),
    precommit_ns=DurationNs(150 * MS),
    precommit_delta_ns=DurationNs(100 * MS),
    commit_ns=DurationNs(150 * MS),
)
"""Shorter than a node's, so that a second of chaos sees more rounds."""


class Kind(Enum):
    """How a validator behaves."""

    CORRECT = "correct"
    COMETBFT = "cometbft"
    """Correct, with CometBFT 0.38's lock rule."""
    PAPER = "paper"
    """Correct by the paper's lock rule: not planned by any seed, a mutant."""
    EQUIVOCATOR = "equivocator"
    AMNESIAC = "amnesiac"
    WITHHOLDER = "withholder"
    GARBAGE = "garbage"
    """Proposes invalid blocks and sends votes that are none."""

    @property
    def is_correct(self) -> bool:
        """Whether the invariants hold this validator to the rules."""
        return self in {Kind.CORRECT, Kind.COMETBFT, Kind.PAPER}


BYZANTINE = (Kind.EQUIVOCATOR, Kind.AMNESIAC, Kind.WITHHOLDER, Kind.GARBAGE)


@dataclass(frozen=True, slots=True)
class Crash:
    """Kill a node after it performed some more effects; start it again later."""

    node: int
    after_effects: int
    down_ns: int


@dataclass(frozen=True, slots=True)
class Cut:
    """Stop delivery on these (sender, recipient) pairs, and on no others."""

    pairs: frozenset[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Quality:
    """How the network treats a message from now on."""

    drop: float = 0.0
    duplicate: float = 0.0
    late: float = 0.0
    """Part of the messages that take up to ten times as long, and so overtake none."""
    delay_ns: int = 20 * MS


Fault = Crash | Cut | Quality


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that decides a run, apart from the dice thrown within it."""

    seed: int
    powers: tuple[int, ...]
    kinds: tuple[Kind, ...]
    faults: tuple[tuple[int, Fault], ...]
    """(virtual time, fault), by time."""
    skew_ns: tuple[int, ...] = ()
    timeouts: Timeouts = FAST
    chaos_ns: int = CHAOS_NS
    sides: Mapping[int, int] = field(default_factory=dict)
    """For coordinated equivocators: to which side each validator belongs."""


def plan_of_seed(seed: int) -> Plan:
    """Return the plan of a seed: 4 to 7 validators, Byzantine power below a third."""
    rng = Random(seed)
    count = rng.randint(4, 7)
    powers = (10,) * count
    if rng.random() < 0.4:
        # Greatest first, as the set orders them: a node's number is its index.
        powers = tuple(sorted((rng.randint(5, 20) for _ in range(count)), reverse=True))
    kinds = _kinds(rng, powers)
    faults: list[tuple[int, Fault]] = [(0, _quality(rng))]
    time = 0
    while (time := time + rng.randint(SECOND // 5, 2 * SECOND)) < CHAOS_NS:
        faults.append((time, _fault(rng, count)))
    skew = tuple(rng.randint(-400, 400) * MS for _ in range(count))
    return Plan(seed, powers, kinds, tuple(faults), skew)


def calm_plan(seed: int, count: int = 4) -> Plan:
    """Return a plan without faults, to measure speed."""
    faults: tuple[tuple[int, Fault], ...] = ((0, Quality()),)
    return Plan(seed, (10,) * count, (Kind.CORRECT,) * count, faults, chaos_ns=0)


def _kinds(rng: Random, powers: tuple[int, ...]) -> tuple[Kind, ...]:
    mixed = rng.random() < 0.6
    kinds = [Kind.COMETBFT if mixed and rng.random() < 0.5 else Kind.CORRECT for _ in powers]
    wanted = rng.randint(0, 2)
    hostile = 0
    for index in rng.sample(range(len(powers)), wanted):
        if 3 * (hostile + powers[index]) < sum(powers):
            hostile += powers[index]
            kinds[index] = rng.choice(BYZANTINE)
    return tuple(kinds)


def _quality(rng: Random) -> Quality:
    if rng.random() < 0.2:
        return Quality()
    return Quality(
        drop=rng.choice((0.0, 0.02, 0.1, 0.3)),
        duplicate=rng.choice((0.0, 0.05, 0.2)),
        late=rng.choice((0.0, 0.05, 0.2)),
        delay_ns=rng.choice((5, 20, 80, 200)) * MS,
    )


def _fault(rng: Random, count: int) -> Fault:
    dice = rng.random()
    if dice < 0.4:
        down = rng.randint(10, 3_000) * MS
        return Crash(rng.randrange(count), rng.randint(0, 12), down)
    if dice < 0.7:
        return _cut(rng, count)
    return _quality(rng)


def _cut(rng: Random, count: int) -> Cut:
    dice = rng.random()
    if dice < 0.3:
        return Cut(frozenset())
    everybody = range(count)
    group = set(rng.sample(everybody, rng.randint(1, count - 1)))
    across = [(a, b) for a in everybody for b in everybody if (a in group) != (b in group)]
    if dice < 0.7:
        return Cut(frozenset(across))
    # Asymmetric: the group hears the others, who do not hear it.
    return Cut(frozenset(pair for pair in across if pair[0] in group))
