"""Which block to ask of whom: the pure half of block sync (CometBFT blocksync, ``BlockPool``).

Peers say what they have and may lie. What a lie costs: a peer that owes blocks and is
silent is dropped; one that lowers its height or base, or lacks what it claimed, is dropped
and banned; a pair of blocks that does not verify drops both peers that sent it.
"""

from dataclasses import dataclass, field

from chainkit.formats.tendermint.types import Block
from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.types import BlockHeight, TimestampNs
from relay_chain.consensus.messages import PeerId
from relay_chain.node.reactors.limits import (
    BLOCK_TIMEOUT_NS,
    MAX_POOL_BANS,
    MAX_REQUESTS_PER_PEER,
    MAX_WINDOW_BLOCKS,
    PEER_GRACE_NS,
    POOL_BAN_NS,
)


class BlockSyncError(RuleBroken):
    """A peer broke a rule of block sync."""

    codespace = "blocksync"


class RangeShrank(BlockSyncError):
    """A peer reports a lower height or base than before (ASA-2025-001), or one above the other."""

    code = 2

    def __init__(self, *, base: int, height: int) -> None:
        super().__init__(f"peer now has blocks {base} to {height}")
        self.base = base
        self.height = height


class UnsolicitedBlock(BlockSyncError):
    """A block came that was not asked of this peer."""

    code = 3

    def __init__(self, *, height: int) -> None:
        super().__init__(f"block {height} was not asked for")
        self.height = height


class BlocksOverdue(BlockSyncError):
    """A peer owes blocks and is silent."""

    code = 4

    def __init__(self, *, owed: int) -> None:
        super().__init__(f"{owed} blocks are overdue")
        self.owed = owed


class BlockNotThere(BlockSyncError):
    """A peer does not have a block of the range that it reported."""

    code = 5

    def __init__(self, *, height: int) -> None:
        super().__init__(f"peer lacks block {height} of its own range")
        self.height = height


class BadBlock(BlockSyncError):
    """A block, or the commit for it in the next one, does not verify."""

    code = 6

    def __init__(self, *, height: int, error: str) -> None:
        super().__init__(f"block {height} does not verify: {error}")
        self.height = height
        self.error = error


@dataclass(frozen=True, slots=True)
class Ask:
    """Send a request."""

    peer_id: PeerId
    height: BlockHeight


@dataclass(frozen=True, slots=True)
class Drop:
    """Disconnect a peer."""

    peer_id: PeerId
    reason: BlockSyncError


@dataclass(slots=True)
class _Peer:
    base: BlockHeight
    height: BlockHeight
    heard_at: TimestampNs
    """When it last sent a block, or was first asked after owing none."""
    owed: set[BlockHeight] = field(default_factory=set)


