"""The UTXO chain: connecting, spending, reorganising, and what is refused."""

from dataclasses import replace

import pytest

from chainkit.commitments.database import MemoryDatabase
from chainkit.formats.bitcoin.blocks import Block, transactions_root
from chainkit.formats.bitcoin.encoding import display_hash
from chainkit.formats.bitcoin.errors import BitcoinRuleBroken
from chainkit.formats.bitcoin.proof_of_work import check_proof_of_work
from chainkit.formats.bitcoin.script import p2wpkh
from chainkit.formats.bitcoin.transactions import TxOutput
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.heights import Height
from ibc.ics04_channel.packets import self_height
from light_clients.bitcoin.proofs import committed_root
from parachains.utxo.chain import UnknownParent
from parachains.utxo.kind import CHAIN_KIND
from parachains.utxo.mining import search, with_coinbase
from parachains.utxo.parameters import ISTHMUS, REGTEST
from parachains.utxo.wallet import InsufficientFunds
from tests.utxo_worlds import UtxoWorld, key


@pytest.fixture(scope="module")
def warm():
    """The database of a chain with 101 blocks, copied by each test."""
    world = UtxoWorld()
    world.warm_up()
    return dict(world.database.iterate(b"", None)), world.now


@pytest.fixture
def world(warm):
    database = MemoryDatabase()
    database.write(warm[0])
    fresh = UtxoWorld(database=database)
    fresh.now = warm[1]
    return fresh


def snapshot(world):
    """Everything that a block may change; stored blocks and headers stay when one is undone."""
    kept = (b"b/", b"h/", b"i/", b"undo/")
    return {k: v for k, v in world.database.iterate(b"", None) if not k.startswith(kept)}


def test_genesis_blocks_have_work() -> None:
    """Both parameter sets' genesis satisfy their own rules; regtest's is Bitcoin Core's."""
    for parameters in (REGTEST, ISTHMUS):
        check_proof_of_work(parameters.genesis.header, parameters.rules)
    assert display_hash(REGTEST.genesis.header.hash) == (
        "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206"
    )


def test_payment(world) -> None:
    """Coins move, the fee goes to the miner, the change comes back."""
    alice = key(7)
    tx = world.pay(world.miner, [TxOutput(1_000_000, alice.script)])
    connected = world.mine(tx)
    assert [c.output.value for c in world.coins_of(alice)] == [1_000_000]
    spent = 50 * 100_000_000
    fee = spent - sum(output.value for output in tx.outputs)
    assert fee > 0
    assert connected.block.transactions[0].outputs[0].value == REGTEST.subsidy(102) + fee


def test_a_restart_finds_the_same_chain(world) -> None:
    """Tip, points and state come back from the database."""
    world.mine(world.pay(world.miner, [TxOutput(5_000, key(8).script)]))
    again = UtxoWorld(database=world.database)
    assert again.chain.tip == world.chain.tip
    assert again.chain.machine.stores.app_hash() == world.chain.machine.stores.app_hash()


def test_reorganisation_restores_and_replays(world) -> None:
    """A heavier branch replaces blocks; what it leaves equals a chain that never saw them."""
    before = snapshot(world)
    other = UtxoWorld(miner=2)
    for height in range(1, 102):
        other.chain.accept_block(world.chain.block(world.chain.at(height).header.hash), world.now)
    other.now = world.now
    tx = world.pay(world.miner, [TxOutput(1_000_000, key(7).script)])
    world.mine(tx)
    world.mine()
    branch = [other.mine(extra=bytes([n])).block for n in range(3)]
    assert world.chain.accept_block(branch[0], world.now + 9_999).connected == ()
    assert world.chain.accept_block(branch[1], world.now + 9_999).connected == ()
    change = world.chain.accept_block(branch[2], world.now + 9_999)
    assert len(change.disconnected) == 2
    assert tx in change.disconnected[1].transactions
    assert [c.point.header.hash for c in change.connected] == [b.header.hash for b in branch]
    assert snapshot(world) == snapshot(other)
    assert snapshot(world) != before


