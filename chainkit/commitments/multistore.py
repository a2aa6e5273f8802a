"""Named stores under one root: the app hash of a block.

Each store is an IAVL tree; the root is the simple tree over (name, store root), sorted by
name. All stores move to the next version together, in one atomic write.

Spec:
    cosmos-sdk ``store/rootmulti``, ``CommitInfo.Hash``; ``store/internal/maps``.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from chainkit.commitments import merkle
from chainkit.commitments.database import KeyValueDatabase, KeyValueReader, KVStore, prefix_end
from chainkit.commitments.errors import VersionNotFound
from chainkit.commitments.iavl.storage import Changes, NodeStorage
from chainkit.commitments.iavl.tree import ImmutableTree, MutableTree
from chainkit.commitments.ics23 import TENDERMINT_SPEC, ExistenceProof, InnerOp, encode_proof
from chainkit.commitments.ics23.types import HashOp
from chainkit.primitives.hashing import sha256
from chainkit.primitives.limits import MAX_STORE_KEY_BYTES, MAX_STORE_VALUE_BYTES
from chainkit.primitives.types import Hash32
from chainkit.primitives.varint import encode_uvarint

_COMMIT_INFO = b"s/c"
_LATEST = b"s/latest"
_HASH_SIZE = 32
_CLEARED_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class CommitId:
    """A committed version and the root over all stores."""

    version: int
    hash: Hash32


@dataclass(frozen=True, slots=True)
class StoreProof:
    """A key's proof in its store and that store's in the multistore; ICS-23 encoded."""

    iavl: bytes
    simple: bytes

    def __iter__(self) -> Iterator[bytes]:
        return iter((self.iavl, self.simple))


class _Store:
    """The view of one working tree that a transaction writes through."""

    __slots__ = ("_tree",)

    def __init__(self, tree: MutableTree) -> None:
        self._tree = tree

    def get(self, key: bytes) -> bytes | None:
        """Return the value of ``key``, or None."""
        return self._tree.get(key)

    def set(self, key: bytes, value: bytes) -> None:
        """Write ``value`` at ``key``."""
        assert 0 < len(key) <= MAX_STORE_KEY_BYTES
        assert len(value) <= MAX_STORE_VALUE_BYTES
        self._tree.set(key, value)

    def delete(self, key: bytes) -> None:
        """Remove ``key``; nothing happens where it is absent."""
        self._tree.delete(key)

    def iterate(
        self, start: bytes, end: bytes | None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield the pairs with ``start <= key < end``; finish before you write."""
        return self._tree.iterate(start, end, reverse=reverse)


@dataclass(frozen=True, slots=True)
class CommittedState:
    """All stores at one version, to read."""

    version: int
    hash: Hash32
    trees: Mapping[str, ImmutableTree]
    roots: Mapping[str, Hash32]

    def store(self, name: str) -> KeyValueReader:
        """Return one store."""
        return self.trees[name]

    def prove(self, name: str, key: bytes) -> StoreProof:
        """Return the proofs that ``key`` of store ``name`` has its value, or has none.

        Raises:
            EmptyTree: The store has no keys.
        """
        return StoreProof(self.trees[name].prove(key), prove_store(self.roots, name))


