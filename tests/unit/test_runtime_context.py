"""Savepoints, gas and fees, each rule once."""

import pytest

from chainkit.primitives.amounts import Coin
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.types import BlockHeight, ChainId, Denom, TimestampNs
from chainkit.runtime.context import Context, ExecutionMode
from chainkit.runtime.errors import InsufficientFee, InvalidRequest, OutOfGas
from chainkit.runtime.events import Event
from chainkit.runtime.fees import parse_gas_prices, require_minimum_fee
from chainkit.runtime.gas import GasMeter
from chainkit.runtime.store import MemoryStore, Overlay, PrefixStore, prefix_end


def context(limit=None):
    overlay = Overlay(lambda _: MemoryStore({b"old": b"1"}))
    return Context(
        ChainId("c-1"),
        BlockHeight(1),
        TimestampNs(0),
        ExecutionMode.DELIVER,
        overlay,
        GasMeter(limit),
    )


def failing_part(ctx):
    with ctx.savepoint():
        ctx.store("s").delete(b"old")
        ctx.emit(Event("dropped"))
        raise InvalidRequest


def test_a_savepoint_that_raises_drops_writes_and_events():
    """Nested work is undone to where the failing part began, no further; gas stays used."""
    ctx = context()
    with ctx.savepoint():
        ctx.store("s").set(b"kept", b"1")
        ctx.emit(Event("kept"))
        used = ctx.gas.consumed
        with pytest.raises(InvalidRequest):
            failing_part(ctx)

    assert ctx.store("s").get(b"old") == b"1"
    assert ctx.store("s").get(b"kept") == b"1"
    assert ctx.events.all() == (Event("kept"),)
    assert ctx.gas.consumed > used


def test_discard_returns_the_events_that_it_drops():
    """A failed receive can emit them again under another name."""
    ctx = context()
    with ctx.savepoint() as savepoint:
        ctx.store("s").set(b"k", b"v")
        ctx.emit(Event("transfer", (("amount", "5"),)))
        dropped = savepoint.discard()
        ctx.store("s").set(b"after", b"v")
    for event in dropped:
        ctx.emit(event.renamed("ibccallbackerror-"))

    assert [e.type for e in ctx.events.all()] == ["ibccallbackerror-transfer"]
    assert ctx.store("s").get(b"k") is None
    assert ctx.store("s").get(b"after") == b"v"


def test_store_gas_is_the_sdks():
    """Flat and per-byte costs of KVGasConfig, absent keys included."""
    ctx = context()
    store = ctx.store("s")
    costs = []
    for work in (
        lambda: store.set(b"abc", b"12345"),
        lambda: store.get(b"abc"),
        lambda: store.get(b"none"),
        lambda: store.delete(b"abc"),
        lambda: list(store.iterate(b"", None)),
    ):
        before = ctx.gas.consumed
        work()
        costs.append(ctx.gas.consumed - before)

    assert costs == [2000 + 30 * 8, 1000 + 3 * 8, 1000 + 3 * 4, 1000, 3 * 4 + 30]


def test_gas_over_the_limit_is_refused_before_the_write():
    """A write that cannot be paid does not happen."""
    ctx = context(2100)
    with pytest.raises(OutOfGas):
        ctx.store("s").set(b"abc", b"12345")

    assert ctx.overlay.store("s").get(b"abc") is None


@pytest.mark.parametrize("key", [b"", b"k" * 65_536])
def test_keys_have_limits(key):
    """An empty or huge key is refused by name."""
    with pytest.raises(InvalidRequest):
        context().store("s").set(key, b"v")


def test_a_prefix_store_stays_inside_its_prefix():
    """Neighbours of the prefix are neither seen nor touched: channel-1 is not channel-10."""
    store = MemoryStore({b"a/1/x": b"1", b"a/10/x": b"2", b"a/2": b"3"})
    part = PrefixStore(store, b"a/1/")

    assert list(part.iterate(b"", None)) == [(b"x", b"1")]
    assert prefix_end(b"a\xff") == b"b"
    assert prefix_end(b"\xff") is None


@pytest.mark.parametrize(
    ("prices", "fee", "enough"),
    [
        ("0.025stake", 5000, True),
        ("0.025stake", 4999, False),
        ("", 0, True),
        ("0stake", 0, True),
        ("0.0000001stake", 1, True),
    ],
)
def test_the_least_fee_is_rounded_up(prices, fee, enough):
    """200,000 gas at 0.025 is 5,000; a fraction of a unit is a unit."""
    coins = (Coin(Denom("stake"), fee),) if fee else ()
    if enough:
        require_minimum_fee(parse_gas_prices(prices), coins, 200_000)
    else:
        with pytest.raises(InsufficientFee) as refused:
            require_minimum_fee(parse_gas_prices(prices), coins, 200_000)
        assert refused.value.code == 13


@pytest.mark.parametrize("text", ["stake", "-1stake", "1.stake", "1e5", "0.0stake,"])
def test_prices_that_are_none_are_refused(text):
    """Only amounts with a denomination are prices."""
    with pytest.raises(MalformedMessage):
        parse_gas_prices(text)
