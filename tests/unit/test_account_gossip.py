"""Consensus messages reach validators that are not connected; nobody makes others carry a flood."""

from dataclasses import replace

import pytest

from chainkit.formats.ethereum.qbft import make_seal
from chainkit.primitives.types import Hash32
from parachains.account.consensus.blocks import decode_proposed_block
from parachains.account.consensus.codec import decode_message, encode_message, sign_draft
from parachains.account.consensus.limits import MAX_FUTURE_HEIGHTS
from parachains.account.consensus.messages import PreparePayload
from parachains.account.gossip import Recent
from parachains.account.limits import MAX_PASSED_ON
from tests.account_network import VALIDATORS, Network
from tests.account_worlds import SAM

LINE = [{0, 1}, {1, 2}, {2, 3}]
RING = [*LINE, {3, 0}]
STAR = [{0, 1}, {0, 2}, {0, 3}]


def agreed_heights(network):
    lowest = min(network.heights())
    assert len({node.chain.at(lowest).hash for node in network.nodes}) == 1
    return lowest


@pytest.mark.parametrize("links", [LINE, RING, STAR], ids=["line", "ring", "star"])
def test_validators_that_are_not_all_connected_decide_in_round_0(links) -> None:
    """In a line nobody hears a quorum: three of four must have passed on what the others say."""
    network = Network(links=links)
    network.run(10)

    assert agreed_heights(network) >= 8
    assert all(node.engine.view[1] <= 0 for node in network.nodes)
    assert all(node.invalid_peers == [] for node in network.nodes)


def test_a_line_goes_on_after_its_end_was_away() -> None:
    """One of the ends is killed and comes back: it hears what is said again over its neighbour."""
    network = Network(links=LINE)
    network.run(4)
    network.kill(3)
    network.run(10)
    network.start(3)
    network.run(10)

    assert agreed_heights(network) >= 10


def test_a_message_goes_to_each_peer_once() -> None:
    """Where all are connected nobody sends a peer what it was sent, or what it sent itself."""
    network = Network()
    network.run(5)
    heights = max(network.heights())
    for source in range(4):
        for target in {0, 1, 2, 3} - {source}:
            for code, most in ((0x12, 1), (0x13, 4), (0x14, 4)):
                assert network.sent[source, target, code] <= most * (heights + 1)
    total = sum(count for (_, _, code), count in network.sent.items() if code == 0x13)
    assert total <= 4 * 9 * (heights + 1)


def prepare(user, height, number, round_=0):
    """A prepare of some digest, as it travels."""
    draft = PreparePayload(height, round_, Hash32(number.to_bytes(32, "big")))
    message = sign_draft(draft, user.address, lambda digest: make_seal(user.key, digest))
    return encode_message(message)


def middle(network):
    """Node 1 of a line, some blocks on, with nothing under way."""
    network.run(3.5)
    return network.nodes[1]


def test_what_a_stranger_or_a_distant_height_says_is_not_passed_on() -> None:
    """Only a validator's messages for this height or a near one travel."""
    node = middle(Network(links=LINE))
    height = node.engine.height
    near = prepare(VALIDATORS[3], height + MAX_FUTURE_HEIGHTS, 1)
    assert node.gossip.receive(0, *near) == [(2, *near)]
    for user, at in (
        (SAM, height + 1),
        (VALIDATORS[3], height - 1),
        (VALIDATORS[3], height + MAX_FUTURE_HEIGHTS + 1),
    ):
        assert node.gossip.receive(0, *prepare(user, at, 2)) == []


def test_a_message_is_passed_on_once_and_not_back() -> None:
    """Again from the same peer, and from the one that it was passed on to: nothing follows."""
    node = middle(Network(links=LINE))
    message = prepare(VALIDATORS[3], node.engine.height + 1, 1)

    assert node.gossip.receive(0, *message) == [(2, *message)]
    assert node.gossip.receive(0, *message) == []
    assert node.gossip.receive(2, *message) == []
    node.gossip.peer_added(7, replace(node.gossip.status(0), head=0))
    assert node.gossip.receive(0, *message) == [(7, *message)], "a new peer has nothing yet"


def test_a_message_that_came_before_is_not_looked_at_again(monkeypatch) -> None:
    """From a second peer it costs a hash; from the same peer it was sent again on purpose."""
    node = middle(Network(links=LINE))
    message = prepare(VALIDATORS[3], node.engine.height + 1, 1)
    handed = []
    monkeypatch.setattr(node.engine, "receive", lambda *args: handed.append(args) or False)
    node.gossip.receive(0, *message)
    node.gossip.receive(2, *message)
    assert len(handed) == 1
    node.gossip.receive(0, *message)
    assert len(handed) == 2


def test_a_flood_of_one_validator_is_not_carried() -> None:
    """So many of its messages in one round of ours; the others' still travel, and its own later."""
    network = Network(links=LINE)
    node = middle(network)
    height = node.engine.height + 1
    carried = [
        node.gossip.receive(0, *prepare(VALIDATORS[3], height, number))
        for number in range(2 * MAX_PASSED_ON)
    ]
    assert sum(map(bool, carried)) <= MAX_PASSED_ON
    other = prepare(VALIDATORS[0], height, 1)
    assert node.gossip.receive(0, *other) == [(2, *other)]
    network.run(2)
    later = prepare(VALIDATORS[3], node.engine.height + 1, 5)
    assert node.gossip.receive(0, *later) == [(2, *later)]


def test_a_refused_message_is_not_passed_on(monkeypatch) -> None:
    """Who passes it on would be dropped for it: what the machine refuses stays here."""
    node = middle(Network(links=LINE))
    code, payload = prepare(SAM, node.engine.height, 1)
    assert not node.engine.receive(decode_message(code, payload, decode_proposed_block), "0")
    assert len(node.invalid_peers) == 1
    good = prepare(VALIDATORS[3], node.engine.height + 1, 1)
    monkeypatch.setattr(node.engine, "receive", lambda *_: False)
    assert node.gossip.receive(0, *good) == []


def test_only_so_many_hashes_are_remembered() -> None:
    """The oldest goes first."""
    recent = Recent(3)
    assert [recent.add(Hash32(bytes([n]) * 32)) for n in (1, 2, 3, 1, 4)] == [
        True, True, True, False, True,
    ]  # fmt: skip
    assert recent.add(Hash32(bytes([1]) * 32)), "it was forgotten"
