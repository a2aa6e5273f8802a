"""Hash-locked outputs as Bitcoin scripts, in pay-to-witness-script-hash.

The witness script is BIP-199's with whole keys, and with the size of the preimage fixed::

    IF
        SIZE 32 EQUALVERIFY SHA256 <hash lock> EQUALVERIFY <claim key>
    ELSE
        <lock time> CHECKLOCKTIMEVERIFY DROP <refund key>
    ENDIF
    CHECKSIG

Without the size a secret of 500 bytes would open this output and be too long for the other
chain of a swap. Script has no upper bound of time: from the lock time on, the claim stays
valid beside the refund, and the first that is mined counts.

Spec:
    BIP-199 (hash time-locked contracts), BIP-65 (CHECKLOCKTIMEVERIFY), BIP-141 and BIP-143
    (witness programs and what they sign), BIP-113 (lock times are held against median time
    past); BOLT 3, "Offered HTLC Outputs", for the size.
"""

from dataclasses import dataclass, replace

from chainkit.formats.bitcoin.script import (
    Instruction,
    Op,
    ScriptEndsEarly,
    build,
    decode_number,
    instructions,
    p2wsh_of,
)
from chainkit.formats.bitcoin.sighash import SIGHASH_ALL, SighashData, segwit_sighash
from chainkit.formats.bitcoin.transactions import OutPoint, Transaction, TxInput, TxOutput
from chainkit.primitives.hashing import sha256
from chainkit.sigverify import der
from htlc.onchain.errors import NotHashLocked, TooLittleValue, WrongPreimage, WrongTerms

PREIMAGE_BYTES = 32
HASH_BYTES = 32
KEY_BYTES = 33
MAX_LOCK_TIME = 0xFFFFFFFF
MAX_WITNESS_SCRIPT_BYTES = 119
"""With a lock time of five bytes; longer scripts are not looked at."""

_SEQUENCE = 0xFFFFFFFD
"""Not final, so that lock times count (BIP-65), and replaceable (BIP-125)."""
_TRANSACTION_VERSION = 2
_STEPS = 15
_DIGEST_AT = 5
_CLAIM_KEY_AT = 7
_LOCK_TIME_AT = 9
_REFUND_KEY_AT = 12
_CLAIM = b"\x01"
_REFUND = b""


@dataclass(frozen=True, slots=True)
class HashLock:
    """The terms of an output; made by :func:`hash_lock` or read from a script."""

    digest: bytes
    """SHA-256 of the preimage."""
    claim_key: bytes
    """Compressed public key that, with the preimage, takes the coins at any time."""
    refund_key: bytes
    """Compressed public key that takes them back from the lock time on."""
    lock_time: int
    """A block height below 500,000,000, else UNIX seconds of median time past."""

    @property
    def witness_script(self) -> bytes:
        """The script that a spend shows."""
        return build(
            Op.IF,
            *(Op.SIZE, PREIMAGE_BYTES, Op.EQUALVERIFY),
            *(Op.SHA256, self.digest, Op.EQUALVERIFY, self.claim_key),
            Op.ELSE,
            *(self.lock_time, Op.CHECKLOCKTIMEVERIFY, Op.DROP, self.refund_key),
            Op.ENDIF,
            Op.CHECKSIG,
        )

    @property
    def output_script(self) -> bytes:
        """The script of the output that locks the coins: its P2WSH."""
        return p2wsh_of(self.witness_script)


def _is_key(key: bytes) -> bool:
    return len(key) == KEY_BYTES and key[0] in {2, 3}


def hash_lock(*, digest: bytes, claim_key: bytes, refund_key: bytes, lock_time: int) -> HashLock:
    """Return the terms of an output.

    Raises:
        WrongTerms: A hash is not of 32 bytes, a key not compressed, or the time not one
            that a transaction can carry.
    """
    if len(digest) != HASH_BYTES:
        raise WrongTerms(f"a hash lock has {HASH_BYTES} bytes, not {len(digest)}")
    if not _is_key(claim_key) or not _is_key(refund_key):
        raise WrongTerms("a key is no compressed public key")
    if not 0 < lock_time <= MAX_LOCK_TIME:
        raise WrongTerms(f"lock time {lock_time} is not from 1 to {MAX_LOCK_TIME}")
    return HashLock(digest, claim_key, refund_key, lock_time)


def parse_witness_script(script: bytes) -> HashLock:
    """Return the terms of a witness script; any bytes give terms or a refusal.

    The script must be the one that its terms give: no other opcode, no longer push.

    Raises:
        NotHashLocked: It is not.
        WrongTerms: It is, but of terms that nobody should lock coins under.
    """
    if len(script) > MAX_WITNESS_SCRIPT_BYTES:
        raise NotHashLocked(f"{len(script)} bytes are no hash lock")
    try:
        steps = tuple(instructions(script))
    except ScriptEndsEarly as error:
        raise NotHashLocked("a push runs past the end of the script") from error
    if len(steps) != _STEPS:
        raise NotHashLocked(f"{len(steps)} steps are no hash lock")
    found = hash_lock(
        digest=steps[_DIGEST_AT].data or b"",
        claim_key=steps[_CLAIM_KEY_AT].data or b"",
        refund_key=steps[_REFUND_KEY_AT].data or b"",
        lock_time=_pushed_number(steps[_LOCK_TIME_AT]),
    )
    if found.witness_script != script:
        raise NotHashLocked("the script has other steps or longer pushes")
    return found


