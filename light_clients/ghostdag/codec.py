"""Protobuf forms of the client's values, in and out of ``google.protobuf.Any``."""

from google.protobuf.any_pb2 import Any

from chainkit.formats.ghostdag.blocks import DagBlock, Order
from chainkit.formats.ghostdag.headers import decode_header
from chainkit.formats.ghostdag.limits import HASH_BYTES, MAX_HEADER_BYTES
from chainkit.formats.ghostdag.parameters import DagParameters
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.heights import Height
from chainkit.primitives.types import Hash32
from chainkit.wire.codec import decode_known, decode_strict, encode, type_url
from chainkit.wire.proto.isthmus.lightclients.ghostdag.v1 import ghostdag_pb2
from ibc.ics02_client.port import AnyValue
from ibc.limits import MAX_CLIENT_BYTES
from light_clients.ghostdag.errors import InvalidClientType
from light_clients.ghostdag.types import (
    MAX_ANCHOR_RECORDS,
    MAX_HEADERS_PER_MESSAGE,
    Anchor,
    ClientState,
    ConsensusState,
    Headers,
)

CLIENT_STATE_TYPE_URL = type_url(ghostdag_pb2.ClientState)
CONSENSUS_STATE_TYPE_URL = type_url(ghostdag_pb2.ConsensusState)
ANCHOR_TYPE_URL = type_url(ghostdag_pb2.Anchor)
HEADERS_TYPE_URL = type_url(ghostdag_pb2.Headers)

MAX_STATE_BYTES = 1_024
MAX_RECORD_BYTES = 4 * MAX_HEADER_BYTES
"""A header, and the names of what it merges and recounts."""

TARGET_BYTES = 32


def _hash(data: bytes) -> Hash32:
    if len(data) != HASH_BYTES:
        raise MalformedMessage("a hash has 32 bytes")
    return Hash32(data)


def encode_any(value: AnyValue) -> bytes:
    """Return the bytes of the ``Any``."""
    return encode(Any(type_url=value.type_url, value=value.value))


def decode_any(data: bytes) -> AnyValue:
    """Return the ``Any`` in bytes that this chain stored itself."""
    pb = decode_strict(Any, data, max_bytes=MAX_STATE_BYTES)
    return AnyValue(pb.type_url, pb.value)


def _is_of_type(value: AnyValue, wanted: str) -> None:
    if value.type_url != wanted:
        raise InvalidClientType(f"expected {wanted}, got {value.type_url}")


def _parameters_to_proto(p: DagParameters) -> ghostdag_pb2.DagParameters:
    return ghostdag_pb2.DagParameters(
        k=p.k,
        max_target=p.max_target.to_bytes(TARGET_BYTES, "big"),
        target_time_ms=p.target_time_ms,
        difficulty_window=p.difficulty_window,
        min_difficulty_window=p.min_difficulty_window,
        difficulty_sample_rate=p.difficulty_sample_rate,
        median_window=p.median_window,
        median_sample_rate=p.median_sample_rate,
        max_parents=p.max_parents,
        merge_set_limit=p.merge_set_limit,
        merge_depth=p.merge_depth,
        pruning_depth=p.pruning_depth,
        pruning_interval=p.pruning_interval,
        timestamp_tolerance_ms=p.timestamp_tolerance_ms,
        version=p.version,
    )


def _parameters_from_proto(pb: ghostdag_pb2.DagParameters) -> DagParameters:
    if len(pb.max_target) != TARGET_BYTES:
        raise MalformedMessage("a target has 32 bytes")
    return DagParameters(
        k=pb.k,
        max_target=int.from_bytes(pb.max_target, "big"),
        target_time_ms=pb.target_time_ms,
        difficulty_window=pb.difficulty_window,
        min_difficulty_window=pb.min_difficulty_window,
        difficulty_sample_rate=pb.difficulty_sample_rate,
        median_window=pb.median_window,
        median_sample_rate=pb.median_sample_rate,
        max_parents=pb.max_parents,
        merge_set_limit=pb.merge_set_limit,
        merge_depth=pb.merge_depth,
        pruning_depth=pb.pruning_depth,
        pruning_interval=pb.pruning_interval,
        timestamp_tolerance_ms=pb.timestamp_tolerance_ms,
        version=pb.version,
    )


def encode_client_state(state: ClientState) -> AnyValue:
    """Return the stored and proven form."""
    pb = ghostdag_pb2.ClientState(
        chain_id=state.chain_id,
        parameters=_parameters_to_proto(state.parameters),
        finality_depth=state.finality_depth,
        retained_depth=state.retained_depth,
        genesis=state.genesis,
        root=state.root,
        tip=state.tip,
        latest_height=state.latest_height.revision_height,
        frozen=state.frozen,
    )
    return AnyValue(CLIENT_STATE_TYPE_URL, encode(pb))


