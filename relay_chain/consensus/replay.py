"""What a node does after a restart: the WAL's entries again, then what they left open.

Feeding the entries gives the state from before the crash. Of the effects, those that the
entries themselves answer (a signature that came back, a timeout that fired) were already
performed; the rest is returned, to be performed once. Signing twice is safe: the key
gives the same signature for the same vote and refuses any other.
"""

from collections.abc import Iterable

from chainkit.formats.tendermint.types import VoteType
from relay_chain.consensus.driver_state import ConsensusState
from relay_chain.consensus.machine import step
from relay_chain.consensus.messages import (
    SELF,
    AnnounceStep,
    AnnounceValidBlock,
    AnnounceVote,
    AppendToWal,
    BlockBuilt,
    BlockReceived,
    BroadcastProposal,
    BroadcastVote,
    Decide,
    Effect,
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
    TimeoutFired,
    TxsAvailable,
    VoteReceived,
    WalEntry,
)

_Question = tuple[object, ...]

_SIGNED_IN = {0: Step.PROPOSE, VoteType.PREVOTE: Step.PREVOTE, VoteType.PRECOMMIT: Step.PRECOMMIT}
"""The step in which a proposal (0) or a vote is signed."""


def has_forgotten(state: ConsensusState, signed: tuple[int, int, int]) -> bool:
    """Return whether a restarted validator must follow this height without a vote.

    A validator that is a quorum by itself goes on: nobody decides without it, so nothing it
    forgot can contradict what others decided, and without it the chain would never go on.

    Args:
        state: After :func:`restart`.
        signed: As in :func:`is_behind_key`.
    """
    if not is_behind_key(state, signed):
        return False
    context = state.context
    own = context.own_index
    return own is None or context.electorate.powers[own] < context.electorate.quorum


def is_behind_key(state: ConsensusState, signed: tuple[int, int, int]) -> bool:
    """Return whether the key signed something that the replayed log knows nothing of.

    Every signature follows a synced entry, so the disk lost what it had confirmed, or
    somebody moved the log away. The lock may be among it, and a validator that forgot its
    lock is as good as hostile: such a node must not vote at this height.

    Args:
        state: After :func:`restart`.
        signed: Height, round and what was signed last: 0 for a proposal, else ``VoteType``.
    """
    height, round_, kind = signed
    if height != state.height:
        return height > state.height
    if round_ != state.round:
        return round_ > state.round
    return state.rounds.step < _SIGNED_IN[kind]


def restart(
    machine: ConsensusState, start: StartHeight, entries: Iterable[WalEntry]
) -> tuple[ConsensusState, tuple[Effect, ...]]:
    """Return the state from before the crash, and the effects still to be performed.

    Args:
        machine: A new machine.
        start: The height after the last one that was applied, from the stores.
        entries: Of the WAL, those after its last end-of-height mark.
    """
    state, effects = step(machine, start)
    still_open: list[Effect] = list(effects)
    for entry in entries:
        answer = _answer(entry)
        if answer is not None:
            still_open = [effect for effect in still_open if _question(effect) != answer]
        state, effects = step(state, entry)
        still_open.extend(effect for effect in effects if not isinstance(effect, AppendToWal))
    return state, tuple(_latest_announcement(still_open))


def _question(effect: Effect) -> _Question | None:
    """Return what an entry must answer for the effect to be settled."""
    match effect:
        case SignVote():
            return ("vote", effect.vote.height, effect.vote.round, effect.vote.type)
        case SignProposal():
            return ("proposal", effect.proposal.height, effect.proposal.round)
        case MakeProposal():
            return ("block", effect.height, effect.round)
        case ScheduleTimeout():
            return ("timeout", effect.height, effect.round, effect.step)
        case FetchBlock():
            return ("fetch", effect.height, effect.block_id)
        case (
            AppendToWal()
            | BroadcastVote()
            | BroadcastProposal()
            | AnnounceVote()
            | AnnounceStep()
            | AnnounceValidBlock()
            | Decide()
            | ReportEquivocation()
            | Halt()
        ):
            return None


def _answer(entry: WalEntry) -> _Question | None:
    match entry:
        case VoteReceived():
            vote = entry.vote
            own = entry.peer_id == SELF
            return ("vote", vote.height, vote.round, vote.type) if own else None
        case ProposalReceived():
            proposal = entry.proposal
            own = entry.peer_id == SELF
            return ("proposal", proposal.height, proposal.round) if own else None
        case BlockBuilt():
            return ("block", entry.height, entry.round)
        case TimeoutFired():
            return ("timeout", entry.height, entry.round, entry.step)
        case BlockReceived():
            return ("fetch", entry.height, entry.block_id)
        case MajorityClaimed() | TxsAvailable():
            return None


def _latest_announcement(effects: list[Effect]) -> list[Effect]:
    """Drop what peers need not hear again: votes that they gossip, and old steps."""
    steps = [effect for effect in effects if isinstance(effect, AnnounceStep)]
    return [
        effect
        for effect in effects
        if not isinstance(effect, AnnounceVote)
        and (not isinstance(effect, AnnounceStep) or effect is steps[-1])
    ]
