"""The machine's state, and the copy of it that one step works on."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from chainkit.primitives.types import Address, BlockHeight, DurationNs, Hash32, Round
from parachains.account.consensus.limits import MAX_TIMEOUT_DOUBLINGS
from parachains.account.consensus.messages import (
    NO_ROUND,
    CommitPayload,
    Effect,
    Message,
    MessageReceived,
    PreparePayload,
    Proposal,
    RoundChange,
    SealableBlock,
    Signed,
)
from parachains.account.consensus.validators import proposer_at, quorum_of, weak_quorum_of


@dataclass(frozen=True, slots=True)
class Parameters:
    """What the operator chooses."""

    own_address: Address | None
    """None follows without signing."""
    request_timeout_ns: DurationNs = DurationNs(1_000_000_000)
    """Wait of round 0 (Besu ``requesttimeoutseconds``); doubles with each round."""
    resend_ns: DurationNs = DurationNs(1_000_000_000)
    """How often a stuck node repeats what it said in its round."""

    def timeout_ns(self, round_: Round) -> DurationNs:
        """Return how long to wait in a round (Besu ``BftRoundExpiryTimeCalculator``)."""
        return DurationNs(self.request_timeout_ns << min(round_, MAX_TIMEOUT_DOUBLINGS))


@dataclass(frozen=True, slots=True)
class HeightContext:
    """What does not change within a height."""

    parameters: Parameters
    height: BlockHeight
    validators: tuple[Address, ...]
    parent_coinbase: Address

    @property
    def quorum(self) -> int:
        """How many validators decide."""
        return quorum_of(len(self.validators))

    @property
    def weak_quorum(self) -> int:
        """How many validators have a correct one among them."""
        return weak_quorum_of(len(self.validators))

    @property
    def is_validator(self) -> bool:
        """Whether this node signs at this height."""
        return self.parameters.own_address in self.validators

    def proposer(self, round_: Round) -> Address:
        """Return whose turn a round is."""
        return proposer_at(self.validators, self.parent_coinbase, round_)

    def is_own_turn(self, round_: Round) -> bool:
        """Return whether this node proposes in a round."""
        return self.is_validator and self.proposer(round_) == self.parameters.own_address


@dataclass(frozen=True, slots=True)
class PreparedCertificate:
    """A block, and the quorum of prepares for it in a round."""

    round: Round
    block: SealableBlock
    """The round in its extra data may be another."""
    prepares: tuple[Signed[PreparePayload], ...]


PreparesByRound = Mapping[Round, Mapping[Address, Signed[PreparePayload]]]
CommitsByRound = Mapping[Round, Mapping[Address, Signed[CommitPayload]]]


@dataclass(frozen=True, slots=True)
class QbftState:
    """Everything that the machine knows; compares by value."""

    context: HeightContext
    round: Round = NO_ROUND
    proposal: Proposal | None = None
    """The round's, found valid."""
    pending: Proposal | None = None
    """Justified, of this or a later round, its block not yet judged."""
    verdicts: Mapping[Hash32, bool] = field(default_factory=dict)
    """Blocks that were judged, by their hash."""
    prepares: PreparesByRound = field(default_factory=dict)
    """Of this round and later ones."""
    commits: CommitsByRound = field(default_factory=dict)
    round_changes: Mapping[Address, RoundChange] = field(default_factory=dict)
    """The latest of each validator, for this round or a later one."""
    prepared: PreparedCertificate | None = None
    """Of the latest round in which this node saw a quorum of prepares."""
    has_acted: bool = False
    """As proposer of the round: proposed, or asked for a block."""
    mandate: tuple[RoundChange, ...] = ()
    """The round changes with which this node proposes in the round."""
    own: tuple[Message, ...] = ()
    """What this node said in the round."""
    reported: frozenset[tuple[Address, Round, type[object]]] = frozenset()
    """Equivocations that were reported."""
    decided: bool = False
    future: tuple[MessageReceived, ...] = ()
    """Messages for later heights; lost in a restart, and sent again."""

    @property
    def height(self) -> BlockHeight:
        """The height that is being decided."""
        return self.context.height

    @property
    def has_prepared_here(self) -> bool:
        """Whether a quorum of prepares was seen in this round."""
        return self.prepared is not None and self.prepared.round == self.round


def fresh_state(context: HeightContext, future: tuple[MessageReceived, ...] = ()) -> QbftState:
    """Return the state at the beginning of a height."""
    return QbftState(context, future=future)


class Turn:
    """The state while one step works on it. Mutable: the step's own copy."""

    __slots__ = (
        "commits",
        "context",
        "decided",
        "effects",
        "future",
        "has_acted",
        "mandate",
        "own",
        "pending",
        "prepared",
        "prepares",
        "proposal",
        "reported",
        "round",
        "round_changes",
        "verdicts",
    )

    def __init__(self, state: QbftState) -> None:
        self.context = state.context
        self.round = state.round
        self.proposal = state.proposal
        self.pending = state.pending
        self.verdicts = state.verdicts
        self.prepares = state.prepares
        self.commits = state.commits
        self.round_changes = state.round_changes
        self.prepared = state.prepared
        self.has_acted = state.has_acted
        self.mandate = state.mandate
        self.own = state.own
        self.reported = state.reported
        self.decided = state.decided
        self.future = state.future
        self.effects: list[Effect] = []

    def freeze(self) -> QbftState:
        """Return the state after the step."""
        return QbftState(
            context=self.context,
            round=self.round,
            proposal=self.proposal,
            pending=self.pending,
            verdicts=self.verdicts,
            prepares=self.prepares,
            commits=self.commits,
            round_changes=self.round_changes,
            prepared=self.prepared,
            has_acted=self.has_acted,
            mandate=self.mandate,
            own=self.own,
            reported=self.reported,
            decided=self.decided,
            future=self.future,
        )
