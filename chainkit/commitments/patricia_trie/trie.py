"""The trie as a map: writes in memory, a root when asked, nodes to a store on commit."""

from collections.abc import Iterator
from typing import Any, Protocol

from chainkit.commitments.patricia_trie import nodes as twin
from chainkit.commitments.patricia_trie.nibbles import MAX_KEY_BYTES, key_of, nibbles
from chainkit.commitments.patricia_trie.nodes import HASH_BYTES, HASH_PREFIX
from chainkit.commitments.patricia_trie.store import NodeStore
from chainkit.primitives.keccak import keccak256
from chainkit.primitives.types import Hash32

EMPTY_ROOT = keccak256(b"\x80")
"""The root of a trie without keys."""

Node = Any
"""A node of the engine: opaque here."""


class Engine(Protocol):
    """What ``nodes`` and its compiled twin offer; None is a trie without keys."""

    def hashed(self, reference: bytes, /) -> Node:
        """Return a node that the store has."""

    def root_reference(self, node: Node, /) -> bytes:
        """Return the hash of a root with its prefix, or its RLP if below 32 bytes."""
        ...

    def encoding_of(self, node: Node, /) -> bytes:
        """Return the RLP of a root."""
        ...

    def get(self, store: NodeStore, node: Node, path: bytes, /) -> bytes | None:
        """Return the value at a path."""
        ...

    def put(self, store: NodeStore, node: Node, path: bytes, value: bytes, /) -> Node:
        """Return a root with the value."""

    def delete(self, store: NodeStore, node: Node, path: bytes, /) -> Node:
        """Return a root without the path."""

    def collect_new(self, node: Node, changes: dict[bytes, bytes], fresh: list[Node], /) -> None:
        """Collect what the store lacks."""

    def mark_stored(self, fresh: list[Node], /) -> None:
        """Remember that the store has them."""

    def prove(self, store: NodeStore, node: Node, path: bytes, /) -> tuple[bytes, ...]:
        """Return the nodes on a path."""
        ...

    def walk(
        self,
        store: NodeStore,
        node: Node,
        prefix: bytes,
        low: bytes,
        high: bytes | None,
        reverse: bool,
        /,
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield paths and values in order."""
        ...


def _fastest() -> Engine:
    try:
        import chainkit.commitments.patricia_trie._nodes as compiled  # noqa: PLC0415 - may be absent
    except ImportError:
        return twin
    engine: Engine = compiled
    return engine


ENGINE = _fastest()
"""The compiled nodes where they were built, else their Python twin."""


class Trie:
    """A trie over a store, as of a root; every root that was committed stays readable.

    Mutable: it is the newest root. Nodes themselves never change, so ``copy`` costs nothing
    and taking one back is how a refused transaction is undone. What was committed is not
    written again: a store that forgets what it was given needs a new trie.
    """

    __slots__ = ("_engine", "_node", "_store")

    def __init__(
        self, store: NodeStore, root: Hash32 = EMPTY_ROOT, *, engine: Engine = ENGINE
    ) -> None:
        self._store = store
        self._engine = engine
        self._node: Node = None if root == EMPTY_ROOT else engine.hashed(HASH_PREFIX + root)

    def copy(self) -> "Trie":
        """Return another trie with the same content; neither sees the other's writes."""
        other = Trie(self._store, engine=self._engine)
        other._node = self._node
        return other

    def get(self, key: bytes) -> bytes | None:
        """Return the value of ``key``, or None.

        Raises:
            TrieNodeMissing: The store lacks a node of the path.
        """
        return self._engine.get(self._store, self._node, nibbles(key))

    def put(self, key: bytes, value: bytes) -> None:
        """Write ``value``, which is not empty: a trie knows an empty value as an absent key.

        Raises:
            TrieNodeMissing: The store lacks a node of the path; nothing was written.
        """
        assert value, "an empty value is written by deleting its key"
        assert len(key) <= MAX_KEY_BYTES
        self._node = self._engine.put(self._store, self._node, nibbles(key), value)

    def delete(self, key: bytes) -> None:
        """Remove ``key``; nothing happens where it is absent.

        Raises:
            TrieNodeMissing: The store lacks a node of the path, or the last one beside it;
                nothing was written.
        """
        self._node = self._engine.delete(self._store, self._node, nibbles(key))

    def root(self) -> Hash32:
        """Return the root of the content as it is now; the store is not touched."""
        if self._node is None:
            return EMPTY_ROOT
        reference = self._engine.root_reference(self._node)
        # a root is hashed however small it is
        return Hash32(reference[1:]) if len(reference) > HASH_BYTES else keccak256(reference)

    def commit(self) -> Hash32:
        """Write what the store lacks, in one ``write``, and return the root."""
        root = self.root()
        changes: dict[bytes, bytes] = {}
        fresh: list[Node] = []
        self._engine.collect_new(self._node, changes, fresh)
        if fresh:
            changes[root] = self._engine.encoding_of(self._node)
            self._store.write(changes)
            self._engine.mark_stored(fresh)
        return root

    def prove(self, key: bytes) -> tuple[bytes, ...]:
        """Return the nodes from the root on that prove the value of ``key`` or its absence.

        Embedded nodes stand within their parents; for a trie without keys there are none.

        Raises:
            TrieNodeMissing: The store lacks a node of the path.
        """
        return self._engine.prove(self._store, self._node, nibbles(key))

    def iterate(
        self, start: bytes = b"", end: bytes | None = None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield the pairs with ``start <= key < end`` in byte order; ``end`` None is unbounded.

        They are those of the time of the first step: later writes do not disturb it.

        Raises:
            TrieNodeMissing: The store lacks a node.
        """
        low, high = nibbles(start), None if end is None else nibbles(end)
        for path, value in self._engine.walk(self._store, self._node, b"", low, high, reverse):
            yield key_of(path), value


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
