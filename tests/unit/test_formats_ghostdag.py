"""Kaspa's headers, the rules of a header's place, k, and the index behind them."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest

from chainkit.formats.ghostdag import errors
from chainkit.formats.ghostdag.dag import Dag, kept_above, ordered_merge_set, selected_chain
from chainkit.formats.ghostdag.hashing import (
    MERKLE_BRANCH_HASH,
    ZERO_HASH,
    keyed_hash,
    merkle_root,
)
from chainkit.formats.ghostdag.headers import decode_header
from chainkit.formats.ghostdag.parameters import anticone_bound, validate_parameters
from chainkit.formats.ghostdag.proof_of_work import bits_of, check_proof_of_work, target_of, work_of
from chainkit.formats.ghostdag.reachability import PythonReachability, Reachability
from chainkit.formats.ghostdag.windows import Window, past_median_time
from chainkit.primitives.errors import MalformedMessage
from tests import dags
from tests.dags import NOW_MS, PARAMETERS, grow, mine, new_dag, rounds, unmined, work_on


@pytest.mark.parametrize(
    ("delay_ms", "interval_ms", "k"),
    [(5_000, 1_000, 18), (5_000, 100, 124), (2_000, 1_000, 9), (1_000, 1_000, 6), (0, 1_000, 0)],
)
def test_k_by_the_formula(delay_ms, interval_ms, k):
    """Kaspa's 18 and 124, and our own 9 and 6, are what the formula gives at one percent."""
    assert anticone_bound(delay_ms, interval_ms, Fraction(1, 100)) == k


def test_a_smaller_share_of_red_blocks_needs_a_larger_k():
    """k rises as delta falls, also far beyond what floats tell apart."""
    assert anticone_bound(2_000, 1_000, Fraction(1, 10**40)) > anticone_bound(
        2_000, 1_000, Fraction(1, 10**39)
    )


def test_a_header_has_one_form():
    """Cut, longer, or with leading zeros in the blue work: refused, each by its reason."""
    dag = new_dag()
    header = grow(dag, dag.genesis, 3)[-1].header
    raw = header.encode()

    assert decode_header(raw) == header
    with pytest.raises(errors.MalformedHeader, match="within a field"):
        decode_header(raw[:-1])
    with pytest.raises(errors.MalformedHeader, match="follow"):
        decode_header(raw + b"\0")
    with pytest.raises(errors.MalformedHeader, match="more than 65536"):
        decode_header(raw + bytes(65_536))
    work = raw[-32 - 1 - 8 : -32]
    assert work[:8] == (1).to_bytes(8, "little")
    padded = raw[: -32 - 9] + (2).to_bytes(8, "little") + b"\0" + raw[-33:]
    with pytest.raises(errors.MalformedHeader, match="leading zeros"):
        decode_header(padded)
    with pytest.raises(errors.MalformedHeader, match="levels"):
        decode_header(raw[:2] + (256).to_bytes(8, "little") + raw[10:])
    with pytest.raises(errors.MalformedHeader, match="parents"):
        decode_header(raw[:10] + (256).to_bytes(8, "little") + raw[18:])
    with pytest.raises(errors.MalformedHeader, match="bytes of blue work"):
        decode_header(raw[: -32 - 9] + (25).to_bytes(8, "little") + bytes([1] * 25) + raw[-32:])


@pytest.mark.parametrize("bits", [0x1E21BC1C, 0x207FFFFF, 0x03123456, 0x0200ABCD & 0xFF00FF00])
def test_compact_bits_come_back(bits):
    """The target of bits has these bits."""
    target = target_of(bits)

    assert target_of(bits_of(target)) == target
    assert work_of(bits) == (1 << 256) // (target + 1)


@pytest.mark.parametrize("bits", [0, 0x1E80FFFF, 0xFF00FFFF, 0x01000000])
def test_bits_that_are_no_target(bits):
    """Zero, negative, or above 256 bits."""
    with pytest.raises(errors.WrongBits):
        target_of(bits)


def test_merkle_root():
    """None gives zero, one is itself, an odd level is filled with zero."""
    a, b, c = (bytes([n]) * 32 for n in (1, 2, 3))

    def above(left, right):
        return keyed_hash(MERKLE_BRANCH_HASH, left + right)

    assert merkle_root([]) == ZERO_HASH
    assert merkle_root([a]) == a
    assert merkle_root([a, b, c]) == above(above(a, b), above(c, ZERO_HASH))


def test_a_dag_of_parallel_blocks():
    """Two blocks a round: both blue, scores grow by two, the merge set starts with the selected."""
    dag = new_dag()
    rounds(dag, 6)
    tip = mine(dag, dag.tips)
    merged = ordered_merge_set(dag, tip)

    assert tip.order.blue_score == 13
    assert not tip.order.reds
    assert [block.hash for block in merged[:1]] == [tip.order.selected_parent]
    assert len(merged) == 2
    assert [block.hash for block in selected_chain(dag, tip.hash)][-1] == dag.genesis
    assert dag.selected_tip == tip
    assert dag.insert(tip.header, NOW_MS) is tip


