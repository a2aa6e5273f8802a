"""A real Ethereum beside ours: blocks, receipts and eth_getProof answers of a running anvil.

anvil comes from npm (@foundry-rs/anvil, a prebuilt binary) into
``.venv/foreign``.
"""

import json
import subprocess
import time
import urllib.request
from dataclasses import replace
from itertools import count

import pytest

from chainkit.commitments.patricia_trie.errors import InvalidTrieProof
from chainkit.formats.ethereum.accounts import (
    Account,
    verify_account_proof,
    verify_storage_proof,
)
from chainkit.formats.ethereum.addresses import format_address
from chainkit.formats.ethereum.blocks import (
    check_body,
    check_receipts,
    decode_block,
    encode_block,
)
from chainkit.formats.ethereum.errors import BodyMismatch
from chainkit.formats.ethereum.headers import decode_header, encode_header, header_hash
from chainkit.formats.ethereum.receipts import bloom_contains
from chainkit.formats.ethereum.signatures import address_of
from chainkit.formats.ethereum.transactions import (
    encode_transaction,
    sender,
    sign_transaction,
    transaction_hash,
)
from chainkit.formats.ethereum.types import (
    AccessEntry,
    AccessListTransaction,
    Block,
    DynamicFeeTransaction,
    LegacyTransaction,
)
from chainkit.primitives.keccak import keccak256
from chainkit.primitives.types import Address
from chainkit.wire.rlp import encode, encode_uint
from tests import ethereum_json
from tests.clients.cosmos_network import npm_packages, unavailable
from tests.ethereum_json import data, number

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PACKAGE = "@foundry-rs/anvil@1.7.1"
REQUEST_TIMEOUT_S = 20
CHAIN_ID = 31_337
RICH = bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
"""The key of anvil's first account, from its public test mnemonic."""

TOPIC = (0x42).to_bytes(32, "big")
WORD = (0x2A).to_bytes(32, "big")
LOGS_AND_STORES = bytes.fromhex("602a600055604260206000a160006000f3")
"""Init code: slot 0 becomes 2a, a log with topic 42 and a zero word; no code stays."""


@pytest.fixture(scope="module")
def anvil_binary():
    """The path of anvil, installed once."""
    folder = npm_packages("anvil-1.7.1", PACKAGE)
    found = sorted(folder.glob("node_modules/@foundry-rs/anvil-*/bin/anvil*"))
    if not found:
        unavailable("anvil", f"npm has no {PACKAGE} for this machine")
    return found[0]


class Anvil:
    """A running anvil, asked over HTTP."""

    def __init__(self, url):
        self.url = url
        self.numbers = count(1)

    def __call__(self, method, *parameters):
        body = {"jsonrpc": "2.0", "id": next(self.numbers), "method": method, "params": parameters}
        request = urllib.request.Request(
            self.url, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=REQUEST_TIMEOUT_S) as response:
            answer = json.load(response)
        assert "error" not in answer, answer
        return answer["result"]

    def receipt(self, identifier):
        """Ask until the transaction is mined: anvil answers a send before its block is there."""
        deadline = time.monotonic() + REQUEST_TIMEOUT_S
        while time.monotonic() < deadline:
            found = self("eth_getTransactionReceipt", identifier)
            if found is not None:
                return found
        pytest.fail(f"{identifier} was not mined in {REQUEST_TIMEOUT_S} s")


