"""What waits on a DAG node: by account and sequence, by fee, bounded, until it is accepted."""

from dataclasses import replace

import pytest

from parachains.dag import mempool as pool
from parachains.dag.errors import TransactionRefused, WrongSignature
from parachains.dag.mempool import Mempool
from tests.dag_worlds import ALICE, BOB, CAROL, FUNDS, Key, Node, parallel, parameters, pay, tell

USERS = [Key(number) for number in range(100, 110)]


@pytest.fixture
def node():
    return Node(chain=parameters(balances={user.address: FUNDS for user in (ALICE, BOB, *USERS)}))


@pytest.fixture
def mempool(node):
    return Mempool(node.chain)


def selected(node, mempool):
    _, run = node.chain.pending()
    return mempool.select(run.sequences)


def test_the_best_fee_goes_first_and_an_account_s_own_in_order(node, mempool) -> None:
    """A dear transaction waits for the cheap one before it of the same account."""
    cheap, dear = pay(ALICE, BOB, 1, 0, fee=1), pay(ALICE, BOB, 1, 1, fee=90)
    middle = pay(BOB, ALICE, 1, 0, fee=50)
    assert mempool.add_all([dear, middle, cheap]) == [None] * 3
    assert selected(node, mempool) == (middle, cheap, dear)
    assert [entry.tx for entry in mempool.entries()] == [dear, middle, cheap]
    assert mempool.next_sequence(ALICE.address) == 2
    assert mempool.next_sequence(CAROL.address) is None


def test_miners_order_equal_fees_differently(node) -> None:
    """So parallel blocks hold different transactions where they cannot hold all."""
    orders = set()
    for salt in (b"a", b"b", b"c"):
        mempool = Mempool(node.chain, salt=salt)
        mempool.add_all([pay(user, BOB, 1, 0) for user in USERS])
        orders.add(selected(node, mempool))
    assert len(orders) == 3


def test_what_is_refused(node, mempool) -> None:
    """Another chain, no account, a used or far sequence, no coins for fees, a forged signature."""
    node.mine(pay(ALICE, BOB, 1, 0))
    node.mine()
    cases = [
        (pay(ALICE, BOB, 1, 1, chain_id="dag-2"), TransactionRefused, "of the chain"),
        (pay(CAROL, BOB, 1, 0), TransactionRefused, "no such account"),
        (pay(ALICE, BOB, 1, 0), TransactionRefused, "sequence 0 was used"),
        (pay(ALICE, BOB, 1, 1 + pool.MAX_WAITING_PER_ACCOUNT), TransactionRefused, "too far"),
        (pay(BOB, ALICE, 1, 0, fee=FUNDS * 2), TransactionRefused, "cannot pay"),
        (pay(BOB, ALICE, 1, 0, gas=0), TransactionRefused, "gas"),
        (replace(pay(BOB, ALICE, 1, 0), fee=2), WrongSignature, "not signed"),
    ]
    for tx, kind, why in cases:
        with pytest.raises(kind, match=why):
            mempool.add(tx)
    with pytest.raises(TransactionRefused, match="below 5"):
        Mempool(node.chain, minimum_fee=5).add(pay(BOB, ALICE, 1, 0, fee=4))
    assert len(mempool) == mempool.size == 0


def test_a_batch_names_its_bad_ones(mempool) -> None:
    """Of many, the forged one is refused and the others are kept."""
    txs = [pay(user, BOB, 1, 0) for user in USERS]
    txs[4] = replace(txs[4], signature=bytes(64))
    refusals = mempool.add_all(txs)
    assert [type(each) for each in refusals if each is not None] == [WrongSignature]
    assert len(mempool) == len(USERS) - 1
    assert txs[4].id not in mempool


def test_a_replacement_pays_a_tenth_more(mempool) -> None:
    """The same sequence again, for 110% of the fee or more; the same one again is no news."""
    first = pay(ALICE, BOB, 1, 0, fee=10)
    mempool.add(first)
    mempool.add(first)
    with pytest.raises(TransactionRefused, match="110%"):
        mempool.add(pay(ALICE, CAROL, 1, 0, fee=10))
    better = pay(ALICE, CAROL, 1, 0, fee=11)
    mempool.add(better)
    assert [entry.tx for entry in mempool.entries()] == [better]
    assert mempool.size == len(better.encode())


