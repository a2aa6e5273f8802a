"""What goes into the consensus machine and what comes out.

The machine is ``relay_chain.consensus.machine.step(state, input) -> (state, effects)``.
The shell performs the effects in the order given: that order is law,
``AppendToWal`` (synced) -> ``SignVote``, ``SignProposal`` -> ``BroadcastVote``,
``BroadcastProposal``.

Who checks what:

* The shell checks signatures before it feeds ``VoteReceived`` (key of the validator at
  ``vote.validator_index`` in ``validators_for(state, vote.height)``) and
  ``ProposalReceived`` (key of ``proposer_at(state, proposal.round)``), and a block before
  it feeds ``BlockReceived`` (``validate_block`` and the application's ProcessProposal).
* The machine checks everything else: heights, rounds, indices, addresses, duplicates.

A signed vote or proposal comes back as ``VoteReceived``/``ProposalReceived`` with
``peer_id=SELF``; if the key refuses, nothing comes back and the machine waits for its
timeouts. Every input that changes the state appears once in an ``AppendToWal`` of its
own step, so feeding the WAL's entries again gives the same state.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import NewType

from chainkit.formats.tendermint.types import (
    Block,
    BlockId,
    Commit,
    Proposal,
    ValidatorSet,
    Vote,
    VoteType,
)
from chainkit.primitives.records import record
from chainkit.primitives.types import BlockHeight, DurationNs, Round

PeerId = NewType("PeerId", str)
"""A peer's node id (40 hex digits); the empty one is this node."""

SELF = PeerId("")
NO_ROUND = Round(-1)


class Step(IntEnum):
    """CometBFT's ``RoundStepType``: the numbers of ``NewRoundStep`` on the wire."""

    NEW_HEIGHT = 1
    NEW_ROUND = 2
    PROPOSE = 3
    PREVOTE = 4
    PREVOTE_WAIT = 5
    PRECOMMIT = 6
    PRECOMMIT_WAIT = 7
    COMMIT = 8


# --- inputs -----------------------------------------------------------------------------


@record
class StartHeight:
    """Begin a height: after ``Decide`` of the one before was applied, or at start-up.

    Not written to the WAL: it is made from the chain state. Anything else fed between
    ``Decide`` and this is dropped.
    """

    height: BlockHeight
    validators: ValidatorSet
    """Set of ``height`` with the proposer priorities of its round 0."""
    last_commit: Commit | None
    """Seen commit of ``height - 1``, from the block store; None at the initial height."""
    last_validators: ValidatorSet | None
    """Set of ``height - 1``; None at the initial height."""
    wait_ns: DurationNs = DurationNs(0)
    """How long to gather late precommits before round 0 (CometBFT ``timeout_commit``)."""
    needs_proof_block: bool = False
    """The application hash changed: propose at once even where empty blocks are off."""


@record
class ProposalReceived:
    """A proposal with a good signature of the round's proposer."""

    proposal: Proposal
    peer_id: PeerId


@record
class BlockReceived:
    """All parts of a block arrived, and the block was judged."""

    height: BlockHeight
    block_id: BlockId
    block: Block
    valid: bool
    peer_id: PeerId


@record
class BlockBuilt:
    """The answer to ``MakeProposal``: this node's own new block."""

    height: BlockHeight
    round: Round
    block_id: BlockId
    block: Block


@record
class VoteReceived:
    """A vote with a good signature, of this height or a precommit of the one before."""

    vote: Vote
    peer_id: PeerId


@record
class MajorityClaimed:
    """A peer says that it saw +2/3 for a block (CometBFT ``VoteSetMaj23``).

    Lets a second, conflicting vote of an equivocator count for the claimed block.
    """

    height: BlockHeight
    round: Round
    type: VoteType
    block_id: BlockId
    peer_id: PeerId


@record
class TimeoutFired:
    """A ``ScheduleTimeout`` ran out. Old ones are ignored, so none need cancelling."""

    height: BlockHeight
    round: Round
    step: Step


@record
class TxsAvailable:
    """The mempool has a transaction for this height (only where empty blocks are off)."""

    height: BlockHeight


Input = (
    StartHeight
    | ProposalReceived
    | BlockReceived
    | BlockBuilt
    | VoteReceived
    | MajorityClaimed
    | TimeoutFired
    | TxsAvailable
)

WalEntry = (
    ProposalReceived
    | BlockReceived
    | BlockBuilt
    | VoteReceived
    | MajorityClaimed
    | TimeoutFired
    | TxsAvailable
)
"""What the machine asks to have written: inputs of the current height.

On ``Decide`` the shell adds its own end-of-height mark, and replay starts after the last.
"""


# --- effects ----------------------------------------------------------------------------


@record
class AppendToWal:
    """Write the entry; with ``sync``, flush everything to disk before going on."""

    entry: WalEntry
    sync: bool


