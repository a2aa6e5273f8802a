"""Keys and signatures: what each check refuses."""

import hashlib

import pytest

from chainkit.sigverify import _reference, ed25519, secp256k1

SEED = bytes(range(32))
KEY = ed25519.public_key_from_seed(SEED)
MESSAGE = b"precommit"
SIGNATURE = ed25519.sign(SEED, MESSAGE)
PRIVATE = hashlib.sha256(b"account").digest()
ACCOUNT = secp256k1.public_key_of(PRIVATE)
DIGEST = hashlib.sha256(b"sign doc").digest()


def test_engine_and_reference_agree_on_a_good_signature():
    """A fresh signature verifies in both."""
    assert ed25519.verify(KEY, MESSAGE, SIGNATURE)
    assert _reference.verify(KEY, MESSAGE, SIGNATURE)


def test_s_at_and_above_the_order_is_refused():
    """Adding the order to s gives the same equation, and must not give a second signature."""
    s = int.from_bytes(SIGNATURE[32:], "little")
    for other in (s + _reference.L, _reference.L):
        forged = SIGNATURE[:32] + other.to_bytes(32, "little")
        assert not ed25519.verify(KEY, MESSAGE, forged)
        assert not _reference.verify(KEY, MESSAGE, forged)


@pytest.mark.parametrize(
    ("key", "signature"),
    [
        (KEY[:-1], SIGNATURE),
        (KEY + b"\0", SIGNATURE),
        (b"", SIGNATURE),
        (KEY, SIGNATURE[:-1]),
        (KEY, SIGNATURE + b"\0"),
        (KEY, b""),
        (b"\2" + bytes(31), SIGNATURE),
    ],
)
def test_wrong_sizes_and_points(key, signature):
    """Bytes that are no key or no signature are invalid, not an error."""
    assert not ed25519.verify(key, MESSAGE, signature)
    assert not _reference.verify(key, MESSAGE, signature)


def test_a_batch_gives_a_verdict_each():
    """Bad ones do not spoil good ones, and the order is that of adding."""
    batch = ed25519.BatchVerifier()
    items = [(KEY, MESSAGE, SIGNATURE), (KEY, b"other", SIGNATURE), (b"", MESSAGE, b"")] * 3
    for item in items:
        batch.add(*item)

    assert len(batch) == 9
    assert batch.verify() == (True, False, False) * 3
    assert ed25519.BatchVerifier().verify() == ()


def test_addresses():
    """A validator's address is SHA-256 cut to 20 bytes; an account's is RIPEMD-160 of SHA-256."""
    assert ed25519.ed25519_address(KEY) == hashlib.sha256(KEY).digest()[:20]
    # Cosmos SDK, crypto/keys/secp256k1, its test's key and address.
    key = bytes.fromhex("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
    assert secp256k1.secp256k1_address(key).hex() == "751e76e8199196d454941c45d1b3a323f1433bd6"


def test_account_signatures():
    """Signing is deterministic, and its signature verifies over that digest only."""
    signature = secp256k1.sign(PRIVATE, DIGEST)

    assert signature == secp256k1.sign(PRIVATE, DIGEST)
    assert secp256k1.verify(ACCOUNT, DIGEST, signature)
    assert not secp256k1.verify(ACCOUNT, bytes(32), signature)


def test_the_second_form_of_an_account_signature():
    """s and n - s satisfy the same equation; only the low one is accepted."""
    signature = secp256k1.sign(PRIVATE, DIGEST)
    high = secp256k1.ORDER - int.from_bytes(signature[32:], "big")
    assert not secp256k1.verify(ACCOUNT, DIGEST, signature[:32] + high.to_bytes(32, "big"))


@pytest.mark.parametrize(
    ("key", "digest", "signature"),
    [
        (ACCOUNT[1:], DIGEST, bytes(64)),
        (b"\4" + ACCOUNT[1:], DIGEST, b"\1" * 64),
        (b"\2" + b"\xff" * 32, DIGEST, b"\1" * 64),
        (ACCOUNT, DIGEST[1:], b"\1" * 64),
        (ACCOUNT, DIGEST, b"\1" * 65),
        (ACCOUNT, DIGEST, bytes(64)),
        (ACCOUNT, DIGEST, b"\xff" * 64),
        (ACCOUNT, DIGEST, bytes(31) + b"\1" + bytes(32)),
    ],
)
def test_what_is_no_account_signature(key, digest, signature):
    """Wrong sizes, a key off the curve, and zero or oversized numbers are invalid, not an error."""
    assert not secp256k1.verify(key, digest, signature)


def test_account_signatures_in_threads_and_from_memory(monkeypatch):
    """Verdicts are in order on any number of threads, and a bad one is never remembered."""
    items = []
    for index in range(150):
        digest = hashlib.sha256(b"%d" % index).digest()
        signature = secp256k1.sign(PRIVATE, digest)
        items.append((ACCOUNT, bytes(32) if index % 50 == 7 else digest, signature))
    secp256k1.VERIFIED.clear()
    for threads in ("1", "2"):
        monkeypatch.setenv("ISTHMUS_SIGVERIFY_THREADS", threads)
        assert secp256k1.verify_items(tuple(items)) == tuple(k % 50 != 7 for k in range(150))

    assert len(secp256k1.VERIFIED) == 147
    assert secp256k1.verify_items(()) == ()


def test_a_checked_transaction_is_not_verified_again_in_its_block(monkeypatch):
    """The second time is a look-up; another digest under the same signature is not."""
    signature = secp256k1.sign(PRIVATE, DIGEST)
    assert secp256k1.verify_remembered(ACCOUNT, DIGEST, signature)
    monkeypatch.setattr(secp256k1, "verify", lambda *_: False)
    assert secp256k1.verify_remembered(ACCOUNT, DIGEST, signature)
    assert not secp256k1.verify_remembered(ACCOUNT, bytes(32), signature)
