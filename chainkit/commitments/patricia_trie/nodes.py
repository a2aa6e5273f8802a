"""Nodes that never change: a write makes those on its path anew and shares the rest.

A node is hashed at most once, when a root is asked for. This is the readable twin of the
compiled ``_nodes``, and what serves where that was not built.
"""

from collections.abc import Iterator
from typing import TypeAlias

from chainkit.commitments.patricia_trie.errors import TrieNodeMissing
from chainkit.commitments.patricia_trie.nibbles import common_length, compact, expand
from chainkit.commitments.patricia_trie.store import NodeStore
from chainkit.primitives.keccak import keccak256
from chainkit.wire.rlp import RlpItem, decode, encode, encode_list

HASH_PREFIX = b"\xa0"
"""RLP's prefix of 32 bytes."""

EMPTY = b"\x80"
BRANCH_WIDTH = 16
HASH_BYTES = 32


class _Encoded:
    """What nodes share; mutable: it remembers its reference and whether the store has it."""

    __slots__ = ("_reference", "is_stored")

    def __init__(self) -> None:
        self._reference: bytes | None = None
        self.is_stored = False

    def encode(self) -> bytes:
        """Return the RLP of the node."""
        raise AssertionError

    @property
    def reference(self) -> bytes:
        """What stands for it in its parent's RLP: itself below 32 bytes, else its hash."""
        if self._reference is None:
            encoded = self.encode()
            if len(encoded) >= HASH_BYTES:
                encoded = HASH_PREFIX + keccak256(encoded)
            self._reference = encoded
        return self._reference


class Leaf(_Encoded):
    """The rest of a key, and its value."""

    __slots__ = ("path", "value")

    def __init__(self, path: bytes, value: bytes) -> None:
        super().__init__()
        self.path = path
        self.value = value

    def encode(self) -> bytes:
        """Return the RLP of path and value."""
        return encode((compact(self.path, is_leaf=True), self.value))


class Extension(_Encoded):
    """What all keys below go through, at least one nibble; a branch is next."""

    __slots__ = ("child", "path")

    def __init__(self, path: bytes, child: "Node") -> None:
        super().__init__()
        self.path = path
        self.child = child

    def encode(self) -> bytes:
        """Return the RLP of path and child."""
        return encode_list([encode(compact(self.path, is_leaf=False)), self.child.reference])


class Branch(_Encoded):
    """A child for each next nibble, and the value of the key that ends here, if any."""

    __slots__ = ("children", "value")

    def __init__(self, children: "tuple[Node | None, ...]", value: bytes) -> None:
        super().__init__()
        self.children = children
        self.value = value

    def encode(self) -> bytes:
        """Return the RLP of 16 children and the value."""
        parts = [EMPTY if child is None else child.reference for child in self.children]
        parts.append(encode(self.value))
        return encode_list(parts)


class Hashed:
    """A node of the store that was not needed yet."""

    __slots__ = ("reference",)
    is_stored = True

    def __init__(self, reference: bytes) -> None:
        self.reference = reference


Node: TypeAlias = Leaf | Extension | Branch | Hashed
Loaded: TypeAlias = Leaf | Extension | Branch
NO_CHILDREN: tuple[Node | None, ...] = (None,) * BRANCH_WIDTH


def load(store: NodeStore, node: Node) -> Loaded:
    """Return the node, read from the store if it was not yet.

    Raises:
        TrieNodeMissing: The store does not have it.
    """
    if not isinstance(node, Hashed):
        return node
    node_hash = node.reference[1:]
    encoded = store.get(node_hash)
    if encoded is None:
        raise TrieNodeMissing(node_hash=node_hash)
    loaded = _node_of(decode(encoded))
    loaded._reference = node.reference  # noqa: SLF001 - the same module
    return loaded


def _node_of(item: RlpItem) -> Loaded:
    """Return the node that an item of our own store is."""
    assert not isinstance(item, bytes)
    node: Loaded
    if len(item) == BRANCH_WIDTH + 1:
        value = item[BRANCH_WIDTH]
        assert isinstance(value, bytes)
        node = Branch(tuple(map(_child_of, item[:BRANCH_WIDTH])), value)
    else:
        first, second = item
        assert isinstance(first, bytes)
        expanded = expand(first)
        assert expanded is not None
        path, is_leaf = expanded
        if is_leaf:
            assert isinstance(second, bytes)
            node = Leaf(path, second)
        else:
            child = _child_of(second)
            assert child is not None
            node = Extension(path, child)
    node.is_stored = True
    return node


def _child_of(item: RlpItem) -> Node | None:
    if isinstance(item, bytes):
        return Hashed(HASH_PREFIX + item) if item else None
    return _node_of(item)


def put(store: NodeStore, node: Node | None, path: bytes, value: bytes) -> Node:
    """Return ``node`` with ``value`` at ``path``."""
    if node is None:
        return Leaf(path, value)
    node = load(store, node)
    if isinstance(node, Branch):
        if not path:
            return Branch(node.children, value)
        children = list(node.children)
        children[path[0]] = put(store, children[path[0]], path[1:], value)
        return Branch(tuple(children), node.value)
    shared = common_length(node.path, path)
    if shared == len(node.path):
        if isinstance(node, Extension):
            return Extension(node.path, put(store, node.child, path[shared:], value))
        if shared == len(path):
            return Leaf(path, value)
    return _fork(node, path, value, shared)


