"""Ed25519 with CometBFT's rule, ZIP-215: keys, signing, single and batch verification.

One rule for all: s below L, A and R any encoding of a point (also y >= p, x = 0 with the sign
bit, small order), and [8](sB - R - hA) = 0 with h over the bytes as received. The cofactor 8 is
what makes a batch and its single signatures always agree: a random sum of equations without it
lets crafted signatures pass or fail by chance, and nodes that batch differently would fork.
Every engine gives the same verdict for the same bytes.
"""

import itertools
from functools import cache

from nacl.bindings import (
    crypto_sign,
    crypto_sign_BYTES,
    crypto_sign_PUBLICKEYBYTES,
    crypto_sign_seed_keypair,
    crypto_sign_SEEDBYTES,
)

from chainkit.primitives.hashing import sha256_truncated
from chainkit.primitives.types import Address
from chainkit.sigverify._threads import run_split, thread_limit
from chainkit.sigverify.engines import Item, KeyCache, engine
from chainkit.sigverify.verified import VerifiedSignatures

PUBLIC_KEY_BYTES: int = crypto_sign_PUBLICKEYBYTES
SIGNATURE_BYTES: int = crypto_sign_BYTES
SEED_BYTES: int = crypto_sign_SEEDBYTES

MAX_EXPANDED_KEYS = 4_096
"""As CometBFT keeps; about 1.5 KB each."""

VERIFIED = VerifiedSignatures()
"""What this process found valid among votes and commits."""


@cache
def expanded_keys() -> KeyCache:
    """Return this process's expanded public keys: a known key needs no decoding and no table."""
    return engine().Keys(MAX_EXPANDED_KEYS)


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
    """Return whether the signature is valid by ZIP-215; wrong lengths are not.

    Raises:
        TypeError: An argument is no bytes object.
    """
    _require_bytes(public_key, message, signature)
    verdicts = bytearray(1)
    items = ((public_key, message, signature),)
    engine().verify_range(items, 0, 1, verdicts, expanded_keys())
    return verdicts == b"\1"


def verify_remembered(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Return the same as ``verify``, and keep a valid one for the commit that it will be in."""
    item = (public_key, message, signature)
    if item in VERIFIED:
        return True
    if not verify(public_key, message, signature):
        return False
    VERIFIED.add(item)
    return True


def _require_bytes(*values: object) -> None:
    for value in values:
        if type(value) is not bytes:
            raise TypeError(f"expected bytes, got {type(value).__name__}")


class BatchVerifier:
    """Gathers signatures and gives a verdict on each, for the price of a shared equation.

    Verdicts are those of ``verify``: the batch uses the cofactored equation too, weighed with
    128-bit coefficients that the operating system draws after the batch is fixed, so that a
    batch with a bad signature passes with a probability of 2^-128. A batch that does not pass
    is halved until each bad one is named.

    Mutable, because it is a buffer: filled by ``add``, read by ``verify``.
    """

    __slots__ = ("_items", "_remembered")

    def __init__(self, *, remembered: VerifiedSignatures | None = None) -> None:
        """Start an empty batch; ``remembered`` signatures are not verified again."""
        self._items: list[Item] = []
        self._remembered = remembered

    def __len__(self) -> int:
        return len(self._items)

    def add(self, public_key: bytes, message: bytes, signature: bytes) -> None:
        """Queue one signature; bytes of wrong lengths are queued too and found invalid.

        Raises:
            TypeError: An argument is no bytes object.
        """
        if not type(public_key) is type(message) is type(signature) is bytes:
            _require_bytes(public_key, message, signature)
        self._items.append((public_key, message, signature))

    def verify(self) -> tuple[bool, ...]:
        """Return one verdict a signature, in the order of ``add``.

        The empty batch has the empty tuple: no verdict, so ``all`` of it is true, as of no
        signatures at all. Whoever needs at least one counts them.
        """
        return verify_items(tuple(self._items), remembered=self._remembered)


def verify_items(
    items: tuple[Item, ...], *, remembered: VerifiedSignatures | None = None
) -> tuple[bool, ...]:
    """Return the verdicts of a batch that is at hand as tuples (key, message, signature).

    Raises:
        TypeError: An item is no tuple of three bytes objects.
    """
    if remembered is None:
        return _verify_all(items)
    is_unknown = remembered.unknown(items)
    fresh = items if all(is_unknown) else tuple(itertools.compress(items, is_unknown))
    verdicts = _verify_all(fresh)
    remembered.add_all(fresh if all(verdicts) else tuple(itertools.compress(fresh, verdicts)))
    if fresh is items:
        return verdicts
    judged = iter(verdicts)
    return tuple(not unknown or next(judged) for unknown in is_unknown)


def _verify_all(items: tuple[Item, ...]) -> tuple[bool, ...]:
    chosen, keys, verdicts = engine(), expanded_keys(), bytearray(len(items))

    def judge(first: int, last: int) -> None:
        chosen.verify_range(items, first, last, verdicts, keys)

    run_split(judge, len(items), thread_limit())
    if verdicts.count(1) == len(items):
        return (True,) * len(items)
    return tuple(map(bool, verdicts))
