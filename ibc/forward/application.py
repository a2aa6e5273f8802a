"""Forwarding around the transfer application (packet-forward-middleware).

A token that goes on is first received by an account that only this hop has, then sent from
it. The answer to the first packet waits for the answer to the second: it was delivered at
the last hop, or the two steps are undone here and the hop before hears of an error, and so
on back to the origin, where the sender is refunded.
"""

from dataclasses import dataclass, replace

from chainkit.primitives.amounts import Coin
from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.hashing import sha256
from chainkit.primitives.heights import ZERO_HEIGHT
from chainkit.primitives.types import Address, ChannelId, ConnectionId, PortId, TimestampNs
from chainkit.runtime.context import Context
from chainkit.runtime.errors import OutOfGas
from ibc.addresses import format_address
from ibc.forward.in_flight import STORE_NAME, InFlight, remember, take
from ibc.forward.memo import ForwardInstruction, encode_memo, parse_forward_memo
from ibc.ics04_channel.acknowledgement import (
    Acknowledgement,
    ErrorAcknowledgement,
    RemoteError,
)
from ibc.ics04_channel.types import ChannelCounterparty, Order, Packet
from ibc.ics20_transfer.application import (
    ACCEPTED,
    TransferApplication,
    check_version,
    emit_packet_event,
    require_acknowledgement,
)
from ibc.ics20_transfer.denoms import extract_denom
from ibc.ics20_transfer.errors import ForwardedPacketFailed, ForwardedPacketTimedOut
from ibc.ics20_transfer.messages import Transfer
from ibc.ics20_transfer.packet_data import (
    TransferData,
    decode_transfer_data,
    validate_transfer_data,
)

DEFAULT_TIMEOUT_NS = 10 * 60 * 1_000_000_000
"""ibc-go v11, ``DefaultForwardTransferPacketTimeoutTimestamp``: ten minutes."""

DEFAULT_RETRIES = 0


def hop_account(channel_id: ChannelId, sender: str) -> Address:
    """Return the account that holds a token between receive and send.

    It depends on channel and sender, so that nobody's tokens mix (ADR 028, as in ibc-go).
    """
    return Address(sha256(sha256(STORE_NAME.encode()) + f"{channel_id}/{sender}".encode())[:20])