def decode_client_state(value: AnyValue) -> ClientState:
    """Return the client state.

    Raises:
        InvalidClientType: Of another type.
        MalformedMessage: It does not decode.
    """
    _is_of_type(value, CLIENT_STATE_TYPE_URL)
    pb = decode_known(ghostdag_pb2.ClientState, value.value, max_bytes=MAX_STATE_BYTES)
    return ClientState(
        chain_id=pb.chain_id,
        parameters=_parameters_from_proto(pb.parameters),
        finality_depth=pb.finality_depth,
        retained_depth=pb.retained_depth,
        genesis=_hash(pb.genesis),
        root=_hash(pb.root),
        tip=_hash(pb.tip),
        latest_height=Height(0, pb.latest_height),
        frozen=pb.frozen,
    )


def encode_consensus_state(state: ConsensusState) -> AnyValue:
    """Return the stored and proven form."""
    pb = ghostdag_pb2.ConsensusState(
        chain_time_ms=state.chain_time_ms,
        state_root=state.state_root,
        block_hash=state.block_hash,
    )
    return AnyValue(CONSENSUS_STATE_TYPE_URL, encode(pb))


def decode_consensus_state(value: AnyValue) -> ConsensusState:
    """Return the consensus state.

    Raises:
        InvalidClientType: Of another type.
        MalformedMessage: It does not decode, or a hash has not 32 bytes.
    """
    _is_of_type(value, CONSENSUS_STATE_TYPE_URL)
    pb = decode_known(ghostdag_pb2.ConsensusState, value.value, max_bytes=MAX_STATE_BYTES)
    return ConsensusState(pb.chain_time_ms, _hash(pb.state_root), _hash(pb.block_hash))


def _block_to_proto(block: DagBlock) -> ghostdag_pb2.HeaderRecord:
    order = block.order
    return ghostdag_pb2.HeaderRecord(
        header=block.header.encode(),
        blues=order.blues,
        reds=order.reds,
        blue_anticone_sizes=[
            ghostdag_pb2.BlueAnticoneSize(block=blue, size=size)
            for blue, size in order.blue_anticone_sizes.items()
        ],
        median_time_ms=block.median_time_ms,
        chain_time_ms=block.chain_time_ms,
    )


def _block_from_proto(pb: ghostdag_pb2.HeaderRecord) -> DagBlock:
    header = decode_header(pb.header)
    blues = tuple(map(_hash, pb.blues))
    order = Order(
        selected_parent=blues[0] if blues else None,
        blues=blues,
        reds=tuple(map(_hash, pb.reds)),
        blue_anticone_sizes={_hash(one.block): one.size for one in pb.blue_anticone_sizes},
        blue_score=header.blue_score,
        blue_work=header.blue_work,
    )
    return DagBlock(header.hash, header, order, pb.median_time_ms, pb.chain_time_ms)


def encode_block(block: DagBlock) -> bytes:
    """Return the stored form of a header in its place."""
    return encode(_block_to_proto(block))


def decode_block(data: bytes) -> DagBlock:
    """Return the block that this chain stored itself."""
    return _block_from_proto(
        decode_strict(ghostdag_pb2.HeaderRecord, data, max_bytes=MAX_RECORD_BYTES)
    )


def encode_anchor(anchor: Anchor) -> AnyValue:
    """Return the form in which a client is created."""
    pb = ghostdag_pb2.Anchor(records=map(_block_to_proto, anchor.blocks))
    return AnyValue(ANCHOR_TYPE_URL, encode(pb))


def decode_anchor(value: AnyValue) -> Anchor:
    """Return the blocks that a client starts from.

    Raises:
        InvalidClientType: Of another type.
        MalformedMessage: It does not decode, or holds none or too many.
    """
    _is_of_type(value, ANCHOR_TYPE_URL)
    pb = decode_known(ghostdag_pb2.Anchor, value.value, max_bytes=MAX_CLIENT_BYTES)
    if not 1 <= len(pb.records) <= MAX_ANCHOR_RECORDS:
        raise MalformedMessage(f"an anchor has 1 to {MAX_ANCHOR_RECORDS} records")
    return Anchor(tuple(map(_block_from_proto, pb.records)))


def encode_headers(message: Headers) -> AnyValue:
    """Return the form that a relayer sends."""
    raw = [header.encode() for header in message.headers]
    return AnyValue(HEADERS_TYPE_URL, encode(ghostdag_pb2.Headers(headers=raw)))


def decode_headers(value: AnyValue) -> Headers:
    """Return the headers.

    Raises:
        InvalidClientType: Of another type.
        MalformedMessage: None, over 1,024, or one does not decode.
    """
    _is_of_type(value, HEADERS_TYPE_URL)
    pb = decode_known(ghostdag_pb2.Headers, value.value, max_bytes=MAX_CLIENT_BYTES)
    if not 1 <= len(pb.headers) <= MAX_HEADERS_PER_MESSAGE:
        raise MalformedMessage(f"a message has 1 to {MAX_HEADERS_PER_MESSAGE} headers")
    return Headers(tuple(map(decode_header, pb.headers)))
