"""A chain of headers, each judged by its predecessor alone.

A :class:`ChainPoint` carries what the next header is judged by (the last times, the start
of the difficulty period, the work so far), so that no history is looked up.

Spec:
    Bitcoin Core ``validation.cpp``, ContextualCheckBlockHeader.
"""

from dataclasses import dataclass

from chainkit.formats.bitcoin.encoding import display_hash
from chainkit.formats.bitcoin.errors import BitcoinRuleBroken
from chainkit.formats.bitcoin.headers import BlockHeader
from chainkit.formats.bitcoin.limits import MAX_FUTURE_BLOCK_SECONDS, MEDIAN_TIME_SPAN
from chainkit.formats.bitcoin.proof_of_work import (
    ProofOfWorkRules,
    check_proof_of_work,
    median_time_past,
    retarget,
    starts_period,
    work_of,
)


@dataclass(frozen=True, slots=True)
class ChainPoint:
    """A header in its chain."""

    header: BlockHeader
    height: int
    chain_work: int
    """Work of all headers up to and with this one."""
    period_start: int
    """Time of the first header of its difficulty period, in UNIX seconds."""
    earlier_times: tuple[int, ...]
    """Times of the up to ten headers before it, oldest first."""

    @property
    def median_time_past(self) -> int:
        """Median of its own and the ten times before, in UNIX seconds (BIP-113)."""
        return median_time_past((*self.earlier_times, self.header.time))


def genesis_point(header: BlockHeader) -> ChainPoint:
    """Return the first point of a chain."""
    return ChainPoint(header, 0, work_of(header.bits), header.time, ())


def next_bits(point: ChainPoint, rules: ProofOfWorkRules) -> int:
    """Return the bits that a child of ``point`` must carry."""
    if not starts_period(point.height + 1, rules):
        return point.header.bits
    return retarget(point.header.bits, point.period_start, point.header.time, rules)


def extend(
    point: ChainPoint,
    header: BlockHeader,
    rules: ProofOfWorkRules,
    *,
    now: int,
    minimum_version: int = 4,
) -> ChainPoint:
    """Return the point of ``header`` as a child of ``point``; ``now`` in UNIX seconds.

    Raises:
        BitcoinRuleBroken: With Bitcoin Core's reject reason.
    """
    if header.previous_block != point.header.hash:
        raise BitcoinRuleBroken("prev-blk-not-found", display_hash(header.previous_block))
    check_proof_of_work(header, rules)
    wanted = next_bits(point, rules)
    if header.bits != wanted:
        raise BitcoinRuleBroken(
            "bad-diffbits", f"{header.bits:08x} at height {point.height + 1}, expected {wanted:08x}"
        )
    if header.time <= point.median_time_past:
        raise BitcoinRuleBroken("time-too-old", "not after the median of the last eleven times")
    new_period = starts_period(point.height + 1, rules)
    grace = rules.timewarp_grace
    if new_period and grace is not None and header.time < point.header.time - grace:
        raise BitcoinRuleBroken("time-timewarp-attack", "a period starts before its parent")
    if header.time > now + MAX_FUTURE_BLOCK_SECONDS:
        raise BitcoinRuleBroken("time-too-new", "over two hours ahead")
    if header.version < minimum_version:
        raise BitcoinRuleBroken(f"bad-version(0x{header.version & 0xFFFFFFFF:08x})")
    return ChainPoint(
        header=header,
        height=point.height + 1,
        chain_work=point.chain_work + work_of(header.bits),
        period_start=header.time if new_period else point.period_start,
        earlier_times=(*point.earlier_times, point.header.time)[-(MEDIAN_TIME_SPAN - 1) :],
    )
