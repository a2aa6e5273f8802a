"""Algorithm 1 of arXiv:1807.04938, each line accepting and refusing."""

from dataclasses import replace

import pytest

from chainkit.formats.tendermint.types import NIL_BLOCK_ID, BlockId
from chainkit.primitives.types import Round
from relay_chain.consensus.lock_rule import KEEP_LOCK, Lock, Offer
from relay_chain.consensus.messages import NO_ROUND, Step
from relay_chain.consensus.round import (
    INITIAL,
    BlockPolka,
    CastPrecommit,
    CastPrevote,
    Enter,
    GoTo,
    LaterRoundSeen,
    NilPolka,
    OfferBlock,
    PolkaSeen,
    PrecommitQuorum,
    PrevoteQuorum,
    ProposalSeen,
    Propose,
    RoundEvent,
    RoundState,
    TimedOut,
    Wait,
    step_round,
)

A, B = BlockId(b"A" * 32), BlockId(b"B" * 32)
FREE = RoundState(Round(2), Step.PROPOSE)
LOCKED = replace(FREE, lock=Lock(A, Round(1)), valid_block_id=A, valid_round=Round(1))
VOTED = replace(FREE, step=Step.PREVOTE)
VOTED_LOCKED = replace(LOCKED, step=Step.PREVOTE)
COMMITTED = replace(FREE, step=Step.PRECOMMIT)


def run(state: RoundState, event: RoundEvent):
    return step_round(state, event, KEEP_LOCK)


def offer(block_id: BlockId, pol_round: int = -1, *, valid: bool = True) -> ProposalSeen:
    return ProposalSeen(Round(2), Offer(block_id, valid, Round(pol_round)))


def test_l11_starting_a_round_keeps_the_lock_and_the_valid_block() -> None:
    """
    L12, L13: only round and step change, and the marks of "first time" are new.
    """
    marked = replace(LOCKED, polka_was_seen=True, prevote_wait=True, precommit_wait=True)
    state, outputs = run(marked, Enter(Round(3), waits_for_txs=False))

    assert outputs == ()
    assert state == replace(LOCKED, round=Round(3), step=Step.NEW_ROUND)


def test_l11_a_round_is_never_started_again() -> None:
    """
    Going back would let the node vote twice.
    """
    with pytest.raises(AssertionError):
        run(FREE, Enter(Round(2), waits_for_txs=False))
    assert run(INITIAL, Enter(Round(0), waits_for_txs=False))[0].step is Step.NEW_ROUND


@pytest.mark.parametrize(
    ("state", "proposer", "outputs"),
    [
        (FREE, True, (OfferBlock(None, NO_ROUND), Wait(Step.PROPOSE))),  # L18, L19
        (LOCKED, True, (OfferBlock(A, Round(1)), Wait(Step.PROPOSE))),  # L16, L19
        (LOCKED, False, (Wait(Step.PROPOSE),)),  # L21
    ],
)
def test_l14_to_l21_the_proposer_offers_its_valid_block(state, proposer, outputs) -> None:
    """
    The proposer offers its valid block with its round, or a new one; everybody waits.
    """
    before = replace(state, step=Step.NEW_ROUND)

    assert run(before, Propose(proposer)) == (state, outputs)
    assert run(state, Propose(proposer)) == (state, ())


@pytest.mark.parametrize(
    ("state", "seen", "vote"),
    [
        (FREE, offer(B), B),  # L23, lockedRound = -1
        (FREE, offer(B, valid=False), NIL_BLOCK_ID),  # L26
        (LOCKED, offer(A), A),  # L23, lockedValue = v
        (LOCKED, offer(B), A),  # L26, with the locked block instead of nil
        (LOCKED, offer(B, valid=False), A),
        (FREE, offer(B, 0), B),  # L29, lockedRound = -1
        (LOCKED, offer(B, 1), B),  # L29, lockedRound <= vr
        (LOCKED, offer(B, 0), A),  # L32: the proof is older than the lock
        (LOCKED, offer(B, 1, valid=False), A),
        (LOCKED, offer(A, 0), A),  # L29, lockedValue = v
    ],
)
def test_l22_and_l28_the_prevote(state, seen, vote) -> None:
    """
    A free node prevotes what is valid; a locked one leaves its block by a later proof only, and
    never prevotes nil.
    """
    assert run(state, seen) == (replace(state, step=Step.PREVOTE), (CastPrevote(vote),))


@pytest.mark.parametrize(
    ("state", "seen"),
    [
        (VOTED, offer(B)),  # "while step = propose"
        (COMMITTED, offer(B)),
        (FREE, ProposalSeen(Round(1), Offer(B, True, NO_ROUND))),
        (FREE, ProposalSeen(Round(3), Offer(B, True, NO_ROUND))),
        (FREE, offer(B, 2)),  # "vr < round"
        (FREE, offer(B, -2)),
        (replace(FREE, step=Step.NEW_HEIGHT), offer(B)),
    ],
)
def test_l22_and_l28_refuse(state, seen) -> None:
    """
    A second prevote, another round's proposal and an impossible proof do nothing.
    """
    assert run(state, seen) == (state, ())


