"""IBC's core with the real Tendermint client and real proofs, between two applications.

The forgeries are those of ``isthmus demo forged``; here every chain is in this process and
only every n-th byte is changed, so that each of them is refused in ``make test`` too.
"""

import asyncio
from collections import Counter, defaultdict
from dataclasses import replace
from itertools import chain

import pytest

from chainkit.formats.tendermint.hashing import validator_set_hash
from demos.forged.account_values import KINDS as ACCOUNT_KINDS
from demos.forged.attempts import (
    ACKNOWLEDGE,
    ADJACENT,
    CONNECT,
    RECEIVE,
    TIME_OUT,
    TRY,
    UPDATE,
    byte_attempts,
    originals,
    shaped_attempts,
)
from demos.forged.bitcoin_values import KINDS as BITCOIN_KINDS
from demos.forged.ghostdag_values import KINDS as DAG_KINDS
from demos.forged.judge import NO_OP, name_of
from demos.forged.messages import acknowledge, receive, update_with
from demos.forged.values import Attempt, Kind, Verdict
from ibc.ics02_client.codec import decode_update_client
from ibc.ics03_connection.types import ConnectionState
from ibc.ics04_channel.message_codec import decode_open_try
from ibc.ics04_channel.types import ChannelState
from light_clients.tendermint.codec import decode_client_message, encode_client_message
from light_clients.tendermint.types import Misbehaviour
from parachains.sdk.relaying import TxRedundant, TxRefused
from tests.linked_zones import World, linked_zones
from tests.signers import signed_header_of

STRIDE = 11
MASKS = (0x01, 0x80)
MAY_BE_INERT = {Kind.HEADER_BYTE, Kind.HEADER_ENCODING, Kind.MESSAGE_BYTE}
OF_OTHER_CHAINS = {*ACCOUNT_KINDS, *BITCOIN_KINDS, *DAG_KINDS}
ALL = (RECEIVE, ACKNOWLEDGE, TIME_OUT, TRY, CONNECT, ADJACENT, UPDATE)


@pytest.fixture(scope="module")
def linked():
    return linked_zones()


@pytest.fixture(scope="module")
def judged(linked):
    """Every forgery with its outcome, by class."""
    judge = linked.judge()
    judge.admit(originals(linked.evidence))
    forged = chain(
        shaped_attempts(linked.evidence), byte_attempts(linked.evidence, MASKS, stride=STRIDE)
    )
    found = defaultdict(list)
    for attempt in forged:
        found[attempt.kind].append((attempt, judge.judge(attempt)))
    return found


@pytest.mark.parametrize(
    "kind",
    [kind for kind in Kind if kind not in OF_OTHER_CHAINS],
    ids=lambda kind: kind.name.lower(),
)
def test_no_forgery_is_accepted(judged, kind):
    """
    Of every class: nothing but fee and sequence changes; at least one gets as far as its
    handler; only what is not part of a verified statement may be inert.
    """
    outcomes = judged[kind]
    accepted = [a.label for a, outcome in outcomes if outcome.verdict is Verdict.ACCEPTED]
    inert = [a.label for a, outcome in outcomes if outcome.verdict is Verdict.INERT]

    assert accepted == []
    assert not inert or kind in MAY_BE_INERT
    assert any(outcome.is_paid for _, outcome in outcomes)


def test_what_is_inert_is_not_signed(judged, linked):
    """
    With three validators each signature is needed: a header with other bytes that leads to the
    same state has the same header, commit, keys and powers. Beside headers only the version
    in MsgChannelOpenTry's channel is read by nobody, as in ibc-go: the application decides it.
    """
    true = originals(linked.evidence)
    inert = [
        attempt
        for outcomes in judged.values()
        for attempt, outcome in outcomes
        if outcome.verdict is Verdict.INERT
    ]
    for attempt in inert:
        if attempt.original == TRY:
            tried, truly = (
                decode_open_try(message.value, "isthmus")
                for message in (attempt.message, true[TRY])
            )
            unread = replace(truly.channel, version=tried.channel.version)

            assert tried == replace(truly, channel=unread)
            continue
        forged, original = header_in(attempt.message), header_in(true[attempt.original])

        assert forged.signed_header == original.signed_header
        for mine, other in (
            (forged.validator_set, original.validator_set),
            (forged.trusted_validators, original.trusted_validators),
        ):
            assert validator_set_hash(mine) == validator_set_hash(other)
    assert inert, "priorities are not signed, so some bytes must be inert"


def header_in(update):
    """The header of a MsgUpdateClient."""
    message = decode_update_client(update.value, "isthmus").client_message
    return decode_client_message(message)


def refusals(judged, kind):
    return Counter(outcome.refusal for _, outcome in judged[kind])


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (Kind.PACKET_REPLAYED, {NO_OP, "commitment/2 InvalidProof"}),
        (
            Kind.PACKET_LATE,
            {"channel/40 TimeoutElapsed", "commitment/2 InvalidProof", "channel/13 InvalidPacket"},
        ),
        (Kind.TIMEOUT_EARLY, {"channel/39 TimeoutNotReached", "channel/13 InvalidPacket"}),
        (Kind.TIMEOUT_OF_RECEIVED, {"commitment/2 InvalidProof"}),
        (Kind.TWO_OF_THREE, {"07-tendermint/6 InvalidHeader"}),
        (Kind.CLIENT_EXPIRED, {"client/29 ClientNotActive"}),
    ],
    ids=lambda value: value.name.lower() if isinstance(value, Kind) else "",
)
def test_the_refusals_that_matter_have_their_names(judged, kind, expected):
    """A forgery is refused by the rule that it breaks, not by chance."""
    assert set(refusals(judged, kind)) == expected


