"""The requests and answers of ABCI 2.0 that ``chainkit.runtime.abci`` does not name already.

What consensus tells an application besides - extended commits, the engine's versions - is
read and dropped: nothing here decides by it.
"""

from dataclasses import dataclass

from chainkit.primitives.types import BlockHeight, TimestampNs
from chainkit.runtime.abci import (
    ApplicationInfo,
    FinalizeBlockRequest,
    FinalizeBlockResult,
    InitChainResult,
    ProposedBlock,
    QueryResult,
    TxResult,
)
from relay_chain.node.genesis import Genesis
from relay_chain.node.snapshots import ChunkAnswer, OfferVerdict, Snapshot

# --- requests ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EchoRequest:
    """Asks for the same text."""

    message: str


@dataclass(frozen=True, slots=True)
class FlushRequest:
    """Asks that all answers before it be sent."""


@dataclass(frozen=True, slots=True)
class InfoRequest:
    """Asks where the application is; ``version`` is the engine's."""

    version: str = ""


@dataclass(frozen=True, slots=True)
class InitChainRequest:
    """Begins a chain."""

    genesis: Genesis


@dataclass(frozen=True, slots=True)
class QueryRequest:
    """Asks about the state."""

    path: str
    data: bytes
    height: BlockHeight
    prove: bool


@dataclass(frozen=True, slots=True)
class CheckTxRequest:
    """Asks whether a transaction may enter, or stay in, the mempool."""

    tx: bytes
    recheck: bool = False


@dataclass(frozen=True, slots=True)
class PrepareProposalRequest:
    """Asks which transactions a proposal shall hold."""

    txs: tuple[bytes, ...]
    max_bytes: int
    height: BlockHeight
    time: TimestampNs


@dataclass(frozen=True, slots=True)
class ExtendVoteRequest:
    """Asks for the extension of a precommit."""

    height: BlockHeight


@dataclass(frozen=True, slots=True)
class VerifyVoteExtensionRequest:
    """Asks whether another validator's extension is acceptable."""

    height: BlockHeight
    extension: bytes


@dataclass(frozen=True, slots=True)
class CommitRequest:
    """Asks to keep the executed block."""


@dataclass(frozen=True, slots=True)
class ListSnapshotsRequest:
    """Asks what can be fetched."""


@dataclass(frozen=True, slots=True)
class OfferSnapshotRequest:
    """Offers a peer's snapshot."""

    snapshot: Snapshot
    app_hash: bytes


@dataclass(frozen=True, slots=True)
class LoadSnapshotChunkRequest:
    """Asks for a chunk."""

    height: int
    format: int
    chunk: int


@dataclass(frozen=True, slots=True)
class ApplySnapshotChunkRequest:
    """Brings a chunk that a peer sent."""

    index: int
    chunk: bytes
    sender: str


Request = (
    EchoRequest
    | FlushRequest
    | InfoRequest
    | InitChainRequest
    | QueryRequest
    | CheckTxRequest
    | PrepareProposalRequest
    | ProposedBlock
    | ExtendVoteRequest
    | VerifyVoteExtensionRequest
    | FinalizeBlockRequest
    | CommitRequest
    | ListSnapshotsRequest
    | OfferSnapshotRequest
    | LoadSnapshotChunkRequest
    | ApplySnapshotChunkRequest
)

# --- answers ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ExceptionAnswer:
    """The request was refused; the engine stops at it."""

    error: str


@dataclass(frozen=True, slots=True)
class EchoAnswer:
    """The same text."""

    message: str


@dataclass(frozen=True, slots=True)
class FlushAnswer:
    """All before it was sent."""


@dataclass(frozen=True, slots=True)
class CheckTxAnswer:
    """The verdict of a transaction."""

    result: TxResult


@dataclass(frozen=True, slots=True)
class PrepareProposalAnswer:
    """The transactions of the proposal, in order."""

    txs: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ProcessProposalAnswer:
    """Whether the block may be voted for."""

    accepted: bool


@dataclass(frozen=True, slots=True)
class ExtendVoteAnswer:
    """The extension."""

    extension: bytes = b""


@dataclass(frozen=True, slots=True)
class VerifyVoteExtensionAnswer:
    """Whether the extension is acceptable."""

    accepted: bool


@dataclass(frozen=True, slots=True)
class CommitAnswer:
    """Kept; blocks below ``retain_height`` may be dropped, 0 drops none."""

    retain_height: BlockHeight


@dataclass(frozen=True, slots=True)
class ListSnapshotsAnswer:
    """What can be fetched."""

    snapshots: tuple[Snapshot, ...] = ()


@dataclass(frozen=True, slots=True)
class LoadSnapshotChunkAnswer:
    """The chunk; empty where it is not here."""

    chunk: bytes


Answer = (
    ExceptionAnswer
    | EchoAnswer
    | FlushAnswer
    | ApplicationInfo
    | InitChainResult
    | QueryResult
    | CheckTxAnswer
    | PrepareProposalAnswer
    | ProcessProposalAnswer
    | ExtendVoteAnswer
    | VerifyVoteExtensionAnswer
    | FinalizeBlockResult
    | CommitAnswer
    | ListSnapshotsAnswer
    | OfferVerdict
    | LoadSnapshotChunkAnswer
    | ChunkAnswer
)