@record
class SignVote:
    """Sign and feed back as ``VoteReceived(vote, SELF)``.

    ``vote.timestamp`` is the earliest allowed: sign with ``max(now, vote.timestamp)``.
    """

    vote: Vote


@record
class SignProposal:
    """Sign (timestamp: now) and feed back as ``ProposalReceived(proposal, SELF)``."""

    proposal: Proposal


@record
class BroadcastVote:
    """Send this node's own signed vote."""

    vote: Vote


@record
class BroadcastProposal:
    """Send this node's own signed proposal, then the block's parts."""

    proposal: Proposal
    block: Block


@record
class AnnounceVote:
    """A vote (anybody's) was added: tell peers (CometBFT ``HasVote``)."""

    vote: Vote


@record
class AnnounceStep:
    """Height, round or step changed: tell peers (CometBFT ``NewRoundStep``)."""

    height: BlockHeight
    round: Round
    step: Step
    last_commit_round: Round


@record
class AnnounceValidBlock:
    """+2/3 prevoted or committed a block: tell peers (CometBFT ``NewValidBlock``)."""

    height: BlockHeight
    round: Round
    block_id: BlockId
    is_commit: bool


@record
class FetchBlock:
    """+2/3 voted for a block that is not here: gather its parts, from any peer.

    Answer with ``BlockReceived``; parts already gathered for another block may be dropped.
    """

    height: BlockHeight
    round: Round
    block_id: BlockId


@record
class MakeProposal:
    """Build a block on ``last_commit`` and answer with ``BlockBuilt``."""

    height: BlockHeight
    round: Round
    last_commit: Commit | None
    """All precommits of ``height - 1`` gathered so far; None at the initial height."""


@record
class ScheduleTimeout:
    """Feed ``TimeoutFired`` of the same fields after ``duration_ns``.

    All may fire; or, as with CometBFT's single ticker, one of a later (height, round, step)
    replaces an earlier one. One of an earlier position must never replace a later one: the
    wait for precommits can begin before the wait for prevotes, and is asked for once.
    """

    height: BlockHeight
    round: Round
    step: Step
    duration_ns: DurationNs


@record
class Decide:
    """The height is decided.

    The shell, in this order: saves the block with ``commit`` as its seen commit; appends
    its end-of-height mark to the WAL and syncs; applies the block; feeds ``StartHeight``.
    """

    height: BlockHeight
    round: Round
    block_id: BlockId
    block: Block
    commit: Commit


@record
class ReportEquivocation:
    """One validator signed two votes for one height, round and type."""

    vote_a: Vote
    vote_b: Vote


@record
class Halt:
    """+2/3 committed what this node finds invalid: stop, a human must look."""

    height: BlockHeight
    block_id: BlockId


Effect = (
    AppendToWal
    | SignVote
    | SignProposal
    | BroadcastVote
    | BroadcastProposal
    | AnnounceVote
    | AnnounceStep
    | AnnounceValidBlock
    | FetchBlock
    | MakeProposal
    | ScheduleTimeout
    | Decide
    | ReportEquivocation
    | Halt
)


# --- configuration ----------------------------------------------------------------------

_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait, in nanoseconds (CometBFT config, ``[consensus]``)."""

    propose_ns: DurationNs = DurationNs(3_000 * _MS)
    propose_delta_ns: DurationNs = DurationNs(500 * _MS)
    prevote_ns: DurationNs = DurationNs(1_000 * _MS)
    prevote_delta_ns: DurationNs = DurationNs(500 * _MS)
    precommit_ns: DurationNs = DurationNs(1_000 * _MS)
    precommit_delta_ns: DurationNs = DurationNs(500 * _MS)
    commit_ns: DurationNs = DurationNs(1_000 * _MS)
    """For ``StartHeight.wait_ns``: this, less the time that applying the block took."""
    skip_commit_wait: bool = False
    """Start as soon as all precommits are here (CometBFT ``skip_timeout_commit``)."""
    create_empty_blocks: bool = True
    create_empty_blocks_interval_ns: DurationNs = DurationNs(0)
    """Where empty blocks are off: propose one anyway after this long; 0 means never."""

    def duration(self, step: Step, round_: Round) -> DurationNs:
        """Return how long to wait in a step of a round; grows linearly with the round."""
        match step:
            case Step.PROPOSE:
                return DurationNs(self.propose_ns + round_ * self.propose_delta_ns)
            case Step.PREVOTE_WAIT:
                return DurationNs(self.prevote_ns + round_ * self.prevote_delta_ns)
            case Step.PRECOMMIT_WAIT:
                return DurationNs(self.precommit_ns + round_ * self.precommit_delta_ns)
            case Step.NEW_HEIGHT:
                return self.commit_ns
            case Step.NEW_ROUND:
                return self.create_empty_blocks_interval_ns
            case Step.PREVOTE | Step.PRECOMMIT | Step.COMMIT:
                raise AssertionError(f"step {step.name} has no timeout")
