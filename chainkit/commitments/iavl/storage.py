"""What one tree keeps in the database, below its own prefix.

* ``n`` + node key -> the node's record
* ``r`` + version -> node key of the root; empty for an empty tree
* ``o`` + version -> node keys that this version no longer needs, one after another

A node that version V dropped is needed by versions below V only, so once all of those
are pruned it goes: pruning reads lists, never trees.
"""

from collections.abc import Iterable

from chainkit.commitments.database import KeyValueDatabase
from chainkit.commitments.errors import VersionNotFound
from chainkit.commitments.iavl.node import NODE_KEY_BYTES, DamagedRecord, Node, decode_node

Changes = dict[bytes, bytes | None]


class NodeStorage:
    """Reads nodes and roots of one tree, and says which writes keep new ones."""

    __slots__ = ("_database", "_nodes", "_orphans", "_roots")

    def __init__(self, database: KeyValueDatabase, prefix: bytes) -> None:
        self._database = database
        self._nodes = prefix + b"n"
        self._roots = prefix + b"r"
        self._orphans = prefix + b"o"

    def load_node(self, node_key: bytes) -> Node:
        """Return a saved node.

        Raises:
            DamagedRecord: It is not there, or not what was saved.
        """
        record = self._database.get(self._nodes + node_key)
        if record is None:
            raise DamagedRecord(node_key)
        return decode_node(node_key, record)

    def root_key(self, version: int) -> bytes:
        """Return the node key of a version's root, empty for an empty tree.

        Raises:
            VersionNotFound: Never saved here, or pruned.
        """
        node_key = self._database.get(self._root_of(version)) if version >= 0 else None
        if node_key is None:
            raise VersionNotFound(version=version)
        return node_key

    def versions(self) -> tuple[int, ...]:
        """Return the kept versions in order."""
        cut = len(self._roots)
        pairs = self._database.iterate(self._roots, self._roots + b"\xff" * 9)
        return tuple(int.from_bytes(key[cut:], "big") for key, _ in pairs)

    def keep_node(self, changes: Changes, node: Node, record: bytes) -> None:
        """Add the write that keeps ``node``."""
        changes[self._nodes + node.node_key] = record

    def keep_version(
        self, changes: Changes, version: int, root_key: bytes, orphans: Iterable[bytes]
    ) -> None:
        """Add the writes that keep a version's root and what it dropped."""
        changes[self._root_of(version)] = root_key
        dropped = b"".join(orphans)
        if dropped:
            changes[self._orphans + version.to_bytes(8, "big")] = dropped

    def drop_below(self, changes: Changes, version: int) -> None:
        """Add the writes that forget every version below ``version``, which must be kept."""
        last = (version - 1).to_bytes(8, "big") + b"\xff"
        for key, _ in self._database.iterate(self._roots, self._roots + last):
            changes[key] = None
        end = self._orphans + version.to_bytes(8, "big") + b"\x00"
        for key, dropped in self._database.iterate(self._orphans, end):
            changes[key] = None
            for start in range(0, len(dropped), NODE_KEY_BYTES):
                changes[self._nodes + dropped[start : start + NODE_KEY_BYTES]] = None

    def _root_of(self, version: int) -> bytes:
        return self._roots + version.to_bytes(8, "big")
