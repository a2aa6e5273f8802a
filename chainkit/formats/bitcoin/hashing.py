"""Bitcoin's hashes."""

import hashlib
from functools import lru_cache


def double_sha256(data: bytes) -> bytes:
    """Return SHA-256 of SHA-256, 32 bytes in internal order."""
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()


def hash160(data: bytes) -> bytes:
    """Return RIPEMD-160 of SHA-256, 20 bytes."""
    return ripemd160(hashlib.sha256(data).digest())


def ripemd160(data: bytes) -> bytes:
    """Return RIPEMD-160, 20 bytes."""
    return hashlib.new("ripemd160", data, usedforsecurity=False).digest()


@lru_cache(maxsize=64)
def _tag_midstate(tag: str) -> bytes:
    digest = hashlib.sha256(tag.encode()).digest()
    return digest + digest


def tagged_hash(tag: str, data: bytes) -> bytes:
    """Return BIP-340's tagged SHA-256, 32 bytes."""
    return hashlib.sha256(_tag_midstate(tag) + data).digest()
