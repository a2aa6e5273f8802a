"""The account chain's states: one root a block, kept and pruned, judged as they were built."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainkit.commitments.database import MemoryDatabase
from chainkit.commitments.patricia_trie import SecureTrie
from chainkit.formats.ethereum.types import Block
from chainkit.primitives.keccak import keccak256
from chainkit.primitives.types import Address
from chainkit.runtime.store import Overlay
from parachains.account.errors import BlockRefused, StatePruned
from parachains.account.nodes import STATE_OWNER, OwnedNodes
from parachains.account.state import StateDatabase, storage_slot
from parachains.account.world import AccountState, World
from tests.account_worlds import ANN, BOB, ETHER, MINER, SAM, AccountWorld

STORE = "notes"
OWNER = Address(b"\x77" * 20)


def opened(database, keep):
    return StateDatabase(database, keep_states=keep, store_accounts={STORE: OWNER})


class Model:
    """States by height beside the database's, as plain dictionaries."""

    def __init__(self, keep):
        self.database = MemoryDatabase()
        self.state = opened(self.database, keep)
        self.balances, self.words, self.notes = {}, {}, {}
        self.history = []

    def commit(self, changes):
        overlay = self.state.overlay()
        world = World(overlay)
        world.set_account(OWNER, AccountState(nonce=1))
        for kind, key, value in changes:
            address = Address(bytes([key]) * 20)
            if kind == "balance":
                # An account with words has code, so it never becomes empty.
                world.set_account(address, AccountState(1, value))
                self.balances[address] = value
            elif kind == "word" and address in self.balances:
                slot = bytes(31) + bytes([value % 4])
                word = value.to_bytes(32, "big")
                world.set_word(address, slot, word)
                self.words[address, slot] = word
            elif value:
                overlay.store(STORE).set(address, value.to_bytes(2, "big"))
                self.notes[address] = value.to_bytes(2, "big")
            else:
                overlay.store(STORE).delete(address)
                self.notes.pop(address, None)
        prepared = self.state.prepare(overlay)
        self.database.write(prepared.writes)
        self.state.committed(prepared)
        self.history.append((dict(self.balances), dict(self.words), dict(self.notes)))

    def check(self, height):
        balances, words, notes = self.history[height]
        overlay = self.state.overlay_at(height)
        world = World(overlay)
        assert {address: world.balance(address) for address in balances} == balances
        assert {key: world.word(*key) for key in words} == words
        assert dict(overlay.store(STORE).iterate(b"", None)) == notes
        for key, value in notes.items():
            proof = self.state.prove(height, OWNER, (storage_slot(key),))
            assert proof.storage[0].word == keccak256(value)


CHANGE = st.tuples(
    st.sampled_from(("balance", "word", "note")), st.integers(1, 6), st.integers(0, 9)
)


@settings(max_examples=60, deadline=None)
@given(
    keep=st.sampled_from((0, 1, 2, 4)),
    blocks=st.lists(st.lists(CHANGE, max_size=6), min_size=1, max_size=8),
)
def test_kept_states_read_as_they_were(keep, blocks) -> None:
    """Whatever blocks write and undo, each kept state is the model's; the rest is refused."""
    model = Model(keep)
    for block in blocks:
        model.commit(block)
    for height in range(len(blocks)):
        if height >= model.state.earliest():
            model.check(height)
        else:
            with pytest.raises(StatePruned):
                model.state.overlay_at(height)


def nodes_in(database):
    return sum(1 for _ in database.iterate(b"n/", b"n0"))


def test_pruning_leaves_only_what_the_kept_states_need() -> None:
    """With one state kept the database has exactly the nodes of that state's tries."""
    model = Model(keep=1)
    for height in range(30):
        model.commit([("balance", 1 + height % 5, height), ("note", 1 + height % 7, height)])
    reached = set()
    for owner, root in (
        (STATE_OWNER, model.state.root),
        (OWNER, model.state.prove(model.state.height, OWNER, ()).account.storage_root),
    ):
        nodes = OwnedNodes(model.database, owner)
        list(SecureTrie(nodes, root).hashed.iterate())
        reached |= {owner + node_hash for node_hash in nodes.read}

    assert nodes_in(model.database) == len(reached)
    assert list(model.database.iterate(b"u/", b"u0")) == []
    assert len(list(model.database.iterate(b"s/", b"s0"))) == 1


