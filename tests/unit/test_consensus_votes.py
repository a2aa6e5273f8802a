"""Votes to thresholds: who counts, once, and what a peer may open."""

from dataclasses import replace

import pytest

from chainkit.formats.tendermint.types import NIL_BLOCK_ID, BlockIdFlag, VoteType
from chainkit.primitives.types import Address, Round
from relay_chain.consensus.messages import SELF, PeerId
from relay_chain.consensus.votes import (
    Outcome,
    add_height_vote,
    add_vote,
    claim_majority,
    enter_round,
    from_commit,
    includes_correct,
    is_supermajority,
    new_height_votes,
    new_round_votes,
    to_commit,
)
from tests.unit.consensus_worlds import ELECTORATE, PEER, A, B, vote

PREVOTE, PRECOMMIT = VoteType.PREVOTE, VoteType.PRECOMMIT


def gathered(*votes, type_=PREVOTE):
    result = new_round_votes(1, Round(0), type_, ELECTORATE)
    for one in votes:
        result = add_vote(result, one).votes
    return result


@pytest.mark.parametrize(
    ("power", "total", "quorum", "third"),
    [(2, 3, False, True), (3, 4, True, True), (1, 3, False, False), (2, 4, False, True),
     (1, 4, False, False), (200, 300, False, True), (201, 300, True, True),
     (2 * 10**17, 3 * 10**17, False, True), (2 * 10**17 + 1, 3 * 10**17, True, True)],
)  # fmt: skip
def test_thresholds_are_strict_and_exact(power, total, quorum, third) -> None:
    """
    Exactly two thirds is no quorum, exactly one third proves nobody correct.
    """
    assert is_supermajority(power, total) is quorum
    assert includes_correct(power, total) is third


def test_three_of_four_make_a_majority_and_two_do_not() -> None:
    """
    The majority appears with the vote that crosses two thirds.
    """
    two = gathered(vote(0, PREVOTE, A), vote(1, PREVOTE, A))
    three = add_vote(two, vote(2, PREVOTE, A)).votes

    assert two.majority is None
    assert three.majority == A
    assert three.bits() == three.bits_for(A) == (True, True, True, False)
    assert three.bits_for(B) == (False,) * 4
    assert not three.has_all()


def test_different_blocks_make_a_quorum_of_anything_only() -> None:
    """
    The "*" of L34 counts validators, whatever they voted.
    """
    mixed = gathered(vote(0, PREVOTE, A), vote(1, PREVOTE, B), vote(2, PREVOTE, NIL_BLOCK_ID))

    assert mixed.has_any_supermajority()
    assert mixed.majority is None


@pytest.mark.parametrize(
    ("bad", "outcome"),
    [
        (replace(vote(0, PREVOTE, A), validator_index=4), Outcome.WRONG_INDEX),
        (replace(vote(0, PREVOTE, A), validator_index=-1), Outcome.WRONG_INDEX),
        (replace(vote(0, PREVOTE, A), validator_address=Address(b"x" * 20)), Outcome.WRONG_ADDRESS),
        (vote(0, PRECOMMIT, A), Outcome.WRONG_KIND),
        (vote(0, PREVOTE, A, 1), Outcome.WRONG_KIND),
        (vote(0, PREVOTE, A, height=2), Outcome.WRONG_KIND),
        (replace(vote(1, PREVOTE, A), signature=b"again"), Outcome.DUPLICATE),
        (vote(1, PREVOTE, B), Outcome.CONFLICT),
    ],
)
def test_votes_that_do_not_count(bad, outcome) -> None:
    """
    Strangers, other rounds, repetitions and second thoughts change nothing.
    """
    before = gathered(vote(1, PREVOTE, A))
    addition = add_vote(before, bad)

    assert addition.outcome is outcome
    assert addition.votes is before
    assert (addition.conflicting is not None) is (outcome is Outcome.CONFLICT)


def test_a_claimed_majority_lets_the_second_vote_of_an_equivocator_count() -> None:
    """
    Otherwise the node that saw the first vote could never follow the others' majority.
    """
    votes = gathered(vote(0, PREVOTE, A))
    votes = claim_majority(votes, PEER, B)
    addition = add_vote(votes, vote(0, PREVOTE, B))

    assert addition.outcome is Outcome.ADDED
    assert addition.conflicting == vote(0, PREVOTE, A)
    votes = addition.votes
    for index in (1, 2):
        votes = add_vote(votes, vote(index, PREVOTE, B)).votes
    assert votes.majority == B
    assert votes.power == 30
    assert votes.votes[0] == vote(0, PREVOTE, B)
    assert add_vote(votes, vote(0, PREVOTE, A)).outcome is Outcome.DUPLICATE


def test_a_peer_has_one_claim() -> None:
    """
    A second claim would let one peer grow the set for ever.
    """
    votes = claim_majority(gathered(), PEER, A)

    assert claim_majority(votes, PEER, B) is votes


def test_a_peer_opens_two_rounds_beyond_the_next() -> None:
    """
    CometBFT's catch-up limit: per peer, and none for ourselves or for rounds already open.
    """
    votes = new_height_votes(1, ELECTORATE)
    outcomes = []
    for round_ in (1, 5, 9, 13):
        addition = add_height_vote(votes, vote(0, PREVOTE, A, round_), PEER)
        votes = addition.votes
        outcomes.append(addition.outcome)
    other = add_height_vote(votes, vote(0, PREVOTE, A, 13), PeerId("other"))

    assert outcomes == [Outcome.ADDED] * 3 + [Outcome.UNWANTED_ROUND]
    assert other.outcome is Outcome.ADDED
    assert add_height_vote(other.votes, vote(1, PREVOTE, A, 13), PEER).outcome is Outcome.ADDED
    assert add_height_vote(votes, vote(0, PREVOTE, A, 77), SELF).outcome is Outcome.ADDED
    further = enter_round(votes, Round(12))
    assert add_height_vote(further, vote(0, PREVOTE, A, 13), PEER).outcome is Outcome.ADDED
    assert add_height_vote(votes, vote(0, PREVOTE, A, -1), PEER).outcome is Outcome.WRONG_KIND


def test_a_commit_and_its_votes_are_one_thing() -> None:
    """
    from_commit(to_commit(votes)) counts the same; votes for other blocks are absent.
    """
    votes = gathered(
        vote(0, PRECOMMIT, A), vote(1, PRECOMMIT, A), vote(3, PRECOMMIT, NIL_BLOCK_ID),
        vote(2, PRECOMMIT, A), type_=PRECOMMIT,
    )  # fmt: skip
    commit = to_commit(votes)
    flags = [signature.block_id_flag for signature in commit.signatures]

    assert flags == [BlockIdFlag.COMMIT] * 3 + [BlockIdFlag.NIL]
    assert from_commit(commit, ELECTORATE) == votes


def test_no_commit_without_a_majority() -> None:
    """
    Two thirds of nothing, or nil, decide no block.
    """
    with pytest.raises(AssertionError):
        to_commit(gathered(vote(0, PRECOMMIT, A), type_=PRECOMMIT))
    nil = gathered(*(vote(i, PRECOMMIT, NIL_BLOCK_ID) for i in range(3)), type_=PRECOMMIT)
    with pytest.raises(AssertionError):
        to_commit(nil)
