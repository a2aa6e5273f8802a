"""DAG chains in memory: nodes that hear of blocks when a test says so, keys, mining."""

from chainkit.commitments.database import MemoryDatabase
from chainkit.primitives.types import ChainId, Denom
from chainkit.runtime.addresses import format_address
from chainkit.sigverify.ed25519 import ed25519_address, public_key_from_seed
from chainkit.wire.codec import encode
from chainkit.wire.proto.cosmos.bank.v1beta1 import tx_pb2
from chainkit.wire.proto.cosmos.base.v1beta1 import coin_pb2
from ibc.ics02_client.port import AnyValue
from parachains.dag.blocks import Block
from parachains.dag.chain import DagChain
from parachains.dag.limits import MAX_UNDO_BLOCKS
from parachains.dag.mining import search
from parachains.dag.parameters import ChainParameters
from parachains.dag.state_machine import StateMachine
from parachains.dag.transactions import signed
from parachains.sdk.undo import UndoDatabase
from tests.dags import PARAMETERS, START_MS

NATIVE = Denom("udag")
PREFIX = "dag"
CHAIN_ID = ChainId("dag-1")
REWARD = 50
FUNDS = 10_000
GAS = 200_000


class Key:
    """An account."""

    def __init__(self, number):
        self.seed = number.to_bytes(32, "big")
        self.public_key = public_key_from_seed(self.seed)
        self.address = ed25519_address(self.public_key)
        self.text = format_address(PREFIX, self.address)


ALICE, BOB, CAROL, DAVE = (Key(number) for number in range(1, 5))
MINERS = [Key(number) for number in range(11, 15)]


def parameters(**changes):
    values = {
        "chain_id": CHAIN_ID,
        "dag": PARAMETERS,
        "native": NATIVE,
        "reward": REWARD,
        "address_prefix": PREFIX,
        "genesis_time_ms": START_MS,
        "balances": {ALICE.address: FUNDS, BOB.address: FUNDS},
    }
    return ChainParameters(**{**values, **changes})


def pay(sender, receiver, amount, sequence, *, fee=1, gas=GAS, chain_id=CHAIN_ID):
    """A signed payment."""
    message = tx_pb2.MsgSend(
        from_address=sender.text,
        to_address=receiver.text,
        amount=[coin_pb2.Coin(denom=NATIVE, amount=str(amount))],
    )
    packed = AnyValue("/cosmos.bank.v1beta1.MsgSend", encode(message))
    return signed(
        sender.seed,
        sender.public_key,
        chain_id,
        sequence=sequence,
        fee=fee,
        gas_limit=gas,
        messages=(packed,),
    )


class Node:
    """One node with a miner."""

    def __init__(self, miner=0, *, database=None, chain=None, archive=True, **parts):
        self.database = database or MemoryDatabase()
        self.archive = archive
        self.chain_parameters = chain or parameters()
        self.parts = parts
        self.miner = MINERS[miner]
        self.open()

    def open(self):
        undoable = UndoDatabase(self.database, MAX_UNDO_BLOCKS)
        machine = StateMachine(undoable, self.chain_parameters, **self.parts)
        self.chain = DagChain(undoable, machine, archive=self.archive)

    @property
    def now(self):
        return self.chain.tip.header.timestamp + 1_000

    def mined(self, *transactions, after_ms=1_000):
        """A block above this node's tips with proof of work, told to nobody."""
        now = self.chain.tip.header.timestamp + after_ms
        block, _ = self.chain.template(self.miner.address, transactions, now)
        header = search(block.header, 0, 1 << 20)
        assert header is not None
        return Block(header, block.body)

    def hear(self, *blocks):
        """Accept blocks; returns the changes."""
        return [self.chain.accept_block(block, self.now + 10_000) for block in blocks]

    def mine(self, *transactions, after_ms=1_000):
        """Mine and accept a block."""
        block = self.mined(*transactions, after_ms=after_ms)
        self.hear(block)
        return block

    def balance(self, key):
        ctx = self.chain.machine.context_at(self.chain.machine.stores.version, 0, 0)
        return self.chain.machine.bank.balance(ctx, key.address, NATIVE)

    def supply(self):
        ctx = self.chain.machine.context_at(self.chain.machine.stores.version, 0, 0)
        return self.chain.machine.bank.supply(ctx, NATIVE)

    @property
    def root(self):
        return self.chain.machine.stores.app_hash()


def tell(source, *nodes):
    """Every block of one node to others, parents first."""
    blocks = [
        Block(block.header, source.chain.body(block.hash))
        for block in source.chain.dag
        if block.hash != source.chain.dag.genesis
    ]
    for node in nodes:
        node.hear(*blocks)


def parallel(nodes, *transactions):
    """Each node mines a block without hearing of the others', then all hear of all."""
    blocks = [
        node.mined(
            *(transactions[number] if number < len(transactions) else ()),
            after_ms=1_000 * len(nodes),
        )
        for number, node in enumerate(nodes)
    ]
    for node in nodes:
        node.hear(*blocks)
    return blocks
