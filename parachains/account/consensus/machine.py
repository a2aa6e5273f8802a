"""One height after another: takes an input in, applies the rules, says what to do.

``step(state, input) -> (state, effects)`` is pure. Two rules are ours and not Besu's:

* A validator counts its own commit when it saw a quorum of prepares (as the paper has it);
  Besu counts it as soon as the proposal is accepted. Both are safe, and nobody sees which.
* f + 1 round changes for later rounds always move a validator to the least of these rounds,
  with a round change of its own (the paper's rule; in Besu an option), and a stuck node
  repeats what it said in its round. Besu relies on its peers' gossip instead.

Spec:
    Besu, ``QbftBlockHeightManager``, ``QbftRound``, ``RoundState``, ``RoundChangeManager``,
    ``FutureMessageBuffer``; arXiv:2002.03613, algorithms 1 to 4.
"""

from collections.abc import Mapping
from typing import TypeVar

from chainkit.primitives.types import Address, Round
from parachains.account.consensus.errors import QbftRuleBroken
from parachains.account.consensus.justification import (
    certificate_of,
    check_author,
    check_proposal,
    check_round_change,
)
from parachains.account.consensus.limits import (
    MAX_FUTURE_HEIGHTS,
    MAX_FUTURE_MESSAGES_PER_AUTHOR,
    MAX_FUTURE_ROUNDS,
    MAX_ROUND,
)
from parachains.account.consensus.messages import (
    NO_ROUND,
    SELF,
    AppendToWal,
    BlockBuilt,
    BlockJudged,
    BlockTimeReached,
    Broadcast,
    BuildBlock,
    Commit,
    CommitDraft,
    CommitPayload,
    Decide,
    Effect,
    Input,
    JudgeBlock,
    Message,
    MessageReceived,
    Prepare,
    PreparedRound,
    PreparePayload,
    Proposal,
    ProposalDraft,
    ProposalPayload,
    Redeliver,
    ReportEquivocation,
    ReportInvalid,
    ResendDue,
    RoundChange,
    RoundChangeDraft,
    RoundChangePayload,
    RoundTimedOut,
    ScheduleResend,
    ScheduleTimeout,
    SealableBlock,
    Sign,
    Signed,
    StartHeight,
    WaitForBlockTime,
)
from parachains.account.consensus.state import (
    HeightContext,
    Parameters,
    PreparedCertificate,
    QbftState,
    Turn,
)

__all__ = ["new_machine", "step"]

VotePayloadT = TypeVar("VotePayloadT", PreparePayload, CommitPayload)
VotesByRound = Mapping[Round, Mapping[Address, Signed[VotePayloadT]]]


def new_machine(parameters: Parameters, start: StartHeight) -> tuple[QbftState, tuple[Effect, ...]]:
    """Return a machine at its first height, and what to do first."""
    return _start(parameters, start, ())


def step(state: QbftState, input_: Input) -> tuple[QbftState, tuple[Effect, ...]]:
    """Advance by one input; what changes nothing is not logged.

    Raises:
        AssertionError: The shell broke the contract of ``messages``.
    """
    match input_:
        case StartHeight():
            assert input_.height > state.height
            return _start(state.context.parameters, input_, state.future)
        case ResendDue():
            return state, _resend(state, input_)
        case MessageReceived() if _height_of(input_.message) != state.height:
            return _keep_for_later(state, input_), ()
        case _:
            return _work(state, input_)


def _work(
    state: QbftState,
    input_: BlockTimeReached | RoundTimedOut | MessageReceived | BlockBuilt | BlockJudged,
) -> tuple[QbftState, tuple[Effect, ...]]:
    if state.decided:
        return state, ()
    turn = Turn(state)
    if not _accept(turn, input_):
        return state, tuple(turn.effects)
    while not turn.decided and _apply_a_rule(turn):
        pass
    # What this node says must be on disk before it is signed, and before anybody hears it.
    is_said = any(isinstance(effect, Sign | Broadcast | Decide) for effect in turn.effects)
    return turn.freeze(), (AppendToWal(input_, is_said), *turn.effects)


