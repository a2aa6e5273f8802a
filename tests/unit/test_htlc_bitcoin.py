"""Hash-locked outputs: who may take the coins when, judged by our interpreter and by Bitcoin Core's."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainkit.formats.bitcoin.interpreter import verify_script
from chainkit.formats.bitcoin.script import Op, build, p2wpkh, p2wsh_of
from chainkit.formats.bitcoin.script_errors import CONSENSUS_FLAGS, STANDARD_FLAGS, ScriptFailed
from chainkit.formats.bitcoin.sighash import SighashData
from chainkit.formats.bitcoin.signature_checks import SpendContext
from chainkit.formats.bitcoin.transactions import OutPoint, Transaction, TxInput, TxOutput
from chainkit.primitives.hashing import sha256
from chainkit.sigverify.secp256k1 import public_key_of
from htlc.onchain.bitcoin import (
    MAX_WITNESS_SCRIPT_BYTES,
    check_preimage,
    claim_transaction,
    claim_witness,
    hash_lock,
    parse_output,
    parse_witness_script,
    refund_transaction,
    refund_witness,
    revealed_preimage,
    sign_spend,
)
from htlc.onchain.errors import (
    HashLockRefused,
    NotHashLocked,
    TooLittleValue,
    WrongPreimage,
    WrongTerms,
)

CLAIMER, REFUNDER, THIEF = ((number).to_bytes(32, "big") for number in (11, 12, 13))
PREIMAGE = b"\x5a" * 32
EXPIRY = 700_000
VALUE = 50_000
POINT = OutPoint(b"\x07" * 32, 1)
OUTPUTS = (TxOutput(49_000, p2wpkh(bytes(20))),)


def lock_of(preimage=PREIMAGE, lock_time=EXPIRY):
    return hash_lock(
        digest=sha256(preimage),
        claim_key=public_key_of(CLAIMER),
        refund_key=public_key_of(REFUNDER),
        lock_time=lock_time,
    )


LOCK = lock_of()


def spend(witness_of, key, *, lock=LOCK, lock_time=0, sequence=0xFFFFFFFD):
    """A transaction at ``lock_time`` with any witness over a true signature of ``key``."""
    tx = Transaction(2, (TxInput(POINT, b"", sequence),), OUTPUTS, lock_time)
    signature = sign_spend(lock, tx, 0, (TxOutput(VALUE, lock.output_script),), key)
    return replace(tx, inputs=(replace(tx.inputs[0], witness=witness_of(lock, signature)),))


def claiming(preimage):
    return lambda lock, signature: claim_witness(lock, signature, preimage)


def ours(tx, lock=LOCK, flags=STANDARD_FLAGS):
    """Return the name of the failure, or None."""
    data = SighashData(tx, (TxOutput(VALUE, lock.output_script),))
    try:
        verify_script(b"", lock.output_script, tx.inputs[0].witness, SpendContext(data, 0), flags)
    except ScriptFailed as error:
        return error.reason
    return None


def core_accepts(tx, lock=LOCK):
    """What Bitcoin Core's interpreter says under the rules of consensus."""
    pbk = pytest.importorskip("pbk", reason="py-bitcoinkernel is not installed for this Python")
    script = pbk.ScriptPubkey(lock.output_script)
    spending = pbk.Transaction(tx.encoded)
    precomputed = pytest.importorskip("pbk.script").PrecomputedTransactionData
    spent = precomputed(spending, [pbk.TransactionOutput(script, VALUE)])
    return script.verify(VALUE, spending, spent, 0, pbk.ScriptVerificationFlags.ALL)


