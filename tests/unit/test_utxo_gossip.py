"""Nodes of a UTXO chain talk: blocks and transactions spread, forks heal, liars are dropped."""

from dataclasses import replace

import pytest

from chainkit.formats.bitcoin.blocks import Block
from chainkit.formats.bitcoin.errors import MalformedBitcoin
from chainkit.formats.bitcoin.transactions import TxOutput
from parachains.utxo import wire
from parachains.utxo.gossip import Gossip, PeerBrokeRule
from parachains.utxo.mempool import Mempool
from tests.utxo_worlds import UtxoWorld, key

LATER = 1_400_000_000


class Node:
    def __init__(self, world):
        self.world = world
        self.changes = []
        self.mempool = Mempool(world.chain)
        self.gossip = Gossip(world.chain, self.mempool, lambda: LATER, self.changes.append)

    @property
    def tip(self):
        return self.world.chain.tip.header.hash


class Net:
    """Nodes joined pairwise; messages are delivered in order until there are none."""

    def __init__(self, *nodes):
        self.nodes = list(nodes)
        self.queue = []
        self.cut = set()
        self.count = 0

    def connect(self, a, b):
        for one, other in ((a, b), (b, a)):
            self.post(one, self.nodes[one].gossip.peer_added(other))
        self.run()

    def post(self, sender, messages):
        for peer, command, payload in messages:
            if frozenset((sender, peer)) not in self.cut:
                self.queue.append((sender, peer, command, payload))

    def run(self):
        while self.queue:
            sender, receiver, command, payload = self.queue.pop(0)
            self.count += 1
            assert self.count < 20_000, "the network does not come to rest"
            self.post(receiver, self.nodes[receiver].gossip.receive(sender, command, payload))

    def submit(self, at, block):
        self.post(at, self.nodes[at].gossip.submit_block(block))
        self.run()


@pytest.fixture
def net():
    nodes = [Node(UtxoWorld(miner=number)) for number in (1, 2, 3)]
    made = Net(*nodes)
    made.connect(0, 1)
    made.connect(1, 2)
    return made


def test_blocks_and_transactions_spread(net) -> None:
    """What one node mines or takes reaches a node two hops away, and is mined there."""
    first, _, last = net.nodes
    for number in range(103):
        net.submit(0, first.world.mined(extra=bytes([number])))
    assert last.tip == first.tip
    tx = first.world.pay(first.world.miner, [TxOutput(7_000, key(9).script)])
    first.mempool.add(tx)
    net.post(0, first.gossip.announce_transaction(tx))
    net.run()
    assert tx.txid in last.mempool
    net.submit(2, last.world.mined(*last.mempool.in_block_order()))
    assert first.tip == last.tip
    assert len(first.mempool) == 0


def test_a_new_node_catches_up(net) -> None:
    """A node that comes later asks for headers, then for blocks, and ends on the same tip."""
    for number in range(60):
        net.submit(0, net.nodes[0].world.mined(extra=bytes([number])))
    net.nodes.append(Node(UtxoWorld(miner=4)))
    net.connect(3, 2)
    assert net.nodes[3].tip == net.nodes[0].tip


@pytest.mark.parametrize("lengths", [(2, 3), (5, 1), (4, 4)])
def test_a_fork_heals(net, lengths) -> None:
    """Two halves that mined apart end on the heavier chain when they meet again."""
    net.submit(0, net.nodes[0].world.mined())
    net.cut.add(frozenset((0, 1)))
    for side, count in ((0, lengths[0]), (2, lengths[1])):
        world = net.nodes[side].world
        for number in range(count):
            net.submit(side, world.mined(extra=bytes([side, number])))
    assert net.nodes[0].tip != net.nodes[2].tip
    net.cut.clear()
    for one, other in ((0, 1), (1, 0)):
        net.post(one, net.nodes[one].gossip.peer_removed(other))
    net.connect(0, 1)
    if lengths[0] == lengths[1]:
        net.submit(0, net.nodes[0].world.mined(extra=b"tie"))
    assert net.nodes[0].tip == net.nodes[1].tip == net.nodes[2].tip
    longest = max(lengths) + (lengths[0] == lengths[1])
    assert net.nodes[0].world.chain.tip.height == 1 + longest


def test_liars_are_dropped(net) -> None:
    """A header without work, a block that breaks a rule, and bytes that do not decode."""
    node = net.nodes[0]
    block = node.world.mined()
    lying = replace(block.header, bits=0x1D00FFFF)
    with pytest.raises(PeerBrokeRule, match="high-hash"):
        node.gossip.receive(1, "headers", wire.encode_headers([lying]))
    broken = Block(block.header, (*block.transactions, block.transactions[0]))
    with pytest.raises(PeerBrokeRule, match="bad-txnmrklroot"):
        node.gossip.receive(1, "block", broken.encoded)
    with pytest.raises(PeerBrokeRule, match="inv"):
        node.gossip.receive(1, "inv", b"\xff")
    assert node.world.chain.tip.height == 0


def test_a_withheld_block_holds_up_no_other(net) -> None:
    """
    A header whose block nobody has is as heavy as the next block: that is taken all the same.
    """
    first, second, last = net.nodes
    withheld = last.world.mined(extra=b"withheld").header
    net.post(0, first.gossip.receive(1, "headers", wire.encode_headers([withheld])))
    net.run()
    assert first.tip != withheld.hash
    net.submit(1, second.world.mined(extra=b"told"))

    assert first.tip == second.tip == last.tip
    assert first.world.chain.tip.height == 1
    assert first.gossip._peers[1].in_flight == set()


def test_a_mutated_block_does_not_condemn_the_real_one(net) -> None:
    """Bytes that only share a header with a good block leave the good one acceptable."""
    node = net.nodes[0]
    block = node.world.mined()
    broken = Block(block.header, (*block.transactions, block.transactions[0]))
    with pytest.raises(PeerBrokeRule):
        node.gossip.receive(1, "block", broken.encoded)
    net.submit(0, block)
    assert node.tip == block.header.hash


def test_framing() -> None:
    """Frames too short, nameless, too large or with a wrong checksum are refused."""
    magic = b"\xfa\xbf\xb5\xda"
    raw = wire.encode_message(magic, "ping", b"12345678")
    frame = wire.decode_frame(raw[:24])
    assert frame == wire.Frame(magic, "ping", 8, raw[20:24])
    wire.check_payload(frame, raw[24:])
    with pytest.raises(MalformedBitcoin, match="checksum"):
        wire.check_payload(frame, b"12345679")
    with pytest.raises(MalformedBitcoin, match="24 bytes"):
        wire.decode_frame(raw[:23])
    with pytest.raises(MalformedBitcoin, match="no text"):
        wire.decode_frame(magic + bytes(12) + raw[16:24])
    huge = magic + raw[4:16] + (wire.MAX_PAYLOAD_BYTES + 1).to_bytes(4, "little") + raw[20:24]
    with pytest.raises(MalformedBitcoin, match="bytes"):
        wire.decode_frame(huge)


def test_greeting_round_trip() -> None:
    """A version message decodes to what it was made from."""
    version = wire.Version(70016, 9, 1_700_000_000, 77, "/isthmus:0.1/", 12)
    assert wire.decode_version(wire.encode_version(version)) == version
