"""Proofs: the nodes on a key's path, each the one that its parent names.

Total: nodes from outside give a value, None, or an :class:`InvalidTrieProof`. A proof has
exactly the nodes of the path, root first; embedded ones stand within their parents.

Spec:
    Yellow Paper, appendix D; EIP-1186.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from chainkit.commitments.patricia_trie.errors import (
    BranchHasValue,
    EmbeddedNodeTooLarge,
    ExtensionIsEmpty,
    HashedNodeTooSmall,
    PathTooLong,
    ProofNodeHasWrongHash,
    ProofNodeMalformed,
    ProofNodeMissing,
    ProofNodeUnused,
    ProofTooLarge,
)
from chainkit.commitments.patricia_trie.nibbles import MAX_KEY_BYTES, expand, nibbles
from chainkit.commitments.patricia_trie.trie import EMPTY_ROOT
from chainkit.primitives.keccak import keccak256
from chainkit.primitives.limits import MAX_PROOF_BYTES
from chainkit.primitives.types import Hash32
from chainkit.wire.rlp import RlpItem, decode, encode
from chainkit.wire.rlp_errors import MalformedRlp

MAX_PROOF_NODES = 2 * MAX_KEY_BYTES + 1
"""A node for each half-byte of the longest key, and the root."""

_HASH_BYTES = 32
_BRANCH_ITEMS = 17
_MAX_ITEMS = 2 + 16 * 31
"""A branch, its value, and 16 embedded nodes of at most 31 bytes, and so items."""

_MAX_NODE_DEPTH = 4
"""In 31 bytes an embedded extension holds a branch of leaves, and nothing holds more."""


def verify_proof(root: Hash32, key: bytes, nodes: Sequence[bytes]) -> bytes | None:
    """Return the value of ``key`` under ``root``; None where it is proven absent.

    An empty trie is proven by no node, or by its own, 80 (hex).

    Raises:
        InvalidTrieProof: The nodes prove neither; the subclass says why.
    """
    return _Walk(nodes, has_fixed_length=False).run(root, key)


def verify_secure_proof(root: Hash32, key: bytes, nodes: Sequence[bytes]) -> bytes | None:
    """Return the same for a trie of hashed keys; ``key`` is hashed here.

    Since all its keys have 32 bytes, a value at a branch and a leaf at another depth are
    refused as well.

    Raises:
        InvalidTrieProof: The nodes prove neither; the subclass says why.
    """
    return _Walk(nodes, has_fixed_length=True).run(root, keccak256(key))


@dataclass(frozen=True, slots=True)
class _Found:
    """How a walk ends: a value, or None."""

    value: bytes | None


class _Walk:
    """Follows one key; mutable: it counts the nodes that it used."""

    __slots__ = ("has_fixed_length", "nodes", "used")

    def __init__(self, nodes: Sequence[bytes], *, has_fixed_length: bool) -> None:
        size = sum(map(len, nodes[: MAX_PROOF_NODES + 1]))
        if len(nodes) > MAX_PROOF_NODES or size > MAX_PROOF_BYTES:
            raise ProofTooLarge(nodes=len(nodes), size=size)
        self.nodes = nodes
        self.has_fixed_length = has_fixed_length
        self.used = 0

    def run(self, root: Hash32, key: bytes) -> bytes | None:
        """Return what the nodes prove, once all of them are used."""
        assert len(key) <= MAX_KEY_BYTES
        value = None
        if root == EMPTY_ROOT:
            self.used = int(tuple(self.nodes) == (b"\x80",))
        else:
            value = self._follow(root, nibbles(key))
        if self.used != len(self.nodes):
            raise ProofNodeUnused(count=len(self.nodes) - self.used)
        return value

    def _follow(self, root: Hash32, path: bytes) -> bytes | None:
        reference: RlpItem = root
        needs_branch = False
        while True:
            items = self._node(reference)
            is_branch = len(items) == _BRANCH_ITEMS
            if needs_branch and not is_branch:
                raise self._malformed("an extension that leads to no branch")
            step = self._branch(items, path) if is_branch else self._short(items, path)
            if isinstance(step, _Found):
                return step.value
            reference, path = step
            needs_branch = not is_branch

    def _node(self, reference: RlpItem) -> tuple[RlpItem, ...]:
        """Return the items of the node that a reference names or is."""
        if not isinstance(reference, bytes):
            if len(encode(reference)) >= _HASH_BYTES:
                raise EmbeddedNodeTooLarge(position=self.used - 1)
            return reference
        position = self.used
        if position == len(self.nodes):
            raise ProofNodeMissing(position=position)
        node = self.nodes[position]
        self.used += 1
        if keccak256(node) != reference:
            raise ProofNodeHasWrongHash(position=position)
        if position and len(node) < _HASH_BYTES:
            raise HashedNodeTooSmall(position=position)
        try:
            item = decode(
                node, max_bytes=MAX_PROOF_BYTES, max_items=_MAX_ITEMS, max_depth=_MAX_NODE_DEPTH
            )
        except MalformedRlp as error:
            raise self._malformed(str(error)) from error
        if isinstance(item, bytes):
            raise self._malformed("a string, not a list")
        return item

    def _branch(self, items: tuple[RlpItem, ...], path: bytes) -> tuple[RlpItem, bytes] | _Found:
        """Return the next reference and what is left of the path, or how it ends."""
        *children, value = items
        if not isinstance(value, bytes):
            raise self._malformed("a branch whose value is a list")
        if len([child for child in items if child]) < 2:
            raise self._malformed("a branch of less than two")
        if self.has_fixed_length:
            if value:
                raise BranchHasValue(position=self.used - 1)
            if not path:
                raise PathTooLong(position=self.used - 1)
        elif not path:
            return _Found(value or None)
        child = children[path[0]]
        if child == b"":
            return _Found(None)
        return self._checked(child), path[1:]

    def _short(self, items: tuple[RlpItem, ...], path: bytes) -> tuple[RlpItem, bytes] | _Found:
        """Return the same for an extension or a leaf."""
        if len(items) != 2:
            raise self._malformed(f"{len(items)} items, not 2 or 17")
        head, target = items
        expanded = expand(head) if isinstance(head, bytes) else None
        if expanded is None:
            raise self._malformed("no hex-prefix path")
        own, is_leaf = expanded
        if is_leaf:
            if not isinstance(target, bytes) or not target:
                raise self._malformed("a leaf without a value")
            if self.has_fixed_length and len(own) != len(path):
                raise PathTooLong(position=self.used - 1)
            return _Found(target if own == path else None)
        if not own:
            raise ExtensionIsEmpty(position=self.used - 1)
        if self.has_fixed_length and len(own) >= len(path):
            raise PathTooLong(position=self.used - 1)
        child = self._checked(target)
        if not path.startswith(own):
            return _Found(None)
        return child, path[len(own) :]

    def _checked(self, child: RlpItem) -> RlpItem:
        """Return a child's reference: a hash or an embedded node."""
        if isinstance(child, bytes) and len(child) != _HASH_BYTES:
            raise self._malformed(f"a reference of {len(child)} bytes, not a hash")
        return child

    def _malformed(self, what: str) -> ProofNodeMalformed:
        return ProofNodeMalformed(position=max(self.used - 1, 0), what=what)
