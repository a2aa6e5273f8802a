"""Protobuf of channel ends and packets: what lies in the store, is proven and is queried."""

from chainkit.primitives.heights import Height
from chainkit.primitives.limits import MAX_STORE_VALUE_BYTES, UINT64_MAX
from chainkit.primitives.types import ChannelId, ConnectionId, PortId, Sequence, TimestampNs
from chainkit.wire.codec import decode_known, encode
from chainkit.wire.proto.ibc.core.channel.v1 import channel_pb2
from chainkit.wire.proto.ibc.core.client.v1 import client_pb2
from ibc.ics04_channel.errors import InvalidPacket
from ibc.ics04_channel.types import (
    ChannelCounterparty,
    ChannelEnd,
    ChannelState,
    IdentifiedChannel,
    Order,
    Packet,
)
from ibc.ics24_host.identifiers import parse_channel_id, parse_port_id
from ibc.limits import MAX_PACKET_DATA_BYTES


def _counterparty_to_proto(counterparty: ChannelCounterparty) -> channel_pb2.Counterparty:
    return channel_pb2.Counterparty(
        port_id=counterparty.port_id, channel_id=counterparty.channel_id
    )


def channel_to_proto(end: ChannelEnd) -> channel_pb2.Channel:
    """Return the protobuf of a channel end."""
    return channel_pb2.Channel(
        state=channel_pb2.State.ValueType(end.state.value),
        ordering=channel_pb2.Order.ValueType(end.ordering.value),
        counterparty=_counterparty_to_proto(end.counterparty),
        connection_hops=end.connection_hops,
        version=end.version,
    )


def channel_from_proto(end: channel_pb2.Channel) -> ChannelEnd:
    """Return the channel end of a protobuf, unchecked but for its enums.

    Raises:
        InvalidPacket: A state or ordering that does not exist.
    """
    try:
        state, ordering = ChannelState(end.state), Order(end.ordering)
    except ValueError as error:
        raise InvalidPacket("no such channel state or ordering") from error
    return ChannelEnd(
        state,
        ordering,
        ChannelCounterparty(
            PortId(end.counterparty.port_id), ChannelId(end.counterparty.channel_id)
        ),
        tuple(ConnectionId(hop) for hop in end.connection_hops),
        end.version,
    )


def encode_channel(end: ChannelEnd) -> bytes:
    """Return the bytes of a channel end."""
    return encode(channel_to_proto(end))


def decode_channel(data: bytes) -> ChannelEnd:
    """Return the channel end of bytes from the store."""
    return channel_from_proto(
        decode_known(channel_pb2.Channel, data, max_bytes=MAX_STORE_VALUE_BYTES)
    )


def identified_channel_to_proto(channel: IdentifiedChannel) -> channel_pb2.IdentifiedChannel:
    """Return the protobuf of a channel end with this chain's names for it."""
    return channel_pb2.IdentifiedChannel(
        state=channel_pb2.State.ValueType(channel.end.state.value),
        ordering=channel_pb2.Order.ValueType(channel.end.ordering.value),
        counterparty=_counterparty_to_proto(channel.end.counterparty),
        connection_hops=channel.end.connection_hops,
        version=channel.end.version,
        port_id=channel.port_id,
        channel_id=channel.channel_id,
    )


def packet_to_proto(packet: Packet) -> channel_pb2.Packet:
    """Return the protobuf of a packet."""
    return channel_pb2.Packet(
        sequence=packet.sequence,
        source_port=packet.source_port,
        source_channel=packet.source_channel,
        destination_port=packet.destination_port,
        destination_channel=packet.destination_channel,
        data=packet.data,
        timeout_height=client_pb2.Height(
            revision_number=packet.timeout_height.revision_number,
            revision_height=packet.timeout_height.revision_height,
        ),
        timeout_timestamp=packet.timeout_timestamp,
    )


def packet_from_proto(packet: channel_pb2.Packet) -> Packet:
    """Return the packet of a protobuf, checked.

    Raises:
        InvalidPacket: A sequence of 0, no timeout, no data or too much.
        InvalidIdentifier: A port or channel is none.
    """
    decoded = Packet(
        Sequence(packet.sequence),
        PortId(packet.source_port),
        ChannelId(packet.source_channel),
        PortId(packet.destination_port),
        ChannelId(packet.destination_channel),
        packet.data,
        Height(packet.timeout_height.revision_number, packet.timeout_height.revision_height),
        TimestampNs(packet.timeout_timestamp),
    )
    validate_packet(decoded)
    return decoded


def validate_packet(packet: Packet) -> None:
    """Refuse a packet that no chain may send (ibc-go ``Packet.ValidateBasic``)."""
    parse_port_id(packet.source_port)
    parse_port_id(packet.destination_port)
    parse_channel_id(packet.source_channel)
    parse_channel_id(packet.destination_channel)
    if not 0 < packet.sequence <= UINT64_MAX:
        raise InvalidPacket("packet sequence cannot be 0")
    if packet.timeout_height.is_zero() and packet.timeout_timestamp == 0:
        raise InvalidPacket("packet timeout height and timestamp cannot both be 0")
    if not 0 < len(packet.data) <= MAX_PACKET_DATA_BYTES:
        raise InvalidPacket(f"packet data of {len(packet.data)} bytes")


def encode_packet(packet: Packet) -> bytes:
    """Return the bytes of a packet."""
    return encode(packet_to_proto(packet))


def decode_packet(data: bytes) -> Packet:
    """Return the packet of bytes from the store."""
    return packet_from_proto(
        decode_known(channel_pb2.Packet, data, max_bytes=MAX_STORE_VALUE_BYTES)
    )
