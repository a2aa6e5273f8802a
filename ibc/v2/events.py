"""The events of IBC v2's packets, with ibc-go's names."""

from chainkit.runtime.context import Context
from chainkit.runtime.events import Event
from ibc.events import emit
from ibc.v2.codec import encode_acknowledgement_v2, encode_packet_v2
from ibc.v2.types import AcknowledgementV2, PacketV2

EVENT_MODULE = "ibc_channelv2"
ENCODED_PACKET = "encoded_packet_hex"
ENCODED_ACKNOWLEDGEMENT = "encoded_acknowledgement_hex"


def emit_packet_v2(
    ctx: Context,
    kind: str,
    packet: PacketV2,
    acknowledgement: AcknowledgementV2 | None = None,
    more: tuple[tuple[str, str], ...] = (),
) -> None:
    """Emit an event of a packet, with its answer where there is one."""
    attributes: tuple[tuple[str, str], ...] = (
        ("packet_source_client", str(packet.source_client)),
        ("packet_dest_client", str(packet.destination_client)),
        ("packet_sequence", str(packet.sequence)),
        ("packet_timeout_timestamp", str(packet.timeout_timestamp)),
        (ENCODED_PACKET, encode_packet_v2(packet).hex()),
    )
    if acknowledgement is not None:
        encoded = encode_acknowledgement_v2(acknowledgement).hex()
        attributes = (*attributes, (ENCODED_ACKNOWLEDGEMENT, encoded))
    emit(ctx, EVENT_MODULE, Event(kind, (*attributes, *more)))