def _start(
    parameters: Parameters, start: StartHeight, future: tuple[MessageReceived, ...]
) -> tuple[QbftState, tuple[Effect, ...]]:
    validators = start.validators
    assert validators
    assert list(validators) == sorted(set(validators))
    context = HeightContext(parameters, start.height, validators, start.parent_coinbase)
    now = tuple(each for each in future if _height_of(each.message) == start.height)
    later = tuple(each for each in future if _height_of(each.message) > start.height)
    effects: list[Effect] = []
    if context.is_validator:
        effects.append(WaitForBlockTime(start.height, start.earliest))
    if now:
        effects.append(Redeliver(now))
    return QbftState(context, future=later), tuple(effects)


def _resend(state: QbftState, due: ResendDue) -> tuple[Effect, ...]:
    if (due.height, due.round) != (state.height, state.round) or state.decided:
        return ()
    again = ScheduleResend(due.height, due.round, state.context.parameters.resend_ns)
    return (*(Broadcast(message) for message in state.own), again)


# --- messages of other heights ---------------------------------------------------------


def _height_of(message: Message) -> int:
    return message.signed.payload.height


def _keep_for_later(state: QbftState, received: MessageReceived) -> QbftState:
    ahead = _height_of(received.message) - state.height
    author = received.message.signed.author
    if not 0 < ahead <= MAX_FUTURE_HEIGHTS or author not in state.context.validators:
        return state
    kept = sum(each.message.signed.author == author for each in state.future)
    if kept >= MAX_FUTURE_MESSAGES_PER_AUTHOR or received in state.future:
        return state
    turn = Turn(state)
    turn.future = (*state.future, received)
    return turn.freeze()


# --- accepting an input ----------------------------------------------------------------


def _accept(
    turn: Turn,
    input_: BlockTimeReached | RoundTimedOut | MessageReceived | BlockBuilt | BlockJudged,
) -> bool:
    """Take an input in; return whether it changed anything."""
    match input_:
        case BlockTimeReached():
            return _accept_block_time(turn, input_)
        case RoundTimedOut():
            return _accept_timeout(turn, input_)
        case MessageReceived():
            try:
                return _accept_message(turn, input_)
            except QbftRuleBroken as error:
                if input_.peer_id == SELF:
                    raise AssertionError(f"this node said what it refuses: {error}") from error
                turn.effects.append(ReportInvalid(input_.peer_id, error))
                return False
        case BlockBuilt():
            return _accept_built(turn, input_)
        case BlockJudged():
            return _accept_verdict(turn, input_)


def _accept_block_time(turn: Turn, reached: BlockTimeReached) -> bool:
    if reached.height != turn.context.height or turn.round != NO_ROUND:
        return False
    _enter_round(turn, Round(0))
    if turn.context.is_own_turn(Round(0)):
        turn.has_acted = True
        turn.effects.append(BuildBlock(reached.height, Round(0)))
    return True


def _accept_timeout(turn: Turn, timeout: RoundTimedOut) -> bool:
    if (timeout.height, timeout.round) != (turn.context.height, turn.round):
        return False
    if turn.round >= MAX_ROUND:
        return False
    _change_round(turn, Round(turn.round + 1))
    return True


def _accept_built(turn: Turn, built: BlockBuilt) -> bool:
    is_awaited = turn.has_acted and turn.proposal is None
    if (built.height, built.round) != (turn.context.height, turn.round) or not is_awaited:
        return False
    assert built.block.round == built.round
    turn.verdicts = {**turn.verdicts, built.block.block_hash: True}
    _propose(turn, built.block, None)
    return True


def _accept_verdict(turn: Turn, judged: BlockJudged) -> bool:
    if judged.height != turn.context.height or judged.block_hash in turn.verdicts:
        return False
    turn.verdicts = {**turn.verdicts, judged.block_hash: judged.is_valid}
    pending = turn.pending
    if pending is None or pending.block.block_hash != judged.block_hash:
        return True
    turn.pending = None
    if judged.is_valid:
        _adopt(turn, pending)
    return True


def _accept_message(turn: Turn, received: MessageReceived) -> bool:
    message = received.message
    check_author(turn.context, message.signed.author)
    match message:
        case Proposal():
            changed = _accept_proposal(turn, message)
        case Prepare():
            changed = _accept_prepare(turn, message)
        case Commit():
            changed = _accept_commit(turn, message)
        case RoundChange():
            changed = _accept_round_change(turn, message)
    if changed and received.peer_id == SELF:
        turn.own = (*turn.own, message)
        turn.effects.insert(0, Broadcast(message))
    return changed


