"""Protobuf of datagrams."""

from dataclasses import dataclass

from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.heights import Height
from chainkit.primitives.limits import MAX_RECEIVER_BYTES, MAX_TX_BYTES
from chainkit.primitives.types import Address, ChannelId, TimestampNs
from chainkit.wire.codec import decode_strict, encode
from chainkit.wire.proto.isthmus.datagram.v1 import datagram_pb2
from ibc.addresses import parse_address
from ibc.datagram.errors import InvalidDatagram
from ibc.ics02_client.codec import height_from_proto
from ibc.ics24_host.identifiers import parse_channel_id
from ibc.limits import MAX_PACKET_DATA_BYTES

MAX_DATA_BYTES = 4_096
"""Our own bound: a receiving chain keeps the data."""


@dataclass(frozen=True, slots=True)
class SendDatagram:
    """Send a message over a channel (``MsgSendDatagram``)."""

    sender: Address
    source_channel: ChannelId
    data: bytes
    timeout_height: Height
    timeout_timestamp: TimestampNs


@dataclass(frozen=True, slots=True)
class Datagram:
    """Who wrote on the sending chain, and what."""

    sender: str
    data: bytes


def decode_send(data: bytes, prefix: str) -> SendDatagram:
    """Return ``MsgSendDatagram``."""
    message = decode_strict(datagram_pb2.MsgSendDatagram, data, max_bytes=MAX_TX_BYTES)
    _check_size(message.data)
    return SendDatagram(
        parse_address(message.sender, prefix),
        parse_channel_id(message.source_channel),
        message.data,
        height_from_proto(message.timeout_height),
        TimestampNs(message.timeout_timestamp),
    )


def encode_datagram(datagram: Datagram) -> bytes:
    """Return what a packet carries."""
    return encode(datagram_pb2.Datagram(sender=datagram.sender, data=datagram.data))


def decode_datagram(data: bytes) -> Datagram:
    """Return what a packet carries.

    Raises:
        InvalidDatagram: Not a datagram, no sender, no data or too much.
    """
    try:
        message = decode_strict(datagram_pb2.Datagram, data, max_bytes=MAX_PACKET_DATA_BYTES)
    except MalformedMessage as error:
        raise InvalidDatagram(str(error)) from error
    _check_size(message.data)
    if not 0 < len(message.sender.encode()) <= MAX_RECEIVER_BYTES:
        raise InvalidDatagram("the sender is blank or too long")
    return Datagram(message.sender, message.data)


def _check_size(data: bytes) -> None:
    if not 0 < len(data) <= MAX_DATA_BYTES:
        raise InvalidDatagram(f"data of {len(data)} bytes")
