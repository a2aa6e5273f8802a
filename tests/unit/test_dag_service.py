"""What a DAG node answers over RPC: blocks in their places, accounts, transactions, refusals."""

import itertools

import pytest

from chainkit.formats.ghostdag.headers import decode_header
from chainkit.primitives.errors import OperationFailed, RuleBroken
from parachains.dag.blocks import Block
from parachains.dag.mempool import Mempool
from parachains.dag.service import Service
from parachains.dag.service_forms import RpcError
from parachains.dag.transactions import decode_body
from tests.dag_worlds import ALICE, BOB, CAROL, FUNDS, MINERS, REWARD, Node, parallel, pay


class World:
    """A node's service, two miners, and what was submitted."""

    def __init__(self):
        self.node, self.other = Node(0), Node(1)
        self.mempool = Mempool(self.node.chain)
        self.told = []
        service = Service(self.node.chain, self.mempool, self.told.extend, 4)
        self.methods = service.methods()

    def call(self, method, **params):
        function, names = self.methods[method]
        assert set(params) <= set(names)
        return function(**params)

    def round(self, *transactions):
        return parallel([self.node, self.other], *transactions)

    def block(self, name):
        return self.call("getBlock", hash=name)["verboseData"]


@pytest.fixture
def world():
    return World()


def test_a_block_in_its_place(world) -> None:
    """Unmerged at first, then blue under the chain block that merges it, with all its fields."""
    blocks = world.round([pay(ALICE, BOB, 1, 0)])
    names = [block.header.hash.hex() for block in blocks]
    assert {world.block(name)["color"] for name in names} == {"unmerged"}
    sink = world.call("getSink")["sink"]
    assert [world.block(name)["isChainBlock"] for name in names] == [n == sink for n in names]
    tip = world.node.mine().header.hash.hex()
    for name in names:
        place = world.block(name)
        assert (place["color"], place["acceptingBlockHash"]) == ("blue", tip)
        assert place["childrenHashes"] == [tip]
    whole = world.call("getBlock", hash=names[0], includeTransactions=True)
    assert whole["miner"] == MINERS[0].text
    assert whole["transactions"][0]["sender"] == ALICE.text
    assert whole["verboseData"]["transactionIds"] == [whole["transactions"][0]["transactionId"]]
    assert sorted(world.call("getBlock", hash=tip)["header"]["parents"]) == sorted(names)
    assert set(world.block(tip)["mergeSetBluesHashes"]) == set(names)
    with pytest.raises(RpcError, match="no such block"):
        world.call("getBlock", hash="00" * 32)


def test_a_hidden_block_turns_red(world) -> None:
    """Kept back while six were made, it is merged red and earns no reward."""
    hidden = world.other.mine()
    for _ in range(6):
        world.node.mine()
    world.node.hear(hidden)
    world.node.mine()
    assert world.block(hidden.header.hash.hex())["color"] == "red"


def test_the_dag_s_state(world) -> None:
    """Counts, tips, what comes next, and the sink."""
    world.round()
    info = world.call("getBlockDagInfo")
    assert (info["blockCount"], info["headerCount"], info["sinkBlueScore"]) == (3, 3, 1)
    assert sorted(info["tipHashes"]) == sorted(info["virtualParentHashes"])
    assert len(info["tipHashes"]) == 2
    assert world.call("getSinkBlueScore") == {"blueScore": 1}
    assert world.call("getDag", most=2)["tip"] == info["sink"]
    assert world.call("getCoinSupply") == {"circulating": 2 * FUNDS}
    world.node.mine()
    assert world.call("getCoinSupply") == {"circulating": 2 * FUNDS + 2 * REWARD}


def test_blocks_are_listed_in_order_and_replayed_elsewhere(world) -> None:
    """Parents before children, from any chain block on; raw blocks rebuild the same state."""
    for _ in range(5):
        world.round()
    listed = world.call("getBlocks", includeBlocks=True)
    assert len(listed["blockHashes"]) == len(set(listed["blockHashes"])) == 11
    seen = set()
    for block in listed["blocks"]:
        assert set(block["header"]["parents"]) <= seen
        seen.add(block["verboseData"]["hash"])
    chain = [b["verboseData"]["hash"] for b in listed["blocks"] if b["verboseData"]["isChainBlock"]]
    part = world.call("getBlocks", lowHash=chain[3], limit=2)["blockHashes"]
    assert part[0] == chain[3]
    assert len(part) == 2
    headers = world.call("getHeaders")["headers"]
    assert [decode_header(bytes.fromhex(raw)).hash.hex() for raw in headers] == listed[
        "blockHashes"
    ]

    fresh = Node(2)
    for raw in world.call("getRawBlocks", start=1, count=100):
        header = decode_header(bytes.fromhex(raw["header"]))
        fresh.hear(Block(header, decode_body(bytes.fromhex(raw["body"]))))
    assert fresh.root == world.node.root


