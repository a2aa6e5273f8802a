"""The rules before the applications: refuse, hold, judge what is sent, and what an answer tells."""

import pytest

from chainkit.primitives.types import Address
from ibc.errors import Unauthorized
from ibc.ics04_channel.acknowledgement import ErrorAcknowledgement, encode_acknowledgement
from ibc.ics04_channel.messages import Outcome
from ibc.ics26_routing.port import Admission
from ibc.testing.path import written_acknowledgements
from tests.unit.ibc_worlds import address, send, transfer_message, two_chains

RELAYER = Address(b"\x01" * 20)


class Rule:
    """A rule that refuses 300, holds 301 once, and blots out what errors say."""

    name = "numbers"

    def __init__(self) -> None:
        self.held = []
        self.answers = []
        self.heard = []

    def check_receive(self, ctx, source, packet, relayer):
        if b'"amount":"300"' in packet.data:
            raise Unauthorized("not from there")
        if b'"amount":"301"' in packet.data and packet not in self.held:
            self.held.append(packet)
            return Admission.HOLD
        return Admission.DELIVER

    def hear_refusal(self, ctx, source, refusal):
        self.heard.append((source.client_id, refusal))

    def check_send(self, ctx, destination, port_id, data):
        if b'"amount":"7"' in data:
            raise Unauthorized("no sevens")

    def admit_acknowledgement(self, ctx, destination, packet, acknowledgement):
        self.answers.append(acknowledgement)
        return encode_acknowledgement(ErrorAcknowledgement(99))


def receive(path, packet):
    outcome, events = path.recv(path.b, packet)
    assert outcome is Outcome.SUCCESS
    return [answer for _, answer in written_acknowledgements(events)]


def test_a_refusal_keeps_the_receipt_and_refunds():
    """A rule before the application leaves the receipt and the code, nothing else."""
    rule = Rule()
    path = two_chains((rule,))
    packet = send(path.a, "alice", address(path.b.chain, "bob"), "uatom", 300)
    (answer,) = receive(path, packet)
    ((client, refusal),) = rule.heard
    assert client == path.b.client_id
    assert isinstance(refusal, Unauthorized)
    repeated = path.recv(path.b, packet)[0]
    path.acknowledge(path.a, packet, answer)

    assert path.a.chain.balance("alice", "uatom") == 1_000
    assert repeated is Outcome.NOOP
    assert receive(path, send(path.a, "alice", address(path.b.chain, "bob"), "uatom", 299))


def test_a_held_packet_has_no_answer_until_it_is_delivered():
    """It cannot be received a second time, and the rules judge it once more."""
    rule = Rule()
    path = two_chains((rule,))
    packet = send(path.a, "alice", address(path.b.chain, "bob"), "uatom", 301)

    assert receive(path, packet) == []
    assert path.recv(path.b, packet)[0] is Outcome.NOOP
    ctx = path.b.chain.context()
    path.b.chain.core.router.deliver_held(ctx, packet, RELAYER)
    answers = written_acknowledgements(ctx.events.all())
    path.acknowledge(path.a, packet, answers[0][1])

    assert len(answers) == 1
    assert path.a.chain.balance("alice", "uatom") == 699


def test_what_is_sent_is_judged_before_anything_moves():
    """A refused send leaves the balance and no commitment."""
    sender = two_chains((Rule(),))
    sender.b.chain.fund("bob", "ubtc", 100)
    message = transfer_message(sender.b, "bob", address(sender.a.chain, "alice"), "ubtc", 7)
    before = sender.b.chain.snapshot()

    with pytest.raises(Unauthorized, match="no sevens"):
        sender.b.chain.execute(message)
    assert sender.b.chain.snapshot() == before


def test_an_application_reads_only_what_a_rule_admits():
    """What a lower chain wrote into its answer does not reach the application."""
    rule = Rule()
    path = two_chains((rule,))
    path.b.chain.fund("bob", "ubtc", 100)
    packet = send(path.b, "bob", address(path.a.chain, "alice"), "ubtc", 40)
    _, events = path.recv(path.a, packet)
    (answer,) = [found for _, found in written_acknowledgements(events)]
    path.acknowledge(path.b, packet, answer)

    assert rule.answers == [answer]
    assert path.b.chain.balance("bob", "ubtc") == 100, "the rule made it a refusal"
