"""The block pool against lying peers, a whole sync, and the mempool and evidence reactors."""

import asyncio
import contextlib
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from chainkit.formats.tendermint.block_codec import block_id_of, encode_block, hash_of_evidence
from chainkit.formats.tendermint.sign_bytes import commit_vote_sign_bytes
from chainkit.formats.tendermint.types import (
    NIL_BLOCK_ID,
    Block,
    BlockIdFlag,
    Commit,
    CommitSig,
    DuplicateVoteEvidence,
    Header,
    Validator,
    ValidatorSet,
    Vote,
    VoteType,
)
from chainkit.primitives.errors import MalformedMessage, RuleBroken
from chainkit.sigverify import ed25519
from relay_chain.node.reactors.block_pool import (
    Ask,
    BadBlock,
    BlockNotThere,
    BlockPool,
    BlocksOverdue,
    RangeShrank,
    UnsolicitedBlock,
)
from relay_chain.node.reactors.blocksync import BlockSyncReactor
from relay_chain.node.reactors.blocksync_messages import (
    BlockRequest,
    decode_blocksync_message,
    encode_blocksync_message,
)
from relay_chain.node.reactors.evidence import decode_evidence_list, next_evidence
from relay_chain.node.reactors.limits import (
    BLOCK_TIMEOUT_NS,
    BLOCKSYNC_CHANNEL,
    EVIDENCE_RESEND_NS,
    MAX_REQUESTS_PER_PEER,
    PEER_GRACE_NS,
    POOL_BAN_NS,
)
from relay_chain.node.reactors.mempool import MempoolReactor, decode_txs, encode_txs
from relay_chain.node.reactors.ports import MempoolEntry

SEED = bytes(range(32))
KEY = ed25519.public_key_from_seed(SEED)
ADDRESS = ed25519.ed25519_address(KEY)
VALIDATORS = ValidatorSet((Validator(ADDRESS, KEY, 10),))


def make_chain(length):
    """Blocks 1 to ``length``, each with a good commit for the one before."""
    blocks, last_commit, last_id = [], None, NIL_BLOCK_ID
    for height in range(1, length + 1):
        header = Header("c", height, height * 10**9, last_id, *[b"\1" * 32] * 8, ADDRESS)
        block = Block(header, (b"tx%d" % height,), (), last_commit)
        blocks.append(block)
        last_id = block_id_of(block)
        unsigned = Commit(height, 0, last_id, (CommitSig(BlockIdFlag.COMMIT, ADDRESS, 5 * 10**9),))
        signature = ed25519.sign(SEED, commit_vote_sign_bytes("c", unsigned, 0))
        last_commit = replace(
            unsigned, signatures=(replace(unsigned.signatures[0], signature=signature),)
        )
    return blocks


CHAIN = make_chain(12)


def pool_with(**ranges):
    pool = BlockPool(1)
    for peer_id, (base, height) in ranges.items():
        assert pool.set_range(peer_id, base, height, 0) == ()
    return pool


def test_requests_go_to_those_who_have_the_block_and_share_the_load():
    """No peer is asked beyond its range, nobody for more than twenty."""
    pool = pool_with(a=(1, 100), b=(5, 100))
    asks = pool.plan(0)

    assert len(asks) == 2 * MAX_REQUESTS_PER_PEER
    assert len({ask.height for ask in asks}) == len(asks)
    assert all(ask.height >= 5 for ask in asks if ask.peer_id == "b")
    assert pool.plan(1) == ()


@pytest.mark.parametrize(("base", "height"), [(1, 7), (0, 2**63 - 1), (9, 8)])
def test_a_peer_that_shrinks_its_range_is_dropped_and_banned(base, height):
    """ASA-2025-001: MaxInt64 first and 7 then does not keep the node syncing for ever."""
    pool = pool_with(liar=(1, 2**63 - 1))
    (drop,) = pool.set_range("liar", base, height, 1)

    assert isinstance(drop.reason, RangeShrank)
    assert pool.max_peer_height() == 0
    pool.set_range("liar", 1, 50, 2)
    assert pool.max_peer_height() == 0
    pool.set_range("liar", 1, 50, 1 + POOL_BAN_NS)
    assert pool.max_peer_height() == 50