@pytest.fixture(scope="module")
def anvil(anvil_binary):
    """Anvil on a port of its own choice, with one block for each transaction."""
    command = [str(anvil_binary), "--port", "0", "--host", "127.0.0.1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            for line in process.stdout:
                if line.startswith("Listening on "):
                    yield Anvil("http://" + line.split()[-1])
                    break
            else:
                pytest.fail("anvil ended before it listened")
        finally:
            process.terminate()


TO = Address(b"\x35" * 20)
ACCESS = (AccessEntry(TO, (WORD, TOPIC)),)


def _transactions():
    """One of each type: the last makes a contract that logs and stores."""
    legacy = LegacyTransaction(CHAIN_ID, 0, 10**10, 30_000, TO, 10**18, b"hello")
    dynamic = DynamicFeeTransaction(CHAIN_ID, 2, 1, 10**10, 50_000, TO, 7, b"", ACCESS)
    return [
        legacy,
        AccessListTransaction(CHAIN_ID, 1, 10**10, 50_000, TO, 0, b"\x00\x01", ACCESS),
        dynamic,
        replace(dynamic, nonce=3, gas_limit=200_000, to=None, value=0, data=LOGS_AND_STORES),
    ]


@pytest.fixture(scope="module")
def mined(anvil):
    """The signed transactions and their blocks, after anvil took our bytes."""
    signed = [sign_transaction(each, RICH) for each in _transactions()]
    blocks = []
    for transaction in signed:
        identifier = anvil("eth_sendRawTransaction", "0x" + encode_transaction(transaction).hex())
        assert data(identifier) == transaction_hash(transaction)
        receipt = anvil.receipt(identifier)
        blocks.append(anvil("eth_getBlockByHash", receipt["blockHash"], True))
    return signed, blocks


def _block(answer):
    withdrawals = answer.get("withdrawals")
    return Block(
        ethereum_json.header(answer),
        tuple(map(ethereum_json.transaction, answer["transactions"])),
        None if withdrawals is None else tuple(map(ethereum_json.withdrawal, withdrawals)),
    )


def test_its_blocks_are_ours(anvil, mined):
    """Header hash, transactions root, senders and identifiers of what anvil sealed."""
    signed, answers = mined
    answers = [anvil("eth_getBlockByNumber", "0x0", True), *answers]
    for answer in answers:
        block = _block(answer)

        assert header_hash(block.header) == data(answer["hash"])
        assert decode_header(encode_header(block.header)) == block.header
        assert decode_block(encode_block(block)) == block
        check_body(block)
        for transaction, each in zip(block.transactions, answer["transactions"], strict=True):
            assert transaction_hash(transaction) == data(each["hash"])
            assert sender(transaction) == data(each["from"]) == address_of(RICH)
    assert [_block(answer).transactions for answer in answers[1:]] == [(each,) for each in signed]
    with pytest.raises(BodyMismatch):
        check_body(replace(_block(answers[1]), transactions=()))


def test_its_receipts_are_ours(anvil, mined):
    """Receipts root, bloom and gas of each block; the log is in the bloom."""
    _, answers = mined
    for answer in answers:
        receipts = tuple(
            ethereum_json.receipt(anvil("eth_getTransactionReceipt", each["hash"]))
            for each in answer["transactions"]
        )
        check_receipts(ethereum_json.header(answer), receipts)
        with pytest.raises(BodyMismatch):
            check_receipts(ethereum_json.header(answer), ())
    assert [log.topics for log in receipts[0].logs] == [(TOPIC,)]
    assert bloom_contains(ethereum_json.header(answers[-1]).logs_bloom, TOPIC)


def test_its_proofs_verify(anvil, mined):
    """Accounts and slots that are there, and that are not, under the newest state root."""
    _, answers = mined
    root = ethereum_json.header(answers[-1]).state_root
    made = Address(keccak256(encode((address_of(RICH), encode_uint(3))))[-20:])
    for address in (address_of(RICH), TO, made, Address(b"\xee" * 20)):
        slots = [f"0x{slot:064x}" for slot in (0, 1, 42)]
        answer = anvil("eth_getProof", format_address(address), slots, "latest")
        nodes = tuple(map(data, answer["accountProof"]))
        account = verify_account_proof(root, address, nodes)
        shown = Account(
            nonce=number(answer["nonce"]),
            balance=number(answer["balance"]),
            storage_root=data(answer["storageHash"]),
            code_hash=data(answer["codeHash"]),
        )
        if address == Address(b"\xee" * 20):
            assert account is None
        else:
            assert account == shown
            with pytest.raises(InvalidTrieProof):
                verify_account_proof(root, address, nodes[:-1])
        words = []
        for each in answer["storageProof"]:
            slot = number(each["key"]).to_bytes(32, "big")
            proof = tuple(map(data, each["proof"]))
            words.append(verify_storage_proof(shown.storage_root, slot, proof))
            assert int.from_bytes(words[-1], "big") == number(each["value"])
        assert words == [WORD if address == made else bytes(32), bytes(32), bytes(32)]
