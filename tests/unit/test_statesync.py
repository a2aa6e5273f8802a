"""State sync: what a node serves to a new one."""

import contextlib
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainkit.primitives.errors import MalformedMessage, RuleBroken
from relay_chain.node.reactors.limits import (
    CHUNK_CHANNEL,
    MAX_SNAPSHOT_CHUNKS,
    MAX_SNAPSHOTS_TOLD,
    SNAPSHOT_CHANNEL,
)
from relay_chain.node.reactors.statesync import StateSyncReactor
from relay_chain.node.reactors.statesync_messages import (
    ChunkRequest,
    ChunkResponse,
    SnapshotsRequest,
    SnapshotsResponse,
    decode_statesync_message,
    encode_statesync_message,
)
from relay_chain.node.snapshots import Snapshot

SNAPSHOT = Snapshot(10, 1, 3, b"h" * 32, b"meta")
MESSAGES = [
    SnapshotsRequest(),
    SnapshotsResponse(SNAPSHOT),
    ChunkRequest(10, 1, 2),
    ChunkResponse(10, 1, 2, b"chunk"),
    ChunkResponse(10, 1, 2, b"", missing=True),
]


@dataclass
class Service:
    """Snapshots with chunks that name themselves."""

    snapshots: tuple[Snapshot, ...] = (SNAPSHOT,)
    loaded: list = field(default_factory=list)

    def list_snapshots(self):
        return self.snapshots

    def load_chunk(self, height, format_number, index):
        self.loaded.append(index)
        known = any((s.height, s.format) == (height, format_number) for s in self.snapshots)
        return b"%d/%d" % (height, index) if known and index < 3 else b""


@dataclass
class FakePeer:
    id: str = "ab" * 20
    sent: list = field(default_factory=list)
    room: bool = True

    def has_room(self, channel_id):
        return self.room

    def try_send(self, channel_id, message):
        self.sent.append((channel_id, decode_statesync_message(message)))
        return True


async def ask(reactor, peer, channel, message):
    await reactor.receive(channel, peer, encode_statesync_message(message))


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_every_message_survives_the_wire(message):
    """What is encoded is decoded again; a request for snapshots is CometBFT's two bytes."""
    assert decode_statesync_message(encode_statesync_message(message)) == message
    assert encode_statesync_message(SnapshotsRequest()).hex() == "0a00"


@pytest.mark.parametrize(
    "message",
    [
        SnapshotsResponse(Snapshot(0, 1, 3, b"h")),
        SnapshotsResponse(Snapshot(2**63, 1, 3, b"h")),
        SnapshotsResponse(Snapshot(1, 1, 0, b"h")),
        SnapshotsResponse(Snapshot(1, 1, MAX_SNAPSHOT_CHUNKS + 1, b"h")),
        SnapshotsResponse(Snapshot(1, 1, 3, b"")),
        ChunkRequest(0, 1, 1),
        ChunkResponse(0, 1, 1, b""),
        ChunkResponse(1, 1, 1, b"x", missing=True),
    ],
)
def test_a_message_that_breaks_a_rule_is_refused(message):
    """Height 0, no chunks, too many, no hash, and content that is missing are no messages."""
    with pytest.raises(MalformedMessage):
        decode_statesync_message(encode_statesync_message(message))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_a_broken_rule(data):
    """The decoder is total."""
    with contextlib.suppress(RuleBroken):
        decode_statesync_message(data)


async def test_the_newest_snapshots_are_told_and_chunks_are_sent():
    """The ten newest are told, newest first; a chunk that is not here is said to be missing."""
    service = Service(tuple(Snapshot(height, 1, 3, b"h") for height in range(1, 15)))
    reactor, peer = StateSyncReactor(service), FakePeer()
    await ask(reactor, peer, SNAPSHOT_CHANNEL, SnapshotsRequest())
    told = [message.snapshot.height for _, message in peer.sent]
    peer.sent.clear()
    await ask(reactor, peer, CHUNK_CHANNEL, ChunkRequest(9, 1, 2))
    await ask(reactor, peer, CHUNK_CHANNEL, ChunkRequest(99, 1, 2))

    assert told == list(range(14, 14 - MAX_SNAPSHOTS_TOLD, -1))
    assert peer.sent == [
        (CHUNK_CHANNEL, ChunkResponse(9, 1, 2, b"9/2")),
        (CHUNK_CHANNEL, ChunkResponse(99, 1, 2, b"", missing=True)),
    ]


async def test_a_node_without_snapshots_says_so():
    """An application that takes none has no snapshots to tell of and no chunks."""
    reactor, peer = StateSyncReactor(None), FakePeer()
    await ask(reactor, peer, SNAPSHOT_CHANNEL, SnapshotsRequest())
    await ask(reactor, peer, CHUNK_CHANNEL, ChunkRequest(9, 1, 2))

    assert [message for _, message in peer.sent] == [ChunkResponse(9, 1, 2, b"", missing=True)]


async def test_a_peer_that_reads_nothing_has_no_chunk_read_for_it():
    """Requests beyond a full queue cost no look at the disk."""
    service = Service()
    reactor, peer = StateSyncReactor(service), FakePeer(room=False)
    await ask(reactor, peer, CHUNK_CHANNEL, ChunkRequest(10, 1, 2))

    assert service.loaded == []


@pytest.mark.parametrize(
    ("channel", "message"),
    [(CHUNK_CHANNEL, SnapshotsRequest()), (SNAPSHOT_CHANNEL, ChunkRequest(10, 1, 2))],
)
async def test_a_message_on_the_other_channel_drops_the_peer(channel, message):
    """Each channel has its own bounds."""
    with pytest.raises(MalformedMessage):
        await ask(StateSyncReactor(Service()), FakePeer(), channel, message)
