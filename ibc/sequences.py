"""Counters in the store: 8 bytes big-endian, as ibc-go keeps them."""

from chainkit.runtime.context import Context
from ibc.ics24_host.paths import STORE_NAME


def read_sequence(ctx: Context, key: bytes) -> int:
    """Return the counter at ``key``, 0 before it is first written."""
    value = ctx.store(STORE_NAME).get(key)
    return 0 if value is None else int.from_bytes(value, "big")


def write_sequence(ctx: Context, key: bytes, value: int) -> None:
    """Write the counter at ``key``."""
    ctx.store(STORE_NAME).set(key, value.to_bytes(8, "big"))


def take_sequence(ctx: Context, key: bytes) -> int:
    """Return the counter at ``key`` and leave it one higher."""
    number = read_sequence(ctx, key)
    write_sequence(ctx, key, number + 1)
    return number
