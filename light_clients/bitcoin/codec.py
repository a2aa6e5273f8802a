"""Protobuf forms of the client's values, in and out of ``google.protobuf.Any``."""

from google.protobuf.any_pb2 import Any

from chainkit.formats.bitcoin.header_chain import ChainPoint
from chainkit.formats.bitcoin.headers import HEADER_BYTES, decode_header
from chainkit.formats.bitcoin.limits import MEDIAN_TIME_SPAN
from chainkit.formats.bitcoin.proof_of_work import ProofOfWorkRules
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.heights import Height
from chainkit.primitives.limits import MAX_PROOF_BYTES
from chainkit.wire.codec import decode_known, decode_strict, encode, type_url
from chainkit.wire.proto.isthmus.lightclients.bitcoin.v1 import bitcoin_pb2
from ibc.ics02_client.port import AnyValue
from light_clients.bitcoin.errors import InvalidClientType
from light_clients.bitcoin.types import (
    MAX_HEADERS_PER_MESSAGE,
    Anchor,
    ClientState,
    ConsensusState,
    Headers,
    MembershipProof,
)

CLIENT_STATE_TYPE_URL = type_url(bitcoin_pb2.ClientState)
CONSENSUS_STATE_TYPE_URL = type_url(bitcoin_pb2.ConsensusState)
ANCHOR_TYPE_URL = type_url(bitcoin_pb2.Anchor)
HEADERS_TYPE_URL = type_url(bitcoin_pb2.Headers)

MAX_STATE_BYTES = 1_024
MAX_RECORD_BYTES = 512
MAX_HEADERS_BYTES = HEADER_BYTES * MAX_HEADERS_PER_MESSAGE + 16
WORK_BYTES = 32


def _work(data: bytes) -> int:
    if len(data) != WORK_BYTES:
        raise MalformedMessage("a work or target has 32 bytes")
    return int.from_bytes(data, "big")


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


def encode_client_state(state: ClientState) -> AnyValue:
    """Return the stored and proven form."""
    rules = state.rules
    pb = bitcoin_pb2.ClientState(
        chain_id=state.chain_id,
        rules=bitcoin_pb2.WorkRules(
            pow_limit=rules.pow_limit.to_bytes(WORK_BYTES, "big"),
            target_spacing=rules.target_spacing,
            retarget_interval=rules.retarget_interval,
            retargeting=rules.retargeting,
            clamp=rules.clamp,
            timewarp_rule=rules.timewarp_grace is not None,
            timewarp_grace=rules.timewarp_grace or 0,
        ),
        confirmations=state.confirmations,
        minimum_work=state.minimum_work.to_bytes(WORK_BYTES, "big"),
        commitment_tag=state.commitment_tag,
        retained_depth=state.retained_depth,
        minimum_version=state.minimum_version,
        frozen=state.frozen,
        tip=state.tip,
        latest_height=state.latest_height.revision_height,
    )
    return AnyValue(CLIENT_STATE_TYPE_URL, encode(pb))


def decode_client_state(value: AnyValue) -> ClientState:
    """Return the client state.

    Raises:
        InvalidClientType: Of another type.
        MalformedMessage: It does not decode.
    """
    _is_of_type(value, CLIENT_STATE_TYPE_URL)
    pb = decode_known(bitcoin_pb2.ClientState, value.value, max_bytes=MAX_STATE_BYTES)
    rules = ProofOfWorkRules(
        pow_limit=_work(pb.rules.pow_limit),
        target_spacing=pb.rules.target_spacing,
        retarget_interval=pb.rules.retarget_interval,
        retargeting=pb.rules.retargeting,
        clamp=pb.rules.clamp,
        timewarp_grace=pb.rules.timewarp_grace if pb.rules.timewarp_rule else None,
    )
    return ClientState(
        chain_id=pb.chain_id,
        rules=rules,
        confirmations=pb.confirmations,
        minimum_work=_work(pb.minimum_work),
        commitment_tag=pb.commitment_tag,
        retained_depth=pb.retained_depth,
        minimum_version=pb.minimum_version,
        frozen=pb.frozen,
        tip=pb.tip,
        latest_height=Height(0, pb.latest_height),
    )


