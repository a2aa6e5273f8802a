"""Forwarding by memo: the answer waits for the last hop, and a failure anywhere refunds."""

import json

import pytest

from ibc.forward.application import hop_account
from ibc.forward.errors import InvalidForwardMetadata, MetadataKeyNotFound
from ibc.forward.memo import encode_memo, parse_forward_memo
from ibc.ics04_channel.messages import Outcome
from ibc.ics20_transfer.denoms import extract_denom
from ibc.ics20_transfer.state import total_escrow
from ibc.testing.path import sent_packets, written_acknowledgements
from tests.unit.ibc_worlds import SECOND, address, send, three_chains

OK = b'{"result":"AQ=="}'


def memo(first, second, **more) -> str:
    """A memo that sends on from the hub to bob on zone-b."""
    hop = {
        "receiver": address(second.b.chain, "bob"),
        "port": "transfer",
        "channel": second.a.channel_id,
    }
    return json.dumps({"forward": {**hop, **more}})


def hub_voucher(first) -> str:
    return extract_denom(f"transfer/{first.b.channel_id}/uatom").local_denom()


def far_voucher(first, second) -> str:
    path = f"transfer/{second.b.channel_id}/transfer/{first.b.channel_id}/uatom"
    return extract_denom(path).local_denom()


def assert_nothing_stays_on_the_hub(first, sender):
    hub = first.b.chain
    held = hop_account(first.b.channel_id, address(first.a.chain, sender))
    assert hub.ledger.balance(hub.context(), held, hub_voucher(first)) == 0


def test_a_token_crosses_two_hops_and_the_answer_waits():
    """No answer is written at the hub until the last chain has answered."""
    first, second = three_chains()
    packet = send(first.a, "alice", "pfm", "uatom", 300, memo=memo(first, second))
    outcome, events = first.recv(first.b, packet)
    onward = sent_packets(events)[0]

    assert outcome is Outcome.SUCCESS
    assert not written_acknowledgements(events)

    _, events = second.recv(second.b, onward)
    answer = written_acknowledgements(events)[0][1]
    _, events = second.acknowledge(second.a, onward, answer)
    origin, answer = written_acknowledgements(events)[0]
    first.acknowledge(first.a, origin, answer)

    assert origin == packet
    assert answer == OK
    assert second.b.chain.balance("bob", far_voucher(first, second)) == 300
    assert first.a.chain.balance("alice", "uatom") == 700
    assert total_escrow(first.b.chain.context(), hub_voucher(first)) == 300
    assert_nothing_stays_on_the_hub(first, "alice")


def test_a_refusal_at_the_last_hop_refunds_the_origin():
    """The hub undoes both steps and answers with a code of its own."""
    first, second = three_chains()
    text = memo(first, second).replace(address(second.b.chain, "bob"), "nobody")
    packet = send(first.a, "alice", "pfm", "uatom", 300, memo=text)
    onward = sent_packets(first.recv(first.b, packet)[1])[0]
    answer = written_acknowledgements(second.recv(second.b, onward)[1])[0][1]
    events = second.acknowledge(second.a, onward, answer)[1]
    origin, answer = written_acknowledgements(events)[0]
    first.acknowledge(first.a, origin, answer)

    assert json.loads(answer)["error"].startswith("ABCI code: 13: ")
    assert first.a.chain.balance("alice", "uatom") == 1_000
    assert first.b.chain.supply(hub_voucher(first)) == 0
    assert total_escrow(first.b.chain.context(), hub_voucher(first)) == 0
    assert total_escrow(first.a.chain.context(), "uatom") == 0


def test_a_timeout_at_the_last_hop_is_retried_then_refunded():
    """Each retry is a new packet; when none is left the origin is refunded."""
    first, second = three_chains()
    text = memo(first, second, timeout="5s", retries=1)
    packet = send(first.a, "alice", "pfm", "uatom", 300, memo=text)
    onward = sent_packets(first.recv(first.b, packet)[1])[0]
    first.b.chain.commit(60)
    second.b.chain.commit(60)
    events = second.time_out(second.a, onward)[1]
    again = sent_packets(events)[0]

    assert again.sequence == onward.sequence + 1
    assert again.data == onward.data
    assert not written_acknowledgements(events)

    second.b.chain.commit(60)
    first.b.chain.commit(60)
    events = second.time_out(second.a, again)[1]
    origin, answer = written_acknowledgements(events)[0]
    first.acknowledge(first.a, origin, answer)

    assert b"ABCI code: 12: " in answer
    assert first.a.chain.balance("alice", "uatom") == 1_000
    assert first.b.chain.supply(hub_voucher(first)) == 0
    assert second.time_out(second.a, again)[0] is Outcome.NOOP


def test_a_retry_that_cannot_be_sent_refunds():
    """The last chain's clock is past any new timeout: the origin is refunded at once."""
    first, second = three_chains()
    text = memo(first, second, timeout="5s", retries=3)
    packet = send(first.a, "alice", "pfm", "uatom", 300, memo=text)
    onward = sent_packets(first.recv(first.b, packet)[1])[0]
    second.b.chain.commit(60)
    events = second.time_out(second.a, onward)[1]
    origin, answer = written_acknowledgements(events)[0]
    first.acknowledge(first.a, origin, answer)

    assert first.a.chain.balance("alice", "uatom") == 1_000
    assert first.b.chain.supply(hub_voucher(first)) == 0


