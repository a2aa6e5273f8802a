"""Who decides: quorum, whose turn it is, and how votes change the set.

Spec:
    Besu, ``BftHelpers``, ``BftProposerSelector`` (with the change of proposer each block,
    QBFT's default), ``VoteTally`` and ``VoteTallyUpdater``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from chainkit.formats.ethereum.qbft import ValidatorVote
from chainkit.primitives.types import Address, BlockHeight, Round

DEFAULT_EPOCH_LENGTH = 30_000
"""Besu ``epochlength``: outstanding votes lapse at every block of which it is a divisor."""


def quorum_of(count: int) -> int:
    """Return how many of ``count`` validators decide: two thirds, rounded up."""
    assert count > 0
    return (2 * count + 2) // 3


def weak_quorum_of(count: int) -> int:
    """Return f + 1: among so many validators one is correct."""
    assert count > 0
    return (count - 1) // 3 + 1


def proposer_at(
    validators: tuple[Address, ...], parent_coinbase: Address, round_: Round
) -> Address:
    """Return whose turn a round is.

    The validator after the parent's maker, in ascending order and around the end, proposes
    in round 0; each round it is the next one's turn. A maker that left the set is followed
    by whoever would come after it.
    """
    assert round_ >= 0
    following = sum(address <= parent_coinbase for address in validators)
    return validators[(following + round_) % len(validators)]


@dataclass(frozen=True, slots=True)
class VoteTally:
    """The validators after a block, and the votes that have not yet carried."""

    validators: tuple[Address, ...]
    """Ascending."""
    votes: Mapping[Address, Mapping[Address, bool]] = field(default_factory=dict)
    """By recipient and voter: to add it, or to drop it."""


def tally_block(
    tally: VoteTally,
    height: BlockHeight,
    voter: Address,
    vote: ValidatorVote | None,
    epoch_length: int = DEFAULT_EPOCH_LENGTH,
) -> VoteTally:
    """Return the tally after the block of ``height``, made by ``voter``, with its vote.

    More than half of the set carries a vote. The set never becomes empty: the last
    validator's drop does not count (Besu would stop the chain).
    """
    if height % epoch_length == 0:
        return VoteTally(tally.validators)
    if vote is None:
        return tally
    cast = {**tally.votes.get(vote.recipient, {}), voter: vote.add}
    needed = len(tally.validators) // 2 + 1
    if sum(adds == vote.add for adds in cast.values()) < needed:
        return replace(tally, votes={**tally.votes, vote.recipient: cast})
    members = set(tally.validators) - {vote.recipient} | ({vote.recipient} if vote.add else set())
    if not members:
        return tally
    left = {subject: by for subject, by in tally.votes.items() if subject != vote.recipient}
    if not vote.add:  # Who leaves takes its own votes along.
        left = {
            subject: {who: adds for who, adds in by.items() if who != vote.recipient}
            for subject, by in left.items()
        }
    return VoteTally(tuple(sorted(members)), left)
