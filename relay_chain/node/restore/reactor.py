"""The reactor of a node that restores: finds snapshots, fetches chunks, hands them on."""

import asyncio
import time
from collections.abc import Callable

import structlog

from chainkit.primitives.errors import OperationFailed, RuleBroken
from chainkit.primitives.types import BlockHeight, DurationNs, TimestampNs
from relay_chain.consensus.messages import PeerId
from relay_chain.node.p2p.peer import Peer
from relay_chain.node.p2p.reactor import Peers
from relay_chain.node.ports import ApplicationInfo
from relay_chain.node.reactors.limits import CHUNK_CHANNEL, SNAPSHOT_CHANNEL
from relay_chain.node.reactors.statesync import STATESYNC_CHANNELS, check_channel
from relay_chain.node.reactors.statesync_messages import (
    ChunkRequest,
    ChunkResponse,
    SnapshotsRequest,
    SnapshotsResponse,
    decode_statesync_message,
    encode_statesync_message,
)
from relay_chain.node.reactors.waiting import wait_for_flag
from relay_chain.node.restore.limits import ASK_AGAIN_NS, CHUNK_TIMEOUT_NS, DISCOVERY_NS
from relay_chain.node.restore.pool import ChunkQueue, SnapshotPool
from relay_chain.node.restore.trust import Restored, TrustedStates
from relay_chain.node.snapshots import ChunkVerdict, OfferVerdict, Snapshot, SnapshotService

_log = structlog.get_logger()


class RestoreFailed(OperationFailed):
    """The application gave up: state sync cannot go on."""


class _NotThisOne(Exception):
    pass


