"""What the machine knows between two inputs, and the working copy of one step."""

from collections.abc import Mapping
from dataclasses import dataclass

from chainkit.formats.tendermint.types import (
    Block,
    BlockId,
    Proposal,
    Validator,
    ValidatorSet,
    VoteType,
)
from chainkit.formats.tendermint.validator_set import increment_proposer_priority, proposer
from chainkit.primitives.records import record
from chainkit.primitives.types import Address, BlockHeight, Round, VotingPower
from relay_chain.consensus.lock_rule import KEEP_LOCK, LockRule
from relay_chain.consensus.messages import NO_ROUND, Effect, Step, Timeouts
from relay_chain.consensus.round import INITIAL, RoundState
from relay_chain.consensus.votes import Electorate, HeightVotes, RoundVotes, new_height_votes


@dataclass(frozen=True, slots=True)
class KnownBlock:
    """A whole block, and whether this node finds it valid."""

    block: Block
    is_valid: bool


@dataclass(frozen=True, slots=True)
class HeightContext:
    """What does not change within a height."""

    own_address: Address | None
    own_index: int | None
    """Of this node among ``validators``; None for a node that only follows."""
    timeouts: Timeouts
    rule: LockRule
    height: BlockHeight
    validators: ValidatorSet
    electorate: Electorate
    last_validators: ValidatorSet | None
    needs_proof_block: bool


@record
class ConsensusState:
    """Everything the machine knows of its height; reactors read it, nobody changes it."""

    context: HeightContext
    rounds: RoundState
    votes: HeightVotes
    last_commit: RoundVotes | None
    """Precommits of ``height - 1``, late ones gathered while the step is NEW_HEIGHT."""
    proposals: Mapping[Round, Proposal]
    """The first proposal of this round, and of the next."""
    blocks: Mapping[BlockId, KnownBlock]
    round_validators: ValidatorSet
    """The validators with the proposer priorities of the present round."""
    fetching: BlockId | None
    """A block that +2/3 voted for and that is not here."""
    commit_round: Round
    """Round whose +2/3 precommits for a block were seen; voting has then stopped."""
    decided: bool
    """Nothing more happens at this height."""
    txs_available: bool
    reported: frozenset[tuple[int, Round, VoteType]]
    """Equivocations already reported, by validator index."""

    @property
    def height(self) -> BlockHeight:
        """The height being decided; 0 before the first ``StartHeight``."""
        return self.context.height

    @property
    def round(self) -> Round:
        """The present round."""
        return self.rounds.round

    @property
    def proposal(self) -> Proposal | None:
        """The proposal of the present round."""
        return self.proposals.get(self.rounds.round)

    @property
    def step(self) -> Step:
        """The step as CometBFT counts it, the waits and COMMIT included."""
        return wire_step(self.rounds, self.commit_round)


def new_machine(
    own_address: Address | None, timeouts: Timeouts, rule: LockRule = KEEP_LOCK
) -> ConsensusState:
    """Return a machine that waits for its first ``StartHeight``."""
    nobody = Electorate((), (), VotingPower(0), 1)
    height = BlockHeight(0)
    context = HeightContext(
        own_address, None, timeouts, rule, height, ValidatorSet(()), nobody, None, False
    )
    return fresh_state(context, None, decided=True)


def fresh_state(
    context: HeightContext, last_commit: RoundVotes | None, *, decided: bool
) -> ConsensusState:
    """Return a height at its beginning."""
    return ConsensusState(
        context,
        INITIAL,
        new_height_votes(context.height, context.electorate),
        last_commit,
        {},
        {},
        context.validators,
        None,
        NO_ROUND,
        decided,
        False,
        frozenset(),
    )


def proposer_at(state: ConsensusState, round_: Round) -> Validator:
    """Return whose proposal counts in a round, the present one or later."""
    times = round_ - state.rounds.round
    assert times >= 0
    return proposer(rotated(state.round_validators, times))


def validators_for(state: ConsensusState, height: BlockHeight) -> ValidatorSet | None:
    """Return whose votes of a height this machine takes; None for other heights."""
    if height == state.context.height:
        return state.context.validators
    if height == state.context.height - 1:
        return state.context.last_validators
    return None


def rotated(validators: ValidatorSet, times: int) -> ValidatorSet:
    """Return the set that many rounds later."""
    return increment_proposer_priority(validators, times) if times else validators


def wire_step(rounds: RoundState, commit_round: Round) -> Step:
    """Return the step as CometBFT counts it."""
    if commit_round >= 0:
        return Step.COMMIT
    if rounds.step is Step.PREVOTE and rounds.prevote_wait:
        return Step.PREVOTE_WAIT
    if rounds.step is Step.PRECOMMIT and rounds.precommit_wait:
        return Step.PRECOMMIT_WAIT
    return rounds.step


class Turn:
    """One step's working copy of the state; never leaves ``step``.

    Mutable because a step can run several clauses of the algorithm: copying the whole
    state for each would cost half of the time of a simulated block.
    """

    __slots__ = (
        "blocks",
        "commit_round",
        "context",
        "decided",
        "effects",
        "fetching",
        "last_commit",
        "proposals",
        "reported",
        "rests",
        "round_validators",
        "rounds",
        "syncs",
        "txs_available",
        "votes",
    )

    def __init__(self, state: ConsensusState) -> None:
        self.context = state.context
        self.rounds = state.rounds
        self.votes = state.votes
        self.last_commit = state.last_commit
        self.proposals = state.proposals
        self.blocks = state.blocks
        self.round_validators = state.round_validators
        self.fetching = state.fetching
        self.commit_round = state.commit_round
        self.decided = state.decided
        self.txs_available = state.txs_available
        self.reported = state.reported
        self.effects: list[Effect] = []
        self.rests = False
        """No clause can hold that did not hold before the input."""
        self.syncs = False
        """The input must be on disk first: something is signed, or it is our own."""

    def freeze(self) -> ConsensusState:
        """Return the state after the step."""
        return ConsensusState(
            self.context,
            self.rounds,
            self.votes,
            self.last_commit,
            self.proposals,
            self.blocks,
            self.round_validators,
            self.fetching,
            self.commit_round,
            self.decided,
            self.txs_available,
            self.reported,
        )
