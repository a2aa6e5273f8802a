"""A version of a multistore as a stream of bytes, and a multistore from such a stream.

The stream is the trees' nodes, children before parents, left before right: what the root hash
covers and nothing else. Keys of inner nodes are not under any hash, so they are not in the
stream either: the least key of the right subtree is what they are. Whoever restores compares
the root over all stores with one that is trusted before a single byte counts, so a stream that
lies in any way gives another root.

Form, format 1: for each store in the order of names, ``0x01``, the name behind its length, then
its nodes; at the end ``0x00``. A leaf is ``0x02``, version, key behind its length, value behind
its length; an inner node ``0x03``, version. Numbers are shortest varints.
"""

from collections.abc import Iterator, Sequence

from chainkit.commitments.database import KeyValueDatabase
from chainkit.commitments.iavl.node import (
    Node,
    encode_node,
    inner_hash,
    leaf_hash,
    make_node_key,
)
from chainkit.commitments.iavl.storage import Changes
from chainkit.commitments.iavl.tree import EMPTY_HASH, ImmutableTree
from chainkit.commitments.multistore import (
    CommittedState,
    clear_nodes,
    root_of_stores,
    tree_prefix,
    write_version,
)
from chainkit.primitives.errors import MalformedMessage, RuleBroken
from chainkit.primitives.limits import MAX_STORE_KEY_BYTES, MAX_STORE_VALUE_BYTES
from chainkit.primitives.types import Hash32
from chainkit.primitives.varint import decode_uvarint, encode_uvarint

FORMAT = 1
_END, _STORE, _LEAF, _INNER = b"\x00", b"\x01", b"\x02", b"\x03"
_MAX_NAME_BYTES = 64
_MAX_STACK = 128
"""Subtrees that wait for their parent: no more than the height of a tree."""

_MAX_ITEM_BYTES = MAX_STORE_KEY_BYTES + MAX_STORE_VALUE_BYTES + 64
_WRITE_NODES = 2_000
"""So many nodes are written at a time, so that a restore needs little memory."""


class InvalidSnapshot(RuleBroken):
    """The stream is none of a state, or of another state than was promised."""

    codespace = "snapshot"
    code = 2


def export_state(state: CommittedState) -> Iterator[bytes]:
    """Yield the stream of one version, an item at a time."""
    for name in sorted(state.roots):
        yield _STORE + _counted(name.encode())
        yield from _export_tree(state.trees[name])
    yield _END


def _export_tree(tree: ImmutableTree) -> Iterator[bytes]:
    for node in tree.nodes():
        version = encode_uvarint(node.version)
        if node.height:
            yield _INNER + version
        else:
            yield _LEAF + version + _counted(node.key) + _counted(node.value)


def _counted(data: bytes) -> bytes:
    return encode_uvarint(len(data)) + data


