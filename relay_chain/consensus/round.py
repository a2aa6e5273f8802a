"""One round after another of one height: Algorithm 1 of arXiv:1807.04938.

``step_round(state, event, rule) -> (state, outputs)``. The events are the algorithm's
``upon`` clauses with their vote counts already settled by ``votes``; the guards that
depend on this node's step, lock and "for the first time" are here, so feeding an event
twice does nothing the second time. "L36" in a comment is the line of Algorithm 1.

Differences from the paper, all named:

* A locked node prevotes its locked block where the paper prevotes nil (``lock_rule``).
* L36 and L49 ask for the *block*, not for a proposal of it in that very round: under the
  exception above a polka can form for a locked block that nobody proposed in the round.
* ``NEW_ROUND`` waits for transactions before L14 to L21, as CometBFT does.
"""

from dataclasses import replace

from chainkit.formats.tendermint.types import NIL_BLOCK_ID, BlockId
from chainkit.primitives.records import record
from chainkit.primitives.types import Round
from relay_chain.consensus.lock_rule import Lock, LockRule, Offer
from relay_chain.consensus.messages import NO_ROUND, Step


@record
class RoundState:
    """The variables of the paper (lines 2 to 9) and the "first time" marks."""

    round: Round = Round(0)
    step: Step = Step.NEW_HEIGHT
    """One of NEW_HEIGHT, NEW_ROUND, PROPOSE, PREVOTE, PRECOMMIT; the waits are marks."""
    lock: Lock | None = None
    """lockedValue and lockedRound."""
    valid_block_id: BlockId | None = None
    valid_round: Round = NO_ROUND
    polka_was_seen: bool = False
    """L36 "for the first time"."""
    prevote_wait: bool = False
    """L34 "for the first time"."""
    precommit_wait: bool = False
    """L47 "for the first time"."""

    def at(self, step: Step) -> "RoundState":
        """Return the same at another step (``replace`` spelled out: this is the hot path)."""
        return self._with(step, prevote_wait=self.prevote_wait, precommit_wait=self.precommit_wait)

    def waiting(self, *, prevote: bool = False, precommit: bool = False) -> "RoundState":
        """Return the same with a "first time" mark set."""
        return self._with(
            self.step,
            prevote_wait=self.prevote_wait or prevote,
            precommit_wait=self.precommit_wait or precommit,
        )

    def _with(self, step: Step, *, prevote_wait: bool, precommit_wait: bool) -> "RoundState":
        return RoundState(
            self.round,
            step,
            self.lock,
            self.valid_block_id,
            self.valid_round,
            self.polka_was_seen,
            prevote_wait,
            precommit_wait,
        )


INITIAL = RoundState()


# --- events: the upon clauses -----------------------------------------------------------


@record
class Enter:
    """L11: start a round."""

    round: Round
    waits_for_txs: bool


@record
class Propose:
    """L14 to L21: the round may begin to propose."""

    is_proposer: bool


@record
class ProposalSeen:
    """L22, or L28 where ``offer.pol_round`` is not -1: the polka of that round is here."""

    round: Round
    offer: Offer


@record
class PrevoteQuorum:
    """L34: +2/3 prevoted anything in a round."""

    round: Round


@record
class BlockPolka:
    """L36: +2/3 prevoted a block in a round, and the block is here."""

    round: Round
    block_id: BlockId
    is_valid: bool


@record
class NilPolka:
    """L44: +2/3 prevoted nil in a round."""

    round: Round


@record
class PolkaSeen:
    """+2/3 prevoted a block or nil in a round up to this one, the block here or not."""

    round: Round
    block_id: BlockId


@record
class PrecommitQuorum:
    """L47: +2/3 precommitted anything in a round."""

    round: Round


@record
class LaterRoundSeen:
    """L55: more than a third is in a later round."""

    round: Round


@record
class TimedOut:
    """L57, L61 and L65: ``step`` is PROPOSE, PREVOTE_WAIT or PRECOMMIT_WAIT."""

    round: Round
    step: Step


RoundEvent = (
    Enter
    | Propose
    | ProposalSeen
    | PrevoteQuorum
    | BlockPolka
    | NilPolka
    | PolkaSeen
    | PrecommitQuorum
    | LaterRoundSeen
    | TimedOut
)


# --- outputs ----------------------------------------------------------------------------


@record
class OfferBlock:
    """Propose: the valid block with its round as proof of lock, or a new one (None)."""

    block_id: BlockId | None
    pol_round: Round


@record
class CastPrevote:
    """Prevote a block, or nil."""

    block_id: BlockId


@record
class CastPrecommit:
    """Precommit a block, or nil."""

    block_id: BlockId


@record
class Wait:
    """Schedule the timeout of a step of this round."""

    step: Step


@record
class GoTo:
    """Start a later round: the driver answers with ``Enter``."""

    round: Round


RoundOutput = OfferBlock | CastPrevote | CastPrecommit | Wait | GoTo
RoundResult = tuple[RoundState, tuple[RoundOutput, ...]]


