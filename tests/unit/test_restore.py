"""State sync of a new node: what it believes, whom it asks, and that its stores go on after it."""

import asyncio
import json
from dataclasses import dataclass, field, replace

import pytest

from chainkit.commitments.database import MemoryDatabase
from chainkit.formats.tendermint.hashing import header_hash
from chainkit.formats.tendermint.light_client import TrustOptions
from chainkit.formats.tendermint.types import LightBlock, SignedHeader, ValidatorSet
from chainkit.primitives.errors import OperationFailed, RuleBroken
from relay_chain.node.block_store import BlockStore
from relay_chain.node.kvstore import KeyValueApplication
from relay_chain.node.reactors.limits import CHUNK_CHANNEL
from relay_chain.node.reactors.statesync import StateSyncReactor
from relay_chain.node.reactors.statesync_messages import ChunkResponse, encode_statesync_message
from relay_chain.node.restore import reactor as reactor_module
from relay_chain.node.restore import trust as trust_module
from relay_chain.node.restore.limits import (
    CHUNK_TIMEOUT_NS,
    MAX_CHUNK_FAILURES,
    MAX_CHUNKS_AHEAD,
    MAX_SNAPSHOTS_OF_PEER,
)
from relay_chain.node.restore.node import is_new
from relay_chain.node.restore.pool import ChunkQueue, SnapshotPool
from relay_chain.node.restore.reactor import RestoreFailed, RestoreReactor
from relay_chain.node.restore.trust import OtherParameters, ServersDisagree, TrustedStates
from relay_chain.node.snapshots import ChunkAnswer, ChunkVerdict, OfferVerdict, Snapshot
from relay_chain.node.state_store import StateStore
from tests.node_in_memory import GENESIS, MemoryNode, make_executor

HEIGHT = 6
CHUNKS = 3
A, B = "aa" * 20, "bb" * 20
PERIOD = 10**9 * 3_600 * 24 * 365 * 100


# --- pure parts -----------------------------------------------------------------------------


def snapshot(height, name=b"h", format_number=1):
    return Snapshot(height, format_number, CHUNKS, name)


def test_the_newest_snapshot_is_taken_then_the_one_that_most_have():
    """Height decides, then format, then how many peers have it."""
    pool = SnapshotPool()
    pool.add(A, snapshot(5))
    pool.add(A, snapshot(7, b"x"))
    pool.add(B, snapshot(7, b"y"))
    pool.add(A, snapshot(7, b"y"))
    assert pool.best() == snapshot(7, b"y")
    pool.reject(snapshot(7, b"y"))
    assert pool.best() == snapshot(7, b"x")
    assert not pool.add(B, snapshot(7, b"y"))
    pool.reject_format(1)
    assert pool.best() is None


def test_what_one_peer_tells_is_bounded_and_ends_with_it():
    """Ten snapshots a peer; those that nobody has any more are forgotten."""
    pool = SnapshotPool()
    taken = sum(pool.add(A, snapshot(height)) for height in range(1, 50))
    pool.add(B, snapshot(1))
    pool.remove_peer(A)
    assert taken == MAX_SNAPSHOTS_OF_PEER
    assert pool.best() == snapshot(1)
    pool.reject_peer(B)
    assert pool.best() is None
    assert not pool.add(B, snapshot(2))


def test_chunks_are_asked_of_all_in_turn_and_a_few_ahead():
    """No more than a few chunks are asked for or kept beyond the next one."""
    queue = ChunkQueue(100)
    plan = queue.plan((A, B), 0)
    assert [index for _, index in plan] == list(range(MAX_CHUNKS_AHEAD))
    assert {peer for peer, _ in plan} == {A, B}
    assert queue.plan((A, B), 1) == ()
    for peer, index in plan[1:]:
        queue.add(peer, index, b"chunk")
    assert queue.peek() is None
    assert queue.plan((A, B), 1) == ()
    queue.add(*plan[0], b"first")
    assert queue.peek() == (plan[0][0], b"first")
    queue.applied()
    assert [index for _, index in queue.plan((A, B), 2)] == [MAX_CHUNKS_AHEAD]


