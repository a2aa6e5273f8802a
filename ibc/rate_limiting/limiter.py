"""The limits at work: asked at each move of tokens over channels, and once an hour.

It stands where a chain follows its assets (``AssetLabels``), so that it sees the same of IBC
v1, v2 and forwarding: the token by its name here, the amount, and the packet. Where it refuses,
the runtime undoes the transfer, and the router answers a received packet with the code.

Spec:
    ibc-go v11 rate-limiting, ``keeper/packet.go``, ``flow.go``, ``epoch.go``, ``abci.go``.
"""

from dataclasses import dataclass

from chainkit.primitives.amounts import Coin
from chainkit.primitives.types import Address, ChannelId, PortId, Sequence, TimestampNs
from chainkit.runtime.context import Context
from chainkit.runtime.events import Event
from ibc.ics04_channel.types import Packet
from ibc.ics20_transfer.port import AssetLabels, TokenLedger
from ibc.rate_limiting import state
from ibc.rate_limiting.errors import DenomIsBlacklisted, QuotaExceeded, RateLimitRefusal
from ibc.rate_limiting.quotas import Direction, LimitedPath
from ibc.rate_limiting.state import HOUR_NS, HourEpoch

HOURS_OF_DAY = 24


@dataclass(frozen=True, slots=True)
class RateLimiter:
    """Counts what moves, and refuses what is too much; then ``inner`` hears of it."""

    ledger: TokenLedger
    inner: AssetLabels

    def escrow(self, ctx: Context, address: Address) -> None:
        """Pass it on."""
        self.inner.escrow(ctx, address)

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
        """Count what leaves.

        Raises:
            QuotaExceeded: It is too much for this window.
            DenomIsBlacklisted: The token does not cross.
        """
        self._count(ctx, Direction.SEND, channel_id, sequence, coin)
        self.inner.sent(ctx, owner, coin, port_id, channel_id, sequence, goes_home=goes_home)

    def received(
        self, ctx: Context, packet: Packet, owner: Address, coin: Coin, *, came_home: bool
    ) -> None:
        """Count what enters.

        Raises:
            QuotaExceeded: It is too much for this window.
            DenomIsBlacklisted: The token does not cross.
        """
        channel_id = packet.destination_channel
        self._count(ctx, Direction.RECEIVE, channel_id, packet.sequence, coin)
        self.inner.received(ctx, packet, owner, coin, came_home=came_home)

    def undone(
        self, ctx: Context, packet: Packet, owner: Address, coin: Coin, *, came_home: bool
    ) -> None:
        """Take back what entered and could not be sent on."""
        channel_id = packet.destination_channel
        self._undo(ctx, Direction.RECEIVE, channel_id, packet.sequence, coin)
        self.inner.undone(ctx, packet, owner, coin, came_home=came_home)

    def answered(self, ctx: Context, packet: Packet) -> None:
        """Keep what left: it arrived."""
        state.forget_packet(ctx, Direction.SEND, packet.source_channel, packet.sequence)
        self.inner.answered(ctx, packet)

    def refunded(self, ctx: Context, packet: Packet, owner: Address, coin: Coin) -> None:
        """Take back what left and came back."""
        self._undo(ctx, Direction.SEND, packet.source_channel, packet.sequence, coin)
        self.inner.refunded(ctx, packet, owner, coin)

    def _count(
        self,
        ctx: Context,
        direction: Direction,
        channel_id: ChannelId,
        sequence: Sequence,
        coin: Coin,
    ) -> None:
        path = LimitedPath(coin.denom, channel_id)
        if state.is_blacklisted(ctx, coin.denom):
            refusal = DenomIsBlacklisted(f"denom {coin.denom} is blacklisted")
            _tell(ctx, "blacklisted_denom", direction, path, coin, refusal)
            raise refusal
        limit = state.rate_limit(ctx, path)
        if limit is None:
            return
        try:
            moved = limit.moved(direction, coin.amount)
        except QuotaExceeded as refusal:
            _tell(ctx, "rate_limit_exceeded", direction, path, coin, refusal)
            raise
        state.set_rate_limit(ctx, moved)
        state.count(ctx, direction, path, sequence, coin.amount)

    def _undo(
        self,
        ctx: Context,
        direction: Direction,
        channel_id: ChannelId,
        sequence: Sequence,
        coin: Coin,
    ) -> None:
        """Take a packet back if it was counted in this window."""
        path = LimitedPath(coin.denom, channel_id)
        taken = state.take_counted(ctx, direction, path, sequence, coin.amount)
        limit = state.rate_limit(ctx, path)
        if limit is not None and taken:
            state.set_rate_limit(ctx, limit.undone(direction, taken))

    # --- time ---------------------------------------------------------------------------

    def begin_hour(self, ctx: Context) -> None:
        """Begin the next hour if it is time, and the windows that end with the last."""
        epoch = state.hour_epoch(ctx)
        if epoch is None:
            start = ctx.time - ctx.time % HOUR_NS
            number = start // HOUR_NS % HOURS_OF_DAY
            state.set_hour_epoch(ctx, HourEpoch(number, TimestampNs(start)))
            return
        if ctx.time <= epoch.start + HOUR_NS:
            return
        following = HourEpoch(epoch.number + 1, TimestampNs(epoch.start + HOUR_NS))
        state.set_hour_epoch(ctx, following)
        for limit in state.rate_limits(ctx):
            if following.number % limit.quota.duration_hours == 0:
                self.reset(ctx, limit.path)

    def reset(self, ctx: Context, path: LimitedPath) -> None:
        """Begin a window: nothing has moved, and shares are of today's supply."""
        limit = state.rate_limit(ctx, path)
        assert limit is not None
        state.set_rate_limit(ctx, limit.begun(self.ledger.supply(ctx, path.denom)))
        state.forget_window(ctx, path)


def _tell(
    ctx: Context,
    reason: str,
    direction: Direction,
    path: LimitedPath,
    coin: Coin,
    refusal: RateLimitRefusal,
) -> None:
    ctx.emit(
        Event(
            "transfer_denied",
            (
                ("module", state.STORE_NAME),
                ("reason", reason),
                ("action", direction.value),
                ("denom", path.denom),
                ("channel_or_client", path.channel_id),
                ("amount", str(coin.amount)),
                ("error", str(refusal)),
            ),
        )
    )
