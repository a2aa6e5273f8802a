"""The supply reader's own account of a UTXO chain, against a node of ours that tells it."""

import asyncio
import json

import pytest

from demos.supply_bitcoin import ESCROW_SCRIPT as READER_ESCROW
from demos.supply_bitcoin import FINAL_DEPTH, BitcoinBooks
from demos.supply_equation import Block, End, SupplyWatch
from demos.supply_forms import ReadFailed
from demos.supply_node import Source
from demos.supply_reader import open_books
from isthmus.adapters import jsonrpc
from parachains.utxo.kind import CONFIRMATIONS
from parachains.utxo.ledger import ESCROW_SCRIPT
from tests.utxo_network import Network, named_key
from tests.utxo_worlds import NATIVE

SAM = named_key("sam")
END = End("coin", "transfer", "channel-0")


class NodeInProcess:
    """A node's answers as they would come over HTTP; ``lies`` change one method's answer."""

    def __init__(self, utxo):
        self.utxo = utxo
        self.source = Source("coin", "http://nowhere", "utxo", NATIVE)
        self.lies = {}

    def ask(self, method, **params):
        told = jsonrpc.answer(self.utxo.methods, {"method": method, "params": params})
        if "error" in told:
            raise ReadFailed(str(told["error"]))
        result = json.loads(json.dumps(told["result"]))
        return self.lies.get(method, lambda answer: answer)(result)

    call = ask


@pytest.fixture(scope="module")
def network():
    """Foreign tokens on the chain, coins of it in escrow, some of them come home again."""

    async def opened():
        world = Network()
        await world.settle()
        ann = world.zone.users["ann"].address
        await world.from_zone(world.utxo.address(SAM), "stone", 700)
        await world.from_utxo(SAM, ann, NATIVE, 90_000)
        await world.settle()
        [voucher] = [d for d in await world.zone_balances(ann) if d.startswith("ibc/")]
        await world.from_zone(world.utxo.address(SAM), voucher, 40_000)
        await world.settle()
        return world

    return asyncio.run(opened())


@pytest.fixture
def node(network):
    return NodeInProcess(network.utxo)


def watched(node, until):
    """What the equation says of the chain's blocks; packets are left to others."""
    books, watch = BitcoinBooks(node), SupplyWatch(["coin"])
    for height in range(1, until + 1):
        supply = dict(books.supply(height))
        foreign = {denom for denom in supply if denom.startswith("ibc/")}
        held = books.held(height, is_busy=True)
        watch.add(
            Block(
                "coin",
                height,
                books.time_ns(height),
                (),
                {d: amount for d, amount in supply.items() if d not in foreign},
                {},
                {d: amount for d, amount in held.items() if d not in foreign},
                books.issued(height),
            )
        )
        assert {d: supply[d] for d in foreign} == {d: held[d] for d in foreign & set(held)}
    watch.finish()
    return watch


def test_the_reader_knows_the_form_by_asking(node):
    """Nobody tells it what kind of chain a node is of."""
    books = open_books(node)

    assert isinstance(books, BitcoinBooks)
    assert books.chain_id == "utxo-1"


def test_every_block_agrees_with_the_ledger(node):
    """Coins counted from raw blocks, and what the state keeps for escrow, are one sum."""
    books = BitcoinBooks(node)
    last = books.newest()
    watch = watched(node, last)

    assert watch.violations == []
    assert watch.is_conserved
    assert watch.checks == last == node.utxo.chain.tip.height - FINAL_DEPTH + 1
    for height in range(1, last + 1):
        books.events(height)
    assert books.escrow(END, last) == {NATIVE: 50_000}
    assert books.escrow(END, last)[NATIVE] == node.utxo.escrowed()
    kinds = [kind for kind, _ in books.events(last)]
    assert kinds == []
    [end] = books.transfer_ends(last).items()
    assert end == (END, "zone-1")


def test_what_the_reader_takes_for_escrow_is_escrow():
    """Worked out once more, it is the ledger's script; and it waits as long as clients do."""
    assert ESCROW_SCRIPT.hex() == READER_ESCROW
    assert FINAL_DEPTH == CONFIRMATIONS


def test_escrow_that_outputs_do_not_hold_is_told(node):
    """The state says more than the outputs, as after a theft that it did not see."""

    def lie(answer):
        for item in answer["accounts"]:
            item["amount"] = str(int(item["amount"]) + 1)
        return answer

    node.lies["ibcledger"] = lie
    watch = watched(node, BitcoinBooks(node).newest())

    assert not watch.is_conserved
    assert "accounts on coin hold" in watch.violations[0]


def test_coins_beyond_the_subsidy_are_told(node):
    """A coinbase that pays itself one satoshi too much."""

    def lie(block):
        if block["height"] == 20:
            block["tx"][0]["vout"][0]["value"] = "50.00000001"
        return block

    node.lies["getblock"] = lie
    watch = watched(node, 30)

    assert not watch.is_conserved
    assert watch.violations[0].startswith("after coin@20: supply of sat on coin went from")


def test_a_foreign_token_on_a_spent_output_is_not_counted(node):
    """The ledger forgot to take a lot from an output that was spent."""

    def lie(answer):
        for item in answer["lots"]:
            item["vout"] += 100
        return answer

    node.lies["ibcledger"] = lie
    books = BitcoinBooks(node)
    last = books.newest()
    for height in range(1, last + 1):
        books.events(height)
    [foreign] = [denom for denom in books.supply(last) if denom.startswith("ibc/")]

    assert books.supply(last)[foreign] == 700
    assert foreign not in books.held(last, is_busy=True)


def test_a_reorganisation_below_final_blocks_ends_the_reading(node):
    """The next block does not stand on the one that was read; what is above is never read."""
    books = BitcoinBooks(node)
    books.events(1)
    node.lies["getblock"] = lambda block: block | {"previousblockhash": "00" * 32}

    with pytest.raises(ReadFailed, match="reorganised 3 blocks deep or more"):
        books.events(2)


def test_a_block_that_changes_while_it_is_read_ends_the_reading(node):
    """Events and ledger are of the block, or nothing is said."""
    node.lies["ibcledger"] = lambda answer: answer | {"hash": "00" * 32}

    with pytest.raises(ReadFailed, match="changed under the reader"):
        BitcoinBooks(node).events(1)


def test_a_height_out_of_turn_is_refused(node):
    """The unspent outputs are those of the block before."""
    with pytest.raises(ReadFailed, match="block 2 of coin read after 0"):
        BitcoinBooks(node).events(2)


@pytest.mark.parametrize("value", ["x", "0.000000001", "1", "-1", None, "NaN", "Infinity"])
def test_an_amount_of_another_form_is_refused(node, value):
    """Not rounded, not taken for nothing."""

    def lie(block):
        block["tx"][0]["vout"][0]["value"] = value
        return block

    node.lies["getblock"] = lie
    with pytest.raises(ReadFailed):
        BitcoinBooks(node).events(1)
