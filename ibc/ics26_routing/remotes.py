"""What is at the other end: the client that follows the other chain, and the port there."""

from dataclasses import dataclass

from chainkit.primitives.types import ChannelId, ClientId, PortId
from chainkit.runtime.context import Context
from ibc.ics04_channel.channels import Channels
from ibc.ics04_channel.types import ChannelEnd


@dataclass(frozen=True, slots=True)
class RemotePort:
    """A port of the chain that a client follows."""

    client_id: ClientId
    port_id: PortId


@dataclass(frozen=True, slots=True)
class Remotes:
    """Finds the other end of what packets go over."""

    channels: Channels

    def find(self, ctx: Context, port_id: PortId, channel_id: ChannelId) -> RemotePort | None:
        """Return the other end of a channel, or None where there is no such channel."""
        end = self.channels.get(ctx, port_id, channel_id)
        return None if end is None else self.of_channel(ctx, end)

    def of_channel(self, ctx: Context, end: ChannelEnd) -> RemotePort:
        """Return the other end of a channel."""
        connection = self.channels.connections.require(ctx, end.connection_hops[0])
        return RemotePort(connection.client_id, end.counterparty.port_id)
