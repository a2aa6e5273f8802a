"""A UTXO chain in memory, with keys, mining and a clock, for tests."""

from chainkit.commitments.database import MemoryDatabase
from chainkit.formats.bitcoin.transactions import OutPoint, TxOutput
from chainkit.primitives.types import ChainId, Denom
from parachains.utxo.chain import open_chain
from parachains.utxo.coins import point_of_key
from parachains.utxo.mining import build_template, search
from parachains.utxo.parameters import REGTEST
from parachains.utxo.state_machine import StateMachine
from parachains.utxo.wallet import Key, Spendable, build_transaction

NATIVE = Denom("sat")
PREFIX = "utxo"


def key(number):
    return Key(number.to_bytes(32, "big"))


class UtxoWorld:
    """One node's chain with a miner's key."""

    def __init__(self, *, light_clients=(), applications=(), miner=1, database=None):
        self.parts = {"light_clients": light_clients, "applications": applications}
        self.database = database or MemoryDatabase()

        def machine(database):
            return StateMachine(
                database,
                chain_id=ChainId("utxo-1"),
                native=NATIVE,
                address_prefix=PREFIX,
                light_clients=light_clients,
                applications=applications,
            )

        self.chain = open_chain(self.database, machine, REGTEST)
        self.miner = key(miner)
        self.now = REGTEST.genesis.header.time

    def template(self, *transactions, extra=b""):
        self.now += 600
        return build_template(
            self.chain,
            transactions,
            payout_script=self.miner.script,
            time=self.now,
            extra=extra,
        )

    def mined(self, *transactions, extra=b""):
        """A block on the tip with proof of work, not yet accepted."""
        template = self.template(*transactions, extra=extra)
        assert template.refused == ()
        return search(template.block, 0, 1 << 20)

    def mine(self, *transactions, extra=b""):
        """Mine a block on the tip; returns it connected."""
        change = self.chain.accept_block(self.mined(*transactions, extra=extra), self.now)
        return change.connected[-1]

    def coins_of(self, owner):
        """The owner's outputs that can be spent in the next block, lots left out."""
        store = self.chain.machine.stores.store("lots")
        height = self.chain.tip.height + 1
        found = []
        for raw, _ in self.database.iterate(b"c/", b"c0"):
            point = point_of_key(raw)
            coin = self.chain.coin(point)
            if coin.output.script_pubkey != owner.script:
                continue
            young = coin.is_coinbase and height - coin.height < 100
            if not young and store.get(b"lot/" + point.encode()) is None:
                found.append(Spendable(point, coin.output))
        return found

    def pay(self, owner, outputs, **options):
        return build_transaction(owner, self.coins_of(owner), outputs, fee_rate=2, **options)

    def fund(self, *owners, amount=100_000_000):
        """Pay each owner from the miner's coins, in a block."""
        outputs = [TxOutput(amount, owner.script) for owner in owners]
        self.mine(self.pay(self.miner, outputs))

    def warm_up(self, blocks=101):
        for _ in range(blocks):
            self.mine()


def outpoint(tx, index):
    return OutPoint(tx.txid, index)
