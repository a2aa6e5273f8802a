"""Targets, work, difficulty adjustment and median time past.

Spec:
    Bitcoin Core ``arith_uint256.cpp`` (SetCompact, GetCompact), ``pow.cpp``, ``chain.cpp``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from chainkit.formats.bitcoin.errors import BitcoinRuleBroken
from chainkit.formats.bitcoin.headers import BlockHeader
from chainkit.formats.bitcoin.limits import MEDIAN_TIME_SPAN


@dataclass(frozen=True, slots=True)
class ProofOfWorkRules:
    """The numbers that fix a chain's difficulty; times in seconds."""

    pow_limit: int
    """The easiest target, a 256-bit number."""
    target_spacing: int
    """Seconds between blocks that the adjustment aims at."""
    retarget_interval: int
    """Blocks in a difficulty period."""
    retargeting: bool = True
    """False keeps the first block's difficulty for ever (Core's regtest)."""
    clamp: int = 4
    """A period's time counts as at most this factor off the wanted time."""
    timewarp_grace: int | None = None
    """BIP-54: the most seconds that a period may start before its parent; None is off."""

    @property
    def target_timespan(self) -> int:
        """Seconds that a period should take."""
        return self.target_spacing * self.retarget_interval


MAINNET_RULES = ProofOfWorkRules(
    pow_limit=0xFFFF << 208 | (1 << 208) - 1, target_spacing=600, retarget_interval=2016
)
REGTEST_RULES = ProofOfWorkRules(
    pow_limit=(1 << 255) - 1, target_spacing=600, retarget_interval=144, retargeting=False
)


def target_of(bits: int) -> int:
    """Return the target of compact ``bits``.

    Raises:
        BitcoinRuleBroken: ``high-hash`` where it is negative, zero or over 256 bits.
    """
    size = bits >> 24
    word = bits & 0x007F_FFFF
    target = word >> 8 * (3 - size) if size <= 3 else word << 8 * (size - 3)
    negative = word != 0 and bits & 0x0080_0000 != 0
    overflow = word != 0 and (
        size > 34 or (word > 0xFF and size > 33) or (word > 0xFFFF and size > 32)
    )
    if negative or overflow or target == 0:
        raise BitcoinRuleBroken("high-hash", f"bits {bits:08x} are no target")
    return target


def bits_of(target: int) -> int:
    """Return the compact form of a target of at most 256 bits; low digits are cut."""
    size = (target.bit_length() + 7) // 8
    word = target << 8 * (3 - size) if size <= 3 else target >> 8 * (size - 3)
    if word & 0x0080_0000:
        word >>= 8
        size += 1
    return size << 24 | word


def work_of(bits: int) -> int:
    """Return the expected number of hashes behind a header with ``bits``."""
    return (1 << 256) // (target_of(bits) + 1)


def check_proof_of_work(header: BlockHeader, rules: ProofOfWorkRules) -> None:
    """Check that the header's hash is at most its target and the target within the limit.

    Raises:
        BitcoinRuleBroken: ``high-hash``.
    """
    target = target_of(header.bits)
    if target > rules.pow_limit:
        raise BitcoinRuleBroken("high-hash", f"bits {header.bits:08x} are easier than the limit")
    if int.from_bytes(header.hash, "little") > target:
        raise BitcoinRuleBroken("high-hash", "proof of work failed")


def retarget(previous_bits: int, first_time: int, last_time: int, rules: ProofOfWorkRules) -> int:
    """Return the bits of the period after one that ran from ``first_time`` to ``last_time``.

    The span covers one block less than a period, as in Bitcoin since the first day.
    """
    wanted = rules.target_timespan
    span = max(wanted // rules.clamp, min(wanted * rules.clamp, last_time - first_time))
    return bits_of(min(target_of(previous_bits) * span // wanted, rules.pow_limit))


def starts_period(height: int, rules: ProofOfWorkRules) -> bool:
    """Return whether the block at ``height`` carries a new difficulty."""
    return rules.retargeting and height % rules.retarget_interval == 0


def required_bits(
    height: int, parent: BlockHeader, period_first: BlockHeader | None, rules: ProofOfWorkRules
) -> int:
    """Return the bits that the block at ``height`` after ``parent`` must carry.

    ``period_first`` is the first header of the parent's period; needed where
    :func:`starts_period` says so.
    """
    if not starts_period(height, rules):
        return parent.bits
    assert period_first is not None
    return retarget(parent.bits, period_first.time, parent.time, rules)


def median_time_past(times: Sequence[int]) -> int:
    """Return the median of the last eleven block times (or of all, where there are fewer)."""
    last = sorted(times[-MEDIAN_TIME_SPAN:])
    return last[len(last) // 2]
