"""The port through which state reaches a disk, and the key-value views built on it."""

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping
from typing import Protocol


class KeyValueDatabase(Protocol):
    """An ordered byte map whose writes are atomic (SQLite in a node, memory in tests)."""

    def get(self, key: bytes) -> bytes | None:
        """Return the value of ``key``, or None."""
        ...

    def iterate(
        self, start: bytes, end: bytes | None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield the pairs with ``start <= key < end`` in byte order; ``end`` None is unbounded."""
        ...

    def write(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Apply all changes or none; None deletes.

        Raises:
            OperationFailed: The disk refused; nothing was written.
        """
        ...


class KeyValueReader(Protocol):
    """What a query sees of one store at one version."""

    def get(self, key: bytes) -> bytes | None:
        """Return the value of ``key``, or None."""
        ...

    def iterate(
        self, start: bytes, end: bytes | None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield the pairs with ``start <= key < end`` in byte order; ``end`` None is unbounded."""
        ...


class KVStore(KeyValueReader, Protocol):
    """What a transaction sees of one store."""

    def set(self, key: bytes, value: bytes) -> None:
        """Write ``value``; an empty value is kept, but no proof can be made for it (ICS-23)."""
        ...

    def delete(self, key: bytes) -> None:
        """Remove ``key``; nothing happens where it is absent."""
        ...


class MemoryDatabase:
    """A database that lives as long as the process; mutable since it stands for a disk."""

    def __init__(self) -> None:
        self._values: dict[bytes, bytes] = {}
        self._keys: list[bytes] = []

    def get(self, key: bytes) -> bytes | None:
        """Return the value of ``key``, or None."""
        return self._values.get(key)

    def iterate(
        self, start: bytes, end: bytes | None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield the pairs of a range as they are now: later writes do not disturb it."""
        low = bisect_left(self._keys, start)
        high = len(self._keys) if end is None else bisect_left(self._keys, end)
        keys = self._keys[low:high]
        pairs = [(key, self._values[key]) for key in keys]
        return iter(pairs[::-1] if reverse else pairs)

    def write(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Apply all changes."""
        for key, value in changes.items():
            if value is None:
                self._remove(key)
            else:
                if key not in self._values:
                    insort(self._keys, key)
                self._values[key] = value

    def write_later(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Apply all changes: in memory nothing is more durable than another."""
        self.write(changes)

    def _remove(self, key: bytes) -> None:
        if self._values.pop(key, None) is not None:
            del self._keys[bisect_left(self._keys, key)]


def prefix_end(prefix: bytes) -> bytes | None:
    """Return the least key after every key that starts with ``prefix``; None if there is none."""
    trimmed = prefix.rstrip(b"\xff")
    if not trimmed:
        return None
    return trimmed[:-1] + bytes([trimmed[-1] + 1])