class MultiStore:
    """The node's state: mutable, since it owns the database's content under ``s/``.

    Opening it continues at the last committed version; a store that was not there before
    starts empty at that version, as the SDK's store upgrades do.
    """

    def __init__(self, database: KeyValueDatabase, store_names: Sequence[str]) -> None:
        assert len(set(store_names)) == len(store_names) > 0
        self._database = database
        self._names = tuple(sorted(store_names))
        self._version = 0
        self._pruned_below = 1
        self._trees: dict[str, MutableTree] = {}
        self._open()

    def _open(self) -> None:
        latest = self._database.get(_LATEST)
        self._version = int.from_bytes(latest, "big") if latest is not None else 0
        known = _decode_roots(self._info(self._version)) if self._version else {}
        for name in self._names:
            prefix = tree_prefix(name)
            if name in known or not self._version:
                self._trees[name] = MutableTree(self._database, prefix, self._version)
            else:
                self._trees[name] = tree = MutableTree(self._database, prefix)
                tree.version = self._version

    @property
    def version(self) -> int:
        """The last committed version; 0 before the first."""
        return self._version

    @property
    def store_names(self) -> tuple[str, ...]:
        """The stores in the order of the root."""
        return self._names

    def store(self, name: str) -> KVStore:
        """Return the working view of one store."""
        return _Store(self._trees[name])

    def working_hash(self) -> Hash32:
        """Return the root that committing now would give: the app hash of FinalizeBlock."""
        return root_of_stores({name: tree.working_hash() for name, tree in self._trees.items()})

    def commit(self, extra: Mapping[bytes, bytes | None] | None = None) -> CommitId:
        """Save the next version in one atomic write.

        Args:
            extra: Further writes of the application that must be kept with this version;
                their keys must not start with ``s/``.

        Raises:
            OperationFailed: The disk refused; the state is that of the last commit.
        """
        changes: Changes = dict(extra or {})
        assert not any(key.startswith(b"s/") for key in changes)
        version = self._version + 1
        roots = {name: tree.prepare_version(changes) for name, tree in self._trees.items()}
        changes[_info_key(version)] = _encode_roots(roots)
        changes[_LATEST] = version.to_bytes(8, "big")
        try:
            self._database.write(changes)
        except BaseException:
            self._open()
            raise
        for tree in self._trees.values():
            tree.finish_version()
        self._version = version
        return CommitId(version, root_of_stores(roots))

    def reopen(self) -> None:
        """Continue from what the database holds now: a state was restored into it."""
        self._pruned_below = 1
        self._open()

    def rollback(self) -> None:
        """Forget what was written since the last commit."""
        for tree in self._trees.values():
            tree.rollback()

    def app_hash(self, version: int | None = None) -> Hash32:
        """Return the root of a committed version, the last by default.

        Raises:
            VersionNotFound: Never committed here, or pruned.
        """
        wanted = self._version if version is None else version
        if wanted == 0:
            return merkle.EMPTY_ROOT
        return root_of_stores(_decode_roots(self._info(wanted)))

    def at(self, version: int) -> CommittedState:
        """Return a committed version to read.

        Raises:
            VersionNotFound: Never committed here, or pruned.
        """
        roots = _decode_roots(self._info(version))
        trees = {name: self._trees[name].at(version) for name in roots if name in self._trees}
        return CommittedState(version, root_of_stores(roots), trees, roots)

    def query(self, name: str, key: bytes, version: int) -> bytes | None:
        """Return a value as of a committed version.

        Raises:
            VersionNotFound: Never committed here, or pruned.
        """
        return self.at(version).store(name).get(key)

    def prove(self, name: str, key: bytes, version: int) -> StoreProof:
        """Return the proofs of a key as of a committed version.

        Raises:
            VersionNotFound: Never committed here, or pruned.
            EmptyTree: The store had no keys.
        """
        return self.at(version).prove(name, key)

    def earliest_version(self) -> int:
        """Return the first version that is kept; 0 where nothing is."""
        start = _COMMIT_INFO
        for key, _ in self._database.iterate(start, start + b"\xff" * 9):
            return int.from_bytes(key[len(start) :], "big")
        return 0

    def prune(self, keep_recent: int) -> int:
        """Forget all but the last ``keep_recent`` versions; return how many went.

        Raises:
            OperationFailed: The disk refused; nothing was forgotten.
        """
        assert keep_recent >= 1
        below = self._version - keep_recent + 1
        if below <= self._pruned_below:
            return 0
        changes: Changes = {}
        end = _info_key(below)
        for key, _ in self._database.iterate(_COMMIT_INFO, end):
            changes[key] = None
        count = len(changes)
        for tree in self._trees.values():
            tree.prepare_prune(changes, below)
        if changes:
            self._database.write(changes)
        self._pruned_below = below
        return count

    def _info(self, version: int) -> bytes:
        info = self._database.get(_info_key(version)) if version > 0 else None
        if info is None:
            raise VersionNotFound(version=version)
        return info