def test_a_silent_peer_is_dropped_and_its_requests_go_to_others():
    """After fifteen seconds without a block; a peer that delivers stays."""
    pool = pool_with(silent=(1, 2**63 - 1))
    pool.plan(0)
    pool.set_range("good", 1, 3, 5)
    effects = pool.plan(BLOCK_TIMEOUT_NS)

    assert isinstance(effects[0].reason, BlocksOverdue)
    assert effects[1:] == tuple(Ask("good", height) for height in (1, 2, 3))


def test_a_block_from_another_peer_or_never_asked_for_is_refused():
    """Blocks count only from whom they were asked of."""
    pool = pool_with(a=(1, 2), b=(50, 60))
    pool.plan(0)
    for peer_id, block in (("b", CHAIN[0]), ("a", CHAIN[7])):
        (drop,) = pool.add_block(peer_id, block, 1)
        assert isinstance(drop.reason, UnsolicitedBlock)


def test_a_peer_without_a_block_of_its_own_range_is_dropped():
    """But an answer to a question never asked is ignored."""
    pool = pool_with(a=(1, 5))
    pool.plan(0)

    assert pool.no_block("a", 9, 1) == ()
    assert isinstance(pool.no_block("a", 3, 1)[0].reason, BlockNotThere)


def test_a_bad_pair_drops_both_senders_and_asks_again():
    """Either block may be the bad one, so neither sender is believed."""
    pool = pool_with(a=(1, 1), b=(2, 2), c=(1, 2))
    pool._asked = {1: "a", 2: "b"}
    pool._peers["a"].owed, pool._peers["b"].owed = {1}, {2}
    pool.add_block("a", CHAIN[0], 1)
    pool.add_block("b", CHAIN[1], 1)
    assert pool.next_pair() == (CHAIN[0], CHAIN[1])
    drops = pool.reject_pair("bad", 1)

    assert [drop.peer_id for drop in drops] == ["a", "b"]
    assert all(isinstance(drop.reason, BadBlock) for drop in drops)
    assert pool.next_pair() is None
    assert pool.plan(2) == (Ask("c", 1), Ask("c", 2))


def test_caught_up_needs_a_peer_a_moment_and_no_one_ahead():
    """A range that begins beyond our height says nothing (it could not serve us)."""
    pool = BlockPool(5)
    assert not pool.is_caught_up(10**18)
    pool.set_range("a", 1, 5, 0)
    pool.set_range("b", 100, 2**62, 0)
    assert not pool.is_caught_up(PEER_GRACE_NS - 1)
    assert pool.is_caught_up(PEER_GRACE_NS)
    pool.set_range("a", 1, 6, 1)
    assert not pool.is_caught_up(PEER_GRACE_NS)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_sync_message_or_a_broken_rule(data):
    """The same for transactions and evidence."""
    for decode in (decode_blocksync_message, decode_txs, decode_evidence_list):
        with contextlib.suppress(RuleBroken):
            decode(data)


# --- a whole sync -----------------------------------------------------------------------


@dataclass
class Store:
    blocks: list

    def base(self):
        return 1 if self.blocks else 0

    def height(self):
        return len(self.blocks)

    def block_bytes(self, height):
        return encode_block(self.blocks[height - 1]) if 0 < height <= len(self.blocks) else None


@dataclass
class Executor:
    chain_id: str = "c"
    applied: list = field(default_factory=list)
    done: asyncio.Event = field(default_factory=asyncio.Event)

    def last_height(self):
        return len(self.applied)

    def validators(self):
        return VALIDATORS

    async def apply(self, block, block_id, parts, seen_commit):
        assert block_id == block_id_of(block)
        self.applied.append(block)

    async def caught_up(self, blocks_synced):
        self.done.set()


@dataclass(eq=False)
class Link:
    """A peer whose messages go straight into the other side's reactor."""

    id: str
    inbox: asyncio.Queue = field(default_factory=asyncio.Queue)

    def has_room(self, channel_id):
        return True

    def try_send(self, channel_id, message):
        self.inbox.put_nowait(message)
        return True