CASES = {
    "claim before the expiry": (spend(claiming(PREIMAGE), CLAIMER), None),
    "claim after the expiry": (
        spend(claiming(PREIMAGE), CLAIMER, lock_time=EXPIRY + 1_000),
        None,
    ),
    "claim with the wrong preimage": (spend(claiming(b"\x5b" * 32), CLAIMER), "EQUALVERIFY"),
    "claim without a preimage": (spend(claiming(b""), CLAIMER), "EQUALVERIFY"),
    "claim by another key": (spend(claiming(PREIMAGE), THIEF), "NULLFAIL"),
    "claim by the refunder": (spend(claiming(PREIMAGE), REFUNDER), "NULLFAIL"),
    "refund before the expiry": (
        spend(refund_witness, REFUNDER, lock_time=EXPIRY - 1),
        "UNSATISFIED_LOCKTIME",
    ),
    "refund without a lock time": (spend(refund_witness, REFUNDER), "UNSATISFIED_LOCKTIME"),
    "refund at the expiry": (spend(refund_witness, REFUNDER, lock_time=EXPIRY), None),
    "refund after the expiry": (spend(refund_witness, REFUNDER, lock_time=EXPIRY + 9), None),
    "refund of a final input": (
        spend(refund_witness, REFUNDER, lock_time=EXPIRY, sequence=0xFFFFFFFF),
        "UNSATISFIED_LOCKTIME",
    ),
    "refund at a UNIX time": (
        spend(refund_witness, REFUNDER, lock_time=1_700_000_000),
        "UNSATISFIED_LOCKTIME",
    ),
    "refund by another key": (spend(refund_witness, THIEF, lock_time=EXPIRY), "NULLFAIL"),
    "refund by the claimer": (spend(refund_witness, CLAIMER, lock_time=EXPIRY), "NULLFAIL"),
}


@pytest.mark.parametrize("name", CASES)
def test_who_may_take_the_coins(name) -> None:
    """The claim at any time with the preimage, the refund from the lock time on, nobody else."""
    tx, reason = CASES[name]

    assert ours(tx) == reason
    assert (ours(tx, flags=CONSENSUS_FLAGS) is None) == (reason is None)
    assert core_accepts(tx) == (reason is None)


@pytest.mark.parametrize("size", [0, 1, 31, 33, 64, 520])
def test_a_true_preimage_of_another_size_opens_nothing(size) -> None:
    """SIZE 32: a longer secret could open this chain's side of a swap and not the other's."""
    preimage = b"\x5a" * size
    lock = lock_of(preimage)
    tx = spend(claiming(preimage), CLAIMER, lock=lock)

    assert ours(tx, lock) == "EQUALVERIFY"
    assert not core_accepts(tx, lock)
    with pytest.raises(WrongPreimage, match="32 bytes"):
        check_preimage(lock, preimage)


@pytest.mark.parametrize("lock_time", [1, 16, 17, 127, 128, 499_999_999, 1_700_000_000, 2**32 - 1])
def test_builders_make_what_both_interpreters_accept(lock_time) -> None:
    """A claim and a refund for heights and times, of any length of their number."""
    lock = lock_of(lock_time=lock_time)
    claim = claim_transaction(lock, POINT, VALUE, OUTPUTS, preimage=PREIMAGE, private_key=CLAIMER)
    refund = refund_transaction(lock, POINT, VALUE, OUTPUTS, private_key=REFUNDER)

    for tx in (claim, refund):
        assert ours(tx, lock) is None
        assert core_accepts(tx, lock)
    assert refund.lock_time == lock_time
    assert parse_output(lock.output_script, lock.witness_script) == lock
    assert len(lock.witness_script) <= MAX_WITNESS_SCRIPT_BYTES


def test_builders_refuse_what_no_block_would_take() -> None:
    """A wrong preimage and outputs above the locked value are found before they are signed."""
    with pytest.raises(WrongPreimage, match="another hash"):
        claim_transaction(LOCK, POINT, VALUE, OUTPUTS, preimage=b"\x01" * 32, private_key=CLAIMER)
    with pytest.raises(TooLittleValue):
        refund_transaction(LOCK, POINT, OUTPUTS[0].value - 1, OUTPUTS, private_key=REFUNDER)


