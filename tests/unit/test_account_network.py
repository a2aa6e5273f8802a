"""Four account nodes under virtual time: blocks, crashes, restarts, catching up, forged blocks."""

from dataclasses import replace

import pytest

from chainkit.formats.ethereum.qbft import (
    decode_extra_data,
    make_seal,
    recover_seals,
    seal_hash,
    with_extra_data,
)
from chainkit.formats.ethereum.transactions import transaction_hash
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.types import Hash32
from parachains.account import wire
from parachains.account.consensus.validators import proposer_at
from parachains.account.errors import BlockRefused
from parachains.account.gossip import PeerBrokeRule
from parachains.account.sealing import check_seals
from tests.account_network import VALIDATORS, Network
from tests.account_worlds import BOB, SAM, AccountWorld

ADDRESSES = tuple(user.address for user in VALIDATORS)


def agreed(network):
    """The hashes of the blocks that all running nodes have; they must be the same."""
    nodes = [network.nodes[number] for number in sorted(network.running)]
    lowest = min(node.height for node in nodes)
    chains = {tuple(node.chain.at(n).hash for n in range(lowest + 1)) for node in nodes}
    assert len(chains) == 1
    return chains.pop()


def test_blocks_come_every_second_and_carry_transactions() -> None:
    """A transaction given to one node is in a block that all have, sealed by two thirds."""
    network, wallet = Network(), AccountWorld()
    network.run(3)
    found = network.submit(2, wallet.sign(SAM, BOB.address, value=5))
    network.run(3)
    agreed(network)
    assert min(network.heights()) >= 5
    for node in network.nodes:
        place = node.chain.place_of(found)
        stored = node.chain.at(place.number)
        assert transaction_hash(stored.block.transactions[0]) == found
        check_seals(stored.header, ADDRESSES)
        assert node.account(BOB.address).balance == 5
        assert len(node.pool) == 0
        assert node.invalid_peers == []


def test_a_killed_proposer_yields_a_later_round() -> None:
    """Without its proposer a height is decided in round 1 or later, with enough seals."""
    network = Network()
    network.run(3)
    head = network.nodes[0].chain.head.header
    silent = ADDRESSES.index(proposer_at(ADDRESSES, head.beneficiary, 0))
    network.kill(silent)
    network.run(8)
    blocks = agreed(network)
    node = network.nodes[(silent + 1) % 4]
    rounds = [
        decode_extra_data(node.chain.at(number).header.extra_data).round
        for number in range(head.number + 1, len(blocks))
    ]

    assert any(rounds)
    for number in range(1, len(blocks)):
        check_seals(node.chain.at(number).header, ADDRESSES)


def test_two_of_four_stop_the_chain_and_their_return_resumes_it() -> None:
    """Below a quorum nothing is decided; with the nodes back it goes on, as one chain."""
    network = Network()
    network.run(3)
    network.kill(0)
    network.kill(1)
    network.run(2)
    stopped = network.heights()[2]
    network.run(20)
    assert network.heights()[2] == stopped
    network.start(0)
    network.start(1)
    network.run(60)

    agreed(network)
    assert min(network.heights()) > stopped + 5


def test_a_node_that_was_away_catches_up() -> None:
    """It asks for the blocks that it missed, checks their seals, and takes part again."""
    network = Network()
    network.run(2)
    network.kill(3)
    network.run(60)
    network.start(3)
    network.run(5)

    agreed(network)
    assert network.heights()[3] >= network.heights()[0] - 1


@pytest.mark.parametrize("moment_ms", range(0, 1_000, 83))
def test_restarts_at_any_moment_keep_one_chain(moment_ms) -> None:
    """All nodes stop at some moment of a block and come back with what is on their disks."""
    network = Network()
    network.run(2 + moment_ms / 1_000)
    for number in range(4):
        network.kill(number)
    network.run(0.5)
    for number in range(4):
        network.start(number)
    network.run(8)

    agreed(network)
    assert min(network.heights()) >= 5
    assert all(node.invalid_peers == [] for node in network.nodes)


