"""Channels: their ends in the store and the handshake of ICS-04, without the callbacks."""

from dataclasses import dataclass, replace
from functools import lru_cache

from chainkit.primitives.types import ChannelId, PortId
from chainkit.runtime.context import Context
from ibc.ics03_connection.connections import Connections
from ibc.ics03_connection.errors import InvalidConnectionVersion
from ibc.ics03_connection.types import ConnectionEnd
from ibc.ics03_connection.versions import supports_feature
from ibc.ics04_channel.codec import decode_channel, encode_channel
from ibc.ics04_channel.errors import ChannelNotFound, InvalidChannelState
from ibc.ics04_channel.events import ORDER_NAMES, emit_channel
from ibc.ics04_channel.messages import (
    ChannelCloseConfirm,
    ChannelOpenAck,
    ChannelOpenConfirm,
    ChannelOpenInit,
    ChannelOpenTry,
)
from ibc.ics04_channel.types import ChannelCounterparty, ChannelEnd, ChannelState
from ibc.ics24_host import paths
from ibc.limits import CACHED_ENDS
from ibc.sequences import take_sequence, write_sequence

_NO_ID = ChannelId("")


@dataclass(frozen=True, slots=True)
class Channels:
    """The channels of this chain."""

    connections: Connections

    def check_open_init(self, ctx: Context, message: ChannelOpenInit) -> ChannelId:
        """Check that a channel may begin here (chain A) and return its id.

        Raises:
            InvalidConnectionVersion: The connection has not settled on one version, or that
                has no such ordering.
            ClientNotActive: The client may not be used.
        """
        connection = self.connections.require(ctx, message.channel.connection_hops[0])
        _require_ordering(connection, message.channel)
        self.connections.clients.require_active(ctx, connection.client_id)
        return self._new_id(ctx)

    def write_open(
        self, ctx: Context, kind: str, port_id: PortId, channel_id: ChannelId, end: ChannelEnd
    ) -> None:
        """Write a new channel end and its counters, all at 1."""
        for path in (
            paths.next_sequence_send,
            paths.next_sequence_recv,
            paths.next_sequence_ack,
        ):
            write_sequence(ctx, path(port_id, channel_id), 1)
        self.set(ctx, port_id, channel_id, end)
        emit_channel(ctx, kind, port_id, channel_id, end)

    def check_open_try(self, ctx: Context, message: ChannelOpenTry) -> ChannelId:
        """Check by proof that A has begun, and return the id of the channel here (chain B)."""
        connection = self.connections.require_open(ctx, message.channel.connection_hops[0])
        _require_ordering(connection, message.channel)
        there = message.channel.counterparty
        expected_on_a = ChannelEnd(
            ChannelState.INIT,
            message.channel.ordering,
            ChannelCounterparty(message.port_id, _NO_ID),
            (connection.counterparty.connection_id,),
            message.counterparty_version,
        )
        self.connections.verify_channel(
            ctx,
            connection,
            message.proof_height,
            message.proof_init,
            paths.channel(there.port_id, there.channel_id),
            expected_on_a,
        )
        return self._new_id(ctx)

    def open_ack(self, ctx: Context, message: ChannelOpenAck) -> None:
        """Open the channel here (chain A) by the proof that B has answered."""
        end = self.require(ctx, message.port_id, message.channel_id)
        if end.state is not ChannelState.INIT:
            raise InvalidChannelState(f"channel is {end.state.name}, not INIT")
        opened = replace(
            end,
            state=ChannelState.OPEN,
            version=message.counterparty_version,
            counterparty=replace(end.counterparty, channel_id=message.counterparty_channel_id),
        )
        connection = self.connections.require_open(ctx, end.connection_hops[0])
        expected_on_b = seen_from_there(
            message.port_id, message.channel_id, opened, connection, ChannelState.TRYOPEN
        )
        self.connections.verify_channel(
            ctx,
            connection,
            message.proof_height,
            message.proof_try,
            paths.channel(opened.counterparty.port_id, opened.counterparty.channel_id),
            expected_on_b,
        )
        self.set(ctx, message.port_id, message.channel_id, opened)
        emit_channel(ctx, "channel_open_ack", message.port_id, message.channel_id, opened)

    def open_confirm(self, ctx: Context, message: ChannelOpenConfirm) -> None:
        """Open the channel here (chain B) by the proof that A has opened it."""
        end = self.require(ctx, message.port_id, message.channel_id)
        if end.state is not ChannelState.TRYOPEN:
            raise InvalidChannelState(f"channel is {end.state.name}, not TRYOPEN")
        connection = self.connections.require_open(ctx, end.connection_hops[0])
        expected_on_a = seen_from_there(
            message.port_id, message.channel_id, end, connection, ChannelState.OPEN
        )
        self.connections.verify_channel(
            ctx,
            connection,
            message.proof_height,
            message.proof_ack,
            paths.channel(end.counterparty.port_id, end.counterparty.channel_id),
            expected_on_a,
        )
        opened = replace(end, state=ChannelState.OPEN)
        self.set(ctx, message.port_id, message.channel_id, opened)
        emit_channel(ctx, "channel_open_confirm", message.port_id, message.channel_id, opened)

    def close_init(self, ctx: Context, port_id: PortId, channel_id: ChannelId) -> None:
        """Close this end."""
        end = self._require_not_closed(ctx, port_id, channel_id)
        connection = self.connections.require_open(ctx, end.connection_hops[0])
        self.connections.clients.require_active(ctx, connection.client_id)
        self._close(ctx, "channel_close_init", port_id, channel_id, end)

    def close_confirm(self, ctx: Context, message: ChannelCloseConfirm) -> None:
        """Close this end by the proof that the other is closed."""
        end = self._require_not_closed(ctx, message.port_id, message.channel_id)
        connection = self.connections.require_open(ctx, end.connection_hops[0])
        expected = seen_from_there(
            message.port_id, message.channel_id, end, connection, ChannelState.CLOSED
        )
        self.connections.verify_channel(
            ctx,
            connection,
            message.proof_height,
            message.proof_init,
            paths.channel(end.counterparty.port_id, end.counterparty.channel_id),
            expected,
        )
        self._close(ctx, "channel_close_confirm", message.port_id, message.channel_id, end)

    def get(self, ctx: Context, port_id: PortId, channel_id: ChannelId) -> ChannelEnd | None:
        """Return a channel end of this chain, or None."""
        value = ctx.store(paths.STORE_NAME).get(paths.channel(port_id, channel_id))
        return None if value is None else _read(value)

    def require(self, ctx: Context, port_id: PortId, channel_id: ChannelId) -> ChannelEnd:
        """Return a channel end, or refuse with ``ChannelNotFound``."""
        end = self.get(ctx, port_id, channel_id)
        if end is None:
            raise ChannelNotFound(f"port ID ({port_id}) channel ID ({channel_id})")
        return end

    def require_open(self, ctx: Context, port_id: PortId, channel_id: ChannelId) -> ChannelEnd:
        """Return an open channel end, or refuse with ``InvalidChannelState``."""
        end = self.require(ctx, port_id, channel_id)
        if end.state is not ChannelState.OPEN:
            raise InvalidChannelState(f"channel is {end.state.name}, not OPEN")
        return end

    def set(self, ctx: Context, port_id: PortId, channel_id: ChannelId, end: ChannelEnd) -> None:
        """Write a channel end."""
        ctx.store(paths.STORE_NAME).set(paths.channel(port_id, channel_id), encode_channel(end))

    def _new_id(self, ctx: Context) -> ChannelId:
        return ChannelId(f"channel-{take_sequence(ctx, paths.NEXT_CHANNEL_SEQUENCE)}")

    def _require_not_closed(
        self, ctx: Context, port_id: PortId, channel_id: ChannelId
    ) -> ChannelEnd:
        end = self.require(ctx, port_id, channel_id)
        if end.state is ChannelState.CLOSED:
            raise InvalidChannelState("channel is already CLOSED")
        return end

    def _close(
        self, ctx: Context, kind: str, port_id: PortId, channel_id: ChannelId, end: ChannelEnd
    ) -> None:
        closed = replace(end, state=ChannelState.CLOSED)
        self.set(ctx, port_id, channel_id, closed)
        emit_channel(ctx, kind, port_id, channel_id, closed)


@lru_cache(CACHED_ENDS)
def _read(value: bytes) -> ChannelEnd:
    """Decode; an end is read several times for each packet."""
    return decode_channel(value)


def seen_from_there(
    port_id: PortId,
    channel_id: ChannelId,
    end: ChannelEnd,
    connection: ConnectionEnd,
    state: ChannelState,
) -> ChannelEnd:
    """Return what the other chain must hold in ``state`` for our end ``end``."""
    return ChannelEnd(
        state,
        end.ordering,
        ChannelCounterparty(port_id, channel_id),
        (connection.counterparty.connection_id,),
        end.version,
    )


def _require_ordering(connection: ConnectionEnd, channel: ChannelEnd) -> None:
    if len(connection.versions) != 1:
        raise InvalidConnectionVersion("the connection has not settled on one version")
    if not supports_feature(connection.versions[0], ORDER_NAMES[channel.ordering]):
        raise InvalidConnectionVersion("the connection does not support the ordering")
