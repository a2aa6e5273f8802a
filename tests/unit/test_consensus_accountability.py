"""Who is named for a fork, and that no correct validator ever is."""

from dataclasses import replace

import pytest

from chainkit.formats.tendermint.types import ABSENT_SIG, NIL_BLOCK_ID, VoteType
from chainkit.primitives.types import Round
from relay_chain.consensus.accountability import (
    Crime,
    ForkKind,
    attribute_fork,
    classify_fork,
    judge_logs,
)
from relay_chain.consensus.votes import add_vote, new_round_votes, to_commit
from tests.unit.consensus_worlds import ELECTORATE, A, B, vote

PREVOTE, PRECOMMIT = VoteType.PREVOTE, VoteType.PRECOMMIT


def commit_of(voters, block_id, round_=0):
    votes = new_round_votes(1, Round(round_), PRECOMMIT, ELECTORATE)
    for index in voters:
        votes = add_vote(votes, vote(index, PRECOMMIT, block_id, round_)).votes
    return to_commit(votes)


def crimes(votes):
    return {(v.validator_index, v.crime) for v in judge_logs(votes, ELECTORATE)}


def polka(block_id, round_, voters):
    return [vote(index, PREVOTE, block_id, round_) for index in voters]


def test_one_round_names_who_signed_both() -> None:
    """
    The intersection, not the union.
    """
    fork = classify_fork(commit_of((0, 1, 2), A), commit_of((1, 2, 3), B))

    assert fork.kind is ForkKind.EQUIVOCATION
    assert fork.guilty == (1, 2)


def test_two_rounds_are_amnesia_and_name_nobody() -> None:
    """
    Two commits do not attribute it.
    """
    fork = classify_fork(commit_of((0, 1, 2), A), commit_of((1, 2, 3), B, 1))

    assert fork.kind is ForkKind.AMNESIA
    assert fork.guilty == ()


def test_what_is_no_fork_is_refused() -> None:
    """
    One block, or sets of different size.
    """
    a, b = commit_of((0, 1, 2), A), commit_of((1, 2, 3), B)
    with pytest.raises(AssertionError):
        classify_fork(a, commit_of((1, 2, 3), A, 1))
    with pytest.raises(AssertionError):
        classify_fork(a, replace(b, signatures=(*b.signatures, ABSENT_SIG)))


def test_leaving_a_lock_without_a_proof_is_named() -> None:
    """
    Precommit A in round 0, prevote B in round 1, no polka in between.
    """
    votes = [*polka(A, 0, (0, 1, 2)), vote(0, PRECOMMIT, A), vote(0, PREVOTE, B, 1)]

    assert crimes(votes) == {(0, Crime.LEFT_LOCK)}
    assert crimes([*votes[:-1], vote(0, PREVOTE, NIL_BLOCK_ID, 1)]) == {(0, Crime.LEFT_LOCK)}
    assert crimes([*votes[:-1], vote(0, PREVOTE, A, 1)]) == set()


@pytest.mark.parametrize("excuse", [B, NIL_BLOCK_ID])
def test_a_polka_in_between_excuses(excuse) -> None:
    """
    For the new block (L29), or for anything else (CometBFT 0.38's unlock).
    """
    votes = [*polka(A, 0, (0, 1, 2)), vote(0, PRECOMMIT, A), *polka(excuse, 1, (1, 2, 3))]

    assert crimes([*votes, vote(0, PREVOTE, B, 2)]) == set()
    assert crimes([*votes, vote(0, PREVOTE, B, 1)]) == set()


def test_a_polka_that_needs_the_accused_does_not_excuse_it() -> None:
    """
    Otherwise the guilty would excuse each other.
    """
    votes = [*polka(A, 0, (0, 1, 2)), vote(0, PRECOMMIT, A), vote(1, PRECOMMIT, A)]

    assert crimes([*votes, *polka(B, 1, (0, 1, 3))]) == {
        (0, Crime.LEFT_LOCK),
        (1, Crime.LEFT_LOCK),
    }


def test_an_unfounded_precommit_is_named() -> None:
    """
    L36: nobody correct precommits what +2/3 did not prevote.
    """
    votes = [*polka(A, 0, (0, 1)), vote(0, PRECOMMIT, A)]

    assert crimes(votes) == {(0, Crime.NO_POLKA)}


def test_two_votes_are_named() -> None:
    """
    Equivocation from the logs, prevotes and precommits alike.
    """
    votes = [vote(3, PREVOTE, A), vote(3, PREVOTE, B)]

    assert crimes(votes) == {(3, Crime.EQUIVOCATION)}
    assert crimes(votes[:1] * 2) == set()


def amnesia(voters_of_b):
    """Votes of a fork: 0, 1 and 2 decide A in round 0, the given ones B in round 1."""
    return [
        *polka(A, 0, (0, 1, 2)),
        *(vote(index, PRECOMMIT, A, 0) for index in (0, 1, 2)),
        *polka(B, 1, voters_of_b),
        *(vote(index, PRECOMMIT, B, 1) for index in voters_of_b),
    ]


def test_an_amnesia_fork_names_who_left_the_decision() -> None:
    """
    Without a vote to spare nobody of them can be a latecomer, by either rule.
    """
    votes = amnesia((1, 2, 3))
    for mixed in (False, True):
        proof = attribute_fork(
            commit_of((0, 1, 2), A), commit_of((1, 2, 3), B, 1), votes, ELECTORATE, mixed=mixed
        )

        assert proof.kind is ForkKind.AMNESIA
        assert proof.guilty == (1, 2)
        assert proof.suspects == (1, 2)


def test_with_votes_to_spare_cometbft_nodes_leave_a_group_of_suspects() -> None:
    """
    All four made the polka: one of the three may have come after it, so two of them are guilty
    whoever they are. Among nodes of our rule none has that excuse.
    """
    commits = (commit_of((0, 1, 2), A), commit_of((1, 2, 3), B, 1))
    votes = amnesia((0, 1, 2, 3))
    mixed = attribute_fork(*commits, votes, ELECTORATE)
    ours = attribute_fork(*commits, votes, ELECTORATE, mixed=False)

    assert mixed.guilty == ()
    assert mixed.suspects == (0, 1, 2)
    assert mixed.guilty_power_among_suspects == 3 * 10 - (4 * 10 - ELECTORATE.quorum)
    assert 3 * mixed.guilty_power_among_suspects > ELECTORATE.total_power
    assert ours.guilty == (0, 1, 2)


def test_a_commit_that_no_polka_founds_names_its_signers() -> None:
    """
    A precommit needs a polka of its round, so all who signed without one are guilty.
    """
    votes = [*amnesia(()), *(vote(index, PRECOMMIT, B, 1) for index in (1, 2, 3))]
    proof = attribute_fork(commit_of((0, 1, 2), A), commit_of((1, 2, 3), B, 1), votes, ELECTORATE)

    assert proof.guilty == (1, 2, 3)
    assert proof.suspects == ()


def test_one_round_needs_no_logs() -> None:
    """
    The commits prove it.
    """
    proof = attribute_fork(commit_of((0, 1, 2), A), commit_of((1, 2, 3), B), (), ELECTORATE)

    assert proof.kind is ForkKind.EQUIVOCATION
    assert proof.guilty == (1, 2)