class RestoreReactor:
    """Channels 0x60 and 0x61 of a node that has no state. Mutable: one restoration.

    Args:
        service: The application's side.
        info: Asks the application what it has.
        trusted: Judges snapshots.
        clock: Nanoseconds since 1970, for headers.
    """

    channels = STATESYNC_CHANNELS

    def __init__(
        self,
        service: SnapshotService,
        info: Callable[[], ApplicationInfo],
        trusted: TrustedStates,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._service = service
        self._info = info
        self._trusted = trusted
        self._clock = clock
        self._pool = SnapshotPool()
        self._fetching: tuple[Snapshot, ChunkQueue] | None = None
        self._work = asyncio.Event()
        self.restored: asyncio.Future[Restored] = asyncio.get_running_loop().create_future()
        """What was restored in the end."""

    # --- from the switch ----------------------------------------------------------------

    def peer_added(self, peer: Peer) -> None:
        """Ask a peer what it has."""
        peer.try_send(SNAPSHOT_CHANNEL, encode_statesync_message(SnapshotsRequest()))

    def peer_removed(self, peer: Peer, reason: Exception) -> None:  # noqa: ARG002 - the port's
        """Ask others for what the peer owes."""
        self._pool.remove_peer(peer.id)
        self._work.set()

    async def serve_peer(self, peer: Peer) -> None:
        """Peers are asked by ``run``."""

    async def receive(self, channel_id: int, peer: Peer, message: bytes) -> None:
        """Take a snapshot's description or a chunk; requests are not answered.

        Raises:
            MalformedMessage: The message does not decode, or is of the other channel.
        """
        decoded = decode_statesync_message(message)
        match decoded:
            case SnapshotsResponse(snapshot):
                check_channel(channel_id, SNAPSHOT_CHANNEL)
                if self._pool.add(peer.id, snapshot):
                    _log.info("statesync.snapshot_found", height=snapshot.height, peer=peer.id)
                    self._work.set()
            case ChunkResponse():
                check_channel(channel_id, CHUNK_CHANNEL)
                self._take_chunk(peer.id, decoded)
            case SnapshotsRequest() | ChunkRequest():
                pass

    def _take_chunk(self, peer_id: PeerId, answer: ChunkResponse) -> None:
        if self._fetching is None:
            return
        snapshot, queue = self._fetching
        of_this = (answer.height, answer.format) == (snapshot.height, snapshot.format)
        if not of_this or not queue.expects(peer_id, answer.index):
            return  # late, or never asked for: it costs nothing to forget it
        if answer.missing:
            queue.failed(peer_id, answer.index)
        else:
            queue.add(peer_id, answer.index, answer.chunk)
        self._work.set()

    # --- the restoration ----------------------------------------------------------------

    async def run(self, peers: Peers) -> None:
        """Restore the best snapshot there is; ``restored`` says what came of it."""
        while True:
            snapshot = await self._next_snapshot(peers)
            try:
                restored = await self._restore(peers, snapshot)
            except _NotThisOne as reason:
                height = snapshot.height
                _log.warning("statesync.snapshot_rejected", height=height, reason=str(reason))
                self._pool.reject(snapshot)
                continue
            except RestoreFailed as error:
                self.restored.set_exception(error)
                return
            finally:
                self._fetching = None
            _log.info("statesync.finished", height=snapshot.height, chunks=snapshot.chunks)
            self.restored.set_result(restored)
            return

    async def _next_snapshot(self, peers: Peers) -> Snapshot:
        while self._pool.best() is None:
            peers.broadcast(SNAPSHOT_CHANNEL, encode_statesync_message(SnapshotsRequest()))
            await wait_for_flag(self._work, ASK_AGAIN_NS)
        until = _monotonic() + DISCOVERY_NS
        while (left := until - _monotonic()) > 0:
            await wait_for_flag(self._work, DurationNs(left))
        best = self._pool.best()
        return best if best is not None else await self._next_snapshot(peers)

    async def _restore(self, peers: Peers, snapshot: Snapshot) -> Restored:
        try:
            now = TimestampNs(self._clock())
            restored = await self._trusted.at(BlockHeight(snapshot.height), now)
        except (RuleBroken, OperationFailed) as error:
            raise _NotThisOne(str(error)) from error
        while True:
            self._offer(snapshot, restored.state.app_hash)
            if await self._fetch_all(peers, snapshot):
                break
        info = self._info()
        expected = (snapshot.height, restored.state.app_hash)
        if (info.last_block_height, info.last_block_app_hash) != expected:
            raise _NotThisOne("the restored application has another height or hash")
        return restored

    def _offer(self, snapshot: Snapshot, app_hash: bytes) -> None:
        match self._service.offer(snapshot, app_hash):
            case OfferVerdict.ACCEPT:
                return
            case OfferVerdict.ABORT:
                raise RestoreFailed("the application gave up state sync")
            case OfferVerdict.REJECT:
                pass
            case OfferVerdict.REJECT_FORMAT:
                self._pool.reject_format(snapshot.format)
            case OfferVerdict.REJECT_SENDER:
                for peer_id in self._pool.holders(snapshot):
                    self._pool.reject_peer(peer_id)
        raise _NotThisOne("the application refuses it")

    async def _fetch_all(self, peers: Peers, snapshot: Snapshot) -> bool:
        """Fetch and apply all chunks; False if the snapshot is to be begun anew."""
        queue = ChunkQueue(snapshot.chunks)
        self._fetching = (snapshot, queue)
        while not queue.is_done:
            holders = self._pool.holders(snapshot)
            for peer_id, index in queue.plan(holders, _monotonic()):
                peer = peers.peer(peer_id)
                request = ChunkRequest(snapshot.height, snapshot.format, index)
                if peer is not None:
                    peer.try_send(CHUNK_CHANNEL, encode_statesync_message(request))
            if queue.is_stuck(holders):
                raise _NotThisOne("nobody sends its chunks")
            if queue.peek() is None:
                await wait_for_flag(self._work, DurationNs(CHUNK_TIMEOUT_NS // 10))
            elif not self._apply(queue):
                return False
            await asyncio.sleep(0)  # let chunks arrive between two that are applied
        return True

    def _apply(self, queue: ChunkQueue) -> bool:
        """Apply the next chunk; False if the snapshot is to be begun anew."""
        found = queue.peek()
        assert found is not None
        sender, chunk = found
        answer = self._service.apply_chunk(queue.next_index, chunk, sender)
        for bad in answer.reject_senders:
            self._pool.reject_peer(PeerId(bad))
            queue.discard_sender(PeerId(bad))
        match answer.verdict:
            case ChunkVerdict.ACCEPT:
                queue.applied()
                queue.refetch(answer.refetch_chunks)
            case ChunkVerdict.ABORT:
                raise RestoreFailed("the application gave up state sync")
            case ChunkVerdict.RETRY:
                queue.failed(sender, queue.next_index)
                queue.refetch(answer.refetch_chunks or (queue.next_index,))
            case ChunkVerdict.RETRY_SNAPSHOT:
                return False
            case ChunkVerdict.REJECT_SNAPSHOT:
                raise _NotThisOne("the application refuses its chunks")
        return True


def _monotonic() -> TimestampNs:
    return TimestampNs(time.monotonic_ns())