@dataclass(frozen=True, slots=True)
class ForwardingApplication:
    """Answers for the port ``transfer`` with forwarding."""

    inner: TransferApplication

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
        """Ask the transfer application."""
        return self.inner.on_chan_open_init(
            ctx, order, connection_hops, port_id, channel_id, counterparty, version
        )

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
        """Ask the transfer application."""
        return self.inner.on_chan_open_try(
            ctx, order, connection_hops, port_id, channel_id, counterparty, counterparty_version
        )

    def on_chan_open_ack(
        self,
        ctx: Context,
        port_id: PortId,
        channel_id: ChannelId,
        counterparty_channel_id: ChannelId,
        counterparty_version: str,
    ) -> None:
        """Ask the transfer application."""
        self.inner.on_chan_open_ack(
            ctx, port_id, channel_id, counterparty_channel_id, counterparty_version
        )

    def on_chan_open_confirm(self, ctx: Context, port_id: PortId, channel_id: ChannelId) -> None:
        """Tell the transfer application."""
        self.inner.on_chan_open_confirm(ctx, port_id, channel_id)

    def on_chan_close_init(self, ctx: Context, port_id: PortId, channel_id: ChannelId) -> None:
        """Ask the transfer application."""
        self.inner.on_chan_close_init(ctx, port_id, channel_id)

    def on_chan_close_confirm(self, ctx: Context, port_id: PortId, channel_id: ChannelId) -> None:
        """Tell the transfer application."""
        self.inner.on_chan_close_confirm(ctx, port_id, channel_id)

    def on_recv_packet(
        self, ctx: Context, channel_version: str, packet: Packet, relayer: Address
    ) -> Acknowledgement | None:
        """Deliver the token here, or send it on and answer later."""
        check_version(channel_version)
        data = decode_transfer_data(packet.data)
        instruction = parse_forward_memo(data.memo)
        if instruction is None:
            return self.inner.on_recv_packet(ctx, channel_version, packet, relayer)
        held = self._held(packet, data)
        coin = self.inner.transfers.receive(ctx, packet, held)
        emit_packet_event(ctx, held, (("success", "true"),))
        retries = DEFAULT_RETRIES if instruction.retries is None else instruction.retries
        waiting = InFlight(packet, retries, instruction.timeout_ns or DEFAULT_TIMEOUT_NS)
        self._send_on(ctx, waiting, data, instruction, coin)
        return None

    def on_acknowledgement_packet(
        self,
        ctx: Context,
        channel_version: str,
        packet: Packet,
        acknowledgement: bytes,
        relayer: Address,
    ) -> None:
        """Settle a packet; if another waits for it, answer that one too."""
        self.inner.on_acknowledgement_packet(ctx, channel_version, packet, acknowledgement, relayer)
        waiting = take(ctx, packet)
        if waiting is None:
            return
        if isinstance(require_acknowledgement(acknowledgement), RemoteError):
            self._fail(ctx, waiting, ForwardedPacketFailed.code)
        else:
            self.inner.transfers.packets.write_acknowledgement(ctx, waiting.origin, ACCEPTED)

    def on_timeout_packet(
        self, ctx: Context, channel_version: str, packet: Packet, relayer: Address
    ) -> None:
        """Undo a packet; if another waits for it, try again or answer that one with an error."""
        self.inner.on_timeout_packet(ctx, channel_version, packet, relayer)
        waiting = take(ctx, packet)
        if waiting is not None and not self._retried(ctx, waiting, packet):
            self._fail(ctx, waiting, ForwardedPacketTimedOut.code)

    def _held(self, packet: Packet, data: TransferData) -> TransferData:
        """Return the packet's data with this hop's account as receiver and without memo."""
        account = hop_account(packet.destination_channel, data.sender)
        text = format_address(account, self.inner.transfers.account_prefix)
        return replace(data, receiver=text, memo="")

    def _send_on(
        self,
        ctx: Context,
        waiting: InFlight,
        data: TransferData,
        instruction: ForwardInstruction,
        coin: Coin,
    ) -> None:
        message = Transfer(
            instruction.port_id,
            instruction.channel_id,
            coin,
            hop_account(waiting.origin.destination_channel, data.sender),
            instruction.receiver,
            ZERO_HEIGHT,
            TimestampNs(ctx.time + waiting.timeout_ns),
            encode_memo(instruction.next),
        )
        sequence = self.inner.transfers.send(ctx, message)
        remember(ctx, instruction.port_id, instruction.channel_id, sequence, waiting)

    def _retried(self, ctx: Context, waiting: InFlight, packet: Packet) -> bool:
        """Send the refunded token once more, if tries are left and the channel takes it."""
        if waiting.retries == 0:
            return False
        sent = decode_transfer_data(packet.data)
        instruction = ForwardInstruction(
            sent.receiver,
            packet.source_port,
            packet.source_channel,
            waiting.timeout_ns,
            None,
            parse_forward_memo(sent.memo),
        )
        origin_data = decode_transfer_data(waiting.origin.data)
        denom = extract_denom(sent.denom).local_denom()
        coin = Coin(denom, validate_transfer_data(sent))
        once_less = replace(waiting, retries=waiting.retries - 1)
        try:
            with ctx.savepoint():
                self._send_on(ctx, once_less, origin_data, instruction, coin)
        except OutOfGas:
            raise
        except RuleBroken:
            return False
        return True

    def _fail(self, ctx: Context, waiting: InFlight, code: int) -> None:
        """Undo the receive and answer the origin's packet with a code of our own.

        Nothing of what the next chain wrote passes upward.
        """
        data = decode_transfer_data(waiting.origin.data)
        self.inner.transfers.undo_receive(ctx, waiting.origin, self._held(waiting.origin, data))
        self.inner.transfers.packets.write_acknowledgement(
            ctx, waiting.origin, ErrorAcknowledgement(code)
        )
