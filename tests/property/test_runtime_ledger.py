"""Laws of the kernel's ledger, over any history of good and bad transactions."""

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from chainkit.modules.bank import STORE
from chainkit.modules.bank_codec import Send, send_message
from chainkit.primitives.amounts import Coin
from chainkit.primitives.types import Denom
from chainkit.runtime.addresses import format_address, module_address
from chainkit.runtime.store import MemoryStore, Overlay
from chainkit.wire.proto.cosmos.bank.v1beta1.query_pb2 import (
    QueryBalanceRequest,
    QueryBalanceResponse,
    QuerySupplyOfRequest,
    QuerySupplyOfResponse,
)
from parachains.sdk.testing import LocalChain

KEYS = (b"\x01" * 32, b"\x02" * 32, b"\x03" * 32)
STAKE = Denom("stake")
START = 1_000


class Ledger(RuleBasedStateMachine):
    """Three accounts against a ten-line model of balances, fees and sequences."""

    def __init__(self):
        super().__init__()
        self.chain = LocalChain(accounts=dict.fromkeys(KEYS, f"{START}stake"))
        self.chain.block()
        self.balances = dict.fromkeys(KEYS, START)
        self.fees = 0

    @rule(
        sender=st.sampled_from(KEYS),
        receiver=st.sampled_from(KEYS),
        amount=st.integers(1, 2 * START),
        fee=st.integers(0, 50),
        skew=st.sampled_from([0, 0, 0, 1]),
        gas=st.sampled_from([1_000, 38_000, 500_000]),
    )
    def send(self, sender, receiver, amount, fee, skew, gas):
        message = send_message(
            "isthmus",
            Send(self.chain.address(sender), self.chain.address(receiver), (Coin(STAKE, amount),)),
        )
        coins = (Coin(STAKE, fee),) if fee else ()
        sequence = self.chain.sequence(sender)
        tx = self.chain.sign(sender, message, fee=coins, gas_limit=gas, sequence=sequence + skew)
        before = self.balances[sender]
        checked = self.chain.app.check_tx(tx, recheck=False)
        result = self.chain.block(tx).tx_results[0]
        if checked.code == 0:
            self.chain._sequences[sender] += 1
            self.balances[sender] -= fee
            self.fees += fee
        if result.code == 0:
            assert skew == 0
            assert amount + fee <= before
            self.balances[sender] -= amount
            self.balances[receiver] += amount

    def balance(self, address):
        request = QueryBalanceRequest(address=format_address("isthmus", address), denom="stake")
        path = "/cosmos.bank.v1beta1.Query/Balance"
        value = self.chain.query(path, request.SerializeToString()).value
        return int(QueryBalanceResponse.FromString(value).balance.amount)

    @invariant()
    def the_ledger_is_the_model_and_supply_is_conserved(self):
        """A refused transaction leaves its fee and sequence at most."""
        held = {key: self.balance(self.chain.address(key)) for key in KEYS}
        assert held == self.balances
        assert self.balance(module_address("fee_collector")) == self.fees
        request = QuerySupplyOfRequest(denom="stake").SerializeToString()
        value = self.chain.query("/cosmos.bank.v1beta1.Query/SupplyOf", request).value
        assert int(QuerySupplyOfResponse.FromString(value).amount.amount) == START * len(KEYS)


TestLedger = Ledger.TestCase
TestLedger.settings = settings(max_examples=12, stateful_step_count=12, deadline=None)

keys = st.binary(min_size=1, max_size=2)
writes = st.lists(st.tuples(keys, st.none() | st.binary(min_size=1, max_size=2)), max_size=12)


def apply(store, changes):
    for key, value in changes:
        if value is None:
            store.delete(key)
        else:
            store.set(key, value)


@given(st.dictionaries(keys, st.binary(min_size=1, max_size=2)), writes, writes, writes)
@settings(max_examples=100)
def test_going_back_to_a_savepoint_restores_reads_and_iteration(base, first, second, third):
    """An overlay after nested reverts reads as a plain store with the kept writes only."""
    overlay = Overlay(lambda _: MemoryStore(base))
    model = MemoryStore(base)
    store = overlay.store(STORE)
    apply(store, first)
    apply(model, first)
    mark = overlay.mark()
    apply(store, second)
    inner = overlay.mark()
    apply(store, third)
    overlay.revert(inner)
    overlay.revert(mark)

    for reverse in (False, True):
        assert list(store.iterate(b"\x00", None, reverse=reverse)) == list(
            model.iterate(b"\x00", None, reverse=reverse)
        )
    assert list(store.iterate(b"\x20", b"\xa0")) == list(model.iterate(b"\x20", b"\xa0"))
