"""The BIPs' own vectors: Schnorr signatures, taproot, Bech32 and Bech32m."""

import csv
from typing import Any

import pytest

from chainkit.formats.bitcoin.addresses import (
    MAINNET_ADDRESSES,
    TESTNET_ADDRESSES,
    decode_segwit_address,
    encode_address,
)
from chainkit.formats.bitcoin.encoding import Reader
from chainkit.formats.bitcoin.errors import WrongAddress
from chainkit.formats.bitcoin.script import p2tr, witness_program
from chainkit.formats.bitcoin.sighash import (
    SighashData,
    branch_hash,
    leaf_hash,
    taproot_message,
    taproot_sighash,
    taproot_tweak,
)
from chainkit.formats.bitcoin.transactions import TxOutput, read_transaction
from chainkit.primitives.bech32 import BECH32, BECH32M, decode_checked, encode_checked
from chainkit.primitives.errors import MalformedMessage
from chainkit.sigverify import schnorr
from tests.vectors.support import load_json, vector_set, vectors_root

pytestmark = vector_set("bips")[1:]


def _schnorr_rows() -> list[dict[str, str]]:
    file = vectors_root() / "bips" / "bip-0340-test-vectors.csv"
    return list(csv.DictReader(file.read_text().splitlines())) if file.exists() else []


SCHNORR = _schnorr_rows()


@pytest.mark.parametrize("number", range(len(SCHNORR)))
@pytest.mark.vectors("bips/bip340")
def test_schnorr(number: int) -> None:
    """A signature verifies as BIP-340 says, and signing gives exactly its bytes."""
    row = SCHNORR[number]
    key, message, signature = (
        bytes.fromhex(row[name]) for name in ("public key", "message", "signature")
    )
    assert schnorr.verify(key, message, signature) == (row["verification result"] == "TRUE")
    if row["secret key"]:
        secret = bytes.fromhex(row["secret key"])
        assert schnorr.public_key_of(secret) == key
        if len(message) == 32:
            assert schnorr.sign(secret, message, bytes.fromhex(row["aux_rand"])) == signature


TAPROOT: Any = load_json(
    "bips/bip-0341-wallet-test-vectors.json", {"scriptPubKey": [], "keyPathSpending": []}
)


def tree_root(tree: Any) -> bytes:
    """The root of a script tree as the BIP writes it; empty for none."""
    if tree is None:
        return b""
    if isinstance(tree, list):
        return branch_hash(tree_root(tree[0]), tree_root(tree[1]))
    return leaf_hash(bytes.fromhex(tree["script"]), tree["leafVersion"])


@pytest.mark.parametrize("number", range(len(TAPROOT["scriptPubKey"])))
@pytest.mark.vectors("bips/bip341")
def test_taproot_output(number: int) -> None:
    """Internal key and script tree give the output key and its address."""
    row = TAPROOT["scriptPubKey"][number]
    internal = bytes.fromhex(row["given"]["internalPubkey"])
    root = tree_root(row["given"]["scriptTree"])
    tweak = taproot_tweak(internal, root)
    assert root.hex() == (row["intermediary"]["merkleRoot"] or "")
    assert tweak.hex() == row["intermediary"]["tweak"]
    tweaked = schnorr.tweak_public_key(internal, tweak)
    assert tweaked is not None
    script = p2tr(tweaked[0])
    assert script.hex() == row["expected"]["scriptPubKey"]
    assert encode_address(script, MAINNET_ADDRESSES) == row["expected"]["bip350Address"]


@pytest.mark.parametrize("number", range(len(TAPROOT["keyPathSpending"])))
@pytest.mark.vectors("bips/bip341")
def test_taproot_key_path(number: int) -> None:
    """Each input's message, digest and signature are the BIP's."""
    case = TAPROOT["keyPathSpending"][number]
    tx = read_transaction(Reader(bytes.fromhex(case["given"]["rawUnsignedTx"])))
    spent = tuple(
        TxOutput(row["amountSats"], bytes.fromhex(row["scriptPubKey"]))
        for row in case["given"]["utxosSpent"]
    )
    data = SighashData(tx, spent)
    for row in case["inputSpending"]:
        given, middle = row["given"], row["intermediary"]
        index, hash_type = given["txinIndex"], given["hashType"]
        message = taproot_message(data, index, hash_type)
        digest = taproot_sighash(data, index, hash_type)
        assert message is not None
        assert digest is not None
        assert message.hex() == middle["sigMsg"]
        assert digest.hex() == middle["sigHash"]
        secret = schnorr.tweak_private_key(
            bytes.fromhex(given["internalPrivkey"]), bytes.fromhex(middle["tweak"])
        )
        assert secret.hex() == middle["tweakedPrivkey"]
        signature = schnorr.sign(secret, digest, bytes(32))
        suffix = bytes([hash_type]) if hash_type else b""
        assert (signature + suffix).hex() == row["expected"]["witness"][0]


BECH32_TEXTS: Any = load_json("bips/bech32.json", {})
CASES = [
    (bip, kind, number)
    for bip, kinds in BECH32_TEXTS.items()
    if isinstance(kinds, dict)
    for kind, rows in kinds.items()
    if isinstance(rows, list)
    for number in range(len(rows))
]


@pytest.mark.parametrize(("bip", "kind", "number"), CASES)
@pytest.mark.vectors("bips/bech32")
def test_bech32(bip: str, kind: str, number: int) -> None:
    """A text or witness address is taken or refused as its BIP says, BIP-350's rule being today's."""
    row = BECH32_TEXTS[bip][kind][number]
    wanted = BECH32 if bip == "bip173" else BECH32M
    if kind == "valid":
        prefix, values, found = decode_checked(row)
        assert found == wanted
        assert encode_checked(prefix, values, found) == row.lower()
    elif kind == "invalid":
        assert not _has_checksum(row["string"], wanted)
    elif kind == "segwit_valid":
        _check_valid_address(bip, row["address"], row["script_hex"])
    else:
        text = row["address"] if isinstance(row, dict) else row
        for part in ("bc", "tb"):
            with pytest.raises(WrongAddress):
                decode_segwit_address(text, part)


def _has_checksum(text: str, wanted: int) -> bool:
    if len(text) > 90:  # the BIP's limit; our generic decoder allows Cosmos's 1023
        return False
    try:
        return decode_checked(text)[2] == wanted
    except MalformedMessage:
        return False


def _check_valid_address(bip: str, text: str, script_hex: str) -> None:
    part = text.lower().rpartition("1")[0]
    if bip == "bip173" and bytes.fromhex(script_hex)[0] != 0:
        with pytest.raises(WrongAddress):  # superseded by BIP-350
            decode_segwit_address(text, part)
        return
    assert witness_program(*decode_segwit_address(text, part)).hex() == script_hex
    rules = MAINNET_ADDRESSES if part == "bc" else TESTNET_ADDRESSES
    assert encode_address(bytes.fromhex(script_hex), rules) == text.lower()