class BlockPool:
    """Requests and blocks of a sync. Mutable: a buffer that peers fill, bounded by a window."""

    def __init__(self, start: BlockHeight) -> None:
        self.height = start
        """The block to apply next."""
        self._peers: dict[PeerId, _Peer] = {}
        self._asked: dict[BlockHeight, PeerId] = {}
        self._blocks: dict[BlockHeight, tuple[PeerId, Block]] = {}
        self._bans: dict[PeerId, TimestampNs] = {}
        self._first_status_at: TimestampNs | None = None

    def set_range(
        self, peer_id: PeerId, base: BlockHeight, height: BlockHeight, now: TimestampNs
    ) -> tuple[Drop, ...]:
        """Take a peer's report of what it has."""
        peer = self._peers.get(peer_id)
        shrank = peer is not None and (base < peer.base or height < peer.height)
        if base > height or shrank:
            return self._expel(peer_id, RangeShrank(base=base, height=height), now)
        if peer is not None:
            peer.base, peer.height = base, height
        elif not self.is_banned(peer_id, now):
            self._peers[peer_id] = _Peer(base, height, now)
            if self._first_status_at is None:
                self._first_status_at = now
        return ()

    def remove_peer(self, peer_id: PeerId) -> None:
        """Forget a peer that is gone; what it owes is asked of others, what it sent is kept."""
        peer = self._peers.pop(peer_id, None)
        if peer is not None:
            for height in peer.owed:
                del self._asked[height]

    def plan(self, now: TimestampNs) -> tuple[Ask | Drop, ...]:
        """Return what to do now: drop the silent, then ask for what is missing."""
        effects: list[Ask | Drop] = []
        for peer_id, peer in list(self._peers.items()):
            if peer.owed and now >= peer.heard_at + BLOCK_TIMEOUT_NS:
                effects += self._expel(peer_id, BlocksOverdue(owed=len(peer.owed)), now)
        last = min(self.max_peer_height(), self.height + MAX_WINDOW_BLOCKS - 1)
        for number in range(self.height, last + 1):
            height = BlockHeight(number)
            if height in self._asked or height in self._blocks:
                continue
            chosen = self._choose(height)
            if chosen is None:
                continue
            peer = self._peers[chosen]
            if not peer.owed:
                peer.heard_at = now
            peer.owed.add(height)
            self._asked[height] = chosen
            effects.append(Ask(chosen, height))
        return tuple(effects)

    def owes_block(self, peer_id: PeerId) -> bool:
        """Return whether a block was asked of a peer and has not come."""
        peer = self._peers.get(peer_id)
        return peer is not None and bool(peer.owed)

    def add_block(self, peer_id: PeerId, block: Block, now: TimestampNs) -> tuple[Drop, ...]:
        """Take a block."""
        height = block.header.height
        if self._asked.get(height) != peer_id:
            return self._expel(peer_id, UnsolicitedBlock(height=height), now)
        del self._asked[height]
        peer = self._peers[peer_id]
        peer.owed.discard(height)
        peer.heard_at = now
        self._blocks[height] = (peer_id, block)
        return ()

    def no_block(self, peer_id: PeerId, height: BlockHeight, now: TimestampNs) -> tuple[Drop, ...]:
        """Take a peer's answer that it lacks a block."""
        if self._asked.get(height) != peer_id:
            return ()
        return self._expel(peer_id, BlockNotThere(height=height), now)

    def next_pair(self) -> tuple[Block, Block] | None:
        """Return the block to apply and the one whose commit verifies it, if both are here."""
        first = self._blocks.get(self.height)
        second = self._blocks.get(BlockHeight(self.height + 1))
        return None if first is None or second is None else (first[1], second[1])

    def pop(self) -> None:
        """Go on: the block at ``height`` was applied."""
        del self._blocks[self.height]
        self.height = BlockHeight(self.height + 1)

    def reject_pair(self, error: str, now: TimestampNs) -> tuple[Drop, ...]:
        """Drop the peers that sent the pair: either block may be the bad one."""
        heights = (self.height, BlockHeight(self.height + 1))
        guilty = [self._blocks.pop(height)[0] for height in heights]
        reason = BadBlock(height=self.height, error=error)
        return tuple(
            drop for peer_id in dict.fromkeys(guilty) for drop in self._expel(peer_id, reason, now)
        )

    def max_peer_height(self) -> BlockHeight:
        """Return the greatest height that a peer reports whose range continues ours.

        A base beyond what we need could not be served to us, so it says nothing.
        """
        heights = (peer.height for peer in self._peers.values() if peer.base <= self.height)
        return BlockHeight(max(heights, default=0))

    def is_caught_up(self, now: TimestampNs) -> bool:
        """Return whether no peer has more than the block that only consensus can verify."""
        if self._first_status_at is None or not self._peers:
            return False
        if now < self._first_status_at + PEER_GRACE_NS:
            return False
        return self.height >= self.max_peer_height()

    def is_banned(self, peer_id: PeerId, now: TimestampNs) -> bool:
        """Return whether a peer's reports are ignored for now."""
        return now < self._bans.get(peer_id, now)

    def _choose(self, height: BlockHeight) -> PeerId | None:
        """Return the peer that has a height and owes least; ties go to the lesser id."""
        able = [
            (len(peer.owed), peer_id)
            for peer_id, peer in self._peers.items()
            if peer.base <= height <= peer.height and len(peer.owed) < MAX_REQUESTS_PER_PEER
        ]
        return min(able)[1] if able else None

    def _expel(self, peer_id: PeerId, reason: BlockSyncError, now: TimestampNs) -> tuple[Drop, ...]:
        self.remove_peer(peer_id)
        # What it sent and was not verified yet is not worth more than its word.
        for height in [h for h, (sender, _) in self._blocks.items() if sender == peer_id]:
            del self._blocks[height]
        if len(self._bans) >= MAX_POOL_BANS:
            del self._bans[next(iter(self._bans))]
        self._bans[peer_id] = TimestampNs(now + POOL_BAN_NS)
        return (Drop(peer_id, reason),)
