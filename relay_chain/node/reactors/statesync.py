"""The state sync reactor: tells peers of this node's snapshots, and sends their chunks."""

from chainkit.primitives.errors import MalformedMessage
from relay_chain.node.p2p.multiplex import ChannelDescriptor
from relay_chain.node.p2p.peer import Peer
from relay_chain.node.p2p.reactor import Peers
from relay_chain.node.reactors.limits import (
    CHUNK_CHANNEL,
    MAX_CHUNK_MESSAGE_BYTES,
    MAX_SNAPSHOT_MESSAGE_BYTES,
    MAX_SNAPSHOTS_TOLD,
    SNAPSHOT_CHANNEL,
    STATESYNC_QUEUE_MESSAGES,
)
from relay_chain.node.reactors.statesync_messages import (
    ChunkRequest,
    ChunkResponse,
    SnapshotsRequest,
    SnapshotsResponse,
    decode_statesync_message,
    encode_statesync_message,
)
from relay_chain.node.snapshots import SnapshotService

STATESYNC_CHANNELS = (
    ChannelDescriptor(SNAPSHOT_CHANNEL, 5, STATESYNC_QUEUE_MESSAGES, MAX_SNAPSHOT_MESSAGE_BYTES),
    ChannelDescriptor(CHUNK_CHANNEL, 3, STATESYNC_QUEUE_MESSAGES, MAX_CHUNK_MESSAGE_BYTES),
)


class StateSyncReactor:
    """Channels 0x60 and 0x61, for peers that are new.

    Args:
        snapshots: What this node has; None for an application that takes none.
    """

    channels = STATESYNC_CHANNELS

    def __init__(self, snapshots: SnapshotService | None) -> None:
        self._snapshots = snapshots

    def peer_added(self, peer: Peer) -> None:
        """Peers are served as they ask."""

    def peer_removed(self, peer: Peer, reason: Exception) -> None:
        """There is nothing kept of a peer."""

    async def serve_peer(self, peer: Peer) -> None:
        """Peers are served as they ask."""

    async def run(self, peers: Peers) -> None:
        """There is nothing to do that is not about one peer."""

    async def receive(self, channel_id: int, peer: Peer, message: bytes) -> None:
        """Answer a request; answers that nobody waits for are ignored, as in CometBFT.

        Raises:
            MalformedMessage: The message does not decode, or is of the other channel.
        """
        decoded = decode_statesync_message(message)
        match decoded:
            case SnapshotsRequest():
                check_channel(channel_id, SNAPSHOT_CHANNEL)
                self._tell(peer)
            case ChunkRequest():
                check_channel(channel_id, CHUNK_CHANNEL)
                self._send_chunk(peer, decoded)
            case SnapshotsResponse() | ChunkResponse():
                pass

    def _tell(self, peer: Peer) -> None:
        if self._snapshots is None or not peer.has_room(SNAPSHOT_CHANNEL):
            return
        newest = sorted(
            self._snapshots.list_snapshots(),
            key=lambda snapshot: (snapshot.height, snapshot.format),
            reverse=True,
        )
        for snapshot in newest[:MAX_SNAPSHOTS_TOLD]:
            peer.try_send(SNAPSHOT_CHANNEL, encode_statesync_message(SnapshotsResponse(snapshot)))

    def _send_chunk(self, peer: Peer, asked: ChunkRequest) -> None:
        if not peer.has_room(CHUNK_CHANNEL):
            return  # reading the chunk is the dear part, and it could not be sent
        chunk = b""
        if self._snapshots is not None:
            chunk = self._snapshots.load_chunk(asked.height, asked.format, asked.index)
        answer = ChunkResponse(asked.height, asked.format, asked.index, chunk, not chunk)
        peer.try_send(CHUNK_CHANNEL, encode_statesync_message(answer))


def check_channel(channel_id: int, expected: int) -> None:
    """Check that a message came on its channel.

    Raises:
        MalformedMessage: It did not: the channel's bounds are another's.
    """
    if channel_id != expected:
        raise MalformedMessage(f"message of channel {expected:#x} on channel {channel_id:#x}")
