"""What one seed means: every plan is drawn from it, and a few are scripted attacks."""

from collections.abc import Set as AbstractSet
from random import Random

from relay_chain.simulator.plan import (
    CHAOS_NS,
    MS,
    SECOND,
    Crash,
    Cut,
    DiskFault,
    Fault,
    Kind,
    Plan,
    Quality,
)
from relay_chain.simulator.scripts import lonely_lock, nil_polka_attack

BYZANTINE = (Kind.EQUIVOCATOR, Kind.AMNESIAC, Kind.WITHHOLDER, Kind.GARBAGE, Kind.HYDRA)
SCRIPTED_EVERY = 8
"""Each so many seeds one is a script."""


def plan_of_seed(seed: int) -> Plan:
    """Return the plan of a seed: 4 to 7 validators, Byzantine power below a third."""
    if seed % SCRIPTED_EVERY == SCRIPTED_EVERY - 1:
        return _scripted(seed)
    rng = Random(seed)
    count = rng.randint(4, 7)
    is_split = rng.random() < 0.3
    if is_split:
        count = 4
    powers = (10,) * count
    if rng.random() < 0.4 and not is_split:
        # Greatest first, as the set orders them: a node's number is its index.
        powers = tuple(sorted((rng.randint(5, 20) for _ in range(count)), reverse=True))
    kinds = _split_kinds(rng, count) if is_split else _kinds(rng, powers)
    fragile = _fragile(rng, powers, kinds)
    faults: list[tuple[int, Fault]] = [(0, _bad_quality(rng) if is_split else _quality(rng))]
    time = 0
    while (time := time + rng.randint(SECOND // 5, 2 * SECOND)) < CHAOS_NS:
        faults.append((time, _fault(rng, count, fragile)))
    skew = tuple(rng.randint(-400, 400) * MS for _ in range(count))
    faulty = {index for index, kind in enumerate(kinds) if not kind.is_correct} | fragile
    changes = _changes(rng, powers, faulty) if rng.random() < 0.4 else ()
    is_real = rng.random() < 0.05
    return Plan(seed, powers, kinds, tuple(faults), skew, changes=changes, real_signatures=is_real)


def _scripted(seed: int) -> Plan:
    match seed // SCRIPTED_EVERY % 4:
        case 0:
            return nil_polka_attack(seed, Kind.CORRECT)
        case 1:
            return lonely_lock(seed, Kind.CORRECT, is_decided=True)
        case 2:
            return lonely_lock(seed, Kind.CORRECT, is_decided=False)
        case _:
            return lonely_lock(seed, Kind.COMETBFT, is_decided=False)


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


def _split_kinds(rng: Random, count: int) -> tuple[Kind, ...]:
    """Return both lock rules and one hydra: what forks a network whose rules do not fit."""
    ours = rng.randint(1, count - 1)
    kinds = [*(Kind.CORRECT,) * ours, *(Kind.COMETBFT,) * (count - 1 - ours), Kind.HYDRA]
    rng.shuffle(kinds)
    return tuple(kinds)


def _fragile(rng: Random, powers: tuple[int, ...], kinds: tuple[Kind, ...]) -> frozenset[int]:
    """Return the node whose disk may lie, if the hostile leave room for one.

    It does not vote at a height of which it forgot something, so it counts as faulty.
    """
    hostile = sum(power for power, kind in zip(powers, kinds, strict=True) if not kind.is_correct)
    candidates = [
        index
        for index, power in enumerate(powers)
        if kinds[index].is_correct and 3 * (hostile + power) < sum(powers)
    ]
    return frozenset({rng.choice(candidates)}) if candidates else frozenset()


def _changes(
    rng: Random, powers: tuple[int, ...], faulty: AbstractSet[int]
) -> tuple[tuple[int, int, int], ...]:
    """Return changes of power, at most one a height, that leave the faulty below a third."""
    now = dict(enumerate(powers))
    changes: list[tuple[int, int, int]] = []
    height = 1
    for _ in range(rng.randint(1, 6)):
        height += rng.randint(1, 3)
        node = rng.randrange(len(powers))
        power = 0 if now[node] and rng.random() < 0.4 else rng.randint(5, 20)
        after = {**now, node: power}
        hostile = sum(after[index] for index in faulty)
        voters = sum(power > 0 for power in after.values())
        if 3 * hostile >= sum(after.values()) or voters < 3 or power == now[node]:
            continue
        now = after
        changes.append((height, node, power))
    return tuple(changes)


def _bad_quality(rng: Random) -> Quality:
    """Return a network that often shows a polka to some and not to others."""
    return Quality(
        drop=rng.choice((0.2, 0.3, 0.4)),
        duplicate=0.05,
        late=rng.choice((0.1, 0.2)),
        delay_ns=rng.choice((20, 80)) * MS,
    )


def _quality(rng: Random) -> Quality:
    if rng.random() < 0.2:
        return Quality()
    return Quality(
        drop=rng.choice((0.0, 0.02, 0.1, 0.3)),
        duplicate=rng.choice((0.0, 0.05, 0.2)),
        late=rng.choice((0.0, 0.05, 0.2)),
        delay_ns=rng.choice((5, 20, 80, 200)) * MS,
    )


def _fault(rng: Random, count: int, fragile: frozenset[int]) -> Fault:
    dice = rng.random()
    if dice < 0.4:
        down = rng.randint(10, 3_000) * MS
        node = rng.choice([*range(count), *fragile])
        disk = rng.choice(tuple(DiskFault)) if node in fragile else DiskFault.NONE
        return Crash(node, rng.randint(0, 12), down, disk)
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
