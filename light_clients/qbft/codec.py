"""Protobuf forms of the client's values, in and out of ``google.protobuf.Any``."""

from google.protobuf.any_pb2 import Any

from chainkit.formats.ethereum.headers import decode_header, encode_header
from chainkit.formats.ethereum.limits import (
    ADDRESS_BYTES,
    HASH_BYTES,
    MAX_HEADER_BYTES,
    MAX_QBFT_VALIDATORS,
)
from chainkit.formats.ethereum.qbft import block_hash, decode_extra_data
from chainkit.formats.ethereum.types import Header
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.heights import Height
from chainkit.primitives.limits import MAX_PROOF_BYTES
from chainkit.primitives.types import Address, DurationNs, Hash32
from chainkit.wire.codec import decode_known, decode_strict, encode, type_url
from chainkit.wire.proto.isthmus.lightclients.qbft.v1 import qbft_pb2
from ibc.ics02_client.port import AnyValue
from light_clients.qbft.errors import InvalidClientType
from light_clients.qbft.types import (
    ClientMessage,
    ClientState,
    ConsensusState,
    MembershipProof,
    Misbehaviour,
    SealedHeader,
)

CLIENT_STATE_TYPE_URL = type_url(qbft_pb2.ClientState)
CONSENSUS_STATE_TYPE_URL = type_url(qbft_pb2.ConsensusState)
HEADER_TYPE_URL = type_url(qbft_pb2.Header)
MISBEHAVIOUR_TYPE_URL = type_url(qbft_pb2.Misbehaviour)

MAX_CLIENT_STATE_BYTES = 512
MAX_CONSENSUS_STATE_BYTES = 256 + (ADDRESS_BYTES + 2) * MAX_QBFT_VALIDATORS
MAX_MESSAGE_BYTES = MAX_HEADER_BYTES + 64
MAX_PROOF_NODES = 65
"""A path of 64 digits has no more nodes."""


def encode_any(value: AnyValue) -> bytes:
    """Return the bytes of the ``Any``."""
    return encode(Any(type_url=value.type_url, value=value.value))


def decode_any(data: bytes) -> AnyValue:
    """Return the ``Any`` in bytes that this chain stored itself."""
    pb = decode_strict(Any, data, max_bytes=MAX_CONSENSUS_STATE_BYTES + 128)
    return AnyValue(pb.type_url, pb.value)


def _is_of_type(value: AnyValue, wanted: str) -> None:
    if value.type_url != wanted:
        raise InvalidClientType(f"expected {wanted}, got {value.type_url}")


def encode_client_state(state: ClientState) -> AnyValue:
    """Return the stored and proven form."""
    pb = qbft_pb2.ClientState(
        chain_id=state.chain_id,
        ibc_address=state.ibc_address,
        trusting_period=state.trusting_period,
        max_clock_drift=state.max_clock_drift,
        latest_height=state.latest_height.revision_height,
        frozen=state.frozen,
    )
    return AnyValue(CLIENT_STATE_TYPE_URL, encode(pb))


def decode_client_state(value: AnyValue) -> ClientState:
    """Return the client state.

    Raises:
        InvalidClientType: Of another type.
        MalformedMessage: It does not decode, or the address has not 20 bytes.
    """
    _is_of_type(value, CLIENT_STATE_TYPE_URL)
    pb = decode_known(qbft_pb2.ClientState, value.value, max_bytes=MAX_CLIENT_STATE_BYTES)
    return ClientState(
        chain_id=pb.chain_id,
        ibc_address=_address(pb.ibc_address),
        trusting_period=DurationNs(pb.trusting_period),
        max_clock_drift=DurationNs(pb.max_clock_drift),
        latest_height=Height(0, pb.latest_height),
        frozen=pb.frozen,
    )


def _address(data: bytes) -> Address:
    if len(data) != ADDRESS_BYTES:
        raise MalformedMessage("an address has 20 bytes")
    return Address(data)


