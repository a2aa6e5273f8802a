"""Hashes by the names that the specifications use."""

import hashlib

from chainkit.primitives.types import Address, Hash32

TRUNCATED_SIZE = 20


def sha256(data: bytes) -> Hash32:
    """Return SHA-256, 32 bytes."""
    return Hash32(hashlib.sha256(data).digest())


def sha256_truncated(data: bytes) -> Address:
    """Return the first 20 bytes of SHA-256: CometBFT's address of an ed25519 key."""
    return Address(hashlib.sha256(data).digest()[:TRUNCATED_SIZE])
