"""The heights driver: order of effects, thresholds to votes, replay, late precommits."""

from dataclasses import replace

import pytest

from chainkit.formats.tendermint.types import NIL_BLOCK_ID, BlockIdFlag, VoteType
from relay_chain.consensus.machine import new_machine, proposer_at, step, validators_for
from relay_chain.consensus.messages import (
    SELF,
    AppendToWal,
    BlockBuilt,
    BroadcastProposal,
    BroadcastVote,
    Decide,
    FetchBlock,
    Halt,
    MajorityClaimed,
    MakeProposal,
    ProposalReceived,
    ReportEquivocation,
    ScheduleTimeout,
    SignProposal,
    SignVote,
    StartHeight,
    Step,
    Timeouts,
    TxsAvailable,
    VoteReceived,
)
from relay_chain.consensus.replay import restart
from tests.unit.consensus_worlds import (
    BLOCK_A,
    BLOCK_B,
    ELECTORATE,
    OTHERS,
    PEER,
    PROPOSER,
    START,
    VALIDATORS,
    A,
    B,
    fired,
    machine,
    precommit,
    prevote,
    proposal,
    received,
    vote,
)

ME = OTHERS[0]
PREVOTE, PRECOMMIT = VoteType.PREVOTE, VoteType.PRECOMMIT
FOR_A = (proposal(A), received(A, BLOCK_A))


def polka(block_id, round_=0, voters=(0, 1, 2)):
    return [prevote(index, block_id, round_) for index in voters]


def signed(made, type_):
    return [e.vote.block_id for e in made.of(SignVote) if e.vote.type is type_]


def test_a_vote_is_logged_and_synced_before_it_is_signed() -> None:
    """
    AppendToWal (synced) comes before Sign in every step, and Broadcast only after the signature
    came back and was synced too.
    """
    made = machine(ME)
    effects = made.feed(*FOR_A)
    sign = next(e for e in effects if isinstance(e, SignVote))
    log = effects[effects.index(sign) - 1]

    assert log == AppendToWal(FOR_A[1], True)
    assert not made.of(BroadcastVote)
    back = VoteReceived(replace(sign.vote, signature=b"mine"), SELF)
    effects = made.feed(back)
    assert effects[:2] == [AppendToWal(back, True), BroadcastVote(back.vote)]
    assert made.feed(back) == []


def test_every_sign_effect_follows_a_synced_entry_of_its_own_step() -> None:
    """
    The law holds for proposals, prevotes and precommits, whatever led to them.
    """
    made = machine(PROPOSER)
    inputs = [BlockBuilt(1, 0, A, BLOCK_A), proposal(A), *polka(A), fired(Step.PRECOMMIT_WAIT)]
    for input_ in inputs:
        effects = made.feed(input_)
        signs = [e for e in effects if isinstance(e, SignVote | SignProposal)]
        if signs:
            assert effects[0] == AppendToWal(input_, True)
    assert made.of(SignProposal)
    assert len(made.of(SignVote)) == 2


def test_peers_votes_are_logged_without_a_sync() -> None:
    """
    Losing them is as if they never came; only what leads to a signature must stay.
    """
    made = machine(ME)

    assert made.feed(prevote(OTHERS[1], A))[0] == AppendToWal(prevote(OTHERS[1], A), False)


def test_the_proposer_builds_signs_and_sends() -> None:
    """
    MakeProposal -> BlockBuilt -> SignProposal -> BroadcastProposal with the block.
    """
    made = machine(PROPOSER)

    assert made.of(MakeProposal) == [MakeProposal(1, 0, None)]
    effects = made.feed(BlockBuilt(1, 0, A, BLOCK_A))
    offered = next(e for e in effects if isinstance(e, SignProposal)).proposal
    assert (offered.block_id, offered.pol_round) == (A, -1)
    effects = made.feed(ProposalReceived(replace(offered, signature=b"mine"), SELF))
    sent = next(e for e in effects if isinstance(e, BroadcastProposal))
    assert sent.block == BLOCK_A
    assert signed(made, PREVOTE) == [A]


