"""IBC between two DAG chains by signed transactions, real headers and real proofs."""

import pytest

from chainkit.primitives.types import Denom
from chainkit.wire.proto.ibc.applications.transfer.v1.tx_pb2 import MsgTransfer
from ibc.ics04_channel.messages import Outcome
from ibc.ics20_transfer.denoms import TracedDenom
from ibc.ics20_transfer.state import escrow_address
from ibc.testing.path import sent_packets, written_acknowledgements
from tests.dag_ibc import FUNDS, Clock, DagPath, DagTestChain, Refused

AMOUNT = 700


class Joined:
    """Two DAG chains with an open transfer channel."""

    def __init__(self):
        clock = Clock()
        self.one, self.two = DagTestChain("one", clock), DagTestChain("two", clock)
        self.path = DagPath(self.one, self.two, "transfer", "ics20-1").open()
        self.a, self.b = self.path.a, self.path.b

    def transfer(self, end, sender, receiver, denom, amount, *, timeout=10**19):
        chain = end.chain
        message = MsgTransfer(
            source_port=end.port_id,
            source_channel=end.channel_id,
            sender=chain.text(chain.account(sender)),
            receiver=receiver,
            timeout_timestamp=timeout,
        )
        message.token.denom, message.token.amount = denom, str(amount)
        return sent_packets(chain.execute(message)[1])[0]

    def deliver(self, end, packet):
        outcome, events = self.path.recv(end, packet)
        assert outcome is Outcome.SUCCESS
        ((_, acknowledgement),) = written_acknowledgements(events)
        self.path.acknowledge(self.path.other(end), packet, acknowledgement)
        return acknowledgement


@pytest.fixture(scope="module")
def joined():
    return Joined()


def voucher(end, denom):
    return TracedDenom(denom).arrived_by(end.port_id, end.channel_id).local_denom()


def test_a_coin_goes_out_and_comes_home(joined) -> None:
    """Escrowed, minted, burnt, released: each step proven under a final block's state."""
    one, two = joined.one, joined.two
    ann = two.text(two.account("ann"))
    escrow = escrow_address(joined.a.port_id, joined.a.channel_id)
    packet = joined.transfer(joined.a, "sam", ann, one.native, AMOUNT)
    assert joined.deliver(joined.b, packet) == b'{"result":"AQ=="}'
    there = voucher(joined.b, one.native)
    assert two.balance(two.account("ann"), there) == AMOUNT
    assert one.balance(escrow, one.native) == two.supply(there) == AMOUNT

    back = joined.transfer(joined.b, "ann", one.text(one.account("ann")), there, AMOUNT)
    joined.deliver(joined.a, back)
    assert two.supply(there) == one.balance(escrow, one.native) == 0
    assert one.balance(one.account("ann"), one.native) == FUNDS + AMOUNT


def test_a_packet_is_received_once(joined) -> None:
    """A second delivery, also in another block, does nothing."""
    two = joined.two
    ann = two.text(two.account("ann"))
    before = two.balance(two.account("ann"), voucher(joined.b, joined.one.native))
    packet = joined.transfer(joined.a, "sam", ann, joined.one.native, AMOUNT)
    assert joined.path.recv(joined.b, packet)[0] is Outcome.SUCCESS
    assert joined.path.recv(joined.b, packet)[0] is Outcome.NOOP

    now = two.balance(two.account("ann"), voucher(joined.b, joined.one.native))
    assert now - before == AMOUNT


def test_a_late_packet_is_refunded_and_never_received(joined) -> None:
    """Chain time passes the timeout: absence is proven, the sender has it back, receive fails."""
    one, two = joined.one, joined.two
    ann = two.text(two.account("ann"))
    held = one.balance(one.account("sam"), one.native)
    late = two.time + 30 * 10**9
    packet = joined.transfer(joined.a, "sam", ann, one.native, AMOUNT, timeout=late)
    while two.time < late:
        two.round()
    joined.path.time_out(joined.a, packet)

    assert one.balance(one.account("sam"), one.native) == held - 1
    with pytest.raises(Refused, match="timeout"):
        joined.path.recv(joined.b, packet)


def test_a_packet_in_time_cannot_be_timed_out(joined) -> None:
    """Before its time the other chain's state proves no timeout."""
    one, two = joined.one, joined.two
    ann = two.text(two.account("ann"))
    packet = joined.transfer(joined.a, "sam", ann, one.native, AMOUNT)
    with pytest.raises(Refused, match="timeout"):
        joined.path.time_out(joined.a, packet)
    assert one.balance(escrow_address("transfer", joined.a.channel_id), Denom(one.native)) > 0
