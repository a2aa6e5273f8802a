"""Votes to thresholds: who voted for what in each round of a height.

Everything is frozen and shares structure: adding a vote copies one tuple and two small
mappings. A validator counts once in ``power`` however many votes it signs; it can count
for two blocks only where a peer claimed the second one's majority, and then the votes are
also reported as an equivocation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Generic, NamedTuple, TypeVar

from chainkit.formats.tendermint.types import (
    ABSENT_SIG,
    NIL_BLOCK_ID,
    BlockId,
    BlockIdFlag,
    Commit,
    CommitSig,
    ValidatorSet,
    Vote,
    VoteType,
)
from chainkit.primitives.limits import MAX_TOTAL_VOTING_POWER
from chainkit.primitives.records import record
from chainkit.primitives.types import Address, BlockHeight, Round, VotingPower
from relay_chain.consensus.messages import SELF, PeerId

VotesT = TypeVar("VotesT")

MAX_CATCHUP_ROUNDS_PER_PEER = 2
"""Rounds beyond the next that one peer may open (CometBFT ``HeightVoteSet``)."""

# Members of an enum are looked up slowly, and every vote asks for these.
_PREVOTE = VoteType.PREVOTE
_PRECOMMIT = VoteType.PRECOMMIT

MAX_MAJORITY_CLAIMS = 256
"""Peers whose majority claims one vote set keeps: more than any node has peers."""


def quorum_of(total_power: int) -> int:
    """Return the smallest power that is strictly more than two thirds of the set.

    Spec:
        arXiv:1807.04938, Algorithm 1, the "2f + 1" of lines 28, 34, 36, 44, 47 and 49.
    """
    assert 0 < total_power <= MAX_TOTAL_VOTING_POWER
    return 2 * total_power // 3 + 1


def is_supermajority(power: int, total_power: int) -> bool:
    """Return whether ``power`` is strictly more than two thirds of the set."""
    assert 0 <= power <= total_power
    return power >= quorum_of(total_power)


def includes_correct(power: int, total_power: int) -> bool:
    """Return whether ``power`` is strictly more than one third: one of them is correct.

    Spec:
        arXiv:1807.04938, Algorithm 1, the "f + 1" of line 55.
    """
    assert 0 <= power <= total_power
    return 3 * power > total_power


@dataclass(frozen=True, slots=True)
class Electorate:
    """Whose votes count: addresses and powers by validator index."""

    addresses: tuple[Address, ...]
    powers: tuple[VotingPower, ...]
    total_power: VotingPower
    quorum: int
    """See :func:`quorum_of`."""

    def index_of(self, address: Address | None) -> int | None:
        """Return a validator's index, or None for a stranger."""
        for index, candidate in enumerate(self.addresses):
            if candidate == address:
                return index
        return None


def electorate_of(validators: ValidatorSet) -> Electorate:
    """Return the electorate of a validator set.

    Raises:
        AssertionError: The set is empty or too powerful: it was never checked.
    """
    powers = tuple([validator.voting_power for validator in validators.validators])
    addresses = tuple([validator.address for validator in validators.validators])
    total = VotingPower(sum(powers))
    return Electorate(addresses, powers, total, quorum_of(total))


class Outcome(Enum):
    """What became of a vote."""

    ADDED = "added"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    """The validator voted for another block before, and this vote does not count."""
    WRONG_INDEX = "wrong index"
    WRONG_ADDRESS = "wrong address"
    WRONG_KIND = "wrong kind"
    UNWANTED_ROUND = "unwanted round"


ADDED = Outcome.ADDED
"""The same member, at the price of a global: looking it up in the enum costs ten times that."""


@record
class BlockVotes:
    """The votes for one block (or nil)."""

    votes: tuple[Vote | None, ...]
    power: int = 0
    is_claimed: bool = False
    """A peer claimed +2/3 for it, so conflicting votes count here too."""


