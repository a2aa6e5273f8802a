"""What goes into the QBFT machine and what comes out.

The machine is ``parachains.account.consensus.machine.step(state, input) -> (state, effects)``.
The shell performs the effects in the order given: that order is law,
``AppendToWal`` (synced) -> ``Sign`` -> ``Broadcast``.

Who checks what:

* The shell decodes (``codec.decode_message``), which recovers the author of every signed payload
  in a message from its signature, nested ones included, and checks that a commit's seal is its
  author's. A message that decodes therefore says nothing about whether its author may speak.
* The machine checks everything else: authors, heights, rounds, digests, justifications. What
  it refuses it names in ``ReportInvalid``.
* Whether a block is valid the machine asks by ``JudgeBlock``; it prepares none before the answer.

A ``Sign`` comes back as ``MessageReceived`` from ``SELF`` (``codec.sign_draft`` makes the
message); if the key refuses (``signing.authorize``), nothing comes back and the machine waits
for its timeouts. Every input that changes what the machine must not forget appears once in an
``AppendToWal`` of its own step, so feeding the WAL's entries again gives the same state.

Spec:
    Besu, ``consensus/qbft-core`` (payload, messagewrappers, statemachine); "The Istanbul BFT
    consensus algorithm" (arXiv:2002.03613), whose f + 1 rule Besu has as its early round change.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Generic, NewType, Protocol, TypeAlias, TypeVar

from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.records import record
from chainkit.primitives.types import Address, BlockHeight, DurationNs, Hash32, Round, TimestampNs

PeerId = NewType("PeerId", str)
"""A peer's id, for the shell's use; the empty one is this node."""

SELF = PeerId("")
NO_ROUND = Round(-1)
"""Before the height's first round."""


class SealableBlock(Protocol):
    """A block as the machine sees it. It compares and hashes by value.

    The account chain's is ``blocks.EthereumBlock``; the simulator has a small one of its own.
    """

    @property
    def height(self) -> BlockHeight:
        """Its number."""
        ...

    @property
    def coinbase(self) -> Address:
        """Who made it. A block that is proposed again in a later round keeps its maker."""
        ...

    @property
    def round(self) -> Round:
        """The round in its extra data."""
        ...

    @property
    def block_hash(self) -> Hash32:
        """The hash that the chain knows it by: the same in every round."""
        ...

    @property
    def digest(self) -> Hash32:
        """The hash with its round and without seals: what is prepared, committed and sealed."""
        ...

    def with_round(self, round_: Round) -> "SealableBlock":
        """Return the same block for another round."""
        ...

    def encode(self) -> bytes:
        """Return the RLP of the block."""
        ...


class Code(IntEnum):
    """Besu's message codes (``QbftV1``); also what a payload's hash begins with."""

    PROPOSAL = 0x12
    PREPARE = 0x13
    COMMIT = 0x14
    ROUND_CHANGE = 0x15


# --- payloads: what is signed ----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ProposalPayload:
    """A block for a round."""

    height: BlockHeight
    round: Round
    block: SealableBlock


@record
class PreparePayload:
    """Its author found the round's proposal acceptable."""

    height: BlockHeight
    round: Round
    digest: Hash32


@record
class CommitPayload:
    """Its author saw a quorum of prepares; the seal is for the block's extra data."""

    height: BlockHeight
    round: Round
    digest: Hash32
    seal: bytes
    """65 bytes, r, s and recovery id, over ``digest``."""


@record
class PreparedRound:
    """The latest round of the height in which a validator saw a quorum of prepares."""

    round: Round
    digest: Hash32


@record
class RoundChangePayload:
    """Its author gave up on every round before ``round``."""

    height: BlockHeight
    round: Round
    prepared: PreparedRound | None


Payload: TypeAlias = ProposalPayload | PreparePayload | CommitPayload | RoundChangePayload
PayloadT = TypeVar("PayloadT")


@dataclass(frozen=True, slots=True)
class Signed(Generic[PayloadT]):
    """A payload with its signature, and the author that the signature gives."""

    payload: PayloadT
    author: Address
    signature: bytes
    """65 bytes: r, s, recovery id."""


# --- messages: what is sent ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Proposal:
    """A block for a round, with what justifies it from round 1 on."""

    signed: Signed[ProposalPayload]
    round_changes: tuple[Signed[RoundChangePayload], ...] = ()
    prepares: tuple[Signed[PreparePayload], ...] = ()

    @property
    def block(self) -> SealableBlock:
        """The proposed block."""
        return self.signed.payload.block


@dataclass(frozen=True, slots=True)
class Prepare:
    """A prepare by itself."""

    signed: Signed[PreparePayload]


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit by itself."""

    signed: Signed[CommitPayload]


@dataclass(frozen=True, slots=True)
class RoundChange:
    """A round change with its author's prepared block and the prepares for it."""

    signed: Signed[RoundChangePayload]
    block: SealableBlock | None = None
    prepares: tuple[Signed[PreparePayload], ...] = ()


Message: TypeAlias = Proposal | Prepare | Commit | RoundChange


