"""Nodes of a DAG chain talk: blocks and transactions spread, splits heal, liars are dropped."""

from dataclasses import replace

import pytest

from chainkit.formats.ghostdag.hashing import ZERO_HASH
from chainkit.primitives.types import Hash32
from parachains.dag import gossip, wanted, wire
from parachains.dag.blocks import Block
from parachains.dag.errors import MalformedDag, PeerBrokeRule
from parachains.dag.limits import MAX_ORPHANS
from parachains.dag.mining import search
from parachains.dag.wire import Kind, Reason
from tests.dag_network import Network
from tests.dag_worlds import ALICE, BOB, CAROL, parameters, pay
from tests.dags import PARAMETERS

DAG = replace(PARAMETERS, timestamp_tolerance_ms=10_000_000)


def chain_of(**changes):
    return parameters(dag=DAG, **changes)


def tips(net):
    return {node.chain.tip.hash for node in net.nodes}


def roots(net):
    return {node.root for node in net.nodes}


def grow(net, at, count):
    """Blocks by one node, each heard by whom it is connected to."""
    for _ in range(count):
        net.clock.ms += 1_000
        net.submit(at, net.nodes[at].next_block())
        net.run()


@pytest.fixture
def line():
    """Three nodes in a row."""
    net = Network(3, chain=chain_of())
    net.connect(0, 1)
    net.connect(1, 2)
    net.run()
    return net


def test_blocks_and_transactions_spread(line) -> None:
    """What one node mines or takes reaches a node two hops away, and is accepted once."""
    assert line.send(0, pay(ALICE, BOB, 7, 0)) == [None]
    line.run()
    assert [len(node.mempool) for node in line.nodes] == [1, 1, 1]
    grow(line, 2, 2)

    assert len(tips(line)) == len(roots(line)) == 1
    assert [len(node.mempool) for node in line.nodes] == [0, 0, 0]
    assert {node.balance(BOB) for node in line.nodes} == {10_007}


def test_parallel_blocks_merge_everywhere(line) -> None:
    """Two nodes mine at once: both blocks are in everybody's next template."""
    line.clock.ms += 1_000
    blocks = [line.nodes[at].next_block() for at in (0, 2)]
    for at, block in zip((0, 2), blocks, strict=True):
        line.submit(at, block)
    line.run()
    grow(line, 1, 1)

    assert set(line.nodes[0].chain.tip.header.parents) == {b.header.hash for b in blocks}
    assert len(tips(line)) == 1


def test_a_split_heals(line) -> None:
    """Both sides mine, meet again, and come to one order that holds the blocks of both."""
    line.disconnect(1, 2)
    grow(line, 0, 6)
    grow(line, 2, 4)
    assert len(tips(line)) == 2
    line.connect(1, 2)
    line.run()
    grow(line, 1, 1)

    assert len(tips(line)) == len(roots(line)) == 1
    assert {len(node.chain.dag) for node in line.nodes} == {12}
    assert all(node.gossip.is_synced for node in line.nodes)


def test_a_late_node_fetches_everything(line, monkeypatch) -> None:
    """Headers come in several answers, blocks in order from two peers; nothing stays wanted."""
    monkeypatch.setattr(wire, "MAX_HEADERS", 8)
    monkeypatch.setattr(wanted, "MAX_WANTED_BLOCKS", 20)
    monkeypatch.setattr(wanted, "MAX_WANTED_OF_PEER", 10)
    for _ in range(20):
        line.clock.ms += 2_000
        blocks = [line.nodes[at].next_block() for at in (0, 2)]
        for at, block in zip((0, 2), blocks, strict=True):
            line.submit(at, block)
        line.run()
    late = line.add()
    for peer in (0, 2):
        line.connect(late, peer)
    assert not line.nodes[late].gossip.is_synced
    line.run()

    assert len(line.nodes[late].chain.dag) == len(line.nodes[0].chain.dag) == 41
    assert len(tips(line)) == len(roots(line)) == 1
    assert line.nodes[late].gossip.held == (0, 0, 0)


def test_pruned_peers_are_no_source(line) -> None:
    """A node that meets pruned peers only says so; an archive brings it up."""
    grow(line, 0, 60)
    pruned = line.add(archive=False)
    line.connect(pruned, 1)
    line.run()
    late = line.add()
    line.connect(late, pruned)
    line.run()
    assert line.nodes[late].gossip.lacks_pruned
    assert line.nodes[late].chain.tip.hash == line.nodes[late].chain.dag.genesis
    line.connect(late, 0)
    line.run()

    assert not line.nodes[late].gossip.lacks_pruned
    assert line.nodes[late].chain.tip.hash == line.nodes[0].chain.tip.hash


