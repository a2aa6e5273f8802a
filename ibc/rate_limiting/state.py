r"""What the rate limiter remembers, in the store ``ratelimit``.

Keys: ``limit/<denom>\\0<channel>`` a limit; ``send/`` and ``receive/`` with
``<channel>\\0<sequence><denom>`` how much of a packet of this window is counted;
``blacklist/<denom>``; ``epoch``, the hour that was begun last. The zero byte keeps
``channel-1`` apart from ``channel-10``: neither has one in it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from chainkit.commitments.database import prefix_end
from chainkit.primitives.types import ChannelId, Denom, Sequence, TimestampNs
from chainkit.runtime.context import Context
from ibc.rate_limiting.codec import decode_rate_limit, encode_rate_limit
from ibc.rate_limiting.quotas import Direction, LimitedPath, RateLimit

STORE_NAME = "ratelimit"
HOUR_NS = 3_600 * 1_000_000_000
_LIMIT = b"limit/"
_BLACKLIST = b"blacklist/"
_EPOCH = b"epoch"
_COUNTED = {Direction.SEND: b"send/", Direction.RECEIVE: b"receive/"}


def _limit_key(path: LimitedPath) -> bytes:
    return _LIMIT + path.denom.encode() + b"\0" + path.channel_id.encode()


def rate_limit(ctx: Context, path: LimitedPath) -> RateLimit | None:
    """Return the limit on a path, or None."""
    value = ctx.store(STORE_NAME).get(_limit_key(path))
    return None if value is None else decode_rate_limit(value)


def set_rate_limit(ctx: Context, limit: RateLimit) -> None:
    """Write a limit."""
    ctx.store(STORE_NAME).set(_limit_key(limit.path), encode_rate_limit(limit))


def remove_rate_limit(ctx: Context, path: LimitedPath) -> None:
    """Delete a limit."""
    ctx.store(STORE_NAME).delete(_limit_key(path))


def rate_limits(ctx: Context) -> tuple[RateLimit, ...]:
    """Return all limits in the order of their tokens and channels."""
    rows = ctx.store(STORE_NAME).iterate(_LIMIT, prefix_end(_LIMIT))
    return tuple(decode_rate_limit(value) for _, value in rows)


# --- packets of this window ---------------------------------------------------------------


def _channel_prefix(direction: Direction, channel_id: ChannelId) -> bytes:
    return _COUNTED[direction] + channel_id.encode() + b"\0"


def _packet_prefix(direction: Direction, channel_id: ChannelId, sequence: Sequence) -> bytes:
    return _channel_prefix(direction, channel_id) + sequence.to_bytes(8, "big")


def count(
    ctx: Context, direction: Direction, path: LimitedPath, sequence: Sequence, amount: int
) -> None:
    """Note that so much more of a packet is counted in this window."""
    key = _packet_prefix(direction, path.channel_id, sequence) + path.denom.encode()
    store = ctx.store(STORE_NAME)
    store.set(key, str(int(store.get(key) or b"0") + amount).encode())


def take_counted(
    ctx: Context, direction: Direction, path: LimitedPath, sequence: Sequence, amount: int
) -> int:
    """Forget up to ``amount`` of what is counted of a packet, and return how much that was."""
    key = _packet_prefix(direction, path.channel_id, sequence) + path.denom.encode()
    store = ctx.store(STORE_NAME)
    counted = int(store.get(key) or b"0")
    taken = min(counted, amount)
    if counted > taken:
        store.set(key, str(counted - taken).encode())
    elif counted:
        store.delete(key)
    return taken


def forget_packet(
    ctx: Context, direction: Direction, channel_id: ChannelId, sequence: Sequence
) -> None:
    """Forget what is counted of a packet: it is done."""
    store = ctx.store(STORE_NAME)
    prefix = _packet_prefix(direction, channel_id, sequence)
    for key in [key for key, _ in store.iterate(prefix, prefix_end(prefix))]:
        store.delete(key)


def forget_window(ctx: Context, path: LimitedPath) -> None:
    """Forget what is counted of all packets of a path."""
    store, denom = ctx.store(STORE_NAME), path.denom.encode()
    for direction in Direction:
        prefix = _channel_prefix(direction, path.channel_id)
        keys = [key for key, _ in store.iterate(prefix, prefix_end(prefix))]
        for key in keys:
            if key[len(prefix) + 8 :] == denom:
                store.delete(key)


# --- tokens that do not cross -------------------------------------------------------------


def is_blacklisted(ctx: Context, denom: Denom) -> bool:
    """Return whether a token does not cross any channel."""
    return ctx.store(STORE_NAME).get(_BLACKLIST + denom.encode()) is not None


def blacklist(ctx: Context, denom: Denom) -> None:
    """Keep a token from crossing any channel."""
    ctx.store(STORE_NAME).set(_BLACKLIST + denom.encode(), b"\1")


def blacklisted(ctx: Context) -> Iterator[str]:
    """Yield the tokens that do not cross."""
    for key, _ in ctx.store(STORE_NAME).iterate(_BLACKLIST, prefix_end(_BLACKLIST)):
        yield key[len(_BLACKLIST) :].decode()


# --- hours --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HourEpoch:
    """The hour that was begun last: its number, and when it began."""

    number: int
    start: TimestampNs


def hour_epoch(ctx: Context) -> HourEpoch | None:
    """Return the present hour; None before the first block."""
    value = ctx.store(STORE_NAME).get(_EPOCH)
    if value is None:
        return None
    return HourEpoch(
        int.from_bytes(value[:8], "big"), TimestampNs(int.from_bytes(value[8:], "big"))
    )


def set_hour_epoch(ctx: Context, epoch: HourEpoch) -> None:
    """Write the present hour."""
    value = epoch.number.to_bytes(8, "big") + epoch.start.to_bytes(8, "big")
    ctx.store(STORE_NAME).set(_EPOCH, value)
