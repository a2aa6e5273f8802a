"""BLAKE2b-256 keyed by purpose, and Kaspa's merkle tree.

Spec:
    rusty-kaspa ``crypto/hashes/src/hashers.rs``, ``crypto/merkle/src/lib.rs``.
"""

import hashlib
from collections.abc import Sequence

from chainkit.formats.ghostdag.limits import HASH_BYTES, MAX_LEAVES
from chainkit.primitives.types import Hash32

ZERO_HASH = Hash32(bytes(HASH_BYTES))
BLOCK_HASH = b"BlockHash"
TRANSACTION_HASH = b"TransactionHash"
TRANSACTION_ID = b"TransactionID"
TRANSACTION_SIGNING_HASH = b"TransactionSigningHash"
MERKLE_BRANCH_HASH = b"MerkleBranchHash"


def keyed_hash(key: bytes, data: bytes) -> Hash32:
    """Return BLAKE2b-256 of ``data`` under one of the keys above."""
    return Hash32(hashlib.blake2b(data, digest_size=HASH_BYTES, key=key).digest())


def merkle_root(leaves: Sequence[bytes]) -> Hash32:
    """Return the root over 32-byte leaves: zero for none, the leaf itself for one.

    A level of odd length is filled up with the zero hash, where Bitcoin repeats the last.
    """
    assert len(leaves) <= MAX_LEAVES
    level = list(leaves)
    while len(level) > 1:
        if len(level) % 2:
            level.append(ZERO_HASH)
        level = [
            keyed_hash(MERKLE_BRANCH_HASH, level[at] + level[at + 1])
            for at in range(0, len(level), 2)
        ]
    return Hash32(level[0]) if level else ZERO_HASH
