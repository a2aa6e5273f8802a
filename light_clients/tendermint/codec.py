"""Protobuf forms of the client's values, in and out of ``google.protobuf.Any``.

What comes in a message may order its fields as it likes; what is stored is always our own
encoding, which equals gogoproto's, since other chains prove those bytes.
"""

from google.protobuf.any_pb2 import Any

from chainkit.commitments.ics23 import ProofSpec, decode_spec, encode_spec
from chainkit.formats.tendermint.codec import (
    signed_header_from_proto,
    signed_header_to_proto,
    validator_set_from_proto,
    validator_set_to_proto,
)
from chainkit.formats.tendermint.limits import MAX_ENCODED_LIGHT_BLOCK_BYTES
from chainkit.formats.tendermint.verify_commit import TrustLevel
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.heights import Height
from chainkit.primitives.types import ChainId
from chainkit.wire.codec import (
    decode_known,
    decode_strict,
    duration_from_proto,
    duration_to_proto,
    encode,
    timestamp_from_proto,
    timestamp_to_proto,
    type_url,
)
from chainkit.wire.proto.cosmos.ics23.v1 import proofs_pb2
from chainkit.wire.proto.ibc.core.client.v1 import client_pb2
from chainkit.wire.proto.ibc.core.commitment.v1 import commitment_pb2
from chainkit.wire.proto.ibc.lightclients.tendermint.v1 import tendermint_pb2
from ibc.ics02_client.port import AnyValue
from light_clients.tendermint.errors import InvalidClientType
from light_clients.tendermint.types import (
    ClientHeader,
    ClientMessage,
    ClientState,
    ConsensusState,
    Misbehaviour,
)

CLIENT_STATE_TYPE_URL = type_url(tendermint_pb2.ClientState)
CONSENSUS_STATE_TYPE_URL = type_url(tendermint_pb2.ConsensusState)
HEADER_TYPE_URL = type_url(tendermint_pb2.Header)
MISBEHAVIOUR_TYPE_URL = type_url(tendermint_pb2.Misbehaviour)

MAX_CLIENT_STATE_BYTES = 65_536
MAX_CONSENSUS_STATE_BYTES = 1_024
MAX_HEADER_BYTES = 2 * MAX_ENCODED_LIGHT_BLOCK_BYTES
MAX_MISBEHAVIOUR_BYTES = 2 * MAX_HEADER_BYTES
MAX_PROOF_SPECS = 8
MAX_UPGRADE_PATH = 8


def encode_client_state(state: ClientState) -> AnyValue:
    """Return the stored and proven form."""
    return AnyValue(CLIENT_STATE_TYPE_URL, encode(_client_state_to_proto(state)))


def decode_client_state(value: AnyValue) -> ClientState:
    """Return the client state.

    Raises:
        InvalidClientType: Of another type.
        MalformedMessage: It does not decode, or has more than 8 proof specs or path parts.
    """
    _is_of_type(value, CLIENT_STATE_TYPE_URL)
    pb = decode_known(tendermint_pb2.ClientState, value.value, max_bytes=MAX_CLIENT_STATE_BYTES)
    if len(pb.proof_specs) > MAX_PROOF_SPECS or len(pb.upgrade_path) > MAX_UPGRADE_PATH:
        raise MalformedMessage("client state with too many proof specs or path parts")
    return ClientState(
        chain_id=ChainId(pb.chain_id),
        trust_level=TrustLevel(pb.trust_level.numerator, pb.trust_level.denominator),
        trusting_period=duration_from_proto(pb.trusting_period),
        unbonding_period=duration_from_proto(pb.unbonding_period),
        max_clock_drift=duration_from_proto(pb.max_clock_drift),
        latest_height=_height_from_proto(pb.latest_height),
        proof_specs=tuple(_spec_from_proto(spec) for spec in pb.proof_specs),
        upgrade_path=tuple(pb.upgrade_path),
        frozen_height=_height_from_proto(pb.frozen_height),
        allow_update_after_expiry=pb.allow_update_after_expiry,
        allow_update_after_misbehaviour=pb.allow_update_after_misbehaviour,
    )


def encode_consensus_state(state: ConsensusState) -> AnyValue:
    """Return the stored and proven form."""
    pb = tendermint_pb2.ConsensusState(
        timestamp=timestamp_to_proto(state.timestamp),
        root=commitment_pb2.MerkleRoot(hash=state.root),
        next_validators_hash=state.next_validators_hash,
    )
    return AnyValue(CONSENSUS_STATE_TYPE_URL, encode(pb))


def decode_consensus_state(value: AnyValue) -> ConsensusState:
    """Return the consensus state.

    Raises:
        InvalidClientType: Of another type.
        MalformedMessage: It does not decode.
    """
    _is_of_type(value, CONSENSUS_STATE_TYPE_URL)
    pb = decode_known(
        tendermint_pb2.ConsensusState, value.value, max_bytes=MAX_CONSENSUS_STATE_BYTES
    )
    return ConsensusState(timestamp_from_proto(pb.timestamp), pb.root.hash, pb.next_validators_hash)


