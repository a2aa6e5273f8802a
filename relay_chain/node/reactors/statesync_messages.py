"""The messages of state sync (CometBFT ``tendermint.statesync.Message``)."""

from dataclasses import dataclass

from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.limits import INT64_MAX
from chainkit.wire.codec import decode_known, encode
from chainkit.wire.proto.tendermint.statesync import types_pb2
from relay_chain.node.reactors.limits import (
    MAX_CHUNK_MESSAGE_BYTES,
    MAX_SNAPSHOT_CHUNKS,
)
from relay_chain.node.snapshots import Snapshot


@dataclass(frozen=True, slots=True)
class SnapshotsRequest:
    """Which snapshots are there?"""


@dataclass(frozen=True, slots=True)
class SnapshotsResponse:
    """One snapshot of the sender's; an answer is several of these."""

    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class ChunkRequest:
    """Send a chunk."""

    height: int
    format: int
    index: int


@dataclass(frozen=True, slots=True)
class ChunkResponse:
    """A chunk, or that it is not there."""

    height: int
    format: int
    index: int
    chunk: bytes
    missing: bool = False


StateSyncMessage = SnapshotsRequest | SnapshotsResponse | ChunkRequest | ChunkResponse


def encode_statesync_message(message: StateSyncMessage) -> bytes:
    """Return ``tendermint.statesync.Message``."""
    match message:
        case SnapshotsRequest():
            outer = types_pb2.Message(snapshots_request=types_pb2.SnapshotsRequest())
        case SnapshotsResponse(snapshot):
            outer = types_pb2.Message(
                snapshots_response=types_pb2.SnapshotsResponse(
                    height=snapshot.height,
                    format=snapshot.format,
                    chunks=snapshot.chunks,
                    hash=snapshot.hash,
                    metadata=snapshot.metadata,
                )
            )
        case ChunkRequest(height, format_, index):
            outer = types_pb2.Message(
                chunk_request=types_pb2.ChunkRequest(height=height, format=format_, index=index)
            )
        case ChunkResponse(height, format_, index, chunk, missing):
            outer = types_pb2.Message(
                chunk_response=types_pb2.ChunkResponse(
                    height=height, format=format_, index=index, chunk=chunk, missing=missing
                )
            )
    return encode(outer)


def decode_statesync_message(data: bytes) -> StateSyncMessage:
    """Return the message in the bytes, checked by itself (CometBFT ``validateMsg``).

    Raises:
        MalformedMessage: They do not decode, name height 0, a snapshot of no or too many
            chunks or without a hash, or a missing chunk that has content.
    """
    outer = decode_known(types_pb2.Message, data, max_bytes=MAX_CHUNK_MESSAGE_BYTES)
    match outer.WhichOneof("sum"):
        case "snapshots_request":
            return SnapshotsRequest()
        case "snapshots_response":
            return SnapshotsResponse(_snapshot(outer.snapshots_response))
        case "chunk_request":
            asked = outer.chunk_request
            return ChunkRequest(_height(asked.height), asked.format, asked.index)
        case "chunk_response":
            given = outer.chunk_response
            if given.missing and given.chunk:
                raise MalformedMessage("a missing chunk has content")
            return ChunkResponse(
                _height(given.height), given.format, given.index, given.chunk, given.missing
            )
        case _:
            raise MalformedMessage("state sync message of no known kind")


def _snapshot(pb: types_pb2.SnapshotsResponse) -> Snapshot:
    if not 0 < pb.chunks <= MAX_SNAPSHOT_CHUNKS:
        raise MalformedMessage(f"snapshot of {pb.chunks} chunks")
    if not pb.hash:
        raise MalformedMessage("snapshot without a hash")
    return Snapshot(_height(pb.height), pb.format, pb.chunks, pb.hash, pb.metadata)


def _height(value: int) -> int:
    if not 0 < value <= INT64_MAX:
        raise MalformedMessage(f"snapshot of height {value}")
    return value
