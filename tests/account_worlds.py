"""An account chain in memory: a ledger, funded users, blocks by one call; for tests."""

from dataclasses import replace

from chainkit.commitments.database import MemoryDatabase
from chainkit.commitments.patricia_trie import Trie
from chainkit.formats.ethereum.accounts import decode_account
from chainkit.formats.ethereum.qbft import QbftExtraData, encode_extra_data
from chainkit.formats.ethereum.signatures import address_of
from chainkit.formats.ethereum.transactions import sign_transaction
from chainkit.formats.ethereum.types import DynamicFeeTransaction
from chainkit.primitives.types import ChainId, Denom
from parachains.account.contracts.abi import encode_abi, selector_of
from parachains.account.execution import call_transaction
from parachains.account.genesis import Genesis
from parachains.account.ledger import ChainIdentity, Ledger
from parachains.account.nodes import STATE_OWNER, OwnedNodes
from parachains.account.world import World

EVM_CHAIN_ID = 1_337
NATIVE = Denom("wei")
PREFIX = "acct"
GENESIS_TIME = 1_700_000_000
ETHER = 10**18
GWEI = 10**9
IDENTITY = ChainIdentity(ChainId("account"), EVM_CHAIN_ID, NATIVE, PREFIX)


class User:
    """A key and its address."""

    def __init__(self, number):
        self.key = number.to_bytes(32, "big")
        self.address = address_of(self.key)


MINER, SAM, ANN, BOB = (User(number) for number in range(1, 5))


def call_data(signature, *values):
    """The call data of a method, e.g. ``transfer(address,uint256)``."""
    types = signature[signature.index("(") + 1 : -1]
    return selector_of(signature) + encode_abi(tuple(types.split(",")) if types else (), values)


class AccountWorld:
    """One node's ledger; every block is committed."""

    def __init__(self, *, light_clients=(), applications=(), keep=0, database=None, balances=None):
        self.database = database or MemoryDatabase()
        self.parts = {"light_clients": light_clients, "applications": applications}
        self.ledger = Ledger(self.database, IDENTITY, keep_states=keep, **self.parts)
        held = (
            {user.address: 1_000 * ETHER for user in (SAM, ANN)} if balances is None else balances
        )
        self.genesis = Genesis(GENESIS_TIME, (MINER.address,), tuple(held.items()))
        self.blocks = []
        self.nonces = {}
        self.commit(self.ledger.genesis(self.genesis))

    @property
    def head(self):
        return self.blocks[-1].block.header

    @property
    def world(self):
        return World(self.ledger.state.overlay())

    def commit(self, block):
        self.database.write(block.state.writes)
        self.ledger.state.committed(block.state)
        self.blocks.append(block)
        return block

    def build(self, *transactions, seconds=1, coinbase=MINER.address):
        """A block on the head, and what it refused."""
        extra = QbftExtraData(bytes(32), (MINER.address,), None, 0, ())
        return self.ledger.build(
            self.head,
            transactions,
            timestamp=self.head.timestamp + seconds,
            coinbase=coinbase,
            extra_data=encode_extra_data(extra),
        )

    def block(self, *transactions, seconds=1):
        """Make and commit a block that takes every transaction."""
        built, refused = self.build(*transactions, seconds=seconds)
        assert refused == ()
        assert len(built.executed) == len(transactions)
        return self.commit(built)

    def sign(self, user, to, *, value=0, data=b"", **fields):
        """A transaction of a user, by default with the next nonce and enough of everything."""
        nonce = fields.pop("nonce", None)
        if nonce is None:
            nonce = self.nonces.get(user, 0)
            self.nonces[user] = nonce + 1
        transaction = DynamicFeeTransaction(
            chain_id=EVM_CHAIN_ID,
            nonce=nonce,
            max_priority_fee_per_gas=GWEI,
            max_fee_per_gas=100 * GWEI,
            gas_limit=5_000_000,
            to=to,
            value=value,
            data=data,
        )
        return sign_transaction(replace(transaction, **fields), user.key)

    def run(self, user, to, signature=None, *values, seconds=1, **fields):
        """Send one transaction in a block of its own; return what it did."""
        data = b"" if signature is None else call_data(signature, *values)
        transaction = self.sign(user, to, data=data, **fields)
        return self.block(transaction, seconds=seconds).executed[-1]

    def call(self, to, signature, *values, sender=SAM, value=0):
        """What a call on the newest state returns, raising its refusal."""
        environment = self.ledger.next_environment(
            self.head, timestamp=self.head.timestamp + 1, coinbase=MINER.address
        )
        transaction = DynamicFeeTransaction(
            EVM_CHAIN_ID, 0, 0, 0, 30_000_000, to, value, call_data(signature, *values)
        )
        overlay = self.ledger.state.overlay()
        outcome = call_transaction(
            self.ledger.rules, environment, overlay, sender.address, transaction
        )
        if outcome.error is not None:
            raise outcome.error
        return outcome.output


def total_of(world):
    """The sum of every balance in the newest state."""
    state = world.ledger.state
    trie = Trie(OwnedNodes(world.database, STATE_OWNER), state.root)
    return sum(decode_account(value).balance for _, value in trie.iterate())
