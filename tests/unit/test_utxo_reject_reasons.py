"""Every reason for which a block, transaction or header is refused has a case: Bitcoin Core's names.

Core itself judges the same blocks in tests/clients, where its library is installed.
"""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from chainkit.commitments.database import MemoryDatabase
from chainkit.formats.bitcoin.errors import BitcoinRuleBroken
from chainkit.formats.bitcoin.header_chain import extend
from chainkit.formats.bitcoin.limits import MAX_MONEY
from chainkit.formats.bitcoin.transactions import (
    OutPoint,
    Transaction,
    TxInput,
    TxOutput,
    check_transaction,
)
from parachains.utxo import mempool as rules
from parachains.utxo.coins import Coin, coin_key, encode_coin
from parachains.utxo.mempool import Mempool
from parachains.utxo.wallet import Spendable, build_transaction
from tests import miners
from tests.clients.invalid_blocks import INVALID
from tests.utxo_worlds import UtxoWorld, key

ROOT = Path(__file__).parents[2]
OUTPUT = TxOutput(1_000, key(7).script)


@pytest.fixture(scope="module")
def warm():
    world = UtxoWorld()
    world.warm_up(103)
    return dict(world.database.iterate(b"", None)), world.now


@pytest.fixture
def world(warm):
    database = MemoryDatabase()
    database.write(warm[0])
    fresh = UtxoWorld(database=database)
    fresh.now = warm[1]
    return fresh


def refused(reason):
    return pytest.raises(BitcoinRuleBroken, match=f"^{re.escape(reason)}")


@pytest.mark.parametrize(
    ("reason", "make"), INVALID, ids=[f"{i}-{reason}" for i, (reason, _) in enumerate(INVALID)]
)
def test_blocks(world, reason, make) -> None:
    """A block that breaks one rule is refused by the rule's name, and the tip stays."""
    tip, now = world.chain.tip, world.now
    block = make(world)
    with refused(reason):
        world.chain.accept_block(block, now)
    assert world.chain.tip is tip


def test_a_block_on_an_invalid_one(world) -> None:
    """What builds on a block that broke a rule is refused before it is looked at."""
    make = dict(INVALID)["bad-cb-amount"]
    bad = make(world)
    with refused("bad-cb-amount"):
        world.chain.accept_block(bad, world.now)
    child = miners.work_on(
        replace(bad.header, previous_block=bad.header.hash, time=bad.header.time + 1, nonce=0)
    )
    with refused("bad-prevblk"):
        world.chain.accept_header(child, world.now)


def test_a_transaction_whose_outputs_are_there_already(world) -> None:
    """BIP-30: a transaction must not repeat the identifier of one with unspent outputs."""
    tx = world.pay(world.miner, [OUTPUT])
    block = world.mined(tx)
    point = OutPoint(tx.txid, 1)
    world.database.write({coin_key(point): encode_coin(Coin(OUTPUT, 1, False))})
    with refused("bad-txns-BIP30"):
        world.chain.accept_block(block, world.now)


def test_coins_of_more_than_all_money(world) -> None:
    """Values that no valid chain holds are not added up."""
    tx = world.pay(world.miner, [OUTPUT])
    block = world.mined(tx)
    point = tx.inputs[0].previous_output
    rich = Coin(TxOutput(MAX_MONEY + 1, world.miner.script), 1, False)
    world.database.write({coin_key(point): encode_coin(rich)})
    with refused("bad-txns-inputvalues-outofrange"):
        world.chain.accept_block(block, world.now)


def test_transactions_by_themselves() -> None:
    """What a transaction shows without its chain, beyond what whole blocks show above."""
    entry = TxInput(OutPoint(b"\x01" * 32, 0), b"", 0)
    with refused("bad-txns-vin-empty"):
        check_transaction(Transaction(2, (), (OUTPUT,), 0))
    with refused("bad-txns-oversize"):
        check_transaction(Transaction(2, (entry,), (TxOutput(0, bytes(1_000_000)),), 0))


def test_a_period_that_begins_before_its_parent() -> None:
    """BIP-54, where a chain's rules have it: times may not be turned back at a retarget."""
    chain_rules = replace(miners.RULES, timewarp_grace=600)
    points = miners.grow(miners.first_point(), 18, spacing=700)
    last = miners.mine(points[-1], time=points[-1].header.time + 700)
    parent = extend(points[-1], last, chain_rules, now=last.time)
    early = miners.mine(parent, time=parent.header.time - 601)
    assert early.time > parent.median_time_past
    with refused("time-timewarp-attack"):
        extend(parent, early, chain_rules, now=last.time)
    fine = miners.mine(parent, time=parent.header.time - 600)
    assert extend(parent, fine, chain_rules, now=last.time).height == 20


def test_what_the_mempool_does_not_take(world, monkeypatch) -> None:
    """Too large to be relayed, replacing too much, and spending what it replaces."""
    pool = Mempool(world.chain)
    first = world.pay(world.miner, [OUTPUT])
    pool.add(first)
    richer = build_transaction(world.miner, world.coins_of(world.miner), [OUTPUT], fee_rate=90)
    child = Spendable(OutPoint(first.txid, 0), first.outputs[0])
    both = replace(first, inputs=(*first.inputs, TxInput(child.point, b"", 0)), outputs=(OUTPUT,))
    with refused("bad-txns-spends-conflicting-tx"):
        pool.add(both)
    monkeypatch.setattr(rules, "MAX_REPLACED", 0)
    with refused("too many potential replacements"):
        pool.add(richer)
    monkeypatch.setattr(rules, "MAX_STANDARD_WEIGHT", 100)
    with refused("tx-size"):
        pool.add(richer)


def test_every_reason_has_a_case() -> None:
    """A reason in the sources that no test names is one that nobody has seen."""
    sources = "".join(
        path.read_text()
        for folder in ("chainkit/formats/bitcoin", "parachains/utxo")
        for path in (ROOT / folder).glob("*.py")
    )
    tests = "".join(
        path.read_text()
        for folder in ("unit", "clients", "vectors")
        for path in (ROOT / "tests" / folder).glob("*.py")
    )
    reasons = set(
        re.findall(r'(?:BitcoinRuleBroken|CarrierRefused)\(\s*f?"([a-z][^"{(]*)', sources)
    )

    assert len(reasons) >= 50
    assert sorted(reason for reason in reasons if reason.strip() not in tests) == []
