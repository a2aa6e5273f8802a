"""Quorums, turns and votes, as Besu has them."""

import pytest

from chainkit.formats.ethereum.qbft import ValidatorVote
from chainkit.primitives.types import Address, BlockHeight, Round
from parachains.account.consensus.validators import (
    VoteTally,
    proposer_at,
    quorum_of,
    tally_block,
    weak_quorum_of,
)

A, B, C, D = (Address(bytes([n]) * 20) for n in (2, 4, 6, 8))
NEW = Address(bytes([5]) * 20)
SET = (A, B, C, D)


def test_quorums_are_two_thirds_rounded_up_and_a_third_plus_one() -> None:
    """
    Besu's ``BftHelpers``; two quorums always have a correct validator in common.
    """
    assert [quorum_of(n) for n in range(1, 11)] == [1, 2, 2, 3, 4, 4, 5, 6, 6, 7]
    assert [weak_quorum_of(n) for n in range(1, 11)] == [1, 1, 1, 2, 2, 2, 3, 3, 3, 4]
    for count in range(1, 100):
        faulty = (count - 1) // 3
        assert 2 * quorum_of(count) - count > faulty
        assert weak_quorum_of(count) > faulty
        assert quorum_of(count) <= count - faulty


@pytest.mark.parametrize(
    ("parent", "round_", "expected"),
    [
        (A, 0, B),
        (D, 0, A),
        (D, 1, B),
        (C, 5, A),
        (Address(bytes(20)), 0, A),
        (Address(bytes(20)), 2, C),
        (Address(bytes([5]) * 20), 0, C),
        (Address(bytes([5]) * 20), 1, D),
        (Address(bytes([9]) * 20), 0, A),
        (Address(bytes([9]) * 20), 4, A),
    ],
)
def test_the_turn_goes_around_from_the_parents_maker(
    parent: Address, round_: int, expected: Address
) -> None:
    """
    ``BftProposerSelector``: the next after the maker, one further each round; a maker that left
    is followed by whoever would come after it.
    """
    assert proposer_at(SET, parent, Round(round_)) == expected


def votes(tally: VoteTally, *cast: tuple[Address, Address, bool], first: int = 1) -> VoteTally:
    for number, (voter, recipient, add) in enumerate(cast, first):
        tally = tally_block(tally, BlockHeight(number), voter, ValidatorVote(recipient, add))
    return tally


def test_more_than_half_of_the_set_adds_and_drops() -> None:
    """
    Three of four; two are not enough, and one voter counts once.
    """
    tally = votes(VoteTally(SET), (A, NEW, True), (B, NEW, True), (A, NEW, True))
    assert tally.validators == SET
    tally = votes(tally, (C, NEW, True), first=4)
    assert tally == VoteTally((A, B, NEW, C, D))

    tally = votes(VoteTally(SET), (A, D, False), (B, D, False), (C, D, False))
    assert tally.validators == (A, B, C)


def test_a_vote_may_be_taken_back_and_lapses_at_an_epoch() -> None:
    """
    The last vote of a validator about a recipient counts; an epoch's block clears all and casts none.
    """
    tally = votes(VoteTally(SET), (A, NEW, True), (B, NEW, True), (A, NEW, False), (C, NEW, True))
    assert tally.validators == SET
    assert tally_block(tally, BlockHeight(100), A, ValidatorVote(NEW, True), 100) == VoteTally(SET)


def test_who_leaves_takes_its_votes_along() -> None:
    """
    Two votes of members, one of whom is dropped, are one vote.
    """
    tally = votes(VoteTally(SET), (D, NEW, True), (A, NEW, True))
    tally = votes(tally, (A, D, False), (B, D, False), (C, D, False), first=3)
    tally = votes(tally, (B, NEW, True), first=6)
    assert tally.validators == (A, B, NEW, C)  # Two of three are more than half.
    assert tally.votes == {}


def test_the_last_validator_stays() -> None:
    """
    An empty set could never be changed again.
    """
    alone = VoteTally((A,))
    assert votes(alone, (A, A, False)).validators == (A,)


def test_a_block_without_a_vote_changes_nothing() -> None:
    """
    Outstanding votes stay as they are.
    """
    tally = votes(VoteTally(SET), (A, NEW, True))
    assert tally_block(tally, BlockHeight(2), B, None) is tally
