"""A channel's version, packets and transactions of ICS-27.

The version and the packets are protobuf's JSON as ibc-go writes it: fields in their order,
empty ones too, names as in the schema. Both ends compare versions, so ours has one form.
"""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace

from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.limits import MAX_MEMO_BYTES
from chainkit.primitives.types import ConnectionId
from chainkit.wire.codec import decode_known
from chainkit.wire.proto.ibc.applications.interchain_accounts.v1 import packet_pb2
from ibc.errors import InvalidType
from ibc.ics02_client.port import AnyValue
from ibc.ics27_accounts.errors import (
    InvalidAccountAddress,
    InvalidAccountsVersion,
    InvalidCodec,
    InvalidOutgoingData,
    UnknownDataType,
)
from ibc.ics27_accounts.limits import MAX_ADDRESS_BYTES, MAX_MESSAGES, MAX_VERSION_BYTES
from ibc.json_codec import decode_json, encode_go_string
from ibc.limits import MAX_PACKET_DATA_BYTES

VERSION = "ics27-1"
PROTOBUF = "proto3"
MULTI_MSG = "sdk_multi_msg"
EXECUTE_TX = "TYPE_EXECUTE_TX"
_FIELDS = (
    "version",
    "controller_connection_id",
    "host_connection_id",
    "address",
    "encoding",
    "tx_type",
)


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the two ends agree on; it is the channel's version."""

    version: str
    controller_connection_id: str
    host_connection_id: str
    address: str
    encoding: str
    tx_type: str

    def is_as_before(self, before: "Metadata") -> bool:
        """Return whether nothing but the address changed."""
        return replace(self, address="") == replace(before, address="")


def default_metadata(controller: ConnectionId, host: ConnectionId) -> Metadata:
    """Return what is proposed where the owner proposes nothing."""
    return Metadata(VERSION, controller, host, "", PROTOBUF, MULTI_MSG)


def encode_metadata(metadata: Metadata) -> str:
    """Return the channel's version."""
    pairs = (f'"{name}":{encode_go_string(getattr(metadata, name))}' for name in _FIELDS)
    return "{" + ",".join(pairs) + "}"


def decode_metadata(version: str) -> Metadata:
    """Return what a channel's version says, unchecked.

    Raises:
        InvalidType: Not JSON of these fields.
    """
    found = _object(version.encode(errors="replace"), MAX_VERSION_BYTES, frozenset(_FIELDS))
    values = {name: found.get(name, "") for name in _FIELDS}
    if not all(isinstance(value, str) for value in values.values()):
        raise InvalidType("a field of ICS-27 metadata is no string")
    return Metadata(**{name: str(value) for name, value in values.items()})


def check_metadata(metadata: Metadata, controller: ConnectionId, host: ConnectionId) -> None:
    """Refuse what this chain does not speak, and connections that are not the channel's.

    Raises:
        InvalidCodec: Another encoding than protobuf.
        UnknownDataType: Another kind of transaction.
        InvalidAccountsVersion: Another version, or other connections.
        InvalidAccountAddress: The address is malformed.
    """
    if metadata.encoding != PROTOBUF:
        raise InvalidCodec(f"unsupported encoding format {metadata.encoding[:64]!r}")
    if metadata.tx_type != MULTI_MSG:
        raise UnknownDataType(f"unsupported transaction type {metadata.tx_type[:64]!r}")
    if (metadata.controller_connection_id, metadata.host_connection_id) != (controller, host):
        raise InvalidAccountsVersion(f"expected connections {controller} and {host}")
    if metadata.version != VERSION:
        raise InvalidAccountsVersion(f"expected {VERSION}, got {metadata.version[:64]!r}")
    if metadata.address and not is_address(metadata.address):
        raise InvalidAccountAddress(f"{metadata.address[:64]!r}")


def is_address(text: str) -> bool:
    """Return whether a text may be an account on any chain: letters and digits."""
    return len(text) <= MAX_ADDRESS_BYTES and text.isascii() and text.isalnum()


@dataclass(frozen=True, slots=True)
class AccountPacket:
    """A transaction for the host to execute (``InterchainAccountPacketData``)."""

    data: bytes
    """``CosmosTx`` in the channel's encoding."""
    memo: str = ""


def validate_account_packet(packet: AccountPacket) -> None:
    """Refuse to send an empty transaction or too long a memo."""
    if not packet.data:
        raise InvalidOutgoingData("packet data cannot be empty")
    if len(packet.memo.encode()) > MAX_MEMO_BYTES:
        raise InvalidOutgoingData(f"memo is over {MAX_MEMO_BYTES} bytes")


def encode_account_packet(packet: AccountPacket) -> bytes:
    """Return a packet's bytes."""
    data, memo = b64encode(packet.data).decode(), encode_go_string(packet.memo)
    return f'{{"type":"{EXECUTE_TX}","data":"{data}","memo":{memo}}}'.encode()


def decode_account_packet(data: bytes) -> AccountPacket:
    """Return what a packet's bytes say.

    Raises:
        InvalidType: Not JSON of these fields.
        UnknownDataType: Its type is not to execute a transaction.
    """
    found = _object(data, MAX_PACKET_DATA_BYTES, frozenset({"type", "data", "memo"}))
    memo, encoded = found.get("memo", ""), found.get("data", "")
    if not isinstance(memo, str) or not isinstance(encoded, str):
        raise InvalidType("a field of ICS-27 packet data is no string")
    kind = found.get("type")
    if kind != EXECUTE_TX and (isinstance(kind, bool) or kind != packet_pb2.TYPE_EXECUTE_TX):
        raise UnknownDataType(f"{str(kind)[:64]!r}")
    try:
        return AccountPacket(b64decode(encoded, validate=True), memo)
    except (binascii.Error, ValueError) as error:
        raise InvalidType("data of ICS-27 packet data is not base64") from error


def decode_cosmos_tx(data: bytes) -> tuple[AnyValue, ...]:
    """Return the messages of a transaction in protobuf.

    Raises:
        InvalidType: Not the bytes of one, or too many messages.
    """
    try:
        tx = decode_known(packet_pb2.CosmosTx, data, max_bytes=MAX_PACKET_DATA_BYTES)
    except MalformedMessage as error:
        raise InvalidType(f"cannot unmarshal CosmosTx with protobuf: {error}") from error
    if len(tx.messages) > MAX_MESSAGES:
        raise InvalidType(f"{len(tx.messages)} messages")
    return tuple(AnyValue(message.type_url, message.value) for message in tx.messages)


def _object(data: bytes, max_bytes: int, known: frozenset[str]) -> Mapping[str, object]:
    try:
        value = decode_json(data, max_bytes=max_bytes)
    except MalformedMessage as error:
        raise InvalidType(f"cannot unmarshal ICS-27 JSON: {error}") from error
    if not isinstance(value, dict) or not set(value) <= known:
        raise InvalidType("ICS-27 JSON has other fields than it should")
    return value
