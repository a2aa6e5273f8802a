"""What nodes say to each other: frames, and the messages in them.

A frame is the first 4 bytes of genesis' hash, one byte for the kind, 4 for the length
(big-endian), and a message of ``isthmus.dag.v1``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from chainkit.formats.ghostdag.headers import Header, decode_header
from chainkit.formats.ghostdag.limits import HASH_BYTES
from chainkit.primitives.types import Hash32
from chainkit.wire.codec import decode_strict, encode
from chainkit.wire.proto.isthmus.dag.v1 import p2p_pb2
from parachains.dag.blocks import Block
from parachains.dag.errors import MalformedDag
from parachains.dag.limits import MAX_BODY_BYTES, MAX_TRANSACTION_BYTES
from parachains.dag.transactions import Transaction, decode_body, decode_transaction

PROTOCOL_VERSION = 1
MAGIC_BYTES = 4
FRAME_BYTES = MAGIC_BYTES + 5
MAX_LOCATOR = 128
MAX_HEADERS = 1_024
MAX_ANNOUNCED_HEADERS = 16
MAX_HASHES = 1_024
MAX_ASKED_BLOCKS = 64
MAX_TRANSACTIONS = 512
MAX_CHAIN_ID_CHARS = 64
_SMALL = 65_536
_HEADERS_BYTES = 1_048_576
_BLOCK_BYTES = MAX_BODY_BYTES + _SMALL
_TRANSACTIONS_BYTES = 2 * MAX_TRANSACTION_BYTES


class Kind(IntEnum):
    """What a frame holds."""

    HELLO = 1
    GET_HEADERS = 2
    HEADERS = 3
    GET_BLOCKS = 4
    BLOCK = 5
    NOT_FOUND = 6
    TRANSACTION_IDS = 7
    GET_TRANSACTIONS = 8
    TRANSACTIONS = 9


MAX_BYTES = {
    Kind.HELLO: _SMALL,
    Kind.GET_HEADERS: _SMALL,
    Kind.HEADERS: _HEADERS_BYTES,
    Kind.GET_BLOCKS: _SMALL,
    Kind.BLOCK: _BLOCK_BYTES,
    Kind.NOT_FOUND: _SMALL,
    Kind.TRANSACTION_IDS: _SMALL,
    Kind.GET_TRANSACTIONS: _SMALL,
    Kind.TRANSACTIONS: _TRANSACTIONS_BYTES,
}


class Reason(IntEnum):
    """Why a block is not sent."""

    UNKNOWN = 0
    PRUNED = 1
    LATER = 2


@dataclass(frozen=True, slots=True)
class Hello:
    """A peer's greeting."""

    version: int
    chain_id: str
    genesis: Hash32
    nonce: int


def encode_frame(magic: bytes, kind: Kind, payload: bytes) -> bytes:
    """Return a message ready for the wire."""
    return magic + bytes([kind]) + len(payload).to_bytes(4, "big") + payload


def decode_frame(data: bytes, magic: bytes) -> tuple[Kind, int]:
    """Return kind and length of the message after the first 9 bytes of a frame.

    Raises:
        MalformedDag: Of another network, of no kind, or longer than its kind may be.
    """
    if len(data) != FRAME_BYTES or data[:MAGIC_BYTES] != magic:
        raise MalformedDag("a message of another network")
    try:
        kind = Kind(data[MAGIC_BYTES])
    except ValueError as error:
        raise MalformedDag(f"a message of the kind {data[MAGIC_BYTES]}") from error
    size = int.from_bytes(data[MAGIC_BYTES + 1 :], "big")
    if size > MAX_BYTES[kind]:
        raise MalformedDag(f"a message of {size} bytes, {MAX_BYTES[kind]} at most")
    return kind, size


def _hashes(items: Sequence[bytes], most: int) -> tuple[Hash32, ...]:
    if len(items) > most or any(len(item) != HASH_BYTES for item in items):
        raise MalformedDag(f"at most {most} hashes of {HASH_BYTES} bytes")
    return tuple(map(Hash32, items))


def encode_hello(hello: Hello) -> bytes:
    """Return a greeting's bytes."""
    return encode(
        p2p_pb2.Hello(
            version=hello.version,
            chain_id=hello.chain_id,
            genesis=hello.genesis,
            nonce=hello.nonce,
        )
    )


def decode_hello(data: bytes) -> Hello:
    """Return a greeting.

    Raises:
        MalformedMessage: It does not decode.
    """
    pb = decode_strict(p2p_pb2.Hello, data, max_bytes=_SMALL)
    if len(pb.chain_id) > MAX_CHAIN_ID_CHARS:
        raise MalformedDag("a chain's name is too long")
    return Hello(pb.version, pb.chain_id, _hashes([pb.genesis], 1)[0], pb.nonce)


def encode_get_headers(locator: Sequence[Hash32]) -> bytes:
    """Return a request for headers above a block of the locator."""
    return encode(p2p_pb2.GetHeaders(locator=locator))


