"""What a limit is, and its arithmetic (ibc-go rate-limiting ``types``)."""

from dataclasses import dataclass, replace
from enum import Enum

from chainkit.primitives.types import ChannelId, Denom
from ibc.rate_limiting.errors import QuotaExceeded


class Direction(Enum):
    """Which way a token goes, in ibc-go's words."""

    SEND = "packet_send"
    RECEIVE = "packet_recv"


@dataclass(frozen=True, slots=True)
class LimitedPath:
    """A token by its name here, and this side's channel, or client of IBC v2."""

    denom: Denom
    channel_id: ChannelId


@dataclass(frozen=True, slots=True)
class Quota:
    """Shares of the supply in percent, 0 to 100, and the hours of a window."""

    max_percent_send: int
    max_percent_receive: int
    duration_hours: int


@dataclass(frozen=True, slots=True)
class Flow:
    """What moved in this window, and the supply when it began."""

    inflow: int
    outflow: int
    channel_value: int


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A quota on a path and how much of it is used."""

    path: LimitedPath
    quota: Quota
    flow: Flow

    def moved(self, direction: Direction, amount: int) -> "RateLimit":
        """Return the limit after a transfer.

        Raises:
            QuotaExceeded: What goes that way, less what came the other, would be more than the
                share of the supply.
        """
        flow, quota = self.flow, self.quota
        if direction is Direction.SEND:
            net, percent = flow.outflow - flow.inflow + amount, quota.max_percent_send
            after = replace(flow, outflow=flow.outflow + amount)
            word = "Outflow"
        else:
            net, percent = flow.inflow - flow.outflow + amount, quota.max_percent_receive
            after = replace(flow, inflow=flow.inflow + amount)
            word = "Inflow"
        # Of a token that does not exist there is no share: nothing is held back.
        if flow.channel_value and net > flow.channel_value * percent // 100:
            raise QuotaExceeded(
                f"{word} exceeds quota - Net {word}: {net}, "
                f"Channel Value: {flow.channel_value}, Threshold: {percent}%"
            )
        return replace(self, flow=after)

    def undone(self, direction: Direction, amount: int) -> "RateLimit":
        """Return the limit after a transfer of this window was taken back."""
        flow = self.flow
        if direction is Direction.SEND:
            return replace(self, flow=replace(flow, outflow=max(0, flow.outflow - amount)))
        return replace(self, flow=replace(flow, inflow=max(0, flow.inflow - amount)))

    def begun(self, supply: int, quota: Quota | None = None) -> "RateLimit":
        """Return the limit at the beginning of a window."""
        return RateLimit(self.path, quota or self.quota, Flow(0, 0, supply))