def encode_consensus_state(state: ConsensusState) -> AnyValue:
    """Return the stored and proven form."""
    pb = qbft_pb2.ConsensusState(
        timestamp=state.seconds,
        state_root=state.state_root,
        block_hash=state.block_hash,
        validators=state.validators,
    )
    return AnyValue(CONSENSUS_STATE_TYPE_URL, encode(pb))


def decode_consensus_state(value: AnyValue) -> ConsensusState:
    """Return the consensus state.

    Raises:
        InvalidClientType: Of another type.
        MalformedMessage: It does not decode, a field has a wrong size, or too many validators.
    """
    _is_of_type(value, CONSENSUS_STATE_TYPE_URL)
    pb = decode_known(qbft_pb2.ConsensusState, value.value, max_bytes=MAX_CONSENSUS_STATE_BYTES)
    if len(pb.state_root) != HASH_BYTES or len(pb.block_hash) != HASH_BYTES:
        raise MalformedMessage("state root and block hash have 32 bytes")
    if len(pb.validators) > MAX_QBFT_VALIDATORS:
        raise MalformedMessage(f"more than {MAX_QBFT_VALIDATORS} validators")
    validators = tuple(map(_address, pb.validators))
    return ConsensusState(pb.timestamp, Hash32(pb.state_root), Hash32(pb.block_hash), validators)


def sealed_header(header: Header, trusted_height: Height) -> SealedHeader:
    """Return a header as the client reads it.

    Raises:
        MalformedMessage: Its extra data is not QBFT's.
    """
    extra = decode_extra_data(header.extra_data)
    return SealedHeader(header, extra, block_hash(header), trusted_height)


def encode_header_message(message: SealedHeader) -> AnyValue:
    """Return the form that a relayer sends."""
    return AnyValue(HEADER_TYPE_URL, encode(_header_to_proto(message)))


def encode_misbehaviour(message: Misbehaviour) -> AnyValue:
    """Return the form that a watcher sends."""
    pb = qbft_pb2.Misbehaviour(
        header_1=_header_to_proto(message.header_1),
        header_2=_header_to_proto(message.header_2),
    )
    return AnyValue(MISBEHAVIOUR_TYPE_URL, encode(pb))


def _header_to_proto(message: SealedHeader) -> qbft_pb2.Header:
    return qbft_pb2.Header(
        header=encode_header(message.header),
        trusted_height=message.trusted_height.revision_height,
    )


def _header_from_proto(pb: qbft_pb2.Header) -> SealedHeader:
    return sealed_header(decode_header(pb.header), Height(0, pb.trusted_height))


def decode_client_message(value: AnyValue) -> ClientMessage:
    """Return a header or misbehaviour.

    Raises:
        InvalidClientType: Of another type.
        MalformedMessage: It does not decode; the class names the rule.
    """
    if value.type_url == HEADER_TYPE_URL:
        pb = decode_known(qbft_pb2.Header, value.value, max_bytes=MAX_MESSAGE_BYTES)
        return _header_from_proto(pb)
    _is_of_type(value, MISBEHAVIOUR_TYPE_URL)
    two = decode_known(qbft_pb2.Misbehaviour, value.value, max_bytes=2 * MAX_MESSAGE_BYTES)
    return Misbehaviour(_header_from_proto(two.header_1), _header_from_proto(two.header_2))


def encode_membership_proof(proof: MembershipProof) -> bytes:
    """Return the proof as packets carry it; of absence too."""
    return encode(
        qbft_pb2.MembershipProof(
            account_proof=proof.account_nodes, storage_proof=proof.storage_nodes
        )
    )


def decode_membership_proof(data: bytes) -> MembershipProof:
    """Return the proof.

    Raises:
        MalformedMessage: It does not decode, or has more nodes than any path.
    """
    pb = decode_known(qbft_pb2.MembershipProof, data, max_bytes=MAX_PROOF_BYTES)
    if max(len(pb.account_proof), len(pb.storage_proof)) > MAX_PROOF_NODES:
        raise MalformedMessage(f"a proof has at most {MAX_PROOF_NODES} nodes")
    return MembershipProof(tuple(pb.account_proof), tuple(pb.storage_proof))
