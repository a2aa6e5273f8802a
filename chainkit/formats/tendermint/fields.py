"""Protobuf fields written by hand, for the few messages that are hashed or signed.

Those are made for each vote, validator and header, and their bytes are the rule itself,
so they are spelled out here rather than built as message objects. The encoder of whole
messages is ``codec``; a test holds the two to the same bytes.
"""

from chainkit.primitives.timestamps import split_timestamp
from chainkit.primitives.types import TimestampNs
from chainkit.primitives.varint import encode_uvarint

_VARINT, _FIXED64, _LENGTH_DELIMITED = 0, 1, 2
_UINT64_MASK = 2**64 - 1


def integer(field: int, value: int) -> bytes:
    """Return an int32, int64, uint64 or enum field; nothing for 0."""
    if value == 0:
        return b""
    return encode_uvarint(field << 3 | _VARINT) + encode_uvarint(value & _UINT64_MASK)


def sfixed64(field: int, value: int) -> bytes:
    """Return an sfixed64 field; nothing for 0."""
    if value == 0:
        return b""
    return encode_uvarint(field << 3 | _FIXED64) + value.to_bytes(8, "little", signed=True)


def message(field: int, body: bytes) -> bytes:
    """Return an embedded message, written even when empty (gogoproto's non-nullable)."""
    return encode_uvarint(field << 3 | _LENGTH_DELIMITED) + encode_uvarint(len(body)) + body


def data(field: int, value: bytes) -> bytes:
    """Return a bytes or string field; nothing when empty."""
    return message(field, value) if value else b""


def timestamp(time: TimestampNs) -> bytes:
    """Return a ``google.protobuf.Timestamp``."""
    seconds, nanos = split_timestamp(time)
    return integer(1, seconds) + integer(2, nanos)
