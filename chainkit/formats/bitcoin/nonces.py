"""The search for proof of work: trying nonces of a header.

``first_nonce`` is the compiled extension where it was built, else its Python twin below;
they are compared in the tests.
"""

import hashlib
from collections.abc import Callable

HEAD_BYTES = 76
"""A header without its nonce."""

TARGET_BYTES = 32
NONCES = 1 << 32


def first_nonce_python(head: bytes, target: bytes, start: int, count: int) -> int:
    """Return the first of ``count`` nonces from ``start`` that gives enough work, or -1.

    Args:
        head: The header's 76 bytes before the nonce.
        target: What the hash may be at most, 32 bytes, big-endian.
        start: The first nonce, up to 2^32.
        count: How many; none is 2^32 or more.

    Raises:
        ValueError: A size or a nonce is out of range.
    """
    in_range = 0 <= start <= NONCES and 0 <= count <= NONCES - start
    if len(head) != HEAD_BYTES or len(target) != TARGET_BYTES or not in_range:
        raise ValueError("76 bytes of header, 32 of target, and nonces below 2^32 are wanted")
    first, tail = hashlib.sha256(head[:64]), head[64:]
    for nonce in range(start, start + count):
        inner = first.copy()
        inner.update(tail + nonce.to_bytes(4, "little"))
        digest = hashlib.sha256(inner.digest()).digest()
        if digest[31] <= target[0] and digest[::-1] <= target:
            return nonce
    return -1


def _fastest() -> Callable[[bytes, bytes, int, int], int]:
    try:
        from chainkit.formats.bitcoin._nonces import first_nonce  # noqa: PLC0415 - may be absent
    except ImportError:
        return first_nonce_python
    return first_nonce


first_nonce = _fastest()
"""As :func:`first_nonce_python`; ``OverflowError`` too for a negative number."""
