"""Packets that were received and wait for the answer of the next hop."""

from dataclasses import dataclass

from chainkit.primitives.types import ChannelId, PortId, Sequence
from chainkit.primitives.varint import decode_uvarint, encode_uvarint
from chainkit.runtime.context import Context
from ibc.ics04_channel.codec import decode_packet, encode_packet
from ibc.ics04_channel.types import Packet

STORE_NAME = "packetfowardmiddleware"
"""The name that the module has in ibc-go, with its typo."""


@dataclass(frozen=True, slots=True)
class InFlight:
    """The packet that waits for its answer, and what is left to try for it."""

    origin: Packet
    retries: int
    timeout_ns: int


def _key(port_id: PortId, channel_id: ChannelId, sequence: Sequence) -> bytes:
    return f"{channel_id}/{port_id}/{sequence}".encode()


def remember(
    ctx: Context, port_id: PortId, channel_id: ChannelId, sequence: Sequence, waiting: InFlight
) -> None:
    """Note under the next hop's packet which packet waits for it."""
    value = (
        encode_uvarint(waiting.retries)
        + encode_uvarint(waiting.timeout_ns)
        + encode_packet(waiting.origin)
    )
    ctx.store(STORE_NAME).set(_key(port_id, channel_id, sequence), value)


def take(ctx: Context, packet: Packet) -> InFlight | None:
    """Return and forget what waits for a packet of this chain, if anything does."""
    key = _key(packet.source_port, packet.source_channel, packet.sequence)
    store = ctx.store(STORE_NAME)
    value = store.get(key)
    if value is None:
        return None
    store.delete(key)
    retries, offset = decode_uvarint(value)
    timeout_ns, offset = decode_uvarint(value, offset)
    return InFlight(decode_packet(value[offset:]), retries, timeout_ns)