class Net:
    """One syncing reactor and its servers."""

    def __init__(self, servers):
        self.executor = Executor()
        self.syncer = BlockSyncReactor(Store([]), self.executor, syncing=True)
        self.servers = {
            name: BlockSyncReactor(Store(c), Executor(), syncing=False)
            for name, c in servers.items()
        }
        self.links = {name: Link(name) for name in servers}
        self.all_links = dict(self.links)
        self.dropped = {}

    def peers(self):
        return tuple(self.links.values())

    def peer(self, peer_id):
        return self.links.get(peer_id)

    def broadcast(self, channel_id, message):
        return sum(link.try_send(channel_id, message) for link in self.links.values())

    def disconnect(self, peer_id, reason):
        self.dropped[peer_id] = reason
        link = self.links.pop(peer_id, None)
        if link is not None:
            self.syncer.peer_removed(link, reason)

    async def serve(self, name):
        back, link = Link("me"), self.all_links[name]
        while True:
            await self.servers[name].receive(BLOCKSYNC_CHANNEL, back, await link.inbox.get())
            while not back.inbox.empty():
                answer = back.inbox.get_nowait()
                try:
                    await self.syncer.receive(BLOCKSYNC_CHANNEL, link, answer)
                except RuleBroken as error:
                    self.disconnect(name, error)

    async def run(self):
        async with asyncio.timeout(15), asyncio.TaskGroup() as group:
            tasks = [group.create_task(self.serve(name)) for name in self.servers]
            for link in self.peers():
                self.syncer.peer_added(link)
            tasks.append(group.create_task(self.syncer.run(self)))
            await self.executor.done.wait()
            for task in tasks:
                task.cancel()


async def test_a_new_node_fetches_verifies_and_hands_over():
    """All blocks but the last, which only consensus can verify; then caught_up, once."""
    net = Net({"a": CHAIN, "b": CHAIN[:9]})
    await net.run()

    assert net.executor.applied == CHAIN[:11]
    assert net.dropped == {}
    assert not net.syncer.is_syncing


async def test_a_sync_says_what_it_waits_for():
    """Without a peer it cannot know whether it is behind: it goes on asking, and says so."""
    net, asked = Net({}), asyncio.Event()
    net.broadcast = lambda channel_id, message: asked.set() or 0
    with capture_logs() as logs:
        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            running = group.create_task(net.syncer.run(net))
            await asked.wait()
            running.cancel()

    assert logs[0]["event"] == "blocksync.asked_peers"
    assert (logs[0]["peers"], logs[0]["next_height"], logs[0]["peers_height"]) == (0, 1, 0)
    assert net.syncer.is_syncing


async def test_a_forged_block_is_not_applied_and_its_sender_dropped():
    """One server changed a transaction; the honest one's blocks are applied in the end."""
    forged = [*CHAIN[:4], replace(CHAIN[4], txs=(b"steal",)), *CHAIN[5:]]
    net = Net({"liar": forged, "honest": CHAIN})
    honest, original = net.links.pop("honest"), net.disconnect

    def disconnect(peer_id, reason):
        # Only now does the honest peer come: before, it might be blamed for its half of a pair.
        original(peer_id, reason)
        net.links["honest"] = honest
        net.syncer.peer_added(honest)

    net.disconnect = disconnect
    await net.run()

    assert net.executor.applied == CHAIN[:11]
    assert list(net.dropped) == ["liar"]
    assert isinstance(net.dropped["liar"], BadBlock)


async def test_a_peer_that_reads_nothing_has_no_block_read_for_it():
    """Requests beyond a full queue cost no look into the store."""
    store = Store(CHAIN)
    reads = []
    store.block_bytes = lambda height: reads.append(height) or b"block"
    server, link = BlockSyncReactor(store, Executor(), syncing=False), Link("x")
    request = encode_blocksync_message(BlockRequest(3))
    await server.receive(BLOCKSYNC_CHANNEL, link, request)
    link.has_room = lambda channel_id: False
    await server.receive(BLOCKSYNC_CHANNEL, link, request)

    assert reads == [3]