@pytest.mark.parametrize(
    "change",
    [
        {"digest": b"\x01" * 20},
        {"digest": b"\x01" * 33},
        {"claim_key": b"\x04" + b"\x01" * 32},
        {"refund_key": b"\x02" * 65},
        {"refund_key": b""},
        {"lock_time": 0},
        {"lock_time": -1},
        {"lock_time": 2**32},
    ],
)
def test_terms_that_would_lock_coins_for_ever_are_refused(change) -> None:
    """A hash of another size, a key of another form, a time that no transaction carries."""
    terms = {
        "digest": LOCK.digest,
        "claim_key": LOCK.claim_key,
        "refund_key": LOCK.refund_key,
        "lock_time": LOCK.lock_time,
    }
    with pytest.raises(WrongTerms):
        hash_lock(**(terms | change))


def variants():
    """Scripts that lock by the same hash and keys, yet are not the one form."""
    head = (Op.IF, Op.SIZE, 32, Op.EQUALVERIFY, Op.SHA256, LOCK.digest, Op.EQUALVERIFY)
    tail = (EXPIRY, Op.CHECKLOCKTIMEVERIFY, Op.DROP, LOCK.refund_key, Op.ENDIF, Op.CHECKSIG)
    good = LOCK.witness_script
    return {
        "without the size": build(
            *(Op.IF, Op.SHA256, LOCK.digest, Op.EQUALVERIFY, LOCK.claim_key, Op.ELSE), *tail
        ),
        "another size": good.replace(b"\x82\x01\x20", b"\x82\x01\x21"),
        "hashed twice": good.replace(b"\xa8", b"\xaa"),
        "HASH160": good.replace(b"\xa8", b"\xa9"),
        "CSV": good.replace(b"\xb1", b"\xb2"),
        "a NOP for CLTV": good.replace(b"\xb1", b"\x61"),
        "NOTIF": b"\x64" + good[1:],
        "a longer push": build(*head, LOCK.claim_key, Op.ELSE, *tail).replace(
            b"\x20" + LOCK.digest, b"\x4c\x20" + LOCK.digest
        ),
        "a longer number": good.replace(b"\x03\x60\xae\x0a", b"\x04\x60\xae\x0a\x00"),
        "more behind": good + b"\x61",
        "less": good[:-1],
        "empty": b"",
        "ends in a push": good[:-1] + b"\x4d",
    }


@pytest.mark.parametrize("name", variants())
def test_only_the_one_form_is_read(name) -> None:
    """A script that also works, but in another way than its terms say, is no hash lock of ours."""
    script = variants()[name]

    assert script != LOCK.witness_script
    with pytest.raises(HashLockRefused):
        parse_witness_script(script)


def test_an_output_of_another_script_is_not_its_terms() -> None:
    """The terms count only where the output pays to them."""
    with pytest.raises(NotHashLocked, match="does not pay"):
        parse_output(p2wsh_of(b"\x51"), LOCK.witness_script)


@given(st.binary(max_size=130))
def test_any_bytes_are_terms_or_a_refusal(script) -> None:
    """The parser is total, and what it reads encodes to the same bytes."""
    try:
        found = parse_witness_script(script)
    except HashLockRefused:
        return
    assert found.witness_script == script


@given(st.integers(0, len(LOCK.witness_script) - 1), st.integers(0, 255))
def test_a_changed_byte_is_other_terms_or_a_refusal(position, byte) -> None:
    """No two scripts have the same terms."""
    script = bytearray(LOCK.witness_script)
    script[position] = byte
    try:
        found = parse_witness_script(bytes(script))
    except HashLockRefused:
        return
    assert found.witness_script == bytes(script)


def test_a_claim_reveals_the_preimage() -> None:
    """The other side reads the secret from a claim; a refund and another lock show none."""
    claim = CASES["claim before the expiry"][0].inputs[0].witness
    refund = CASES["refund at the expiry"][0].inputs[0].witness

    assert revealed_preimage(LOCK, claim) == PREIMAGE
    assert revealed_preimage(LOCK, refund) is None
    assert revealed_preimage(lock_of(lock_time=EXPIRY + 1), claim) is None
    assert revealed_preimage(LOCK, (claim[0], b"\x01" * 32, *claim[2:])) is None
    assert revealed_preimage(LOCK, ()) is None
