"""A database that remembers what each block overwrote, so that blocks can be taken back."""

from collections.abc import Iterator, Mapping

from chainkit.commitments.database import KeyValueDatabase
from chainkit.wire.codec import encode
from chainkit.wire.proto.isthmus.storage.v1 import undo_pb2

_UNDO = b"undo/"


def encode_undo(before: Mapping[bytes, bytes | None]) -> bytes:
    """Return what undoes a write."""
    pairs = [undo_pb2.Pair(key=k, value=v) for k, v in before.items() if v is not None]
    absent = [key for key, value in before.items() if value is None]
    return encode(undo_pb2.Undo(before=pairs, absent=absent))


def decode_undo(data: bytes) -> dict[bytes, bytes | None]:
    """Return what undoes a write, as this node stored it."""
    pb = undo_pb2.Undo.FromString(data)
    changes: dict[bytes, bytes | None] = {pair.key: pair.value for pair in pb.before}
    return changes | dict.fromkeys(pb.absent)


def _key(height: int) -> bytes:
    return _UNDO + height.to_bytes(4, "big")


class UndoDatabase:
    """Writes through to ``inner``; a write made for a height keeps its inverse with it."""

    def __init__(self, inner: KeyValueDatabase, keep: int) -> None:
        self._inner = inner
        self._keep = keep
        self.height: int | None = None
        """The block that writes now belong to; None keeps no inverse."""

    def get(self, key: bytes) -> bytes | None:
        """Return the value of ``key``, or None."""
        return self._inner.get(key)

    def iterate(
        self, start: bytes, end: bytes | None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield the pairs with ``start <= key < end`` in byte order."""
        return self._inner.iterate(start, end, reverse=reverse)

    def write(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Apply all changes with their inverse in one atomic write."""
        if self.height is None:
            self._inner.write(changes)
            return
        before = {key: self._inner.get(key) for key in changes}
        kept: dict[bytes, bytes | None] = {_key(self.height): encode_undo(before)}
        if self.height > self._keep:
            kept[_key(self.height - self._keep)] = None
        self._inner.write({**changes, **kept})

    def undo(self, height: int) -> bool:
        """Take back what the block at ``height`` wrote; return False where no inverse is kept."""
        data = self._inner.get(_key(height))
        if data is None:
            return False
        self._inner.write({**decode_undo(data), _key(height): None})
        return True