def test_a_peer_that_leaves_is_replaced(line) -> None:
    """What was asked of a peer that went is asked of another."""
    grow(line, 0, 5)
    late = line.add()
    line.connect(late, 0)
    line.connect(late, 1)
    while not any(each[2] is Kind.GET_BLOCKS for each in line.queue):
        line.step()
    line.disconnect(late, 0)
    line.run()

    assert line.nodes[late].chain.tip.hash == line.nodes[1].chain.tip.hash


def test_a_silent_peer_is_named(line) -> None:
    """One that does not send what it was asked for is dropped after a while."""
    late = line.add()
    line.connect(late, 0)
    line.queue.clear()
    assert line.nodes[late].gossip.tick()[1] == {}
    line.clock.ms += gossip.FETCH_TIMEOUT_MS + 1
    assert list(line.nodes[late].gossip.tick()[1]) == [0]


def test_a_silent_peer_stops_no_miner(line) -> None:
    """A node whose other peers have told all is synced, whatever one more does not say."""
    grow(line, 0, 2)
    line.nodes[0].gossip.peer_added(77)
    assert line.nodes[0].gossip.is_synced
    alone = line.nodes[line.add()].gossip
    alone.peer_added(77)
    assert not alone.is_synced


# --- liars -----------------------------------------------------------------------


def headers(*found, answer=False):
    return wire.encode_headers(wire.HeadersMessage(tuple(found), is_answer=answer))


def handed(net, block, peer=1):
    """A block that node 0 asks its peer for, and gets."""
    node = net.nodes[0].gossip
    node.receive(peer, Kind.HEADERS, headers(block.header))
    return node.receive(peer, Kind.BLOCK, wire.encode_block(block))


def worked(block, **changes):
    return Block(search(replace(block.header, **changes), 0, 1 << 20), block.body)


def lies(net):
    """(what a peer sends, why it is dropped)."""
    good = net.nodes[1].mined()
    idle = replace(good.header, nonce=good.header.nonce + 1)
    while int.from_bytes(idle.hash, "little") <= DAG.max_target:
        idle = replace(idle, nonce=idle.nonce + 1)
    stolen = replace(pay(ALICE, BOB, 1, 0), signature=bytes(64))
    return [
        (Kind.HEADERS, b"\xff", "headers"),
        (Kind.HEADERS, headers(idle), "above the target"),
        (Kind.HEADERS, headers(good.header, answer=True), "nobody asked"),
        (Kind.HEADERS, headers(*[good.header] * 17), "17 headers"),
        (Kind.BLOCK, wire.encode_block(good), "not asked for"),
        (Kind.GET_BLOCKS, b"\x0a\x01a", "hashes"),
        (Kind.GET_BLOCKS, wire.encode_get_blocks([ZERO_HASH] * 65), "at most 64"),
        (Kind.NOT_FOUND, wire.encode_not_found([ZERO_HASH], Reason.UNKNOWN), "not asked for"),
        (Kind.TRANSACTIONS, wire.encode_transactions([stolen]), "not signed"),
        (Kind.HELLO, b"", "greets twice"),
    ]


@pytest.mark.parametrize("at", range(10))
def test_lies_are_dropped_with_the_reason(line, at) -> None:
    """Garbage, no work, what nobody asked for, forged signatures: named, and nothing is kept."""
    line.queue.clear()
    node = line.nodes[0]
    for peer in (5, 6):
        node.gossip.peer_added(peer)
    node.gossip.receive(5, Kind.HEADERS, headers(answer=True))
    kind, payload, why = lies(line)[at]
    with pytest.raises(PeerBrokeRule, match=why):
        node.gossip.receive(5, kind, payload)
    assert node.gossip.held == (0, 0, 0)
    assert len(node.chain.dag) == 1
    assert len(node.mempool) == 0


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"blue_work": 1}, "1, not"),
        ({"blue_score": 7}, "7, not"),
        ({"hash_merkle_root": bytes(32)}, "root"),
    ],
)
def test_a_block_that_breaks_a_rule_drops_its_peer(line, changes, why) -> None:
    """It has work, and a wrong field; nothing of it is kept."""
    lie = worked(line.nodes[1].mined(), **changes)
    with pytest.raises(PeerBrokeRule, match=why):
        handed(line, lie)
    assert len(line.nodes[0].chain.dag) == 1