def test_the_judge_sees_an_accepted_forgery(linked):
    """What a true message does counts as accepted where it is not the original, else as inert."""
    judge = linked.judge()
    true = originals(linked.evidence)
    judge.admit(true)
    stolen = Attempt(Kind.PACKET_ALTERED, "a true one", true[RECEIVE])
    other = Attempt(Kind.PACKET_ALTERED, "of another message", true[ADJACENT], UPDATE)
    same = Attempt(Kind.PACKET_ALTERED, "itself", true[RECEIVE], RECEIVE)

    assert judge.judge(stolen).verdict is Verdict.ACCEPTED
    assert judge.judge(other).verdict is Verdict.ACCEPTED
    assert judge.judge(same).verdict is Verdict.INERT


def test_the_true_messages_do_what_they_say():
    """
    After the channel's handshake: a packet is received, an answer and a timeout end theirs, a
    second channel and connection are answered, and the client takes both headers.
    """
    linked = linked_zones()
    evidence, hub = linked.evidence, linked.hub
    client = hub.client(hub.users["forger"])
    packet = evidence.fresh.packet

    async def play():
        before = await client.commitments(packet.destination_port, packet.destination_channel)
        outcomes = {}
        for name, message in originals(evidence).items():
            outcomes[name] = (await World(hub).deliver(client, message)).code
        after = await client.commitments(packet.destination_port, packet.destination_channel)
        unreceived = await client.unreceived(
            packet.destination_port, packet.destination_channel, [packet.sequence]
        )
        connections = [each.end.state for each in await client.connections()]
        channels = await client.channels("connection-0")
        return before, outcomes, after, unreceived, channels, connections

    before, outcomes, after, unreceived, channels, connections = asyncio.run(play())

    assert outcomes == dict.fromkeys(ALL, 0)
    ended = {evidence.answered.packet.sequence, evidence.unreceived.packet.sequence}
    assert set(before) - set(after) == ended
    assert unreceived == frozenset()
    assert [each.end.state for each in channels] == [ChannelState.OPEN, ChannelState.TRYOPEN]
    assert connections == [ConnectionState.OPEN, ConnectionState.TRYOPEN]


@pytest.mark.parametrize("what", ["received", "unsent"])
def test_the_mempool_names_what_is_done_before(linked, what):
    """A replayed packet and an answer to a packet never sent do not get into a block alone."""
    evidence = linked.evidence
    never = replace(evidence.answered.packet, sequence=99)
    message = {
        "received": receive(evidence, evidence.received),
        "unsent": acknowledge(evidence, replace(evidence.answered, packet=never)),
    }[what]
    with pytest.raises(TxRedundant) as refused:
        asyncio.run(World(linked.hub).deliver(linked.forger(), message))

    assert name_of(refused.value.codespace, refused.value.code) == "channel/22 RedundantTransaction"


def test_the_mempool_refuses_a_forged_proof(linked):
    """A bare forgery costs its sender nothing and reaches no block."""
    proof = replace(linked.evidence.fresh.proof, proof=linked.evidence.late.proof.proof)
    message = receive(linked.evidence, replace(linked.evidence.fresh, proof=proof))
    height = linked.hub.height
    with pytest.raises(TxRefused):
        asyncio.run(World(linked.hub).deliver(linked.forger(), message))

    assert linked.hub.height == height


def test_nothing_is_believed_of_an_expired_client(linked):
    """Past the trusting period the very messages that were accepted are refused by name."""
    evidence = linked.evidence
    period = 30 * 24 * 3600
    judge = linked.judge(later_s=period)
    true = originals(evidence)
    for name in ALL:
        outcome = judge.judge(Attempt(Kind.CLIENT_EXPIRED, name, true[name]))
        expected = {"client/29 ClientNotActive"}
        if name == RECEIVE:
            # The packet's own timeout is looked at first.
            expected = {"channel/40 TimeoutElapsed"}

        assert outcome.verdict is Verdict.REFUSED
        assert outcome.refusal in expected


def test_a_fork_freezes_the_client_and_nothing_is_believed_of_it():
    """
    Validators who sign two headers of one height are told on: the client freezes, and what
    was true of the chain before is refused too.
    """
    linked = linked_zones()
    evidence, zone = linked.evidence, linked.zone
    one = evidence.headers.adjacent
    fork = replace(one.signed_header.header, app_hash=bytes(32))
    other = replace(one, signed_header=signed_header_of(fork, zone.set, zone.keys))
    accusation = Misbehaviour(evidence.headers.client_id, one, other)
    message = update_with(evidence.headers, encode_client_message(accusation))
    frozen = asyncio.run(World(linked.hub).deliver(linked.forger(), message))
    judge = linked.judge()

    assert frozen.code == 0, frozen.log
    for name, true in originals(evidence).items():
        outcome = judge.judge(Attempt(Kind.MISBEHAVIOUR_FALSE, name, true))

        assert (outcome.verdict, outcome.refusal) == (Verdict.REFUSED, "client/29 ClientNotActive")
