"""The tree at one version, and the tree that is being written.

Every operation walks one path: its cost grows with the logarithm of the tree.

Spec:
    cosmos/iavl ``mutable_tree.go``, ``immutable_tree.go``: the same keys written in the
    same order give the same root.
"""

import hashlib
from collections.abc import Iterator

from chainkit.commitments.database import KeyValueDatabase
from chainkit.commitments.errors import EmptyTree
from chainkit.commitments.iavl.node import (
    Node,
    encode_node,
    inner_hash,
    inner_prefix,
    leaf_hash,
    leaf_prefix,
    make_node_key,
)
from chainkit.commitments.iavl.storage import Changes, NodeStorage
from chainkit.commitments.ics23 import (
    ExistenceProof,
    HashOp,
    InnerOp,
    LeafOp,
    LengthOp,
    NonExistenceProof,
    encode_proof,
)
from chainkit.primitives.types import Hash32

EMPTY_HASH = Hash32(hashlib.sha256(b"").digest())
MAX_LOADED_NODES = 10_000
"""Nodes that a tree holds in memory between commits before it lets them go: about 7 MB, which
a tree of a busy chain has after minutes, so that its process is then as large as it gets."""


class _Walker:
    """What reading needs: the way from a node to its children, loading them when asked."""

    __slots__ = ("_root", "_storage", "loaded")

    def __init__(self, storage: NodeStorage, root_key: bytes) -> None:
        self._storage = storage
        self.loaded = 0
        self._root: Node | None = storage.load_node(root_key) if root_key else None

    def _left(self, node: Node) -> Node:
        child = node.left
        if child is None:
            child = node.left = self._storage.load_node(node.left_key)
            self.loaded += 1
        return child

    def _right(self, node: Node) -> Node:
        child = node.right
        if child is None:
            child = node.right = self._storage.load_node(node.right_key)
            self.loaded += 1
        return child

    def __len__(self) -> int:
        return self._root.size if self._root is not None else 0

    def get(self, key: bytes) -> bytes | None:
        """Return the value of ``key``, or None."""
        node = self._root
        if node is None:
            return None
        while node.height:
            node = self._left(node) if key < node.key else self._right(node)
        return node.value if node.key == key else None

    def _ascend(self, start: bytes) -> Iterator[Node]:
        """Yield the leaves from ``start`` on, in order."""
        stack: list[Node] = []
        node = self._root
        while node is not None:
            while node.height:
                if start < node.key:
                    stack.append(node)
                    node = self._left(node)
                else:
                    node = self._right(node)
            if node.key >= start:
                yield node
            node = self._right(stack.pop()) if stack else None

    def _descend(self, end: bytes | None) -> Iterator[Node]:
        """Yield the leaves below ``end`` in reverse order."""
        stack: list[Node] = []
        node = self._root
        while node is not None:
            while node.height:
                if end is None or end > node.key:
                    stack.append(node)
                    node = self._right(node)
                else:
                    node = self._left(node)
            if end is None or node.key < end:
                yield node
            node = self._left(stack.pop()) if stack else None

    def iterate(
        self, start: bytes, end: bytes | None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield the pairs with ``start <= key < end``; the tree must not change meanwhile."""
        if reverse:
            for leaf in self._descend(end):
                if leaf.key < start:
                    return
                yield leaf.key, leaf.value
        else:
            for leaf in self._ascend(start):
                if end is not None and leaf.key >= end:
                    return
                yield leaf.key, leaf.value


class ImmutableTree(_Walker):
    """One saved version, read lazily from the database."""

    __slots__ = ()

    @property
    def hash(self) -> Hash32:
        """The root hash; the hash of nothing for an empty tree."""
        return Hash32(self._root.hash) if self._root is not None else EMPTY_HASH

    def nodes(self) -> Iterator[Node]:
        """Yield every node, children before parents, left before right; keeps none in memory."""
        waiting = [] if self._root is None else [(self._root, False)]
        while waiting:
            node, are_children_done = waiting.pop()
            if node.height == 0 or are_children_done:
                yield node
                continue
            waiting.append((node, True))
            waiting.append((self._storage.load_node(node.right_key), False))
            waiting.append((self._storage.load_node(node.left_key), False))

    def prove(self, key: bytes) -> bytes:
        """Return an encoded ``CommitmentProof`` that ``key`` has its value, or has none.

        Raises:
            EmptyTree: The tree has no keys; absence from it cannot be proven.
        """
        if self._root is None:
            raise EmptyTree("a tree without keys proves nothing")
        if self.get(key) is not None:
            return encode_proof(self._existence(key))
        left = next(self._descend(key), None)
        right = next(self._ascend(key), None)
        return encode_proof(
            NonExistenceProof(
                key=key,
                left=self._existence(left.key) if left is not None else None,
                right=self._existence(right.key) if right is not None else None,
            )
        )

    def _existence(self, key: bytes) -> ExistenceProof:
        """Return the proof of a key that is there."""
        node = self._root
        assert node is not None
        path: list[InnerOp] = []
        while node.height:
            prefix = inner_prefix(node.height, node.size, node.version) + b"\x20"
            left, right = self._left(node), self._right(node)
            if key < node.key:
                path.append(InnerOp(HashOp.SHA256, prefix, b"\x20" + right.hash))
                node = left
            else:
                path.append(InnerOp(HashOp.SHA256, prefix + left.hash + b"\x20"))
                node = right
        leaf = LeafOp(
            hash=HashOp.SHA256,
            prehash_value=HashOp.SHA256,
            length=LengthOp.VAR_PROTO,
            prefix=leaf_prefix(node.version),
        )
        return ExistenceProof(node.key, node.value, leaf, tuple(reversed(path)))


class MutableTree(_Walker):
    """The version being written: mutable, since a block's writes arrive one by one.

    ``version`` is the last one saved, 0 before the first. Nothing reaches the database
    until the changes of :meth:`prepare_version` are written.
    """

    __slots__ = ("_orphans", "_saved_root", "_saved_root_key", "version")

    def __init__(self, database: KeyValueDatabase, prefix: bytes, version: int = 0) -> None:
        """Open a tree at a saved version.

        Raises:
            VersionNotFound: It was never saved, or pruned.
        """
        storage = NodeStorage(database, prefix)
        self._saved_root_key = storage.root_key(version) if version else b""
        super().__init__(storage, self._saved_root_key)
        self.version = version
        self._saved_root = self._root
        self._orphans: list[bytes] = []

    def at(self, version: int) -> ImmutableTree:
        """Return a saved version to read.

        Raises:
            VersionNotFound: Never saved here, or pruned.
        """
        return ImmutableTree(self._storage, self._storage.root_key(version))

    def available_versions(self) -> tuple[int, ...]:
        """Return the kept versions in order."""
        return self._storage.versions()

    def set(self, key: bytes, value: bytes) -> None:
        """Write ``value`` at ``key``."""
        assert key
        self._root = Node(key, value) if self._root is None else self._set(self._root, key, value)

    def delete(self, key: bytes) -> None:
        """Remove ``key``; nothing happens where it is absent."""
        if self._root is not None and self.get(key) is not None:
            self._root, _ = self._delete(self._root, key)

    def rollback(self) -> None:
        """Forget what was written since the last saved version."""
        self._orphans.clear()
        self._root = self._saved_root
        if self._root is not None and self.loaded > MAX_LOADED_NODES:
            self._let_go()

    def working_hash(self) -> Hash32:
        """Return the root hash that saving now would give."""
        if self._root is None:
            return EMPTY_HASH
        return Hash32(self._hash(self._root, self.version + 1))

    def prepare_version(self, changes: Changes) -> Hash32:
        """Add the writes that save the next version; return its root hash.

        Follow with :meth:`finish_version` once they are on disk; if they failed, the tree
        must be opened anew.
        """
        version = self.version + 1
        root_hash = self.working_hash()
        if self._root is not None:
            self._save(self._root, version, 0, changes)
        root_key = self._root.node_key if self._root is not None else b""
        self._storage.keep_version(changes, version, root_key, self._orphans)
        return root_hash

    def finish_version(self) -> None:
        """Take the prepared version as the saved one."""
        self.version += 1
        self._orphans.clear()
        self._saved_root = self._root
        if self._root is not None and self.loaded > MAX_LOADED_NODES:
            self._let_go()

    def prepare_prune(self, changes: Changes, below: int) -> None:
        """Add the writes that forget the versions below ``below``; the last always stays."""
        self._storage.drop_below(changes, min(below, self.version))

    def _let_go(self) -> None:
        """Keep the root alone in memory: its saved children can be loaded again."""
        assert self._root is not None
        self._root.left = self._root.right = None
        self.loaded = 0

    def _save(self, node: Node, version: int, number: int, changes: Changes) -> int:
        """Add a node's unsaved part, children first; return the next free number."""
        if node.node_key:
            return number
        if node.height:
            left, right = node.left, node.right
            # An unsaved node may have a child that was never loaded; it is saved already.
            if left is not None:
                number = self._save(left, version, number, changes)
                node.left_key = left.node_key
            if right is not None:
                number = self._save(right, version, number, changes)
                node.right_key = right.node_key
        node.node_key = make_node_key(version, number)
        self.loaded += 1
        self._storage.keep_node(changes, node, encode_node(node))
        return number + 1

    def _hash(self, node: Node, version: int) -> bytes:
        if not node.hash:
            if node.height == 0:
                node.hash = leaf_hash(node.key, node.value, version)
            else:
                left = self._hash(self._left(node), version)
                right = self._hash(self._right(node), version)
                node.hash = inner_hash(node.height, node.size, version, left, right)
        return node.hash

    def _own(self, node: Node) -> Node:
        """Return a node to change: itself if unsaved, else a copy that replaces it."""
        if not node.node_key:
            node.hash = b""
            return node
        self._orphans.append(node.node_key)
        copy = Node(node.key, node.value, node.height, node.size)
        copy.left, copy.right = node.left, node.right
        copy.left_key, copy.right_key = node.left_key, node.right_key
        return copy

    def _set(self, node: Node, key: bytes, value: bytes) -> Node:
        if node.height == 0:
            return self._set_at_leaf(node, key, value)
        node = self._own(node)
        size = node.size
        if key < node.key:
            node.left = child = self._set(self._left(node), key, value)
            node.size = child.size + self._right(node).size
        else:
            node.right = child = self._set(self._right(node), key, value)
            node.size = child.size + self._left(node).size
        return node if node.size == size else self._balance(node)

    def _set_at_leaf(self, leaf: Node, key: bytes, value: bytes) -> Node:
        if key == leaf.key:
            if leaf.node_key:
                self._orphans.append(leaf.node_key)
                return Node(key, value)
            leaf.value, leaf.hash = value, b""
            return leaf
        parent = Node(max(key, leaf.key), b"", height=1, size=2)
        new = Node(key, value)
        parent.left, parent.right = (new, leaf) if key < leaf.key else (leaf, new)
        return parent

    def _delete(self, node: Node, key: bytes) -> tuple[Node | None, bytes | None]:
        """Remove a key that is there.

        Returns:
            What stands in the node's place, and the least key of that subtree if it
            changed: the nearest node to whose right it lies is named by it.
        """
        if node.height == 0:
            if node.node_key:
                self._orphans.append(node.node_key)
            return None, None
        if key < node.key:
            left, least = self._delete(self._left(node), key)
            if left is None:
                self._drop(node)
                return self._right(node), node.key
            node = self._own(node)
            node.left = left
            return self._resize(node), least
        right, least = self._delete(self._right(node), key)
        if right is None:
            self._drop(node)
            return self._left(node), None
        node = self._own(node)
        node.right = right
        if least is not None:
            node.key = least
        return self._resize(node), None

    def _drop(self, node: Node) -> None:
        if node.node_key:
            self._orphans.append(node.node_key)

    def _resize(self, node: Node) -> Node:
        node.size = self._left(node).size + self._right(node).size
        return self._balance(node)

    def _measure(self, node: Node) -> None:
        left, right = self._left(node), self._right(node)
        node.height = max(left.height, right.height) + 1
        node.size = left.size + right.size

    def _lean(self, node: Node) -> int:
        """Return by how much the left side is higher."""
        return self._left(node).height - self._right(node).height

    def _balance(self, node: Node) -> Node:
        """Return the owned ``node`` or what rotates into its place; measures it."""
        lean = self._lean(node)
        if lean > 1:
            if self._lean(self._left(node)) < 0:
                node.left = self._rotate_left(self._own(self._left(node)))
            return self._rotate_right(node)
        if lean < -1:
            if self._lean(self._right(node)) > 0:
                node.right = self._rotate_right(self._own(self._right(node)))
            return self._rotate_left(node)
        self._measure(node)
        return node

    def _rotate_right(self, node: Node) -> Node:
        """Lift the left child above the owned ``node``."""
        top = self._own(self._left(node))
        node.left, node.left_key = top.right, top.right_key
        top.right, top.right_key = node, b""
        self._measure(node)
        self._measure(top)
        return top

    def _rotate_left(self, node: Node) -> Node:
        """Lift the right child above the owned ``node``."""
        top = self._own(self._right(node))
        node.right, node.right_key = top.left, top.left_key
        top.left, top.left_key = node, b""
        self._measure(node)
        self._measure(top)
        return top
