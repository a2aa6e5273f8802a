"""What is at the other end: the client that follows the other chain, and the port there.

In IBC v2 a client stands where v1 has a channel, and both ends have one port.
"""

from dataclasses import dataclass

from chainkit.primitives.types import ChannelId, ClientId, PortId
from chainkit.runtime.context import Context
from ibc.ics04_channel.channels import Channels
from ibc.ics04_channel.types import ChannelEnd
from ibc.v2.counterparties import counterparty_of


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
        """Return the other end of a channel or of a client with a counterparty, or None."""
        end = self.channels.get(ctx, port_id, channel_id)
        if end is not None:
            return self.of_channel(ctx, end)
        client_id = ClientId(channel_id)
        if counterparty_of(ctx, client_id) is None:
            return None
        return RemotePort(client_id, port_id)

    def of_channel(self, ctx: Context, end: ChannelEnd) -> RemotePort:
        """Return the other end of a channel."""
        connection = self.channels.connections.require(ctx, end.connection_hops[0])
        return RemotePort(connection.client_id, end.counterparty.port_id)