def test_k_plus_one_blocks_aside_turn_red():
    """Of a branch that hides while k + 1 others are made, all is red."""
    dag = new_dag()
    start = grow(dag, dag.genesis, 2)[-1]
    main = grow(dag, start.hash, PARAMETERS.k + 2, salt=1)
    hidden = grow(dag, start.hash, 2, salt=2)
    tip = mine(dag, [main[-1].hash, hidden[-1].hash])

    assert set(tip.order.reds) == {block.hash for block in hidden}
    assert tip.order.blue_score == main[-1].order.blue_score + 1


@pytest.fixture
def grown():
    dag = new_dag()
    rounds(dag, 8)
    return dag


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"version": 2}, errors.WrongVersion),
        ({"blue_score": 1}, errors.WrongBlueScore),
        ({"blue_work": 1}, errors.WrongBlueWork),
        ({"daa_score": 1}, errors.WrongDaaScore),
        ({"bits": bits_of(dags.EASY_TARGET >> 1)}, errors.WrongBits),
        ({"bits": bits_of((1 << 255) - 1)}, errors.WrongBits),
        ({"timestamp": dags.START_MS}, errors.TimeTooOld),
        ({"timestamp": NOW_MS + PARAMETERS.timestamp_tolerance_ms + 1}, errors.TimeTooNew),
        ({"pruning_point": ZERO_HASH}, errors.WrongPruningPoint),
        ({"parents_by_level": ((b"x" * 32,),)}, errors.UnknownParent),
        ({"parents_by_level": ((),)}, errors.WrongParents),
        ({"parents_by_level": ()}, errors.WrongParents),
    ],
)
def test_a_mined_header_that_breaks_one_rule(grown, change, rule):
    """It is refused for that rule, and the DAG stays as it was."""
    before = len(grown)
    header = work_on(replace(unmined(grown, grown.tips), **change))
    with pytest.raises(rule):
        grown.insert(header, NOW_MS)

    assert len(grown) == before


def test_bad_parents(grown):
    """One twice, one too many, levels, and an ancestor of another: each is refused."""
    header = unmined(grown, grown.tips)
    tip = grown.tips[0]
    older = grown.find(tip).header.parents[0]
    many = tuple(bytes([n]) * 32 for n in range(PARAMETERS.max_parents + 1))
    for levels, rule in [
        (((tip, tip),), errors.WrongParents),
        ((many,), errors.WrongParents),
        (((tip,), (tip,)), errors.WrongParents),
        (((tip, older),), errors.RedundantParent),
        (((older, tip),), errors.RedundantParent),
    ]:
        with pytest.raises(rule):
            grown.insert(work_on(replace(header, parents_by_level=levels)), NOW_MS)


def test_a_header_without_work_is_refused(grown):
    """Its hash is above the target."""
    header = unmined(grown, grown.tips)
    while int.from_bytes(header.hash, "little") <= dags.EASY_TARGET:
        header = replace(header, nonce=header.nonce + 1)
    with pytest.raises(errors.TooLittleWork):
        grown.insert(header, NOW_MS)


def test_the_easiest_target():
    """Bits easier than the limit are refused, whatever the hash is."""
    dag = new_dag()
    header = replace(unmined(dag, dag.tips), bits=bits_of((1 << 255) - 1))
    while int.from_bytes(header.hash, "little") > target_of(header.bits):
        header = replace(header, nonce=header.nonce + 1)
    with pytest.raises(errors.WrongBits, match="easier than the limit"):
        check_proof_of_work(header, PARAMETERS.max_target)
    check_proof_of_work(header, (1 << 255) - 1)


def test_difficulty_follows_the_times():
    """Blocks twice as fast make the next ones harder, slower ones easier again."""
    dag = new_dag()
    fast = grow(dag, dag.genesis, 40, after_ms=250)[-1]
    slow = grow(dag, fast.hash, 30, after_ms=4_000)[-1]

    assert target_of(fast.header.bits) < dags.EASY_TARGET // 2
    assert target_of(slow.header.bits) > target_of(fast.header.bits)


def test_merge_set_has_a_limit():
    """A block that merges more than the limit is refused, its selected parent counted in."""
    dag = new_dag(replace(PARAMETERS, merge_set_limit=4))
    start = grow(dag, dag.genesis, 2)[-1].hash
    main = grow(dag, start, 8, salt=1)[-1].hash
    side = grow(dag, start, 4, salt=2)

    assert len(mine(dag, [main, side[2].hash]).merge_set) == 4
    with pytest.raises(errors.MergeSetTooBig):
        unmined(dag, [main, side[3].hash])


def deep_world():
    dag = new_dag()
    start = grow(dag, dag.genesis, 2)[-1].hash
    old = grow(dag, start, 1, salt=9)[-1].hash
    young = grow(dag, start, PARAMETERS.merge_depth, salt=1)[-1].hash
    return dag, old, young


