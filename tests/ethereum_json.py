"""What Ethereum's JSON-RPC answers, as this project's values; for tests of foreign nodes."""

from chainkit.formats.ethereum.types import (
    AccessEntry,
    AccessListTransaction,
    DynamicFeeTransaction,
    Header,
    LegacyTransaction,
    Log,
    Receipt,
    Withdrawal,
)


def data(text):
    return bytes.fromhex(text.removeprefix("0x"))


def number(text):
    return int(text, 16)


def _optional(read, text):
    return None if text is None else read(text)


def header(block):
    """The header of an answer to eth_getBlockBy..."""
    return Header(
        parent_hash=data(block["parentHash"]),
        ommers_hash=data(block["sha3Uncles"]),
        beneficiary=data(block["miner"]),
        state_root=data(block["stateRoot"]),
        transactions_root=data(block["transactionsRoot"]),
        receipts_root=data(block["receiptsRoot"]),
        logs_bloom=data(block["logsBloom"]),
        difficulty=number(block["difficulty"]),
        number=number(block["number"]),
        gas_limit=number(block["gasLimit"]),
        gas_used=number(block["gasUsed"]),
        timestamp=number(block["timestamp"]),
        extra_data=data(block["extraData"]),
        mix_hash=data(block["mixHash"]),
        nonce=data(block["nonce"]),
        base_fee_per_gas=_optional(number, block.get("baseFeePerGas")),
        withdrawals_root=_optional(data, block.get("withdrawalsRoot")),
        blob_gas_used=_optional(number, block.get("blobGasUsed")),
        excess_blob_gas=_optional(number, block.get("excessBlobGas")),
        parent_beacon_block_root=_optional(data, block.get("parentBeaconBlockRoot")),
        requests_hash=_optional(data, block.get("requestsHash")),
    )


def withdrawal(answer):
    return Withdrawal(
        index=number(answer["index"]),
        validator_index=number(answer["validatorIndex"]),
        address=data(answer["address"]),
        amount=number(answer["amount"]),
    )


def log(answer):
    return Log(data(answer["address"]), tuple(map(data, answer["topics"])), data(answer["data"]))


def receipt(answer):
    """An answer to eth_getTransactionReceipt."""
    return Receipt(
        transaction_type=number(answer["type"]),
        status=number(answer["status"]),
        cumulative_gas_used=number(answer["cumulativeGasUsed"]),
        logs_bloom=data(answer["logsBloom"]),
        logs=tuple(map(log, answer["logs"])),
    )


def transaction(answer):
    """A transaction of eth_getBlockBy... with full transactions; types 0, 1 and 2."""
    common = {
        "nonce": number(answer["nonce"]),
        "gas_limit": number(answer["gas"]),
        "to": _optional(data, answer.get("to")),
        "value": number(answer["value"]),
        "data": data(answer["input"]),
        "r": number(answer["r"]),
        "s": number(answer["s"]),
    }
    kind = number(answer["type"])
    if kind == 0:
        v = number(answer["v"])
        chain_id, y_parity = (None, v - 27) if v < 35 else divmod(v - 35, 2)
        gas_price = number(answer["gasPrice"])
        return LegacyTransaction(
            chain_id=chain_id, gas_price=gas_price, y_parity=y_parity, **common
        )
    common |= {
        "chain_id": number(answer["chainId"]),
        "y_parity": number(answer["yParity"]),
        "access_list": tuple(
            AccessEntry(data(entry["address"]), tuple(map(data, entry["storageKeys"])))
            for entry in answer.get("accessList", [])
        ),
    }
    if kind == 1:
        return AccessListTransaction(gas_price=number(answer["gasPrice"]), **common)
    assert kind == 2
    return DynamicFeeTransaction(
        max_priority_fee_per_gas=number(answer["maxPriorityFeePerGas"]),
        max_fee_per_gas=number(answer["maxFeePerGas"]),
        **common,
    )