def sealed_block():
    network = Network()
    network.run(3)
    return network, network.nodes[0].chain.at(1).block


def resealed(block, change):
    extra = decode_extra_data(block.header.extra_data)
    return replace(
        block, header=with_extra_data(block.header, replace(extra, seals=change(extra.seals)))
    )


def test_a_block_needs_enough_of_the_right_seals() -> None:
    """Too few, one twice, or none of the validators': refused, and nothing is stored."""
    network, block = sealed_block()
    late = Network(count=0).nodes[0]
    spoilt = [
        resealed(block, lambda seals: seals[:2]),
        resealed(block, lambda seals: (*seals[:-1], seals[0])),
        resealed(block, lambda seals: (*seals[1:], bytes([seals[0][0] ^ 1]) + seals[0][1:])),
        resealed(block, lambda _: ()),
    ]
    for wrong in spoilt:
        with pytest.raises(BlockRefused, match="seals"):
            late.engine.import_block(wrong)
    assert late.height == 0
    assert len(recover_seals(block.header)) >= 3
    late.engine.import_block(block)
    assert late.height == 1
    assert late.chain.head.hash == network.nodes[0].chain.at(1).hash


def test_a_header_that_names_its_own_validators_is_refused() -> None:
    """Not by its own seals, nor by the chain's validators', who would mislead light clients."""
    _, block = sealed_block()
    extra = decode_extra_data(block.header.extra_data)
    header = with_extra_data(block.header, replace(extra, validators=(SAM.address,), seals=()))
    late = Network(count=0).nodes[0]
    for sealers in ((SAM,), VALIDATORS):
        seals = tuple(make_seal(user.key, seal_hash(header)) for user in sealers)
        wrong = replace(block, header=header)
        with pytest.raises(BlockRefused):
            late.engine.import_block(resealed(wrong, lambda _, seals=seals: seals))


@pytest.mark.parametrize(
    ("code", "payload"),
    [
        (wire.BLOCKS, wire.encode_items([])),
        (wire.GET_BLOCKS, wire.encode_range((1, 33))),
        (wire.NEW_HEAD, b"\x82\x00\x01"),
        (wire.TRANSACTIONS, wire.encode_items([b"\x01\xc0"])),
        (0x12, b"\xc0"),
        (0x14, b""),
    ],
)
def test_a_peer_that_breaks_the_protocol_is_named(code, payload) -> None:
    """Blocks unasked for, too large a wish, RLP or messages that are none: dropped."""
    network = Network()
    network.run(1)
    with pytest.raises(PeerBrokeRule):
        network.nodes[0].gossip.receive(1, code, payload)


def test_a_peer_of_another_chain_is_refused() -> None:
    """Another genesis or chain id: no conversation."""
    node = Network(count=1).nodes[0]
    status = node.gossip.status(7)
    for wrong in (replace(status, chain_id=1), replace(status, genesis=bytes(32))):
        with pytest.raises(PeerBrokeRule, match="another chain"):
            node.gossip.peer_added(9, wrong)


def test_what_nodes_say_reads_as_it_was_written() -> None:
    """Frames, greetings, wishes and lists of bytes; another protocol or a huge frame is refused."""
    status = wire.Status(1, 1_337, Hash32(bytes(32)), 7, 2**63)
    assert wire.decode_status(wire.encode_status(status)) == status
    assert wire.decode_range(wire.encode_range((3, 32))) == (3, 32)
    assert wire.decode_items(wire.encode_items([b"a", b"bc"]), 2) == (b"a", b"bc")
    frame = wire.encode_frame(wire.NEW_HEAD, b"xyz")
    assert wire.decode_frame(frame[: wire.FRAME_BYTES]) == (wire.NEW_HEAD, 3)
    for header in (b"http/1.1 ", frame[:5], b"iacc\x01\xff\xff\xff\xff"):
        with pytest.raises(MalformedMessage):
            wire.decode_frame(header)
    with pytest.raises(MalformedMessage):
        wire.decode_items(wire.encode_items([b"a", b"bc"]), 1)
