"""What the node needs from outside itself: the application, and where its bytes are kept.

The application is ABCI 2.0-shaped (``chainkit.runtime.application.Application`` fits): the
node calls it from the thread of the event loop only, one call at a time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from chainkit.formats.tendermint.types import ConsensusParams
from chainkit.primitives.types import Address, BlockHeight, TimestampNs
from chainkit.runtime.context import LastVote, Misbehaviour
from chainkit.runtime.events import Event
from chainkit.runtime.module import ValidatorUpdate
from relay_chain.node.genesis import Genesis


@dataclass(frozen=True, slots=True)
class TxResult:
    """What a transaction did (ABCI ``ExecTxResult`` and ``ResponseCheckTx``)."""

    code: int = 0
    data: bytes = b""
    log: str = ""
    gas_wanted: int = 0
    gas_used: int = 0
    events: tuple[Event, ...] = ()
    codespace: str = ""


@dataclass(frozen=True, slots=True)
class ProofOp:
    """One step of a proof (``tendermint.crypto.ProofOp``)."""

    type: str
    key: bytes
    data: bytes


@dataclass(frozen=True, slots=True)
class QueryResult:
    """An answer about the state (ABCI ``ResponseQuery``)."""

    code: int = 0
    log: str = ""
    key: bytes = b""
    value: bytes = b""
    height: BlockHeight = BlockHeight(0)
    proof_ops: tuple[ProofOp, ...] = ()
    codespace: str = ""


@dataclass(frozen=True, slots=True)
class ApplicationInfo:
    """Where the application is (ABCI ``ResponseInfo``); height 0 before its first commit."""

    data: str
    version: str
    app_version: int
    last_block_height: BlockHeight
    last_block_app_hash: bytes


@dataclass(frozen=True, slots=True)
class InitChainResult:
    """The application's first answer (ABCI ``ResponseInitChain``)."""

    validators: tuple[ValidatorUpdate, ...] = ()
    """Empty: those of genesis stand."""
    app_hash: bytes = b""
    consensus_params: ConsensusParams | None = None


@dataclass(frozen=True, slots=True)
class FinalizeBlockRequest:
    """A decided block (ABCI ``RequestFinalizeBlock``)."""

    height: BlockHeight
    time: TimestampNs
    proposer_address: Address
    txs: tuple[bytes, ...]
    last_votes: tuple[LastVote, ...] = ()
    misbehaviour: tuple[Misbehaviour, ...] = ()
    block_hash: bytes = b""


@dataclass(frozen=True, slots=True)
class FinalizeBlockResult:
    """What a block did (ABCI ``ResponseFinalizeBlock``)."""

    events: tuple[Event, ...] = ()
    tx_results: tuple[TxResult, ...] = ()
    validator_updates: tuple[ValidatorUpdate, ...] = ()
    consensus_param_updates: ConsensusParams | None = None
    app_hash: bytes = b""


@dataclass(frozen=True, slots=True)
class ProposedBlock:
    """A block that is proposed (ABCI ``RequestProcessProposal``)."""

    height: BlockHeight
    time: TimestampNs
    proposer_address: Address
    txs: tuple[bytes, ...] = field(default=())


class Application(Protocol):
    """The replicated application."""

    def info(self) -> ApplicationInfo:
        """Return the height and hash of the last commit."""
        ...

    def init_chain(self, genesis: Genesis) -> InitChainResult:
        """Begin from genesis; may be called again until the first commit."""
        ...

    def check_tx(self, tx: bytes, *, recheck: bool) -> TxResult:
        """Judge a transaction for the mempool; never raises for a bad one."""
        ...

    def prepare_proposal(
        self, txs: Sequence[bytes], *, max_bytes: int, height: BlockHeight, time: TimestampNs
    ) -> tuple[bytes, ...]:
        """Choose the transactions of this node's block, in order."""
        ...

    def process_proposal(self, block: ProposedBlock) -> bool:
        """Return whether a proposed block is acceptable; deterministic."""
        ...

    def finalize_block(self, request: FinalizeBlockRequest) -> FinalizeBlockResult:
        """Execute a decided block; nothing is durable before :meth:`commit`."""
        ...

    def commit(self) -> BlockHeight:
        """Make the block's state durable; return below which height blocks may be dropped."""
        ...

    def query(self, path: str, data: bytes, *, height: BlockHeight, prove: bool) -> QueryResult:
        """Answer about the state at ``height`` (0: the last); never raises for a bad query."""
        ...