def test_it_waits_until_it_is_accepted_not_until_it_is_included(node, mempool) -> None:
    """In a block that nobody merged it stays, and is not mined twice."""
    tx = pay(ALICE, BOB, 1, 0)
    mempool.add(tx)
    for change in node.hear(node.mined(tx)):
        mempool.after_change(change)
    assert tx.id in mempool
    assert selected(node, mempool) == ()
    for change in node.hear(node.mined()):
        mempool.after_change(change)
    assert len(mempool) == mempool.size == 0


def test_the_loser_of_a_conflict_goes(node, mempool) -> None:
    """When its sequence is used by another one, it can never be accepted."""
    mempool.add(pay(ALICE, CAROL, 5, 0))
    mempool.add(pay(ALICE, CAROL, 5, 1))
    for block in (node.mined(pay(ALICE, BOB, 1, 0)), None):
        for change in node.hear(block or node.mined()):
            mempool.after_change(change)
    assert [entry.tx.sequence for entry in mempool.entries()] == [1]
    assert [tx.sequence for tx in selected(node, mempool)] == [1]


def test_a_reorganisation_brings_back_what_it_took_away() -> None:
    """What was accepted on a chain that is left waits again, unless it is accepted here too."""
    ours, theirs = Node(0), Node(1)
    mempool = Mempool(ours.chain)
    tx = pay(ALICE, BOB, 1, 0)
    mempool.add(tx)
    for block in (ours.mined(tx), None):
        for change in ours.hear(block or ours.mined()):
            mempool.after_change(change)
    assert len(mempool) == 0
    branch = [theirs.mine() for _ in range(4)]
    changes = ours.hear(*branch)
    assert any(change.disconnected for change in changes)
    for change in changes:
        mempool.after_change(change)
    assert tx.id in mempool
    for change in ours.hear(ours.mined()):
        mempool.after_change(change)
    assert tx.id not in mempool


def test_it_is_bounded_and_the_cheap_go_first(node, mempool, monkeypatch) -> None:
    """Over the limit the worst fees leave, of an account its last sequence."""
    monkeypatch.setattr(pool, "MAX_MEMPOOL_TRANSACTIONS", 20)
    many = [pay(USERS[0], BOB, 1, sequence, fee=10) for sequence in range(18)]
    dear = [pay(user, BOB, 1, 0, fee=20) for user in USERS[1:]]
    assert mempool.add_all(many) == [None] * 18
    mempool.add_all(dear)
    assert len(mempool) == 19
    assert all(tx.id in mempool for tx in dear)
    assert [tx.sequence for tx in mempool.of(USERS[0].address)] == list(range(10))
    monkeypatch.setattr(pool, "MAX_MEMPOOL_TRANSACTIONS", 19)
    with pytest.raises(TransactionRefused, match="full"):
        mempool.add(pay(ALICE, BOB, 1, 0, fee=1))
    monkeypatch.setattr(pool, "MAX_MEMPOOL_BYTES", 1)
    mempool.add_all([])
    assert len(mempool) == mempool.size == 0


def test_blocks_hold_what_fits(node, mempool, monkeypatch) -> None:
    """Gas, bytes and count of a block bound what is chosen, and the next account still fits."""
    mempool.add_all([pay(user, BOB, 1, 0, fee=9 - at) for at, user in enumerate(USERS[:6])])
    monkeypatch.setattr(pool, "MAX_BLOCK_TRANSACTIONS", 4)
    assert len(selected(node, mempool)) == 4
    monkeypatch.setattr(pool, "MAX_BLOCK_GAS", 3 * 200_000 + 1)
    assert len(selected(node, mempool)) == 3
    monkeypatch.setattr(pool, "MAX_BODY_BYTES", 700)
    assert len(selected(node, mempool)) < 3


def test_parallel_inclusion_costs_nothing() -> None:
    """Both miners include the same transactions; all are accepted once, and no mempool keeps one."""
    nodes = [Node(0), Node(1)]
    pools = [Mempool(each.chain) for each in nodes]
    txs = [pay(ALICE, BOB, 1, 0), pay(ALICE, BOB, 1, 1), pay(BOB, ALICE, 1, 0)]
    for each in pools:
        each.add_all(txs)
    parallel(nodes, txs, txs)
    block = nodes[0].mined()
    for each, waiting in zip(nodes, pools, strict=True):
        for change in each.hear(block):
            waiting.after_change(change)
    tell(nodes[0], nodes[1])
    assert [len(each) for each in pools] == [0, 0]
    assert nodes[0].balance(ALICE) == FUNDS - 1 - 2