def test_a_height_from_proposal_to_decision() -> None:
    """
    Prevote, polka, precommit, commit: the decision carries the block and its precommits.
    """
    made = machine(ME)
    made.feed(*FOR_A, *polka(A))

    assert signed(made, PREVOTE) == signed(made, PRECOMMIT) == [A]
    effects = made.feed(*(precommit(index, A) for index in range(3)))
    decide = effects[-2] if not isinstance(effects[-1], Decide) else effects[-1]
    assert isinstance(decide, Decide)
    assert (decide.height, decide.round, decide.block_id, decide.block) == (1, 0, A, BLOCK_A)
    flags = [signature.block_id_flag for signature in decide.commit.signatures]
    assert flags == [BlockIdFlag.COMMIT] * 3 + [BlockIdFlag.ABSENT]
    assert made.feed(precommit(3, A)) == []


def test_a_commit_of_an_unknown_block_fetches_it_and_waits() -> None:
    """
    L49 needs the block; meanwhile the node votes no more.
    """
    made = machine(ME)
    made.feed(*(precommit(index, A, 4) for index in range(3)))

    assert made.of(FetchBlock) == [FetchBlock(1, 4, A)]
    assert made.state.step is Step.COMMIT
    assert made.feed(fired(Step.PROPOSE), proposal(B)) == []
    made.feed(received(A, BLOCK_A))
    assert [d.round for d in made.of(Decide)] == [4]


def test_a_commit_of_an_invalid_block_halts() -> None:
    """
    Two thirds find valid what this node finds invalid: nothing it can do is right.
    """
    made = machine(ME)
    made.feed(*(precommit(index, A) for index in range(3)), received(A, BLOCK_A, valid=False))

    assert made.of(Halt) == [Halt(1, A)]
    assert not made.of(Decide)


def test_an_invalid_proposal_gets_nil() -> None:
    """
    L26.
    """
    made = machine(ME)
    made.feed(proposal(A), received(A, BLOCK_A, valid=False))

    assert signed(made, PREVOTE) == [NIL_BLOCK_ID]


def locked_on_a(own=ME):
    """Return a machine in round 1 that locked A in round 0."""
    made = machine(own)
    made.feed(*FOR_A, *polka(A))
    made.feed(*(precommit(i, NIL_BLOCK_ID) for i in range(3)), fired(Step.PRECOMMIT_WAIT))
    assert (made.state.round, made.state.rounds.lock.block_id) == (1, A)
    return made


def test_a_locked_node_prevotes_its_block_and_survives_a_nil_polka() -> None:
    """
    The lock rule: never nil while locked, and a nil polka opens nothing.
    """
    made = locked_on_a()
    made.feed(proposal(B, 1), received(B, BLOCK_B), *polka(NIL_BLOCK_ID, 1))

    assert signed(made, PREVOTE) == [A, A]
    assert signed(made, PRECOMMIT) == [A, NIL_BLOCK_ID]
    assert made.state.rounds.lock.block_id == A


def test_a_proof_of_lock_is_needed_to_leave_the_lock() -> None:
    """
    L28: the proposal names a round, and its polka must be here before the prevote.
    """
    made = locked_on_a()
    made.feed(*(prevote(i, NIL_BLOCK_ID, 1) for i in OTHERS[1:]), fired(Step.PROPOSE, 1))
    made.feed(*polka(B, 1), *(precommit(i, NIL_BLOCK_ID, 1) for i in range(3)))
    made.feed(fired(Step.PREVOTE_WAIT, 1), fired(Step.PRECOMMIT_WAIT, 1))
    assert made.state.round == 2
    made.feed(proposal(B, 2, pol_round=1), received(B, BLOCK_B))

    # The two that prevoted nil first cannot be in the polka, so it is not complete.
    assert made.state.step is Step.PROPOSE
    for index in OTHERS[1:]:
        made.feed(MajorityClaimed(1, 1, PREVOTE, B, PEER), prevote(index, B, 1))
    assert signed(made, PREVOTE)[-1] == B


