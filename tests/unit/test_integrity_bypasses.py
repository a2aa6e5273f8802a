"""Ways around the rule that somebody would try, each refused with the rule named.

INTEGRITY's list: memo, callback, multi-hop forward, swap of a low asset for a high one on a
chain in between, oracle values, governance by packet, name-service updates.
"""

import json

import pytest

from chainkit.primitives.types import Denom
from chainkit.wire.codec import encode
from chainkit.wire.proto.cosmos.gov.v1 import tx_pb2 as gov_tx
from ibc.ics20_transfer.denoms import extract_denom
from ibc.ics20_transfer.packet_data import decode_transfer_data
from ibc.testing.path import sent_packets, written_acknowledgements
from integrity.errors import LotTooLow, LowToHigh, ReturnMemo
from tests.unit.ibc_worlds import address, datagram_path, send, send_datagram
from tests.unit.integrity_worlds import Hub
from tests.unit.test_integrity_guard import forward, refused_by, send_to_low


def at(hub: Hub, zone: str, origin: str) -> Denom:
    """Return a zone's name for another zone's token that came over the hub."""
    path = hub.paths[zone]
    there = f"transfer/{path.b.channel_id}/transfer/{hub.channel(origin)}/u{origin}"
    return extract_denom(there).local_denom()


def bring(hub: Hub, origin: str, zone: str, amount: int = 50) -> Denom:
    """Bring a zone's token over the hub to a user of another zone, by hand."""
    hub.send_up(origin, f"u{origin}", amount)
    path = hub.paths[zone]
    voucher = hub.voucher(origin, f"u{origin}")
    packet = send(path.a, "bob", address(hub.zones[zone], "alice"), voucher, amount)
    path.recv(path.b, packet)
    return at(hub, zone, origin)


def test_a_memo_carries_a_low_token_nowhere():
    """memo: the hub reads it before any application does, and judges where it leads."""
    hub = Hub(low=1, high=3)
    answers = hub.send_up("low", "ulow", 5, memo=forward(hub, "high"))[1]
    assert refused_by(answers, LowToHigh)


@pytest.mark.parametrize("key", ["wasm", "src_callback", "dest_callback", "swap"])
def test_a_call_beside_the_way_is_not_sent_on(key):
    """callback: what stands in the memo beside the way does not reach the high chain."""
    hub = Hub(low=1, high=3)
    at_low = send_to_low(hub)
    memo = json.dumps({**json.loads(forward(hub, "high")), key: {"contract": "x", "msg": {}}})
    path = hub.paths["low"]
    packet = send(path.b, "alice", address(hub.chain, "bob"), at_low, 5, memo=memo)
    _, events = path.recv(path.a, packet)

    for onward in sent_packets(events):
        assert decode_transfer_data(onward.data).memo == ""
    if not sent_packets(events):
        ((_, answer),) = written_acknowledgements(events)
        assert b"error" in answer


def test_a_way_of_several_hops_is_judged_at_each():
    """multi-hop forward: low -> middle is let pass, and what comes from the middle keeps its lot."""
    hub = Hub(low=1, middle=1, high=3)
    onward = {"forward": {"receiver": "carol", "port": "transfer", "channel": hub.channel("high")}}
    memo = forward(hub, "middle", next=onward)
    path = hub.paths["low"]
    packet = send(path.b, "alice", address(hub.chain, "bob"), "ulow", 5, memo=memo)
    _, events = path.recv(path.a, packet)
    (first,) = sent_packets(events)
    middle = hub.paths["middle"]
    _, events = middle.recv(middle.b, first)
    for second in sent_packets(events):
        answers = hub.receive("middle", second)
        assert refused_by(answers, LotTooLow) or refused_by(answers, LowToHigh)
    assert hub.zones["high"].supply(at(hub, "high", "low")) == 0


def test_an_asset_that_returns_upward_takes_no_further_way_along():
    """multi-hop forward of a return: only a receiver may be in it."""
    hub = Hub(low=1, high=3)
    at_low = send_to_low(hub)
    onward = {"forward": {"receiver": "x", "port": "transfer", "channel": "channel-9"}}
    answers = hub.send_up("low", at_low, 5, memo=forward(hub, "high", next=onward))[1]
    assert refused_by(answers, ReturnMemo)


def test_a_swap_in_between_does_not_wash_the_low_asset():
    """swap: the label follows the asset; whoever took it for something better is left with it."""
    hub = Hub(low=1, middle=1, high=3)
    low_at_middle = bring(hub, "low", "middle")
    hub.describe("middle", 4)
    path = hub.paths["middle"]
    memo = forward(hub, "high")
    packet = send(path.b, "alice", address(hub.chain, "bob"), low_at_middle, 50, memo=memo)
    assert refused_by(hub.receive("middle", packet), LotTooLow)


def test_what_a_swap_gave_is_the_middle_chains_own_word():
    """swap: what the middle chain pays out is judged by the middle chain's level."""
    hub = Hub(low=1, middle=2, high=3)
    answers = hub.send_up("middle", "umiddle", 5, memo=forward(hub, "high"))[1]
    assert refused_by(answers, LowToHigh)


@pytest.mark.parametrize(
    "data",
    [
        b'{"oracle":"grain","value":7}',
        encode(gov_tx.MsgSubmitProposal(title="lower the bar", proposer="cosmos1x")),
        b'{"name":"treasury","address":"cosmos1mallory"}',
    ],
    ids=["oracle value", "governance by packet", "name service"],
)
def test_data_of_a_low_chain_reach_no_port_of_the_hub(data):
    """oracle, governance, names: whatever the bytes are, data need the hub's own level."""
    hub = Hub(low=1)
    path = datagram_path(hub.chain, hub.zones["low"])
    hub.change("low", client_id=path.a.client_id)
    packet = send_datagram(path.b, data)
    _, events = path.recv(path.a, packet)
    assert refused_by([answer for _, answer in written_acknowledgements(events)], LowToHigh)


@pytest.mark.parametrize("module", ["gov", "transfer"])
def test_a_token_of_a_low_chain_pays_no_module(module):
    """governance by packet: nor by a deposit in the name of the hub's own account."""
    hub = Hub(low=1)
    receiver = hub.chain.text(hub.chain.ledger.module_address(module))
    path = hub.paths["low"]
    packet = send(path.b, "alice", receiver, "ulow", 5)
    (answer,) = hub.receive("low", packet)
    assert b"error" in answer
    assert hub.chain.supply(hub.voucher("low", "ulow")) == 0
