"""Tokens leave by escrow or burn, and come by release or mint (ICS-20); refunds undo."""

from dataclasses import dataclass, replace
from functools import lru_cache

from chainkit.primitives.amounts import MAX_AMOUNT, Coin
from chainkit.primitives.limits import MAX_DENOM_HOPS
from chainkit.primitives.types import Address, ChannelId, PortId, Sequence
from chainkit.runtime.context import Context
from chainkit.runtime.events import Event
from ibc.addresses import format_address, parse_address
from ibc.errors import Unauthorized
from ibc.events import emit
from ibc.ics04_channel.errors import ChannelNotFound
from ibc.ics04_channel.types import Packet
from ibc.ics20_transfer.denoms import TracedDenom, extract_denom
from ibc.ics20_transfer.errors import (
    InvalidAmount,
    InvalidDenom,
    InvalidTransferVersion,
    ReceiveDisabled,
    SendDisabled,
)
from ibc.ics20_transfer.messages import Transfer
from ibc.ics20_transfer.packet_data import (
    TransferData,
    encode_transfer_data,
    validate_transfer_data,
)
from ibc.ics20_transfer.port import NO_LABELS, AssetLabels, TokenLedger
from ibc.ics20_transfer.state import (
    add_to_escrow,
    denom_of_local,
    escrow_address,
    remember_denom,
    transfer_params,
)
from ibc.ics26_routing.port import PacketSender
from ibc.json_codec import encode_go_json

MODULE = "transfer"
_CACHED = 64
VERSION = "ics20-1"


@dataclass(frozen=True, slots=True)
class Transfers:
    """The token moves of ICS-20 over a ledger."""

    packets: PacketSender
    ledger: TokenLedger
    account_prefix: str
    labels: AssetLabels = NO_LABELS

    def send(self, ctx: Context, message: Transfer) -> Sequence:
        """Take the tokens from the sender, commit to a packet and return its sequence.

        Raises:
            SendDisabled: The chain sends no tokens now.
            ChannelNotFound: There is no such channel.
            Unauthorized: The sender is a module's account.
            InvalidAmount: The whole balance was asked for and is nothing.
            DenomNotFound: A voucher that this chain never received.
        """
        channel = self.packets.channel(ctx, message.source_port, message.source_channel)
        if channel is None:
            raise ChannelNotFound(f"{message.source_port}/{message.source_channel}")
        if channel.version != VERSION:
            raise InvalidTransferVersion(f"{channel.version[:64]!r}")
        coin, data = self.prepare(ctx, message)
        goes_home = self.take(
            ctx, message.sender, coin, message.source_port, message.source_channel
        )
        sequence = self.packets.send_packet(
            ctx,
            message.source_port,
            message.source_channel,
            message.timeout_height,
            message.timeout_timestamp,
            encode_transfer_data(data),
        )
        self.labels.sent(
            ctx,
            message.sender,
            coin,
            message.source_port,
            message.source_channel,
            sequence,
            goes_home=goes_home,
        )
        emit_transfer(ctx, data)
        return sequence

    def prepare(self, ctx: Context, message: Transfer) -> tuple[Coin, TransferData]:
        """Return the coin that a message sends and what its packet says.

        Raises:
            SendDisabled: The chain sends no tokens now.
            Unauthorized: The sender is a module's account.
            InvalidAmount: The whole balance was asked for and is nothing.
            DenomNotFound: A voucher that this chain never received.
        """
        self._check_sender(ctx, message.sender)
        coin = self._whole_balance_if_asked(ctx, message.sender, message.token)
        data = TransferData(
            denom_of_local(ctx, coin.denom).path(),
            str(coin.amount),
            format_address(message.sender, self.account_prefix),
            message.receiver,
            message.memo,
        )
        validate_transfer_data(data)
        return coin, data

    def take(
        self,
        ctx: Context,
        sender: Address,
        coin: Coin,
        source_port: PortId,
        source_channel: ChannelId,
    ) -> bool:
        """Take tokens from their sender; return whether they go home, and so were burned."""
        self._check_sender(ctx, sender)
        goes_home = denom_of_local(ctx, coin.denom).has_prefix(source_port, source_channel)
        if goes_home:
            self._burn(ctx, sender, coin)
        else:
            self._escrow(ctx, sender, escrow_address(source_port, source_channel), coin)
        return goes_home

    def _check_sender(self, ctx: Context, sender: Address) -> None:
        if not transfer_params(ctx).send_enabled:
            raise SendDisabled
        if self.ledger.is_blocked(sender):
            raise Unauthorized("the account is not allowed to send funds")

    def receive(self, ctx: Context, packet: Packet, data: TransferData) -> Coin:
        """Give the receiver what the packet brings; return it as this chain's coin.

        Raises:
            ReceiveDisabled: The chain receives no tokens now.
            InvalidAddress: The receiver is no address of this chain.
            Unauthorized: The receiver is a module's account.
            InvalidDenom: One hop more would be too many.
        """
        amount = validate_transfer_data(data)
        if not transfer_params(ctx).receive_enabled:
            raise ReceiveDisabled
        receiver = parse_address(data.receiver, self.account_prefix)
        if self.ledger.is_blocked(receiver):
            raise Unauthorized(f"{data.receiver} is not allowed to receive funds")
        denom, came_home = denom_here(packet, data)
        coin = Coin(denom.local_denom(), amount)
        if came_home:
            escrow = escrow_address(packet.destination_port, packet.destination_channel)
            self._release(ctx, escrow, receiver, coin)
            self.labels.received(ctx, packet, receiver, coin, came_home=True)
            return coin
        if len(denom.trace) > MAX_DENOM_HOPS:
            raise InvalidDenom(f"{len(denom.trace)} hops")
        if remember_denom(ctx, denom):
            self.ledger.set_denom_metadata(ctx, coin.denom, denom.base, denom.path())
        _emit_denom(ctx, denom)
        self._mint(ctx, receiver, coin)
        self.labels.received(ctx, packet, receiver, coin, came_home=False)
        return coin

    def undo_receive(self, ctx: Context, packet: Packet, data: TransferData) -> None:
        """Take back from the receiver what :meth:`receive` gave: the exact inverse."""
        amount = validate_transfer_data(data)
        receiver = parse_address(data.receiver, self.account_prefix)
        denom, came_home = denom_here(packet, data)
        coin = Coin(denom.local_denom(), amount)
        if came_home:
            escrow = escrow_address(packet.destination_port, packet.destination_channel)
            self._escrow(ctx, receiver, escrow, coin)
        else:
            self._burn(ctx, receiver, coin)
        self.labels.undone(ctx, packet, receiver, coin, came_home=came_home)

    def refund(self, ctx: Context, packet: Packet, data: TransferData) -> None:
        """Give the sender back what :meth:`send` took: the exact inverse."""
        sender = parse_address(data.sender, self.account_prefix)
        if self.ledger.is_blocked(sender):
            raise Unauthorized(f"{data.sender} is not allowed to receive funds")
        denom = extract_denom(data.denom)
        coin = Coin(denom.local_denom(), validate_transfer_data(data))
        if denom.has_prefix(packet.source_port, packet.source_channel):
            self._mint(ctx, sender, coin)
        else:
            escrow = escrow_address(packet.source_port, packet.source_channel)
            self._release(ctx, escrow, sender, coin)
        self.labels.refunded(ctx, packet, sender, coin)

    def _whole_balance_if_asked(self, ctx: Context, sender: Address, coin: Coin) -> Coin:
        """Return the coin, or the whole balance for ibc-go's ``UnboundedSpendLimit``."""
        if coin.amount != MAX_AMOUNT:
            return coin
        balance = self.ledger.balance(ctx, sender, coin.denom)
        if balance == 0:
            raise InvalidAmount(f"empty spendable balance for {coin.denom}")
        return replace(coin, amount=balance)

    def _escrow(self, ctx: Context, owner: Address, escrow: Address, coin: Coin) -> None:
        # Before the move: who follows coins between accounts must not take it for a payment.
        self.labels.escrow(ctx, escrow)
        self.ledger.send(ctx, owner, escrow, coin)
        add_to_escrow(ctx, coin.denom, coin.amount)

    def _release(self, ctx: Context, escrow: Address, owner: Address, coin: Coin) -> None:
        self.ledger.send(ctx, escrow, owner, coin)
        add_to_escrow(ctx, coin.denom, -coin.amount)

    def _mint(self, ctx: Context, owner: Address, coin: Coin) -> None:
        self.ledger.mint(ctx, MODULE, coin)
        self.ledger.send(ctx, self.ledger.module_address(MODULE), owner, coin)

    def _burn(self, ctx: Context, owner: Address, coin: Coin) -> None:
        self.ledger.send(ctx, owner, self.ledger.module_address(MODULE), coin)
        self.ledger.burn(ctx, MODULE, coin)


