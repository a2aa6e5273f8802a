"""Blocks: header and body in RLP, and the roots by which a header commits to its body.

Spec:
    Yellow Paper, section 4.3; EIP-2718 (typed items), EIP-4895 (withdrawals).
"""

from collections.abc import Sequence

from chainkit.commitments.patricia_trie import ordered_root
from chainkit.formats.ethereum.errors import BodyMismatch, MalformedEthereum
from chainkit.formats.ethereum.fields import (
    read_address,
    read_fields,
    read_list,
    read_uint,
)
from chainkit.formats.ethereum.headers import header_item, header_of_item
from chainkit.formats.ethereum.limits import (
    MAX_BLOCK_BYTES,
    MAX_BLOCK_ITEMS,
    MAX_BLOCK_TRANSACTIONS,
    MAX_WITHDRAWALS,
    UINT64_BYTES,
)
from chainkit.formats.ethereum.receipts import encode_receipt, join_blooms
from chainkit.formats.ethereum.transactions import (
    encode_transaction,
    transaction_item,
    transaction_of_item,
)
from chainkit.formats.ethereum.types import (
    EMPTY_OMMERS_HASH,
    Block,
    Header,
    Receipt,
    Transaction,
    Withdrawal,
)
from chainkit.primitives.types import Hash32
from chainkit.wire.rlp import RlpItem, decode, encode, encode_uint

_MAX_DEPTH = 7


def transactions_root(transactions: Sequence[Transaction]) -> Hash32:
    """Return the root over the transactions in order."""
    return ordered_root([encode_transaction(each) for each in transactions])


def receipts_root(receipts: Sequence[Receipt]) -> Hash32:
    """Return the root over the receipts in order."""
    return ordered_root([encode_receipt(each) for each in receipts])


def withdrawals_root(withdrawals: Sequence[Withdrawal]) -> Hash32:
    """Return the root over the withdrawals in order."""
    return ordered_root([encode(withdrawal_item(each)) for each in withdrawals])


def withdrawal_item(withdrawal: Withdrawal) -> tuple[bytes, ...]:
    """Return the list that is encoded."""
    return (
        encode_uint(withdrawal.index),
        encode_uint(withdrawal.validator_index),
        withdrawal.address,
        encode_uint(withdrawal.amount),
    )


def encode_block(block: Block) -> bytes:
    """Return the RLP of header, transactions, no ommers and, if there may be any, withdrawals."""
    items: list[RlpItem] = [
        header_item(block.header),
        tuple(map(transaction_item, block.transactions)),
        (),
    ]
    if block.withdrawals is not None:
        items.append(tuple(map(withdrawal_item, block.withdrawals)))
    return encode(tuple(items))


def decode_block(data: bytes) -> Block:
    """Return the block; that the body is the header's is for ``check_body``.

    Raises:
        MalformedRlp: It is no canonical RLP.
        MalformedEthereum: It has another shape, or ommers.
        EthereumRuleBroken: A transaction's parity is none of its type.
    """
    item = decode(data, max_bytes=MAX_BLOCK_BYTES, max_items=MAX_BLOCK_ITEMS, max_depth=_MAX_DEPTH)
    items = read_list(item, "block")
    if len(items) not in {3, 4}:
        raise MalformedEthereum(f"block has {len(items)} fields, not 3 or 4")
    transactions = read_list(items[1], "transactions")
    if len(transactions) > MAX_BLOCK_TRANSACTIONS:
        raise MalformedEthereum(f"block has {len(transactions)} transactions")
    if items[2] != ():
        raise MalformedEthereum("block has ommers")
    return Block(
        header=header_of_item(items[0]),
        transactions=tuple(map(transaction_of_item, transactions)),
        withdrawals=_read_withdrawals(items[3]) if len(items) == 4 else None,
    )


def _read_withdrawals(item: RlpItem) -> tuple[Withdrawal, ...]:
    items = read_list(item, "withdrawals")
    if len(items) > MAX_WITHDRAWALS:
        raise MalformedEthereum(f"block has {len(items)} withdrawals, at most {MAX_WITHDRAWALS}")
    return tuple(map(_read_withdrawal, items))


def _read_withdrawal(item: RlpItem) -> Withdrawal:
    index, validator, address, amount = read_fields(item, 4, "withdrawal")
    return Withdrawal(
        index=read_uint(index, "withdrawal index", UINT64_BYTES),
        validator_index=read_uint(validator, "validator index", UINT64_BYTES),
        address=read_address(address, "withdrawal address"),
        amount=read_uint(amount, "withdrawal amount", UINT64_BYTES),
    )


def check_body(block: Block) -> None:
    """Check that the header commits to exactly this body.

    Raises:
        BodyMismatch: With the name of the header's field.
    """
    header = block.header
    if header.ommers_hash != EMPTY_OMMERS_HASH:
        raise BodyMismatch(field="ommers hash")
    if header.transactions_root != transactions_root(block.transactions):
        raise BodyMismatch(field="transactions root")
    withdrawals = block.withdrawals
    expected = None if withdrawals is None else withdrawals_root(withdrawals)
    if header.withdrawals_root != expected:
        raise BodyMismatch(field="withdrawals root")


def check_receipts(header: Header, receipts: Sequence[Receipt]) -> None:
    """Check that the header commits to exactly these receipts.

    Raises:
        BodyMismatch: With the name of the header's field.
    """
    if header.receipts_root != receipts_root(receipts):
        raise BodyMismatch(field="receipts root")
    if header.logs_bloom != join_blooms(receipt.logs_bloom for receipt in receipts):
        raise BodyMismatch(field="logs bloom")
    if header.gas_used != (receipts[-1].cumulative_gas_used if receipts else 0):
        raise BodyMismatch(field="gas used")