def test_the_virtual_chain_from_a_block(world) -> None:
    """What left the selected chain and what joined it, with the accepted ids."""
    tx = pay(ALICE, BOB, 1, 0)
    one, two = world.round([tx], [tx])
    world.node.mine()
    sink = world.call("getSink")["sink"]
    chain_block, beside = sorted((one, two), key=lambda b: b.header.hash, reverse=True)
    told = world.call("getVirtualChainFromBlock", startHash=beside.header.hash.hex())
    assert told["removedChainBlockHashes"] == [beside.header.hash.hex()]
    assert told["addedChainBlockHashes"] == [chain_block.header.hash.hex(), sink]
    genesis = world.node.chain.dag.genesis.hex()
    told = world.call(
        "getVirtualChainFromBlock", startHash=genesis, includeAcceptedTransactionIds=True
    )
    accepted = {
        each["acceptingBlockHash"]: each["acceptedTransactionIds"]
        for each in told["acceptedTransactionIds"]
    }
    assert accepted == {chain_block.header.hash.hex(): [], sink: [tx.id.hex()]}


def test_a_transaction_s_life(world) -> None:
    """Unknown, waiting, accepted; its rival refused; accounts count what waits."""
    tx, rival = pay(ALICE, BOB, 1, 0), pay(ALICE, CAROL, 1, 0)
    assert world.call("getTransaction", transactionId=tx.id.hex()) is None
    assert world.call("submitTransaction", transaction=tx.encode().hex()) == {
        "transactionId": tx.id.hex()
    }
    assert world.told == [tx]
    assert world.call("getTransaction", transactionId=tx.id.hex()) == {"status": "waiting"}
    account = world.call("getAccount", address=ALICE.text)
    assert (account["sequence"], account["nextSequence"], account["exists"]) == (0, 1, True)
    assert world.call("getMempoolInfo")["size"] == 1
    assert world.call("getMempoolEntry", txId=tx.id.hex())["mempoolEntry"]["fee"] == 1
    assert len(world.call("getMempoolEntries")["entries"]) == 1

    world.round([tx], [rival])
    world.node.hear(world.node.mined())
    told = {
        each["status"]: each
        for each in (
            world.call("getTransaction", transactionId=one.id.hex()) for one in (tx, rival)
        )
        if each["status"] != "waiting"
    }
    assert told["accepted"]["code"] == 0
    account = world.call("getAccount", address=ALICE.text)
    assert account["sequence"] == 1
    assert account["balances"] == [{"denom": "udag", "amount": str(FUNDS - 2)}]
    assert world.call("getBalanceByAddress", address=ALICE.text) == {"balance": FUNDS - 2}


def test_many_are_answered_one_by_one(world) -> None:
    """Signatures in one batch; a bad one is named and the others are told on."""
    good, far = pay(ALICE, BOB, 1, 0), pay(BOB, ALICE, 1, 999)
    results = world.call(
        "submitTransactions", transactions=[tx.encode().hex() for tx in (good, far)]
    )["results"]
    assert results[0] == {"transactionId": good.id.hex()}
    assert "too far ahead" in results[1]["message"]
    assert world.told == [good]
    with pytest.raises(RpcError, match="sequence 999"):
        world.call("submitTransaction", transaction=far.encode().hex())


def test_a_simulation_leaves_nothing(world) -> None:
    """It runs after what waits, whatever its sequence and signature, and changes no state."""
    world.mempool.add(pay(ALICE, BOB, FUNDS // 2, 0))
    root = world.node.root
    for amount, code in ((1, 0), (FUNDS, 5)):
        told = world.call("simulate", transaction=pay(ALICE, BOB, amount, 7).encode().hex())
        assert (told["code"] == 0) == (code == 0), told
        assert told["gas_used"] > 2_000
    assert world.node.root == root
    block = world.node.mine(pay(ALICE, BOB, 1, 0))
    assert block.header.utxo_commitment
    assert world.node.chain.tip.hash == block.header.hash


ODD = ["", "zz", "00" * 32, -1, 2**80, 1.5, True, None, [], {}, ["00"], "dag1qqqq"]


def test_odd_parameters_are_refused_by_name(world) -> None:
    """Whatever a stranger sends as a parameter, the answer is a value or one of our refusals."""
    world.round([pay(ALICE, BOB, 1, 0)])
    refusals, answered, wrong = [], 0, []
    for method, (function, names) in world.methods.items():
        for first in itertools.product(ODD, repeat=min(len(names), 2)):
            values = (*first, *ODD[: len(names) - len(first)])
            try:
                function(**dict(zip(names, values, strict=True)))
            except (RuleBroken, OperationFailed) as error:
                refusals.append(str(error))
            except Exception as error:  # noqa: BLE001 - whatever it is, it should not be
                wrong.append((method, values, error))
            else:
                answered += 1
    assert wrong == []
    assert len(refusals) > 1_000
    assert all(refusals)
    assert answered > 5