# --- inputs ----------------------------------------------------------------------------


@record
class StartHeight:
    """Begin a height: after a ``Decide`` was applied, a sealed block was imported, or at start.

    Not written to the WAL: it is made from the chain. It may come at any time, with a
    higher height than the machine's.
    """

    height: BlockHeight
    validators: tuple[Address, ...]
    """Who seals this height: distinct, ascending, at least one."""
    parent_coinbase: Address
    """Who made the block before: the proposer of round 0 is the next validator after it."""
    earliest: TimestampNs
    """The parent's time plus the block period: no block is proposed before."""


@record
class BlockTimeReached:
    """The clock passed ``WaitForBlockTime``."""

    height: BlockHeight


@record
class RoundTimedOut:
    """A ``ScheduleTimeout`` ran out. Old ones are ignored, so none need cancelling."""

    height: BlockHeight
    round: Round


@record
class ResendDue:
    """A ``ScheduleResend`` ran out."""

    height: BlockHeight
    round: Round


@record
class MessageReceived:
    """A decoded message; the authors in it are those that the signatures give."""

    message: Message
    peer_id: PeerId


@record
class BlockBuilt:
    """The answer to ``BuildBlock``: this node's own new block, for that round."""

    height: BlockHeight
    round: Round
    block: SealableBlock


@record
class BlockJudged:
    """The answer to ``JudgeBlock``."""

    height: BlockHeight
    block_hash: Hash32
    is_valid: bool


Input: TypeAlias = (
    StartHeight
    | BlockTimeReached
    | RoundTimedOut
    | ResendDue
    | MessageReceived
    | BlockBuilt
    | BlockJudged
)

WalEntry: TypeAlias = BlockTimeReached | RoundTimedOut | MessageReceived | BlockBuilt | BlockJudged
"""What the machine asks to have written: inputs of the current height.

When a block is stored the shell marks its height in the WAL, and replay starts after the mark.
"""


# --- effects ---------------------------------------------------------------------------


@record
class AppendToWal:
    """Write the entry; with ``sync``, flush everything to disk before going on."""

    entry: WalEntry
    sync: bool


@record
class ProposalDraft:
    """A proposal to sign."""

    payload: ProposalPayload
    round_changes: tuple[Signed[RoundChangePayload], ...]
    prepares: tuple[Signed[PreparePayload], ...]


@record
class CommitDraft:
    """A commit to sign: first the seal over ``digest``, then the payload with it."""

    height: BlockHeight
    round: Round
    digest: Hash32


@record
class RoundChangeDraft:
    """A round change to sign."""

    payload: RoundChangePayload
    block: SealableBlock | None
    prepares: tuple[Signed[PreparePayload], ...]


Draft: TypeAlias = ProposalDraft | PreparePayload | CommitDraft | RoundChangeDraft


@record
class Sign:
    """Sign and feed back as ``MessageReceived(message, SELF)``."""

    draft: Draft


@record
class Broadcast:
    """Send this node's own signed message to every validator."""

    message: Message


@record
class WaitForBlockTime:
    """Feed ``BlockTimeReached`` when the clock is at ``not_before``, at once if it is."""

    height: BlockHeight
    not_before: TimestampNs


@record
class ScheduleTimeout:
    """Feed ``RoundTimedOut`` of the same fields after ``duration_ns``."""

    height: BlockHeight
    round: Round
    duration_ns: DurationNs


@record
class ScheduleResend:
    """Feed ``ResendDue`` of the same fields after ``duration_ns``."""

    height: BlockHeight
    round: Round
    duration_ns: DurationNs


@record
class BuildBlock:
    """Build a block for the round on the chain's head and answer with ``BlockBuilt``.

    Its coinbase is this node, its extra data names the height's validators and the round.
    """

    height: BlockHeight
    round: Round


@record
class JudgeBlock:
    """Check the block (header rules, execution, roots; not seals), answer ``BlockJudged``."""

    height: BlockHeight
    block: SealableBlock


@record
class Decide:
    """The height is decided.

    The shell, in this order: stores the block with the seals in its extra data; marks the
    height in the WAL and syncs; applies the block; feeds ``StartHeight``.
    """

    height: BlockHeight
    round: Round
    block: SealableBlock
    """With ``round`` in its extra data."""
    seals: tuple[bytes, ...]
    """At least a quorum, in the order of the validators."""


@record
class Redeliver:
    """Messages that came too early: feed them now, in this order."""

    messages: tuple[MessageReceived, ...]


@record
class ReportEquivocation:
    """One validator signed two prepares, or two commits, of a height and round."""

    first: Prepare | Commit
    second: Prepare | Commit


@record
class ReportInvalid:
    """A peer sent what no correct node sends; nothing changed."""

    peer_id: PeerId
    error: RuleBroken


Effect: TypeAlias = (
    AppendToWal
    | Sign
    | Broadcast
    | WaitForBlockTime
    | ScheduleTimeout
    | ScheduleResend
    | BuildBlock
    | JudgeBlock
    | Decide
    | Redeliver
    | ReportEquivocation
    | ReportInvalid
)
