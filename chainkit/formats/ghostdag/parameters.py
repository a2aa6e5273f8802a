"""The numbers that fix a chain's order, difficulty and time; all integers."""

from dataclasses import dataclass
from fractions import Fraction

from chainkit.formats.ghostdag.limits import MAX_K, MAX_WINDOW_BLOCKS
from chainkit.primitives.errors import MalformedMessage


@dataclass(frozen=True, slots=True)
class DagParameters:
    """Data, as in rusty-kaspa's ``config/params.rs``."""

    k: int
    """The most blue blocks in the anticone of a blue block."""
    max_target: int
    """The easiest target, below 2**256."""
    target_time_ms: int
    """Milliseconds between blocks that the difficulty aims at."""
    difficulty_window: int
    """Samples in the difficulty window."""
    min_difficulty_window: int
    """With fewer samples a block has the difficulty of its selected parent."""
    difficulty_sample_rate: int
    """Every how many-th block is a sample."""
    median_window: int
    """Samples whose times give the past median time."""
    median_sample_rate: int
    max_parents: int
    merge_set_limit: int
    """The most blocks in a merge set, the selected parent counted in."""
    merge_depth: int
    """Blue scores below a block, from which on it merges no red block."""
    pruning_depth: int
    """Blue scores below a block at which its pruning point may be."""
    pruning_interval: int
    """The pruning point moves by this many blue scores at a time."""
    timestamp_tolerance_ms: int
    """How far ahead of the verifier's clock a header's time may be."""
    version: int = 1

    @property
    def full_difficulty_window(self) -> int:
        """Blocks from which the difficulty window takes its samples."""
        return self.difficulty_window * self.difficulty_sample_rate

    @property
    def reach(self) -> int:
        """Blue scores below a block to which its check may look back.

        A node or client that keeps this much of the selected chain can judge every block
        on it: windows, merge depth and pruning point end above.
        """
        median = self.median_window * self.median_sample_rate
        pruning = self.pruning_depth + self.pruning_interval
        return max(self.full_difficulty_window, median, self.merge_depth, pruning) + self.k + 1


def validate_parameters(p: DagParameters) -> None:
    """Check the numbers of a chain against one another.

    Raises:
        MalformedMessage: One is out of its range.
    """
    positive = (
        p.target_time_ms,
        p.difficulty_sample_rate,
        p.median_window,
        p.median_sample_rate,
        p.max_parents,
        p.merge_set_limit,
        p.pruning_interval,
    )
    if not 0 <= p.k <= MAX_K or min(positive) < 1 or p.timestamp_tolerance_ms < 0:
        raise MalformedMessage("k, times, rates and limits of the DAG are positive")
    if not 2 <= p.min_difficulty_window <= p.difficulty_window <= MAX_WINDOW_BLOCKS:
        raise MalformedMessage(
            f"a difficulty window has 2 to {MAX_WINDOW_BLOCKS} samples, its minimum no more"
        )
    if p.median_window > MAX_WINDOW_BLOCKS or not 0 < p.max_target < 1 << 256:
        raise MalformedMessage("the median window or the easiest target is too large")
    if p.merge_depth <= p.k or p.pruning_depth <= p.merge_depth:
        raise MalformedMessage("k, merge depth and pruning depth rise in this order")


def anticone_bound(delay_ms: int, interval_ms: int, delta: Fraction) -> int:
    """Return k: the least k with P(Poisson(2 * delay / interval) > k) < delta.

    Computed off chain and given to it as a parameter. The answer is exact: both sides are
    compared as fractions, with the cut-off tail bounded by a geometric series.

    Args:
        delay_ms: The longest time that a block takes to reach everybody, D.
        interval_ms: Mean time between blocks, 1 / lambda.
        delta: The share of honest blocks that may turn red; between 0 and 1.

    Spec:
        eprint 2018/104 (PHANTOM and GHOSTDAG), section 4.2, equation 1.
    """
    assert delay_ms >= 0
    assert interval_ms > 0
    assert 0 < delta < 1
    mean = Fraction(2 * delay_ms, interval_ms)
    k, term, head = 0, Fraction(1), Fraction(1)
    while not _tail_is_below(mean, k, term, head, delta):
        k += 1
        term *= mean * Fraction(1, k)
        head += term
    return k


def _tail_is_below(mean: Fraction, k: int, term: Fraction, head: Fraction, delta: Fraction) -> bool:
    """Return whether sum(i > k) < delta * sum(all i) of mean**i / i!; ``head`` sums up to k."""
    tail, at = Fraction(0), k
    while True:
        at += 1
        term *= mean * Fraction(1, at)
        tail += term
        gap = at + 1 - mean
        if gap <= 0:
            continue
        # all terms after this one are below a geometric series of the ratio mean / (at + 1),
        # and come to at most term * mean / gap
        if (tail * gap + term * mean) * (1 - delta) < delta * head * gap:
            return True
        if tail * (1 - delta) >= delta * head:
            return False
