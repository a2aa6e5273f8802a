"""What the reactors need of the rest of the node.

The node's consensus shell, stores, mempool and evidence pool implement these. Sets of
indices (votes, parts) cross as *masks*: integers whose bit ``i`` says that index ``i`` is
there. All plain methods are called on the event loop and must answer from memory or from
one indexed read; whatever may wait is ``async``.

The other direction, by method of the reactors (see their modules):

* ``ConsensusReactor.announce(effect)`` for each ``AnnounceStep``, ``AnnounceVote`` and
  ``AnnounceValidBlock`` of the machine, in order; ``ConsensusReactor.wake()`` after
  anything else that peers may lack: a proposal, a block part, a vote of the last commit.
* ``MempoolReactor.wake()`` after a transaction entered; ``EvidenceReactor.wake()`` after
  evidence became pending.
"""

from dataclasses import dataclass
from typing import Protocol

from chainkit.formats.tendermint.types import (
    Block,
    BlockId,
    Commit,
    Evidence,
    Part,
    PartSetHeader,
    Proposal,
    ValidatorSet,
    Vote,
    VoteType,
)
from chainkit.primitives.types import BlockHeight, ChainId, Round
from relay_chain.consensus.messages import (
    MajorityClaimed,
    PeerId,
    ProposalReceived,
    Step,
    VoteReceived,
)


class VoteSetView(Protocol):
    """The votes of one height, round and type as they are now."""

    @property
    def height(self) -> BlockHeight:
        """Height that all votes are for."""

    @property
    def round(self) -> Round:
        """Round that all votes are for."""

    @property
    def type(self) -> VoteType:
        """Prevotes or precommits."""

    @property
    def size(self) -> int:
        """How many validators the set of this height has."""

    def mask(self) -> int:
        """Return which validators have a vote here."""

    def mask_for(self, block_id: BlockId) -> int:
        """Return which validators voted for ``block_id`` (which may be nil)."""

    def vote(self, index: int) -> Vote | None:
        """Return the vote of the validator at ``index``."""

    def majority(self) -> BlockId | None:
        """Return what more than two thirds of the power voted for, which may be nil's id."""


class PartSetView(Protocol):
    """The parts gathered of the block that this round is about."""

    @property
    def header(self) -> PartSetHeader:
        """Which part set is gathered."""

    def mask(self) -> int:
        """Return which parts are here."""

    def part(self, index: int) -> Part | None:
        """Return a part."""


@dataclass(frozen=True, slots=True)
class RoundView:
    """Where this node's consensus is; made anew for every call, cheaply."""

    height: BlockHeight
    round: Round
    step: Step
    last_commit_round: Round
    """-1 at the initial height."""
    seconds_since_start: int
    validator_count: int
    last_validator_count: int
    """Size of the set of ``height - 1``; 0 at the initial height."""
    proposal: Proposal | None
    parts: PartSetView | None
    last_commit: VoteSetView | None
    """Precommits of ``height - 1``; None at the initial height."""


@dataclass(frozen=True, slots=True)
class PartReceived:
    """A block part from a peer; only its shape was checked, not its proof."""

    height: BlockHeight
    round: Round
    part: Part
    peer_id: PeerId


PeerInput = ProposalReceived | PartReceived | VoteReceived | MajorityClaimed
"""What the consensus reactor hands over; signatures and proofs are not yet checked."""


class ConsensusPort(Protocol):
    """The consensus shell, as its reactor sees it."""

    @property
    def initial_height(self) -> BlockHeight:
        """First height of the chain."""

    @property
    def max_block_bytes(self) -> int:
        """``block.max_bytes`` of the current parameters; -1 for the protocol's limit."""

    def view(self) -> RoundView:
        """Return where consensus is now."""

    def votes(self, round_: Round, type_: VoteType) -> VoteSetView | None:
        """Return a vote set of the current height; None for a round it does not track."""

    async def submit(self, message: PeerInput) -> None:
        """Queue a peer's message; waits while the queue is full, which slows that peer."""


class BlockStorePort(Protocol):
    """Stored blocks, for peers that are behind."""

    def base(self) -> BlockHeight:
        """Return the lowest height kept; 0 for an empty store."""

    def height(self) -> BlockHeight:
        """Return the highest height stored; 0 for an empty store."""

    def block_id(self, height: BlockHeight) -> BlockId | None:
        """Return the id of a stored block."""

    def block_bytes(self, height: BlockHeight) -> bytes | None:
        """Return a stored block as its protobuf bytes."""

    def part(self, height: BlockHeight, index: int) -> Part | None:
        """Return one part of a stored block."""

    def commit(self, height: BlockHeight) -> Commit | None:
        """Return precommits that decided ``height``: the next block's, else the seen ones."""


class BlockSyncPort(Protocol):
    """The executor, while blocks are fetched instead of agreed on."""

    @property
    def chain_id(self) -> ChainId:
        """Chain id, for the commits' sign-bytes."""

    def last_height(self) -> BlockHeight:
        """Return the height that was applied last; ``initial_height - 1`` before the first."""

    def validators(self) -> ValidatorSet:
        """Return the set that must have signed height ``last_height() + 1``."""

    async def apply(
        self, block: Block, block_id: BlockId, parts: tuple[Part, ...], seen_commit: Commit
    ) -> None:
        """Validate, save and execute a block whose commit was verified.

        Raises:
            RuleBroken: The block breaks a rule of validity; nothing was changed.
        """

    async def caught_up(self, blocks_synced: int) -> None:
        """Go on with consensus; called once, when no peer is ahead any more."""


@dataclass(frozen=True, slots=True)
class MempoolEntry:
    """A transaction that waits for a block."""

    position: int
    """Grows with each transaction that enters; never used twice."""
    tx: bytes
    height: BlockHeight
    """Height at which it was accepted."""
    senders: frozenset[PeerId]
    """Peers known to have it, since they sent it."""


class MempoolPort(Protocol):
    """The mempool, as its reactor sees it."""

    async def add_from_peer(self, tx: bytes, sender: PeerId) -> None:
        """Check a peer's transaction and keep it if it is good; never raises for a bad one."""

    def next_after(self, position: int) -> MempoolEntry | None:
        """Return the first waiting transaction with a greater position."""


class EvidencePort(Protocol):
    """The evidence pool, as its reactor sees it."""

    @property
    def max_age_blocks(self) -> int:
        """``evidence.max_age_num_blocks`` of the current parameters."""

    def pending(self) -> tuple[Evidence, ...]:
        """Return evidence that waits for a block, oldest first."""

    def add(self, evidence: Evidence) -> None:
        """Verify evidence from a peer and keep it; known or committed evidence is no error.

        Raises:
            RuleBroken: It is invalid: the peer is dropped.
            OperationFailed: It cannot be judged yet (for example a height still unknown).
        """


class PeerHeights(Protocol):
    """How far peers are; the consensus reactor knows."""

    def peer_height(self, peer_id: PeerId) -> BlockHeight | None:
        """Return the height that a peer works on; None before it said so."""