def test_a_red_block_is_merged_down_to_the_merge_depth():
    """At the depth it may be merged, one block later it may not."""
    dag, old, young = deep_world()
    assert mine(dag, [young, old]).order.reds == (old,)

    dag, old, young = deep_world()
    young = grow(dag, young, 1)[-1].hash
    header = work_on(unmined(dag, [young, old]))
    with pytest.raises(errors.MergedTooDeep):
        dag.insert(header, NOW_MS)


def test_a_young_blue_block_that_merged_it_excuses_a_deep_red_one():
    """What an honest block merged in time does not make that block unmergeable later."""
    dag, old, young = deep_world()
    side = mine(dag, [young, old]).hash
    main = grow(dag, young, 3, salt=3)[-1].hash
    tip = mine(dag, [main, side])

    assert side in tip.order.blues
    assert old in tip.order.reds


def test_the_pruning_point_moves_by_its_interval():
    """It stays for ten scores, then is the highest chain block at or below a multiple of ten."""
    dag = new_dag()
    chain = grow(dag, dag.genesis, 65)
    points = [block.header.pruning_point for block in chain]

    assert points[:39] == [dag.genesis] * 39
    assert points[39:49] == [chain[9].hash] * 10
    assert points[49:59] == [chain[19].hash] * 10


def test_time_never_goes_back_along_the_chain():
    """Chain time is the running maximum of past median times, and before every header's time."""
    dag = new_dag()
    rounds(dag, 10)
    mine(dag, dag.tips, after_ms=-3_000)
    rounds(dag, 3, salt=700)
    chain = list(selected_chain(dag, dag.selected_tip.hash))

    for above, below in pairwise(chain):
        assert above.chain_time_ms >= below.chain_time_ms
        assert above.chain_time_ms >= above.median_time_ms
        assert above.header.timestamp > above.median_time_ms


@pytest.mark.parametrize(
    ("times", "expected"),
    [([], 77), ([5], 5), ([1, 2], 2), ([*range(20)], 10), ([0] * 8 + [100] * 13, 73)],
)
def test_past_median_time(times, expected):
    """The mean of up to eleven times in the middle, rounded half up."""
    window = Window((), tuple((time, 0, ZERO_HASH, 0) for time in times), 0)

    assert past_median_time(window, 77) == expected


def test_a_dag_from_the_middle_judges_like_the_whole():
    """Started at a block of the selected chain, it takes the same headers, and refuses old forks."""
    whole = new_dag()
    rounds(whole, 40)
    chain = list(selected_chain(whole, whole.selected_tip.hash))
    root = next(b for b in chain if b.order.blue_score <= chain[0].order.blue_score - 48)
    part = Dag(PARAMETERS, kept_above(whole, root.hash).values(), whole.genesis)
    fresh = rounds(whole, 10, salt=500)
    for block in fresh:
        assert part.insert(block.header, NOW_MS) == block

    assert part.root == root.hash
    assert len(part) < len(whole)
    old = mine(whole, chain[-4].header.parents, salt=999)
    with pytest.raises(errors.UnknownParent):
        part.insert(old.header, NOW_MS)


def test_genesis_has_nothing_before_it():
    """A first header with a score, or with parents, is none."""
    for change in ({"blue_score": 1}, {"parents_by_level": ((ZERO_HASH,),)}):
        with pytest.raises(errors.WrongGenesis):
            Dag.from_genesis(PARAMETERS, replace(dags.genesis(), **change))


@pytest.mark.parametrize(
    "change",
    [
        {"k": -1},
        {"max_parents": 0},
        {"min_difficulty_window": 1},
        {"difficulty_window": 10_001},
        {"median_window": 10_001},
        {"max_target": 1 << 256},
        {"merge_depth": 3},
        {"pruning_depth": 12},
        {"timestamp_tolerance_ms": -1},
    ],
)
def test_parameters_have_ranges(change):
    """Each number out of its range is refused."""
    validate_parameters(PARAMETERS)
    with pytest.raises(MalformedMessage):
        validate_parameters(replace(PARAMETERS, **change))


@pytest.mark.parametrize("twin", [Reachability, PythonReachability])
def test_the_index_refuses_what_it_does_not_know(twin):
    """A block cannot be above one that was not added."""
    index = twin()
    with pytest.raises(IndexError):
        index.add(1, [])
    with pytest.raises(IndexError):
        index.add(0, [1])

    assert len(index) == 1


@pytest.mark.parametrize("twin", [Reachability, PythonReachability])
@pytest.mark.parametrize("shape", ["star", "chain", "comb"])
def test_the_index_grows_without_end(twin, shape):
    """Thousands of children of one block, a long chain, and both: every interval stays apart."""
    index = twin()
    above = {"star": lambda n: 1, "chain": lambda n: n, "comb": lambda n: n - n % 2 or 1}[shape]
    parents = [-1, 0]
    index.add(0, [])
    for number in range(1, 3_000):
        parents.append(above(number))
        index.add(parents[-1], [])
    last = [0] * len(parents)
    for number, parent in enumerate(parents[1:], 1):
        start, end = index.interval(number)
        above_start, above_end = index.interval(parent)
        assert above_start <= start <= end < above_end
        assert start > last[parent]
        last[parent] = end