@record
class RoundVotes:
    """The prevotes or the precommits of one round (CometBFT ``VoteSet``)."""

    height: BlockHeight
    round: Round
    type: VoteType
    electorate: Electorate
    votes: tuple[Vote | None, ...]
    """By validator index: the first vote seen, or the one for the majority's block."""
    power: int
    """Power of the distinct validators that voted for anything."""
    by_block: Mapping[BlockId, BlockVotes]
    majority: BlockId | None
    """The first block (or ``NIL_BLOCK_ID``) that gathered +2/3."""
    claims: Mapping[PeerId, BlockId]

    def has_any_supermajority(self) -> bool:
        """Return whether +2/3 voted, for whatever (the ``*`` of lines 34 and 47)."""
        return self.power >= self.electorate.quorum

    def has_all(self) -> bool:
        """Return whether every validator voted."""
        return self.power == self.electorate.total_power

    def bits(self) -> tuple[bool, ...]:
        """Return who voted, by validator index."""
        return tuple(vote is not None for vote in self.votes)

    def bits_for(self, block_id: BlockId) -> tuple[bool, ...]:
        """Return who voted for a block, by validator index."""
        votes = self.by_block.get(block_id)
        if votes is None:
            return (False,) * len(self.votes)
        return tuple(vote is not None for vote in votes.votes)


def new_round_votes(
    height: BlockHeight, round_: Round, type_: VoteType, electorate: Electorate
) -> RoundVotes:
    """Return an empty set of votes."""
    nobody: tuple[Vote | None, ...] = (None,) * len(electorate.powers)
    return RoundVotes(height, round_, type_, electorate, nobody, 0, {}, None, {})


class Addition(NamedTuple, Generic[VotesT]):
    """The votes after an attempt to add one, and what became of it."""

    votes: VotesT
    outcome: Outcome
    conflicting: Vote | None = None
    """An earlier vote of the same validator for another block: an equivocation."""

    reached_quorum: bool = False
    """For the first time +2/3 voted for one block (or nil), or for anything."""


def add_vote(votes: RoundVotes, vote: Vote) -> Addition[RoundVotes]:
    """Add a vote whose signature was checked (CometBFT ``VoteSet.AddVote``).

    A second vote for the same block with another signature is a duplicate: timestamps may
    differ after a restart. Of conflicting votes the first stays, unless the other one is
    for the majority's block.
    """
    index = vote.validator_index
    if not 0 <= index < len(votes.votes):
        return Addition(votes, Outcome.WRONG_INDEX)
    if votes.electorate.addresses[index] != vote.validator_address:
        return Addition(votes, Outcome.WRONG_ADDRESS)
    if vote.height != votes.height or vote.round != votes.round or vote.type != votes.type:
        return Addition(votes, Outcome.WRONG_KIND)
    first = votes.votes[index]
    for_block = votes.by_block.get(vote.block_id)
    if first is not None:
        if first.block_id == vote.block_id or (for_block and for_block.votes[index]):
            return Addition(votes, Outcome.DUPLICATE)
        if for_block is None or not for_block.is_claimed:
            return Addition(votes, Outcome.CONFLICT, first)
    grown, reached_quorum = _counted(votes, vote, for_block)
    return Addition(grown, ADDED, first, reached_quorum)


def _counted(
    votes: RoundVotes, vote: Vote, for_block: BlockVotes | None
) -> tuple[RoundVotes, bool]:
    index, electorate = vote.validator_index, votes.electorate
    weight, quorum = electorate.powers[index], electorate.quorum
    shown, power, majority = votes.votes, votes.power, votes.majority
    if for_block is None:
        is_unanimous = not power
        counted = _with((None,) * len(shown), index, vote)
        after = BlockVotes(counted, weight)
    else:
        # As long as everybody votes for one block, both tuples are one.
        is_unanimous = for_block.votes is shown
        counted = _with(for_block.votes, index, vote)
        after = BlockVotes(counted, for_block.power + weight, for_block.is_claimed)
    if shown[index] is None:
        shown = counted if is_unanimous else _with(shown, index, vote)
        power += weight
    elif majority == vote.block_id:
        shown = _with(shown, index, vote)
    reached_quorum = votes.power < quorum <= power
    if majority is None and after.power >= quorum:
        reached_quorum, majority = True, vote.block_id
        if shown is not counted:
            shown = tuple(winner or other for winner, other in zip(counted, shown, strict=True))
    grown = RoundVotes(
        votes.height,
        votes.round,
        votes.type,
        electorate,
        shown,
        power,
        {**votes.by_block, vote.block_id: after},
        majority,
        votes.claims,
    )
    return grown, reached_quorum


