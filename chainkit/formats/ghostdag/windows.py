"""Difficulty, DAA score and past median time: what the last blocks of a past say.

Of each merge set the blocks that are not too old count, in descending order; every so
many-th of these is a sample. A window holds the samples with the most blue work.
Genesis is in none.

Spec:
    KIP-0004; rusty-kaspa ``processes/window.rs``, ``difficulty.rs``, ``past_median_time.rs``.
"""

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass

from chainkit.formats.ghostdag.blocks import DagBlock, DagView, Order
from chainkit.formats.ghostdag.limits import CACHED_WINDOWS, MEDIAN_FRAME
from chainkit.formats.ghostdag.order import known
from chainkit.formats.ghostdag.parameters import DagParameters
from chainkit.formats.ghostdag.proof_of_work import bits_of, target_of
from chainkit.primitives.types import Hash32

_Sample = tuple[int, Hash32, int, int]
"""Blue work, hash, time in milliseconds, bits: sorts as blocks do."""


@dataclass(frozen=True, slots=True)
class Window:
    """Samples of a past in two orders, and the sum of their targets."""

    samples: tuple[_Sample, ...]
    """Ascending."""
    by_time: tuple[tuple[int, int, Hash32, int], ...]
    """Time, blue work, hash, bits; ascending."""
    target_sum: int


NO_WINDOW = Window((), (), 0)


class WindowCache:
    """Windows over the pasts of blocks, for the blocks above them; mutable and bounded."""

    __slots__ = ("_difficulty", "_median")

    def __init__(self) -> None:
        self._difficulty: dict[Hash32, Window] = {}
        self._median: dict[Hash32, Window] = {}

    def difficulty(self, view: DagView, order: Order, p: DagParameters) -> Window:
        """Return the difficulty window over the past of a block with this order."""
        size, rate = p.difficulty_window, p.difficulty_sample_rate
        return _window(view, order, p, size, rate, self._difficulty)

    def median(self, view: DagView, order: Order, p: DagParameters) -> Window:
        """Return the window for the past median time of a block with this order."""
        return _window(view, order, p, p.median_window, p.median_sample_rate, self._median)

    def keep(self, block: Hash32, difficulty: Window, median: Window) -> None:
        """Remember the windows over the past of ``block``; the oldest are forgotten."""
        for windows, window in ((self._difficulty, difficulty), (self._median, median)):
            windows[block] = window
            if len(windows) > CACHED_WINDOWS:
                del windows[next(iter(windows))]


def counted(view: DagView, order: Order, p: DagParameters) -> list[DagBlock]:
    """Return the blocks of a merge set that count for the difficulty, highest first.

    Those with a blue score below the window's lowest are too old; genesis counts never.
    """
    if order.selected_parent in {None, view.genesis}:
        return []
    lowest = order.blue_score - p.full_difficulty_window
    merged = (known(view, block) for block in order.blues + order.reds)
    young = [block for block in merged if block.order.blue_score >= lowest]
    return sorted(young, key=lambda block: block.sort_key, reverse=True)


def daa_score_of(view: DagView, order: Order, p: DagParameters) -> int:
    """Return the DAA score of a block with this order, which is not genesis."""
    assert order.selected_parent is not None
    selected = known(view, order.selected_parent)
    return selected.header.daa_score + len(counted(view, order, p))


def _samples(view: DagView, order: Order, p: DagParameters, rate: int) -> list[_Sample]:
    assert order.selected_parent is not None
    score = known(view, order.selected_parent).header.daa_score
    return [
        (block.order.blue_work, block.hash, block.header.timestamp, block.header.bits)
        for number, block in enumerate(counted(view, order, p), score + 1)
        if number % rate == 0
    ]


def _window(
    view: DagView,
    order: Order,
    p: DagParameters,
    size: int,
    rate: int,
    cache: dict[Hash32, Window],
) -> Window:
    """Collect samples down the selected chain, as far as one can still be among the highest."""
    fresh: list[_Sample] = []
    while order.selected_parent != view.genesis:
        assert order.selected_parent is not None
        selected = order.selected_parent
        fresh += _samples(view, order, p, rate)
        if selected in cache:
            return _with(cache[selected], fresh, size)
        block = known(view, selected)
        if len(fresh) >= size and sorted(fresh)[-size][:2] > block.sort_key:
            break
        order = block.order
    return _with(NO_WINDOW, fresh, size)


def _with(window: Window, fresh: Sequence[_Sample], size: int) -> Window:
    """Return the ``size`` highest of a window's samples and fresh ones."""
    if not fresh:
        return window
    samples, by_time, total = list(window.samples), list(window.by_time), window.target_sum
    for work, block, time, bits in fresh:
        insort(samples, (work, block, time, bits))
        insort(by_time, (time, work, block, bits))
        total += target_of(bits)
    surplus = max(len(samples) - size, 0)
    for work, block, time, bits in samples[:surplus]:
        del by_time[bisect_left(by_time, (time, work, block, bits))]
        total -= target_of(bits)
    return Window(tuple(samples[surplus:]), tuple(by_time), total)


def required_bits(view: DagView, order: Order, window: Window, p: DagParameters) -> int:
    """Return the bits of a block with this order over the past with this window.

    The average target of the window less its earliest block, times the time that the
    window took over the time that it should have taken.
    """
    assert order.selected_parent is not None
    if len(window.samples) < p.min_difficulty_window:
        return known(view, order.selected_parent).header.bits
    earliest, latest = window.by_time[0], window.by_time[-1]
    count = len(window.samples) - 1
    average = (window.target_sum - target_of(earliest[3])) // count
    measured = max(latest[0] - earliest[0], 1)
    expected = p.target_time_ms * p.difficulty_sample_rate * count
    return bits_of(min(average * measured // expected, p.max_target))


def past_median_time(window: Window, selected_parent_time: int) -> int:
    """Return the mean of the times in the middle of the window, in milliseconds.

    Of an even rest the higher half counts; an empty window gives the selected parent's time.
    """
    times = [sample[0] for sample in window.by_time]
    if not times:
        return selected_parent_time
    frame = min(len(times), MEDIAN_FRAME)
    end = (len(times) + frame + 1) // 2
    return (sum(times[end - frame : end]) + frame // 2) // frame
