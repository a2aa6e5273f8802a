"""Snapshots of the application's state, as ABCI and state sync pass them around."""

from dataclasses import dataclass
from enum import Enum
from typing import Protocol


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
