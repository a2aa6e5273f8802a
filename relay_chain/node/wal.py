"""The consensus write-ahead log: what this node did is on disk before anybody hears of it.

A file of frames ``crc32 (4 bytes, big-endian) | length (4 bytes, big-endian) | payload``
with the CRC over length and payload, as CometBFT frames its own (``consensus/wal.go``).
A payload is one byte of kind - end of height, or an entry - and its data.

* ``append`` buffers; ``sync`` flushes and ``fsync``s everything before it returns.
* A tail that a crash tore is cut off when the file is opened, and kept beside it.
* A record that is not whole while whole ones follow was not torn by a crash: the file is
  refused, since what it says after that record would be skipped in silence.
* Entries before the last end of height are of no use: when the file has grown past
  ``rotate_bytes`` it is begun anew with that mark, so its size is bounded.
"""

import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from chainkit.primitives.errors import OperationFailed
from chainkit.primitives.types import BlockHeight
from relay_chain.node.crash_points import reach
from relay_chain.node.files import sync_folder, write_durably
from relay_chain.node.limits import (
    MAX_WAL_ENTRY_BYTES,
    WAL_BUFFER_BYTES,
    WAL_ROTATE_BYTES,
    WAL_SEARCH_BYTES,
)

_HEADER_BYTES = 8
_END_OF_HEIGHT = 0
_ENTRY = 1


class WalEntryTooLong(OperationFailed):
    """An entry is over ``MAX_WAL_ENTRY_BYTES``: it would be taken for a torn one."""

    def __init__(self, *, size: int) -> None:
        super().__init__(f"write-ahead log entry of {size} bytes")
        self.size = size


class WalCorrupted(OperationFailed):
    """A record in the middle of the log is not as it was written."""

    def __init__(self, *, offset: int) -> None:
        super().__init__(
            f"the write-ahead log is corrupt at byte {offset}, and whole records follow; "
            f"move the file away and the node goes on without voting at this height"
        )
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was found in the file when it was opened."""

    last_height: BlockHeight | None
    """Of the last end-of-height mark; None in a new file."""
    entries: tuple[bytes, ...]
    """Entries after that mark, oldest first."""
    torn_bytes: int
    """Bytes cut off the end; 0 unless a crash (or a bit flip) tore the file."""


def frame(payload: bytes) -> bytes:
    """Return the frame of a payload."""
    length = len(payload).to_bytes(4, "big")
    return zlib.crc32(length + payload).to_bytes(4, "big") + length + payload


def scan(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (offset after the frame, payload) up to the first frame that is not whole."""
    offset = 0
    while (end := _claimed_end(data, offset)) and _is_whole(data, offset, end):
        yield end, data[offset + _HEADER_BYTES : end]
        offset = end


def _claimed_end(data: bytes, offset: int) -> int:
    """Return where a frame at ``offset`` ends by its length; 0 where that cannot be."""
    if offset + _HEADER_BYTES > len(data):
        return 0
    length = int.from_bytes(data[offset + 4 : offset + 8], "big")
    end = offset + _HEADER_BYTES + length
    return end if 1 <= length <= MAX_WAL_ENTRY_BYTES and end <= len(data) else 0


def _is_whole(data: bytes, offset: int, end: int) -> bool:
    checksum = int.from_bytes(data[offset : offset + 4], "big")
    return zlib.crc32(memoryview(data)[offset + 4 : end]) == checksum


def read_log(data: bytes) -> tuple[Recovered, int]:
    """Return what whole frames say, and how many bytes of the file they are.

    Raises:
        WalCorrupted: The first frame that is not whole is not the last of the file.
    """
    last_height: BlockHeight | None = None
    entries: list[bytes] = []
    good = 0
    for end, payload in scan(data):
        if payload[0] == _END_OF_HEIGHT and len(payload) == 9:
            last_height = BlockHeight(int.from_bytes(payload[1:], "big"))
            entries.clear()
        elif payload[0] == _ENTRY:
            entries.append(payload[1:])
        else:
            break
        good = end
    if good < len(data) and _has_frame_after(data, good):
        raise WalCorrupted(offset=good)
    return Recovered(last_height, tuple(entries), len(data) - good), good


def _has_frame_after(data: bytes, offset: int) -> bool:
    """Return whether a whole frame begins anywhere after ``offset``; lengths are not trusted.

    A record crafted to look like frames everywhere costs no more than ``WAL_SEARCH_BYTES``
    of checksums, and is then taken for corrupt.
    """
    budget = WAL_SEARCH_BYTES
    for start in range(offset + 1, len(data) - _HEADER_BYTES):
        end = _claimed_end(data, start)
        if not end:
            continue
        budget -= end - start
        if budget < 0 or _is_whole(data, start, end):
            return True
    return False


class WriteAheadLog:
    """The log of one node. Mutable: it owns the open file.

    Args:
        path: The file; made if absent. A torn tail goes to ``<path>.torn``.
        rotate_bytes: Size past which ``end_height`` begins the file anew.

    Raises:
        WalCorrupted: See :func:`read_log`; the file is left as it is.
    """

    def __init__(self, path: Path, *, rotate_bytes: int = WAL_ROTATE_BYTES) -> None:
        self._path = path
        self._rotate_bytes = rotate_bytes
        data = path.read_bytes() if path.exists() else b""
        self.recovered, good = read_log(data)
        if self.recovered.torn_bytes:
            write_durably(path.with_name(path.name + ".torn"), data[good:])
            os.truncate(path, good)
        self._pending = bytearray()
        self._open()
        os.fsync(self._descriptor)
        sync_folder(path.parent)

    def _open(self) -> None:
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._size = os.fstat(self._descriptor).st_size

    def _flush(self) -> None:
        while self._pending:
            written = os.write(self._descriptor, self._pending)
            self._size += written
            del self._pending[:written]

    def append(self, entry: bytes) -> None:
        """Add an entry, in memory until the next ``sync``.

        Raises:
            WalEntryTooLong: Over ``MAX_WAL_ENTRY_BYTES`` less one; nothing was added.
        """
        if len(entry) >= MAX_WAL_ENTRY_BYTES:
            raise WalEntryTooLong(size=len(entry))
        self._pending += frame(bytes((_ENTRY,)) + entry)
        if len(self._pending) > WAL_BUFFER_BYTES:
            self._flush()

    def sync(self, point: str = "entries") -> None:
        """Return when everything appended is on disk; ``point`` is for ``crash_points``."""
        reach(f"wal.{point}.before_sync")
        self._flush()
        os.fsync(self._descriptor)
        reach(f"wal.{point}.synced")

    def end_height(self, height: BlockHeight) -> None:
        """Mark ``height`` as decided and saved; on disk when this returns."""
        mark = frame(bytes((_END_OF_HEIGHT,)) + height.to_bytes(8, "big"))
        self._pending += mark
        self.sync("end_height")
        if self._size > self._rotate_bytes:
            os.close(self._descriptor)
            write_durably(self._path, mark)
            self._open()

    def close(self) -> None:
        """Flush, sync and close."""
        self.sync()
        os.close(self._descriptor)
