"""Snapshots of the application's state, as ABCI and state sync pass them around.

A snapshot of format 1 is the stream of ``chainkit.commitments.snapshot`` in chunks. Its
metadata are the block's time and the hash of every chunk, and its hash is over height, format
and metadata: so each chunk is judged when it comes, and whoever sent a wrong one is known. That
the whole is the chain's state shows the root at the end, against the app hash that the engine
trusts.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Protocol, runtime_checkable

import structlog

from chainkit.commitments.errors import VersionNotFound
from chainkit.commitments.iavl.node import DamagedRecord
from chainkit.commitments.snapshot import FORMAT, InvalidSnapshot, Restorer
from chainkit.primitives.errors import OperationFailed
from chainkit.primitives.hashing import sha256
from chainkit.primitives.types import TimestampNs
from relay_chain.node.files import sync_folder, write_durably
from relay_chain.node.genesis import Genesis
from relay_chain.node.limits import MAX_SNAPSHOT_CHUNKS, SNAPSHOT_CHUNK_BYTES
from relay_chain.node.ports import ApplicationInfo

_log = structlog.get_logger()
_TIME_BYTES = 8
_HASH_BYTES = 32
_METADATA_FILE = "metadata"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A state that a node offers (ABCI ``Snapshot``)."""

    height: int
    format: int
    chunks: int
    hash: bytes
    metadata: bytes = b""


class OfferVerdict(Enum):
    """What becomes of a snapshot that was offered (ABCI ``ResponseOfferSnapshot.Result``)."""

    ACCEPT = 1
    ABORT = 2
    """Give up state sync altogether."""
    REJECT = 3
    REJECT_FORMAT = 4
    REJECT_SENDER = 5


class ChunkVerdict(Enum):
    """What becomes of a chunk (ABCI ``ResponseApplySnapshotChunk.Result``)."""

    ACCEPT = 1
    ABORT = 2
    RETRY = 3
    """Fetch the chunks of :attr:`ChunkAnswer.refetch_chunks` again and go on from there."""
    RETRY_SNAPSHOT = 4
    REJECT_SNAPSHOT = 5


@dataclass(frozen=True, slots=True)
class ChunkAnswer:
    """The answer to a chunk; ``reject_senders`` are peers to fetch no more chunks from."""

    verdict: ChunkVerdict
    refetch_chunks: tuple[int, ...] = ()
    reject_senders: tuple[str, ...] = ()


class SnapshotService(Protocol):
    """Takes, serves and restores snapshots."""

    def committed(self, height: int) -> None:
        """Begin a snapshot where one is due; :meth:`work` does it."""
        ...

    def work(self) -> bool:
        """Do a small part of what was begun; return whether more is to do."""
        ...

    def list_snapshots(self) -> tuple[Snapshot, ...]:
        """Return what can be fetched here, the newest first."""
        ...

    def load_chunk(self, height: int, format_number: int, index: int) -> bytes:
        """Return a chunk; empty where it is not here."""
        ...

    def offer(self, snapshot: Snapshot, app_hash: bytes) -> OfferVerdict:
        """Begin to restore a snapshot; ``app_hash`` is the trusted one of its height."""
        ...

    def apply_chunk(self, index: int, chunk: bytes, sender: str) -> ChunkAnswer:
        """Take a chunk of the snapshot that was accepted, in order.

        After the last one the application continues at the snapshot's height.
        """
        ...


@runtime_checkable
class SnapshotSource(Protocol):
    """An application whose state can be exported and restored."""

    def info(self) -> ApplicationInfo:
        """Return the height and hash of the last commit."""
        ...

    def export_state(self, height: int) -> Iterator[bytes]:
        """Yield the stream of the state at a height."""
        ...

    def block_time(self, height: int) -> TimestampNs:
        """Return the time of a committed block."""
        ...

    def begin_restore(self, height: int, app_hash: bytes) -> Restorer:
        """Return what rebuilds a state; no block is here yet."""
        ...

    def finish_restore(self, restorer: Restorer, genesis: Genesis, time: TimestampNs) -> None:
        """Continue from the state that was restored."""
        ...


