"""When a packet can no longer be received (ICS-04, "Timeouts"); one rule for both sides."""

from chainkit.primitives.heights import Height
from chainkit.primitives.types import TimestampNs
from ibc.ics04_channel.types import Packet


def has_timed_out(packet: Packet, height: Height, time: TimestampNs) -> bool:
    """Return whether the receiving chain, at ``height`` and ``time``, is past a limit.

    Reaching a limit is being past it; a limit of zero is none.
    """
    by_height = not packet.timeout_height.is_zero() and height >= packet.timeout_height
    by_time = packet.timeout_timestamp != 0 and time >= packet.timeout_timestamp
    return by_height or by_time
