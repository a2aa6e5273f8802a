"""Targets in compact form, their work, and the proof.

Spec:
    rusty-kaspa ``math/src/lib.rs`` (``from_compact_target_bits``), ``processes/difficulty.rs``
    (``calc_work``).
"""

from functools import lru_cache

from chainkit.formats.ghostdag.errors import TooLittleWork, WrongBits
from chainkit.formats.ghostdag.headers import Header

_REMEMBERED_BITS = 4_096
"""Difficulties whose target and work are kept: a chain changes them slowly."""


@lru_cache(maxsize=_REMEMBERED_BITS)
def target_of(bits: int) -> int:
    """Return the target, below 2**256.

    Raises:
        WrongBits: It is negative, zero, or over 256 bits.
    """
    size, word = bits >> 24, bits & 0x00FF_FFFF
    target = word >> 8 * (3 - size) if size <= 3 else word << 8 * (size - 3)
    if word & 0x0080_0000 or target == 0 or target >> 256:
        raise WrongBits(f"bits {bits:08x} are no target")
    return target


def bits_of(target: int) -> int:
    """Return the compact form of a target below 2**256; low digits are cut."""
    size = (target.bit_length() + 7) // 8
    word = target << 8 * (3 - size) if size <= 3 else target >> 8 * (size - 3)
    if word & 0x0080_0000:
        word >>= 8
        size += 1
    return size << 24 | word


@lru_cache(maxsize=_REMEMBERED_BITS)
def work_of(bits: int) -> int:
    """Return the expected number of hashes behind a header with ``bits``."""
    return (1 << 256) // (target_of(bits) + 1)


def check_proof_of_work(header: Header, limit: int) -> None:
    """Check that the hash, as a little-endian number, is at most the header's target.

    ``limit`` is the easiest target. Kaspa compares kHeavyHash of the header instead.

    Raises:
        WrongBits: The target is none, or is easier than ``limit``.
        TooLittleWork: The hash is above it.
    """
    target = target_of(header.bits)
    if target > limit:
        raise WrongBits(f"bits {header.bits:08x} are easier than the limit")
    if int.from_bytes(header.hash, "little") > target:
        raise TooLittleWork(f"hash {header.hash.hex()} is above the target")