def test_a_silent_peer_is_asked_no_more():
    """What it owes is asked of another after the time limit, and in the end nobody is left."""
    queue = ChunkQueue(1)
    asked = []
    for attempt in range(2 * MAX_CHUNK_FAILURES + 1):
        asked += [peer for peer, _ in queue.plan((A, B), attempt * CHUNK_TIMEOUT_NS)]

    assert len(asked) == 2 * MAX_CHUNK_FAILURES
    assert queue.is_stuck((A, B))
    assert set(asked) == {A, B}
    assert not queue.expects(A, 0)


# --- one chain, its snapshots, and a new node -----------------------------------------------


class Source:
    """A server of light blocks over a node's stores."""

    def __init__(self, executor):
        self.executor = executor
        self.asked = []

    async def light_block(self, height):
        self.asked.append(height)
        header = self.executor.blocks.signed_header(height)
        validators = self.executor.states.validators(height)
        if header is None or validators is None:
            raise OperationFailed(f"no block {height}")
        return LightBlock(header, validators)

    async def consensus_params(self, height):
        return self.executor.states.consensus_params(height)


@dataclass
class Shared:
    """Snapshots of a key-value application: its rows as JSON, cut in three."""

    height: int
    data: bytes
    name: bytes = b"good"
    lacks: tuple = ()

    @property
    def snapshot(self):
        return snapshot(self.height, self.name)

    def list_snapshots(self):
        return (self.snapshot,)

    def load_chunk(self, height, format_number, index):
        if height != self.height or index in self.lacks:
            return b""
        size = len(self.data) // CHUNKS + 1
        return self.data[index * size : (index + 1) * size]


@dataclass
class Taking:
    """The new node's side: takes chunks, and at the last one becomes the application."""

    database: MemoryDatabase = field(default_factory=MemoryDatabase)
    chunks: list = field(default_factory=list)
    offered: list = field(default_factory=list)
    verdicts: dict = field(default_factory=dict)
    answers: list = field(default_factory=list)
    application: KeyValueApplication | None = None

    def offer(self, offered, app_hash):
        self.chunks.clear()
        self.offered.append((offered.height, app_hash))
        return self.verdicts.get(offered.hash, OfferVerdict.ACCEPT)

    def apply_chunk(self, index, chunk, sender):
        if self.answers:
            return self.answers.pop(0)
        del self.chunks[index:]
        self.chunks.append(chunk)
        if len(self.chunks) == CHUNKS:
            rows = json.loads(b"".join(self.chunks))
            self.database.write({bytes.fromhex(k): bytes.fromhex(v) for k, v in rows})
        return ChunkAnswer(ChunkVerdict.ACCEPT)

    def info(self):
        return KeyValueApplication(self.database).info()


def rows_of(database):
    found = [(k.hex(), v.hex()) for k, v in database.iterate(b"", b"\xff")]
    return json.dumps(found).encode()


@pytest.fixture
async def chain(tmp_path, monkeypatch):
    """A chain of ten blocks, and its application's rows as they were after the sixth."""
    monkeypatch.setattr(reactor_module, "DISCOVERY_NS", 1)
    monkeypatch.setattr(trust_module, "HEADERS_TIMEOUT_NS", 10_000_000)
    monkeypatch.setattr(trust_module, "HEADERS_POLL_NS", 1_000_000)
    node = MemoryNode(tmp_path)
    saved = {}
    node.executor.bus.listen(
        lambda block: saved.setdefault(node.executor.state.last_block_height, rows_of(node.state))
    )
    async with node.running():
        node.executor.mempool.add(b"a=1")
        await node.reach(HEIGHT + 5)
    return node, saved[HEIGHT]


def trusted_states(node, *sources, trust_height=1, trust_hash=None):
    header = node.executor.blocks.meta(trust_height).header
    trust = TrustOptions(PERIOD, trust_height, trust_hash or header_hash(header))
    return TrustedStates(GENESIS.chain_id, 1, trust, sources or (Source(node.executor),))


def now_of(node):
    return node.executor.state.last_block_time + 10**9


