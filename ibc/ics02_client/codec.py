"""Protobuf of heights, ``Any`` and the client messages."""

from google.protobuf.any_pb2 import Any

from chainkit.primitives.heights import Height
from chainkit.primitives.limits import MAX_TX_BYTES
from chainkit.wire.codec import decode_known, encode
from chainkit.wire.proto.ibc.core.client.v1 import client_pb2, tx_pb2
from ibc.addresses import parse_address
from ibc.errors import UnknownRequest
from ibc.ics02_client.errors import InvalidSubstitute, InvalidUpgradeClient
from ibc.ics02_client.messages import (
    CreateClient,
    DeleteClientCreator,
    RecoverClient,
    UpdateClient,
    UpdateClientParams,
    UpgradeClient,
)
from ibc.ics02_client.port import AnyValue
from ibc.ics24_host.identifiers import parse_client_id, parse_client_sequence
from ibc.limits import MAX_CLIENT_BYTES


def height_to_proto(height: Height) -> client_pb2.Height:
    """Return the protobuf of a height."""
    return client_pb2.Height(
        revision_number=height.revision_number, revision_height=height.revision_height
    )


def height_from_proto(height: client_pb2.Height) -> Height:
    """Return the height of a protobuf."""
    return Height(height.revision_number, height.revision_height)


def any_to_proto(value: AnyValue) -> Any:
    """Return the protobuf of an ``Any``."""
    return Any(type_url=value.type_url, value=value.value)


def any_from_proto(value: Any) -> AnyValue:
    """Return an ``Any`` of a protobuf, refusing one without a type."""
    if not value.type_url:
        raise UnknownRequest("an Any without a type URL")
    return AnyValue(value.type_url, value.value)


def encode_any(value: AnyValue) -> bytes:
    """Return the bytes of an ``Any``: what lies in the store."""
    return encode(any_to_proto(value))


def decode_any(data: bytes) -> AnyValue:
    """Return the ``Any`` of bytes.

    Raises:
        MalformedMessage: Not an ``Any``.
        UnknownRequest: It has no type URL.
    """
    return any_from_proto(decode_known(Any, data, max_bytes=MAX_CLIENT_BYTES))


def decode_create_client(data: bytes, prefix: str) -> CreateClient:
    """Return ``MsgCreateClient``."""
    message = decode_known(tx_pb2.MsgCreateClient, data, max_bytes=MAX_TX_BYTES)
    return CreateClient(
        any_from_proto(message.client_state),
        any_from_proto(message.consensus_state),
        parse_address(message.signer, prefix),
    )


def decode_update_client(data: bytes, prefix: str) -> UpdateClient:
    """Return ``MsgUpdateClient``."""
    message = decode_known(tx_pb2.MsgUpdateClient, data, max_bytes=MAX_TX_BYTES)
    return UpdateClient(
        parse_client_id(message.client_id),
        any_from_proto(message.client_message),
        parse_address(message.signer, prefix),
    )


def decode_submit_misbehaviour(data: bytes, prefix: str) -> UpdateClient:
    """Return ``MsgSubmitMisbehaviour``, which ibc-go v10 handles as an update."""
    message = decode_known(tx_pb2.MsgSubmitMisbehaviour, data, max_bytes=MAX_TX_BYTES)
    return UpdateClient(
        parse_client_id(message.client_id),
        any_from_proto(message.misbehaviour),
        parse_address(message.signer, prefix),
    )


def decode_upgrade_client(data: bytes, prefix: str) -> UpgradeClient:
    """Return ``MsgUpgradeClient``."""
    message = decode_known(tx_pb2.MsgUpgradeClient, data, max_bytes=MAX_TX_BYTES)
    if not message.proof_upgrade_client or not message.proof_upgrade_consensus_state:
        raise InvalidUpgradeClient("a proof is empty")
    return UpgradeClient(
        parse_client_id(message.client_id),
        any_from_proto(message.client_state),
        any_from_proto(message.consensus_state),
        message.proof_upgrade_client,
        message.proof_upgrade_consensus_state,
        parse_address(message.signer, prefix),
    )


def decode_recover_client(data: bytes, prefix: str) -> RecoverClient:
    """Return ``MsgRecoverClient``."""
    message = decode_known(tx_pb2.MsgRecoverClient, data, max_bytes=MAX_TX_BYTES)
    if message.subject_client_id == message.substitute_client_id:
        raise InvalidSubstitute("subject and substitute are one client")
    return RecoverClient(
        parse_client_id(message.subject_client_id),
        parse_client_id(message.substitute_client_id),
        parse_address(message.signer, prefix),
    )


def decode_update_params(data: bytes, prefix: str) -> UpdateClientParams:
    """Return the clients' ``MsgUpdateParams``."""
    message = decode_known(tx_pb2.MsgUpdateParams, data, max_bytes=MAX_TX_BYTES)
    names = tuple(message.params.allowed_clients)
    if any(not name.strip() or "\n" in name for name in names):
        raise UnknownRequest("an allowed client type is blank")
    return UpdateClientParams(names, parse_address(message.signer, prefix))


def decode_delete_client_creator(data: bytes, prefix: str) -> DeleteClientCreator:
    """Return ``MsgDeleteClientCreator``."""
    message = decode_known(tx_pb2.MsgDeleteClientCreator, data, max_bytes=MAX_TX_BYTES)
    parse_client_sequence(message.client_id)
    return DeleteClientCreator(
        parse_client_id(message.client_id), parse_address(message.signer, prefix)
    )