@dataclass(slots=True)
class _Restoring:
    """A snapshot that is being restored; mutable: chunks come one by one."""

    snapshot: Snapshot
    restorer: Restorer
    next_index: int = 0
    senders: list[str] = field(default_factory=list)


class Snapshots:
    """Takes snapshots into a folder, serves them, and restores those of others. Mutable.

    Args:
        folder: Holds a folder for each snapshot; made if absent.
        application: Whose state it is.
        genesis: The chain's.
        interval: A snapshot is taken at each multiple of this height; 0 takes none.
        keep_recent: How many are kept.
        chunk_bytes: The size of all chunks but the last.
    """

    def __init__(
        self,
        folder: Path,
        application: SnapshotSource,
        genesis: Genesis,
        *,
        interval: int = 0,
        keep_recent: int = 2,
        chunk_bytes: int = SNAPSHOT_CHUNK_BYTES,
    ) -> None:
        self._folder = folder
        self._application = application
        self._genesis = genesis
        self._interval = interval
        self._keep_recent = keep_recent
        self._chunk_bytes = chunk_bytes
        self._taking: Iterator[None] | None = None
        self._restoring: _Restoring | None = None
        folder.mkdir(parents=True, exist_ok=True)
        for unfinished in folder.glob("*.new"):
            shutil.rmtree(unfinished)

    # --- taking -------------------------------------------------------------------------

    def committed(self, height: int) -> None:
        """Begin a snapshot where one is due; :meth:`work` does it."""
        if self._interval and height % self._interval == 0 and self._taking is None:
            self._taking = self._take(height)

    def work(self) -> bool:
        """Write the next chunk of the snapshot that is being taken; return whether one is.

        Called often, between other work, so that a large state delays nothing for long.
        """
        if self._taking is None:
            return False
        try:
            next(self._taking)
        except StopIteration:
            self._taking = None
        except (VersionNotFound, DamagedRecord, OperationFailed, OSError) as error:
            # The state was pruned meanwhile, or the disk is full: the chain goes on.
            self._taking = None
            _log.warning("snapshot.given_up", error=str(error))
        return self._taking is not None

    def _take(self, height: int) -> Iterator[None]:
        folder = self._folder / f"{height}.new"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        time = self._application.block_time(height)
        hashes: list[bytes] = []
        for chunk in _chunks(self._application.export_state(height), self._chunk_bytes):
            if len(hashes) == MAX_SNAPSHOT_CHUNKS:
                raise OperationFailed(f"state is over {MAX_SNAPSHOT_CHUNKS} chunks")
            (folder / str(len(hashes))).write_bytes(chunk)
            hashes.append(sha256(chunk))
            yield
        metadata = time.to_bytes(_TIME_BYTES, "big") + b"".join(hashes)
        write_durably(folder / _METADATA_FILE, metadata)
        folder.rename(self._folder / str(height))
        sync_folder(self._folder)
        _log.info("snapshot.taken", height=height, chunks=len(hashes))
        for old in self._heights()[self._keep_recent :]:
            shutil.rmtree(self._folder / str(old))

    def _heights(self) -> list[int]:
        """Return the heights of the snapshots that are here, the newest first."""
        names = [path.name for path in self._folder.iterdir() if path.name.isdecimal()]
        return sorted((int(name) for name in names), reverse=True)

    # --- serving ------------------------------------------------------------------------

    def list_snapshots(self) -> tuple[Snapshot, ...]:
        """Return what can be fetched here, the newest first."""
        return tuple(self._read(height) for height in self._heights())

    def _read(self, height: int) -> Snapshot:
        metadata = (self._folder / str(height) / _METADATA_FILE).read_bytes()
        chunks = (len(metadata) - _TIME_BYTES) // _HASH_BYTES
        return Snapshot(height, FORMAT, chunks, snapshot_hash(height, FORMAT, metadata), metadata)

    def load_chunk(self, height: int, format_number: int, index: int) -> bytes:
        """Return a chunk; empty where it is not here."""
        if format_number != FORMAT:
            return b""
        try:
            return (self._folder / str(height) / str(index)).read_bytes()
        except FileNotFoundError:
            return b""

    # --- restoring ----------------------------------------------------------------------

    def offer(self, snapshot: Snapshot, app_hash: bytes) -> OfferVerdict:
        """Begin to restore a snapshot; ``app_hash`` is the trusted one of its height."""
        if self._application.info().last_block_height:
            _log.warning("snapshot.refused", reason="the application has a state already")
            return OfferVerdict.ABORT
        if snapshot.format != FORMAT:
            return OfferVerdict.REJECT_FORMAT
        if not is_well_formed(snapshot) or len(app_hash) != _HASH_BYTES:
            _log.warning("snapshot.refused", reason="it is not of its form")
            return OfferVerdict.REJECT
        self._restoring = _Restoring(
            snapshot, self._application.begin_restore(snapshot.height, app_hash)
        )
        _log.info("snapshot.accepted", height=snapshot.height, chunks=snapshot.chunks)
        return OfferVerdict.ACCEPT

    def apply_chunk(self, index: int, chunk: bytes, sender: str) -> ChunkAnswer:
        """Take a chunk of the snapshot that was accepted, in order.

        After the last one the application continues at the snapshot's height.

        Raises:
            OperationFailed: The disk refused.
        """
        restoring = self._restoring
        if restoring is None:
            return ChunkAnswer(ChunkVerdict.ABORT)
        if index != restoring.next_index:
            return ChunkAnswer(ChunkVerdict.RETRY, (restoring.next_index,))
        snapshot = restoring.snapshot
        if len(chunk) > SNAPSHOT_CHUNK_BYTES or sha256(chunk) != _chunk_hash(snapshot, index):
            _log.warning("snapshot.chunk_refused", index=index, sender=sender)
            return ChunkAnswer(ChunkVerdict.RETRY, (index,), (sender,) if sender else ())
        restoring.senders.append(sender)
        restoring.next_index += 1
        try:
            restoring.restorer.feed(chunk)
            if restoring.next_index == snapshot.chunks:
                time = TimestampNs(int.from_bytes(snapshot.metadata[:_TIME_BYTES], "big"))
                self._application.finish_restore(restoring.restorer, self._genesis, time)
                self._restoring = None
                _log.info("snapshot.restored", height=snapshot.height)
        except InvalidSnapshot as error:
            # Honest nodes serve none but their own: whoever sent a part of this one lied.
            self._restoring = None
            restoring.restorer.abandon()
            _log.warning("snapshot.refused", reason=str(error))
            liars = tuple(sorted({name for name in restoring.senders if name}))
            return ChunkAnswer(ChunkVerdict.REJECT_SNAPSHOT, (), liars)
        return ChunkAnswer(ChunkVerdict.ACCEPT)