def test_l34_waits_once_for_more_prevotes() -> None:
    """
    L35 is scheduled for the first quorum, in the step prevote, of this round.
    """
    waiting = replace(VOTED, prevote_wait=True)

    assert run(VOTED, PrevoteQuorum(Round(2))) == (waiting, (Wait(Step.PREVOTE_WAIT),))
    for state, round_ in [(waiting, 2), (FREE, 2), (COMMITTED, 2), (VOTED, 1), (VOTED, 3)]:
        assert run(state, PrevoteQuorum(Round(round_))) == (state, ())


def test_l36_locks_and_precommits_on_a_polka() -> None:
    """
    L38 to L43: lock, precommit and valid block; an older lock on another block is replaced.
    """
    for state in (VOTED, VOTED_LOCKED):
        after, outputs = run(state, BlockPolka(Round(2), B, is_valid=True))

        assert outputs == (CastPrecommit(B),)
        assert after.lock == Lock(B, Round(2))
        assert (after.valid_block_id, after.valid_round) == (B, 2)
        assert after.step is Step.PRECOMMIT


def test_l42_a_late_polka_changes_the_valid_block_only() -> None:
    """
    After the precommit, a polka neither locks nor votes.
    """
    state = replace(VOTED_LOCKED, step=Step.PRECOMMIT)
    after, outputs = run(state, BlockPolka(Round(2), B, is_valid=True))

    assert outputs == ()
    assert after.lock == Lock(A, Round(1))
    assert (after.valid_block_id, after.valid_round) == (B, 2)


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (FREE, BlockPolka(Round(2), B, True)),  # step >= prevote
        (VOTED, BlockPolka(Round(2), B, False)),  # valid(v)
        (VOTED, BlockPolka(Round(1), B, True)),
        (replace(VOTED, polka_was_seen=True), BlockPolka(Round(2), B, True)),  # first time
    ],
)
def test_l36_refuses(state, event) -> None:
    """
    Too early, invalid, of another round, or for the second time.
    """
    assert run(state, event) == (state, ())


def test_l44_precommits_nil_and_keeps_the_lock() -> None:
    """
    A nil polka opens no lock of ours.
    """
    after, outputs = run(VOTED_LOCKED, NilPolka(Round(2)))

    assert outputs == (CastPrecommit(NIL_BLOCK_ID),)
    assert after == replace(VOTED_LOCKED, step=Step.PRECOMMIT)
    assert run(VOTED_LOCKED, PolkaSeen(Round(2), NIL_BLOCK_ID)) == (VOTED_LOCKED, ())
    for state, round_ in [(FREE, 2), (COMMITTED, 2), (VOTED, 1)]:
        assert run(state, NilPolka(Round(round_))) == (state, ())


def test_l47_waits_once_for_more_precommits_in_any_step() -> None:
    """
    L48 is scheduled for the first quorum, whatever the step.
    """
    for state in (FREE, VOTED, COMMITTED):
        waiting = replace(state, precommit_wait=True)

        assert run(state, PrecommitQuorum(Round(2))) == (waiting, (Wait(Step.PRECOMMIT_WAIT),))
        assert run(waiting, PrecommitQuorum(Round(2))) == (waiting, ())
        assert run(state, PrecommitQuorum(Round(1))) == (state, ())


def test_l55_skips_to_a_later_round_only() -> None:
    """
    "with round > round_p".
    """
    assert run(FREE, LaterRoundSeen(Round(5))) == (FREE, (GoTo(Round(5)),))
    assert run(FREE, LaterRoundSeen(Round(2))) == (FREE, ())
    assert run(FREE, LaterRoundSeen(Round(1))) == (FREE, ())


@pytest.mark.parametrize(("state", "vote"), [(FREE, NIL_BLOCK_ID), (LOCKED, A)])
def test_l57_the_proposal_did_not_come(state, vote) -> None:
    """
    L59: nil, or the locked block where there is one.
    """
    voted = replace(state, step=Step.PREVOTE)

    assert run(state, TimedOut(Round(2), Step.PROPOSE)) == (voted, (CastPrevote(vote),))
    assert run(voted, TimedOut(Round(2), Step.PROPOSE)) == (voted, ())
    assert run(state, TimedOut(Round(1), Step.PROPOSE)) == (state, ())


def test_l61_the_prevotes_did_not_agree() -> None:
    """
    L63: precommit nil, the lock stays.
    """
    done = replace(VOTED_LOCKED, step=Step.PRECOMMIT)
    nil = (CastPrecommit(NIL_BLOCK_ID),)

    assert run(VOTED_LOCKED, TimedOut(Round(2), Step.PREVOTE_WAIT)) == (done, nil)
    assert run(done, TimedOut(Round(2), Step.PREVOTE_WAIT)) == (done, ())
    assert run(FREE, TimedOut(Round(2), Step.PREVOTE_WAIT)) == (FREE, ())
    assert run(VOTED, TimedOut(Round(1), Step.PREVOTE_WAIT)) == (VOTED, ())


def test_l65_the_precommits_did_not_agree() -> None:
    """
    L67: the next round.
    """
    waiting = replace(COMMITTED, precommit_wait=True)

    assert run(waiting, TimedOut(Round(2), Step.PRECOMMIT_WAIT)) == (waiting, (GoTo(Round(3)),))
    assert run(waiting, TimedOut(Round(1), Step.PRECOMMIT_WAIT)) == (waiting, ())
    assert run(COMMITTED, TimedOut(Round(2), Step.PRECOMMIT_WAIT)) == (COMMITTED, ())
