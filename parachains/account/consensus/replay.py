"""What a node does after a restart: the WAL's entries again, then what they left open.

Feeding the entries gives the state from before the crash (but messages for later heights,
which come again). Of the effects, those that the entries answer were performed already, and
those of rounds that are over are void; the rest is performed once.
"""

from collections.abc import Iterable

from parachains.account.consensus.machine import new_machine, step
from parachains.account.consensus.messages import (
    SELF,
    AppendToWal,
    BlockBuilt,
    BlockJudged,
    BlockTimeReached,
    Broadcast,
    BuildBlock,
    Commit,
    Decide,
    Effect,
    JudgeBlock,
    MessageReceived,
    Prepare,
    Proposal,
    Redeliver,
    ReportEquivocation,
    ReportInvalid,
    RoundChange,
    RoundTimedOut,
    ScheduleResend,
    ScheduleTimeout,
    Sign,
    StartHeight,
    WaitForBlockTime,
    WalEntry,
)
from parachains.account.consensus.signing import SigningRecord, SigningStep, record_of
from parachains.account.consensus.state import Parameters, QbftState

_Question = tuple[object, ...]
_STEPS: dict[type, SigningStep] = {
    Proposal: SigningStep.PROPOSAL,
    Prepare: SigningStep.PREPARE,
    Commit: SigningStep.COMMIT,
    RoundChange: SigningStep.ROUND_CHANGE,
}


def restart(
    parameters: Parameters, start: StartHeight, entries: Iterable[WalEntry]
) -> tuple[QbftState, tuple[Effect, ...]]:
    """Return the state from before the crash, and the effects still to be performed.

    Args:
        parameters: Of the node.
        start: The height after the last one that was stored, from the chain.
        entries: Of the WAL, those after that height's mark.
    """
    state, effects = new_machine(parameters, start)
    still_open: list[Effect] = list(effects)
    for entry in entries:
        answer = _answer(entry)
        if answer is not None:
            still_open = [effect for effect in still_open if _question(effect) != answer]
        state, effects = step(state, entry)
        still_open.extend(effect for effect in effects if not isinstance(effect, AppendToWal))
    return state, tuple(effect for effect in still_open if _is_due(state, effect))


def has_forgotten(state: QbftState, record: SigningRecord) -> bool:
    """Return whether the key signed something that the replayed log knows nothing of.

    Every signature follows a synced entry, so the disk lost what it had confirmed, or
    somebody moved the log away. What was prepared may be among it: such a node must follow
    this height without signing (``Parameters.own_address`` None).
    """
    if record.height != state.height:
        return record.height > state.height
    if record.round != state.round:
        return record.round > state.round
    match record.step:
        case SigningStep.ROUND_CHANGE:
            return False
        case SigningStep.PROPOSAL:
            return not state.has_acted
        case SigningStep.PREPARE:
            return state.proposal is None
        case SigningStep.COMMIT:
            return not state.has_prepared_here


def _question(effect: Effect) -> _Question | None:
    """Return what an entry must answer for the effect to be settled."""
    match effect:
        case Sign():
            record = record_of(effect.draft)
            return ("signed", record.height, record.round, record.step)
        case BuildBlock():
            return ("built", effect.height, effect.round)
        case JudgeBlock():
            return ("judged", effect.height, effect.block.block_hash)
        case ScheduleTimeout():
            return ("timeout", effect.height, effect.round)
        case WaitForBlockTime():
            return ("block time", effect.height)
        case (
            AppendToWal()
            | Broadcast()
            | ScheduleResend()
            | Decide()
            | Redeliver()
            | ReportEquivocation()
            | ReportInvalid()
        ):
            return None


def _answer(entry: WalEntry) -> _Question | None:
    match entry:
        case MessageReceived():
            if entry.peer_id != SELF:
                return None
            payload = entry.message.signed.payload
            return ("signed", payload.height, payload.round, _STEPS[type(entry.message)])
        case BlockBuilt():
            return ("built", entry.height, entry.round)
        case BlockJudged():
            return ("judged", entry.height, entry.block_hash)
        case RoundTimedOut():
            return ("timeout", entry.height, entry.round)
        case BlockTimeReached():
            return ("block time", entry.height)


def _is_due(state: QbftState, effect: Effect) -> bool:
    """Return whether an open effect still means something in the replayed state."""
    match effect:
        case Sign():
            return record_of(effect.draft).round == state.round
        case BuildBlock() | ScheduleTimeout() | ScheduleResend():
            return effect.round == state.round
        case Broadcast():
            return effect.message in state.own
        case WaitForBlockTime():
            return state.round < 0
        case JudgeBlock():
            return state.pending is not None and state.pending.block == effect.block
        case AppendToWal() | Redeliver() | ReportInvalid() | ReportEquivocation():
            return False
        case Decide():
            return True
