"""The controller's end: owners here open a channel for their account and send transactions."""

# ruff: noqa: ARG002 - the signatures are those of the port

from dataclasses import dataclass

from chainkit.primitives.heights import ZERO_HEIGHT
from chainkit.primitives.types import (
    Address,
    ChannelId,
    ConnectionId,
    PortId,
    Sequence,
    TimestampNs,
)
from chainkit.runtime.context import Context
from ibc.addresses import format_address
from ibc.errors import InvalidRequest
from ibc.ics03_connection.connections import Connections
from ibc.ics04_channel.acknowledgement import Acknowledgement
from ibc.ics04_channel.errors import InvalidChannelOrdering
from ibc.ics04_channel.messages import ChannelOpenInit
from ibc.ics04_channel.types import (
    ChannelCounterparty,
    ChannelEnd,
    ChannelState,
    Order,
    Packet,
)
from ibc.ics26_routing.port import ApplicationEnvironment
from ibc.ics27_accounts.codec import (
    Metadata,
    check_metadata,
    decode_metadata,
    default_metadata,
    encode_account_packet,
    encode_metadata,
    validate_account_packet,
)
from ibc.ics27_accounts.errors import (
    ActiveChannelNotFound,
    ActiveChannelSet,
    ControllerDisabled,
    InvalidAccountAddress,
    InvalidAccountsVersion,
    InvalidChannelFlow,
    InvalidControllerPort,
    InvalidHostPort,
)
from ibc.ics27_accounts.messages import RegisterAccount, SendTx
from ibc.ics27_accounts.state import CONTROLLER_STORE, Lane, controller_enabled

PORT_PREFIX = "icacontroller-"
HOST_PORT = PortId("icahost")


