"""The events of channels and packets: ibc-go v10's with what v8 had and relayers still read."""

from chainkit.primitives.types import ChannelId, PortId
from chainkit.runtime.context import Context
from chainkit.runtime.events import Event
from ibc.events import emit
from ibc.ics04_channel.types import ChannelEnd, Order, Packet

EVENT_MODULE = "ibc_channel"
ORDER_NAMES = {
    Order.NONE: "ORDER_NONE_UNSPECIFIED",
    Order.UNORDERED: "ORDER_UNORDERED",
    Order.ORDERED: "ORDER_ORDERED",
}


def emit_channel(
    ctx: Context, kind: str, port_id: PortId, channel_id: ChannelId, end: ChannelEnd
) -> None:
    """Emit an event of a channel's handshake or close."""
    attributes = (
        ("port_id", str(port_id)),
        ("channel_id", str(channel_id)),
        ("counterparty_port_id", str(end.counterparty.port_id)),
        ("counterparty_channel_id", str(end.counterparty.channel_id)),
        ("connection_id", str(end.connection_hops[0])),
        ("version", end.version),
    )
    emit(ctx, EVENT_MODULE, Event(kind, attributes))


def emit_channel_closed(ctx: Context, packet: Packet, end: ChannelEnd) -> None:
    """Emit that a timeout has closed an ordered channel."""
    attributes = (
        ("port_id", str(packet.source_port)),
        ("channel_id", str(packet.source_channel)),
        ("counterparty_port_id", str(end.counterparty.port_id)),
        ("counterparty_channel_id", str(end.counterparty.channel_id)),
        ("connection_id", str(end.connection_hops[0])),
        ("packet_channel_ordering", ORDER_NAMES[end.ordering]),
    )
    emit(ctx, EVENT_MODULE, Event("channel_close", attributes))


def emit_packet(
    ctx: Context,
    kind: str,
    packet: Packet,
    end: ChannelEnd,
    more: tuple[tuple[str, str], ...] = (),
) -> None:
    """Emit an event of a packet without its data."""
    attributes = (
        *more,
        ("packet_timeout_height", str(packet.timeout_height)),
        ("packet_timeout_timestamp", str(packet.timeout_timestamp)),
        ("packet_sequence", str(packet.sequence)),
        ("packet_src_port", str(packet.source_port)),
        ("packet_src_channel", str(packet.source_channel)),
        ("packet_dst_port", str(packet.destination_port)),
        ("packet_dst_channel", str(packet.destination_channel)),
        ("packet_channel_ordering", ORDER_NAMES[end.ordering]),
        ("packet_connection", str(end.connection_hops[0])),
        ("connection_id", str(end.connection_hops[0])),
    )
    emit(ctx, EVENT_MODULE, Event(kind, attributes))


def packet_data(packet: Packet) -> tuple[tuple[str, str], ...]:
    """Return the attributes of a packet's data: text as v8 has it, and hex."""
    return (
        ("packet_data", packet.data.decode(errors="replace")),
        ("packet_data_hex", packet.data.hex()),
    )


def acknowledgement_data(acknowledgement: bytes) -> tuple[tuple[str, str], ...]:
    """Return the attributes of an acknowledgement: text as v8 has it, and hex."""
    return (
        ("packet_ack", acknowledgement.decode(errors="replace")),
        ("packet_ack_hex", acknowledgement.hex()),
    )