class Restorer:
    """Rebuilds a state from its stream. Mutable: it takes bytes as they come.

    Nodes are written as they are made, where no version refers to them; the version itself
    is written by :meth:`finish`, in one atomic write, and only if the root is the trusted one.
    """

    def __init__(
        self,
        database: KeyValueDatabase,
        store_names: Sequence[str],
        version: int,
        app_hash: bytes,
    ) -> None:
        """Begin over a database without a state; what an attempt before left is removed.

        Args:
            database: Where the state will be.
            store_names: The stores that the application has; no other may be in the stream.
            version: The state's height.
            app_hash: The root that the state must have.
        """
        assert version >= 1
        self._database = database
        self._names = frozenset(store_names)
        self.version = version
        self._app_hash = app_hash
        self._buffer = bytearray()
        self._stack: list[tuple[Node, bytes]] = []
        self._numbers: dict[int, int] = {}
        self._roots: dict[str, Hash32] = {}
        self._root_keys: dict[str, bytes] = {}
        self._store: str | None = None
        self._changes: Changes = {}
        self._ended = False
        clear_nodes(database, store_names)

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the stream.

        Raises:
            InvalidSnapshot: They are not of its form.
            OperationFailed: The disk refused.
        """
        self._buffer += data
        offset = 0
        while offset < len(self._buffer):
            if self._ended:
                raise InvalidSnapshot("bytes behind the end of the state")
            end = self._take(offset)
            if end is None:
                break
            offset = end
        del self._buffer[:offset]
        if len(self._buffer) > _MAX_ITEM_BYTES:
            raise InvalidSnapshot("item is longer than any key and value")
        if len(self._changes) >= _WRITE_NODES:
            self._flush()

    def finish(self, extra: Changes) -> None:
        """Keep the state.

        Args:
            extra: Further writes of the application that must be kept with it.

        Raises:
            InvalidSnapshot: It is not whole, or has another root; nothing was kept.
            OperationFailed: The disk refused; nothing was kept.
        """
        if not self._ended:
            raise InvalidSnapshot("state ends early")
        actual = root_of_stores(self._roots)
        if actual != self._app_hash:
            raise InvalidSnapshot(
                f"root of the state is {actual.hex()}, expected {self._app_hash.hex()}"
            )
        self._flush()
        write_version(self._database, self.version, self._roots, self._root_keys, extra)

    def abandon(self) -> None:
        """Remove what was written."""
        self._changes.clear()
        clear_nodes(self._database, tuple(self._names))

    def _flush(self) -> None:
        self._database.write(self._changes)
        self._changes = {}

    # --- items --------------------------------------------------------------------------

    def _take(self, offset: int) -> int | None:
        """Take the item at ``offset``; return where it ends, or None until more has come."""
        kind = bytes(self._buffer[offset : offset + 1])
        at = offset + 1
        try:
            if kind == _END:
                self._end_store()
                self._ended = True
                return at
            if kind == _STORE:
                name, at = self._read_counted(at, _MAX_NAME_BYTES)
                self._begin_store(name)
                return at
            if kind not in {_LEAF, _INNER}:
                raise InvalidSnapshot(f"item of kind {kind.hex()}")
            version, at = self._read_number(at)
            if kind == _INNER:
                self._add_inner(version)
                return at
            key, at = self._read_counted(at, MAX_STORE_KEY_BYTES)
            value, at = self._read_counted(at, MAX_STORE_VALUE_BYTES)
            self._add_leaf(version, key, value)
            return at
        except _MoreNeeded:
            return None

    def _read_number(self, offset: int) -> tuple[int, int]:
        head = bytes(self._buffer[offset : offset + 10])
        if len(head) < 10 and all(byte & 0x80 for byte in head):
            raise _MoreNeeded
        try:
            value, size = decode_uvarint(head)
        except MalformedMessage as error:
            raise InvalidSnapshot(f"number: {error}") from error
        return value, offset + size

    def _read_counted(self, offset: int, most: int) -> tuple[bytes, int]:
        size, start = self._read_number(offset)
        if size > most:
            raise InvalidSnapshot(f"{size} bytes where {most} are the most")
        if len(self._buffer) < start + size:
            raise _MoreNeeded
        return bytes(self._buffer[start : start + size]), start + size

    # --- trees --------------------------------------------------------------------------

    def _begin_store(self, raw: bytes) -> None:
        self._end_store()
        try:
            name = raw.decode("ascii")
        except UnicodeDecodeError as error:
            raise InvalidSnapshot("store's name is not ASCII") from error
        if name not in self._names:
            raise InvalidSnapshot(f"no store {name!r} here")
        if self._roots and name <= max(self._roots):
            raise InvalidSnapshot("stores are not in the order of their names")
        self._store = name
        self._numbers = {}

    def _end_store(self) -> None:
        if self._store is None:
            return
        if len(self._stack) > 1:
            raise InvalidSnapshot("tree has more than one root")
        root = self._stack.pop()[0] if self._stack else None
        self._roots[self._store] = EMPTY_HASH if root is None else Hash32(root.hash)
        self._root_keys[self._store] = b"" if root is None else root.node_key
        self._store = None

    def _add_leaf(self, version: int, key: bytes, value: bytes) -> None:
        if not key:
            raise InvalidSnapshot("leaf without a key")
        if len(self._stack) >= _MAX_STACK:
            raise InvalidSnapshot("tree is higher than any")
        node = Node(key, value)
        self._check_version(version)
        node.hash = leaf_hash(key, value, version)
        self._keep(node, version, least=key)

    def _add_inner(self, version: int) -> None:
        self._check_version(version)
        if len(self._stack) < 2:
            raise InvalidSnapshot("inner node without two children")
        right, right_least = self._stack.pop()
        left, left_least = self._stack.pop()
        node = Node(right_least, b"", max(left.height, right.height) + 1, left.size + right.size)
        if node.height > _MAX_STACK:
            raise InvalidSnapshot("tree is higher than any")
        node.left_key, node.right_key = left.node_key, right.node_key
        node.hash = inner_hash(node.height, node.size, version, left.hash, right.hash)
        self._keep(node, version, least=left_least)

    def _check_version(self, version: int) -> None:
        if self._store is None:
            raise InvalidSnapshot("node outside of a store")
        if not 1 <= version <= self.version:
            raise InvalidSnapshot(f"node of version {version} in a state of {self.version}")

    def _keep(self, node: Node, version: int, *, least: bytes) -> None:
        assert self._store is not None
        number = self._numbers.get(version, 0)
        self._numbers[version] = number + 1
        node.node_key = make_node_key(version, number)
        self._changes[tree_prefix(self._store) + b"n" + node.node_key] = encode_node(node)
        self._stack.append((node, least))


class _MoreNeeded(Exception):
    """The item is not whole yet."""
