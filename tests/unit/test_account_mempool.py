"""The account chain's pool: nonce queues, replacement, eviction, order; refusals by name."""

import pytest

from parachains.account import errors
from parachains.account.mempool import Mempool, PoolRules
from tests.account_worlds import ANN, BOB, ETHER, EVM_CHAIN_ID, GWEI, SAM, AccountWorld


@pytest.fixture
def world():
    return AccountWorld()


def pool_of(world, **options):
    rules = PoolRules(EVM_CHAIN_ID, world.head.gas_limit, **options)
    return Mempool(rules, lambda address: world.world.account(address))  # noqa: PLW0108 - the newest world


def paying(world, user, nonce, fee=100, tip=1):
    return world.sign(
        user, BOB.address, nonce=nonce, max_fee_per_gas=fee * GWEI,
        max_priority_fee_per_gas=tip * GWEI,
    )  # fmt: skip


def test_a_gap_waits_until_it_is_filled(world) -> None:
    """A nonce too high is taken, but no block is offered it before the missing ones."""
    pool = pool_of(world)
    first, second, third = (paying(world, SAM, nonce) for nonce in range(3))
    pool.add(third)
    pool.add(first)
    assert list(pool.in_block_order(0)) == [first]
    assert pool.next_nonce(SAM.address) == 1
    pool.add(second)
    assert list(pool.in_block_order(0)) == [first, second, third]
    assert pool.next_nonce(SAM.address) == 3


def test_a_block_takes_the_best_tips_first(world) -> None:
    """By effective tip over senders, by nonce within one; below the base fee nothing."""
    pool = pool_of(world)
    sam = [paying(world, SAM, 0, tip=1), paying(world, SAM, 1, tip=9)]
    ann = [paying(world, ANN, 0, tip=5), paying(world, ANN, 1, fee=3, tip=3)]
    for transaction in (*sam, *ann):
        pool.add(transaction)
    assert list(pool.in_block_order(GWEI)) == [ann[0], ann[1], sam[0], sam[1]]
    assert list(pool.in_block_order(4 * GWEI)) == [ann[0], sam[0], sam[1]]


def test_a_replacement_pays_a_tenth_more(world) -> None:
    """Both fee and tip must rise by 10 %; the old one is gone then, by its hash too."""
    pool = pool_of(world)
    old = pool.add(paying(world, SAM, 0, fee=100, tip=10))
    for fee, tip in ((109, 11), (110, 10), (109, 10), (100, 10)):
        transaction = world.sign(
            SAM, ANN.address, nonce=0, max_fee_per_gas=fee * GWEI,
            max_priority_fee_per_gas=tip * GWEI,
        )  # fmt: skip
        with pytest.raises(errors.ReplacementUnderpriced, match="replacement transaction under"):
            pool.add(transaction)
    new = pool.add(paying(world, SAM, 0, fee=110, tip=11))
    assert pool.get(old) is None
    assert pool.get(new) is not None
    assert len(pool) == 1


def test_what_the_pool_refuses_it_names(world) -> None:
    """Known, used, poor, without a tip: geth's words; the pool stays as it was."""
    pool = pool_of(world)
    known = paying(world, SAM, 0)
    pool.add(known)
    cases = [
        (known, errors.AlreadyKnown, "already known"),
        (paying(world, SAM, 1, tip=0), errors.Underpriced, "transaction underpriced"),
        (paying(world, BOB, 0), errors.InsufficientFunds, "insufficient funds for gas"),
    ]
    world.block(world.sign(ANN, BOB.address, value=1))
    cases.append((paying(world, ANN, 0), errors.NonceTooLow, "nonce too low"))
    for transaction, error, text in cases:
        with pytest.raises(error, match=text):
            pool.add(transaction)
    assert len(pool) == 1


def test_a_full_pool_drops_the_cheapest(world) -> None:
    """What waits after a gap goes first, then the lowest fee; nothing goes for less pay."""
    pool = pool_of(world, capacity=3)
    gap = pool.add(paying(world, ANN, 5, fee=500))
    cheap = pool.add(paying(world, SAM, 0, fee=50))
    last = pool.add(paying(world, SAM, 1, fee=60))
    with pytest.raises(errors.PoolFull, match="txpool is full"):
        pool.add(paying(world, ANN, 0, fee=100))
    pool.add(paying(world, ANN, 0, fee=600))
    assert pool.get(gap) is None
    pool.add(paying(world, ANN, 1, fee=600))
    assert pool.get(last) is None
    assert pool.get(cheap) is not None


def test_one_sender_does_not_fill_the_pool(world) -> None:
    """A sender has so many places; the next is refused whatever it pays."""
    pool = pool_of(world, per_sender=2)
    pool.add(paying(world, SAM, 0))
    pool.add(paying(world, SAM, 1))
    with pytest.raises(errors.PoolFull):
        pool.add(paying(world, SAM, 2, fee=900))


def test_a_block_clears_what_it_made_useless(world) -> None:
    """Used nonces go, and so does what the sender cannot pay any more."""
    pool = pool_of(world)
    pool.add(paying(world, SAM, 0))
    poor = world.sign(ANN, BOB.address, nonce=1, value=900 * ETHER)
    pool.add(poor)
    other = world.sign(SAM, BOB.address, nonce=0)
    world.block(other, world.sign(ANN, BOB.address, nonce=0, value=500 * ETHER))
    pool.after_block()

    assert len(pool) == 0


def test_a_refused_transaction_is_dropped(world) -> None:
    """What a proposer found unfit leaves the pool; dropping it twice is no error."""
    pool = pool_of(world)
    transaction = paying(world, SAM, 0)
    pool.add(transaction)
    pool.drop(transaction)
    pool.drop(transaction)
    assert pool.all() == ()