def test_an_invalid_heavier_branch_changes_nothing(world) -> None:
    """A branch that proves invalid half-way is undone, and the old chain is whole again."""
    fork = UtxoWorld(database=_copy(world))
    fork.now = world.now
    world.mine()
    before = snapshot(world)
    first = fork.mine(extra=b"a").block
    bad = _remined(
        fork, lambda outputs: (replace(outputs[0], value=outputs[0].value + 1), *outputs[1:])
    )
    world.chain.accept_block(first, world.now + 9_999)
    with pytest.raises(BitcoinRuleBroken, match="bad-cb-amount"):
        world.chain.accept_block(bad, world.now + 9_999)
    assert snapshot(world) == before
    with pytest.raises(BitcoinRuleBroken, match="duplicate-invalid"):
        world.chain.accept_block(bad, world.now + 9_999)


def _copy(world):
    database = MemoryDatabase()
    database.write(dict(world.database.iterate(b"", None)))
    return database


def _remined(world, change_outputs):
    """The next block with other coinbase outputs, mined."""
    block = world.template().block
    outputs = change_outputs(block.transactions[0].outputs[:-1])
    transactions = with_coinbase(
        world.chain.tip.height + 1, tuple(outputs), block.transactions[1:], b"isthmus"
    )
    header = replace(block.header, merkle_root=transactions_root(transactions))
    return search(Block(header, transactions), 0, 1 << 20)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda o: (replace(o[0], value=o[0].value + 1), *o[1:]), "bad-cb-amount"),
        (lambda o: o[:1], "bad-ibc-commitment"),
        (lambda o: (*o, TxOutput(0, o[1].script_pubkey[:-1] + b"\0")), "bad-ibc-commitment"),
        (lambda o: (replace(o[0], value=-1), *o[1:]), "bad-txns-vout-negative"),
    ],
)
def test_coinbases_that_are_refused(world, change, reason) -> None:
    """A coinbase that pays too much, or commits to no or another state, makes a bad block."""
    before = snapshot(world)
    with pytest.raises(BitcoinRuleBroken, match=reason):
        world.chain.accept_block(_remined(world, change), world.now)
    assert snapshot(world) == before


def test_a_commitment_elsewhere_is_no_harm(world) -> None:
    """A commitment before the last one, or in another output than the second, counts as ever."""
    block = _remined(world, lambda o: (TxOutput(0, p2wpkh(bytes(20))), *o))
    assert world.chain.accept_block(block, world.now).connected
    assert committed_root(block.transactions[0], b"isth") is not None


def test_unknown_parent(world) -> None:
    """A block whose parent is not here names it, so that it can be asked for."""
    block = world.mined()
    orphan = Block(replace(block.header, previous_block=b"\x07" * 32), block.transactions)
    with pytest.raises(UnknownParent) as caught:
        world.chain.accept_block(orphan, world.now)
    assert caught.value.parent == b"\x07" * 32


def test_double_spend_and_immaturity(world) -> None:
    """A second spend of a coin is not there; a coinbase of the last 100 blocks is too young."""
    tx = world.pay(world.miner, [TxOutput(1_000_000, key(7).script)])
    world.mine(tx)
    assert world.template(tx).refused == (tx.txid,)
    with pytest.raises(InsufficientFunds):
        world.pay(world.miner, [TxOutput(150 * 100_000_000, key(7).script)])


class _Answers:
    """A node that says fixed things of itself."""

    def __init__(self, **answers):
        self.answers = answers

    async def call(self, method, _params):
        return self.answers[method]


async def test_a_node_s_health_is_what_the_node_says() -> None:
    """Height, peers and whether it catches up come from the node's own answers."""
    said = {
        "status": {"sync_info": {"latest_block_height": "7", "catching_up": True}},
        "net_info": {"n_peers": "2"},
    }
    health = await CHAIN_KIND.node_health(_Answers(**said))
    assert (health.height, health.peers, health.is_catching_up) == (7, 2, True)
    with pytest.raises(MalformedMessage):
        await CHAIN_KIND.node_health(_Answers(**{**said, "net_info": []}))


def test_heights_have_revision_0(world) -> None:
    """The chain is called utxo-1; clients elsewhere know its blocks by number alone."""
    world.mine()
    ctx = world.chain.machine.query_context(world.chain.tip.height, 1_700_000_000)

    assert self_height(ctx) == Height(0, world.chain.tip.height)
