"""What one seed means: the validators, how they behave, which faults happen when."""

from dataclasses import dataclass
from enum import Enum
from random import Random

from chainkit.primitives.types import DurationNs
from relay_chain.simulator.plan import MS, SECOND, Crash, Cut, DiskFault, Fault, Quality

CHAOS_NS = 12 * SECOND
"""Virtual time with faults; afterwards the network heals."""

HEIGHTS_AFTER_HEALING = 3
HEALING_BOUND_NS = 60 * SECOND
"""Virtual time in which every correct node must be that many heights further."""

PERIOD_NS = 200 * MS
"""Between two blocks: shorter than a chain's, so that a second of chaos sees more of them."""

REQUEST_TIMEOUT_NS = DurationNs(200 * MS)
RESEND_NS = DurationNs(300 * MS)


EPOCH_LENGTH = 25
"""Heights after which votes that decided nothing are forgotten."""


class Kind(Enum):
    """How a validator behaves."""

    CORRECT = "correct"
    EQUIVOCATOR = "equivocator"
    """Shows each half of the network another block, and votes with each for its own."""
    LIAR = "liar"
    """Hides what it prepared, and proposes new blocks with justifications that prove nothing."""
    SILENT = "silent"
    """Says most things to nobody."""
    GARBAGE = "garbage"
    """Bad signatures, strangers' votes, wrong heights and rounds, invalid blocks."""


SCRIPTED_EVERY = 8
"""Each so many seeds one is a script."""

BYZANTINE = (Kind.EQUIVOCATOR, Kind.LIAR, Kind.SILENT, Kind.GARBAGE)


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that decides a run, apart from the dice thrown within it."""

    seed: int
    kinds: tuple[Kind, ...]
    faults: tuple[tuple[int, Fault], ...]
    """(virtual time, fault), by time."""
    skew_ns: tuple[int, ...]
    absences: tuple[tuple[int, int, int], ...] = ()
    """(node, from height, to height): there the correct vote it out, and afterwards in again."""
    real_signatures: bool = False
    """secp256k1, and every message through its bytes; else signatures that nobody forges."""
    chaos_ns: int = CHAOS_NS


def calm_plan(seed: int, count: int = 4) -> Plan:
    """Return a plan without faults."""
    return Plan(seed, (Kind.CORRECT,) * count, ((0, Quality()),), (0,) * count, chaos_ns=0)


def lonely_decision(seed: int) -> Plan:
    """Return the attack that the justification is there for.

    Nodes 2 and 3 do not hear each other and the liar keeps its commit back, so node 0 alone
    decides height 1 in round 0. Round 1 is the liar's, and 2 and 3 are enough to follow it.
    """
    kinds = (Kind.CORRECT, Kind.LIAR, Kind.CORRECT, Kind.CORRECT)
    apart = Cut(frozenset({(2, 3), (3, 2), (2, 1), (3, 1)}))
    faults = ((0, Quality(delay_ns=10 * MS)), (0, apart), (100 * MS, Cut(frozenset())))
    return Plan(seed, kinds, faults, (0,) * len(kinds), chaos_ns=2 * SECOND)


def plan_of_seed(seed: int) -> Plan:
    """Return the plan of a seed: 4 to 7 validators, the hostile and the fragile below a third."""
    if seed % SCRIPTED_EVERY == SCRIPTED_EVERY - 1:
        return lonely_decision(seed)
    rng = Random(f"qbft {seed}")
    count = rng.choice((4, 4, 4, 5, 6, 7))
    most = (count - 1) // 3
    hostile = rng.sample(range(count), rng.randint(0, most))
    kinds = [Kind.CORRECT] * count
    for index in hostile:
        kinds[index] = rng.choice(BYZANTINE)
    fragile = None
    if len(hostile) < most:
        fragile = rng.choice([index for index in range(count) if index not in hostile])
    faults: list[tuple[int, Fault]] = [(0, _quality(rng))]
    time = 0
    while (time := time + rng.randint(SECOND // 5, 2 * SECOND)) < CHAOS_NS:
        faults.append((time, _fault(rng, count, fragile)))
    skew = tuple(rng.randint(-200, 200) * MS for _ in range(count))
    # Whoever leaves is correct, and enough stay that the hostile are below a third of them.
    absences: tuple[tuple[int, int, int], ...] = ()
    if (
        count >= 5
        and rng.random() < 0.5
        and (count - 2) // 3 >= len(hostile) + (fragile is not None)
    ):
        node = rng.choice([index for index in range(count) if index not in hostile])
        first = rng.randint(2, 8)
        absences = ((node, first, first + rng.randint(5, 15)),)
    return Plan(
        seed, tuple(kinds), tuple(faults), skew, absences, real_signatures=rng.random() < 0.05
    )


def _quality(rng: Random) -> Quality:
    if rng.random() < 0.3:
        return Quality(delay_ns=rng.choice((10, 20, 50)) * MS)
    return Quality(
        drop=rng.choice((0.0, 0.05, 0.1, 0.2, 0.3)),
        duplicate=rng.choice((0.0, 0.1)),
        late=rng.choice((0.0, 0.05, 0.2)),
        delay_ns=rng.choice((10, 20, 50, 100)) * MS,
    )


def _fault(rng: Random, count: int, fragile: int | None) -> Fault:
    dice = rng.random()
    if dice < 0.4:
        node = rng.randrange(count)
        loses = node == fragile and rng.random() < 0.7
        disk = DiskFault.LOST_SYNC if loses else DiskFault.NONE
        return Crash(node, rng.randint(0, 12), rng.randint(50, 2_000) * MS, disk)
    if dice < 0.6:
        return _quality(rng)
    if dice < 0.75:
        return Cut(frozenset())
    side = {index for index in range(count) if rng.random() < 0.5}
    pairs = {(a, b) for a in side for b in range(count) if b not in side}
    if rng.random() < 0.6:
        pairs |= {(b, a) for a, b in pairs}
    return Cut(frozenset(pairs))
