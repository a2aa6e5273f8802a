"""Who may decide, as the blocks' votes have it: a majority adds a validator, or drops one.

A block's maker puts one vote into its extra data. More than half of the validators must vote alike
about an address within an epoch; the set changes with the next block.

Two rules are ours and not Besu's, whose tally has no bounds: a vote that would leave no validator,
or more than ``MAX_QBFT_VALIDATORS``, is refused, and so is one more of a validator that has
``MAX_OUTSTANDING_VOTES`` votes that decided nothing yet.

Spec:
    Besu, ``VoteTally``, ``VoteTallyUpdater``, ``VoteProposer``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from chainkit.formats.ethereum.bft_extra_data import ValidatorVote
from chainkit.formats.ethereum.fields import read_address, read_fields, read_list, read_uint
from chainkit.primitives.types import Address, BlockHeight
from chainkit.wire.rlp import RlpItem, decode, encode, encode_uint
from parachains.account.consensus.errors import VoteRefused
from parachains.account.consensus.limits import MAX_OUTSTANDING_VOTES, MAX_QBFT_VALIDATORS

DEFAULT_EPOCH_LENGTH = 30_000
"""Blocks (Besu ``epochlength``): votes that decided nothing by then are forgotten."""

_MAX_TALLY_BYTES = 64 * MAX_QBFT_VALIDATORS * (MAX_OUTSTANDING_VOTES + 1)


@dataclass(frozen=True, slots=True, order=True)
class CastVote:
    """What a validator has said about an address."""

    recipient: Address
    voter: Address
    add: bool


@dataclass(frozen=True, slots=True)
class VoteTally:
    """The validators after a block, and the votes that have decided nothing yet."""

    validators: tuple[Address, ...]
    """Ascending."""
    votes: tuple[CastVote, ...] = ()
    """Ascending; one of each voter about each recipient."""

    def after(self, height: BlockHeight, maker: Address, vote: ValidatorVote | None) -> "VoteTally":
        """Return the tally after a block that is at no epoch's end.

        Args:
            height: The block's number; says where in the chain a refusal was.
            maker: The block's coinbase, who votes.
            vote: In its extra data.

        Raises:
            VoteRefused: Such a vote must not be in a block.
        """
        if vote is None:
            return self
        cast = CastVote(vote.recipient, maker, vote.add)
        others = tuple(
            each for each in self.votes if (each.recipient, each.voter) != (cast.recipient, maker)
        )
        if sum(each.voter == maker for each in others) >= MAX_OUTSTANDING_VOTES:
            raise VoteRefused(f"block {height}: its maker has {MAX_OUTSTANDING_VOTES} votes open")
        votes = tuple(sorted((*others, cast)))
        alike = sum((each.recipient, each.add) == (cast.recipient, cast.add) for each in votes)
        if alike <= len(self.validators) // 2:
            return replace(self, votes=votes)
        return self._changed(height, vote, votes)

    def _changed(
        self, height: BlockHeight, vote: ValidatorVote, votes: tuple[CastVote, ...]
    ) -> "VoteTally":
        """Return the tally after the vote that makes a majority."""
        recipient = vote.recipient
        members = set(self.validators) - {recipient} | ({recipient} if vote.add else set())
        if not 0 < len(members) <= MAX_QBFT_VALIDATORS:
            raise VoteRefused(f"block {height}: {len(members)} validators would be left")
        left = tuple(
            each
            for each in votes
            if each.recipient != recipient and (vote.add or each.voter != recipient)
        )
        return VoteTally(tuple(sorted(members)), left)


def count_vote(
    tally: VoteTally,
    height: BlockHeight,
    maker: Address,
    vote: ValidatorVote | None,
    *,
    epoch_length: int,
) -> VoteTally:
    """Return the tally after a block; at an epoch's end all votes are forgotten, its own too.

    Raises:
        VoteRefused: Such a vote must not be in a block.
    """
    if height % epoch_length == 0:
        return replace(tally, votes=())
    return tally.after(height, maker, vote)


def choose_vote(
    tally: VoteTally, wishes: Mapping[Address, bool], voter: Address, height: BlockHeight
) -> ValidatorVote | None:
    """Return the vote that a validator puts into its next block; None where nothing is left to say.

    Args:
        tally: After the parent.
        wishes: Who shall be a validator, and who shall not.
        voter: Who makes the block.
        height: Of the block: of several votes each has its turn.
    """
    said = {each.recipient: each.add for each in tally.votes if each.voter == voter}
    due = []
    for recipient, add in sorted(wishes.items()):
        is_member = recipient in tally.validators
        # As in Besu: also to take back what it said before.
        if said.get(recipient) != add and (is_member != add or recipient in said):
            due.append(ValidatorVote(recipient, add))
    castable = [vote for vote in due if _may_be_cast(tally, height, voter, vote)]
    return castable[height % len(castable)] if castable else None


def _may_be_cast(
    tally: VoteTally, height: BlockHeight, voter: Address, vote: ValidatorVote
) -> bool:
    try:
        tally.after(height, voter, vote)
    except VoteRefused:
        return False
    return True


def encode_tally(tally: VoteTally) -> bytes:
    """Return the RLP in which a node keeps a tally."""
    votes = tuple((vote.recipient, vote.voter, encode_uint(int(vote.add))) for vote in tally.votes)
    return encode((tally.validators, votes))


def decode_tally(data: bytes) -> VoteTally:
    """Return the tally that a node kept.

    Raises:
        MalformedMessage: It is none.
    """
    validators, votes = read_fields(
        decode(data, max_bytes=_MAX_TALLY_BYTES, max_items=_MAX_TALLY_BYTES), 2, "tally"
    )
    return VoteTally(
        tuple(read_address(each, "validator") for each in read_list(validators, "validators")),
        tuple(_read_vote(each) for each in read_list(votes, "votes")),
    )


def _read_vote(item: RlpItem) -> CastVote:
    recipient, voter, add = read_fields(item, 3, "vote")
    return CastVote(
        read_address(recipient, "recipient"),
        read_address(voter, "voter"),
        read_uint(add, "add") == 1,
    )
