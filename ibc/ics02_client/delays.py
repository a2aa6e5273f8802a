"""When a client stored a consensus state, and the delay that proofs under it wait for.

Every light client keeps both beside its consensus states, under ibc-go's keys.

Spec:
    ICS-03, "Connection delay period"; ibc-go 07-tendermint, ``store.go``.
"""

from collections.abc import Callable
from dataclasses import dataclass

from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.heights import Height, chain_revision, parse_height
from chainkit.primitives.types import TimestampNs
from chainkit.runtime.context import Context
from chainkit.runtime.store import KVStore, ReadStore
from ibc.ics24_host.paths import consensus_state_key

_UINT64_BYTES = 8


@dataclass(frozen=True, slots=True)
class DelayRefusals:
    """What a light client calls the three refusals, each made from its text."""

    time_not_found: Callable[[str], RuleBroken]
    height_not_found: Callable[[str], RuleBroken]
    not_passed: Callable[[str], RuleBroken]


def host_height(ctx: Context) -> Height:
    """Return this chain's own height."""
    return Height(chain_revision(ctx.chain_id), ctx.height)


def processed_time_key(height: Height) -> bytes:
    """Return the key of when a consensus state was stored, in this chain's nanoseconds."""
    return consensus_state_key(height) + b"/processedTime"


def processed_height_key(height: Height) -> bytes:
    """Return the key of the height of this chain at which it was stored."""
    return consensus_state_key(height) + b"/processedHeight"


def write_processed(store: KVStore, height: Height, at: Height, time: TimestampNs) -> None:
    """Write when the consensus state of ``height`` was stored: this chain's height and time."""
    store.set(processed_time_key(height), time.to_bytes(_UINT64_BYTES))
    store.set(processed_height_key(height), str(at).encode())


def find_processed_time(store: ReadStore, height: Height) -> TimestampNs | None:
    """Return when the consensus state was stored, or None."""
    data = store.get(processed_time_key(height))
    return None if data is None else TimestampNs(int.from_bytes(data))


def find_processed_height(store: ReadStore, height: Height) -> Height | None:
    """Return the height of this chain at which it was stored, or None."""
    data = store.get(processed_height_key(height))
    return None if data is None else parse_height(data.decode())


def require_delay_passed(
    ctx: Context,
    store: ReadStore,
    height: Height,
    *,
    delay_time_ns: int,
    delay_blocks: int,
    refusals: DelayRefusals,
) -> None:
    """Check that a connection's delay has passed since ``height`` was stored here.

    Args:
        ctx: This chain's time and height now.
        store: The client's own.
        height: Of the consensus state that a proof is under.
        delay_time_ns: 0 or this chain's nanoseconds.
        delay_blocks: 0 or this chain's blocks.
        refusals: The light client's own.

    Raises:
        RuleBroken: One of ``refusals``.
    """
    if delay_time_ns:
        since = find_processed_time(store, height)
        if since is None:
            raise refusals.time_not_found(f"processed time not found for height: {height}")
        if ctx.time < since + delay_time_ns:
            raise refusals.not_passed(
                f"cannot verify packet until time: {since + delay_time_ns}, "
                f"current time: {ctx.time}"
            )
    if delay_blocks:
        stored = find_processed_height(store, height)
        if stored is None:
            raise refusals.height_not_found(f"processed height not found for height: {height}")
        first = Height(stored.revision_number, stored.revision_height + delay_blocks)
        if host_height(ctx) < first:
            raise refusals.not_passed(
                f"cannot verify packet until height: {first}, current height: {host_height(ctx)}"
            )
