"""Protobuf of connection ends and of the connection messages."""

from collections.abc import Iterable

from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.limits import MAX_STORE_VALUE_BYTES, MAX_TX_BYTES
from chainkit.primitives.types import ClientId, ConnectionId
from chainkit.wire.codec import decode_known, encode
from chainkit.wire.proto.ibc.core.commitment.v1 import commitment_pb2
from chainkit.wire.proto.ibc.core.connection.v1 import connection_pb2, tx_pb2
from ibc.addresses import parse_address
from ibc.errors import InvalidProof, InvalidRequest, InvalidVersion
from ibc.ics02_client.codec import height_from_proto
from ibc.ics03_connection.errors import InvalidCounterparty
from ibc.ics03_connection.messages import (
    ConnectionOpenAck,
    ConnectionOpenConfirm,
    ConnectionOpenInit,
    ConnectionOpenTry,
    UpdateConnectionParams,
)
from ibc.ics03_connection.types import (
    ConnectionCounterparty,
    ConnectionEnd,
    ConnectionState,
)
from ibc.ics03_connection.versions import Version, validate_version
from ibc.ics24_host.identifiers import (
    parse_client_id,
    parse_connection_id,
    parse_connection_sequence,
)
from ibc.limits import MAX_COUNTERPARTY_VERSIONS


def _version_to_proto(version: Version) -> connection_pb2.Version:
    return connection_pb2.Version(identifier=version.identifier, features=version.features)


def _version_from_proto(version: connection_pb2.Version) -> Version:
    return Version(version.identifier, tuple(version.features))


def _counterparty_to_proto(counterparty: ConnectionCounterparty) -> connection_pb2.Counterparty:
    return connection_pb2.Counterparty(
        client_id=counterparty.client_id,
        connection_id=counterparty.connection_id,
        prefix=commitment_pb2.MerklePrefix(key_prefix=counterparty.prefix),
    )


def _counterparty_from_proto(counterparty: connection_pb2.Counterparty) -> ConnectionCounterparty:
    return ConnectionCounterparty(
        ClientId(counterparty.client_id),
        ConnectionId(counterparty.connection_id),
        counterparty.prefix.key_prefix,
    )


def connection_to_proto(end: ConnectionEnd) -> connection_pb2.ConnectionEnd:
    """Return the protobuf of a connection end."""
    return connection_pb2.ConnectionEnd(
        client_id=end.client_id,
        versions=[_version_to_proto(version) for version in end.versions],
        state=connection_pb2.State.ValueType(end.state.value),
        counterparty=_counterparty_to_proto(end.counterparty),
        delay_period=end.delay_period_ns,
    )


def identified_connection_to_proto(
    connection_id: ConnectionId, end: ConnectionEnd
) -> connection_pb2.IdentifiedConnection:
    """Return the protobuf of a connection end with this chain's name for it."""
    return connection_pb2.IdentifiedConnection(
        id=connection_id,
        client_id=end.client_id,
        versions=[_version_to_proto(version) for version in end.versions],
        state=connection_pb2.State.ValueType(end.state.value),
        counterparty=_counterparty_to_proto(end.counterparty),
        delay_period=end.delay_period_ns,
    )


def encode_connection(end: ConnectionEnd) -> bytes:
    """Return the bytes of a connection end: what lies in the store and is proven."""
    return encode(connection_to_proto(end))


def decode_connection(data: bytes) -> ConnectionEnd:
    """Return the connection end of bytes.

    Raises:
        MalformedMessage: They are none, or of a state that does not exist.
    """
    end = decode_known(connection_pb2.ConnectionEnd, data, max_bytes=MAX_STORE_VALUE_BYTES)
    try:
        state = ConnectionState(end.state)
    except ValueError as error:
        raise MalformedMessage(f"no connection state {end.state}") from error
    return ConnectionEnd(
        ClientId(end.client_id),
        tuple(_version_from_proto(version) for version in end.versions),
        state,
        _counterparty_from_proto(end.counterparty),
        end.delay_period,
    )


def encode_client_connections(connection_ids: Iterable[ConnectionId]) -> bytes:
    """Return the bytes of the list of a client's connections."""
    return encode(connection_pb2.ClientPaths(paths=connection_ids))


