"""The mempool of the UTXO chain: order, replacement, and following the chain."""

from dataclasses import replace

import pytest

from chainkit.commitments.database import MemoryDatabase
from chainkit.formats.bitcoin.errors import BitcoinRuleBroken
from chainkit.formats.bitcoin.transactions import OutPoint, TxOutput
from parachains.utxo import mempool as rules
from parachains.utxo.codec import CARRIER_TAG, Carrier, carrier_script
from parachains.utxo.mempool import Mempool
from parachains.utxo.wallet import Spendable, build_transaction, sign
from tests.utxo_worlds import UtxoWorld, key

ALICE, BOB = key(7), key(8)


@pytest.fixture(scope="module")
def funded():
    world = UtxoWorld()
    world.warm_up()
    world.fund(*[ALICE] * 6)
    return dict(world.database.iterate(b"", None)), world.now


@pytest.fixture
def world(funded):
    database = MemoryDatabase()
    database.write(funded[0])
    fresh = UtxoWorld(database=database)
    fresh.now = funded[1]
    fresh.pool = Mempool(fresh.chain)
    return fresh


def spend(world, which=0, *, fee_rate=2, amount=1_000_000, extra=()):
    coin = world.coins_of(ALICE)[which]
    outputs = [*extra, TxOutput(amount, BOB.script)]
    return build_transaction(ALICE, [coin], outputs, fee_rate=fee_rate)


def test_fee_order_with_parents_first(world) -> None:
    """Blocks take the best payers first, and a payer's parents before it."""
    cheap, rich = spend(world, 0, fee_rate=2), spend(world, 1, fee_rate=9)
    world.pool.add(cheap)
    world.pool.add(rich)
    change = Spendable(OutPoint(cheap.txid, 1), cheap.outputs[1])
    child = build_transaction(ALICE, [change], [TxOutput(5_000, BOB.script)], fee_rate=50)
    world.pool.add(child)
    assert world.pool.in_block_order() == (cheap, child, rich)
    connected = world.mine(*world.pool.in_block_order())
    world.pool.after_change((), connected.block.transactions)
    assert len(world.pool) == 0


def test_replacement_by_fee(world) -> None:
    """A better payer replaces what spends the same coin, with what builds on that."""
    first = spend(world, fee_rate=2)
    world.pool.add(first)
    change = Spendable(OutPoint(first.txid, 1), first.outputs[1])
    child = build_transaction(ALICE, [change], [TxOutput(5_000, BOB.script)], fee_rate=2)
    world.pool.add(child)
    with pytest.raises(BitcoinRuleBroken, match="insufficient fee"):
        world.pool.add(spend(world, fee_rate=2, amount=1_000_001))
    better = spend(world, fee_rate=20)
    world.pool.add(better)
    assert [entry.tx for entry in world.pool.entries()] == [better]


def test_a_final_sequence_cannot_be_replaced(world) -> None:
    """A transaction that does not signal replacement stays."""
    tx = spend(world)
    from_final = replace(tx, inputs=(replace(tx.inputs[0], sequence=0xFFFFFFFF, witness=()),))
    signed = sign(from_final, [world.chain.coin(tx.inputs[0].previous_output).output], ALICE)
    world.pool.add(signed)
    with pytest.raises(BitcoinRuleBroken, match="txn-mempool-conflict"):
        world.pool.add(spend(world, fee_rate=50))


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (b"\x6a" + bytes([len(CARRIER_TAG) + 1]) + CARRIER_TAG + b"\xff", "carrier-malformed"),
        (carrier_script(Carrier((), 9, ())), "ok"),
    ],
)
def test_carriers_are_checked(world, script, reason) -> None:
    """A carrier that does not decode is refused at the door, not in a block."""
    tx = spend(world, extra=(TxOutput(0, script),))
    if reason == "ok":
        world.pool.add(tx)
        return
    with pytest.raises(BitcoinRuleBroken, match=reason):
        world.pool.add(tx)
    assert world.template(tx).refused == (tx.txid,)


def test_refusals(world) -> None:
    """Twice the same, a coinbase, a broken signature, and too low a fee are named."""
    tx = spend(world)
    world.pool.add(tx)
    with pytest.raises(BitcoinRuleBroken, match="txn-already-in-mempool"):
        world.pool.add(tx)
    coinbase = world.chain.block(world.chain.tip.header.hash).transactions[0]
    with pytest.raises(BitcoinRuleBroken, match="coinbase"):
        world.pool.add(coinbase)
    other = spend(world, 1)
    broken = replace(other, outputs=(*other.outputs[:-1], replace(other.outputs[-1], value=1)))
    with pytest.raises(BitcoinRuleBroken, match="script-verify-flag-failed"):
        world.pool.add(broken)
    with pytest.raises(BitcoinRuleBroken, match="min relay fee not met"):
        world.pool.add(spend(world, 2, fee_rate=0))


def test_bounds(world, monkeypatch) -> None:
    """A full mempool drops the cheapest; a newcomer that is the cheapest is refused."""
    cheap, rich = spend(world, 0, fee_rate=2), spend(world, 1, fee_rate=9)
    monkeypatch.setattr(rules, "MAX_MEMPOOL_WEIGHT", cheap.weight + rich.weight - 1)
    world.pool.add(cheap)
    world.pool.add(rich)
    assert cheap.txid not in world.pool
    with pytest.raises(BitcoinRuleBroken, match="mempool full"):
        world.pool.add(spend(world, 2, fee_rate=2))


def test_chains_are_bounded(world) -> None:
    """Too long a chain of waiting transactions is refused."""
    tx = spend(world)
    world.pool.add(tx)
    for _ in range(rules.MAX_ANCESTORS - 1):
        change = Spendable(OutPoint(tx.txid, 1), tx.outputs[1])
        tx = build_transaction(ALICE, [change], [TxOutput(1_000, BOB.script)], fee_rate=2)
        world.pool.add(tx)
    change = Spendable(OutPoint(tx.txid, 1), tx.outputs[1])
    tx = build_transaction(ALICE, [change], [TxOutput(1_000, BOB.script)], fee_rate=2)
    with pytest.raises(BitcoinRuleBroken, match="too-long-mempool-chain"):
        world.pool.add(tx)


def test_a_reorganisation_brings_transactions_back(world) -> None:
    """What a disconnected block held waits again."""
    tx = spend(world)
    world.pool.add(tx)
    connected = world.mine(tx)
    world.pool.after_change((), connected.block.transactions)
    assert tx.txid not in world.pool
    world.chain._disconnect()
    world.pool.after_change(connected.block.transactions, ())
    assert tx.txid in world.pool