class Net:
    """The new node's peers, each a serving reactor; messages are passed on by a task."""

    def __init__(self, reactor, services):
        self.reactor = reactor
        self.queue = asyncio.Queue()
        self.links = {name: Link(name, self, StateSyncReactor(s)) for name, s in services.items()}

    def peers(self):
        return tuple(self.links.values())

    def peer(self, peer_id):
        return self.links.get(peer_id)

    def broadcast(self, channel_id, message):
        return sum(link.try_send(channel_id, message) for link in self.peers())

    async def run(self):
        async with asyncio.timeout(20), asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._carry()), group.create_task(self.reactor.run(self))]
            await asyncio.wait((self.reactor.restored,))
            for task in tasks:
                task.cancel()
        return self.reactor.restored.result()

    async def _carry(self):
        while True:
            link, channel, message = await self.queue.get()
            back = Back(link.id)
            await link.serving.receive(channel, back, message)
            for answer_channel, answer in back.sent:
                await self.reactor.receive(answer_channel, link, answer)


@dataclass
class Back:
    id: str
    sent: list = field(default_factory=list)

    def has_room(self, channel_id):
        return True

    def try_send(self, channel_id, message):
        self.sent.append((channel_id, message))
        return True


@dataclass
class Link:
    id: str
    net: Net
    serving: StateSyncReactor

    def try_send(self, channel_id, message):
        self.net.queue.put_nowait((self, channel_id, message))
        return True


def restoring(node, taking, **options):
    clock = options.pop("clock", None) or (lambda: now_of(node))
    trusted = options.pop("trusted", None) or trusted_states(node, **options)
    return RestoreReactor(taking, taking.info, trusted, clock)


async def test_a_new_node_takes_over_a_snapshot_and_its_stores_go_on(chain):
    """
    The state is the one that every node had after that height; over it the stores, the handshake
    and the next blocks work as if the node had executed the past.
    """
    node, data = chain
    taking = Taking()
    restored = await Net(restoring(node, taking), {A: Shared(HEIGHT, data)}).run()
    database = MemoryDatabase()
    assert is_new(database)
    BlockStore(database).begin_after(restored.commit)
    StateStore(database).begin_with(restored.state)
    executor = make_executor(database, taking.database)
    for height in range(HEIGHT + 1, HEIGHT + 5):
        blocks = node.executor.blocks
        seen = blocks.commit(height)
        await executor.apply(
            blocks.block(height), blocks.block_id(height), blocks.parts(height), seen
        )

    assert not is_new(database)
    assert taking.offered[0][1] == node.executor.blocks.meta(HEIGHT + 1).header.app_hash
    assert executor.state.app_hash == node.executor.blocks.meta(HEIGHT + 5).header.app_hash
    assert executor.blocks.base() == HEIGHT + 1
    assert executor.application.query("", b"a", height=0, prove=False).value == b"1"


async def test_a_chunk_that_one_peer_lacks_comes_from_another(chain):
    """A peer that says missing is passed over."""
    node, data = chain
    services = {A: Shared(HEIGHT, data, lacks=(0, 1, 2)), B: Shared(HEIGHT, data)}
    restored = await Net(restoring(node, Taking()), services).run()

    assert restored.state.last_block_height == HEIGHT


async def test_a_forged_state_is_not_kept(chain):
    """A snapshot whose state is not the header's is rejected, and the next one is taken."""
    node, data = chain
    rows = json.loads(data)
    rows[0][1] = json.dumps({"height": HEIGHT + 1, "hash": "00" * 32}).encode().hex()
    forged = json.dumps(rows).encode()
    services = {A: Shared(HEIGHT + 1, forged, name=b"forged"), B: Shared(HEIGHT, data)}
    taking = Taking()
    restored = await Net(restoring(node, taking), services).run()

    assert [height for height, _ in taking.offered] == [HEIGHT + 1, HEIGHT]
    assert restored.state.last_block_height == HEIGHT


async def test_what_nobody_asked_for_is_not_applied(chain):
    """A chunk that comes by itself reaches no application."""
    node, data = chain
    taking = Taking()
    reactor = restoring(node, taking)
    answer = ChunkResponse(HEIGHT, 1, 0, b"evil")
    await reactor.receive(CHUNK_CHANNEL, Back(A), encode_statesync_message(answer))
    await Net(reactor, {B: Shared(HEIGHT, data)}).run()

    assert b"evil" not in taking.chunks


