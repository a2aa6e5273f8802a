"""Plain payments on the UTXO chain, and what its node tells of blocks and the ledger."""

import asyncio

import pytest

from chainkit.formats.bitcoin.addresses import encode_address
from chainkit.primitives.amounts import Coin
from chainkit.primitives.errors import OperationFailed, RuleBroken
from chainkit.primitives.types import Denom
from ibc.ics20_transfer.state import escrow_address
from parachains.sdk.users import Delegate, NotOffered, Send
from parachains.utxo.codec import find_carrier
from parachains.utxo.errors import InsufficientFunds
from parachains.utxo.ledger import holdings
from parachains.utxo.limits import LOT_OUTPUT_VALUE
from parachains.utxo.parameters import ISTHMUS
from parachains.utxo.service_forms import RpcError
from parachains.utxo.user import UtxoUser
from tests.utxo_network import Network, failures, named_key
from tests.utxo_worlds import NATIVE, PREFIX

SAM, EVE = named_key("sam"), named_key("eve")


@pytest.fixture(scope="module")
def network():
    """One world for all: each test looks at what it changes. Sam has 700 of the zone's token."""

    async def opened():
        world = Network()
        await world.settle()
        await world.from_zone(world.utxo.address(SAM), "stone", 700)
        await world.settle()
        return world

    return asyncio.run(opened())


async def pay(network, to, *coins):
    """Sam pays in a block; returns the transaction."""
    user = UtxoUser(network.utxo.client(SAM), network.utxo, PREFIX, NATIVE)
    wanted = tuple(Coin(Denom(denom), amount) for denom, amount in coins)
    signed = await user.client.sign((await user.message(Send(to, wanted)),))
    await user.client.broadcast(signed)
    network.utxo.block()
    outcome = await user.client.outcome(signed.tx_hash)
    return network.utxo.chain.block(network.utxo.chain.at(outcome.height).header.hash).transactions[
        1
    ]


async def lots_of(network, key):
    unspent = await network.utxo.client(key)._rpc.unspent(key.script)
    return [(lot.denom, lot.amount) for coin in unspent for lot in coin.lots]


@pytest.mark.parametrize("form", ["account", "bitcoin"])
async def test_coins_are_paid_by_a_plain_transaction(network, form):
    """Both forms of an address name the receiver; nothing of IBC is in the transaction."""
    account = network.utxo.address(EVE)
    address = account if form == "account" else encode_address(EVE.script, ISTHMUS.addresses)
    before, own = network.utxo.held(EVE), network.utxo.held(SAM)
    tx = await pay(network, address, (NATIVE, 12_345))

    assert network.utxo.held(EVE) == before + 12_345
    assert find_carrier(tx) is None
    assert 12_345 < own - network.utxo.held(SAM) < 12_345 + 1_000, "the amount and a fee"


async def test_foreign_tokens_are_paid_by_assigning_lots(network):
    """The receiver's output carries the lot, what is left stays the payer's, to the unit."""
    [(voucher, had)] = await lots_of(network, SAM)
    await pay(network, network.utxo.address(EVE), (voucher, 250), (NATIVE, 1_000))

    assert await lots_of(network, EVE) == [(voucher, 250)]
    assert await lots_of(network, SAM) == [(voucher, had - 250)]
    assert failures(network) == []
    with pytest.raises(OperationFailed, match="lacks 100"):
        await pay(network, network.utxo.address(EVE), (voucher, had - 150))


@pytest.mark.parametrize(
    ("address", "amount", "text"),
    [
        ("", 5_000, "receiver"),
        ("isth1qqqqqq", 5_000, "receiver"),
        ("utxo1qqqqqqqq", 5_000, "bech32"),
        (None, 329, "at least 330sat"),
    ],
)
async def test_what_cannot_be_paid_is_refused_before_it_is_signed(network, address, amount, text):
    """An address of no chain's form, or an output that nodes would not relay."""
    with pytest.raises(RuleBroken, match=text):
        await pay(
            network, network.utxo.address(EVE) if address is None else address, (NATIVE, amount)
        )


async def test_more_than_the_coins_hold_is_refused(network):
    """The fee is not lent either."""
    with pytest.raises(InsufficientFunds):
        await pay(network, network.utxo.address(EVE), (NATIVE, network.utxo.held(SAM)))


async def test_there_is_nothing_to_stake(network):
    """The refusal names the chain and what is wanted."""
    user = UtxoUser(network.utxo.client(SAM), network.utxo, PREFIX, NATIVE)
    with pytest.raises(NotOffered, match="utxo-1 has no message for delegate"):
        await user.message(Delegate("val", Coin(NATIVE, 1)))


async def test_a_block_s_events_and_the_ledger_after_it_are_told(network):
    """What a carrier did, escrow by channel, and lots: as of the block that is asked for."""
    call = network.utxo.call
    ann = network.zone.users["ann"].address
    escrow = escrow_address("transfer", "channel-0").hex()
    before = await call("ibcledger", {"height": network.utxo.chain.tip.height})
    signed = await network.from_utxo(SAM, ann, NATIVE, 70_000)
    height = network.utxo.chain.tip.height
    told = await call("ibcblockevents", {"height": height})
    after = await call("ibcledger", {"height": height})

    [sent] = [event for event in told["events"] if event["type"] == "send_packet"]
    assert sent["attributes"]["packet_src_channel"] == "channel-0"
    assert sent["txid"] == signed.tx_hash
    assert told["hash"] == after["hash"] == await call("getbestblockhash", {})
    held = {(item["address"], item["denom"]): int(item["amount"]) for item in after["accounts"]}
    assert held[escrow, NATIVE] == network.utxo.escrowed() == 70_000
    assert before["accounts"] == [], "nothing was in escrow"
    assert await call("ibcledger", {"height": height - 1}) == before
    lots = sum(int(item["amount"]) for item in after["lots"])
    assert [int(item["amount"]) for item in after["supply"]] == [lots] == [700]
    assert (await call("ibcblockevents", {"height": 1}))["events"] == []


@pytest.mark.parametrize("height", [0, -1, 1 << 31, "7", None, True, 999_999])
async def test_a_block_that_is_not_there_is_refused(network, height):
    """Of the ledger and of events alike."""
    for method in ("ibcledger", "ibcblockevents"):
        with pytest.raises(RpcError):
            await network.utxo.call(method, {"height": height})


async def test_a_ledger_that_is_too_large_is_not_told(network):
    """The limit counts entries; nothing is cut silently."""
    store = network.utxo.chain.machine.stores.store("lots")
    entries = sum(1 for _ in store.iterate(b"", None))

    assert entries > 1
    assert holdings(store, entries) is not None
    assert holdings(store, entries - 1) is None
    assert LOT_OUTPUT_VALUE == 330
