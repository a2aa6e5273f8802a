"""The trie as a map: writes in memory, a root when asked, nodes to a store on commit."""

from collections.abc import Iterator, Mapping

from chainkit.commitments.patricia_trie import nodes
from chainkit.commitments.patricia_trie.nibbles import MAX_KEY_BYTES, key_of, nibbles
from chainkit.commitments.patricia_trie.nodes import (
    HASH_BYTES,
    HASH_PREFIX,
    Branch,
    Extension,
    Hashed,
    Leaf,
    Node,
    NodeStore,
)
from chainkit.primitives.keccak import keccak256
from chainkit.primitives.types import Hash32

__all__ = ["EMPTY_ROOT", "MemoryNodeStore", "NodeStore", "SecureTrie", "Trie"]

EMPTY_ROOT = keccak256(b"\x80")
"""The root of a trie without keys."""


class MemoryNodeStore:
    """Nodes that live as long as the process; mutable since it stands for a disk."""

    def __init__(self) -> None:
        self.nodes: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        """Return the node of a hash, or None."""
        return self.nodes.get(key)

    def write(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Keep all nodes."""
        for key, node in changes.items():
            if node is not None:
                self.nodes[key] = node


class Trie:
    """A trie over a store, as of a root; every root that was committed stays readable.

    Mutable: it is the newest root. Nodes themselves never change, so ``copy`` costs nothing
    and taking one back is how a refused transaction is undone.
    """

    __slots__ = ("_node", "_store")

    def __init__(self, store: NodeStore, root: Hash32 = EMPTY_ROOT) -> None:
        self._store = store
        self._node: Node | None = None if root == EMPTY_ROOT else Hashed(HASH_PREFIX + root)

    def copy(self) -> "Trie":
        """Return another trie with the same content; neither sees the other's writes."""
        other = Trie(self._store)
        other._node = self._node
        return other

    def get(self, key: bytes) -> bytes | None:
        """Return the value of ``key``, or None.

        Raises:
            TrieNodeMissing: The store lacks a node of the path.
        """
        node, path = self._node, nibbles(key)
        while node is not None:
            loaded = nodes.load(self._store, node)
            if isinstance(loaded, Leaf):
                return loaded.value if loaded.path == path else None
            if isinstance(loaded, Extension):
                if not path.startswith(loaded.path):
                    return None
                node, path = loaded.child, path[len(loaded.path) :]
            elif path:
                node, path = loaded.children[path[0]], path[1:]
            else:
                return loaded.value or None
        return None

    def put(self, key: bytes, value: bytes) -> None:
        """Write ``value``, which is not empty: a trie knows an empty value as an absent key.

        Raises:
            TrieNodeMissing: The store lacks a node of the path; nothing was written.
        """
        assert value, "an empty value is written by deleting its key"
        assert len(key) <= MAX_KEY_BYTES
        self._node = nodes.put(self._store, self._node, nibbles(key), value)

    def delete(self, key: bytes) -> None:
        """Remove ``key``; nothing happens where it is absent.

        Raises:
            TrieNodeMissing: The store lacks a node of the path; nothing was written.
        """
        self._node = nodes.delete(self._store, self._node, nibbles(key))

    def root(self) -> Hash32:
        """Return the root of the content as it is now; the store is not touched."""
        return nodes.root_hash(self._node)

    def commit(self) -> Hash32:
        """Write what the store lacks, in one ``write``, and return the root."""
        changes: dict[bytes, bytes] = {}
        node = self._node
        if node is not None and not isinstance(node, Hashed) and not node.is_stored:
            nodes.collect_new(node, changes.__setitem__)
            changes[self.root()] = node.encoded
        if changes:
            self._store.write(changes)
        return self.root()

    def prove(self, key: bytes) -> tuple[bytes, ...]:
        """Return the nodes from the root on that prove the value of ``key`` or its absence.

        Embedded nodes stand within their parents; for a trie without keys there are none.

        Raises:
            TrieNodeMissing: The store lacks a node of the path.
        """
        proof: list[bytes] = []
        node, path = self._node, nibbles(key)
        while node is not None:
            loaded = nodes.load(self._store, node)
            if not proof or len(loaded.encoded) >= HASH_BYTES:
                proof.append(loaded.encoded)
            if isinstance(loaded, Leaf):
                break
            if isinstance(loaded, Extension):
                if not path.startswith(loaded.path):
                    break
                node, path = loaded.child, path[len(loaded.path) :]
            else:
                node, path = (loaded.children[path[0]], path[1:]) if path else (None, path)
        return tuple(proof)

    def iterate(
        self, start: bytes = b"", end: bytes | None = None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield the pairs with ``start <= key < end`` in byte order; ``end`` None is unbounded.

        They are those of the time of the call: later writes do not disturb it.

        Raises:
            TrieNodeMissing: The store lacks a node.
        """
        low, high = nibbles(start), None if end is None else nibbles(end)
        for path, value in self._walk(self._node, b"", low, high, reverse=reverse):
            yield key_of(path), value

    def _walk(
        self, node: Node | None, prefix: bytes, low: bytes, high: bytes | None, *, reverse: bool
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield paths and values below ``node``, skipping what is wholly out of range."""
        if node is None or prefix < low[: len(prefix)] or (high is not None and prefix >= high):
            return
        node = nodes.load(self._store, node)
        if isinstance(node, Extension):
            yield from self._walk(node.child, prefix + node.path, low, high, reverse=reverse)
            return
        path = prefix + node.path if isinstance(node, Leaf) else prefix
        is_inside = bool(node.value) and path >= low and (high is None or path < high)
        if is_inside and (isinstance(node, Leaf) or not reverse):
            yield path, node.value
        if isinstance(node, Branch):
            order = range(15, -1, -1) if reverse else range(16)
            for nibble in order:
                child, below = node.children[nibble], prefix + bytes((nibble,))
                yield from self._walk(child, below, low, high, reverse=reverse)
            if is_inside and reverse:
                yield path, node.value


class SecureTrie:
    """A trie whose keys are hashed first, as Ethereum's state and storage are.

    Mutable as ``Trie`` is. ``iterate`` is the inner trie's: it knows hashes only.
    """

    __slots__ = ("hashed",)

    def __init__(self, store: NodeStore, root: Hash32 = EMPTY_ROOT) -> None:
        self.hashed = Trie(store, root)
        """The trie from hashes of keys to values."""

    def copy(self) -> "SecureTrie":
        """Return another trie with the same content; neither sees the other's writes."""
        other = SecureTrie.__new__(SecureTrie)
        other.hashed = self.hashed.copy()
        return other

    def get(self, key: bytes) -> bytes | None:
        """Return the value of ``key``, or None."""
        return self.hashed.get(keccak256(key))

    def put(self, key: bytes, value: bytes) -> None:
        """Write ``value``, which is not empty."""
        self.hashed.put(keccak256(key), value)

    def delete(self, key: bytes) -> None:
        """Remove ``key``; nothing happens where it is absent."""
        self.hashed.delete(keccak256(key))

    def root(self) -> Hash32:
        """Return the root of the content as it is now; the store is not touched."""
        return self.hashed.root()

    def commit(self) -> Hash32:
        """Write what the store lacks, in one ``write``, and return the root."""
        return self.hashed.commit()

    def prove(self, key: bytes) -> tuple[bytes, ...]:
        """Return the nodes that prove the value of ``key`` or its absence (EIP-1186)."""
        return self.hashed.prove(keccak256(key))
