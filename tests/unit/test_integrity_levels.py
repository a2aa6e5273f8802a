"""A level falls at once and rises slowly."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrity.axes import Level
from integrity.errors import InvalidTransition
from integrity.levels import (
    LevelParams,
    LevelState,
    confirm,
    level_before_fall,
    observe,
    set_cap,
    start,
)

PARAMS = LevelParams(rise_epochs=3, confirm_delay_epochs=2)
LEVELS = st.integers(0, 4).map(Level)


def risen(state: LevelState, computed: int, epoch: int) -> LevelState:
    """Return the state after an epoch."""
    return observe(state, Level(computed), PARAMS, epoch=epoch, height=epoch * 10)


def test_a_fall_is_whole_and_instant() -> None:
    """From 4 to 1 in the block that computes it."""
    fallen = risen(start(Level(4), Level(4)), 1, epoch=5)
    assert fallen.level == 1
    assert (fallen.previous, fallen.fell_at) == (4, 50)


def test_a_rise_needs_its_epochs_a_confirmation_and_a_delay() -> None:
    """IL-hysteresis: none of the three alone lifts a level, and a lift is of one level."""
    state = risen(start(Level(1), Level(4)), 4, epoch=10)
    for epoch in (11, 12):
        state = risen(state, 4, epoch)
        with pytest.raises(InvalidTransition, match="3 are needed"):
            confirm(state, PARAMS, epoch=epoch)
    state = risen(state, 4, epoch=60)
    assert state.level == 1, "no confirmation, no rise"
    state = confirm(state, PARAMS, epoch=60)
    assert risen(state, 4, epoch=61).level == 1, "the delay has not passed"
    state = risen(state, 4, epoch=62)
    assert state.level == 2
    with pytest.raises(InvalidTransition, match="no rise waits"):
        confirm(state, PARAMS, epoch=62)


def test_a_break_begins_the_count_again() -> None:
    """An epoch at the old level undoes the wait and the confirmation."""
    state = risen(start(Level(1), Level(4)), 2, epoch=1)
    state = confirm(state, PARAMS, epoch=4)
    state = risen(state, 1, epoch=5)
    assert (state.above_since, state.confirmed_at) == (None, None)
    assert risen(state, 2, epoch=9).level == 1


def test_a_cap_lowers_at_once_and_never_raises() -> None:
    """An operator's word counts downwards only."""
    state = set_cap(start(Level(3), Level(4)), Level(1), Level(3), PARAMS, epoch=1, height=10)
    assert state.level == 1
    state = set_cap(state, Level(4), Level(3), PARAMS, epoch=2, height=20)
    assert state.level == 1
    with pytest.raises(InvalidTransition):
        set_cap(state, Level(5), Level(3), PARAMS, epoch=2, height=20)


def test_packets_under_way_keep_the_level_that_they_were_sent_with_for_a_while() -> None:
    """For the hold limit after a fall, then no longer."""
    state = risen(start(Level(3), Level(4)), 1, epoch=5)
    assert level_before_fall(state, height=50, hold_blocks=20) == 3
    assert level_before_fall(state, height=70, hold_blocks=20) == 3
    assert level_before_fall(state, height=71, hold_blocks=20) == 1
    assert level_before_fall(start(Level(2), Level(4)), height=1, hold_blocks=20) == 2


@given(st.lists(st.tuples(LEVELS, st.booleans()), max_size=60), LEVELS, LEVELS)
def test_a_level_never_exceeds_cap_or_outruns_its_wait(
    steps: list[tuple[Level, bool]], first: Level, cap: Level
) -> None:
    """Whatever the axes do and whoever confirms, every rise waited its full time."""
    state = start(first, cap)
    last_rise = 0
    low_since = 0
    for epoch, (computed, wants_confirm) in enumerate(steps, start=1):
        before = state.level
        state = risen(state, computed, epoch)
        if min(computed, cap) <= before:
            low_since = epoch
        if wants_confirm:
            with contextlib.suppress(InvalidTransition):
                state = confirm(state, PARAMS, epoch=epoch)
        assert state.level <= cap
        assert state.level <= max(before, computed)
        if state.level > before:
            assert state.level == before + 1
            wait = PARAMS.rise_epochs + PARAMS.confirm_delay_epochs
            assert epoch - max(last_rise, low_since) >= wait
            last_rise = epoch
