"""Bitcoin Core's script, transaction, signature hash and address vectors."""

from typing import Any

import pytest

from chainkit.formats.bitcoin.addresses import (
    MAINNET_ADDRESSES,
    REGTEST_ADDRESSES,
    TESTNET_ADDRESSES,
    AddressRules,
    decode_address,
    decode_private_key,
    encode_address,
    encode_private_key,
)
from chainkit.formats.bitcoin.encoding import parse_display_hash
from chainkit.formats.bitcoin.errors import BitcoinRuleBroken, WrongAddress
from chainkit.formats.bitcoin.interpreter import verify_script
from chainkit.formats.bitcoin.script import Op, push, push_number
from chainkit.formats.bitcoin.script_errors import ScriptFailed, ScriptFlag
from chainkit.formats.bitcoin.sighash import (
    SighashData,
    leaf_hash,
    legacy_sighash,
    taproot_tweak,
)
from chainkit.formats.bitcoin.signature_checks import SpendContext
from chainkit.formats.bitcoin.transactions import (
    NULL_INDEX,
    NULL_TXID,
    OutPoint,
    Transaction,
    TxInput,
    TxOutput,
    check_transaction,
    decode_transaction,
)
from chainkit.sigverify import schnorr
from tests.vectors.support import load_json, vector_set

pytestmark = vector_set("bitcoin-core")[1:]
ALL_FLAGS = ~ScriptFlag.NONE
INTERNAL_KEY = bytes.fromhex("50929b74c1a04954b78b4b6035e97a5e078a5a0f28ec96d547bfee9ace803ac0")
NETWORKS = {
    "main": MAINNET_ADDRESSES,
    "testnet": TESTNET_ADDRESSES,
    "signet": TESTNET_ADDRESSES,
    "regtest": REGTEST_ADDRESSES,
}


def assemble(text: str) -> bytes:
    """The script of Core's short assembly."""
    out = bytearray()
    for word in text.split():
        if word.startswith("0x"):
            out += bytes.fromhex(word[2:])
        elif word.startswith("'"):
            out += push(word[1:-1].encode()) if len(word) != 3 else b"\x01" + word[1:-1].encode()
        elif word.lstrip("-").isdigit():
            out += push_number(int(word))
        else:
            name = word.removeprefix("OP_")
            out.append(Op[f"OP_{name}" if name[0].isdigit() else name])
    return bytes(out)


def parse_flags(text: str) -> ScriptFlag:
    flags = ScriptFlag.NONE
    for name in text.split(","):
        if name and name != "NONE":
            flags |= ScriptFlag[name]
    return flags


def witness_of(rows: list[Any]) -> tuple[list[bytes], bytes]:
    """The witness items, and the taproot output key where a script stands among them."""
    items = []
    output_key = b""
    for row in rows:
        if row.startswith("#SCRIPT#"):
            script = assemble(row.removeprefix("#SCRIPT#"))
            tweaked = schnorr.tweak_public_key(
                INTERNAL_KEY, taproot_tweak(INTERNAL_KEY, leaf_hash(script))
            )
            assert tweaked is not None
            output_key, parity = tweaked
            items.append(script)
        elif row == "#CONTROLBLOCK#":
            items.append(bytes([0xC0 | parity]) + INTERNAL_KEY)
        else:
            items.append(bytes.fromhex(row))
    return items, output_key


SCRIPT_ROWS = [row for row in load_json("bitcoin-core/script_tests.json") if len(row) > 1]


@pytest.mark.parametrize("number", range(len(SCRIPT_ROWS)))
@pytest.mark.vectors("bitcoin-core/scripts")
def test_script(number: int) -> None:
    """The interpreter gives Core's verdict, by name."""
    row = SCRIPT_ROWS[number]
    witness: list[bytes] = []
    output_key, amount = b"", 0
    if isinstance(row[0], list):
        *items, coins = row[0]
        witness, output_key = witness_of(items)
        amount = round(coins * 100_000_000)
        row = row[1:]
    text_sig, text_pubkey, text_flags, expected = row[:4]
    script_sig = assemble(text_sig)
    pubkey = assemble(text_pubkey.replace("#TAPROOTOUTPUT#", f"0x{output_key.hex()}"))
    credit = Transaction(
        1,
        (TxInput(OutPoint(NULL_TXID, NULL_INDEX), b"\0\0", 0xFFFFFFFF),),
        (TxOutput(amount, pubkey),),
        0,
    )
    spending = Transaction(
        1,
        (TxInput(OutPoint(credit.txid, 0), script_sig, 0xFFFFFFFF, tuple(witness)),),
        (TxOutput(amount, b""),),
        0,
    )
    spend = SpendContext(SighashData(spending, credit.outputs), 0)
    flags = parse_flags(text_flags)
    if ScriptFlag.CLEANSTACK in flags:
        flags |= ScriptFlag.P2SH | ScriptFlag.WITNESS
    verdict = "OK"
    try:
        verify_script(script_sig, pubkey, tuple(witness), spend, flags)
    except ScriptFailed as error:
        verdict = error.reason
    assert verdict == expected, row


