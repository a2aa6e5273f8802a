"""IAVL+: the versioned, balanced, hashed tree that keeps one store (cosmos/iavl v1's hashes)."""

from chainkit.commitments.iavl.tree import ImmutableTree, MutableTree

__all__ = ["ImmutableTree", "MutableTree"]