async def test_an_unsolicited_block_is_refused_before_it_is_decoded():
    """A node that never synced asked for nothing; one that did ignores late answers."""
    message = b"\x1a" + b"garbage"
    never = BlockSyncReactor(Store([]), Executor(), syncing=False)
    with pytest.raises(UnsolicitedBlock):
        await never.receive(BLOCKSYNC_CHANNEL, Link("x"), message)
    done = BlockSyncReactor(Store([]), Executor(), syncing=True)
    done._pool = None
    await done.receive(BLOCKSYNC_CHANNEL, Link("x"), message)


# --- mempool and evidence ---------------------------------------------------------------


class Heights:
    def peer_height(self, peer_id):
        return 7


@dataclass
class Mempool:
    entries: list
    added: list = field(default_factory=list)
    asked: asyncio.Queue = field(default_factory=asyncio.Queue)

    def next_after(self, position):
        self.asked.put_nowait(position)
        return next((e for e in self.entries if e.position > position), None)

    async def looked_twice_after(self, position):
        """Wait until the reactor has seen what follows ``position`` and looked again."""
        for _ in range(2):
            while await self.asked.get() != position:
                pass

    async def add_from_peer(self, tx, sender):
        self.added.append((tx, sender))


@dataclass(eq=False)
class SlowPeer:
    id: str = "p"
    sent: asyncio.Queue = field(default_factory=asyncio.Queue)

    async def send(self, channel_id, message):
        self.sent.put_nowait(decode_txs(message))
        return True


async def test_transactions_go_to_peers_that_lack_them_in_order():
    """Not back to the sender, and not to a peer more than one block behind."""
    entries = [
        MempoolEntry(n, b"tx%d" % n, 8, frozenset({"p"} if n == 1 else ())) for n in range(3)
    ]
    mempool = Mempool([*entries, MempoolEntry(3, b"future", 9, frozenset())])
    reactor, peer = MempoolReactor(mempool, Heights()), SlowPeer()
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        task = group.create_task(reactor.serve_peer(peer))
        got = [await peer.sent.get(), await peer.sent.get()]
        await mempool.looked_twice_after(2)
        task.cancel()

    assert got == [(b"tx0",), (b"tx2",)]
    assert peer.sent.empty()


async def test_a_node_may_keep_its_transactions_to_itself():
    """Without ``mempool.broadcast`` nothing is sent; what peers send is still taken."""
    mempool, peer = Mempool([MempoolEntry(0, b"tx", 8, frozenset())]), SlowPeer()
    reactor = MempoolReactor(mempool, Heights(), broadcast=False)
    async with asyncio.timeout(5):
        await reactor.serve_peer(peer)
    await reactor.receive(0x30, peer, encode_txs((b"theirs",)))

    assert peer.sent.empty()
    assert mempool.added == [(b"theirs", "p")]


async def test_received_transactions_reach_the_mempool():
    """With their sender; a message without any is malformed."""
    mempool = Mempool([])
    reactor = MempoolReactor(mempool, Heights())
    await reactor.receive(0x30, SlowPeer(), encode_txs((b"a", b"b")))

    assert mempool.added == [(b"a", "p"), (b"b", "p")]
    with pytest.raises(MalformedMessage):
        await reactor.receive(0x30, SlowPeer(), b"")


def evidence_at(height):
    vote = Vote(VoteType.PREVOTE, height, 0, NIL_BLOCK_ID, 10**9, ADDRESS, 0, b"s" * 64)
    return DuplicateVoteEvidence(vote, replace(vote, signature=b"t" * 64), 10, 10, 10**9)


def test_evidence_goes_to_peers_that_can_judge_it_once_in_a_while():
    """Not to a peer at or below its height, nor when too old for it, nor twice at once."""
    piece = evidence_at(5)
    assert next_evidence((piece,), None, 10, {}, 0) is None
    assert next_evidence((piece,), 5, 10, {}, 0) is None
    assert next_evidence((piece,), 6, 10, {}, 0) == piece
    assert next_evidence((piece,), 16, 10, {}, 0) is None
    sent = {hash_of_evidence(piece): 0}
    assert next_evidence((piece,), 6, 10, sent, EVIDENCE_RESEND_NS - 1) is None
    assert next_evidence((piece,), 6, 10, sent, EVIDENCE_RESEND_NS) == piece
