"""Transactions: legacy with EIP-155, access lists (2930) and dynamic fees (1559).

A typed transaction is its type byte and the RLP of its fields (EIP-2718); within a block's
RLP it is a string, a legacy one a list.
"""

from dataclasses import replace
from typing import TypeVar

from chainkit.formats.ethereum.errors import (
    MalformedEthereum,
    UnknownTransactionType,
    WrongParity,
)
from chainkit.formats.ethereum.fields import (
    read_address,
    read_fields,
    read_hash,
    read_list,
    read_string,
    read_uint,
)
from chainkit.formats.ethereum.limits import (
    MAX_ACCESS_LIST_ENTRIES,
    MAX_TRANSACTION_BYTES,
    UINT64_BYTES,
)
from chainkit.formats.ethereum.signatures import recover_address, sign_digest
from chainkit.formats.ethereum.types import (
    AccessEntry,
    AccessListTransaction,
    DynamicFeeTransaction,
    LegacyTransaction,
    Transaction,
)
from chainkit.primitives.keccak import keccak256
from chainkit.primitives.types import Address, Hash32
from chainkit.wire.rlp import RlpItem, decode, encode, encode_uint

TransactionT = TypeVar(
    "TransactionT", LegacyTransaction, AccessListTransaction, DynamicFeeTransaction
)

ACCESS_LIST_TYPE = 1
DYNAMIC_FEE_TYPE = 2
_FIRST_LIST_BYTE = 0xC0
_MAX_ITEMS = MAX_TRANSACTION_BYTES // 20
_MAX_DEPTH = 4
_UNPROTECTED_V = 27
_PROTECTED_V = 35


def transaction_type(transaction: Transaction) -> int:
    """Return 0, 1 or 2."""
    match transaction:
        case LegacyTransaction():
            return 0
        case AccessListTransaction():
            return ACCESS_LIST_TYPE
        case DynamicFeeTransaction():
            return DYNAMIC_FEE_TYPE


def _fields(transaction: Transaction) -> tuple[RlpItem, ...]:
    """Return the fields before the signature."""
    common: tuple[RlpItem, ...] = (
        encode_uint(transaction.gas_limit),
        b"" if transaction.to is None else transaction.to,
        encode_uint(transaction.value),
        transaction.data,
    )
    match transaction:
        case LegacyTransaction():
            return (encode_uint(transaction.nonce), encode_uint(transaction.gas_price), *common)
        case AccessListTransaction():
            fees: tuple[bytes, ...] = (encode_uint(transaction.gas_price),)
        case DynamicFeeTransaction():
            fees = (
                encode_uint(transaction.max_priority_fee_per_gas),
                encode_uint(transaction.max_fee_per_gas),
            )
    access_list = tuple((entry.address, entry.storage_keys) for entry in transaction.access_list)
    first = (encode_uint(transaction.chain_id), encode_uint(transaction.nonce))
    return (*first, *fees, *common, access_list)


def _envelope(transaction: Transaction) -> bytes:
    """Return the type byte; nothing for a legacy transaction."""
    number = transaction_type(transaction)
    return bytes((number,)) if number else b""


def _v(transaction: Transaction) -> int:
    """Return what the encoding says of parity: for a legacy transaction with its chain."""
    if not isinstance(transaction, LegacyTransaction):
        return transaction.y_parity
    if transaction.chain_id is None:
        return _UNPROTECTED_V + transaction.y_parity
    return _PROTECTED_V + 2 * transaction.chain_id + transaction.y_parity


def _signed_fields(transaction: Transaction) -> tuple[RlpItem, ...]:
    """Return all fields."""
    return (
        *_fields(transaction),
        encode_uint(_v(transaction)),
        encode_uint(transaction.r),
        encode_uint(transaction.s),
    )


def encode_transaction(transaction: Transaction) -> bytes:
    """Return what is sent and hashed: the type byte, if typed, and the RLP of all fields."""
    return _envelope(transaction) + encode(_signed_fields(transaction))


def decode_transaction(data: bytes) -> Transaction:
    """Return the transaction that ``data`` is the encoding of; its signature is not checked.

    Raises:
        MalformedRlp: It is no canonical RLP.
        MalformedEthereum: It has another shape.
        UnknownTransactionType: Its first byte names another type.
        WrongParity: v is none of its type: 27, 28 or at least 35 in a legacy one, 0 or 1 else.
    """
    if len(data) > MAX_TRANSACTION_BYTES:
        raise MalformedEthereum(f"transaction has {len(data)} bytes")
    if not data:
        raise MalformedEthereum("transaction has no bytes")
    if data[0] >= _FIRST_LIST_BYTE:
        return _decode_legacy(_decode_rlp(data))
    if data[0] == ACCESS_LIST_TYPE:
        return _decode_access_list(_decode_rlp(data[1:]))
    if data[0] == DYNAMIC_FEE_TYPE:
        return _decode_dynamic_fee(_decode_rlp(data[1:]))
    raise UnknownTransactionType(transaction_type=data[0])


def _decode_rlp(data: bytes) -> RlpItem:
    return decode(data, max_bytes=MAX_TRANSACTION_BYTES, max_items=_MAX_ITEMS, max_depth=_MAX_DEPTH)