def root_of_stores(roots: Mapping[str, Hash32]) -> Hash32:
    """Return the root over store roots, sorted by name (``CommitInfo.Hash``)."""
    return merkle.root([_leaf(name, roots[name]) for name in sorted(roots)])


def prove_store(roots: Mapping[str, Hash32], name: str) -> bytes:
    """Return an encoded ``CommitmentProof`` that store ``name`` has its root."""
    names = sorted(roots)
    _, proofs = merkle.proofs([_leaf(each, roots[each]) for each in names])
    proof = proofs[names.index(name)]
    # From the root down, whether the leaf lies right of the split; the aunts are from
    # the leaf up.
    turns: list[bool] = []
    index, total = proof.index, proof.total
    while total > 1:
        left = merkle.split_point(total)
        turns.append(index >= left)
        index, total = (index - left, total - left) if index >= left else (index, left)
    path = tuple(
        InnerOp(HashOp.SHA256, b"\x01" + aunt)
        if is_right
        else InnerOp(HashOp.SHA256, b"\x01", aunt)
        for aunt, is_right in zip(proof.aunts, reversed(turns), strict=True)
    )
    return encode_proof(ExistenceProof(name.encode(), roots[name], TENDERMINT_SPEC.leaf_spec, path))


def write_version(
    database: KeyValueDatabase,
    version: int,
    roots: Mapping[str, Hash32],
    root_keys: Mapping[str, bytes],
    extra: Mapping[bytes, bytes | None],
) -> None:
    """Make trees whose nodes are written already the one version of a database, atomically.

    Args:
        database: It has no version yet.
        version: Its number.
        roots: The root hash of each store.
        root_keys: The node key of each root, empty for an empty tree.
        extra: Further writes of the application that must be kept with this version.

    Raises:
        OperationFailed: The disk refused; nothing was written.
    """
    assert database.get(_LATEST) is None
    changes: Changes = dict(extra)
    for name, root_key in root_keys.items():
        NodeStorage(database, tree_prefix(name)).keep_version(changes, version, root_key, ())
    changes[_info_key(version)] = _encode_roots(roots)
    changes[_LATEST] = version.to_bytes(8, "big")
    database.write(changes)


def clear_nodes(database: KeyValueDatabase, store_names: Sequence[str]) -> None:
    """Remove what an unfinished restore left in a database without a version.

    Raises:
        OperationFailed: The disk refused.
    """
    assert database.get(_LATEST) is None
    for name in store_names:
        prefix = tree_prefix(name)
        pairs = database.iterate(prefix, prefix_end(prefix))
        while keys := [key for key, _ in islice(pairs, _CLEARED_AT_ONCE)]:
            database.write(dict.fromkeys(keys))


def _leaf(name: str, root: Hash32) -> bytes:
    """Return the key-value pair as the SDK's maps write it: the value hashed once more."""
    key = name.encode()
    return encode_uvarint(len(key)) + key + encode_uvarint(_HASH_SIZE) + sha256(root)


def tree_prefix(name: str) -> bytes:
    """Return what the keys of one store's tree begin with in the database."""
    return b"s/k:" + name.encode() + b"/"


def _info_key(version: int) -> bytes:
    return _COMMIT_INFO + version.to_bytes(8, "big")


def _encode_roots(roots: Mapping[str, Hash32]) -> bytes:
    parts = []
    for name in sorted(roots):
        key = name.encode()
        parts.append(encode_uvarint(len(key)) + key + roots[name])
    return b"".join(parts)


def _decode_roots(info: bytes) -> dict[str, Hash32]:
    """Return what :func:`_encode_roots` wrote; the record is our own."""
    roots: dict[str, Hash32] = {}
    offset = 0
    while offset < len(info):
        size = info[offset]
        end = offset + 1 + size
        roots[info[offset + 1 : end].decode()] = Hash32(info[end : end + _HASH_SIZE])
        offset = end + _HASH_SIZE
    return roots
