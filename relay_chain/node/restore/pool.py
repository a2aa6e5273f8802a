"""Which snapshots there are and who has them, and which chunks to ask of whom; both pure."""

from dataclasses import dataclass, field

from chainkit.primitives.types import TimestampNs
from relay_chain.consensus.messages import PeerId
from relay_chain.node.restore.limits import (
    CHUNK_TIMEOUT_NS,
    MAX_CHUNK_FAILURES,
    MAX_CHUNKS_AHEAD,
    MAX_SNAPSHOTS_OF_PEER,
)
from relay_chain.node.snapshots import Snapshot


class SnapshotPool:
    """Mutable: peers tell and leave, and snapshots turn out bad."""

    def __init__(self) -> None:
        self._holders: dict[Snapshot, dict[PeerId, None]] = {}
        self._told: dict[PeerId, int] = {}
        self._rejected: set[Snapshot] = set()
        self._rejected_formats: set[int] = set()
        self._rejected_peers: set[PeerId] = set()

    def add(self, peer_id: PeerId, snapshot: Snapshot) -> bool:
        """Note that a peer has a snapshot; return whether that was of use."""
        if peer_id in self._rejected_peers or self.is_rejected(snapshot):
            return False
        holders = self._holders.get(snapshot, {})
        if peer_id in holders or self._told.get(peer_id, 0) >= MAX_SNAPSHOTS_OF_PEER:
            return False
        self._told[peer_id] = self._told.get(peer_id, 0) + 1
        self._holders[snapshot] = {**holders, peer_id: None}
        return True

    def is_rejected(self, snapshot: Snapshot) -> bool:
        """Return whether a snapshot, or its format, was found to be of no use."""
        return snapshot in self._rejected or snapshot.format in self._rejected_formats

    def best(self) -> Snapshot | None:
        """Return the snapshot to restore: the newest, then the one that most peers have."""
        return max(
            self._holders,
            key=lambda s: (s.height, s.format, len(self._holders[s]), s.hash),
            default=None,
        )

    def holders(self, snapshot: Snapshot) -> tuple[PeerId, ...]:
        """Return who has a snapshot, in the order in which they said so."""
        return tuple(self._holders.get(snapshot, ()))

    def remove_peer(self, peer_id: PeerId) -> None:
        """Forget a peer that is gone."""
        self._told.pop(peer_id, None)
        for snapshot in list(self._holders):
            self._remove_holder(snapshot, peer_id)

    def reject(self, snapshot: Snapshot) -> None:
        """Take a snapshot out for good."""
        self._rejected.add(snapshot)
        self._holders.pop(snapshot, None)

    def reject_format(self, format_number: int) -> None:
        """Take all snapshots of a format out for good."""
        self._rejected_formats.add(format_number)
        for snapshot in [s for s in self._holders if s.format == format_number]:
            del self._holders[snapshot]

    def reject_peer(self, peer_id: PeerId) -> None:
        """Believe a peer no more."""
        self._rejected_peers.add(peer_id)
        self.remove_peer(peer_id)

    def _remove_holder(self, snapshot: Snapshot, peer_id: PeerId) -> None:
        holders = self._holders[snapshot]
        holders.pop(peer_id, None)
        if not holders:
            del self._holders[snapshot]


@dataclass(slots=True)
class ChunkQueue:
    """The chunks of one snapshot. Mutable: peers fill it, the application empties it in order."""

    count: int
    """How many chunks there are."""
    next_index: int = 0
    """The chunk to apply next."""
    _asked: dict[int, tuple[PeerId, TimestampNs]] = field(default_factory=dict)
    _here: dict[int, tuple[PeerId, bytes]] = field(default_factory=dict)
    _failures: dict[PeerId, int] = field(default_factory=dict)
    _turn: int = 0

    @property
    def is_done(self) -> bool:
        """Whether all were applied."""
        return self.next_index >= self.count

    def plan(self, holders: tuple[PeerId, ...], now: TimestampNs) -> tuple[tuple[PeerId, int], ...]:
        """Return which chunks to ask of whom now, the holders in turn."""
        for index, (peer_id, asked_at) in list(self._asked.items()):
            if peer_id not in holders or now >= asked_at + CHUNK_TIMEOUT_NS:
                self.failed(peer_id, index)
        able = [each for each in holders if self._failures.get(each, 0) < MAX_CHUNK_FAILURES]
        if not able:
            return ()
        plan = []
        for index in range(self.next_index, min(self.next_index + MAX_CHUNKS_AHEAD, self.count)):
            if index in self._asked or index in self._here:
                continue
            self._turn += 1
            chosen = able[self._turn % len(able)]
            self._asked[index] = (chosen, now)
            plan.append((chosen, index))
        return tuple(plan)

    def is_stuck(self, holders: tuple[PeerId, ...]) -> bool:
        """Return whether nobody is left to ask."""
        return all(self._failures.get(each, 0) >= MAX_CHUNK_FAILURES for each in holders)

    def expects(self, peer_id: PeerId, index: int) -> bool:
        """Return whether a chunk was asked of this peer and is awaited."""
        asked = self._asked.get(index)
        return asked is not None and asked[0] == peer_id

    def add(self, peer_id: PeerId, index: int, chunk: bytes) -> None:
        """Take a chunk that was awaited."""
        del self._asked[index]
        self._here[index] = (peer_id, chunk)

    def failed(self, peer_id: PeerId, index: int) -> None:
        """Note that a peer does not have, or does not send, a chunk."""
        self._asked.pop(index, None)
        self._failures[peer_id] = self._failures.get(peer_id, 0) + 1

    def peek(self) -> tuple[PeerId, bytes] | None:
        """Return the sender and content of the next chunk; None until it is here."""
        return self._here.get(self.next_index)

    def applied(self) -> None:
        """Go on to the chunk after."""
        del self._here[self.next_index]
        self.next_index += 1

    def refetch(self, indices: tuple[int, ...]) -> None:
        """Have chunks sent again, also ones that were applied, and go on from the first."""
        for index in indices:
            self._here.pop(index, None)
        self.next_index = min((self.next_index, *indices))

    def discard_sender(self, peer_id: PeerId) -> None:
        """Have what a peer sent and was not applied sent by others."""
        self._failures[peer_id] = MAX_CHUNK_FAILURES
        for index in [i for i, (sender, _) in self._here.items() if sender == peer_id]:
            del self._here[index]