def decode_client_connections(data: bytes) -> tuple[ConnectionId, ...]:
    """Return the list of a client's connections."""
    decoded = decode_known(connection_pb2.ClientPaths, data, max_bytes=MAX_STORE_VALUE_BYTES)
    return tuple(ConnectionId(path) for path in decoded.paths)


def _checked_counterparty(counterparty: connection_pb2.Counterparty) -> ConnectionCounterparty:
    if counterparty.connection_id:
        parse_connection_id(counterparty.connection_id)
    parse_client_id(counterparty.client_id)
    if not counterparty.prefix.key_prefix:
        raise InvalidCounterparty("counterparty prefix cannot be empty")
    return _counterparty_from_proto(counterparty)


def _checked_version(version: connection_pb2.Version) -> Version:
    decoded = _version_from_proto(version)
    validate_version(decoded)
    return decoded


def _checked_proof(proof: bytes) -> bytes:
    if not proof:
        raise InvalidProof("a proof is empty")
    return proof


def decode_open_init(data: bytes, prefix: str) -> ConnectionOpenInit:
    """Return ``MsgConnectionOpenInit``."""
    message = decode_known(tx_pb2.MsgConnectionOpenInit, data, max_bytes=MAX_TX_BYTES)
    if message.counterparty.connection_id:
        raise InvalidCounterparty("counterparty connection identifier must be empty")
    version = _checked_version(message.version) if message.HasField("version") else None
    return ConnectionOpenInit(
        parse_client_id(message.client_id),
        _checked_counterparty(message.counterparty),
        version,
        message.delay_period,
        parse_address(message.signer, prefix),
    )


def decode_open_try(data: bytes, prefix: str) -> ConnectionOpenTry:
    """Return ``MsgConnectionOpenTry``; proofs of our own client are accepted and not read."""
    message = decode_known(tx_pb2.MsgConnectionOpenTry, data, max_bytes=MAX_TX_BYTES)
    if not 0 < len(message.counterparty_versions) <= MAX_COUNTERPARTY_VERSIONS:
        raise InvalidVersion(f"{len(message.counterparty_versions)} counterparty versions")
    parse_connection_id(message.counterparty.connection_id)
    return ConnectionOpenTry(
        parse_client_id(message.client_id),
        _checked_counterparty(message.counterparty),
        message.delay_period,
        tuple(_checked_version(version) for version in message.counterparty_versions),
        _checked_proof(message.proof_init),
        height_from_proto(message.proof_height),
        parse_address(message.signer, prefix),
    )


def decode_open_ack(data: bytes, prefix: str) -> ConnectionOpenAck:
    """Return ``MsgConnectionOpenAck``; proofs of our own client are accepted and not read."""
    message = decode_known(tx_pb2.MsgConnectionOpenAck, data, max_bytes=MAX_TX_BYTES)
    parse_connection_sequence(message.connection_id)
    return ConnectionOpenAck(
        parse_connection_id(message.connection_id),
        parse_connection_id(message.counterparty_connection_id),
        _checked_version(message.version),
        _checked_proof(message.proof_try),
        height_from_proto(message.proof_height),
        parse_address(message.signer, prefix),
    )


def decode_open_confirm(data: bytes, prefix: str) -> ConnectionOpenConfirm:
    """Return ``MsgConnectionOpenConfirm``."""
    message = decode_known(tx_pb2.MsgConnectionOpenConfirm, data, max_bytes=MAX_TX_BYTES)
    parse_connection_sequence(message.connection_id)
    return ConnectionOpenConfirm(
        parse_connection_id(message.connection_id),
        _checked_proof(message.proof_ack),
        height_from_proto(message.proof_height),
        parse_address(message.signer, prefix),
    )


def decode_update_params(data: bytes, prefix: str) -> UpdateConnectionParams:
    """Return the connections' ``MsgUpdateParams``."""
    message = decode_known(tx_pb2.MsgUpdateParams, data, max_bytes=MAX_TX_BYTES)
    if message.params.max_expected_time_per_block == 0:
        raise InvalidRequest("max_expected_time_per_block cannot be 0")
    return UpdateConnectionParams(
        message.params.max_expected_time_per_block, parse_address(message.signer, prefix)
    )