def _accept_proposal(turn: Turn, proposal: Proposal) -> bool:
    round_ = proposal.signed.payload.round
    if round_ < turn.round or (round_ == turn.round and turn.proposal is not None):
        return False
    if turn.pending is not None and turn.pending.signed.payload.round >= round_:
        return False
    verdict = turn.verdicts.get(proposal.block.block_hash)
    if verdict is False:
        return False
    check_proposal(turn.context, proposal)
    if verdict:
        _adopt(turn, proposal)
        return True
    # A later round is entered when its block is found valid, as in Besu.
    turn.pending = proposal
    turn.effects.append(JudgeBlock(turn.context.height, proposal.block))
    return True


def _adopt(turn: Turn, proposal: Proposal) -> None:
    round_ = proposal.signed.payload.round
    if round_ > turn.round:
        _enter_round(turn, round_)
    turn.proposal, turn.pending = proposal, None
    if turn.context.is_validator:
        digest = proposal.block.digest
        turn.effects.append(Sign(PreparePayload(turn.context.height, round_, digest)))


def _accept_prepare(turn: Turn, message: Prepare) -> bool:
    signed = message.signed
    first = _find(turn, turn.prepares, signed)
    if first is None:
        turn.prepares = _with(turn.prepares, signed)
        return True
    if first is not signed and first.payload.digest != signed.payload.digest:
        return _report(turn, Prepare(first), message)
    return False


def _accept_commit(turn: Turn, message: Commit) -> bool:
    signed = message.signed
    first = _find(turn, turn.commits, signed)
    if first is None:
        turn.commits = _with(turn.commits, signed)
        return True
    if first is not signed and first.payload.digest != signed.payload.digest:
        return _report(turn, Commit(first), message)
    return False


def _find(
    turn: Turn, votes: VotesByRound[VotePayloadT], signed: Signed[VotePayloadT]
) -> Signed[VotePayloadT] | None:
    """Return the author's vote of that round; itself, if the round is of no interest."""
    round_ = signed.payload.round
    if not turn.round <= round_ <= turn.round + MAX_FUTURE_ROUNDS or round_ < 0:
        return signed
    return votes.get(round_, {}).get(signed.author)


def _with(
    votes: VotesByRound[VotePayloadT], signed: Signed[VotePayloadT]
) -> VotesByRound[VotePayloadT]:
    round_ = signed.payload.round
    return {**votes, round_: {**votes.get(round_, {}), signed.author: signed}}


def _report(turn: Turn, first: Prepare | Commit, second: Prepare | Commit) -> bool:
    """Report an equivocation once; return whether it was new. Nobody reports itself."""
    author = second.signed.author
    key = (author, second.signed.payload.round, type(second))
    if key in turn.reported or author == turn.context.parameters.own_address:
        return False
    turn.reported |= {key}
    turn.effects.append(ReportEquivocation(first, second))
    return True


def _accept_round_change(turn: Turn, message: RoundChange) -> bool:
    payload, author = message.signed.payload, message.signed.author
    known = turn.round_changes.get(author)
    if payload.round < turn.round:
        return False
    if known is not None and known.signed.payload.round >= payload.round:
        return False
    check_round_change(turn.context, message)
    turn.round_changes = {**turn.round_changes, author: message}
    return True


# --- the rules -------------------------------------------------------------------------


def _apply_a_rule(turn: Turn) -> bool:
    """Apply the first rule whose condition holds; return whether one did."""
    return (
        _follow_later_rounds(turn)
        or _propose_after_round_changes(turn)
        or _commit_after_prepares(turn)
        or _decide_after_commits(turn)
    )


def _follow_later_rounds(turn: Turn) -> bool:
    """F + 1 gave up on this round, so a correct validator did: go to the least of theirs."""
    later = [
        message.signed.payload.round
        for message in turn.round_changes.values()
        if message.signed.payload.round > turn.round
    ]
    if len(later) < turn.context.weak_quorum:
        return False
    _change_round(turn, min(later))
    return True


