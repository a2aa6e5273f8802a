"""What the node needs from outside itself: the application, and where its bytes are kept.

The application is ABCI 2.0-shaped (``chainkit.runtime.application.Application`` fits): the
node calls it from the thread of the event loop only, one call at a time.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from chainkit.commitments.database import KeyValueDatabase
from chainkit.primitives.types import BlockHeight, TimestampNs
from chainkit.runtime.abci import (
    ApplicationInfo,
    FinalizeBlockRequest,
    FinalizeBlockResult,
    InitChainResult,
    ProofOp,
    ProposedBlock,
    QueryResult,
    TxResult,
)
from chainkit.runtime.messages import QueryRoute
from relay_chain.node.genesis import Genesis

__all__ = [
    "Application",
    "ApplicationInfo",
    "ChainDatabase",
    "FinalizeBlockRequest",
    "FinalizeBlockResult",
    "InitChainResult",
    "ProofOp",
    "ProposedBlock",
    "QueryResult",
    "TxResult",
]


class ChainDatabase(KeyValueDatabase, Protocol):
    """Where blocks and states are kept: a database that can put off the wait for the disk."""

    def write_later(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Apply all changes for readers at once, and on disk together with the next ``write``.

        A crash before that loses them all, as if they had never been written.
        """
        ...


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

    def query_routes(self) -> tuple[QueryRoute, ...]:
        """Return the gRPC methods that :meth:`query` answers."""
        ...

    def query(self, path: str, data: bytes, *, height: BlockHeight, prove: bool) -> QueryResult:
        """Answer about the state at ``height`` (0: the last); never raises for a bad query."""
        ...
