"""Signatures inside scripts: encodings, the digest each version signs, lock times.

Spec:
    Bitcoin Core ``script/interpreter.cpp``; BIP-62, BIP-65, BIP-66, BIP-112, BIP-340 to 342.
"""

from dataclasses import dataclass
from enum import Enum, auto

from chainkit.formats.bitcoin.limits import (
    LOCKTIME_THRESHOLD,
    SEQUENCE_FINAL,
    SEQUENCE_LOCKTIME_DISABLE_FLAG,
    SEQUENCE_LOCKTIME_MASK,
    SEQUENCE_LOCKTIME_TYPE_FLAG,
)
from chainkit.formats.bitcoin.script_errors import ScriptFailed, ScriptFlag
from chainkit.formats.bitcoin.sighash import (
    SIGHASH_ANYONECANPAY,
    SIGHASH_DEFAULT,
    SighashData,
    TapscriptContext,
    legacy_sighash,
    segwit_sighash,
    taproot_sighash,
)
from chainkit.sigverify import der, schnorr
from chainkit.sigverify.secp256k1 import ORDER


class SigVersion(Enum):
    """Which rules of signing a script runs under."""

    BASE = auto()
    WITNESS_V0 = auto()
    TAPSCRIPT = auto()


def is_strict_der(signature: bytes) -> bool:
    """Return whether a signature with its hash type byte is strict DER (BIP-66)."""
    size = len(signature)
    if not 9 <= size <= 73 or signature[0] != 0x30 or signature[1] != size - 3:
        return False
    r_size = signature[3]
    if 5 + r_size >= size:
        return False
    s_size = signature[5 + r_size]
    if r_size + s_size + 7 != size:
        return False
    for start, count in ((4, r_size), (6 + r_size, s_size)):
        if signature[start - 2] != 0x02 or count == 0 or signature[start] & 0x80:
            return False
        if count > 1 and signature[start] == 0 and not signature[start + 1] & 0x80:
            return False
    return True


def check_signature_encoding(signature: bytes, flags: ScriptFlag) -> None:
    """Check the form of an ECDSA signature with its hash type byte; empty is allowed."""
    if not signature:
        return
    strict = ScriptFlag.DERSIG | ScriptFlag.LOW_S | ScriptFlag.STRICTENC
    if flags & strict and not is_strict_der(signature):
        raise ScriptFailed("SIG_DER")
    if flags & ScriptFlag.LOW_S:
        parsed = der.parse_lax(signature[:-1])
        if parsed is None or parsed[1] > ORDER // 2:
            raise ScriptFailed("SIG_HIGH_S")
    if flags & ScriptFlag.STRICTENC and signature[-1] & ~SIGHASH_ANYONECANPAY not in {1, 2, 3}:
        raise ScriptFailed("SIG_HASHTYPE")


def check_public_key_encoding(key: bytes, flags: ScriptFlag, version: SigVersion) -> None:
    """Check the form of a public key under the flags."""
    compressed = len(key) == 33 and key[0] in {2, 3}
    if flags & ScriptFlag.STRICTENC and not (compressed or (len(key) == 65 and key[0] == 4)):
        raise ScriptFailed("PUBKEYTYPE")
    v0_only_compressed = flags & ScriptFlag.WITNESS_PUBKEYTYPE and version is SigVersion.WITNESS_V0
    if v0_only_compressed and not compressed:
        raise ScriptFailed("WITNESS_PUBKEYTYPE")


@dataclass(frozen=True, slots=True)
class SpendContext:
    """The input whose script runs: its transaction, its index, and what the transaction spends."""

    data: SighashData
    index: int

    def check_ecdsa(
        self, signature: bytes, key: bytes, script_code: bytes, version: SigVersion
    ) -> bool:
        """Return whether the signature, hash type byte last, signs this input."""
        if not signature:
            return False
        hash_type = signature[-1]
        if version is SigVersion.WITNESS_V0:
            digest = segwit_sighash(self.data, script_code, self.index, hash_type)
        else:
            digest = legacy_sighash(self.data.tx, script_code, self.index, hash_type)
        return der.verify(key, digest, signature[:-1])

    def check_schnorr(
        self, signature: bytes, key: bytes, annex: bytes | None, tapscript: TapscriptContext | None
    ) -> None:
        """Check a taproot signature of 64 bytes, or 65 with a hash type that is not the default.

        Raises:
            ScriptFailed: By Core's name.
        """
        if len(signature) not in {64, 65}:
            raise ScriptFailed("SCHNORR_SIG_SIZE")
        hash_type = SIGHASH_DEFAULT
        if len(signature) == 65:
            hash_type = signature[64]
            if hash_type == SIGHASH_DEFAULT:
                raise ScriptFailed("SCHNORR_SIG_HASHTYPE")
        digest = taproot_sighash(self.data, self.index, hash_type, annex, tapscript)
        if digest is None:
            raise ScriptFailed("SCHNORR_SIG_HASHTYPE")
        if not schnorr.verify(key, digest, signature[:64]):
            raise ScriptFailed("SCHNORR_SIG")

    def check_lock_time(self, wanted: int) -> bool:
        """Return whether the transaction's lock time is of ``wanted``'s kind and at or after it."""
        tx = self.data.tx
        if (tx.lock_time < LOCKTIME_THRESHOLD) != (wanted < LOCKTIME_THRESHOLD):
            return False
        final = tx.inputs[self.index].sequence == SEQUENCE_FINAL
        return wanted <= tx.lock_time and not final

    def check_sequence(self, wanted: int) -> bool:
        """Return whether the input's relative lock is of ``wanted``'s kind and at least as long."""
        tx = self.data.tx
        sequence = tx.inputs[self.index].sequence
        if tx.version < 2 or sequence & SEQUENCE_LOCKTIME_DISABLE_FLAG:
            return False
        mask = SEQUENCE_LOCKTIME_TYPE_FLAG | SEQUENCE_LOCKTIME_MASK
        ours, theirs = sequence & mask, wanted & mask
        same_kind = (ours < SEQUENCE_LOCKTIME_TYPE_FLAG) == (theirs < SEQUENCE_LOCKTIME_TYPE_FLAG)
        return same_kind and theirs <= ours