def _pushed_number(step: Instruction) -> int:
    """Return the number that a step pushes; 0, which is no lock time, where it is none."""
    if Op.OP_1 <= step.opcode <= Op.OP_16:
        return step.opcode - Op.OP_1 + 1
    return decode_number(step.data or b"")


def parse_output(output_script: bytes, witness_script: bytes) -> HashLock:
    """Return the terms of an output, which shows a hash only, by the script that it stands for.

    Raises:
        NotHashLocked: The output pays another script, or the script is no hash lock.
        WrongTerms: The script is one, but of terms that nobody should lock coins under.
    """
    if p2wsh_of(witness_script) != output_script:
        raise NotHashLocked("the output does not pay to this script")
    return parse_witness_script(witness_script)


def check_preimage(lock: HashLock, preimage: bytes) -> None:
    """Check that a preimage opens the lock.

    Raises:
        WrongPreimage: It has another size or another hash.
    """
    if len(preimage) != PREIMAGE_BYTES:
        raise WrongPreimage(f"a preimage has {PREIMAGE_BYTES} bytes, not {len(preimage)}")
    if sha256(preimage) != lock.digest:
        raise WrongPreimage("the preimage has another hash")


def claim_witness(lock: HashLock, signature: bytes, preimage: bytes) -> tuple[bytes, ...]:
    """Return the witness of a claim; ``signature`` is DER with its hash type byte."""
    return (signature, preimage, _CLAIM, lock.witness_script)


def refund_witness(lock: HashLock, signature: bytes) -> tuple[bytes, ...]:
    """Return the witness of a refund; ``signature`` is DER with its hash type byte."""
    return (signature, _REFUND, lock.witness_script)


def sign_spend(
    lock: HashLock, tx: Transaction, index: int, spent: tuple[TxOutput, ...], private_key: bytes
) -> bytes:
    """Return the signature of input ``index`` over everything (BIP-143, SIGHASH_ALL)."""
    digest = segwit_sighash(SighashData(tx, spent), lock.witness_script, index, SIGHASH_ALL)
    return der.sign(private_key, digest) + bytes([SIGHASH_ALL])


def claim_transaction(
    lock: HashLock,
    point: OutPoint,
    value: int,
    outputs: tuple[TxOutput, ...],
    *,
    preimage: bytes,
    private_key: bytes,
) -> Transaction:
    """Return the signed transaction that claims ``value`` satoshis at ``point``.

    What the outputs leave is the fee.

    Raises:
        WrongPreimage: The preimage does not open the lock.
        TooLittleValue: The outputs are worth more than ``value``.
    """
    check_preimage(lock, preimage)
    tx = _unsigned(point, value, outputs, lock_time=0)
    signature = sign_spend(lock, tx, 0, (TxOutput(value, lock.output_script),), private_key)
    return _with_witness(tx, claim_witness(lock, signature, preimage))


def refund_transaction(
    lock: HashLock,
    point: OutPoint,
    value: int,
    outputs: tuple[TxOutput, ...],
    *,
    private_key: bytes,
) -> Transaction:
    """Return the signed transaction that takes ``value`` satoshis at ``point`` back.

    It carries the lock's time: no block holds it before.

    Raises:
        TooLittleValue: The outputs are worth more than ``value``.
    """
    tx = _unsigned(point, value, outputs, lock_time=lock.lock_time)
    signature = sign_spend(lock, tx, 0, (TxOutput(value, lock.output_script),), private_key)
    return _with_witness(tx, refund_witness(lock, signature))


def _unsigned(
    point: OutPoint, value: int, outputs: tuple[TxOutput, ...], *, lock_time: int
) -> Transaction:
    wanted = sum(output.value for output in outputs)
    if wanted > value:
        raise TooLittleValue(f"outputs of {wanted} are more than the {value} locked")
    return Transaction(_TRANSACTION_VERSION, (TxInput(point, b"", _SEQUENCE),), outputs, lock_time)


def _with_witness(tx: Transaction, witness: tuple[bytes, ...]) -> Transaction:
    return replace(tx, inputs=(replace(tx.inputs[0], witness=witness),))


def revealed_preimage(lock: HashLock, witness: tuple[bytes, ...]) -> bytes | None:
    """Return the preimage that a spend of this lock shows the world, or None where it shows none.

    The other side of a swap reads it from any claim, in a block or only in a mempool.
    """
    if len(witness) != 4 or witness[3] != lock.witness_script:
        return None
    preimage = witness[1]
    opens = len(preimage) == PREIMAGE_BYTES and sha256(preimage) == lock.digest
    return preimage if opens else None