def test_the_proposer_of_a_later_round_offers_its_valid_block_with_the_proof() -> None:
    """
    L16: no new block while there is a valid one.
    """
    follower = machine(None)
    follower.feed(*FOR_A, *polka(A), *(precommit(i, NIL_BLOCK_ID) for i in range(3)))
    next_proposer = ELECTORATE.index_of(proposer_at(follower.state, 1).address)
    made = locked_on_a(next_proposer)
    offers = [e.proposal for e in made.of(SignProposal) if e.proposal.round == 1]

    assert [(p.block_id, p.pol_round) for p in offers] == [(A, 0)]


def test_more_than_a_third_in_a_later_round_takes_us_there() -> None:
    """
    L55: one of four is not enough, two are.
    """
    made = machine(ME)
    made.feed(prevote(OTHERS[1], A, 3))
    assert made.state.round == 0

    made.feed(precommit(OTHERS[2], A, 3))
    assert made.state.round == 3
    assert made.state.step is Step.PROPOSE


def test_timeouts_grow_with_the_round() -> None:
    """
    CometBFT's defaults: 3 s + 0.5 s a round to propose, 1 s + 0.5 s for votes.
    """
    durations = Timeouts()

    assert durations.duration(Step.PROPOSE, 2) == 4_000_000_000
    assert durations.duration(Step.PREVOTE_WAIT, 0) == 1_000_000_000
    assert durations.duration(Step.PRECOMMIT_WAIT, 4) == 3_000_000_000
    with pytest.raises(AssertionError):
        durations.duration(Step.COMMIT, 0)


def test_equivocation_is_reported_once_and_never_our_own() -> None:
    """
    Both votes go to the evidence pool; nobody accuses itself.
    """
    made = machine(ME)
    other = OTHERS[1]
    made.feed(prevote(other, A), prevote(other, B), prevote(other, NIL_BLOCK_ID))

    both = [(e.vote_a.block_id, e.vote_b.block_id) for e in made.of(ReportEquivocation)]
    assert both == [(A, B)]
    made.feed(prevote(ME, A), prevote(ME, B))
    assert len(made.of(ReportEquivocation)) == 1


@pytest.mark.parametrize(
    "useless",
    [
        precommit(0, A, height=3),
        precommit(0, A, height=0),
        fired(Step.PROPOSE, 1),
        fired(Step.PROPOSE, 0, 2),
        fired(Step.PREVOTE_WAIT),
        fired(Step.COMMIT),
        fired(Step.NEW_HEIGHT),
        received(A, BLOCK_A),
        proposal(A, 2),
        proposal(NIL_BLOCK_ID),
        proposal(A, 0, 0),
        BlockBuilt(1, 0, A, BLOCK_A),
        TxsAvailable(2),
        MajorityClaimed(2, 0, PREVOTE, A, PEER),
        MajorityClaimed(1, 9, PREVOTE, A, PEER),
    ],
)
def test_what_does_not_belong_here_changes_nothing(useless) -> None:
    """
    Other heights and rounds, blocks nobody asked for: same state, no effects, no log.
    """
    made = machine(ME)
    before = made.state

    assert made.feed(useless) == []
    assert made.state is before


def decided():
    made = machine(ME)
    made.feed(*FOR_A, *(precommit(index, A) for index in range(3)))
    return made, made.of(Decide)[0].commit


def test_late_precommits_enter_the_next_last_commit() -> None:
    """
    Until round 0 begins, a precommit of the last height is added; its block's commit then has it.
    """
    made, commit = decided()
    made.feed(StartHeight(2, VALIDATORS, commit, VALIDATORS, 5))
    assert made.effects[-1] == ScheduleTimeout(2, 0, Step.NEW_HEIGHT, 5)
    assert not made.state.last_commit.has_all()
    made.feed(precommit(3, A))

    assert made.state.last_commit.has_all()
    before = made.state
    assert made.feed(precommit(3, A), precommit(2, A, 1)) == []
    assert made.state is before
    made.feed(fired(Step.NEW_HEIGHT, 0, 2))
    assert made.feed(precommit(3, NIL_BLOCK_ID)) == []


