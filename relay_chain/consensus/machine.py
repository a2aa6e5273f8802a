"""The heights driver: takes an input in, runs the clauses, says what to do.

``step(state, input) -> (state, effects)`` is pure: ``driver_state`` holds the state,
``clauses`` the algorithm over it, ``round`` and ``votes`` the two machines below.
"""

from chainkit.formats.tendermint.types import Vote
from chainkit.primitives.types import Round
from relay_chain.consensus import votes as tally
from relay_chain.consensus.clauses import advance, enter_round, feed, is_proposer, sign_proposal
from relay_chain.consensus.driver_state import (
    ConsensusState,
    HeightContext,
    KnownBlock,
    Turn,
    fresh_state,
    new_machine,
    proposer_at,
    validators_for,
    wire_step,
)
from relay_chain.consensus.messages import (
    NO_ROUND,
    SELF,
    AnnounceStep,
    AnnounceVote,
    AppendToWal,
    BlockBuilt,
    BlockReceived,
    BroadcastProposal,
    BroadcastVote,
    Effect,
    Input,
    MajorityClaimed,
    ProposalReceived,
    ReportEquivocation,
    ScheduleTimeout,
    StartHeight,
    Step,
    TimeoutFired,
    TxsAvailable,
    VoteReceived,
)
from relay_chain.consensus.round import Propose, TimedOut
from relay_chain.consensus.votes import ADDED

__all__ = ["ConsensusState", "new_machine", "proposer_at", "step", "validators_for"]


def step(state: ConsensusState, input_: Input) -> tuple[ConsensusState, tuple[Effect, ...]]:
    """Advance by one input; what changes nothing has no effects and is not logged.

    Raises:
        AssertionError: The shell broke the contract of ``messages``.
    """
    if isinstance(input_, StartHeight):
        return _start_height(state, input_)
    if state.decided:
        return state, ()
    turn = Turn(state)
    if isinstance(input_, VoteReceived):  # Most of what comes in.
        changed = _accept_vote(turn, input_)
    else:
        changed = _accept(turn, input_)
    if not changed:
        return state, ()
    if not turn.rests:
        advance(turn)
        if state.rounds is not turn.rounds or state.commit_round != turn.commit_round:
            _announce_step(turn, state)
    # What this node says must be on disk before it is signed, and before anybody hears it.
    log = AppendToWal(input_, turn.syncs)
    return turn.freeze(), (log, *turn.effects)


def _announce_step(turn: Turn, before: ConsensusState) -> None:
    now = wire_step(turn.rounds, turn.commit_round)
    if (turn.rounds.round, now) == (before.rounds.round, before.step):
        return
    commit = turn.last_commit
    last_round = commit.round if commit else NO_ROUND
    turn.effects.append(AnnounceStep(turn.context.height, turn.rounds.round, now, last_round))


def _start_height(
    state: ConsensusState, start: StartHeight
) -> tuple[ConsensusState, tuple[Effect, ...]]:
    # L52 and L53: the next height, with everything reset.
    assert state.decided
    assert start.height > state.context.height
    electorate = tally.electorate_of(start.validators)
    last_commit = None
    if start.last_commit is not None:
        assert start.last_validators is not None
        assert start.last_commit.height == start.height - 1
        last_electorate = state.context.electorate
        if start.last_validators is not state.context.validators:
            last_electorate = tally.electorate_of(start.last_validators)
        last_commit = tally.from_commit(start.last_commit, last_electorate)
    before = state.context
    context = HeightContext(
        before.own_address,
        electorate.index_of(before.own_address),
        before.timeouts,
        before.rule,
        start.height,
        start.validators,
        electorate,
        start.last_validators,
        start.needs_proof_block,
    )
    last_round = last_commit.round if last_commit else NO_ROUND
    return fresh_state(context, last_commit, decided=False), (
        AnnounceStep(start.height, Round(0), Step.NEW_HEIGHT, last_round),
        ScheduleTimeout(start.height, Round(0), Step.NEW_HEIGHT, start.wait_ns),
    )


# --- accepting an input -----------------------------------------------------------------

_OtherThanVote = (
    ProposalReceived | BlockReceived | BlockBuilt | MajorityClaimed | TimeoutFired | TxsAvailable
)


def _accept(turn: Turn, input_: _OtherThanVote) -> bool:
    """Take an input in; return whether it changed anything."""
    match input_:
        case ProposalReceived():
            return _accept_proposal(turn, input_)
        case BlockReceived():
            return _accept_block(turn, input_)
        case BlockBuilt():
            return _accept_built(turn, input_)
        case MajorityClaimed():
            return _accept_claim(turn, input_)
        case TimeoutFired():
            return _accept_timeout(turn, input_)
        case TxsAvailable():
            return _accept_txs(turn, input_)