def test_a_channel_that_is_not_there_refuses_at_once():
    """What cannot be sent on is refused before anything is kept."""
    first, second = three_chains()
    text = memo(first, second, channel="channel-77")
    packet = send(first.a, "alice", "pfm", "uatom", 300, memo=text)
    events = first.recv(first.b, packet)[1]
    origin, answer = written_acknowledgements(events)[0]
    first.acknowledge(first.a, origin, answer)

    assert first.a.chain.balance("alice", "uatom") == 1_000
    assert first.b.chain.supply(hub_voucher(first)) == 0


def test_a_token_goes_home_through_the_hub():
    """A voucher two hops away comes home in one journey."""
    first, second = three_chains()
    test_a = first.a.chain
    packet = send(first.a, "alice", "pfm", "uatom", 300, memo=memo(first, second))
    onward = sent_packets(first.recv(first.b, packet)[1])[0]
    second.recv(second.b, onward)
    home = json.dumps(
        {
            "forward": {
                "receiver": address(test_a, "carol"),
                "port": "transfer",
                "channel": first.b.channel_id,
            }
        }
    )
    back = send(second.b, "bob", "pfm", far_voucher(first, second), 300, memo=home)
    onward = sent_packets(second.recv(second.a, back)[1])[0]
    answer = written_acknowledgements(first.recv(first.a, onward)[1])[0][1]
    events = first.acknowledge(first.b, onward, answer)[1]
    origin, answer = written_acknowledgements(events)[0]
    second.acknowledge(second.b, origin, answer)

    assert test_a.balance("carol", "uatom") == 300
    assert first.b.chain.supply(hub_voucher(first)) == 0
    assert second.b.chain.supply(far_voucher(first, second)) == 0


def test_a_failed_way_back_over_the_same_channel_is_undone():
    """Sent on over the channel that it came by, and refused there: supply is as before."""
    first, _ = three_chains()
    text = json.dumps(
        {"forward": {"receiver": "nobody", "port": "transfer", "channel": first.b.channel_id}}
    )
    packet = send(first.a, "alice", "pfm", "uatom", 300, memo=text)
    onward = sent_packets(first.recv(first.b, packet)[1])[0]
    answer = written_acknowledgements(first.recv(first.a, onward)[1])[0][1]
    events = first.acknowledge(first.b, onward, answer)[1]
    origin, answer = written_acknowledgements(events)[0]
    first.acknowledge(first.a, origin, answer)

    assert first.a.chain.balance("alice", "uatom") == 1_000
    assert first.b.chain.supply(hub_voucher(first)) == 0


def nested(hops: int) -> dict:
    forward = {"receiver": "r", "port": "transfer", "channel": "channel-0"}
    return {"forward": {**forward, "next": nested(hops - 1)} if hops > 1 else forward}


def test_hops_are_limited():
    """Eight hops are read, nine are not."""
    assert parse_forward_memo(json.dumps(nested(8))) is not None
    with pytest.raises(InvalidForwardMetadata):
        parse_forward_memo(json.dumps(nested(9)))


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [("10m", 600 * SECOND), ("1h30m", 5_400 * SECOND), ("1.5s", 1_500_000_000), ("5ns", 5), (7, 7)],
)
def test_durations_are_gos(text, nanoseconds):
    """Timeouts are read as Go's time.ParseDuration reads them, without floats."""
    forward = {"receiver": "r", "port": "transfer", "channel": "channel-0", "timeout": text}
    parsed = parse_forward_memo(json.dumps({"forward": forward}))

    assert parsed.timeout_ns == nanoseconds


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"timeout": "soon"}, InvalidForwardMetadata),
        ({"timeout": 1.5}, InvalidForwardMetadata),
        ({"timeout": 2**63}, InvalidForwardMetadata),
        ({"retries": 256}, InvalidForwardMetadata),
        ({"retries": True}, InvalidForwardMetadata),
        ({"receiver": 1}, MetadataKeyNotFound),
        ({"receiver": ""}, InvalidForwardMetadata),
        ({"next": "{"}, InvalidForwardMetadata),
        ({"next": {}}, MetadataKeyNotFound),
    ],
)
def test_malformed_memos_are_refused(change, refusal):
    """A memo that asks to forward and cannot be followed is refused by name."""
    forward = {"receiver": "r", "port": "transfer", "channel": "channel-0", **change}
    with pytest.raises(refusal):
        parse_forward_memo(json.dumps({"forward": forward}))


@pytest.mark.parametrize("text", ["", "hello", "{}", '{"wasm":{}}', '{"forward":1}', "[1]"])
def test_other_memos_are_left_alone(text):
    """A memo for somebody else does not forward."""
    assert parse_forward_memo(text) is None


def test_next_may_be_text_and_prints_sorted():
    """``next`` may be an object or its text; the next chain gets sorted keys."""
    forward = {"receiver": "r", "port": "transfer", "channel": "channel-0"}
    inner = json.dumps({"forward": {**forward, "retries": 2}})
    parsed = parse_forward_memo(json.dumps({"forward": {**forward, "next": inner}}))

    assert encode_memo(parsed.next) == (
        '{"forward":{"channel":"channel-0","port":"transfer","receiver":"r","retries":2}}'
    )
    assert parse_forward_memo(encode_memo(parsed)) == parsed
