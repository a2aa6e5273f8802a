"""Hash-locked outputs on the UTXO chain: mempool and blocks take what their time allows, once."""

import pytest

from chainkit.commitments.database import MemoryDatabase
from chainkit.formats.bitcoin.errors import BitcoinRuleBroken
from chainkit.formats.bitcoin.transactions import OutPoint, TxOutput
from chainkit.primitives.hashing import sha256
from htlc.onchain.bitcoin import (
    claim_transaction,
    hash_lock,
    refund_transaction,
    revealed_preimage,
)
from parachains.utxo.mempool import Mempool
from tests.utxo_worlds import UtxoWorld, key

ALICE, BOB = key(7), key(8)
PREIMAGE = b"\x33" * 32
VALUE = 1_000_000
LEFT = VALUE - 1_000
BLOCKS_LOCKED = 4


@pytest.fixture(scope="module")
def warm():
    world = UtxoWorld()
    world.warm_up()
    return dict(world.database.iterate(b"", None)), world.now


@pytest.fixture(params=["height", "time"])
def locked(request, warm):
    """A chain whose tip locks coins of Alice for Bob, until a height or a median time."""
    database = MemoryDatabase()
    database.write(warm[0])
    world = UtxoWorld(database=database)
    world.now = warm[1]
    world.pool = Mempool(world.chain)
    until = world.chain.tip.height + BLOCKS_LOCKED
    if request.param == "time":
        until = world.chain.tip.median_time_past + BLOCKS_LOCKED * 600
    lock = hash_lock(
        digest=sha256(PREIMAGE),
        claim_key=BOB.public_key,
        refund_key=ALICE.public_key,
        lock_time=until,
    )
    funding = world.pay(world.miner, [TxOutput(VALUE, lock.output_script)])
    world.mine(funding)
    return world, lock, OutPoint(funding.txid, 0)


def refund(lock, point):
    return refund_transaction(
        lock, point, VALUE, (TxOutput(LEFT, ALICE.script),), private_key=ALICE.private_key
    )


def claim(lock, point):
    return claim_transaction(
        lock,
        point,
        VALUE,
        (TxOutput(LEFT, BOB.script),),
        preimage=PREIMAGE,
        private_key=BOB.private_key,
    )


def mine_until_refundable(world, tx):
    """Mine empty blocks until the mempool takes the refund; return how many."""
    reasons = set()
    for count in range(20):
        try:
            world.pool.add(tx)
        except BitcoinRuleBroken as error:
            reasons.add(error.reason)
            assert world.template(tx).refused == (tx.txid,)
            world.mine()
        else:
            assert reasons == {"bad-txns-nonfinal"}
            return count
    pytest.fail("the refund never becomes final")


def test_a_claim_pays_and_ends_the_refund(locked) -> None:
    """Before the lock time Bob's claim is mined, shows the preimage, and no refund follows."""
    world, lock, point = locked
    tx = claim(lock, point)
    world.pool.add(tx)
    block = world.mine(*world.pool.in_block_order()).block

    assert [c.output.value for c in world.coins_of(BOB)] == [LEFT]
    witness = block.transactions[1].inputs[0].witness
    assert revealed_preimage(lock, witness) == PREIMAGE
    late = refund(lock, point)
    for _ in range(BLOCKS_LOCKED + 2):
        assert world.template(late).refused == (late.txid,)
        world.mine()
    assert world.coins_of(ALICE) == []


def test_a_refund_waits_for_its_time(locked) -> None:
    """No block takes it before the lock time by height or median time; then Alice has her coins."""
    world, lock, point = locked
    tx = refund(lock, point)

    assert mine_until_refundable(world, tx) >= BLOCKS_LOCKED - 1
    world.mine(tx)
    assert [c.output.value for c in world.coins_of(ALICE)] == [LEFT]
    assert world.template(claim(lock, point)).refused != ()


def test_from_the_lock_time_on_the_first_mined_counts(locked) -> None:
    """Script cannot end a claim: beside a refund it is valid still, and one of the two is mined."""
    world, lock, point = locked
    mine_until_refundable(world, refund(lock, point))
    both = (claim(lock, point), refund(lock, point))
    template = world.template(*both)

    assert both[0] in template.block.transactions
    assert template.refused == (both[1].txid,)
    assert world.template(*reversed(both)).refused == (both[0].txid,)