def _accept_vote(turn: Turn, received: VoteReceived) -> bool:
    vote = received.vote
    if vote.height != turn.context.height:
        return _accept_late_precommit(turn, vote, received)
    addition = tally.add_height_vote(turn.votes, vote, received.peer_id)
    reported = addition.conflicting is not None and _report(turn, addition.conflicting, vote)
    if addition.outcome is not ADDED:
        return reported
    turn.votes = addition.votes
    # The clauses ask for quorums, but those about other rounds (L55).
    turn.rests = not addition.reached_quorum and vote.round == turn.rounds.round
    if received.peer_id == SELF:
        turn.syncs = True
        turn.effects.append(BroadcastVote(vote))
    turn.effects.append(AnnounceVote(vote))
    return True


def _accept_late_precommit(turn: Turn, vote: Vote, received: VoteReceived) -> bool:
    """Gather a precommit of the last height, for the LastCommit of our own proposal."""
    if turn.last_commit is None or turn.rounds.step is not Step.NEW_HEIGHT:
        return False
    if turn.commit_round >= 0:
        return False
    addition = tally.add_vote(turn.last_commit, vote)
    if addition.outcome is not ADDED:
        return False
    turn.last_commit = addition.votes
    if received.peer_id == SELF:
        turn.syncs = True
        turn.effects.append(BroadcastVote(vote))
    turn.effects.append(AnnounceVote(vote))
    if turn.context.timeouts.skip_commit_wait and addition.votes.has_all():
        enter_round(turn, Round(0))
    return True


def _report(turn: Turn, first: Vote, second: Vote) -> bool:
    """Report an equivocation once; return whether it was new. Nobody reports itself."""
    key = (second.validator_index, second.round, second.type)
    if key in turn.reported or second.validator_address == turn.context.own_address:
        return False
    turn.reported |= {key}
    turn.effects.append(ReportEquivocation(first, second))
    return True


def _accept_proposal(turn: Turn, received: ProposalReceived) -> bool:
    proposal = received.proposal
    if proposal.height != turn.context.height or turn.commit_round >= 0:
        return False
    if not turn.rounds.round <= proposal.round <= turn.rounds.round + 1:
        return False
    if proposal.round in turn.proposals or proposal.block_id.is_nil():
        return False
    # L28: vr < round; -1 is L22.
    if not NO_ROUND <= proposal.pol_round < proposal.round:
        return False
    turn.proposals = {**turn.proposals, proposal.round: proposal}
    if received.peer_id == SELF:
        known = turn.blocks.get(proposal.block_id)
        assert known is not None
        turn.syncs = True
        turn.effects.append(BroadcastProposal(proposal, known.block))
    return True


def _accept_block(turn: Turn, received: BlockReceived) -> bool:
    block_id = received.block_id
    if received.height != turn.context.height or block_id in turn.blocks:
        return False
    wanted = block_id == turn.fetching or any(
        proposal.block_id == block_id for proposal in turn.proposals.values()
    )
    if not wanted:
        return False
    turn.blocks = {**turn.blocks, block_id: KnownBlock(received.block, received.valid)}
    if turn.fetching == block_id:
        turn.fetching = None
    return True


def _accept_built(turn: Turn, built: BlockBuilt) -> bool:
    context, rounds = turn.context, turn.rounds
    if (built.height, built.round) != (context.height, rounds.round):
        return False
    if rounds.step is not Step.PROPOSE or built.round in turn.proposals:
        return False
    if built.block_id in turn.blocks or not is_proposer(turn):
        return False
    turn.blocks = {**turn.blocks, built.block_id: KnownBlock(built.block, True)}
    sign_proposal(turn, built.block_id, NO_ROUND)
    return True


def _accept_claim(turn: Turn, claim: MajorityClaimed) -> bool:
    if claim.height != turn.context.height:
        return False
    before = turn.votes
    turn.votes = tally.claim_height_majority(
        before, claim.round, claim.type, claim.peer_id, claim.block_id
    )
    return turn.votes is not before


def _accept_timeout(turn: Turn, timeout: TimeoutFired) -> bool:
    if timeout.height != turn.context.height or timeout.round != turn.rounds.round:
        return False
    if turn.commit_round >= 0:
        return False
    match timeout.step:
        case Step.NEW_HEIGHT:
            if turn.rounds.step is not Step.NEW_HEIGHT:
                return False
            enter_round(turn, Round(0))
            return True
        case Step.NEW_ROUND:
            return feed(turn, Propose(is_proposer(turn)))
        case Step.PROPOSE | Step.PREVOTE_WAIT | Step.PRECOMMIT_WAIT:
            return feed(turn, TimedOut(timeout.round, timeout.step))
        case Step.PREVOTE | Step.PRECOMMIT | Step.COMMIT:
            return False


def _accept_txs(turn: Turn, available: TxsAvailable) -> bool:
    if available.height != turn.context.height or turn.txs_available:
        return False
    turn.txs_available = True
    if turn.commit_round < 0:
        feed(turn, Propose(is_proposer(turn)))
    return True
