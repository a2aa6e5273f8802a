"""a16z/helios: a block of Ethereum's mainnet, its receipts, and eth_getProof answers under it."""

from typing import Any

import pytest

from chainkit.commitments.patricia_trie import ordered_trie, verify_proof
from chainkit.formats.ethereum.accounts import (
    Account,
    verify_account_proof,
    verify_storage_proof,
)
from chainkit.formats.ethereum.blocks import check_receipts, withdrawals_root
from chainkit.formats.ethereum.headers import decode_header, encode_header, header_hash
from chainkit.formats.ethereum.receipts import decode_receipt, encode_receipt, logs_bloom
from chainkit.wire.rlp import encode, encode_uint
from tests import ethereum_json
from tests.ethereum_json import data, number
from tests.vectors.support import load_json, vector_set

pytestmark = vector_set("helios")[1:]

BLOCK: Any = load_json("helios/rpc/block.json", {})
RECEIPTS: Any = load_json("helios/rpc/receipts.json", [])


@pytest.mark.vectors("helios/block")
def test_block() -> None:
    """The header of five forks has the block's hash, and commits to its withdrawals."""
    header = ethereum_json.header(BLOCK)

    assert header_hash(header) == data(BLOCK["hash"])
    assert decode_header(encode_header(header)) == header
    withdrawals = tuple(map(ethereum_json.withdrawal, BLOCK["withdrawals"]))
    assert withdrawals_root(withdrawals) == header.withdrawals_root


@pytest.mark.vectors("helios/receipts")
def test_receipts(vector_cases: Any) -> None:
    """All 202 receipts encode to what the header commits to, and have their blooms."""
    header = ethereum_json.header(BLOCK)
    receipts = tuple(map(ethereum_json.receipt, RECEIPTS))
    encoded = list(map(encode_receipt, receipts))
    trie = ordered_trie(encoded)
    for index, (receipt, raw) in enumerate(zip(receipts, encoded, strict=True)):
        assert logs_bloom(receipt.logs) == receipt.logs_bloom
        assert decode_receipt(raw) == receipt
        key = encode(encode_uint(index))
        assert verify_proof(header.receipts_root, key, trie.prove(key)) == raw
    vector_cases(len(receipts))

    check_receipts(header, receipts)


@pytest.mark.parametrize("name", ["proof", "block_miner_proof"])
@pytest.mark.vectors("helios/proofs")
def test_account_and_storage_proofs(name: str, vector_cases: Any) -> None:
    """An eth_getProof answer of a real node proves the account and each slot that it shows."""
    answer = load_json(f"helios/rpc/{name}.json")
    header = ethereum_json.header(BLOCK)
    account = verify_account_proof(
        header.state_root, data(answer["address"]), tuple(map(data, answer["accountProof"]))
    )

    assert account == Account(
        nonce=number(answer["nonce"]),
        balance=number(answer["balance"]),
        storage_root=data(answer["storageHash"]),
        code_hash=data(answer["codeHash"]),
    )
    for each in answer["storageProof"]:
        slot = number(each["key"]).to_bytes(32, "big")
        nodes = tuple(map(data, each["proof"]))
        word = verify_storage_proof(account.storage_root, slot, nodes)
        assert int.from_bytes(word, "big") == number(each["value"])
    vector_cases(1 + len(answer["storageProof"]))
