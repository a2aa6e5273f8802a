"""The demo ``crash`` counts what is lost and what is doubled: each miscount is one it would tell."""

import json
from dataclasses import replace

import pytest

from demos.crash.counting import SUCCESS, events_of, tally
from demos.crash.lives import WHOLE, whole_round
from demos.crash.scenario import Report
from demos.crash.supply import Holdings
from demos.crash.validators import NO_EVIDENCE, BlockOf, compare

REFUSED = '{"error":"ABCI code: 5"}'


def event(kind, sequence, amount=0, ack="", channel="channel-0"):
    values = {"packet_src_channel": channel, "packet_sequence": str(sequence)}
    if amount:
        values["packet_data"] = json.dumps({"amount": str(amount), "denom": "utoka"})
    if ack:
        values["packet_ack"] = ack
    attributes = [{"key": key, "value": value, "index": True} for key, value in values.items()]
    return {"type": kind, "attributes": attributes}


def block(*events, code=0):
    """One answer to ``block_results`` with these events in one transaction."""
    return {"height": "7", "txs_results": [{"code": code, "data": None, "events": list(events)}]}


def packets(*blocks):
    return [found for each in blocks for found in events_of(each)]


SENT = [block(event("send_packet", n, 1000 + n)) for n in (1, 2, 3)]
ACKED = [block(event("acknowledge_packet", n)) for n in (1, 2, 3)]
# The hub's packets to the last chain have sequences of their own, here in another order.
PAID = [
    block(event("write_acknowledgement", 9 - n, 1000 + n, SUCCESS, channel="channel-1"))
    for n in (1, 2, 3)
]
AMOUNTS = (1001, 1002, 1003)


def counted(origin, end, amounts=AMOUNTS):
    found = tally(amounts, packets(*origin), packets(*end))
    assert found.transfers == len(amounts)
    assert bool(found.details) == bool(found.lost or found.duplicated)
    return found.lost, found.duplicated


def test_each_once_is_nothing_lost_and_nothing_double():
    """What the demo must find."""
    assert counted(SENT + ACKED, PAID) == (0, 0)


@pytest.mark.parametrize(
    ("origin", "end", "expected"),
    [
        (SENT + ACKED, PAID[:2], (1, 0)),
        (SENT + ACKED[1:], PAID, (1, 0)),
        (SENT[1:] + ACKED[1:], PAID[1:], (1, 0)),
        (SENT + ACKED, [], (3, 0)),
        (SENT + ACKED, [*PAID, PAID[0]], (0, 1)),
        (SENT + ACKED + ACKED[:1], PAID, (0, 1)),
        (SENT + ACKED, [*PAID, PAID[0], PAID[0]], (0, 2)),
        ([*SENT, *ACKED, block(event("timeout_packet", 2))], PAID, (1, 0)),
        (SENT + ACKED, [*PAID[1:], block(event("write_acknowledgement", 1, 1001, REFUSED))], (1, 0)),
        (SENT + ACKED, [*PAID[1:], block(PAID[0]["txs_results"][0]["events"][0], code=5)], (1, 0)),
        (SENT + ACKED, [*PAID, block(event("write_acknowledgement", 7, 5, SUCCESS))], (0, 1)),
    ],
    ids=[
        "not delivered", "not acknowledged", "never sent", "nothing delivered", "delivered twice",
        "acknowledged twice", "delivered three times", "timed out", "refused at the end",
        "the transaction failed", "nobody's delivery",
    ],
)  # fmt: skip
def test_every_miscount_is_told(origin, end, expected):
    """Lost and duplicated are counted from the chains, and each can be above zero."""
    assert counted(origin, end) == expected


def test_events_outside_transactions_count():
    """A packet that a block's end finished is finished."""
    answer = {"txs_results": None, "finalize_block_events": [event("acknowledge_packet", 1)]}
    assert [found.sequence for found in events_of(answer)] == [1]


def test_the_supply_must_be_the_same_everywhere():
    """One ledger that holds another amount is found."""
    assert Holdings({"escrow": 7, "vouchers": 7}).are_all(7)
    assert not Holdings({"escrow": 7, "vouchers": 8}).are_all(7)


def chain_of(**changed):
    blocks = {height: BlockOf(f"hash{height}", "app", NO_EVIDENCE) for height in (1, 2, 3)}
    return blocks | changed.get("changed", {})


def test_a_lost_or_different_block_and_evidence_are_found():
    """Nodes are compared block by block, and evidence in a block is a double sign."""
    same = chain_of()
    assert compare([same, chain_of()], 3) == (fair := compare([same], 3))
    assert (fair.compared, fair.different, fair.with_evidence) == (3, 0, 0)
    other_state = chain_of(changed={2: BlockOf("hash2", "other app", NO_EVIDENCE)})
    assert compare([same, other_state], 3).different == 1
    lacks = {height: found for height, found in same.items() if height != 3}
    assert compare([same, lacks], 3).different == 1
    guilty = chain_of(changed={3: BlockOf("hash3", "app", "AB")})
    assert compare([guilty, guilty], 3).with_evidence == 1


def test_a_recording_is_whole_with_one_of_each_thing_that_a_validator_does():
    """The list has the points of fetching, proposing and both votes, to the end of a height."""
    ended, every = "consensus.state_store.saved", sorted(WHOLE)
    assert not whole_round([])
    assert not whole_round([ended, *every])
    assert whole_round([*every, "consensus.block_store.saved", ended])
    for missing in WHOLE:
        assert not whole_round([name for name in every if name != missing] + [ended])


GOOD = Report(
    lost=0,
    duplicated=0,
    transfers=9,
    details=(),
    supply_conserved=True,
    holdings={"escrow": 1},
    write_points={"validator": 41, "relayer": 15},
    kills=58,
    blocks_compared=100,
    blocks_that_differ=0,
    double_signs=0,
    waited_at_height=50,
    waited_blocks_elsewhere=8,
    went_on_to_height=53,
    seconds=1.0,
)


@pytest.mark.parametrize(
    "wrong",
    [
        {"lost": 1}, {"duplicated": 1}, {"transfers": 0}, {"supply_conserved": False},
        {"write_points": {"validator": 0, "relayer": 15}}, {"blocks_compared": 0},
        {"blocks_that_differ": 1}, {"double_signs": 1}, {"waited_blocks_elsewhere": 2},
        {"went_on_to_height": 51},
    ],
    ids=str,
)  # fmt: skip
def test_the_demo_fails_by_each_of_its_claims(wrong):
    """No claim of the report is for show."""
    assert GOOD.failures() == ()
    assert len(replace(GOOD, **wrong).failures()) == 1
