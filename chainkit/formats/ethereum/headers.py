"""The encoding and the hash of a block header.

Spec:
    Yellow Paper, section 4.4; EIP-1559, 4895, 4844, 4788, 7685 append fields.
"""

from chainkit.formats.ethereum.errors import MalformedEthereum
from chainkit.formats.ethereum.fields import (
    read_address,
    read_hash,
    read_list,
    read_sized,
    read_string,
    read_uint,
)
from chainkit.formats.ethereum.limits import (
    BLOOM_BYTES,
    MAX_EXTRA_DATA_BYTES,
    MAX_HEADER_BYTES,
    NONCE_BYTES,
    UINT64_BYTES,
)
from chainkit.formats.ethereum.types import Header
from chainkit.primitives.keccak import keccak256
from chainkit.primitives.types import Hash32
from chainkit.wire.rlp import RlpItem, decode, encode, encode_uint

FIRST_FIELDS = 15
"""Fields of every header."""

MAX_FIELDS = 21
_MAX_ITEMS = MAX_FIELDS + 1
_CANCUN_FIELDS = {18, 19}
"""Counts that no fork has: Cancun appended three fields at once."""


def header_item(header: Header) -> tuple[bytes, ...]:
    """Return the list that is encoded."""
    appended = (
        _optional_uint(header.base_fee_per_gas),
        header.withdrawals_root,
        _optional_uint(header.blob_gas_used),
        _optional_uint(header.excess_blob_gas),
        header.parent_beacon_block_root,
        header.requests_hash,
    )
    present = [field for field in appended if field is not None]
    assert None not in appended[: len(present)], "a header field after an absent one"
    return (
        header.parent_hash,
        header.ommers_hash,
        header.beneficiary,
        header.state_root,
        header.transactions_root,
        header.receipts_root,
        header.logs_bloom,
        encode_uint(header.difficulty),
        encode_uint(header.number),
        encode_uint(header.gas_limit),
        encode_uint(header.gas_used),
        encode_uint(header.timestamp),
        header.extra_data,
        header.mix_hash,
        header.nonce,
        *present,
    )


def _optional_uint(number: int | None) -> bytes | None:
    return None if number is None else encode_uint(number)


def header_of_item(item: RlpItem) -> Header:
    """Return the header that a decoded list is.

    Raises:
        MalformedEthereum: Another count of fields, or a field of another size.
        MalformedRlp: A number with a leading zero, or too large.
    """
    fields = read_list(item, "header")
    if not FIRST_FIELDS <= len(fields) <= MAX_FIELDS or len(fields) in _CANCUN_FIELDS:
        raise MalformedEthereum(f"header has {len(fields)} fields, which no fork has")
    extra_data = read_string(fields[12], "extra data")
    if len(extra_data) > MAX_EXTRA_DATA_BYTES:
        raise MalformedEthereum(f"extra data has {len(extra_data)} bytes")
    later = iter(fields[FIRST_FIELDS:])
    base_fee = next(later, None)
    withdrawals_root = next(later, None)
    blob_gas_used, excess_blob_gas = next(later, None), next(later, None)
    beacon_root, requests_hash = next(later, None), next(later, None)
    return Header(
        parent_hash=read_hash(fields[0], "parent hash"),
        ommers_hash=read_hash(fields[1], "ommers hash"),
        beneficiary=read_address(fields[2], "beneficiary"),
        state_root=read_hash(fields[3], "state root"),
        transactions_root=read_hash(fields[4], "transactions root"),
        receipts_root=read_hash(fields[5], "receipts root"),
        logs_bloom=read_sized(fields[6], BLOOM_BYTES, "logs bloom"),
        difficulty=read_uint(fields[7], "difficulty"),
        number=read_uint(fields[8], "number", UINT64_BYTES),
        gas_limit=read_uint(fields[9], "gas limit", UINT64_BYTES),
        gas_used=read_uint(fields[10], "gas used", UINT64_BYTES),
        timestamp=read_uint(fields[11], "timestamp", UINT64_BYTES),
        extra_data=extra_data,
        mix_hash=read_hash(fields[13], "mix hash"),
        nonce=read_sized(fields[14], NONCE_BYTES, "nonce"),
        base_fee_per_gas=_uint_if_there(base_fee, "base fee", 32),
        withdrawals_root=_hash_if_there(withdrawals_root, "withdrawals root"),
        blob_gas_used=_uint_if_there(blob_gas_used, "blob gas used", UINT64_BYTES),
        excess_blob_gas=_uint_if_there(excess_blob_gas, "excess blob gas", UINT64_BYTES),
        parent_beacon_block_root=_hash_if_there(beacon_root, "parent beacon block root"),
        requests_hash=_hash_if_there(requests_hash, "requests hash"),
    )


def _uint_if_there(item: RlpItem | None, what: str, max_bytes: int) -> int | None:
    return None if item is None else read_uint(item, what, max_bytes)


def _hash_if_there(item: RlpItem | None, what: str) -> Hash32 | None:
    return None if item is None else read_hash(item, what)


def encode_header(header: Header) -> bytes:
    """Return the RLP of the header."""
    return encode(header_item(header))


def decode_header(data: bytes) -> Header:
    """Return the header whose encoding ``data`` is.

    Raises:
        MalformedRlp: It is no canonical RLP.
        MalformedEthereum: It is no header.
    """
    return header_of_item(
        decode(data, max_bytes=MAX_HEADER_BYTES, max_items=_MAX_ITEMS, max_depth=1)
    )


def header_hash(header: Header) -> Hash32:
    """Return Keccak-256 of the encoding.

    It is the block's hash on every Ethereum chain but those sealed by QBFT and IBFT 2
    (``qbft.block_hash``).
    """
    return keccak256(encode_header(header))