def encode_client_message(message: ClientMessage) -> AnyValue:
    """Return the form that ``MsgUpdateClient`` carries."""
    match message:
        case ClientHeader():
            return AnyValue(HEADER_TYPE_URL, encode(_header_to_proto(message)))
        case Misbehaviour():
            pb = tendermint_pb2.Misbehaviour(
                client_id=message.client_id,
                header_1=_header_to_proto(message.header_1),
                header_2=_header_to_proto(message.header_2),
            )
            return AnyValue(MISBEHAVIOUR_TYPE_URL, encode(pb))


def decode_client_message(value: AnyValue) -> ClientMessage:
    """Return the header or the misbehaviour.

    Raises:
        InvalidClientType: Neither.
        MalformedMessage: It does not decode, or a part is missing.
    """
    if value.type_url == HEADER_TYPE_URL:
        header = decode_known(tendermint_pb2.Header, value.value, max_bytes=MAX_HEADER_BYTES)
        return _header_from_proto(header)
    _is_of_type(value, MISBEHAVIOUR_TYPE_URL)
    pb = decode_known(tendermint_pb2.Misbehaviour, value.value, max_bytes=MAX_MISBEHAVIOUR_BYTES)
    if not pb.HasField("header_1") or not pb.HasField("header_2"):
        raise MalformedMessage("misbehaviour without two headers")
    return Misbehaviour(
        pb.client_id, _header_from_proto(pb.header_1), _header_from_proto(pb.header_2)
    )


def encode_any(value: AnyValue) -> bytes:
    """Return the ``Any`` as it is stored and proven."""
    return encode(Any(type_url=value.type_url, value=value.value))


def decode_any(data: bytes) -> AnyValue:
    """Return the ``Any`` that :func:`encode_any` wrote, or raise ``MalformedMessage``."""
    pb = decode_strict(Any, data, max_bytes=MAX_CLIENT_STATE_BYTES)
    return AnyValue(pb.type_url, pb.value)


def _is_of_type(value: AnyValue, expected: str) -> None:
    if value.type_url != expected:
        raise InvalidClientType(f"expected {expected}, got {value.type_url[:100]!r}")


def _height_to_proto(height: Height) -> client_pb2.Height:
    return client_pb2.Height(
        revision_number=height.revision_number, revision_height=height.revision_height
    )


def _height_from_proto(pb: client_pb2.Height) -> Height:
    return Height(pb.revision_number, pb.revision_height)


def _spec_to_proto(spec: ProofSpec) -> proofs_pb2.ProofSpec:
    return proofs_pb2.ProofSpec.FromString(encode_spec(spec))


def _spec_from_proto(pb: proofs_pb2.ProofSpec) -> ProofSpec:
    return decode_spec(encode(pb))


def _client_state_to_proto(state: ClientState) -> tendermint_pb2.ClientState:
    return tendermint_pb2.ClientState(
        chain_id=state.chain_id,
        trust_level=tendermint_pb2.Fraction(
            numerator=state.trust_level.numerator, denominator=state.trust_level.denominator
        ),
        trusting_period=duration_to_proto(state.trusting_period),
        unbonding_period=duration_to_proto(state.unbonding_period),
        max_clock_drift=duration_to_proto(state.max_clock_drift),
        frozen_height=_height_to_proto(state.frozen_height),
        latest_height=_height_to_proto(state.latest_height),
        proof_specs=[_spec_to_proto(spec) for spec in state.proof_specs],
        upgrade_path=state.upgrade_path,
        allow_update_after_expiry=state.allow_update_after_expiry,
        allow_update_after_misbehaviour=state.allow_update_after_misbehaviour,
    )


def _header_to_proto(header: ClientHeader) -> tendermint_pb2.Header:
    return tendermint_pb2.Header(
        signed_header=signed_header_to_proto(header.signed_header),
        validator_set=validator_set_to_proto(header.validator_set),
        trusted_height=_height_to_proto(header.trusted_height),
        trusted_validators=validator_set_to_proto(header.trusted_validators),
    )


def _header_from_proto(pb: tendermint_pb2.Header) -> ClientHeader:
    for field in ("signed_header", "validator_set", "trusted_validators"):
        if not pb.HasField(field):
            raise MalformedMessage(f"header without {field}")
    return ClientHeader(
        signed_header=signed_header_from_proto(pb.signed_header),
        validator_set=validator_set_from_proto(pb.validator_set),
        trusted_height=_height_from_proto(pb.trusted_height),
        trusted_validators=validator_set_from_proto(pb.trusted_validators),
    )
