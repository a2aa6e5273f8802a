"""How a level moves: it falls at once and rises slowly (INTEGRITY.md, "Rules").

A fall acts in the block that computes it. A rise by one level needs the computed level above
the present one for ``rise_epochs`` epochs without a break, then a confirmation by governance,
then ``confirm_delay_epochs`` more. An operator's cap may lower a level, never raise it.
"""

from dataclasses import dataclass, replace

from integrity.axes import HIGHEST, LOWEST, Level
from integrity.errors import InvalidTransition


@dataclass(frozen=True, slots=True)
class LevelParams:
    """How slowly levels rise; parameters of the hub."""

    rise_epochs: int = 30
    """Epochs that the axes must stay above before a rise can be confirmed."""
    confirm_delay_epochs: int = 3
    """Epochs between the confirmation and the rise."""

    def __post_init__(self) -> None:
        if self.rise_epochs < 1 or self.confirm_delay_epochs < 0:
            raise InvalidTransition(
                f"rise after {self.rise_epochs} and {self.confirm_delay_epochs} epochs"
            )


@dataclass(frozen=True, slots=True)
class LevelState:
    """The level of a chain and what is under way."""

    level: Level
    cap: Level = HIGHEST
    """What the chain's operator allows at most."""
    above_since: int | None = None
    """The epoch from which the computed level has been above the present one."""
    confirmed_at: int | None = None
    """The epoch in which governance confirmed the rise."""
    previous: Level | None = None
    """The level before the last fall, for packets that were under way."""
    fell_at: int | None = None
    """The hub's height of the last fall."""


def start(computed: Level, cap: Level) -> LevelState:
    """Return the state at genesis: the computed level, under the operator's cap."""
    return LevelState(min(computed, cap), cap)


def observe(
    state: LevelState, computed: Level, params: LevelParams, *, epoch: int, height: int
) -> LevelState:
    """Return the state after the axes came to ``computed``.

    ``epoch`` never goes backwards. A fall is whole and acts now; a rise is of one level.
    """
    target = min(computed, state.cap)
    if target < state.level:
        return replace(
            state,
            level=target,
            above_since=None,
            confirmed_at=None,
            previous=state.level,
            fell_at=height,
        )
    if target == state.level:
        return replace(state, above_since=None, confirmed_at=None)
    if state.above_since is None:
        return replace(state, above_since=epoch)
    if state.confirmed_at is None or epoch < state.confirmed_at + params.confirm_delay_epochs:
        return state
    risen = Level(state.level + 1)
    return replace(state, level=risen, above_since=None, confirmed_at=None)


def confirm(state: LevelState, params: LevelParams, *, epoch: int) -> LevelState:
    """Return the state with the pending rise confirmed by governance.

    Raises:
        InvalidTransition: No rise is pending, or it has not lasted long enough.
    """
    if state.above_since is None or state.confirmed_at is not None:
        raise InvalidTransition("no rise waits for a confirmation")
    lasted = epoch - state.above_since
    if lasted < params.rise_epochs:
        raise InvalidTransition(f"above for {lasted} epochs, {params.rise_epochs} are needed")
    return replace(state, confirmed_at=epoch)


def set_cap(
    state: LevelState, cap: Level, computed: Level, params: LevelParams, *, epoch: int, height: int
) -> LevelState:
    """Return the state under another cap of the operator; a higher cap only lets it rise."""
    if not LOWEST <= cap <= HIGHEST:
        raise InvalidTransition(f"a cap of {cap}")
    return observe(replace(state, cap=cap), computed, params, epoch=epoch, height=height)


def level_before_fall(state: LevelState, *, height: int, hold_blocks: int) -> Level:
    """Return the level that packets under way were sent with.

    For ``hold_blocks`` after a fall that is the level before it, afterwards the present one.
    """
    if state.fell_at is None or state.previous is None or height > state.fell_at + hold_blocks:
        return state.level
    return max(state.level, state.previous)
