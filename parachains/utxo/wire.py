"""Bitcoin's messages between peers: framing, and the messages that this node speaks.

Spec:
    Bitcoin Core ``protocol.h``, ``net_processing.cpp``; version 70016.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from chainkit.formats.bitcoin.encoding import Reader, encode_compact_size, encode_sized
from chainkit.formats.bitcoin.errors import MalformedBitcoin
from chainkit.formats.bitcoin.hashing import double_sha256
from chainkit.formats.bitcoin.headers import BlockHeader, read_header

PROTOCOL_VERSION = 70016
NODE_NETWORK = 1
NODE_WITNESS = 8
SERVICES = NODE_NETWORK | NODE_WITNESS
HEADER_BYTES = 24
MAX_PAYLOAD_BYTES = 4_000_000
MAX_INVENTORY = 50_000
MAX_LOCATOR = 101
MAX_HEADERS = 2_000
MAX_USER_AGENT_BYTES = 256
_WITNESS_FLAG = 1 << 30
TX = 1
BLOCK = 2
_ADDRESS = bytes(8) + bytes(10) + b"\xff\xff" + bytes(6)


@dataclass(frozen=True, slots=True)
class Frame:
    """What a message's header says."""

    magic: bytes
    """Which network the message is of."""
    command: str
    size: int
    checksum: bytes


def encode_message(magic: bytes, command: str, payload: bytes) -> bytes:
    """Return a message ready for the wire."""
    name = command.encode().ljust(12, b"\0")
    return magic + name + len(payload).to_bytes(4, "little") + double_sha256(payload)[:4] + payload


def decode_frame(header: bytes) -> Frame:
    """Return what 24 bytes say of the message after them.

    Raises:
        MalformedBitcoin: Not 24 bytes, a command that is no text, or too large.
    """
    if len(header) != HEADER_BYTES:
        raise MalformedBitcoin(f"a message's header has {HEADER_BYTES} bytes")
    name = header[4:16].rstrip(b"\0")
    if not name or not all(0x20 < byte < 0x7F for byte in name):
        raise MalformedBitcoin("command is no text")
    size = int.from_bytes(header[16:20], "little")
    if size > MAX_PAYLOAD_BYTES:
        raise MalformedBitcoin(f"message of {size} bytes")
    return Frame(header[:4], name.decode(), size, header[20:24])


def check_payload(frame: Frame, payload: bytes) -> None:
    """Check a payload against its frame.

    Raises:
        MalformedBitcoin: The checksum differs.
    """
    if double_sha256(payload)[:4] != frame.checksum:
        raise MalformedBitcoin("checksum of a message is wrong")


@dataclass(frozen=True, slots=True)
class Version:
    """A peer's greeting."""

    protocol: int
    services: int
    time: int
    nonce: int
    user_agent: str
    start_height: int


def encode_version(version: Version) -> bytes:
    """Return the payload of ``version``."""
    return b"".join(
        (
            version.protocol.to_bytes(4, "little"),
            version.services.to_bytes(8, "little"),
            version.time.to_bytes(8, "little"),
            _ADDRESS,
            _ADDRESS,
            version.nonce.to_bytes(8, "little"),
            encode_sized(version.user_agent.encode()),
            version.start_height.to_bytes(4, "little"),
            b"\x01",
        )
    )


def decode_version(payload: bytes) -> Version:
    """Return a peer's greeting.

    Raises:
        MalformedBitcoin: It does not decode.
    """
    reader = Reader(payload)
    protocol, services, time = reader.unsigned(4), reader.unsigned(8), reader.unsigned(8)
    reader.take(2 * len(_ADDRESS))
    nonce = reader.unsigned(8)
    agent = reader.sized_bytes(MAX_USER_AGENT_BYTES)
    start_height = reader.unsigned(4)
    if not agent.isascii():
        raise MalformedBitcoin("user agent is no text")
    return Version(protocol, services, time, nonce, agent.decode(), start_height)


def encode_inventory(items: Sequence[tuple[int, bytes]], *, witness: bool = False) -> bytes:
    """Return the payload of ``inv``, or of ``getdata`` with the witness flag."""
    flag = _WITNESS_FLAG if witness else 0
    parts = [encode_compact_size(len(items))]
    parts += ((kind | flag).to_bytes(4, "little") + name for kind, name in items)
    return b"".join(parts)


def decode_inventory(payload: bytes) -> tuple[tuple[int, bytes], ...]:
    """Return (kind, hash) of an ``inv`` or ``getdata``; the witness flag is left out.

    Raises:
        MalformedBitcoin: It does not decode, or names over 50,000.
    """
    reader = Reader(payload)
    count = reader.compact_size(MAX_INVENTORY)
    items = tuple((reader.unsigned(4) & ~_WITNESS_FLAG, reader.take(32)) for _ in range(count))
    reader.finish()
    return items


def encode_getheaders(locator: Sequence[bytes]) -> bytes:
    """Return the payload of ``getheaders``: block hashes, newest first, and no stop."""
    head = PROTOCOL_VERSION.to_bytes(4, "little") + encode_compact_size(len(locator))
    return head + b"".join(locator) + bytes(32)


def decode_getheaders(payload: bytes) -> tuple[bytes, ...]:
    """Return the locator of a ``getheaders``.

    Raises:
        MalformedBitcoin: It does not decode, or is too long.
    """
    reader = Reader(payload)
    reader.take(4)
    locator = tuple(reader.take(32) for _ in range(reader.compact_size(MAX_LOCATOR)))
    reader.take(32)
    reader.finish()
    return locator


def encode_headers(headers: Sequence[BlockHeader]) -> bytes:
    """Return the payload of ``headers``."""
    parts = [encode_compact_size(len(headers))]
    parts += (header.encode() + b"\0" for header in headers)
    return b"".join(parts)


def decode_headers(payload: bytes) -> tuple[BlockHeader, ...]:
    """Return the headers of a ``headers``.

    Raises:
        MalformedBitcoin: It does not decode, or has over 2,000.
    """
    reader = Reader(payload)
    headers = []
    for _ in range(reader.compact_size(MAX_HEADERS)):
        headers.append(read_header(reader))
        if reader.unsigned(1):
            raise MalformedBitcoin("a header with transactions")
    reader.finish()
    return tuple(headers)