def snapshot_hash(height: int, format_number: int, metadata: bytes) -> bytes:
    """Return the hash of a snapshot of our format."""
    return sha256(height.to_bytes(8, "big") + format_number.to_bytes(4, "big") + metadata)


def is_well_formed(snapshot: Snapshot) -> bool:
    """Return whether an offer is of the form that :class:`Snapshots` makes."""
    time = int.from_bytes(snapshot.metadata[:_TIME_BYTES], "big")
    return (
        1 <= snapshot.height < 2**63
        and 1 <= snapshot.chunks <= MAX_SNAPSHOT_CHUNKS
        and len(snapshot.metadata) == _TIME_BYTES + _HASH_BYTES * snapshot.chunks
        and time < 2**63
        and snapshot.hash == snapshot_hash(snapshot.height, snapshot.format, snapshot.metadata)
    )


def _chunk_hash(snapshot: Snapshot, index: int) -> bytes:
    start = _TIME_BYTES + _HASH_BYTES * index
    return snapshot.metadata[start : start + _HASH_BYTES]


def _chunks(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    """Yield the stream of ``pieces`` in chunks of ``size``; the last may be shorter."""
    buffer = bytearray()
    for piece in pieces:
        buffer += piece
        while len(buffer) >= size:
            yield bytes(buffer[:size])
            del buffer[:size]
    if buffer:
        yield bytes(buffer)