def denom_here(packet: Packet, data: TransferData) -> tuple[TracedDenom, bool]:
    """Return a received denomination as this chain knows it, and whether it came home.

    The sender's chain puts its own port and channel first on what it once received from
    here over this channel: such a token comes home, and its last hop is taken off.
    """
    there = (packet.source_port, packet.source_channel)
    here = (packet.destination_port, packet.destination_channel)
    return denom_across(data.denom, there, here)


@lru_cache(_CACHED)
def denom_across(
    path: str, there: tuple[PortId, ChannelId], here: tuple[PortId, ChannelId]
) -> tuple[TracedDenom, bool]:
    """Return what :func:`denom_here` does, of a path between two ends of a channel.

    Rules before the application ask the same as it does, so that it is remembered.
    """
    denom = extract_denom(path)
    if denom.has_prefix(*there):
        return denom.returned(), True
    return denom.arrived_by(*here), False


def emit_transfer(ctx: Context, data: TransferData) -> None:
    """Emit that tokens left for another chain."""
    attributes = (
        ("sender", data.sender),
        ("receiver", data.receiver),
        ("denom", data.denom),
        ("amount", data.amount),
        ("memo", data.memo),
    )
    emit(ctx, MODULE, Event("ibc_transfer", attributes))


def _emit_denom(ctx: Context, denom: TracedDenom) -> None:
    digest = denom.hash().hex().upper()
    described = encode_go_json({"base": denom.base, "path": denom.path()})
    ctx.emit(Event("denomination", (("denom_hash", digest), ("denom", described))))
    local = str(denom.local_denom())
    ctx.emit(Event("denomination_trace", (("trace_hash", digest), ("denom", local))))
