"""The level of a chain from what was measured of it: the minimum over the axes, never a mean.

A chain with perfect uptime and one single attestor is of level 0: whoever wants to cheat goes
through the weakest part. Scores are whole numbers, the higher the better; the functions
``*_score`` make them from facts, exactly, so that every node of the hub comes to the same.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction
from math import comb
from types import MappingProxyType
from typing import NewType

from integrity.errors import InvalidMeasurement
from integrity.limits import MAX_NAME_BYTES, MAX_SCORE

Level = NewType("Level", int)
"""0, the lowest, to 4, the highest."""

LOWEST = Level(0)
HIGHEST = Level(4)
DAY_S = 86_400
MILLION = 1_000_000


class Axis(Enum):
    """What a chain's integrity depends on; the value is the name that users see."""

    VERIFICATION = "verification"
    CONTROL = "control"
    CAPTURE = "capture"
    FINALITY = "finality"
    ECONOMIC = "economic"
    CHANGE_CONTROL = "change_control"
    WATCH = "watch"
    LIVENESS = "liveness"
    HISTORY = "history"


class Source(Enum):
    """Who says so."""

    MEASURED = "measured"
    """The hub itself counted it."""
    DECLARED = "declared"
    """The network's description says it; nobody could measure it."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The least scores of the levels 1 to 4, for each axis; parameters of the hub."""

    least: Mapping[Axis, tuple[int, int, int, int]]

    def level(self, axis: Axis, score: int) -> Level:
        """Return how many of the axis' thresholds the score reaches."""
        return Level(sum(score >= least for least in self.least[axis]))


_BY_KIND = (1, 2, 3, 4)