def decode_get_headers(data: bytes) -> tuple[Hash32, ...]:
    """Return the locator, the wanted block first.

    Raises:
        MalformedMessage: It does not decode, or is too long.
    """
    return _hashes(decode_strict(p2p_pb2.GetHeaders, data, max_bytes=_SMALL).locator, MAX_LOCATOR)


@dataclass(frozen=True, slots=True)
class HeadersMessage:
    """Headers, parents before children."""

    headers: tuple[Header, ...]
    is_answer: bool = False
    more: bool = False
    """Of an answer: whether there are more above the last one."""


def encode_headers(message: HeadersMessage) -> bytes:
    """Return headers' bytes."""
    raw = [header.encode() for header in message.headers]
    return encode(p2p_pb2.Headers(headers=raw, more=message.more, answer=message.is_answer))


def decode_headers(data: bytes) -> HeadersMessage:
    """Return headers.

    Raises:
        MalformedMessage: They do not decode, or are too many.
    """
    pb = decode_strict(p2p_pb2.Headers, data, max_bytes=_HEADERS_BYTES)
    if len(pb.headers) > (MAX_HEADERS if pb.answer else MAX_ANNOUNCED_HEADERS):
        raise MalformedDag(f"{len(pb.headers)} headers in one message")
    return HeadersMessage(tuple(map(decode_header, pb.headers)), pb.answer, pb.more)


def _hash_list(
    message: type[p2p_pb2.TransactionIds] | type[p2p_pb2.GetTransactions], data: bytes
) -> tuple[Hash32, ...]:
    return _hashes(decode_strict(message, data, max_bytes=_SMALL).ids, MAX_HASHES)


def encode_get_blocks(hashes: Sequence[Hash32]) -> bytes:
    """Return a request for blocks."""
    return encode(p2p_pb2.GetBlocks(hashes=hashes))


def decode_get_blocks(data: bytes) -> tuple[Hash32, ...]:
    """Return which blocks are asked for.

    Raises:
        MalformedMessage: It does not decode, or asks for too many.
    """
    found = decode_strict(p2p_pb2.GetBlocks, data, max_bytes=_SMALL).hashes
    return _hashes(found, MAX_ASKED_BLOCKS)


def encode_block(block: Block) -> bytes:
    """Return a block's bytes."""
    return encode(p2p_pb2.Block(header=block.header.encode(), body=block.body.encode()))


def decode_block(data: bytes) -> Block:
    """Return a block.

    Raises:
        MalformedMessage: Header or body does not decode.
    """
    pb = decode_strict(p2p_pb2.Block, data, max_bytes=_BLOCK_BYTES)
    return Block(decode_header(pb.header), decode_body(pb.body))


def encode_not_found(hashes: Sequence[Hash32], reason: Reason) -> bytes:
    """Return which blocks are not sent, and why."""
    return encode(p2p_pb2.NotFound(hashes=hashes, reason=p2p_pb2.Reason.ValueType(reason)))


def decode_not_found(data: bytes) -> tuple[tuple[Hash32, ...], Reason]:
    """Return which blocks are not sent, and why.

    Raises:
        MalformedMessage: It does not decode, or names too many.
    """
    pb = decode_strict(p2p_pb2.NotFound, data, max_bytes=_SMALL)
    try:
        reason = Reason(pb.reason)
    except ValueError as error:
        raise MalformedDag(f"no reason has the number {pb.reason}") from error
    return _hashes(pb.hashes, MAX_HASHES), reason


def encode_transaction_ids(ids: Sequence[Hash32]) -> bytes:
    """Return which transactions are waiting here."""
    return encode(p2p_pb2.TransactionIds(ids=ids))


def decode_transaction_ids(data: bytes) -> tuple[Hash32, ...]:
    """Return which transactions are waiting there.

    Raises:
        MalformedMessage: It does not decode, or names too many.
    """
    return _hash_list(p2p_pb2.TransactionIds, data)


def encode_get_transactions(ids: Sequence[Hash32]) -> bytes:
    """Return a request for transactions."""
    return encode(p2p_pb2.GetTransactions(ids=ids))


def decode_get_transactions(data: bytes) -> tuple[Hash32, ...]:
    """Return which transactions are asked for.

    Raises:
        MalformedMessage: It does not decode, or asks for too many.
    """
    return _hash_list(p2p_pb2.GetTransactions, data)


def encode_transactions(transactions: Sequence[Transaction]) -> bytes:
    """Return transactions' bytes."""
    return encode(p2p_pb2.Transactions(transactions=[tx.encode() for tx in transactions]))


def decode_transactions(data: bytes) -> tuple[Transaction, ...]:
    """Return transactions.

    Raises:
        MalformedMessage: One does not decode, or there are too many.
    """
    pb = decode_strict(p2p_pb2.Transactions, data, max_bytes=_TRANSACTIONS_BYTES)
    if len(pb.transactions) > MAX_TRANSACTIONS:
        raise MalformedDag(f"over {MAX_TRANSACTIONS} transactions")
    return tuple(map(decode_transaction, pb.transactions))


Handler = Callable[[int, bytes], list[tuple[int, Kind, bytes]]]
"""Takes a peer's number and a payload; returns messages to peers."""