def _propose_after_round_changes(turn: Turn) -> bool:
    """A quorum wants this round and it is our turn: what was prepared last, or a new block."""
    if turn.has_acted or turn.round < 1 or not turn.context.is_own_turn(turn.round):
        return False
    mandate = tuple(
        turn.round_changes[author]
        for author in turn.context.validators
        if author in turn.round_changes
        and turn.round_changes[author].signed.payload.round == turn.round
    )
    if turn.proposal is not None or len(mandate) < turn.context.quorum:
        return False
    turn.has_acted, turn.mandate = True, mandate
    certificates = [found for each in mandate if (found := certificate_of(each)) is not None]
    if not certificates:
        turn.effects.append(BuildBlock(turn.context.height, turn.round))
        return True
    best = max(certificates, key=lambda certificate: certificate.round)
    _propose(turn, best.block.with_round(turn.round), best)
    return True


def _propose(turn: Turn, block: SealableBlock, best: PreparedCertificate | None) -> None:
    payload = ProposalPayload(turn.context.height, turn.round, block)
    round_changes = tuple(message.signed for message in turn.mandate)
    draft = ProposalDraft(payload, round_changes, best.prepares if best is not None else ())
    turn.effects.append(Sign(draft))


def _commit_after_prepares(turn: Turn) -> bool:
    is_prepared = turn.prepared is not None and turn.prepared.round == turn.round
    if turn.proposal is None or is_prepared:
        return False
    prepares = _votes_for(turn, turn.prepares)
    if len(prepares) < turn.context.quorum:
        return False
    block = turn.proposal.block
    # Kept until a later round prepares: what may have been decided is never let go.
    turn.prepared = PreparedCertificate(turn.round, block, prepares)
    if turn.context.is_validator:
        turn.effects.append(Sign(CommitDraft(turn.context.height, turn.round, block.digest)))
    return True


def _decide_after_commits(turn: Turn) -> bool:
    if turn.proposal is None:
        return False
    commits = _votes_for(turn, turn.commits)
    if len(commits) < turn.context.quorum:
        return False
    turn.decided = True
    seals = tuple(signed.payload.seal for signed in commits)
    block = turn.proposal.block
    turn.effects.append(Decide(turn.context.height, turn.round, block, seals))
    return True


def _votes_for(turn: Turn, votes: VotesByRound[VotePayloadT]) -> tuple[Signed[VotePayloadT], ...]:
    """Return the votes of this round for its proposal, in the order of the validators."""
    assert turn.proposal is not None
    digest = turn.proposal.block.digest
    of_round = votes.get(turn.round, {})
    found = (of_round.get(author) for author in turn.context.validators)
    return tuple(signed for signed in found if signed and signed.payload.digest == digest)


# --- rounds ----------------------------------------------------------------------------


def _enter_round(turn: Turn, round_: Round) -> None:
    assert round_ > turn.round
    turn.round = round_
    turn.proposal, turn.has_acted, turn.mandate, turn.own = None, False, (), ()
    if turn.pending is not None and turn.pending.signed.payload.round < round_:
        turn.pending = None
    turn.prepares = {at: votes for at, votes in turn.prepares.items() if at >= round_}
    turn.commits = {at: votes for at, votes in turn.commits.items() if at >= round_}
    turn.round_changes = {
        author: message
        for author, message in turn.round_changes.items()
        if message.signed.payload.round >= round_
    }
    if turn.context.is_validator:
        parameters, height = turn.context.parameters, turn.context.height
        turn.effects.append(ScheduleTimeout(height, round_, parameters.timeout_ns(round_)))
        turn.effects.append(ScheduleResend(height, round_, parameters.resend_ns))


def _change_round(turn: Turn, round_: Round) -> None:
    """Give up on this round, saying what was prepared last."""
    _enter_round(turn, round_)
    if not turn.context.is_validator:
        return
    certificate = turn.prepared
    if certificate is None:
        payload = RoundChangePayload(turn.context.height, round_, None)
        turn.effects.append(Sign(RoundChangeDraft(payload, None, ())))
        return
    block = certificate.block
    prepared = PreparedRound(certificate.round, block.digest)
    payload = RoundChangePayload(turn.context.height, round_, prepared)
    turn.effects.append(Sign(RoundChangeDraft(payload, block, certificate.prepares)))