def step_round(  # noqa: C901 - one arm an event
    state: RoundState, event: RoundEvent, rule: LockRule
) -> RoundResult:
    """Apply one ``upon`` clause; where its guard refuses, nothing changes."""
    match event:
        case Enter():
            return _enter(state, event)
        case Propose():
            return _propose(state, event)
        case ProposalSeen():
            return _proposal(state, event, rule)
        case PrevoteQuorum():
            return _prevote_quorum(state, event)
        case BlockPolka():
            return _block_polka(state, event)
        case NilPolka():
            return _nil_polka(state, event)
        case PolkaSeen():
            return _polka(state, event, rule)
        case PrecommitQuorum():
            return _precommit_quorum(state, event)
        case LaterRoundSeen():
            return _later_round(state, event)
        case TimedOut():
            return _timed_out(state, event, rule)


def _enter(state: RoundState, event: Enter) -> RoundResult:
    first = state.step is Step.NEW_HEIGHT
    assert event.round > state.round or (first and event.round == state.round)
    # L12 and L13; the lock and the valid block stay (L53 resets them per height).
    entered = RoundState(
        event.round,
        Step.NEW_ROUND,
        state.lock,
        state.valid_block_id,
        state.valid_round,
    )
    if event.waits_for_txs:
        return entered, (Wait(Step.NEW_ROUND),)
    return entered, ()


def _propose(state: RoundState, event: Propose) -> RoundResult:
    if state.step is not Step.NEW_ROUND:
        return state, ()
    proposing = state.at(Step.PROPOSE)
    # The proposer waits too: its own proposal can fail to come back.
    waiting = (Wait(Step.PROPOSE),)  # L21
    if not event.is_proposer:
        return proposing, waiting
    # L15 to L19: the valid block with its round, or a new block with -1.
    return proposing, (OfferBlock(state.valid_block_id, state.valid_round), *waiting)


def _proposal(state: RoundState, event: ProposalSeen, rule: LockRule) -> RoundResult:
    # L22 and L28: "while step = propose".
    if event.round != state.round or (
        state.step is not Step.NEW_ROUND and state.step is not Step.PROPOSE
    ):
        return state, ()
    # L28: vr >= 0 and vr < round.
    if not NO_ROUND <= event.offer.pol_round < event.round:
        return state, ()
    vote = rule.prevote(state.lock, event.offer)  # L23 to L26, L29 to L32
    return state.at(Step.PREVOTE), (CastPrevote(vote),)  # L27, L33


def _prevote_quorum(state: RoundState, event: PrevoteQuorum) -> RoundResult:
    # L34: "while step = prevote for the first time".
    if event.round != state.round or state.step is not Step.PREVOTE or state.prevote_wait:
        return state, ()
    return state.waiting(prevote=True), (Wait(Step.PREVOTE_WAIT),)  # L35


def _block_polka(state: RoundState, event: BlockPolka) -> RoundResult:
    assert not event.block_id.is_nil()
    # L36: "while valid(v) and step >= prevote for the first time".
    if event.round != state.round or not event.is_valid or state.polka_was_seen:
        return state, ()
    if state.step is not Step.PREVOTE and state.step is not Step.PRECOMMIT:
        return state, ()
    locks = state.step is Step.PREVOTE  # L37
    seen = RoundState(
        state.round,
        Step.PRECOMMIT,  # L41
        Lock(event.block_id, event.round) if locks else state.lock,  # L38, L39
        event.block_id,  # L42
        event.round,  # L43
        True,
        state.prevote_wait,
        state.precommit_wait,
    )
    return seen, (CastPrecommit(event.block_id),) if locks else ()  # L40


def _nil_polka(state: RoundState, event: NilPolka) -> RoundResult:
    # L44: "while step = prevote".
    if event.round != state.round or state.step is not Step.PREVOTE:
        return state, ()
    return state.at(Step.PRECOMMIT), (CastPrecommit(NIL_BLOCK_ID),)  # L45, L46


def _polka(state: RoundState, event: PolkaSeen, rule: LockRule) -> RoundResult:
    if event.round > state.round:
        return state, ()
    lock = rule.after_polka(state.lock, event.round, event.block_id)
    if lock is state.lock:
        return state, ()
    return replace(state, lock=lock), ()


def _precommit_quorum(state: RoundState, event: PrecommitQuorum) -> RoundResult:
    # L47: "for the first time", whatever the step.
    if event.round != state.round or state.precommit_wait or state.step is Step.NEW_HEIGHT:
        return state, ()
    return state.waiting(precommit=True), (Wait(Step.PRECOMMIT_WAIT),)  # L48


def _later_round(state: RoundState, event: LaterRoundSeen) -> RoundResult:
    # L55: "with round > round_p".
    if event.round <= state.round:
        return state, ()
    return state, (GoTo(event.round),)  # L56


def _timed_out(state: RoundState, event: TimedOut, rule: LockRule) -> RoundResult:
    if event.round != state.round:
        return state, ()
    if event.step is Step.PROPOSE and state.step is Step.PROPOSE:  # L58
        vote = rule.prevote(state.lock, None)  # L59
        return state.at(Step.PREVOTE), (CastPrevote(vote),)  # L60
    if event.step is Step.PREVOTE_WAIT and state.step is Step.PREVOTE:  # L62
        # L63 and L64; the lock stays.
        return state.at(Step.PRECOMMIT), (CastPrecommit(NIL_BLOCK_ID),)
    if event.step is Step.PRECOMMIT_WAIT and state.precommit_wait:  # L66
        return state, (GoTo(Round(state.round + 1)),)  # L67
    return state, ()