def test_a_flood_of_unknown_parents_is_bounded(line) -> None:
    """Blocks with work above nothing: few are kept, and a peer that lacks the parents goes."""
    node = line.nodes[0].gossip
    block = line.nodes[1].mined()
    each = gossip.MAX_BLOCKS_IN_FLIGHT - 1
    for number in range(MAX_ORPHANS + 3 * each):
        peer = 100 + number // each
        if number % each == 0:
            node.peer_added(peer)
        parent = Hash32((number + 1).to_bytes(32, "big"))
        handed(line, worked(block, parents_by_level=((parent,),)), peer)
        assert node.held[1] <= MAX_ORPHANS
    assert node.held[1] == MAX_ORPHANS
    lacking = wire.encode_not_found([Hash32((1).to_bytes(32, "big"))], Reason.UNKNOWN)
    with pytest.raises(PeerBrokeRule, match="does not have"):
        node.receive(100, Kind.NOT_FOUND, lacking)


def test_wanted_headers_are_bounded(line, monkeypatch) -> None:
    """However many headers with work peers announce, so many of each and in all are remembered."""
    monkeypatch.setattr(wanted, "MAX_WANTED_BLOCKS", 15)
    monkeypatch.setattr(wanted, "MAX_WANTED_OF_PEER", 10)
    block, node = line.nodes[1].mined(), line.nodes[0].gossip
    told = []
    for first, peer in ((0, 1), (30, 9)):
        node.peer_added(9)
        for number in range(first, first + 30):
            lie = worked(block, parents_by_level=((Hash32(number.to_bytes(32, "big")),),))
            node.receive(peer, Kind.HEADERS, headers(lie.header))
        told.append(node.held[0])
    assert told == [10, 15]


def test_what_one_peer_announces_in_vain_keeps_nothing_of_others_back(line) -> None:
    """
    A peer tells of as many blocks as it may and sends none: what another tells next is asked for
    at once, and what both have is asked of the other once the first is gone.
    """
    block, node = line.nodes[1].mined(), line.nodes[0].gossip
    node.peer_added(9)
    for number in range(wanted.MAX_WANTED_OF_PEER + 5):
        lie = worked(block, parents_by_level=((Hash32(number.to_bytes(32, "big")),),))
        node.receive(9, Kind.HEADERS, headers(lie.header))
    node.receive(9, Kind.HEADERS, headers(lie.header))
    both = worked(block, parents_by_level=((Hash32(bytes([1]) + bytes(31)),),))
    out = node.receive(1, Kind.HEADERS, headers(block.header))
    node.receive(1, Kind.HEADERS, headers(both.header))
    assert (1, Kind.GET_BLOCKS, wire.encode_get_blocks([block.header.hash])) in out
    assert node.held[0] == wanted.MAX_WANTED_OF_PEER + 2
    node.peer_removed(9)
    assert node.held[0] == 2


def test_frames() -> None:
    """Another network, no kind, or a length above the kind's: refused before it is read."""
    magic = b"abcd"
    frame = wire.encode_frame(magic, Kind.HELLO, b"xy")
    assert wire.decode_frame(frame[: wire.FRAME_BYTES], magic) == (Kind.HELLO, 2)
    for bad in (b"abce", b"abcd\xff"):
        with pytest.raises(MalformedDag):
            wire.decode_frame((bad + frame[len(bad) :])[: wire.FRAME_BYTES], magic)
    for kind, most in wire.MAX_BYTES.items():
        head = magic + bytes([kind]) + (most + 1).to_bytes(4, "big")
        with pytest.raises(MalformedDag, match="at most"):
            wire.decode_frame(head, magic)


def test_every_message_has_one_form(line) -> None:
    """What is encoded decodes to the same value."""
    grow(line, 0, 1)
    block = line.nodes[0].mined(pay(ALICE, CAROL, 1, 0))
    names = (block.header.hash, line.nodes[0].chain.tip.hash)
    hello = wire.Hello(1, "dag-1", names[0], 7)
    assert wire.decode_hello(wire.encode_hello(hello)) == hello
    assert wire.decode_get_headers(wire.encode_get_headers(names)) == names
    told = wire.HeadersMessage((block.header,), is_answer=True, more=True)
    assert wire.decode_headers(wire.encode_headers(told)) == told
    assert wire.decode_get_blocks(wire.encode_get_blocks(names)) == names
    assert wire.decode_block(wire.encode_block(block)) == block
    assert wire.decode_not_found(wire.encode_not_found(names, Reason.LATER))[1] is Reason.LATER
    assert wire.decode_transaction_ids(wire.encode_transaction_ids(names)) == names
    assert wire.decode_get_transactions(wire.encode_get_transactions(names)) == names
    txs = block.body.transactions
    assert wire.decode_transactions(wire.encode_transactions(txs)) == txs