def test_a_node_that_comes_again_is_not_pruned() -> None:
    """A state that is as an earlier one was shares its nodes; pruning the earlier keeps them."""
    model = Model(keep=2)
    for value in (5, 6, 5, 6, 5, 5, 5, 5):
        model.commit([("balance", 1, value), ("balance", 2, 1), ("note", 3, value)])
        for height in range(model.state.earliest(), model.state.height + 1):
            model.check(height)


def test_preparing_changes_nothing() -> None:
    """Two proposals on one parent: neither is seen until one is committed."""
    model = Model(keep=0)
    model.commit([("balance", 1, 5)])
    root = model.state.root
    overlay = model.state.overlay()
    World(overlay).add_balance(Address(b"\x01" * 20), 3)
    first = model.state.prepare(overlay)
    second = model.state.prepare(Overlay(model.state.overlay().store))

    assert first.root != root
    assert second.root == root
    assert model.state.root == root
    model.check(0)


def test_the_state_is_the_same_after_reopening() -> None:
    """Root and height come back from the database."""
    model = Model(keep=3)
    model.commit([("balance", 1, 5), ("note", 2, 3)])
    again = opened(model.database, 3)

    assert (again.height, again.root) == (model.state.height, model.state.root)


@pytest.fixture(scope="module")
def judged():
    """A node with a block on its head that is not committed."""
    world = AccountWorld()
    transactions = (world.sign(SAM, BOB.address, value=ETHER), world.sign(ANN, BOB.address))
    return world, world.build(*transactions)[0].block


WRONG = {
    "number": 7,
    "parent_hash": bytes(32),
    "ommers_hash": bytes(32),
    "difficulty": 2,
    "mix_hash": bytes(32),
    "nonce": b"\x01" * 8,
    "base_fee_per_gas": 1,
    "timestamp": 1_700_000_000,
    "gas_limit": 30_000_000 + 29_296,
    "gas_used": 42_001,
    "logs_bloom": b"\x01" * 256,
    "receipts_root": bytes(32),
    "transactions_root": bytes(32),
    "state_root": bytes(32),
    "withdrawals_root": bytes(32),
    "beneficiary": SAM.address,
}


@pytest.mark.parametrize("field", WRONG)
def test_a_header_with_another_field_is_refused(judged, field) -> None:
    """Every field that rules or execution decide is held to what it must be."""
    world, block = judged
    wrong = replace(block.header, **{field: WRONG[field]})
    with pytest.raises(BlockRefused):
        world.ledger.judge(world.head, replace(block, header=wrong))
    assert world.ledger.judge(world.head, block).block == block


def test_a_block_with_an_unfit_transaction_is_refused(judged) -> None:
    """A transaction twice, one of another chain, or one taken away: the block is refused."""
    world, block = judged
    first, second = block.transactions
    for body in ((first, first), (first,), (second, first), (first, replace(second, nonce=1))):
        with pytest.raises(BlockRefused):
            world.ledger.judge(world.head, Block(block.header, body))
    with pytest.raises(BlockRefused, match="withdrawals"):
        world.ledger.judge(world.head, replace(block, withdrawals=()))


def test_small_steps_of_the_gas_limit_are_allowed() -> None:
    """A proposer may move the limit by less than a 1,024th, and not below 5,000."""
    world = AccountWorld()
    block = world.build()[0].block
    allowed = replace(block.header, gas_limit=30_000_000 + 29_295)
    assert world.ledger.judge(world.head, Block(allowed, ())).block.header == allowed
    assert block.header.beneficiary == MINER.address
