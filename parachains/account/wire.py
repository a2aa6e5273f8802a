"""What account chain nodes say to each other: frames over a stream, RLP within.

Consensus messages carry their authors' signatures, blocks their seals, transactions their
senders', so a connection needs none of its own. Consensus messages keep Besu's codes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from chainkit.formats.ethereum.fields import (
    read_fields,
    read_hash,
    read_list,
    read_string,
    read_uint,
)
from chainkit.formats.ethereum.limits import MAX_BLOCK_BYTES
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.types import Hash32
from chainkit.wire.rlp import RlpItem, decode, encode, encode_uint

MAGIC = b"iacc"
FRAME_BYTES = 9
"""Magic, code, and the payload's size in 4 bytes."""

STATUS = 0x00
NEW_HEAD = 0x01
GET_BLOCKS = 0x02
BLOCKS = 0x03
TRANSACTIONS = 0x04
CONSENSUS_CODES = range(0x12, 0x16)
PROTOCOL_VERSION = 1
MAX_PAYLOAD_BYTES = 16_777_216
MAX_STATUS_BYTES = 256
"""The first message of a stranger is a greeting."""

MAX_BLOCKS_PER_MESSAGE = 32
MAX_TRANSACTIONS_PER_MESSAGE = 256
MAX_BLOCKS_BYTES = MAX_BLOCK_BYTES
"""Blocks are put into one message up to this; a single larger one goes alone."""

_UINT64 = 8


@dataclass(frozen=True, slots=True)
class Status:
    """A peer's greeting."""

    version: int
    chain_id: int
    genesis: Hash32
    head: int
    nonce: int
    """Chance of 64 bits, by which a node notices itself."""


def encode_frame(code: int, payload: bytes) -> bytes:
    """Return a message ready for the wire."""
    return MAGIC + bytes([code]) + len(payload).to_bytes(4, "big") + payload


def decode_frame(header: bytes, most: int = MAX_PAYLOAD_BYTES) -> tuple[int, int]:
    """Return code and size of the message that follows 9 bytes, if it has at most ``most``.

    Raises:
        MalformedMessage: Another protocol, or too large.
    """
    if len(header) != FRAME_BYTES or header[: len(MAGIC)] != MAGIC:
        raise MalformedMessage("not this chain's protocol")
    size = int.from_bytes(header[-4:], "big")
    if size > most:
        raise MalformedMessage(f"message of {size} bytes")
    return header[len(MAGIC)], size


def encode_status(status: Status) -> bytes:
    """Return the payload of a greeting."""
    numbers = (status.version, status.chain_id, status.head, status.nonce)
    version, chain_id, head, nonce = map(encode_uint, numbers)
    return encode((version, chain_id, status.genesis, head, nonce))


def decode_status(payload: bytes) -> Status:
    """Return a greeting.

    Raises:
        MalformedMessage: It is none.
    """
    version, chain_id, genesis, head, nonce = read_fields(_decode(payload, 8), 5, "status")
    return Status(
        read_uint(version, "version", 4),
        read_uint(chain_id, "chain id"),
        read_hash(genesis, "genesis"),
        read_uint(head, "head", _UINT64),
        read_uint(nonce, "nonce", _UINT64),
    )


def encode_number(number: int) -> bytes:
    """Return the payload of ``NEW_HEAD``."""
    return encode(encode_uint(number))


def decode_number(payload: bytes) -> int:
    """Return a head's number.

    Raises:
        MalformedMessage: It is none.
    """
    return read_uint(_decode(payload, 1), "number", _UINT64)


def encode_range(wanted: tuple[int, int]) -> bytes:
    """Return the payload of ``GET_BLOCKS``: the first number and the count."""
    first, count = wanted
    return encode((encode_uint(first), encode_uint(count)))


def decode_range(payload: bytes) -> tuple[int, int]:
    """Return the first number and the count of the blocks that a peer asks for.

    Raises:
        MalformedMessage: It is none, or asks for too many.
    """
    first, count = read_fields(_decode(payload, 3), 2, "range")
    wanted = read_uint(count, "count", 4)
    if wanted > MAX_BLOCKS_PER_MESSAGE:
        raise MalformedMessage(f"asks for {wanted} blocks")
    return read_uint(first, "first", _UINT64), wanted


def encode_items(items: Sequence[bytes]) -> bytes:
    """Return the payload of ``BLOCKS`` or ``TRANSACTIONS``: each encoded, as a string."""
    return encode(tuple(items))


def decode_items(payload: bytes, limit: int) -> tuple[bytes, ...]:
    """Return the encoded blocks or transactions of a message.

    Raises:
        MalformedMessage: It is none, or has more than ``limit``.
    """
    items = read_list(_decode(payload, limit + 1), "items")
    return tuple(read_string(item, "item") for item in items)


def _decode(payload: bytes, max_items: int) -> RlpItem:
    return decode(payload, max_bytes=MAX_PAYLOAD_BYTES, max_items=max_items, max_depth=1)
