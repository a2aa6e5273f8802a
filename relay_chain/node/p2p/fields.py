"""The protobuf that every packet is wrapped in, read and written by hand.

Packets are made for each kilobyte that goes over the wire, so they do not pass through
message objects. The reader keeps to a strict form: shortest varints, only the two wire
types that these messages use.
"""

from collections.abc import Iterator

from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.varint import decode_uvarint, encode_uvarint
from relay_chain.node.p2p.errors import MalformedFrame

VARINT = 0
LENGTH_DELIMITED = 2
_MAX_LENGTH_PREFIX_BYTES = 4


def varint_field(number: int, value: int) -> bytes:
    """Return a non-negative integer field; nothing for 0."""
    return encode_uvarint(number << 3 | VARINT) + encode_uvarint(value) if value else b""


def message_field(number: int, body: bytes) -> bytes:
    """Return an embedded message, written even when empty."""
    return encode_uvarint(number << 3 | LENGTH_DELIMITED) + encode_uvarint(len(body)) + body


def bytes_field(number: int, value: bytes) -> bytes:
    """Return a bytes or string field; nothing when empty."""
    return message_field(number, value) if value else b""


def read_fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield (field number, value) of a message of varint and length-delimited fields.

    Raises:
        MalformedMessage: The bytes end early, or another wire type.
    """
    offset = 0
    while offset < len(data):
        key, offset = decode_uvarint(data, offset)
        if key & 7 == VARINT:
            value, offset = decode_uvarint(data, offset)
            yield key >> 3, value
        elif key & 7 == LENGTH_DELIMITED:
            length, offset = decode_uvarint(data, offset)
            if length > len(data) - offset:
                raise MalformedMessage("field ends early")
            yield key >> 3, data[offset : offset + length]
            offset += length
        else:
            raise MalformedMessage(f"field {key >> 3} has wire type {key & 7}")


def read_bytes_fields(data: bytes, count: int) -> tuple[bytes, ...]:
    """Return fields 1 to ``count`` of a message of bytes fields, each at most once.

    Raises:
        MalformedMessage: Another field, a repeated one, or an integer.
    """
    found: dict[int, bytes] = {}
    for number, value in read_fields(data):
        if number in found or not 1 <= number <= count or isinstance(value, int):
            raise MalformedMessage(f"field {number} is unknown, repeated or no bytes")
        found[number] = value
    return tuple(found.get(number, b"") for number in range(1, count + 1))


def delimited(message: bytes) -> bytes:
    """Return ``message`` behind its length, as CometBFT's ``protoio`` writes it."""
    return encode_uvarint(len(message)) + message


class DelimitedReader:
    """Cuts a byte stream into the messages behind their lengths.

    Mutable: it holds what arrived of a message that is not whole yet, never more than one
    message's limit beyond what was fed last.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._offset = 0

    def feed(self, data: bytes) -> None:
        """Add bytes that arrived."""
        if self._offset:
            del self._buffer[: self._offset]
            self._offset = 0
        self._buffer += data

    def next_message(self, max_bytes: int) -> bytes | None:
        """Return the next whole message, or None until more arrives.

        Raises:
            MalformedFrame: A length over ``max_bytes``, or no shortest varint.
        """
        length = shift = 0
        at = self._offset
        while True:
            if at == len(self._buffer):
                return None
            byte = self._buffer[at]
            at += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
            if shift >= 7 * _MAX_LENGTH_PREFIX_BYTES:
                raise MalformedFrame("length prefix is too long")
        if byte == 0 and shift > 7:
            raise MalformedFrame("length prefix is not the shortest")
        if length > max_bytes:
            raise MalformedFrame(f"message of {length} bytes, over {max_bytes}")
        if len(self._buffer) - at < length:
            return None
        self._offset = at + length
        return bytes(self._buffer[at : at + length])

    def rest(self) -> bytes:
        """Return what lies behind the last message, and forget it."""
        rest = bytes(self._buffer[self._offset :])
        self._buffer.clear()
        self._offset = 0
        return rest