def _with(votes: tuple[Vote | None, ...], index: int, vote: Vote) -> tuple[Vote | None, ...]:
    return (*votes[:index], vote, *votes[index + 1 :])


def claim_majority(votes: RoundVotes, peer_id: PeerId, block_id: BlockId) -> RoundVotes:
    """Let conflicting votes count for a block of which a peer says that it has +2/3.

    Each peer has one claim for each set (CometBFT ``SetPeerMaj23``); a second, different
    one is ignored.
    """
    if peer_id in votes.claims or len(votes.claims) >= MAX_MAJORITY_CLAIMS:
        return votes
    before = votes.by_block.get(block_id) or BlockVotes((None,) * len(votes.votes))
    return replace(
        votes,
        claims={**votes.claims, peer_id: block_id},
        by_block={**votes.by_block, block_id: replace(before, is_claimed=True)},
    )


def to_commit(precommits: RoundVotes) -> Commit:
    """Return the commit of a round that decided a block.

    Raises:
        AssertionError: The round has no +2/3 for a block.
    """
    block_id = precommits.majority
    assert block_id is not None
    assert not block_id.is_nil()
    signatures = tuple(_commit_sig(vote, block_id) for vote in precommits.votes)
    return Commit(precommits.height, precommits.round, block_id, signatures)


def _commit_sig(vote: Vote | None, block_id: BlockId) -> CommitSig:
    if vote is None:
        return ABSENT_SIG
    if vote.block_id == block_id:
        flag = BlockIdFlag.COMMIT
    elif vote.block_id == NIL_BLOCK_ID:
        flag = BlockIdFlag.NIL
    else:
        return ABSENT_SIG
    return CommitSig(flag, vote.validator_address, vote.timestamp, vote.signature)


def from_commit(commit: Commit, electorate: Electorate) -> RoundVotes:
    """Return the precommits that a commit was made of, to gather late ones onto.

    Raises:
        AssertionError: The commit does not fit the set: it was never verified.
    """
    assert len(commit.signatures) == len(electorate.powers)
    votes: list[Vote | None] = [None] * len(electorate.powers)
    chosen: dict[BlockId, list[Vote | None]] = {}
    absent, for_block = BlockIdFlag.ABSENT, BlockIdFlag.COMMIT
    for index, signature in enumerate(commit.signatures):
        flag = signature.block_id_flag
        if flag is absent:
            continue
        block_id = commit.block_id if flag is for_block else NIL_BLOCK_ID
        assert signature.validator_address == electorate.addresses[index]
        vote = Vote(
            _PRECOMMIT,
            commit.height,
            commit.round,
            block_id,
            signature.timestamp,
            signature.validator_address,
            index,
            signature.signature,
        )
        votes[index] = vote
        if block_id not in chosen:
            chosen[block_id] = [None] * len(electorate.powers)
        chosen[block_id][index] = vote
    by_block = {
        block_id: BlockVotes(tuple(its_votes), _power_of(its_votes, electorate))
        for block_id, its_votes in chosen.items()
    }
    assert is_supermajority(by_block[commit.block_id].power, electorate.total_power)
    return RoundVotes(
        commit.height,
        commit.round,
        VoteType.PRECOMMIT,
        electorate,
        tuple(votes),
        _power_of(votes, electorate),
        by_block,
        commit.block_id,
        {},
    )


def _power_of(votes: Sequence[Vote | None], electorate: Electorate) -> int:
    pairs = zip(electorate.powers, votes, strict=True)
    return sum([power for power, vote in pairs if vote is not None])


# --- all rounds of a height -------------------------------------------------------------


@record
class RoundPair:
    """Both vote sets of a round."""

    prevotes: RoundVotes
    precommits: RoundVotes

    def voters_power(self) -> int:
        """Return the power of the validators that cast any vote in the round."""
        powers = self.prevotes.electorate.powers
        return sum(
            power
            for power, prevote, precommit in zip(
                powers, self.prevotes.votes, self.precommits.votes, strict=True
            )
            if prevote is not None or precommit is not None
        )


