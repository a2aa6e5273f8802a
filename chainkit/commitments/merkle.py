"""The simple Merkle tree of CometBFT: RFC 6962 with its leaf and inner prefixes.

Spec:
    RFC 6962, "Merkle Hash Trees"; CometBFT spec/core/data_structures, "Merkle Trees".
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from chainkit.commitments.errors import InvalidProof
from chainkit.primitives.hashing import sha256
from chainkit.primitives.limits import INT64_MAX
from chainkit.primitives.types import Hash32

MAX_AUNTS = 100
"""CometBFT crypto/merkle, ``MaxAunts``."""

HASH_SIZE = 32
EMPTY_ROOT = Hash32(hashlib.sha256(b"").digest())
_LEAF = b"\x00"
_INNER = b"\x01"


def leaf_hash(leaf: bytes) -> Hash32:
    """Return the hash of a leaf: SHA-256 of 00 and the leaf."""
    return sha256(_LEAF + leaf)


def inner_hash(left: bytes, right: bytes) -> Hash32:
    """Return the hash of an inner node: SHA-256 of 01 and both children."""
    return sha256(_INNER + left + right)


def split_point(length: int) -> int:
    """Return the greatest power of two below ``length``; 0 for a length of 1.

    Args:
        length: Count of leaves, from 1.
    """
    assert length >= 1
    return (1 << (length - 1).bit_length()) >> 1 if length > 1 else 0


def root(items: Sequence[bytes]) -> Hash32:
    """Return the root over ``items`` in order; the hash of nothing for none."""
    return hash_root([leaf_hash(item) for item in items])


def hash_root(leaf_hashes: Sequence[Hash32]) -> Hash32:
    """Return the root over leaves that are hashed already."""
    if not leaf_hashes:
        return EMPTY_ROOT
    # Joining neighbours level by level, an odd one out going up as it is, gives the
    # same tree as splitting at powers of two, without a recursion over slices.
    level = list(leaf_hashes)
    while len(level) > 1:
        paired = [inner_hash(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        level = paired + level[len(level) & ~1 :]
    return level[0]


@dataclass(frozen=True, slots=True)
class MerkleProof:
    """That a leaf is at ``index`` of a tree of ``total`` leaves (``tendermint.crypto.Proof``).

    ``aunts`` are the siblings from the leaf's upwards.
    """

    total: int
    index: int
    leaf_hash: bytes
    aunts: tuple[bytes, ...]

    def validate(self) -> None:
        """Refuse a shape that no tree has.

        Raises:
            InvalidProof: A negative or oversized number, a hash of another size, too many
                aunts.

        Spec:
            CometBFT crypto/merkle, ``Proof.ValidateBasic``.
        """
        if not 0 <= self.total <= INT64_MAX:
            raise InvalidProof("negative Total" if self.total < 0 else "total over 64 bits")
        if not 0 <= self.index <= INT64_MAX:
            raise InvalidProof("negative Index" if self.index < 0 else "index over 64 bits")
        if len(self.leaf_hash) != HASH_SIZE:
            raise InvalidProof(f"expected LeafHash size to be 32, got {len(self.leaf_hash)}")
        if len(self.aunts) > MAX_AUNTS:
            raise InvalidProof(f"expected no more than 100 aunts, got {len(self.aunts)}")
        for position, aunt in enumerate(self.aunts):
            if len(aunt) != HASH_SIZE:
                raise InvalidProof(f"expected Aunts#{position} size to be 32, got {len(aunt)}")

    def calculate_root(self) -> Hash32:
        """Return the only root that this proof can be for.

        Raises:
            InvalidProof: The shape is wrong, or the aunts are not as many as the tree has
                levels above this leaf.
        """
        self.validate()
        if self.index >= self.total:
            raise InvalidProof(f"index {self.index} is not below total {self.total}")
        # From the root down: whether the leaf is in the right half, at each level.
        turns: list[bool] = []
        index, total = self.index, self.total
        while total > 1:
            left = split_point(total)
            turns.append(index >= left)
            index, total = (index - left, total - left) if index >= left else (index, left)
        if len(turns) != len(self.aunts):
            raise InvalidProof(f"expected {len(turns)} aunts, got {len(self.aunts)}")
        result = Hash32(self.leaf_hash)
        for aunt, is_right in zip(self.aunts, reversed(turns), strict=True):
            result = inner_hash(aunt, result) if is_right else inner_hash(result, aunt)
        return result

    def verify(self, root_hash: bytes, leaf: bytes) -> None:
        """Check that ``leaf`` is at ``index`` under ``root_hash``.

        Raises:
            InvalidProof: It is not, or the proof's shape is wrong.
        """
        if len(root_hash) != HASH_SIZE:
            raise InvalidProof(f"root hash has {len(root_hash)} bytes, not 32")
        if leaf_hash(leaf) != self.leaf_hash:
            raise InvalidProof("leaf hash is of another leaf")
        if self.calculate_root() != root_hash:
            raise InvalidProof("calculated root is not the root")


def proofs(items: Sequence[bytes]) -> tuple[Hash32, tuple[MerkleProof, ...]]:
    """Return the root over ``items`` and the proof of each, in order."""
    total = len(items)
    leaves = [leaf_hash(item) for item in items]
    aunts: list[list[bytes]] = [[] for _ in items]
    # Each entry: a subtree's hash and the half-open range of the leaves below it.
    level = [(leaf, index, index + 1) for index, leaf in enumerate(leaves)]
    while len(level) > 1:
        above = []
        for (left, start, middle), (right, _, end) in zip(level[::2], level[1::2], strict=False):
            for index in range(start, middle):
                aunts[index].append(right)
            for index in range(middle, end):
                aunts[index].append(left)
            above.append((inner_hash(left, right), start, end))
        level = above + level[len(level) & ~1 :]
    top = level[0][0] if level else EMPTY_ROOT
    return top, tuple(
        MerkleProof(total, index, leaves[index], tuple(aunts[index])) for index in range(total)
    )
