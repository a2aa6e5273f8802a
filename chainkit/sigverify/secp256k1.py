"""ECDSA over secp256k1 as the Cosmos SDK uses it: 33-byte keys, 64-byte r || s, low s only."""

import hashlib

import coincurve
from coincurve.ecdsa import cdata_to_der, deserialize_compact

from chainkit.primitives.types import Address
from chainkit.sigverify._threads import MIN_ITEMS_EACH, run_split, thread_limit
from chainkit.sigverify.verified import VerifiedSignatures

PUBLIC_KEY_BYTES = 33
PRIVATE_KEY_BYTES = 32
SIGNATURE_BYTES = 64
DIGEST_BYTES = 32
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141

VERIFIED = VerifiedSignatures()
"""What this process found valid among transactions."""


def public_key_of(private_key: bytes) -> bytes:
    """Return the compressed 33-byte public key of a 32-byte private key."""
    return bytes(coincurve.PrivateKey(private_key).public_key.format(compressed=True))


def sign(private_key: bytes, digest: bytes) -> bytes:
    """Return r || s with low s over a 32-byte digest; deterministic (RFC 6979)."""
    assert len(digest) == DIGEST_BYTES
    signature = coincurve.PrivateKey(private_key).sign_recoverable(digest, hasher=None)
    return bytes(signature[:SIGNATURE_BYTES])


def verify(public_key: bytes, digest: bytes, signature: bytes) -> bool:
    """Return whether r || s signs the 32-byte digest.

    False also for wrong lengths, a key that is no compressed point, r or s outside
    1 to n-1, and s above half of n (the SDK's guard against a second form).
    """
    sizes = (len(public_key), len(digest), len(signature))
    if sizes != (PUBLIC_KEY_BYTES, DIGEST_BYTES, SIGNATURE_BYTES):
        return False
    r = int.from_bytes(signature[:32], "big")
    s = int.from_bytes(signature[32:], "big")
    if not (0 < r < ORDER and 0 < s <= ORDER // 2):
        return False
    try:
        key = coincurve.PublicKey(public_key)
    except ValueError:
        return False
    return bool(key.verify(cdata_to_der(deserialize_compact(signature)), digest, hasher=None))


def verify_remembered(public_key: bytes, digest: bytes, signature: bytes) -> bool:
    """Return the same as ``verify``, and keep a valid one.

    A transaction is checked when it comes and once more in its block.
    """
    item = (public_key, digest, signature)
    if item in VERIFIED:
        return True
    if not verify(public_key, digest, signature):
        return False
    VERIFIED.add(item)
    return True


def verify_items(items: tuple[tuple[bytes, bytes, bytes], ...]) -> tuple[bool, ...]:
    """Return a verdict on each (public key, digest, signature), in threads where many.

    There is no shared equation for ECDSA as Cosmos encodes it (r alone does not give the
    point), so this costs as much processor time as one by one, but on every processor.
    libsecp256k1 runs without the GIL.
    """
    verdicts = bytearray(len(items))

    def judge(first: int, last: int) -> None:
        for place in range(first, last):
            verdicts[place] = verify_remembered(*items[place])

    run_split(judge, len(items), thread_limit())
    return tuple(map(bool, verdicts))


def splits(count: int) -> bool:
    """Return whether ``verify_items`` puts so many on more than one processor."""
    return thread_limit() > 1 and count >= 2 * MIN_ITEMS_EACH


def secp256k1_address(public_key: bytes) -> Address:
    """Return the SDK's account address: RIPEMD-160 of SHA-256 of the compressed key."""
    inner = hashlib.sha256(public_key).digest()
    return Address(hashlib.new("ripemd160", inner, usedforsecurity=False).digest())