@record
class HeightVotes:
    """The votes of all rounds of a height (CometBFT ``HeightVoteSet``)."""

    height: BlockHeight
    electorate: Electorate
    round: Round
    """Rounds up to the next after this one are open to every peer."""
    rounds: Mapping[Round, RoundPair]
    catchup: Mapping[PeerId, int]
    """How many later rounds each peer has opened."""

    def prevotes(self, round_: Round) -> RoundVotes | None:
        """Return a round's prevotes, or None where nobody voted yet."""
        pair = self.rounds.get(round_)
        return pair.prevotes if pair else None

    def precommits(self, round_: Round) -> RoundVotes | None:
        """Return a round's precommits, or None where nobody voted yet."""
        pair = self.rounds.get(round_)
        return pair.precommits if pair else None

    def polka(self, round_: Round) -> BlockId | None:
        """Return the block (or nil) that +2/3 prevoted in a round."""
        pair = self.rounds.get(round_)
        return pair.prevotes.majority if pair else None


def new_height_votes(height: BlockHeight, electorate: Electorate) -> HeightVotes:
    """Return a height without votes, in round 0."""
    return HeightVotes(height, electorate, Round(0), {}, {})


def enter_round(votes: HeightVotes, round_: Round) -> HeightVotes:
    """Open a round and the next to every peer (CometBFT ``SetRound``)."""
    assert round_ >= votes.round
    return HeightVotes(votes.height, votes.electorate, round_, votes.rounds, votes.catchup)


def add_height_vote(votes: HeightVotes, vote: Vote, peer_id: PeerId) -> Addition[HeightVotes]:
    """Add a vote of this height; a peer may open two rounds beyond the next.

    The limit keeps a peer from filling the memory with votes of far rounds, and two are
    enough to learn that everybody else is further on.
    """
    pair = votes.rounds.get(vote.round)
    catchup = votes.catchup
    if pair is None:
        if vote.round < 0 or vote.height != votes.height:
            return Addition(votes, Outcome.WRONG_KIND)
        if vote.round > votes.round + 1 and peer_id != SELF:
            opened = catchup.get(peer_id, 0)
            if opened >= MAX_CATCHUP_ROUNDS_PER_PEER:
                return Addition(votes, Outcome.UNWANTED_ROUND)
            catchup = {**catchup, peer_id: opened + 1}
        pair = _new_pair(votes, vote.round)
    prevotes, precommits = pair.prevotes, pair.precommits
    is_prevote = vote.type is _PREVOTE
    addition = add_vote(prevotes if is_prevote else precommits, vote)
    grown, outcome, conflicting, reached_quorum = addition
    if outcome is not ADDED:
        return Addition(votes, outcome, conflicting)
    pair = RoundPair(grown, precommits) if is_prevote else RoundPair(prevotes, grown)
    rounds = {**votes.rounds, vote.round: pair}
    all_votes = HeightVotes(votes.height, votes.electorate, votes.round, rounds, catchup)
    return Addition(all_votes, ADDED, conflicting, reached_quorum)


def claim_height_majority(
    votes: HeightVotes, round_: Round, type_: VoteType, peer_id: PeerId, block_id: BlockId
) -> HeightVotes:
    """Note a peer's claim of +2/3; claims about rounds that are not open are ignored."""
    pair = votes.rounds.get(round_)
    if pair is None:
        if not 0 <= round_ <= votes.round + 1:
            return votes
        pair = _new_pair(votes, round_)
    if type_ is VoteType.PREVOTE:
        claimed = RoundPair(claim_majority(pair.prevotes, peer_id, block_id), pair.precommits)
    else:
        claimed = RoundPair(pair.prevotes, claim_majority(pair.precommits, peer_id, block_id))
    if claimed.prevotes is pair.prevotes and claimed.precommits is pair.precommits:
        return votes
    return replace(votes, rounds={**votes.rounds, round_: claimed})


def _new_pair(votes: HeightVotes, round_: Round) -> RoundPair:
    return RoundPair(
        new_round_votes(votes.height, round_, VoteType.PREVOTE, votes.electorate),
        new_round_votes(votes.height, round_, VoteType.PRECOMMIT, votes.electorate),
    )
