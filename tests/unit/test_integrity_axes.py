"""The level of a chain is the least of its measured axes."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrity.axes import (
    LAPTOP,
    MILLION,
    STANDARD,
    Axis,
    Level,
    Reading,
    Source,
    assess,
    capture_score,
    change_control_score,
    control_score,
    economic_score,
    history_score,
    liveness_score,
    watch_score,
)
from integrity.errors import InvalidMeasurement

SCORES = st.integers(0, 2**40)


def readings(scores: dict[Axis, int]) -> list[Reading]:
    """Return measured readings."""
    return [Reading(axis, score, Source.MEASURED) for axis, score in scores.items()]


FULL = {axis: STANDARD.least[axis][3] for axis in Axis}


def test_a_chain_of_one_attestor_is_of_level_0_however_good_the_rest_is() -> None:
    """The minimum decides, never a mean."""
    weak = {**FULL, Axis.VERIFICATION: 0}
    assessment = assess(readings(weak), STANDARD)
    assert assessment.level == 0
    assert assessment.weakest() == (Axis.VERIFICATION,)
    assert assess(readings(FULL), STANDARD).level == 4


@pytest.mark.parametrize("axis", list(Axis))
@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_each_axis_alone_bounds_the_level(axis: Axis, level: int) -> None:
    """One below a threshold is the level below, and no axis can be left unread."""
    least = STANDARD.least[axis][level - 1]
    assert assess(readings({**FULL, axis: least - 1}), STANDARD).level == level - 1
    assert assess(readings({**FULL, axis: least}), STANDARD).level >= level


def test_an_axis_that_does_not_apply_is_left_out_and_named() -> None:
    """Proof of work has no slashable stake."""
    without = {axis: score for axis, score in FULL.items() if axis is not Axis.ECONOMIC}
    assessment = assess(readings(without), STANDARD)
    assert assessment.level == 4
    assert assessment.not_applicable() == (Axis.ECONOMIC,)


def test_no_reading_is_level_0() -> None:
    """Nothing measured is nothing known."""
    assert assess([], STANDARD).level == 0


def test_what_disqualifies_caps_at_0() -> None:
    """A proved fraud outweighs every axis."""
    assert assess(readings(FULL), STANDARD, ("fraud proved at height 7",)).level == 0


def test_an_axis_given_twice_is_refused() -> None:
    """Two readings of one axis would let the better one be picked."""
    twice = [*readings(FULL), Reading(Axis.WATCH, 0, Source.DECLARED)]
    with pytest.raises(InvalidMeasurement, match="watch was given twice"):
        assess(twice, STANDARD)


@pytest.mark.parametrize("score", [-1, 2**63])
def test_a_score_outside_its_range_is_refused(score: int) -> None:
    """Scores come from genesis and messages."""
    with pytest.raises(InvalidMeasurement):
        Reading(Axis.WATCH, score, Source.DECLARED)


@given(st.dictionaries(st.sampled_from(Axis), SCORES, min_size=1), st.sampled_from(Axis), SCORES)
def test_a_worse_score_never_raises_the_level(
    scores: dict[Axis, int], axis: Axis, worse: int
) -> None:
    """The level is monotone in every axis that is read."""
    before = assess(readings(scores), LAPTOP)
    score = min(worse, scores.get(axis, worse))
    after = assess(readings({**scores, axis: score}), LAPTOP)
    assert after.level <= before.level
    assert before.level == min(entry.level for entry in before.axes)


@pytest.mark.parametrize(
    ("members", "needed", "score"), [(5, 2, 3), (9, 5, 7), (10, 7, 11), (19, 13, 21), (1, 1, 2)]
)
def test_the_chance_of_capture_is_that_of_real_committees(
    members: int, needed: int, score: int
) -> None:
    """C(n, k) p^k at 1 %: 10^-3, 1.3 * 10^-8, 1.2 * 10^-12, 2.7 * 10^-22 and 10^-2."""
    assert capture_score(members, needed, Fraction(1, 100)) == score


def test_keys_of_one_operator_count_once() -> None:
    """Five of nine keys in one hand are one operator: the Nakamoto coefficient is 1."""
    assert control_score({"one": 5, "b": 1, "c": 1, "d": 1, "e": 1}, Fraction(1, 3)) == 1
    assert control_score(dict.fromkeys("abcd", 1), Fraction(1, 3)) == 2
    assert control_score({}, Fraction(1, 3)) == 0


def test_scores_of_facts() -> None:
    """Each score at its edges."""
    assert economic_score(10, 100) == MILLION // 10
    assert STANDARD.level(Axis.ECONOMIC, economic_score(10, 100)) == Level(0)
    assert economic_score(0, 0) == 0
    assert STANDARD.level(Axis.ECONOMIC, economic_score(1, 0)) == Level(4)
    assert change_control_score(0, keys=1) == 0
    assert change_control_score(0, keys=2) == 1
    assert watch_score(4, 1) == 4
    assert watch_score(9, 1) == 6
    assert watch_score(9, 2) == 5
    assert liveness_score(0, 0) == MILLION
    assert liveness_score(899, 1000) == 899_000
    assert history_score(None, 40) == 40
    assert history_score(3, 40) == 3