def _fork(node: Leaf | Extension, path: bytes, value: bytes, shared: int) -> Node:
    """Return a branch where ``path`` leaves the path of ``node``."""
    children = list(NO_CHILDREN)
    branch_value = b""
    rest = node.path[shared:]
    if isinstance(node, Leaf):
        if rest:
            children[rest[0]] = Leaf(rest[1:], node.value)
        else:
            branch_value = node.value
    else:
        children[rest[0]] = Extension(rest[1:], node.child) if rest[1:] else node.child
    if len(path) > shared:
        children[path[shared]] = Leaf(path[shared + 1 :], value)
    else:
        branch_value = value
    branch = Branch(tuple(children), branch_value)
    return Extension(path[:shared], branch) if shared else branch


def delete(store: NodeStore, node: Node | None, path: bytes) -> Node | None:
    """Return ``node`` without ``path``: the same object where it was absent."""
    if node is None:
        return None
    loaded = load(store, node)
    if isinstance(loaded, Leaf):
        return None if loaded.path == path else node
    if isinstance(loaded, Extension):
        if not path.startswith(loaded.path):
            return node
        child = delete(store, loaded.child, path[len(loaded.path) :])
        if child is loaded.child:
            return node
        assert child is not None
        return _lengthen(store, loaded.path, child)
    return _delete_at_branch(store, node, loaded, path)


def _delete_at_branch(store: NodeStore, node: Node, branch: Branch, path: bytes) -> Node | None:
    children, value = list(branch.children), branch.value
    if path:
        child = delete(store, children[path[0]], path[1:])
        if child is children[path[0]]:
            return node
        children[path[0]] = child
    elif value:
        value = b""
    else:
        return node
    left = [nibble for nibble, child in enumerate(children) if child is not None]
    if len(left) + bool(value) > 1:
        return Branch(tuple(children), value)
    if value:
        return Leaf(b"", value)
    only = children[left[0]]
    assert only is not None
    return _lengthen(store, bytes((left[0],)), only)


def _lengthen(store: NodeStore, path: bytes, child: Node) -> Node:
    """Return a node for ``path`` and then ``child``, joined where a trie joins them."""
    loaded = load(store, child)
    if isinstance(loaded, Leaf):
        return Leaf(path + loaded.path, loaded.value)
    if isinstance(loaded, Extension):
        return Extension(path + loaded.path, loaded.child)
    return Extension(path, child)


def hashed(reference: bytes) -> Node:
    """Return a node that the store has, by its reference."""
    return Hashed(reference)


def root_reference(node: Node) -> bytes:
    """Return the reference of a root node."""
    return node.reference


def encoding_of(node: Node) -> bytes:
    """Return the RLP of a root node that is not only a hash."""
    assert not isinstance(node, Hashed)
    return node.encode()


def get(store: NodeStore, node: Node | None, path: bytes) -> bytes | None:
    """Return the value at ``path``, or None."""
    while node is not None:
        loaded = load(store, node)
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


def collect_new(node: Node | None, changes: dict[bytes, bytes], fresh: list[Node]) -> None:
    """Add to ``changes`` what the store lacks, by hash, and to ``fresh`` those nodes."""
    if node is None or isinstance(node, Hashed) or node.is_stored:
        return
    if isinstance(node, Extension):
        collect_new(node.child, changes, fresh)
    elif isinstance(node, Branch):
        for child in node.children:
            collect_new(child, changes, fresh)
    if len(node.reference) > HASH_BYTES:
        changes[node.reference[1:]] = node.encode()
    fresh.append(node)


def mark_stored(fresh: list[Node]) -> None:
    """Remember that the store has these nodes."""
    for node in fresh:
        assert not isinstance(node, Hashed)
        node.is_stored = True


def prove(store: NodeStore, node: Node | None, path: bytes) -> tuple[bytes, ...]:
    """Return the nodes on ``path`` from the root on, without the embedded ones."""
    proof: list[bytes] = []
    while node is not None:
        loaded = load(store, node)
        if not proof or len(loaded.reference) > HASH_BYTES:
            proof.append(loaded.encode())
        if isinstance(loaded, Leaf):
            break
        if isinstance(loaded, Extension):
            if not path.startswith(loaded.path):
                break
            node, path = loaded.child, path[len(loaded.path) :]
        else:
            node, path = (loaded.children[path[0]], path[1:]) if path else (None, path)
    return tuple(proof)


def walk(
    store: NodeStore,
    node: Node | None,
    prefix: bytes,
    low: bytes,
    high: bytes | None,
    reverse: bool,
) -> Iterator[tuple[bytes, bytes]]:
    """Yield paths and values below ``node`` in order, skipping what is wholly out of range."""
    if node is None or prefix < low[: len(prefix)] or (high is not None and prefix >= high):
        return
    node = load(store, node)
    if isinstance(node, Extension):
        yield from walk(store, node.child, prefix + node.path, low, high, reverse)
        return
    path = prefix + node.path if isinstance(node, Leaf) else prefix
    is_inside = bool(node.value) and path >= low and (high is None or path < high)
    if is_inside and (isinstance(node, Leaf) or not reverse):
        yield path, node.value
    if isinstance(node, Branch):
        for nibble in range(BRANCH_WIDTH - 1, -1, -1) if reverse else range(BRANCH_WIDTH):
            below = prefix + bytes((nibble,))
            yield from walk(store, node.children[nibble], below, low, high, reverse)
        if is_inside and reverse:
            yield path, node.value