@dataclass(frozen=True, slots=True)
class Controller:
    """Answers for the ports ``icacontroller-{owner}``."""

    environment: ApplicationEnvironment

    @property
    def _connections(self) -> Connections:
        return self.environment.connections

    def register(self, ctx: Context, message: RegisterAccount) -> tuple[PortId, ChannelId]:
        """Begin a channel for an owner's account, or another after the last one closed.

        Raises:
            ControllerDisabled: This chain controls no accounts.
            ActiveChannelSet: The owner's channel is not closed.
            InvalidAccountsVersion: The version is not what it was before.
        """
        port_id = self.port_of(message.signer)
        ordering = Order.UNORDERED if message.ordering is Order.NONE else message.ordering
        end = ChannelEnd(
            ChannelState.INIT,
            ordering,
            ChannelCounterparty(HOST_PORT, ChannelId("")),
            (message.connection_id,),
            message.version,
        )
        begin = ChannelOpenInit(port_id, end, message.signer)
        channel_id, _ = self.environment.open_channel(ctx, begin)
        return port_id, channel_id

    def send(self, ctx: Context, message: SendTx) -> Sequence:
        """Send a transaction to the owner's account.

        Raises:
            ControllerDisabled: This chain controls no accounts.
            ActiveChannelNotFound: The owner has no open channel over the connection.
            InvalidOutgoingData: The packet is empty or too long.
        """
        if not controller_enabled(ctx):
            raise ControllerDisabled
        port_id = self.port_of(message.signer)
        lane = self._lane(port_id, message.connection_id)
        channel_id = lane.active_channel(ctx)
        end = None if channel_id is None else self._channel(ctx, port_id, channel_id)
        if channel_id is None or end is None or end.state is not ChannelState.OPEN:
            raise ActiveChannelNotFound(f"{port_id} over {message.connection_id}")
        validate_account_packet(message.packet)
        return self.environment.packets.send_packet(
            ctx,
            port_id,
            channel_id,
            ZERO_HEIGHT,
            TimestampNs(ctx.time + message.relative_timeout),
            encode_account_packet(message.packet),
        )

    def account(self, ctx: Context, owner: str, connection_id: ConnectionId) -> str | None:
        """Return the address of an owner's account on the host, or None."""
        return self._lane(PortId(PORT_PREFIX + owner), connection_id).account(ctx)

    def port_of(self, owner: Address) -> PortId:
        """Return an owner's port."""
        return PortId(PORT_PREFIX + format_address(owner, self.environment.account_prefix))

    def on_chan_open_init(
        self,
        ctx: Context,
        order: Order,
        connection_hops: tuple[ConnectionId, ...],
        port_id: PortId,
        channel_id: ChannelId,
        counterparty: ChannelCounterparty,
        version: str,
    ) -> str:
        """Propose what the owner wants, or what was agreed on before the last channel closed."""
        if not controller_enabled(ctx):
            raise ControllerDisabled
        if not port_id.startswith(PORT_PREFIX):
            raise InvalidControllerPort(f"{port_id[:128]}")
        if counterparty.port_id != HOST_PORT:
            raise InvalidHostPort(f"expected {HOST_PORT}, got {counterparty.port_id[:128]}")
        hop = connection_hops[0]
        there = self._connections.require(ctx, hop).counterparty.connection_id
        metadata = decode_metadata(version) if version.strip() else default_metadata(hop, there)
        check_metadata(metadata, hop, there)
        self._check_reopening(ctx, self._lane(port_id, hop), order, metadata)
        return encode_metadata(metadata)

    def on_chan_open_try(
        self,
        ctx: Context,
        order: Order,
        connection_hops: tuple[ConnectionId, ...],
        port_id: PortId,
        channel_id: ChannelId,
        counterparty: ChannelCounterparty,
        counterparty_version: str,
    ) -> str:
        """Refuse: the controller begins."""
        raise InvalidChannelFlow("channel handshake must be initiated by controller chain")

    def on_chan_open_ack(
        self,
        ctx: Context,
        port_id: PortId,
        channel_id: ChannelId,
        counterparty_channel_id: ChannelId,
        counterparty_version: str,
    ) -> None:
        """Note the account that the host made."""
        if not controller_enabled(ctx):
            raise ControllerDisabled
        metadata = decode_metadata(counterparty_version)
        end = self._channel(ctx, port_id, channel_id)
        assert end is not None
        hop = end.connection_hops[0]
        check_metadata(
            metadata, hop, self._connections.require(ctx, hop).counterparty.connection_id
        )
        if not metadata.address:
            raise InvalidAccountAddress("interchain account address cannot be empty")
        lane = self._lane(port_id, hop)
        self._check_not_open(ctx, lane)
        lane.set_active_channel(ctx, channel_id)
        lane.set_account(ctx, metadata.address)

    def on_chan_open_confirm(self, ctx: Context, port_id: PortId, channel_id: ChannelId) -> None:
        """Refuse: the controller begins."""
        raise InvalidChannelFlow("channel handshake must be initiated by controller chain")

    def on_chan_close_init(self, ctx: Context, port_id: PortId, channel_id: ChannelId) -> None:
        """Refuse: users close no channels of accounts."""
        raise InvalidRequest("user cannot close channel")

    def on_chan_close_confirm(self, ctx: Context, port_id: PortId, channel_id: ChannelId) -> None:
        """Nothing is to be done: the owner may register again."""

    def on_recv_packet(
        self, ctx: Context, channel_version: str, packet: Packet, relayer: Address
    ) -> Acknowledgement | None:
        """Refuse: the host sends nothing."""
        raise InvalidChannelFlow("cannot receive packet on controller chain")

    def on_acknowledgement_packet(
        self,
        ctx: Context,
        channel_version: str,
        packet: Packet,
        acknowledgement: bytes,
        relayer: Address,
    ) -> None:
        """Nothing is to be done: the answer stands in the events."""

    def on_timeout_packet(
        self, ctx: Context, channel_version: str, packet: Packet, relayer: Address
    ) -> None:
        """Nothing is to be done: an ordered channel is closed by the core."""

    def _lane(self, port_id: PortId, connection_id: ConnectionId) -> Lane:
        return Lane(CONTROLLER_STORE, port_id, connection_id)

    def _channel(self, ctx: Context, port_id: PortId, channel_id: ChannelId) -> ChannelEnd | None:
        return self.environment.packets.channel(ctx, port_id, channel_id)

    def _check_not_open(self, ctx: Context, lane: Lane) -> ChannelEnd | None:
        """Return the lane's closed channel, or None; refuse one that is not closed."""
        active = lane.active_channel(ctx)
        if active is None:
            return None
        end = self._channel(ctx, lane.port_id, active)
        assert end is not None
        if end.state is not ChannelState.CLOSED:
            raise ActiveChannelSet(f"{active} for {lane.port_id}")
        return end

    def _check_reopening(self, ctx: Context, lane: Lane, order: Order, metadata: Metadata) -> None:
        before = self._check_not_open(ctx, lane)
        if before is None:
            return
        if before.ordering is not order:
            raise InvalidChannelOrdering("order cannot change when reopening a channel")
        if not metadata.is_as_before(decode_metadata(before.version)):
            raise InvalidAccountsVersion("not what the channel had before")