def test_skip_commit_wait_begins_when_all_precommits_are_here() -> None:
    """
    CometBFT's skip_timeout_commit.
    """
    _, commit = decided()
    state = new_machine(ELECTORATE.addresses[ME], Timeouts(skip_commit_wait=True))
    state, _ = step(state, StartHeight(2, VALIDATORS, commit, VALIDATORS))
    assert state.step is Step.NEW_HEIGHT
    state, _ = step(state, precommit(3, A))

    assert state.step is Step.PROPOSE


def test_without_empty_blocks_round_0_waits_for_a_transaction() -> None:
    """
    NEW_ROUND until TxsAvailable; a proof block and a peer's proposal do not wait.
    """
    quiet = Timeouts(create_empty_blocks=False)
    made = machine(PROPOSER, quiet)
    assert made.state.step is Step.NEW_ROUND
    assert not made.of(MakeProposal)
    made.feed(TxsAvailable(1))
    assert made.of(MakeProposal)

    proposed = machine(ME, quiet)
    proposed.feed(*FOR_A)
    assert signed(proposed, PREVOTE) == [A]
    state = new_machine(ELECTORATE.addresses[ME], quiet)
    state, _ = step(state, replace(START, needs_proof_block=True))
    state, _ = step(state, fired(Step.NEW_HEIGHT))
    assert state.step is Step.PROPOSE


def test_a_follower_decides_and_signs_nothing() -> None:
    """
    A node without a validator's key runs the same machine.
    """
    made = machine(None)
    made.feed(*FOR_A, *polka(A), *(precommit(index, A) for index in range(3)))

    assert made.of(Decide)
    assert not made.of(SignVote)


def test_a_vote_is_later_than_its_block() -> None:
    """
    CometBFT's voteTime: at least the block's time and a millisecond.
    """
    made = machine(ME)
    made.feed(*FOR_A)

    assert made.of(SignVote)[0].vote.timestamp == BLOCK_A.header.time + 1_000_000


def test_blocks_do_not_pile_up_over_rounds() -> None:
    """
    A round's block without a polka is forgotten when the next round begins.
    """
    made = machine(ME)
    made.feed(*FOR_A, *(precommit(i, NIL_BLOCK_ID) for i in range(3)), fired(Step.PRECOMMIT_WAIT))

    assert made.state.round == 1
    assert made.state.blocks == {}
    assert made.state.proposals == {}


def test_a_start_out_of_turn_is_our_own_defect() -> None:
    """
    The shell must not start a height while one is being decided, nor the same twice.
    """
    made = machine(ME)
    with pytest.raises(AssertionError):
        made.feed(replace(START, height=2))


def test_validators_for_this_height_and_the_last_only() -> None:
    """
    The shell checks signatures against the right set, or not at all.
    """
    made, commit = decided()
    made.feed(StartHeight(2, VALIDATORS, commit, VALIDATORS))

    assert validators_for(made.state, 2) == validators_for(made.state, 1) == VALIDATORS
    assert validators_for(made.state, 3) is None


def test_replay_gives_the_same_state_and_what_is_still_open() -> None:
    """
    The WAL's entries fed again: equal state; the unanswered signature is asked for again.
    """
    made = locked_on_a()
    made.feed(proposal(B, 1), received(B, BLOCK_B))
    entries = [effect.entry for effect in made.of(AppendToWal)]
    fresh = new_machine(ELECTORATE.addresses[ME], Timeouts())
    state, open_ = restart(fresh, START, entries)

    assert state == made.state
    votes = [(e.vote.type, e.vote.round) for e in open_ if isinstance(e, SignVote)]
    assert votes == [(PREVOTE, 0), (PRECOMMIT, 0), (PREVOTE, 1)]
    answered = VoteReceived(replace(vote(ME, PREVOTE, A), signature=b"mine"), SELF)
    _, open_ = restart(fresh, START, [*entries[:3], answered])
    assert not [e for e in open_ if isinstance(e, SignVote)]
    assert BroadcastVote(answered.vote) in open_
    assert not [e for e in open_ if isinstance(e, AppendToWal)]
