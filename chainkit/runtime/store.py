"""Stores as modules see them, and the overlay that holds writes until a block commits."""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from chainkit.primitives.limits import MAX_STORE_KEY_BYTES, MAX_STORE_VALUE_BYTES
from chainkit.runtime.errors import InvalidRequest


class ReadStore(Protocol):
    """Sorted bytes to bytes, to read."""

    def get(self, key: bytes) -> bytes | None:
        """Return the value at ``key``, or None."""
        ...

    def iterate(
        self, start: bytes, end: bytes | None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield the pairs with ``start <= key < end`` in order; None is "to the end"."""
        ...


class KVStore(ReadStore, Protocol):
    """Sorted bytes to bytes, to read and write. Values are not empty (IAVL's rule)."""

    def set(self, key: bytes, value: bytes) -> None:
        """Write ``value`` at ``key``."""
        ...

    def delete(self, key: bytes) -> None:
        """Remove ``key``; an absent key is no error."""
        ...


def prefix_end(prefix: bytes) -> bytes | None:
    """Return the first key after every key that starts with ``prefix``; None if there is none."""
    stripped = prefix.rstrip(b"\xff")
    return stripped[:-1] + bytes([stripped[-1] + 1]) if stripped else None


class PrefixStore:
    """The part of a store under a prefix, with the prefix left out of its keys."""

    __slots__ = ("_prefix", "_store")

    def __init__(self, store: KVStore, prefix: bytes) -> None:
        self._store = store
        self._prefix = prefix

    def get(self, key: bytes) -> bytes | None:
        """Return the value at ``key``, or None."""
        return self._store.get(self._prefix + key)

    def set(self, key: bytes, value: bytes) -> None:
        """Write ``value`` at ``key``."""
        self._store.set(self._prefix + key, value)

    def delete(self, key: bytes) -> None:
        """Remove ``key``; an absent key is no error."""
        self._store.delete(self._prefix + key)

    def iterate(
        self, start: bytes, end: bytes | None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield the pairs with ``start <= key < end`` in order; None is "to the end"."""
        last = prefix_end(self._prefix) if end is None else self._prefix + end
        cut = len(self._prefix)
        for key, value in self._store.iterate(self._prefix + start, last, reverse=reverse):
            yield key[cut:], value


class MemoryStore:
    """A store in memory, for tests and for what is never committed."""

    __slots__ = ("_keys", "_values")

    def __init__(self, pairs: Mapping[bytes, bytes] | None = None) -> None:
        self._values = dict(pairs or {})
        self._keys = sorted(self._values)

    def get(self, key: bytes) -> bytes | None:
        """Return the value at ``key``, or None."""
        return self._values.get(key)

    def set(self, key: bytes, value: bytes) -> None:
        """Write ``value`` at ``key``."""
        if key not in self._values:
            insort(self._keys, key)
        self._values[key] = value

    def delete(self, key: bytes) -> None:
        """Remove ``key``; an absent key is no error."""
        if self._values.pop(key, None) is not None:
            del self._keys[bisect_left(self._keys, key)]

    def iterate(
        self, start: bytes, end: bytes | None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield the pairs with ``start <= key < end`` in order, as they are at the call."""
        keys = key_range(self._keys, start, end)
        if reverse:
            keys.reverse()
        return iter([(key, self._values[key]) for key in keys])


def key_range(keys: list[bytes], start: bytes, end: bytes | None) -> list[bytes]:
    """Return the part of the sorted ``keys`` with ``start <= key < end``."""
    return keys[bisect_left(keys, start) : None if end is None else bisect_left(keys, end)]


class _Absent:
    """The type of the mark for "the overlay says nothing of this key"."""


_ABSENT = _Absent()


class Overlay:
    """Writes over stores that do not change below it, with an undo log.

    One flat map a store and one undo log make a read cost the same however deep savepoints
    nest; going back replays the log from its end. Mutable: it is the working state itself.
    """

    __slots__ = ("_base", "_stores", "_undo")

    def __init__(self, base: Callable[[str], ReadStore]) -> None:
        self._base = base
        self._stores: dict[str, OverlayStore] = {}
        self._undo: list[tuple[OverlayStore, bytes, bytes | _Absent | None]] = []

    def store(self, name: str) -> KVStore:
        """Return the store called ``name``, as ``base`` knows it, with this overlay's writes."""
        if name not in self._stores:
            self._stores[name] = OverlayStore(self._base(name), self._undo)
        return self._stores[name]

    def mark(self) -> int:
        """Return a position to which :meth:`revert` can go back."""
        return len(self._undo)

    def revert(self, mark: int) -> None:
        """Undo every write made after ``mark`` was taken."""
        assert 0 <= mark <= len(self._undo)
        while len(self._undo) > mark:
            store, key, before = self._undo.pop()
            store.restore(key, before)

    def changes(self) -> dict[str, dict[bytes, bytes | None]]:
        """Return what was written, by store, in key order; None is a removal."""
        return {
            name: changed
            for name, store in sorted(self._stores.items())
            if (changed := store.changes())
        }


class OverlayStore:
    """One store of an :class:`Overlay`."""

    __slots__ = ("_base", "_keys", "_undo", "_values")

    def __init__(
        self,
        base: ReadStore,
        undo: "list[tuple[OverlayStore, bytes, bytes | _Absent | None]]",
    ) -> None:
        self._base = base
        self._undo = undo
        self._values: dict[bytes, bytes | None] = {}
        self._keys: list[bytes] = []

    def get(self, key: bytes) -> bytes | None:
        """Return the value at ``key``, or None."""
        value = self._values.get(key, _ABSENT)
        return self._base.get(key) if isinstance(value, _Absent) else value

    def set(self, key: bytes, value: bytes) -> None:
        """Write ``value`` at ``key``.

        Raises:
            InvalidRequest: The key or the value is empty or over its limit.
        """
        if not 0 < len(key) <= MAX_STORE_KEY_BYTES:
            raise InvalidRequest(f"store key of {len(key)} bytes")
        if not 0 < len(value) <= MAX_STORE_VALUE_BYTES:
            raise InvalidRequest(f"store value of {len(value)} bytes")
        self._write(key, value)

    def delete(self, key: bytes) -> None:
        """Remove ``key``; an absent key is no error."""
        self._write(key, None)

    def iterate(
        self, start: bytes, end: bytes | None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield the pairs with ``start <= key < end`` in order, as they are at the call."""
        keys = key_range(self._keys, start, end)
        if reverse:
            keys.reverse()
        written = [(key, self._values[key]) for key in keys]
        return _merge(self._base.iterate(start, end, reverse=reverse), written, reverse=reverse)

    def changes(self) -> dict[bytes, bytes | None]:
        """Return what was written, in key order; None is a removal."""
        return {key: self._values[key] for key in self._keys}

    def restore(self, key: bytes, before: bytes | _Absent | None) -> None:
        """Put back what the overlay said of ``key`` before a write."""
        if isinstance(before, _Absent):
            del self._values[key]
            del self._keys[bisect_left(self._keys, key)]
        else:
            self._values[key] = before

    def _write(self, key: bytes, value: bytes | None) -> None:
        before = self._values.get(key, _ABSENT)
        self._undo.append((self, key, before))
        if isinstance(before, _Absent):
            insort(self._keys, key)
        self._values[key] = value


def _merge(
    base: Iterator[tuple[bytes, bytes]],
    written: list[tuple[bytes, bytes | None]],
    *,
    reverse: bool,
) -> Iterator[tuple[bytes, bytes]]:
    """Yield both in order; where both have a key, ``written`` holds."""
    index = 0
    for key, value in base:
        while index < len(written) and (
            written[index][0] > key if reverse else written[index][0] < key
        ):
            new_key, new_value = written[index]
            index += 1
            if new_value is not None:
                yield new_key, new_value
        if index < len(written) and written[index][0] == key:
            replacement = written[index][1]
            index += 1
            if replacement is not None:
                yield key, replacement
        else:
            yield key, value
    for new_key, new_value in written[index:]:
        if new_value is not None:
            yield new_key, new_value
