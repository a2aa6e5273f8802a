"""Paths: one byte a half-byte, and their compact form in nodes.

Spec:
    Yellow Paper, appendix C, "Hex-Prefix Encoding".
"""

MAX_KEY_BYTES = 128
"""The longest key that we keep or prove; Ethereum's have up to 32."""

_DIGITS = bytes.maketrans(b"0123456789abcdef", bytes(range(16)))
_HEX = bytes.maketrans(bytes(range(16)), b"0123456789abcdef")
_LEAF_FLAG = 0x20
_ODD_FLAG = 0x10


def nibbles(key: bytes) -> bytes:
    """Return the path of a key: two bytes of 0 to 15 for each of its bytes."""
    return key.hex().encode().translate(_DIGITS)


def key_of(path: bytes) -> bytes:
    """Return the key of a path of even length."""
    return bytes.fromhex(path.translate(_HEX).decode())


def compact(path: bytes, *, is_leaf: bool) -> bytes:
    """Return the hex-prefix form of a path."""
    flag = _LEAF_FLAG if is_leaf else 0
    if len(path) & 1:
        return bytes((flag | _ODD_FLAG | path[0],)) + key_of(path[1:])
    return bytes((flag,)) + key_of(path)


def expand(data: bytes) -> tuple[bytes, bool] | None:
    """Return a path and whether it is a leaf's; None where ``data`` is no hex-prefix form."""
    if not data:
        return None
    flag = data[0] & 0xF0
    if flag > _LEAF_FLAG | _ODD_FLAG:
        return None
    path = nibbles(data)
    if flag & _ODD_FLAG:
        return path[1:], flag >= _LEAF_FLAG
    if data[0] & 0x0F:
        return None
    return path[2:], flag >= _LEAF_FLAG


def common_length(one: bytes, other: bytes) -> int:
    """Return how many nibbles both begin with."""
    count = 0
    for mine, its in zip(one, other, strict=False):
        if mine != its:
            break
        count += 1
    return count