def encode_consensus_state(state: ConsensusState) -> AnyValue:
    """Return the stored and proven form."""
    pb = bitcoin_pb2.ConsensusState(
        median_time_past=state.median_time_past,
        merkle_root=state.merkle_root,
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
    pb = decode_known(bitcoin_pb2.ConsensusState, value.value, max_bytes=MAX_STATE_BYTES)
    if len(pb.merkle_root) != 32 or len(pb.block_hash) != 32:
        raise MalformedMessage("merkle root and block hash have 32 bytes")
    return ConsensusState(pb.median_time_past, pb.merkle_root, pb.block_hash)


def _point_to_proto(point: ChainPoint) -> bitcoin_pb2.HeaderRecord:
    return bitcoin_pb2.HeaderRecord(
        header=point.header.encode(),
        height=point.height,
        chain_work=point.chain_work.to_bytes(WORK_BYTES, "big"),
        period_start=point.period_start,
        earlier_times=point.earlier_times,
    )


def _point_from_proto(pb: bitcoin_pb2.HeaderRecord) -> ChainPoint:
    if len(pb.earlier_times) >= MEDIAN_TIME_SPAN:
        raise MalformedMessage("a header is judged by at most ten times before its own")
    return ChainPoint(
        header=decode_header(pb.header),
        height=pb.height,
        chain_work=_work(pb.chain_work),
        period_start=pb.period_start,
        earlier_times=tuple(pb.earlier_times),
    )


def encode_point(point: ChainPoint) -> bytes:
    """Return the stored form of a header with what its child is judged by."""
    return encode(_point_to_proto(point))


def decode_point(data: bytes) -> ChainPoint:
    """Return the header that this chain stored itself."""
    return _point_from_proto(
        decode_strict(bitcoin_pb2.HeaderRecord, data, max_bytes=MAX_RECORD_BYTES)
    )


def encode_anchor(anchor: Anchor) -> AnyValue:
    """Return the form in which a client is created."""
    return AnyValue(
        ANCHOR_TYPE_URL, encode(bitcoin_pb2.Anchor(record=_point_to_proto(anchor.point)))
    )


def decode_anchor(value: AnyValue) -> Anchor:
    """Return the header that a client starts from.

    Raises:
        InvalidClientType: Of another type.
        MalformedMessage: It does not decode.
    """
    _is_of_type(value, ANCHOR_TYPE_URL)
    pb = decode_known(bitcoin_pb2.Anchor, value.value, max_bytes=MAX_RECORD_BYTES)
    return Anchor(_point_from_proto(pb.record))


def encode_headers(message: Headers) -> AnyValue:
    """Return the form that a relayer sends."""
    raw = b"".join(header.encode() for header in message.headers)
    return AnyValue(HEADERS_TYPE_URL, encode(bitcoin_pb2.Headers(headers=raw)))


def decode_headers(value: AnyValue) -> Headers:
    """Return the headers.

    Raises:
        InvalidClientType: Of another type.
        MalformedMessage: None, over 2,016, or not 80 bytes each.
    """
    _is_of_type(value, HEADERS_TYPE_URL)
    pb = decode_known(bitcoin_pb2.Headers, value.value, max_bytes=MAX_HEADERS_BYTES)
    count, rest = divmod(len(pb.headers), HEADER_BYTES)
    if rest or not 1 <= count <= MAX_HEADERS_PER_MESSAGE:
        raise MalformedMessage(f"1 to {MAX_HEADERS_PER_MESSAGE} headers of 80 bytes are a message")
    return Headers(
        tuple(
            decode_header(pb.headers[at : at + HEADER_BYTES])
            for at in range(0, len(pb.headers), HEADER_BYTES)
        )
    )


def encode_membership_proof(proof: MembershipProof) -> bytes:
    """Return the bytes of a proof."""
    return encode(
        bitcoin_pb2.MembershipProof(
            coinbase=proof.coinbase,
            transactions=proof.transactions,
            branch=proof.branch,
            merkle_proof=proof.merkle_proof,
        )
    )


def decode_membership_proof(data: bytes) -> MembershipProof:
    """Return the proof.

    Raises:
        MalformedMessage: It does not decode.
    """
    pb = decode_known(bitcoin_pb2.MembershipProof, data, max_bytes=MAX_PROOF_BYTES)
    return MembershipProof(pb.coinbase, pb.transactions, tuple(pb.branch), pb.merkle_proof)