@pytest.mark.parametrize(
    "verdict", [OfferVerdict.REJECT, OfferVerdict.REJECT_FORMAT, OfferVerdict.REJECT_SENDER]
)
async def test_the_application_may_refuse_a_snapshot(chain, verdict):
    """What the application refuses is not offered again; another one is."""
    node, data = chain
    better = Shared(HEIGHT + 1, data, name=b"better")
    if verdict is OfferVerdict.REJECT_FORMAT:
        better = Other(HEIGHT + 1, data, name=b"better")
    taking = Taking(verdicts={b"better": verdict})
    services = {A: better, B: Shared(HEIGHT, data)}
    restored = await Net(restoring(node, taking), services).run()

    assert [height for height, _ in taking.offered] == [HEIGHT + 1, HEIGHT]
    assert restored.state.last_block_height == HEIGHT


class Other(Shared):
    @property
    def snapshot(self):
        return replace(super().snapshot, format=9)


@pytest.mark.parametrize(
    "answer",
    [
        ChunkAnswer(ChunkVerdict.RETRY, refetch_chunks=(0,)),
        ChunkAnswer(ChunkVerdict.RETRY, reject_senders=(A,)),
        ChunkAnswer(ChunkVerdict.RETRY_SNAPSHOT),
    ],
    ids=["chunk again", "without its sender", "snapshot again"],
)
async def test_the_application_may_ask_again(chain, answer):
    """A chunk, or the whole snapshot, is fetched again, and not from whom it refuses."""
    node, data = chain
    taking = Taking(answers=[answer])
    services = {A: Shared(HEIGHT, data), B: Shared(HEIGHT, data)}
    restored = await Net(restoring(node, taking), services).run()

    assert restored.state.last_block_height == HEIGHT


async def test_the_application_may_give_up(chain):
    """An application that aborts ends state sync with a reason."""
    node, data = chain
    taking = Taking(verdicts={b"good": OfferVerdict.ABORT})

    with pytest.raises(RestoreFailed, match="gave up"):
        await Net(restoring(node, taking), {A: Shared(HEIGHT, data)}).run()


# --- trust ----------------------------------------------------------------------------------


class Liar(Source):
    """A server that changes what it tells."""

    def __init__(self, executor, **change):
        super().__init__(executor)
        self.change = change

    async def light_block(self, height):
        block = await super().light_block(height)
        if "priority" in self.change:
            first, *rest = block.validator_set.validators
            first = replace(first, proposer_priority=first.proposer_priority + 1)
            return replace(block, validator_set=ValidatorSet((first, *rest)))
        header = replace(block.signed_header.header, app_hash=b"\x09" * 32)
        return replace(block, signed_header=SignedHeader(header, block.signed_header.commit))

    async def consensus_params(self, height):
        return replace(await super().consensus_params(height), block_max_bytes=1_000)


async def test_a_server_that_lies_is_not_believed(chain):
    """A header without its commit, other parameters, another chain's block: each by its name."""
    node, _ = chain
    executor, now = node.executor, now_of(node)
    with pytest.raises(RuleBroken):
        await trusted_states(node, Liar(executor)).at(HEIGHT, now)
    honest_headers = Liar(executor)
    honest_headers.light_block = Source(executor).light_block
    with pytest.raises(OtherParameters):
        await trusted_states(node, honest_headers).at(HEIGHT, now)
    with pytest.raises(RuleBroken, match="expected header's hash"):
        await trusted_states(node, trust_hash=b"\x01" * 32).at(HEIGHT, now)


@pytest.mark.parametrize("change", [{}, {"priority": 1}], ids=["header", "priorities"])
async def test_servers_must_agree(chain, change):
    """
    ASA-2024-009: a second server with another header, or with other proposer priorities, which no
    header covers, stops the restoration.
    """
    node, _ = chain
    sources = (Source(node.executor), Liar(node.executor, **change))

    with pytest.raises(ServersDisagree):
        await trusted_states(node, *sources).at(HEIGHT, now_of(node))


async def test_a_height_whose_headers_do_not_come_is_given_up(chain):
    """The headers after a snapshot are waited for, and not for ever."""
    node, _ = chain
    with pytest.raises(OperationFailed, match="no block"):
        await trusted_states(node).at(HEIGHT + 500, now_of(node))
