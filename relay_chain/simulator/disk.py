"""A node's disk: what survives a crash, and how badly."""

from dataclasses import dataclass, field
from random import Random

from chainkit.formats.tendermint.types import Block, BlockId, Commit, Proposal, Vote, VoteType
from chainkit.primitives.types import BlockHeight
from relay_chain.consensus.messages import WalEntry
from relay_chain.node.wal import frame, read_log
from relay_chain.simulator.plan import DiskFault

_PROPOSAL_STEP = 0
NO_BIT = -1


class RegressionRefused(AssertionError):
    """The key was asked to sign an earlier step, or something else in the same step."""


@dataclass(slots=True)
class SigningState:
    """What the private validator remembers on disk (CometBFT ``priv_validator_state``)."""

    position: tuple[int, int, int] = (0, 0, 0)
    """Height, round and step (0 proposal, then ``VoteType``) signed last."""
    signed: Vote | Proposal | None = None

    def sign(self, message: Vote | Proposal, signed: Vote | Proposal) -> Vote | Proposal:
        """Return the signed message, saved before anybody sees it.

        The same message again (timestamps apart) gets its old signature.

        Raises:
            RegressionRefused: An earlier position, or another message at the last one.
        """
        step = message.type if isinstance(message, Vote) else _PROPOSAL_STEP
        position = (message.height, message.round, int(step))
        if position == self.position and self.signed is not None:
            if _without_time(self.signed) == _without_time(message):
                return self.signed
            raise RegressionRefused(f"another message at {position}")
        if position < self.position:
            raise RegressionRefused(f"{position} is before {self.position}")
        self.position, self.signed = position, signed
        return signed


def _without_time(message: Vote | Proposal) -> tuple[object, ...]:
    if isinstance(message, Vote):
        return (VoteType(message.type), message.height, message.round, message.block_id)
    return (message.height, message.round, message.pol_round, message.block_id)


@dataclass(frozen=True, slots=True)
class StoredBlock:
    """A decided block with its seen commit."""

    block_id: BlockId
    block: Block
    commit: Commit


@dataclass(slots=True)
class Disk:
    """The WAL since its last end-of-height mark, the key's state, the block store.

    Mutable because it is a disk. Stores and key are synced on every write; the WAL's
    entries only when asked.
    """

    wal: list[WalEntry] = field(default_factory=list)
    wal_height: BlockHeight = BlockHeight(0)
    """Height of the last end-of-height mark."""
    synced: int = 0
    key: SigningState = field(default_factory=SigningState)
    blocks: dict[BlockHeight, StoredBlock] = field(default_factory=dict)
    applied: BlockHeight = BlockHeight(0)
    flipped_bit: int = NO_BIT
    """Which bit of the log's file is another since the last crash."""

    def append(self, entry: WalEntry, *, sync: bool) -> None:
        """Add to the WAL."""
        self.wal.append(entry)
        if sync:
            self.synced = len(self.wal)

    def end_height(self, height: BlockHeight) -> None:
        """Write and sync the mark after which replay starts."""
        self.move_wal_away()
        self.wal_height = height

    def crash(self, rng: Random, fault: DiskFault) -> int:
        """Lose a random part of what was not synced; return how many entries are gone.

        A torn last entry is one that replay drops, so it is among the lost.

        Args:
            rng: The run's dice.
            fault: What else the disk does to the log. It spares the key's state and the
                blocks: a key without its memory is a hostile key.
        """
        safe = 0 if fault is DiskFault.LOST_SYNC else self.synced
        kept = safe + rng.randint(0, len(self.wal) - safe)
        lost = len(self.wal) - kept
        del self.wal[kept:]
        self.synced = kept
        if fault is DiskFault.BIT_FLIP and self.wal:
            self.flipped_bit = rng.randrange(8 * len(self._frames()))
        return lost

    def _frames(self) -> bytes:
        """Return the log in the node's own framing; an entry is its number."""
        return b"".join(frame(b"\x01" + n.to_bytes(4, "big")) for n in range(len(self.wal)))

    def read_wal(self) -> tuple[WalEntry, ...]:
        """Return the entries since the mark, as the node's own reader finds them.

        Raises:
            WalCorrupted: A bit flipped in a record that others follow.
        """
        if self.flipped_bit >= 0:
            data = bytearray(self._frames())
            data[self.flipped_bit // 8] ^= 1 << self.flipped_bit % 8
            recovered, _ = read_log(bytes(data))
            entries = [self.wal[int.from_bytes(number, "big")] for number in recovered.entries]
            assert entries == self.wal[: len(entries)]
            self.wal, self.synced, self.flipped_bit = entries, len(entries), NO_BIT
        return tuple(self.wal)

    def move_wal_away(self) -> None:
        """Begin an empty log: what the operator of a corrupt one does."""
        self.wal.clear()
        self.synced, self.flipped_bit = 0, NO_BIT
