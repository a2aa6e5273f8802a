"""Drives the application by another engine's calls; our own engine's driver is the executor.

The application is the same object in both. Whatever an engine asks out of order is refused
here, before the application is touched. A block that was executed and not committed is
forgotten when the next one begins or the process ends, so an engine that was killed between
any two calls finds the last commit, and replays from there.
"""

from chainkit.primitives.errors import OperationFailed, RuleBroken
from chainkit.primitives.types import BlockHeight
from chainkit.runtime.abci import FinalizeBlockRequest, ProposedBlock
from relay_chain.abci.errors import NoSnapshots, OtherGenesis, OutOfOrder
from relay_chain.abci.messages import (
    Answer,
    ApplySnapshotChunkRequest,
    CheckTxAnswer,
    CheckTxRequest,
    CommitAnswer,
    CommitRequest,
    EchoAnswer,
    EchoRequest,
    ExceptionAnswer,
    ExtendVoteAnswer,
    ExtendVoteRequest,
    FlushAnswer,
    FlushRequest,
    InfoRequest,
    InitChainRequest,
    ListSnapshotsAnswer,
    ListSnapshotsRequest,
    LoadSnapshotChunkAnswer,
    LoadSnapshotChunkRequest,
    OfferSnapshotRequest,
    PrepareProposalAnswer,
    PrepareProposalRequest,
    ProcessProposalAnswer,
    QueryRequest,
    Request,
    VerifyVoteExtensionAnswer,
    VerifyVoteExtensionRequest,
)
from relay_chain.node.crash_points import reach
from relay_chain.node.genesis import Genesis
from relay_chain.node.ports import Application
from relay_chain.node.snapshots import ChunkVerdict, SnapshotService


class AbciDriver:
    """Mutable: it knows where between InitChain and Commit the engine is.

    Args:
        application: Called from one thread, one call at a time.
        genesis: Of the application's home; InitChain must bring the same chain.
        snapshots: Where they are served and restored; None refuses by name.
    """

    def __init__(
        self, application: Application, genesis: Genesis, snapshots: SnapshotService | None = None
    ) -> None:
        self._application = application
        self._genesis = genesis
        self._snapshots = snapshots
        self._height = application.info().last_block_height
        self._has_begun = self._height > 0
        self._executed: BlockHeight | None = None

    def answer(self, request: Request) -> Answer:
        """Return the answer; a refusal is an :class:`ExceptionAnswer` that names its reason."""
        if self._snapshots is not None:
            self._snapshots.work()
        name = type(request).__name__
        reach(f"abci.{name}.asked")
        try:
            answer = self._answer(request)
        except (RuleBroken, OperationFailed) as refusal:
            answer = ExceptionAnswer(str(refusal))
        reach(f"abci.{name}.answered")
        return answer

    def _answer(self, request: Request) -> Answer:
        match request:
            case EchoRequest(message):
                return EchoAnswer(message)
            case FlushRequest():
                return FlushAnswer()
            case InfoRequest():
                return self._application.info()
            case QueryRequest(path, data, height, prove):
                return self._application.query(path, data, height=height, prove=prove)
            case CheckTxRequest(tx, recheck):
                self._need_begun("CheckTx")
                return CheckTxAnswer(self._application.check_tx(tx, recheck=recheck))
            case (
                ListSnapshotsRequest()
                | OfferSnapshotRequest()
                | LoadSnapshotChunkRequest()
                | ApplySnapshotChunkRequest()
            ):
                return self._answer_snapshots(request)
            case _:
                return self._answer_consensus(request)

    def _answer_consensus(
        self,
        request: InitChainRequest
        | PrepareProposalRequest
        | ProposedBlock
        | ExtendVoteRequest
        | VerifyVoteExtensionRequest
        | FinalizeBlockRequest
        | CommitRequest,
    ) -> Answer:
        match request:
            case InitChainRequest(genesis):
                return self._begin(genesis)
            case PrepareProposalRequest(txs, max_bytes, height, time):
                self._need_next("PrepareProposal", height)
                return PrepareProposalAnswer(
                    self._application.prepare_proposal(
                        txs, max_bytes=max_bytes, height=height, time=time
                    )
                )
            case ProposedBlock():
                self._need_next("ProcessProposal", request.height)
                return ProcessProposalAnswer(self._application.process_proposal(request))
            case ExtendVoteRequest():
                # Our votes carry no extensions, and nobody else's may.
                return ExtendVoteAnswer()
            case VerifyVoteExtensionRequest(_, extension):
                return VerifyVoteExtensionAnswer(not extension)
            case FinalizeBlockRequest():
                self._need_next("FinalizeBlock", request.height)
                self._executed = None
                result = self._application.finalize_block(request)
                self._executed = request.height
                return result
            case CommitRequest():
                return self._commit()

    def _begin(self, genesis: Genesis) -> Answer:
        if self._height:
            raise OutOfOrder(call="InitChain", reason=f"the chain has {self._height} blocks")
        ours = self._genesis
        for what in ("chain_id", "initial_height", "genesis_time", "app_state"):
            if getattr(genesis, what) != getattr(ours, what):
                raise OtherGenesis(what=what)
        self._executed = None
        result = self._application.init_chain(genesis)
        self._has_begun = True
        return result

    def _commit(self) -> CommitAnswer:
        executed = self._executed
        if executed is None:
            raise OutOfOrder(call="Commit", reason="no block was executed since the last commit")
        self._executed = None
        retain_height = self._application.commit()
        self._height = executed
        if self._snapshots is not None:
            self._snapshots.committed(executed)
        return CommitAnswer(retain_height)

    def _need_begun(self, call: str) -> None:
        if not self._has_begun:
            raise OutOfOrder(call=call, reason="InitChain comes first")

    def _need_next(self, call: str, height: int) -> None:
        self._need_begun(call)
        if height != self._height + 1:
            raise OutOfOrder(
                call=call, reason=f"height {height}, the next block is {self._height + 1}"
            )

    # --- snapshots ----------------------------------------------------------------------

    def _answer_snapshots(
        self,
        request: ListSnapshotsRequest
        | OfferSnapshotRequest
        | LoadSnapshotChunkRequest
        | ApplySnapshotChunkRequest,
    ) -> Answer:
        snapshots = self._snapshots
        match request:
            case ListSnapshotsRequest():
                return ListSnapshotsAnswer(() if snapshots is None else snapshots.list_snapshots())
            case LoadSnapshotChunkRequest(height, number, index):
                chunk = b"" if snapshots is None else snapshots.load_chunk(height, number, index)
                return LoadSnapshotChunkAnswer(chunk)
            case OfferSnapshotRequest(snapshot, app_hash):
                if snapshots is None:
                    raise NoSnapshots
                return snapshots.offer(snapshot, app_hash)
            case ApplySnapshotChunkRequest(index, chunk, sender):
                if snapshots is None:
                    raise NoSnapshots
                answer = snapshots.apply_chunk(index, chunk, sender)
                if answer.verdict is ChunkVerdict.ACCEPT:
                    self._height = self._application.info().last_block_height
                    self._has_begun = self._has_begun or self._height > 0
                return answer
