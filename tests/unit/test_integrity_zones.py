"""The ledger of zones never goes below zero, and says what each zone holds."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from integrity.errors import LedgerBroken, ReturnExcess
from integrity.zones import (
    EMPTY,
    ZoneEntry,
    answered,
    arrived,
    came_home,
    refunded,
    sent_away,
    sent_home,
    undone,
)

AMOUNT = st.integers(1, 50)


def test_a_zone_cannot_return_more_than_it_holds() -> None:
    """IL-return-excess, even with a validly signed header of the zone."""
    entry = sent_away(EMPTY, 100)
    assert came_home(entry, 100).held == 0
    with pytest.raises(ReturnExcess, match="101 of the 100"):
        came_home(entry, 101)


def test_a_false_timeout_after_a_return_is_refused() -> None:
    """IL-forged-timeout: what came back cannot also be refunded."""
    returned = came_home(sent_away(EMPTY, 100), 60)
    assert refunded(returned, 40, home=False).held == 0
    with pytest.raises(LedgerBroken):
        refunded(returned, 100, home=False)


def test_vouchers_go_home_once() -> None:
    """Custody falls when they are sent and comes back with a refund."""
    entry = arrived(EMPTY, 30)
    away = sent_home(entry, 30)
    assert (away.custody, away.returning) == (0, 30)
    assert answered(away, 30, home=True) == EMPTY
    assert refunded(away, 30, home=True) == entry
    with pytest.raises(LedgerBroken):
        sent_home(away, 1)


def test_an_undone_receive_leaves_no_trace() -> None:
    """A forward that failed."""
    assert undone(arrived(EMPTY, 9), 9, home=False) == EMPTY
    held = ZoneEntry(held=9)
    assert undone(came_home(held, 9), 9, home=True) == held


class ZoneMachine(RuleBasedStateMachine):
    """An honest zone against a model that counts coins by where they are."""

    def __init__(self) -> None:
        super().__init__()
        self.entry = EMPTY
        self.at_zone = 0
        self.to_zone: list[int] = []
        self.received: list[int] = []
        self.vouchers = 0
        self.home: list[int] = []

    @rule(amount=AMOUNT)
    def send(self, amount: int) -> None:
        self.entry = sent_away(self.entry, amount)
        self.to_zone.append(amount)

    @precondition(lambda self: self.to_zone)
    @rule()
    def zone_receives(self) -> None:
        amount = self.to_zone.pop()
        self.at_zone += amount
        self.received.append(amount)

    @precondition(lambda self: self.received)
    @rule()
    def answer(self) -> None:
        self.entry = answered(self.entry, self.received.pop(), home=False)

    @precondition(lambda self: self.to_zone)
    @rule()
    def time_out(self) -> None:
        self.entry = refunded(self.entry, self.to_zone.pop(), home=False)

    @precondition(lambda self: self.at_zone)
    @rule(data=st.data())
    def zone_returns(self, data: st.DataObject) -> None:
        amount = data.draw(st.integers(1, self.at_zone))
        self.at_zone -= amount
        self.entry = came_home(self.entry, amount)

    @rule(amount=AMOUNT)
    def zone_sends_its_own(self, amount: int) -> None:
        self.entry = arrived(self.entry, amount)
        self.vouchers += amount

    @precondition(lambda self: self.vouchers)
    @rule(data=st.data())
    def send_home(self, data: st.DataObject) -> None:
        amount = data.draw(st.integers(1, self.vouchers))
        self.vouchers -= amount
        self.entry = sent_home(self.entry, amount)
        self.home.append(amount)

    @precondition(lambda self: self.home)
    @rule(accepted=st.booleans())
    def home_answers(self, accepted: bool) -> None:
        amount = self.home.pop()
        if accepted:
            self.entry = answered(self.entry, amount, home=True)
        else:
            self.entry = refunded(self.entry, amount, home=True)
            self.vouchers += amount

    @invariant()
    def the_ledger_is_the_model(self) -> None:
        assert self.entry.held == self.at_zone + sum(self.to_zone)
        assert self.entry.custody == self.vouchers
        assert self.entry.returning == sum(self.home)
        assert self.entry.in_flight <= self.entry.held


TestZoneMachine = ZoneMachine.TestCase
TestZoneMachine.settings = settings(max_examples=60, stateful_step_count=40)
