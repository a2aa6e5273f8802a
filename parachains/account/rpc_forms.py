"""The JSON of Ethereum's RPC: quantities, data, blocks, transactions, receipts, logs.

Spec:
    ethereum/execution-apis; where it is silent, go-ethereum's answers.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chainkit.formats.ethereum.addresses import format_address, parse_address
from chainkit.formats.ethereum.blocks import encode_block
from chainkit.formats.ethereum.errors import WrongAddress
from chainkit.formats.ethereum.transactions import (
    sender,
    transaction_hash,
    transaction_type,
)
from chainkit.formats.ethereum.types import (
    AccessEntry,
    Block,
    DynamicFeeTransaction,
    Header,
    LegacyTransaction,
    Log,
    Receipt,
    Transaction,
)
from chainkit.primitives.types import Address, Hash32
from parachains.account.errors import InvalidRpcParams
from parachains.account.fees import effective_gas_price, fee_cap

Json = Mapping[str, object]
_QUANTITY = re.compile(r"0x(0|[1-9a-fA-F][0-9a-fA-F]{0,63})")
_DATA = re.compile(r"0x([0-9a-fA-F]{2})*")
WORD_BYTES = 32
_UNPROTECTED_V = 27
_PROTECTED_V = 35


def quantity(number: int) -> str:
    """Return a number as the RPC writes it."""
    return hex(number)


def data(value: bytes) -> str:
    """Return bytes as the RPC writes them."""
    return "0x" + value.hex()


def parse_quantity(value: object, what: str) -> int:
    """Return a number.

    Raises:
        InvalidRpcParams: It is no quantity of at most 256 bits.
    """
    if not isinstance(value, str) or _QUANTITY.fullmatch(value) is None:
        raise InvalidRpcParams(f"invalid argument: {what} is no hex quantity")
    return int(value, 16)


def parse_data(value: object, what: str, size: int | None = None) -> bytes:
    """Return bytes, of a size if one is wanted.

    Raises:
        InvalidRpcParams: They are none.
    """
    if not isinstance(value, str) or _DATA.fullmatch(value) is None:
        raise InvalidRpcParams(f"invalid argument: {what} is no hex data")
    found = bytes.fromhex(value[2:])
    if size is not None and len(found) != size:
        raise InvalidRpcParams(f"invalid argument: {what} has {len(found)} bytes, not {size}")
    return found


def parse_hash(value: object, what: str) -> Hash32:
    """Return 32 bytes."""
    return Hash32(parse_data(value, what, WORD_BYTES))


def parse_account(value: object, what: str = "address") -> Address:
    """Return an address, with or without EIP-55's checksum.

    Raises:
        InvalidRpcParams: It is none.
    """
    if not isinstance(value, str):
        raise InvalidRpcParams(f"invalid argument: {what} is no text")
    try:
        return parse_address(value)
    except WrongAddress as error:
        raise InvalidRpcParams(f"invalid argument: {what}: {error}") from error


def parse_slot(value: object) -> bytes:
    """Return a storage slot: a quantity or up to 32 bytes, as clients write either."""
    if not isinstance(value, str) or not re.fullmatch(r"0x[0-9a-fA-F]{1,64}", value):
        raise InvalidRpcParams("invalid argument: a storage key has at most 32 bytes of hex")
    return int(value, 16).to_bytes(WORD_BYTES, "big")


def parse_access_list(value: object) -> tuple[AccessEntry, ...]:
    """Return an access list."""
    entries = []
    for item in parse_list(value, "accessList"):
        if not isinstance(item, Mapping):
            raise InvalidRpcParams("invalid argument: an access list entry is an object")
        keys = parse_list(item.get("storageKeys", []), "storageKeys")
        entries.append(
            AccessEntry(
                parse_account(item.get("address")),
                tuple(parse_hash(key, "storage key") for key in keys),
            )
        )
    return tuple(entries)


def parse_list(value: object, what: str) -> Sequence[object]:
    """Return a list."""
    if not isinstance(value, list):
        raise InvalidRpcParams(f"invalid argument: {what} is no list")
    return value


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a transaction or log is; None while it waits."""

    block_hash: Hash32
    header: Header
    index: int


def header_form(header: Header, block_hash: Hash32) -> dict[str, object]:
    """Return a header as ``newHeads`` tells it."""
    assert header.base_fee_per_gas is not None
    return {
        "number": quantity(header.number),
        "hash": data(block_hash),
        "parentHash": data(header.parent_hash),
        "nonce": data(header.nonce),
        "mixHash": data(header.mix_hash),
        "sha3Uncles": data(header.ommers_hash),
        "logsBloom": data(header.logs_bloom),
        "transactionsRoot": data(header.transactions_root),
        "stateRoot": data(header.state_root),
        "receiptsRoot": data(header.receipts_root),
        "miner": format_address(header.beneficiary),
        "difficulty": quantity(header.difficulty),
        "extraData": data(header.extra_data),
        "gasLimit": quantity(header.gas_limit),
        "gasUsed": quantity(header.gas_used),
        "timestamp": quantity(header.timestamp),
        "baseFeePerGas": quantity(header.base_fee_per_gas),
    }


