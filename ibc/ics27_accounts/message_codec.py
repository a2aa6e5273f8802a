"""Protobuf of interchain accounts' messages."""

from chainkit.primitives.limits import MAX_TX_BYTES
from chainkit.wire.codec import decode_known
from chainkit.wire.proto.ibc.applications.interchain_accounts.controller.v1 import tx_pb2
from chainkit.wire.proto.ibc.applications.interchain_accounts.host.v1 import tx_pb2 as host_tx
from chainkit.wire.proto.ibc.applications.interchain_accounts.v1 import packet_pb2
from ibc.addresses import parse_address
from ibc.errors import InvalidRequest
from ibc.ics04_channel.errors import InvalidChannelOrdering
from ibc.ics04_channel.types import Order
from ibc.ics24_host.identifiers import parse_connection_id
from ibc.ics27_accounts.codec import AccountPacket, validate_account_packet
from ibc.ics27_accounts.errors import InvalidAccountsVersion, UnknownDataType
from ibc.ics27_accounts.limits import MAX_ALLOWED_MESSAGES, MAX_VERSION_BYTES
from ibc.ics27_accounts.messages import RegisterAccount, SendTx, UpdateController, UpdateHost
from ibc.ics27_accounts.state import HostParams


def decode_register_account(data: bytes, prefix: str) -> RegisterAccount:
    """Return ``MsgRegisterInterchainAccount``."""
    message = decode_known(tx_pb2.MsgRegisterInterchainAccount, data, max_bytes=MAX_TX_BYTES)
    if len(message.version.encode()) > MAX_VERSION_BYTES:
        raise InvalidAccountsVersion(f"version of {len(message.version)} characters")
    try:
        ordering = Order(message.ordering)
    except ValueError as error:
        raise InvalidChannelOrdering(f"{message.ordering}") from error
    return RegisterAccount(
        parse_connection_id(message.connection_id),
        message.version,
        ordering,
        parse_address(message.owner, prefix),
    )


def decode_send_tx(data: bytes, prefix: str) -> SendTx:
    """Return ``MsgSendTx``."""
    message = decode_known(tx_pb2.MsgSendTx, data, max_bytes=MAX_TX_BYTES)
    if message.packet_data.type != packet_pb2.TYPE_EXECUTE_TX:
        raise UnknownDataType(f"type {message.packet_data.type}")
    if message.relative_timeout == 0:
        raise InvalidRequest("relative timeout cannot be zero")
    packet = AccountPacket(message.packet_data.data, message.packet_data.memo)
    validate_account_packet(packet)
    return SendTx(
        parse_connection_id(message.connection_id),
        packet,
        message.relative_timeout,
        parse_address(message.owner, prefix),
    )


def decode_update_controller(data: bytes, prefix: str) -> UpdateController:
    """Return the controller's ``MsgUpdateParams``."""
    message = decode_known(tx_pb2.MsgUpdateParams, data, max_bytes=MAX_TX_BYTES)
    return UpdateController(
        message.params.controller_enabled, parse_address(message.signer, prefix)
    )


def decode_update_host(data: bytes, prefix: str) -> UpdateHost:
    """Return the host's ``MsgUpdateParams``."""
    message = decode_known(host_tx.MsgUpdateParams, data, max_bytes=MAX_TX_BYTES)
    names = tuple(message.params.allow_messages)
    if len(names) > MAX_ALLOWED_MESSAGES or any(not n.strip() or "\n" in n for n in names):
        raise InvalidRequest("allow_messages is too long or has a blank name")
    params = HostParams(message.params.host_enabled, names)
    return UpdateHost(params, parse_address(message.signer, prefix))
