"""Keeps the lots and the ledger of zones as tokens move (fits ICS-20's ``AssetLabels``)."""

from dataclasses import dataclass

from chainkit.primitives.amounts import Coin
from chainkit.primitives.types import Address, ChannelId, Denom, PortId, Sequence
from chainkit.runtime.context import Context
from ibc.ics04_channel.types import Packet
from ibc.ics20_transfer.port import TokenLedger
from ibc.ics20_transfer.state import escrow_address
from ibc.ics20_transfer.transfers import MODULE
from integrity.axes import LOWEST
from integrity.errors import HubTooLow, LotFrozen, LotTooLow, ReturnReceiver, SeveralPayloads
from integrity.guard import IntegrityGuard, hub_level
from integrity.lots import MIXED, Drawn, Lot, add, draw, put_back, total
from integrity.records import SentCoins
from integrity.rules import Mode
from integrity.store import IntegrityStore, open_store
from integrity.zones import (
    answered,
    arrived,
    came_home,
    refunded,
    sent_away,
    sent_home,
    undone,
)


@dataclass(frozen=True, slots=True)
class LotKeeper:
    """Follows every token that comes or goes over a channel, and those between accounts."""

    guard: IntegrityGuard
    ledger: TokenLedger

    def escrow(self, ctx: Context, address: Address) -> None:
        """Note an escrow's account, so that :meth:`moved` leaves its lots to :meth:`sent`."""
        open_store(ctx).note_escrow(address)

    def sent(
        self,
        ctx: Context,
        owner: Address,
        coin: Coin,
        port_id: PortId,
        channel_id: ChannelId,
        sequence: Sequence,
        *,
        goes_home: bool,
    ) -> None:
        """Take lots of the owner that the destination accepts; what goes home may be any.

        A channel that is not strict takes every lot, and the port there is demoted.

        Raises:
            SeveralPayloads: The packet has taken something before.
            HubTooLow: The chain is above the hub; only what goes home is sent there.
            LotTooLow: The owner has not enough with a high enough label.
            LotFrozen: It would be enough without what is in quarantine.
        """
        store = open_store(ctx)
        if store.has_sent(port_id, channel_id, sequence):
            raise SeveralPayloads
        there = self.guard.over(ctx, store, port_id, channel_id)
        wanted = LOWEST if goes_home else there.chain.level.level
        if wanted > hub_level(store):
            raise HubTooLow(f"the hub is below {there.chain.name}, which is of level {wanted}")
        policy = store.policy(channel_id)
        least: int = wanted if policy.mode is Mode.STRICT else LOWEST
        if policy.strict_equal and not goes_home:
            least += 1
        drawn = self._draw(ctx, store, owner, coin, least)
        store.set_lots(owner, coin.denom, drawn.left)
        if drawn.label() < wanted:
            store.lower_floor(there.chain.name, there.port, drawn.label())
        entry = store.zone(channel_id, coin.denom)
        if goes_home:
            entry = sent_home(entry, coin.amount)
        else:
            entry = sent_away(entry, coin.amount)
            pool = store.pool(channel_id, coin.denom)
            store.set_pool(channel_id, coin.denom, add(pool, drawn.taken))
        store.set_zone(channel_id, coin.denom, entry)
        sent = SentCoins(coin.denom, coin.amount, goes_home, drawn.taken)
        store.set_sent(port_id, channel_id, sequence, sent)

    def received(
        self, ctx: Context, packet: Packet, owner: Address, coin: Coin, *, came_home: bool
    ) -> None:
        """Label what a packet brought: by its source, or as it was when it left.

        Raises:
            ReturnReceiver: The receiver is a channel's escrow.
            ReturnExcess: The zone sends back more than it holds.
        """
        store = open_store(ctx)
        channel_id = packet.destination_channel
        if store.is_escrow(owner):
            raise ReturnReceiver("the receiver is the escrow of a channel")
        if came_home:
            lots = self._release(ctx, store, packet, coin)
        else:
            store.change_zone(channel_id, coin.denom, lambda entry: arrived(entry, coin.amount))
            record = store.packet(packet.destination_port, channel_id, packet.sequence)
            assert record is not None, "the guard noted what it let in"
            label = record.label
            if record.endorsed is not None:
                label = max(label, record.endorsed)
            lots = (Lot(label, record.source, ctx.height, coin.amount),)
        store.add_lots(owner, coin.denom, lots)

    def undone(
        self, ctx: Context, packet: Packet, owner: Address, coin: Coin, *, came_home: bool
    ) -> None:
        """Take back what :meth:`received` gave."""
        store = open_store(ctx)
        channel_id = packet.destination_channel
        drawn = self._draw(ctx, store, owner, coin, 0, frozen_too=True)
        store.set_lots(owner, coin.denom, drawn.left)
        entry = undone(store.zone(channel_id, coin.denom), coin.amount, home=came_home)
        store.set_zone(channel_id, coin.denom, entry)
        if came_home:
            pool = store.pool(channel_id, coin.denom)
            store.set_pool(channel_id, coin.denom, add(pool, drawn.taken))

    def answered(self, ctx: Context, packet: Packet) -> None:
        """Close a packet that was accepted."""
        store = open_store(ctx)
        sent = store.take_sent(packet)
        if sent is not None:
            entry = store.zone(packet.source_channel, sent.denom)
            entry = answered(entry, sent.amount, home=sent.home)
            store.set_zone(packet.source_channel, sent.denom, entry)

    def refunded(self, ctx: Context, packet: Packet, owner: Address, coin: Coin) -> None:
        """Give the owner the lots that were sent.

        Raises:
            LedgerBroken: The zone has sent them back already.
        """
        store = open_store(ctx)
        sent = store.take_sent(packet)
        if sent is None:
            # Sent before the chain followed lots: of no known label, so of the hub's own.
            return
        channel_id = packet.source_channel
        entry = refunded(store.zone(channel_id, coin.denom), coin.amount, home=sent.home)
        store.set_zone(channel_id, coin.denom, entry)
        lots = sent.lots
        if not sent.home:
            back = put_back(store.pool(channel_id, coin.denom), sent.lots)
            store.set_pool(channel_id, coin.denom, back.left)
            lots = back.taken
        store.set_lots(owner, coin.denom, add(store.lots(owner, coin.denom), lots))

    def moved(self, ctx: Context, sender: Address, receiver: Address, coin: Coin) -> None:
        """Let lots follow a move between two accounts, the lowest first.

        Moves to and from escrows and the transfer module are told of by the other methods.

        Raises:
            LotFrozen: What is not in quarantine does not suffice.
        """
        if sender == receiver or sender == self.ledger.module_address(MODULE):
            return
        store = open_store(ctx)
        if not store.lots(sender, coin.denom):
            return
        if any(self._is_internal(store, address) for address in (sender, receiver)):
            return
        drawn = self._draw(ctx, store, sender, coin, 0)
        store.set_lots(sender, coin.denom, drawn.left)
        store.set_lots(receiver, coin.denom, add(store.lots(receiver, coin.denom), drawn.taken))

    def is_frozen(self, store: IntegrityStore, lot: Lot) -> bool:
        """Return whether a lot is in quarantine; one of mixed source, whenever any chain is."""
        if lot.source == MIXED:
            return any(lot.height >= since for since in store.quarantines().values())
        since = store.frozen_since(lot.source)
        return since is not None and lot.height >= since

    def _is_internal(self, store: IntegrityStore, address: Address) -> bool:
        return address == self.ledger.module_address(MODULE) or store.is_escrow(address)

    def _draw(
        self,
        ctx: Context,
        store: IntegrityStore,
        owner: Address,
        coin: Coin,
        least: int,
        *,
        frozen_too: bool = False,
    ) -> Drawn:
        """Return ``coin`` drawn from what the owner had before it left the balance."""
        lots = store.lots(owner, coin.denom)
        own = self.ledger.balance(ctx, owner, coin.denom) + coin.amount - total(lots)
        frozen = {lot for lot in lots if not frozen_too and self.is_frozen(store, lot)}
        drawn = draw(lots, own, coin.amount, at_least=least, is_frozen=lambda lot: lot in frozen)
        if drawn is not None:
            return drawn
        if frozen and draw(lots, own, coin.amount, at_least=least) is not None:
            raise LotFrozen(f"{total(frozen)}{coin.denom}")
        raise LotTooLow(f"{coin} with a label of {least} or more")

    def _release(
        self, ctx: Context, store: IntegrityStore, packet: Packet, coin: Coin
    ) -> tuple[Lot, ...]:
        """Return the lots that a zone sends back: the lowest in the escrow first."""
        channel_id: ChannelId = packet.destination_channel
        denom: Denom = coin.denom
        entry = came_home(store.zone(channel_id, denom), coin.amount)
        store.set_zone(channel_id, denom, entry)
        pool = store.pool(channel_id, denom)
        escrow = escrow_address(packet.destination_port, channel_id)
        own = self.ledger.balance(ctx, escrow, denom) + coin.amount - total(pool)
        drawn = draw(pool, own, coin.amount)
        assert drawn is not None, "the escrow held what it released"
        store.set_pool(channel_id, denom, drawn.left)
        return drawn.taken