STANDARD = Thresholds(
    MappingProxyType(
        {
            Axis.VERIFICATION: _BY_KIND,
            Axis.CONTROL: (2, 3, 7, 21),
            Axis.CAPTURE: (3, 6, 9, 12),
            Axis.FINALITY: _BY_KIND,
            Axis.ECONOMIC: (MILLION // 10 + 1, MILLION // 2 + 1, MILLION, 3 * MILLION),
            Axis.CHANGE_CONTROL: (1, DAY_S, 7 * DAY_S, 30 * DAY_S),
            Axis.WATCH: (1, 3, 5, 6),
            Axis.LIVENESS: (1, 900_000, 990_001, 999_001),
            Axis.HISTORY: (30, 100, 300, 1_000),
        }
    )
)
"""Those of the design, for networks of many operators."""

LAPTOP = Thresholds(
    MappingProxyType(
        {
            **STANDARD.least,
            Axis.CONTROL: (1, 1, 2, 7),
            Axis.CHANGE_CONTROL: (0, 1, 10, DAY_S),
            Axis.LIVENESS: (1, 2, 500_000, 900_000),
            Axis.HISTORY: (0, 0, 0, 1_000),
        }
    )
)
"""For a few processes on one machine, so that a small network shows several levels."""

PROFILES: Mapping[str, Thresholds] = MappingProxyType({"standard": STANDARD, "laptop": LAPTOP})


@dataclass(frozen=True, slots=True)
class Reading:
    """One axis of one chain: its score and who says so."""

    axis: Axis
    score: int
    source: Source
    note: str = ""
    """The facts in words, for people."""

    def __post_init__(self) -> None:
        if not 0 <= self.score <= MAX_SCORE:
            raise InvalidMeasurement(f"{self.axis.value}: a score of {self.score}")
        if len(self.note.encode()) > MAX_NAME_BYTES * 4:
            raise InvalidMeasurement(f"{self.axis.value}: a note of {len(self.note)} characters")


@dataclass(frozen=True, slots=True)
class AxisLevel:
    """A reading and the level that it comes to."""

    reading: Reading
    level: Level


@dataclass(frozen=True, slots=True)
class Assessment:
    """What the axes come to."""

    level: Level
    axes: tuple[AxisLevel, ...]
    """By the order of :class:`Axis`; an axis that does not apply is not in it."""
    disqualified: tuple[str, ...] = field(default=())
    """Why the level is 0 whatever the axes say."""

    def weakest(self) -> tuple[Axis, ...]:
        """Return the axes that decide the level."""
        return tuple(entry.reading.axis for entry in self.axes if entry.level == self.level)

    def not_applicable(self) -> tuple[Axis, ...]:
        """Return the axes that were left out of the minimum."""
        present = {entry.reading.axis for entry in self.axes}
        return tuple(axis for axis in Axis if axis not in present)


def assess(
    readings: Iterable[Reading], thresholds: Thresholds, disqualified: tuple[str, ...] = ()
) -> Assessment:
    """Return the level that readings come to: the least of the axes that apply.

    ``disqualified`` names what caps a chain at 0: a verifier of one, a quorum below two
    thirds, an operator whom nobody knows. No reading at all is level 0.

    Raises:
        InvalidMeasurement: An axis was given twice.
    """
    by_axis: dict[Axis, Reading] = {}
    for reading in readings:
        if reading.axis in by_axis:
            raise InvalidMeasurement(f"{reading.axis.value} was given twice")
        by_axis[reading.axis] = reading
    axes = tuple(
        AxisLevel(by_axis[axis], thresholds.level(axis, by_axis[axis].score))
        for axis in Axis
        if axis in by_axis
    )
    level = min((entry.level for entry in axes), default=LOWEST)
    return Assessment(LOWEST if disqualified else level, axes, disqualified)


def control_score(power_by_operator: Mapping[str, int], share: Fraction) -> int:
    """Return the Nakamoto coefficient: the fewest operators that hold more than ``share``.

    Keys of one operator count as one: bridges of many keys in one hand were taken. ``share``
    is what breaks safety, a third for BFT and a half for work. 0 when nobody has power.
    """
    total = sum(power_by_operator.values())
    taken = 0
    for count, power in enumerate(sorted(power_by_operator.values(), reverse=True), start=1):
        taken += power
        if taken > share * total:
            return count
    return 0


def capture_score(members: int, needed: int, chance: Fraction) -> int:
    """Return k of 10^-k, the chance that ``needed`` of ``members`` are taken in an epoch.

    The bound is C(n, k) p^k (L2BEAT's committee rule); the score is the whole number of
    decimal orders, rounded down, so a chance of 2 * 10^-3 scores 2.
    """
    if not 0 < needed <= members or not 0 < chance < 1:
        raise InvalidMeasurement(f"{needed} of {members} at {chance}")
    left = comb(members, needed) * chance**needed
    score = 0
    while left <= Fraction(1, 10):
        left *= 10
        score += 1
    return score


def economic_score(slashable: int, in_flight: int) -> int:
    """Return slashable stake over value in flight, in millionths, rounded down."""
    if in_flight == 0:
        return MAX_SCORE if slashable else 0
    return min(slashable * MILLION // in_flight, MAX_SCORE)


def change_control_score(delay_s: int, *, keys: int) -> int:
    """Return the seconds between announcing an upgrade and its effect; 1 for an instant quorum."""
    return max(delay_s, 1 if keys > 1 else 0)


def watch_score(outsiders: int, mean_blocks_to_detect: int | None) -> int:
    """Return the independent watchers, at most 5, and one more if they see within 2 blocks."""
    fast = mean_blocks_to_detect is not None and mean_blocks_to_detect < 2
    full = outsiders >= STANDARD.least[Axis.WATCH][2]
    return min(outsiders, STANDARD.least[Axis.WATCH][2]) + (1 if full and fast else 0)


def liveness_score(on_time: int, due: int) -> int:
    """Return the updates that came in time, in millionths of those due; all when none was due."""
    return MILLION if due == 0 else on_time * MILLION // due


def history_score(epochs_since_fraud: int | None, age_epochs: int) -> int:
    """Return the epochs since the last proved fraud, or since the chain joined."""
    return age_epochs if epochs_since_fraud is None else min(epochs_since_fraud, age_epochs)
