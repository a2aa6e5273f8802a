"""Receipts, and the bloom filter over their logs.

Spec:
    Yellow Paper, section 4.4.1 and 4.4.2; EIP-658 (status), EIP-2718 (typed receipts).
"""

from collections.abc import Iterable

from chainkit.formats.ethereum.errors import MalformedEthereum, UnknownTransactionType
from chainkit.formats.ethereum.fields import (
    read_address,
    read_fields,
    read_hash,
    read_list,
    read_sized,
    read_string,
    read_uint,
)
from chainkit.formats.ethereum.limits import (
    BLOOM_BYTES,
    MAX_LOG_TOPICS,
    MAX_RECEIPT_BYTES,
    UINT64_BYTES,
)
from chainkit.formats.ethereum.types import Log, Receipt
from chainkit.primitives.keccak import keccak256
from chainkit.wire.rlp import RlpItem, decode, encode, encode_uint

KNOWN_TYPES = frozenset(range(5))
"""Legacy, access list, dynamic fee, blob (4844) and set code (7702): their receipts are alike."""

_FIRST_LIST_BYTE = 0xC0
_MAX_ITEMS = MAX_RECEIPT_BYTES // 8
_MAX_DEPTH = 4
_BLOOM_BITS = 2047


def logs_bloom(logs: Iterable[Log]) -> bytes:
    """Return the 256 bytes in which each address and topic of ``logs`` sets three bits."""
    bits = 0
    for log in logs:
        for entry in (log.address, *log.topics):
            bits |= _bloom_bits(entry)
    return bits.to_bytes(BLOOM_BYTES, "big")


def _bloom_bits(entry: bytes) -> int:
    """Return the three bits of an entry: the low 11 of each of its hash's first three pairs."""
    hashed = keccak256(entry)
    bits = 0
    for at in (0, 2, 4):
        bits |= 1 << (int.from_bytes(hashed[at : at + 2], "big") & _BLOOM_BITS)
    return bits


def bloom_contains(bloom: bytes, entry: bytes) -> bool:
    """Return whether the bloom may hold an address or topic: False is sure, True is not."""
    bits = _bloom_bits(entry)
    return int.from_bytes(bloom, "big") & bits == bits


def join_blooms(blooms: Iterable[bytes]) -> bytes:
    """Return the bloom of a block: all bits of its receipts' blooms."""
    bits = 0
    for bloom in blooms:
        bits |= int.from_bytes(bloom, "big")
    return bits.to_bytes(BLOOM_BYTES, "big")


def make_receipt(
    *, transaction_type: int, status: int, cumulative_gas_used: int, logs: tuple[Log, ...]
) -> Receipt:
    """Return a receipt with the bloom of its logs."""
    return Receipt(transaction_type, status, cumulative_gas_used, logs_bloom(logs), logs)


def encode_receipt(receipt: Receipt) -> bytes:
    """Return what the receipts root commits to: the type byte, if typed, and the RLP."""
    logs = tuple((log.address, log.topics, log.data) for log in receipt.logs)
    encoded = encode(
        (
            encode_uint(receipt.status),
            encode_uint(receipt.cumulative_gas_used),
            receipt.logs_bloom,
            logs,
        )
    )
    return bytes((receipt.transaction_type,)) + encoded if receipt.transaction_type else encoded


def decode_receipt(data: bytes) -> Receipt:
    """Return the receipt that ``data`` is the encoding of.

    Raises:
        MalformedRlp: It is no canonical RLP.
        MalformedEthereum: It has another shape, or its bloom is not that of its logs.
        UnknownTransactionType: Its first byte names another type.
    """
    if not data:
        raise MalformedEthereum("receipt has no bytes")
    transaction_type = 0
    if data[0] < _FIRST_LIST_BYTE:
        transaction_type = data[0]
        if transaction_type not in KNOWN_TYPES or not transaction_type:
            raise UnknownTransactionType(transaction_type=transaction_type)
        data = data[1:]
    item = decode(data, max_bytes=MAX_RECEIPT_BYTES, max_items=_MAX_ITEMS, max_depth=_MAX_DEPTH)
    status_item, gas, bloom, logs_item = read_fields(item, 4, "receipt")
    status = read_uint(status_item, "status", 1)
    if status > 1:
        raise MalformedEthereum(f"receipt status is {status}, not 0 or 1")
    logs = tuple(_read_log(each) for each in read_list(logs_item, "logs"))
    receipt = Receipt(
        transaction_type=transaction_type,
        status=status,
        cumulative_gas_used=read_uint(gas, "cumulative gas", UINT64_BYTES),
        logs_bloom=read_sized(bloom, BLOOM_BYTES, "logs bloom"),
        logs=logs,
    )
    if receipt.logs_bloom != logs_bloom(logs):
        raise MalformedEthereum("the receipt's bloom is not that of its logs")
    return receipt


def _read_log(item: RlpItem) -> Log:
    address, topics_item, data = read_fields(item, 3, "log")
    topics = read_list(topics_item, "topics")
    if len(topics) > MAX_LOG_TOPICS:
        raise MalformedEthereum(f"log has {len(topics)} topics, at most {MAX_LOG_TOPICS}")
    return Log(
        address=read_address(address, "log address"),
        topics=tuple(read_hash(topic, "topic") for topic in topics),
        data=read_string(data, "log data"),
    )