def block_form(block: Block, block_hash: Hash32, *, full: bool) -> dict[str, object]:
    """Return a block with its transactions, or with their hashes."""
    header = block.header
    transactions: list[object] = (
        [
            transaction_form(each, Placed(block_hash, header, index))
            for index, each in enumerate(block.transactions)
        ]
        if full
        else [data(transaction_hash(each)) for each in block.transactions]
    )
    return header_form(header, block_hash) | {
        "totalDifficulty": quantity(header.difficulty * (header.number + 1)),
        "size": quantity(len(encode_block(block))),
        "transactions": transactions,
        "uncles": [],
    }


def _signature_form(transaction: Transaction) -> dict[str, object]:
    parity = transaction.y_parity
    form: dict[str, object] = {"r": quantity(transaction.r), "s": quantity(transaction.s)}
    if not isinstance(transaction, LegacyTransaction):
        return form | {"v": quantity(parity), "yParity": quantity(parity)}
    if transaction.chain_id is None:
        return form | {"v": quantity(_UNPROTECTED_V + parity)}
    return form | {"v": quantity(_PROTECTED_V + 2 * transaction.chain_id + parity)}


def _access_list_form(entries: tuple[AccessEntry, ...]) -> list[object]:
    return [
        {
            "address": format_address(entry.address),
            "storageKeys": [data(key) for key in entry.storage_keys],
        }
        for entry in entries
    ]


def transaction_form(transaction: Transaction, placed: Placed | None) -> dict[str, object]:
    """Return a transaction; its gas price is what it paid, or the most that it offers."""
    price = fee_cap(transaction)
    if placed is not None:
        assert placed.header.base_fee_per_gas is not None
        price = effective_gas_price(transaction, placed.header.base_fee_per_gas)
    form: dict[str, object] = {
        "blockHash": None if placed is None else data(placed.block_hash),
        "blockNumber": None if placed is None else quantity(placed.header.number),
        "transactionIndex": None if placed is None else quantity(placed.index),
        "from": format_address(sender(transaction)),
        "gas": quantity(transaction.gas_limit),
        "gasPrice": quantity(price),
        "hash": data(transaction_hash(transaction)),
        "input": data(transaction.data),
        "nonce": quantity(transaction.nonce),
        "to": None if transaction.to is None else format_address(transaction.to),
        "value": quantity(transaction.value),
        "type": quantity(transaction_type(transaction)),
    } | _signature_form(transaction)
    if transaction.chain_id is not None:
        form["chainId"] = quantity(transaction.chain_id)
    if not isinstance(transaction, LegacyTransaction):
        form["accessList"] = _access_list_form(transaction.access_list)
    if isinstance(transaction, DynamicFeeTransaction):
        form["maxFeePerGas"] = quantity(transaction.max_fee_per_gas)
        form["maxPriorityFeePerGas"] = quantity(transaction.max_priority_fee_per_gas)
    return form


def log_form(
    log: Log, placed: Placed, transaction: Transaction, log_index: int
) -> dict[str, object]:
    """Return a log; ``log_index`` counts within the block."""
    return {
        "address": format_address(log.address),
        "topics": [data(topic) for topic in log.topics],
        "data": data(log.data),
        "blockNumber": quantity(placed.header.number),
        "blockHash": data(placed.block_hash),
        "blockTimestamp": quantity(placed.header.timestamp),
        "transactionHash": data(transaction_hash(transaction)),
        "transactionIndex": quantity(placed.index),
        "logIndex": quantity(log_index),
        "removed": False,
    }


def receipt_form(
    receipt: Receipt, placed: Placed, transaction: Transaction, *, gas_used: int, first_log: int
) -> dict[str, object]:
    """Return a receipt; ``first_log`` is the index of its first log in the block."""
    assert placed.header.base_fee_per_gas is not None
    return {
        "transactionHash": data(transaction_hash(transaction)),
        "transactionIndex": quantity(placed.index),
        "blockHash": data(placed.block_hash),
        "blockNumber": quantity(placed.header.number),
        "from": format_address(sender(transaction)),
        "to": None if transaction.to is None else format_address(transaction.to),
        "contractAddress": None,
        "cumulativeGasUsed": quantity(receipt.cumulative_gas_used),
        "gasUsed": quantity(gas_used),
        "effectiveGasPrice": quantity(
            effective_gas_price(transaction, placed.header.base_fee_per_gas)
        ),
        "logs": [
            log_form(log, placed, transaction, first_log + index)
            for index, log in enumerate(receipt.logs)
        ],
        "logsBloom": data(receipt.logs_bloom),
        "status": quantity(receipt.status),
        "type": quantity(receipt.transaction_type),
    }