def check_inputs(row: list[Any], flags: ScriptFlag) -> None:
    """Check a transaction row as Core's transaction_tests does."""
    tx = decode_transaction(bytes.fromhex(row[1]))
    check_transaction(tx)
    spent = {
        OutPoint(parse_display_hash(txid), index & 0xFFFFFFFF): TxOutput(
            amount[0] if amount else 0, assemble(script)
        )
        for txid, index, script, *amount in row[0]
    }
    data = SighashData(tx, tuple(spent[i.previous_output] for i in tx.inputs))
    for index, tx_input in enumerate(tx.inputs):
        verify_script(
            tx_input.script_sig,
            data.spent[index].script_pubkey,
            tx_input.witness,
            SpendContext(data, index),
            flags,
        )


def with_implied(flags: ScriptFlag) -> ScriptFlag:
    """The flags without those whose base is off, as Core's TrimFlags."""
    if ScriptFlag.P2SH not in flags:
        flags &= ~ScriptFlag.WITNESS
    if ScriptFlag.WITNESS not in flags:
        flags &= ~(ScriptFlag.CLEANSTACK | ScriptFlag.TAPROOT)
    return flags


def filled(flags: ScriptFlag) -> ScriptFlag:
    """The flags with those that they need, as Core's FillFlags."""
    if ScriptFlag.CLEANSTACK in flags:
        flags |= ScriptFlag.WITNESS
    if ScriptFlag.WITNESS in flags:
        flags |= ScriptFlag.P2SH
    return flags


VALID = [row for row in load_json("bitcoin-core/tx_valid.json") if len(row) > 1]
INVALID = [row for row in load_json("bitcoin-core/tx_invalid.json") if len(row) > 1]


@pytest.mark.parametrize("number", range(len(VALID)))
@pytest.mark.vectors("bitcoin-core/tx_valid")
def test_valid_transaction(number: int) -> None:
    """The transaction is valid under all rules except those excluded."""
    check_inputs(VALID[number], with_implied(ALL_FLAGS & ~parse_flags(VALID[number][2])))


@pytest.mark.parametrize("number", range(len(INVALID)))
@pytest.mark.vectors("bitcoin-core/tx_invalid")
def test_invalid_transaction(number: int) -> None:
    """The transaction fails under the rules named, or whatever the rules."""
    text = INVALID[number][2]
    if text == "BADTX":
        with pytest.raises(BitcoinRuleBroken):
            check_transaction(decode_transaction(bytes.fromhex(INVALID[number][1])))
        return
    with pytest.raises(ScriptFailed):
        check_inputs(INVALID[number], filled(parse_flags(text)))


SIGHASHES = [row for row in load_json("bitcoin-core/sighash.json") if len(row) > 1]


@pytest.mark.parametrize("number", range(len(SIGHASHES)))
@pytest.mark.vectors("bitcoin-core/sighash")
def test_legacy_sighash(number: int) -> None:
    """The legacy digest is Core's, for random scripts and hash types."""
    raw, script, index, hash_type, expected = SIGHASHES[number]
    tx = decode_transaction(bytes.fromhex(raw))
    assert tx.encoded.hex() == raw
    digest = legacy_sighash(tx, bytes.fromhex(script), index, hash_type)
    assert digest[::-1].hex() == expected


KEYS: Any = load_json("bitcoin-core/key_io.json", {"valid": [], "invalid": []})


@pytest.mark.parametrize("number", range(len(KEYS["valid"])))
@pytest.mark.vectors("bitcoin-core/key_io")
def test_valid_key_or_address(number: int) -> None:
    """A text decodes to its payload and encodes back; an address is case-blind where bech32."""
    row = KEYS["valid"][number]
    rules: AddressRules = NETWORKS[row["chain"]]
    payload = bytes.fromhex(row["payload_hex"])
    if row["is_private_key"]:
        assert decode_private_key(row["encoded"], rules) == (payload, row["compressed"])
        assert encode_private_key(payload, rules, compressed=row["compressed"]) == row["encoded"]
        return
    assert decode_address(row["encoded"], rules) == payload
    assert encode_address(payload, rules) == row["encoded"].lower() or row["encoded"][0] in "123mn"
    assert decode_address(encode_address(payload, rules), rules) == payload


@pytest.mark.parametrize("number", range(len(KEYS["invalid"])))
@pytest.mark.vectors("bitcoin-core/key_io")
def test_invalid_key_or_address(number: int) -> None:
    """A text that is no key and no address is refused on every chain."""
    text = KEYS["invalid"][number]
    for rules in NETWORKS.values():
        with pytest.raises(WrongAddress):
            decode_address(text, rules)
        with pytest.raises(WrongAddress):
            decode_private_key(text, rules)
