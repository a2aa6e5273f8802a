"""The packet layer as applications see it: the router's rules judge what is sent, too."""

from dataclasses import dataclass

from chainkit.primitives.heights import Height
from chainkit.primitives.types import ChannelId, PortId, Sequence, TimestampNs
from chainkit.runtime.context import Context
from ibc.ics04_channel.acknowledgement import Acknowledgement
from ibc.ics04_channel.packets import Packets
from ibc.ics04_channel.types import ChannelEnd, Packet
from ibc.ics26_routing.port import RouterMiddleware
from ibc.ics26_routing.remotes import Remotes


@dataclass(frozen=True, slots=True)
class CheckedSender:
    """Asks every rule before a packet is committed to; fits ``PacketSender``."""

    packets: Packets
    middleware: tuple[RouterMiddleware, ...]

    def send_packet(
        self,
        ctx: Context,
        source_port: PortId,
        source_channel: ChannelId,
        timeout_height: Height,
        timeout_timestamp: TimestampNs,
        data: bytes,
    ) -> Sequence:
        """Commit to a packet and return its sequence, unless a rule refuses it."""
        destination = Remotes(self.packets.channels).find(ctx, source_port, source_channel)
        if destination is not None:
            for rule in self.middleware:
                rule.check_send(ctx, destination, source_port, data)
        return self.packets.send_packet(
            ctx, source_port, source_channel, timeout_height, timeout_timestamp, data
        )

    def write_acknowledgement(
        self, ctx: Context, packet: Packet, acknowledgement: Acknowledgement
    ) -> None:
        """Answer a packet whose ``on_recv_packet`` returned None."""
        self.packets.write_acknowledgement(ctx, packet, acknowledgement)

    def channel(self, ctx: Context, port_id: PortId, channel_id: ChannelId) -> ChannelEnd | None:
        """Return a channel end of this chain."""
        return self.packets.channel(ctx, port_id, channel_id)
