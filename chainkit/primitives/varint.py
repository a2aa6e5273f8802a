"""Unsigned LEB128 integers as protobuf and IAVL use them."""

from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.limits import UINT64_MAX

_ONE_BYTE = tuple(bytes((value,)) for value in range(0x80))
_MORE = tuple(int.from_bytes(b"\x80" * max(0, size - 1), "little") for size in range(6))
"""The marks of "more bytes follow" on all but the last of so many."""


def encode_uvarint(value: int) -> bytes:
    """Return the shortest encoding of ``value``, 0 to 2**64-1."""
    assert 0 <= value <= UINT64_MAX
    if value < 0x80:
        return _ONE_BYTE[value]
    if value < 1 << 35:
        # seven bits a byte, spread by shifts: no loop for heights, times and lengths
        spread = (
            value & 0x7F
            | (value & 0x3F80) << 1
            | (value & 0x1FC000) << 2
            | (value & 0xFE00000) << 3
            | (value & 0x7F0000000) << 4
        )
        size = (spread.bit_length() + 7) >> 3
        return (spread | _MORE[size]).to_bytes(size, "little")
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def decode_uvarint(data: bytes, offset: int = 0) -> tuple[int, int]:
    """Return the value at ``offset`` and the offset after it.

    Raises:
        MalformedMessage: The bytes end early, encode more than 64 bits, or are not the
            shortest encoding.
    """
    value = 0
    for count in range(10):
        if offset + count >= len(data):
            raise MalformedMessage("varint ends early")
        byte = data[offset + count]
        value |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            if byte == 0 and count > 0:
                raise MalformedMessage("varint is not the shortest encoding")
            if value > UINT64_MAX:
                raise MalformedMessage("varint is over 64 bits")
            return value, offset + count + 1
    raise MalformedMessage("varint is over 64 bits")


def encode_zigzag(value: int) -> bytes:
    """Return Go's ``binary.PutVarint`` encoding of a signed 64-bit integer (IAVL's fields)."""
    return encode_uvarint(value << 1 if value >= 0 else (-value << 1) - 1)


def decode_zigzag(data: bytes, offset: int = 0) -> tuple[int, int]:
    """Return the signed value at ``offset`` and the offset after it."""
    raw, end = decode_uvarint(data, offset)
    return (raw >> 1) ^ -(raw & 1), end
