"""The reactors' views over the values that hold votes and parts."""

from dataclasses import dataclass

from chainkit.formats.tendermint.parts import PartSet
from chainkit.formats.tendermint.types import (
    NIL_BLOCK_ID,
    BlockId,
    BlockIdFlag,
    Commit,
    Part,
    PartSetHeader,
    Vote,
    VoteType,
)
from chainkit.primitives.types import BlockHeight, Round
from relay_chain.consensus.votes import RoundVotes


def mask_of(bits: tuple[bool, ...]) -> int:
    """Return the mask whose bit ``i`` is ``bits[i]``."""
    mask = 0
    for index, bit in enumerate(bits):
        mask |= bit << index
    return mask


@dataclass(frozen=True, slots=True)
class RoundVotesView:
    """A ``VoteSetView`` of the consensus machine's votes."""

    round_votes: RoundVotes

    @property
    def height(self) -> BlockHeight:
        """Height of the votes."""
        return self.round_votes.height

    @property
    def round(self) -> Round:
        """Round of the votes."""
        return self.round_votes.round

    @property
    def type(self) -> VoteType:
        """Prevotes or precommits."""
        return self.round_votes.type

    @property
    def size(self) -> int:
        """Number of validators."""
        return len(self.round_votes.votes)

    def mask(self) -> int:
        """Return who voted."""
        return mask_of(self.round_votes.bits())

    def mask_for(self, block_id: BlockId) -> int:
        """Return who voted for a block."""
        return mask_of(self.round_votes.bits_for(block_id))

    def vote(self, index: int) -> Vote | None:
        """Return the vote at an index."""
        return self.round_votes.votes[index]

    def majority(self) -> BlockId | None:
        """Return what has +2/3."""
        return self.round_votes.majority


@dataclass(frozen=True, slots=True)
class CommitView:
    """A ``VoteSetView`` of a stored commit: its signatures as the precommits they were."""

    commit: Commit

    @property
    def height(self) -> BlockHeight:
        """Height that was decided."""
        return self.commit.height

    @property
    def round(self) -> Round:
        """Round that decided it."""
        return self.commit.round

    @property
    def type(self) -> VoteType:
        """Precommits."""
        return VoteType.PRECOMMIT

    @property
    def size(self) -> int:
        """Number of validators."""
        return len(self.commit.signatures)

    def mask(self) -> int:
        """Return who signed."""
        return mask_of(
            tuple(
                signature.block_id_flag is not BlockIdFlag.ABSENT
                for signature in self.commit.signatures
            )
        )

    def mask_for(self, block_id: BlockId) -> int:
        """Return who signed ``block_id``."""
        return mask_of(
            tuple(
                (vote := self.vote(index)) is not None and vote.block_id == block_id
                for index in range(self.size)
            )
        )

    def vote(self, index: int) -> Vote | None:
        """Return the precommit at an index."""
        signature = self.commit.signatures[index]
        if signature.block_id_flag is BlockIdFlag.ABSENT:
            return None
        for_block = signature.block_id_flag is BlockIdFlag.COMMIT
        return Vote(
            type=VoteType.PRECOMMIT,
            height=self.commit.height,
            round=self.commit.round,
            block_id=self.commit.block_id if for_block else NIL_BLOCK_ID,
            timestamp=signature.timestamp,
            validator_address=signature.validator_address,
            validator_index=index,
            signature=signature.signature,
        )

    def majority(self) -> BlockId | None:
        """Return the block that was decided."""
        return self.commit.block_id


@dataclass(frozen=True, slots=True)
class PartSetParts:
    """A ``PartSetView`` of a part set."""

    part_set: PartSet

    @property
    def header(self) -> PartSetHeader:
        """Which part set it is."""
        return self.part_set.header

    def mask(self) -> int:
        """Return which parts are here."""
        return mask_of(self.part_set.bits())

    def part(self, index: int) -> Part | None:
        """Return a part."""
        return self.part_set.get(index)
