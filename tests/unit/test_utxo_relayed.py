"""The real relayer between a UTXO chain and a zone: tokens both ways, home again, and timeouts."""

import pytest

from chainkit.formats.bitcoin.errors import BitcoinRuleBroken
from chainkit.formats.bitcoin.transactions import TxOutput
from chainkit.primitives.amounts import Coin
from chainkit.primitives.types import Denom
from ibc.ics04_channel.types import ChannelState
from parachains.utxo.ledger import ESCROW_SCRIPT
from parachains.utxo.wallet import Spendable, build_transaction
from tests.utxo_network import Network, failures, named_key
from tests.utxo_worlds import NATIVE


@pytest.fixture
async def network():
    opened = Network()
    await opened.settle()
    assert failures(opened) == []
    for chain in opened.chains:
        channels = await chain.client().channels("connection-0")
        assert [channel.end.state for channel in channels] == [ChannelState.OPEN]
    return opened


async def test_coins_go_over_and_come_home(network) -> None:
    """Satoshis into escrow, vouchers on the zone; back: vouchers burnt, escrow paid out exactly."""
    sam, ann = named_key("sam"), network.zone.users["ann"].address
    await network.from_utxo(sam, ann, NATIVE, 250_000_000)
    assert network.utxo.escrowed() == 250_000_000
    await network.settle()
    vouchers = {d: a for d, a in (await network.zone_balances(ann)).items() if d[:4] == "ibc/"}
    assert list(vouchers.values()) == [250_000_000]

    before = network.utxo.held(sam)
    await network.from_zone(network.utxo.address(sam), next(iter(vouchers)), 100_000_000)
    await network.settle()
    assert failures(network) == []
    assert network.utxo.escrowed() == 150_000_000
    assert network.utxo.held(sam) == before + 100_000_000


async def test_foreign_tokens_are_lots(network) -> None:
    """A zone's token arrives as a lot on an output of the receiver, is split, and goes home."""
    sam, ann = named_key("sam"), network.zone.users["ann"].address
    await network.from_zone(network.utxo.address(sam), "stone", 700)
    await network.settle()
    unspent = await network.utxo.client(sam)._rpc.unspent(sam.script)
    lots = [lot for coin in unspent for lot in coin.lots]
    assert [lot.amount for lot in lots] == [700]
    voucher = lots[0].denom

    await network.from_utxo(sam, ann, voucher, 300, lots=(Coin(Denom(voucher), 300),))
    unspent = await network.utxo.client(sam)._rpc.unspent(sam.script)
    assert [lot.amount for coin in unspent for lot in coin.lots] == [400]
    before = (await network.zone_balances(ann))["stone"]
    await network.settle()
    assert failures(network) == []
    assert (await network.zone_balances(ann))["stone"] == before + 300


async def test_a_timeout_refunds_by_median_time(network) -> None:
    """A packet that nobody delivers in time is refunded from escrow to the last satoshi."""
    sam, ann = named_key("sam"), network.zone.users["ann"].address
    before = network.utxo.held(sam)
    await network.from_utxo(sam, ann, NATIVE, 5_000, timeout_s=3)
    fee_and_amount = before - network.utxo.held(sam)
    for _ in range(5):
        network.zone.block()
    await network.settle()
    assert failures(network) == []
    assert network.utxo.escrowed() == 0
    assert network.utxo.held(sam) == before - fee_and_amount + 5_000


async def test_a_zone_s_timeout_is_proven_by_median_time(network) -> None:
    """The zone refunds only when the UTXO chain's median time, not a header, is past the timeout."""
    ann = network.zone.users["ann"].address
    sam = named_key("sam")
    before = (await network.zone_balances(ann))["stone"]
    await network.from_zone(network.utxo.address(sam), "stone", 9, timeout_s=2)
    for _ in range(12):
        network.utxo.block()
    await network.settle()
    assert failures(network) == []
    assert (await network.zone_balances(ann))["stone"] == before
    assert [
        lot for c in await network.utxo.client(sam)._rpc.unspent(sam.script) for lot in c.lots
    ] == []


async def test_escrow_is_only_for_messages(network) -> None:
    """A transaction that takes escrow without a message that releases it never enters a block."""
    sam, ann = named_key("sam"), network.zone.users["ann"].address
    await network.from_utxo(sam, ann, NATIVE, 5_000)
    point, coin = next(iter(network.utxo.chain.coins_of(ESCROW_SCRIPT)))
    theft = build_transaction(
        sam,
        network.utxo.coins_of(sam),
        [TxOutput(5_000, sam.script)],
        fee_rate=2,
        forced=[Spendable(point, coin.output)],
    )
    with pytest.raises(BitcoinRuleBroken, match="escrow-unbalanced"):
        network.utxo.mempool.add(theft)
    assert network.utxo.template(theft).refused == (theft.txid,)
