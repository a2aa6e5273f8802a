"""Ed25519 with CometBFT's rule, ZIP-215: keys, signing, single and batch verification.

The plain engine: what libsodium accepts is accepted, since its rules are stricter in each
point (canonical A, R and s, no small order, the equation without cofactor). On its refusal
the reference decides. Every engine gives the same verdict for the same bytes.
"""

from nacl.bindings import (
    crypto_sign,
    crypto_sign_BYTES,
    crypto_sign_open,
    crypto_sign_PUBLICKEYBYTES,
    crypto_sign_seed_keypair,
    crypto_sign_SEEDBYTES,
)
from nacl.exceptions import BadSignatureError

from chainkit.primitives.hashing import sha256_truncated
from chainkit.primitives.types import Address
from chainkit.sigverify import _reference

PUBLIC_KEY_BYTES: int = crypto_sign_PUBLICKEYBYTES
SIGNATURE_BYTES: int = crypto_sign_BYTES
SEED_BYTES: int = crypto_sign_SEEDBYTES


def public_key_from_seed(seed: bytes) -> bytes:
    """Return the 32-byte public key of a 32-byte secret seed (RFC 8032, "Key Generation")."""
    assert len(seed) == SEED_BYTES
    return bytes(crypto_sign_seed_keypair(seed)[0])


def sign(seed: bytes, message: bytes) -> bytes:
    """Return the 64-byte signature; deterministic (RFC 8032, "Sign")."""
    assert len(seed) == SEED_BYTES
    secret_key = crypto_sign_seed_keypair(seed)[1]
    return bytes(crypto_sign(message, secret_key)[:SIGNATURE_BYTES])


def ed25519_address(public_key: bytes) -> Address:
    """Return CometBFT's address of a validator's key: 20 bytes of its SHA-256."""
    return sha256_truncated(public_key)


def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Return whether the signature is valid by ZIP-215; wrong lengths are not."""
    if len(public_key) != PUBLIC_KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    try:
        crypto_sign_open(signature + message, public_key)
    except BadSignatureError:
        return _reference.verify(public_key, message, signature)
    return True


class BatchVerifier:
    """Gathers signatures and gives a verdict on each.

    Mutable, because it is a buffer: filled by ``add``, read by ``verify``, used once.
    """

    __slots__ = ("_items",)

    def __init__(self) -> None:
        self._items: list[tuple[bytes, bytes, bytes]] = []

    def __len__(self) -> int:
        return len(self._items)

    def add(self, public_key: bytes, message: bytes, signature: bytes) -> None:
        """Queue one signature; bytes of wrong lengths are queued too and found invalid."""
        self._items.append((public_key, message, signature))

    def verify(self) -> tuple[bool, ...]:
        """Return one verdict a signature, in the order of ``add``; empty for an empty batch.

        Each verdict equals that of the function ``verify`` on the same bytes.
        """
        return tuple(verify(*item) for item in self._items)