def _decode_legacy(item: RlpItem) -> LegacyTransaction:
    fields = read_fields(item, 9, "legacy transaction")
    v = read_uint(fields[6], "v")
    if v in {_UNPROTECTED_V, _UNPROTECTED_V + 1}:
        chain_id, y_parity = None, v - _UNPROTECTED_V
    elif v >= _PROTECTED_V:
        chain_id, y_parity = divmod(v - _PROTECTED_V, 2)
    else:
        raise WrongParity(value=v)
    return LegacyTransaction(
        chain_id=chain_id,
        nonce=read_uint(fields[0], "nonce", UINT64_BYTES),
        gas_price=read_uint(fields[1], "gas price"),
        gas_limit=read_uint(fields[2], "gas limit", UINT64_BYTES),
        to=_read_to(fields[3]),
        value=read_uint(fields[4], "value"),
        data=read_string(fields[5], "data"),
        y_parity=y_parity,
        r=read_uint(fields[7], "r"),
        s=read_uint(fields[8], "s"),
    )


def _decode_access_list(item: RlpItem) -> AccessListTransaction:
    fields = read_fields(item, 11, "access list transaction")
    return AccessListTransaction(
        chain_id=read_uint(fields[0], "chain id"),
        nonce=read_uint(fields[1], "nonce", UINT64_BYTES),
        gas_price=read_uint(fields[2], "gas price"),
        gas_limit=read_uint(fields[3], "gas limit", UINT64_BYTES),
        to=_read_to(fields[4]),
        value=read_uint(fields[5], "value"),
        data=read_string(fields[6], "data"),
        access_list=_read_access_list(fields[7]),
        y_parity=_read_parity(fields[8]),
        r=read_uint(fields[9], "r"),
        s=read_uint(fields[10], "s"),
    )


def _decode_dynamic_fee(item: RlpItem) -> DynamicFeeTransaction:
    fields = read_fields(item, 12, "dynamic fee transaction")
    return DynamicFeeTransaction(
        chain_id=read_uint(fields[0], "chain id"),
        nonce=read_uint(fields[1], "nonce", UINT64_BYTES),
        max_priority_fee_per_gas=read_uint(fields[2], "max priority fee per gas"),
        max_fee_per_gas=read_uint(fields[3], "max fee per gas"),
        gas_limit=read_uint(fields[4], "gas limit", UINT64_BYTES),
        to=_read_to(fields[5]),
        value=read_uint(fields[6], "value"),
        data=read_string(fields[7], "data"),
        access_list=_read_access_list(fields[8]),
        y_parity=_read_parity(fields[9]),
        r=read_uint(fields[10], "r"),
        s=read_uint(fields[11], "s"),
    )


def _read_to(item: RlpItem) -> Address | None:
    return None if item == b"" else read_address(item, "to")


def _read_parity(item: RlpItem) -> int:
    parity = read_uint(item, "y parity")
    if parity > 1:
        raise WrongParity(value=parity)
    return parity


def _read_access_list(item: RlpItem) -> tuple[AccessEntry, ...]:
    items = read_list(item, "access list")
    if len(items) > MAX_ACCESS_LIST_ENTRIES:
        raise MalformedEthereum(f"access list has {len(items)} entries")
    entries = []
    for each in items:
        address, keys = read_fields(each, 2, "access list entry")
        storage_keys = read_list(keys, "storage keys")
        entries.append(
            AccessEntry(
                read_address(address, "access list address"),
                tuple(read_hash(key, "storage key") for key in storage_keys),
            )
        )
    return tuple(entries)


def transaction_item(transaction: Transaction) -> RlpItem:
    """Return what stands for it in a block's RLP: a list if legacy, else a string."""
    if isinstance(transaction, LegacyTransaction):
        return _signed_fields(transaction)
    return encode_transaction(transaction)


def transaction_of_item(item: RlpItem) -> Transaction:
    """Return the transaction that stands in a block's RLP as ``item``; refused as decoding is."""
    if not isinstance(item, bytes):
        return _decode_legacy(item)
    if item and item[0] >= _FIRST_LIST_BYTE:
        raise MalformedEthereum("a legacy transaction in a block is a list, not a string")
    return decode_transaction(item)


def transaction_hash(transaction: Transaction) -> Hash32:
    """Return its identifier, over the signature as well."""
    return keccak256(encode_transaction(transaction))


def signing_hash(transaction: Transaction) -> Hash32:
    """Return what its sender signs.

    Spec:
        EIP-155: a legacy transaction of a chain signs (chain id, 0, 0) after its fields.
    """
    fields = _fields(transaction)
    if isinstance(transaction, LegacyTransaction) and transaction.chain_id is not None:
        fields = (*fields, encode_uint(transaction.chain_id), b"", b"")
    return keccak256(_envelope(transaction) + encode(fields))


def sign_transaction(transaction: TransactionT, private_key: bytes) -> TransactionT:
    """Return it with the signature of a 32-byte private key."""
    y_parity, r, s = sign_digest(private_key, signing_hash(transaction))
    return replace(transaction, y_parity=y_parity, r=r, s=s)


def sender(transaction: Transaction) -> Address:
    """Return who signed it.

    Raises:
        WrongParity: ``y_parity`` is neither 0 nor 1.
        HighS: ``s`` is above half the order (EIP-2).
        InvalidSignature: It is unsigned, or no key makes the signature.
    """
    return recover_address(
        signing_hash(transaction), transaction.y_parity, transaction.r, transaction.s
    )
