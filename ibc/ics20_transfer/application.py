"""The transfer application's callbacks (ICS-20 on ICS-26)."""

from dataclasses import dataclass

from chainkit.primitives.types import Address, ChannelId, ConnectionId, PortId
from chainkit.runtime.context import Context
from chainkit.runtime.events import Event
from ibc.errors import InvalidRequest, InvalidType
from ibc.events import emit
from ibc.ics04_channel.acknowledgement import (
    Acknowledgement,
    RemoteError,
    ResultAcknowledgement,
    decode_acknowledgement,
)
from ibc.ics04_channel.errors import InvalidChannelOrdering, InvalidPort
from ibc.ics04_channel.types import ChannelCounterparty, Order, Packet
from ibc.ics20_transfer.errors import InvalidTransferVersion, TooManyChannels
from ibc.ics20_transfer.packet_data import TransferData, decode_transfer_data
from ibc.ics20_transfer.transfers import MODULE, VERSION, Transfers
from ibc.ics24_host.identifiers import parse_channel_sequence

PORT_ID = PortId("transfer")
ACCEPTED = ResultAcknowledgement(b"\x01")
_MAX_CHANNEL = 2**32 - 1


@dataclass(frozen=True, slots=True)
class TransferApplication:
    """Answers for the port ``transfer``."""

    transfers: Transfers

    def on_chan_open_init(
        self,
        ctx: Context,  # noqa: ARG002 - the port's signature, as below
        order: Order,
        connection_hops: tuple[ConnectionId, ...],  # noqa: ARG002
        port_id: PortId,
        channel_id: ChannelId,
        counterparty: ChannelCounterparty,  # noqa: ARG002
        version: str,
    ) -> str:
        """Propose ``ics20-1``, the only version."""
        _check_channel(order, port_id, channel_id)
        if version.strip() not in {"", VERSION}:
            raise InvalidTransferVersion(f"expected {VERSION}, got {version[:64]!r}")
        return VERSION

    def on_chan_open_try(
        self,
        ctx: Context,  # noqa: ARG002 - the port's signature, as below
        order: Order,
        connection_hops: tuple[ConnectionId, ...],  # noqa: ARG002
        port_id: PortId,
        channel_id: ChannelId,
        counterparty: ChannelCounterparty,  # noqa: ARG002
        counterparty_version: str,  # noqa: ARG002
    ) -> str:
        """Answer ``ics20-1`` whatever was proposed; the other side may then refuse."""
        _check_channel(order, port_id, channel_id)
        return VERSION

    def on_chan_open_ack(
        self,
        ctx: Context,  # noqa: ARG002 - the port's signature, as below
        port_id: PortId,  # noqa: ARG002
        channel_id: ChannelId,  # noqa: ARG002
        counterparty_channel_id: ChannelId,  # noqa: ARG002
        counterparty_version: str,
    ) -> None:
        """Refuse another version."""
        if counterparty_version != VERSION:
            raise InvalidTransferVersion(f"expected {VERSION}, got {counterparty_version[:64]!r}")

    def on_chan_open_confirm(self, ctx: Context, port_id: PortId, channel_id: ChannelId) -> None:
        """Nothing is to be done."""

    def on_chan_close_init(
        self,
        ctx: Context,  # noqa: ARG002 - the port's signature, as below
        port_id: PortId,  # noqa: ARG002
        channel_id: ChannelId,  # noqa: ARG002
    ) -> None:
        """Refuse: users must not strand each other's tokens."""
        raise InvalidRequest("user cannot close channel")

    def on_chan_close_confirm(self, ctx: Context, port_id: PortId, channel_id: ChannelId) -> None:
        """Nothing is to be done: what is in flight comes back by timeout-on-close."""

    def on_recv_packet(
        self,
        ctx: Context,
        channel_version: str,
        packet: Packet,
        relayer: Address,  # noqa: ARG002 - the port's signature
    ) -> Acknowledgement | None:
        """Give the receiver the tokens."""
        check_version(channel_version)
        data = decode_transfer_data(packet.data)
        self.transfers.receive(ctx, packet, data)
        emit_packet_event(ctx, data, (("success", "true"),))
        return ACCEPTED

    def on_acknowledgement_packet(
        self,
        ctx: Context,
        channel_version: str,
        packet: Packet,
        acknowledgement: bytes,
        relayer: Address,  # noqa: ARG002 - the port's signature
    ) -> None:
        """Refund the sender if the packet was refused."""
        check_version(channel_version)
        data = decode_transfer_data(packet.data)
        decoded = require_acknowledgement(acknowledgement)
        shown = ("acknowledgement", acknowledgement.decode(errors="replace"))
        if isinstance(decoded, RemoteError):
            self.transfers.refund(ctx, packet, data)
            result = ("error", decoded.text)
        else:
            self.transfers.labels.answered(ctx, packet)
            result = ("success", decoded.result.decode(errors="replace"))
        emit_packet_event(ctx, data, (shown,))
        ctx.emit(Event("fungible_token_packet", (result,)))

    def on_timeout_packet(
        self,
        ctx: Context,
        channel_version: str,
        packet: Packet,
        relayer: Address,  # noqa: ARG002 - the port's signature
    ) -> None:
        """Refund the sender."""
        check_version(channel_version)
        data = decode_transfer_data(packet.data)
        self.transfers.refund(ctx, packet, data)
        attributes = (
            ("refund_receiver", data.sender),
            ("refund_denom", data.denom),
            ("refund_amount", data.amount),
            ("memo", data.memo),
        )
        emit(ctx, MODULE, Event("timeout", attributes))


def require_acknowledgement(acknowledgement: bytes) -> ResultAcknowledgement | RemoteError:
    """Return what an acknowledgement says, refusing bytes that are not ICS-04's envelope."""
    decoded = decode_acknowledgement(acknowledgement)
    if decoded is None:
        raise InvalidType("cannot unmarshal ICS-20 transfer packet acknowledgement")
    return decoded


def check_version(version: str) -> None:
    """Refuse a channel of another version."""
    if version != VERSION:
        raise InvalidTransferVersion(f"{version[:64]!r}")


def emit_packet_event(ctx: Context, data: TransferData, more: tuple[tuple[str, str], ...]) -> None:
    """Emit what became of a packet's tokens."""
    attributes = (
        ("sender", data.sender),
        ("receiver", data.receiver),
        ("denom", data.denom),
        ("amount", data.amount),
        ("memo", data.memo),
        *more,
    )
    emit(ctx, MODULE, Event("fungible_token_packet", attributes))


def _check_channel(order: Order, port_id: PortId, channel_id: ChannelId) -> None:
    if parse_channel_sequence(channel_id) > _MAX_CHANNEL:
        raise TooManyChannels(f"{channel_id}")
    if order is not Order.UNORDERED:
        raise InvalidChannelOrdering(f"expected UNORDERED, got {order.name}")
    if port_id != PORT_ID:
        raise InvalidPort(f"expected {PORT_ID}, got {port_id}")
