"""The tries' nodes in the database, by owner, and which of them no kept state needs.

A node's record is the height that last wrote it and the node. What a block makes unreachable is
listed under its height; when the states before that height are given up, the list's nodes go,
except those that a later block wrote again.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from chainkit.commitments.database import KeyValueDatabase
from chainkit.primitives.types import Address, Hash32
from chainkit.wire.rlp import RlpItem, decode, encode
from parachains.account.flat import height_key

STATE_OWNER = Address(bytes(20))
"""Owner of the state trie's nodes; no key owns this address, and it has no storage."""

_NODE = b"n/"
_STALE = b"x/"
_HEIGHT_BYTES = 8
_HASH_BYTES = 32


def _node_key(owner: Address, node_hash: bytes) -> bytes:
    return _NODE + owner + node_hash


@dataclass(slots=True)
class OwnedNodes:
    """One trie's nodes; mutable: it notes what was read, and collects what is written."""

    database: KeyValueDatabase
    owner: Address
    read: dict[bytes, bytes] = field(default_factory=dict)
    written: dict[bytes, bytes] = field(default_factory=dict)

    def get(self, key: bytes) -> bytes | None:
        """Return the node of a hash, or None."""
        node = self.written.get(key) or self.read.get(key)
        if node is None:
            record = self.database.get(_node_key(self.owner, key))
            if record is None:
                return None
            node = self.read[key] = record[_HEIGHT_BYTES:]
        return node

    def write(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Collect nodes; the database is not written."""
        self.written.update((key, node) for key, node in changes.items() if node is not None)

    def stale(self, root: Hash32) -> list[bytes]:
        """Return the hashes of nodes that were read and that ``root`` does not reach.

        Nodes off the paths of this block's writes are not visited: a write reads every node
        that it replaces.
        """
        reached: set[bytes] = set()
        waiting: list[bytes] = [root]
        while waiting:
            node_hash = waiting.pop()
            node = self.written.get(node_hash) or self.read.get(node_hash)
            if node is not None and node_hash not in reached:
                reached.add(node_hash)
                waiting.extend(_hashes_in(decode(node)))
        return sorted(set(self.read) - reached)

    def records(self, height: int) -> dict[bytes, bytes | None]:
        """Return the database's writes for the nodes of the block at ``height``."""
        mark = height.to_bytes(_HEIGHT_BYTES, "big")
        return {_node_key(self.owner, key): mark + node for key, node in self.written.items()}


def _hashes_in(item: RlpItem) -> Iterator[bytes]:
    """Yield the strings of 32 bytes in a node, within embedded nodes too."""
    if isinstance(item, bytes):
        if len(item) == _HASH_BYTES:
            yield item
        return
    for each in item:
        yield from _hashes_in(each)


def stale_record(height: int, stale: Mapping[Address, list[bytes]]) -> dict[bytes, bytes | None]:
    """Return the write that lists what the block at ``height`` made unreachable."""
    entries = tuple((owner, tuple(hashes)) for owner, hashes in sorted(stale.items()) if hashes)
    return {height_key(_STALE, height): encode(entries)}


def forgotten_nodes(
    database: KeyValueDatabase, height: int, stale: Mapping[Address, Iterable[bytes]]
) -> dict[bytes, bytes | None]:
    """Return the writes that delete what the block at ``height`` made unreachable.

    A node that this block or a later one has written again stays.
    """
    writes: dict[bytes, bytes | None] = {}
    for owner, hashes in stale.items():
        for node_hash in hashes:
            key = _node_key(owner, node_hash)
            record = database.get(key)
            if record is not None and int.from_bytes(record[:_HEIGHT_BYTES], "big") < height:
                writes[key] = None
    return writes


def pruned_nodes(database: KeyValueDatabase, height: int) -> dict[bytes, bytes | None]:
    """Return the writes that give up the states before ``height``, by the list it left."""
    key = height_key(_STALE, height)
    data = database.get(key)
    stale: dict[Address, list[bytes]] = {}
    for entry in () if data is None else decode(data, max_bytes=len(data)):
        assert not isinstance(entry, (bytes, int))
        owner, hashes = entry
        assert isinstance(owner, bytes)
        stale[Address(owner)] = [each for each in hashes if isinstance(each, bytes)]
    return {key: None, **forgotten_nodes(database, height, stale)}
