"""Whole values of the native contracts' stores, beside the trie that holds only their hashes.

The newest values lie flat in the database; what each block overwrote is kept with its height,
so that an earlier state is the newest one with the later blocks' writes taken back.
"""

from collections.abc import Iterator, Mapping

from chainkit.commitments.database import KeyValueDatabase, prefix_end
from chainkit.runtime.store import Overlay
from chainkit.wire.rlp import RlpItem, decode, encode

_VALUE = b"v/"
_UNDO = b"u/"
Changes = Mapping[str, Mapping[bytes, bytes | None]]
"""Writes by store; None removes."""


def height_key(prefix: bytes, height: int) -> bytes:
    """Return a database key that sorts by height."""
    return prefix + height.to_bytes(8, "big")


def _value_prefix(store: str) -> bytes:
    return _VALUE + store.encode() + b"\x00"


class FlatStore:
    """The newest values of one store, to read."""

    __slots__ = ("_database", "_prefix")

    def __init__(self, database: KeyValueDatabase, store: str) -> None:
        self._database = database
        self._prefix = _value_prefix(store)

    def get(self, key: bytes) -> bytes | None:
        """Return the value at ``key``, or None."""
        return self._database.get(self._prefix + key)

    def iterate(
        self, start: bytes, end: bytes | None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield the pairs with ``start <= key < end`` in order; None is "to the end"."""
        last = prefix_end(self._prefix) if end is None else self._prefix + end
        cut = len(self._prefix)
        for key, value in self._database.iterate(self._prefix + start, last, reverse=reverse):
            yield key[cut:], value


def flat_writes(
    database: KeyValueDatabase, changes: Changes, height: int
) -> dict[bytes, bytes | None]:
    """Return the database's writes for the block at ``height``, with what takes them back."""
    writes: dict[bytes, bytes | None] = {}
    before: list[RlpItem] = []
    for store, changed in changes.items():
        prefix = _value_prefix(store)
        for key, value in changed.items():
            old = database.get(prefix + key)
            before.append((store.encode(), key, () if old is None else (old,)))
            writes[prefix + key] = value
    writes[height_key(_UNDO, height)] = encode(tuple(before))
    return writes


def forget_undo(height: int) -> dict[bytes, bytes | None]:
    """Return the writes after which states below ``height`` cannot be read."""
    return {height_key(_UNDO, height): None}


def take_back(database: KeyValueDatabase, overlay: Overlay, *, newest: int, wanted: int) -> None:
    """Write into an overlay of the newest values what held at the height ``wanted``."""
    for height in range(newest, wanted, -1):
        data = database.get(height_key(_UNDO, height))
        assert data is not None, f"no undo data of block {height}"
        for store, key, old in _undo_entries(data):
            if old is None:
                overlay.store(store).delete(key)
            else:
                overlay.store(store).set(key, old)


def _undo_entries(data: bytes) -> Iterator[tuple[str, bytes, bytes | None]]:
    """Yield what this node stored: store, key, and the value before."""
    for item in decode(data, max_bytes=len(data)):
        assert not isinstance(item, (bytes, int))
        store, key, old = item
        assert isinstance(store, bytes)
        assert isinstance(key, bytes)
        if not old:
            yield store.decode(), key, None
            continue
        (value,) = old
        assert isinstance(value, bytes)
        yield store.decode(), key, value
