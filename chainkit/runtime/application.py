"""An application: modules over a multistore, driven by a consensus engine (ABCI 2.0).

Nothing is durable before :meth:`Application.commit`; a block that was executed and not
committed is forgotten when the next one begins. The value at height H is proven under the
app hash in the header of H + 1.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from chainkit.commitments.database import KeyValueDatabase
from chainkit.commitments.multistore import MultiStore
from chainkit.commitments.snapshot import Restorer, export_state
from chainkit.formats.tendermint.codec import decode_consensus_params, encode_consensus_params
from chainkit.formats.tendermint.types import ConsensusParams
from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.hashing import sha256
from chainkit.primitives.limits import MAX_TX_BYTES
from chainkit.primitives.types import BlockHeight, ChainId, TimestampNs
from chainkit.runtime.abci import (
    ApplicationInfo,
    FinalizeBlockRequest,
    FinalizeBlockResult,
    GenesisDocument,
    InitChainResult,
    ProposedBlock,
    QueryResult,
    TxResult,
)
from chainkit.runtime.ante import AnteRules
from chainkit.runtime.context import Context, ExecutionMode
from chainkit.runtime.errors import InvalidHeight, InvalidRequest
from chainkit.runtime.execution import TransactionRunner
from chainkit.runtime.messages import MessageRouter, QueryRoute, QueryRouter
from chainkit.runtime.module import Module, ValidatorUpdate
from chainkit.runtime.queries import answer_query, query_store, refused_query
from chainkit.runtime.services import ServiceInfo, node_routes, simulate_route
from chainkit.runtime.store import MemoryStore, Overlay, ReadStore

_CHAIN_ID_KEY = b"a/chain_id"
_PARAMS_KEY = b"a/params"
_TIME_PREFIX = b"a/time/"
_TIME_BYTES = 16
"""Nanoseconds of the years 1 to 9999 do not fit 8 bytes."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What each node decides for itself."""

    keep_recent: int = 0
    """How many versions of the state are kept; 0 is all."""
    retain_blocks: int = 0
    """How many blocks the application wants kept; 0 is all."""


@dataclass(frozen=True, slots=True)
class _Pending:
    """A block that was executed and not committed."""

    height: BlockHeight
    time: TimestampNs
    params: ConsensusParams


def _time_key(height: int) -> bytes:
    return _TIME_PREFIX + height.to_bytes(8, "big")


class Application:
    """The replicated application; mutable, since it owns the state."""

    def __init__(
        self,
        modules: Sequence[Module],
        database: KeyValueDatabase,
        rules: AnteRules,
        info: ServiceInfo,
        settings: Settings = Settings(),
    ) -> None:
        """Continue from the last commit in ``database``, or wait for :meth:`init_chain`.

        Args:
            modules: In the order in which they begin and end blocks and read genesis.
            database: Where everything is kept.
            rules: Of the ante checks.
            info: What this chain and program call themselves.
            settings: This node's wishes.
        """
        self._modules = tuple(modules)
        names = [module.name for module in modules]
        assert len(set(names)) == len(names)
        self._database = database
        self._stores = MultiStore(database, [n for m in modules for n in m.store_names])
        self._info = info
        self._settings = settings
        self._genesis: GenesisDocument | None = None
        self._pending: _Pending | None = None
        self._chain_id = ChainId((database.get(_CHAIN_ID_KEY) or b"").decode())
        params = database.get(_PARAMS_KEY)
        self._params = ConsensusParams() if params is None else decode_consensus_params(params)
        router = MessageRouter(route for m in modules for route in m.message_routes())
        self._runner = TransactionRunner(router, rules, self._modules)
        routes = [route for module in modules for route in module.query_routes()]
        routes += node_routes(info, self._status_height)
        routes.append(simulate_route(self.simulate))
        self._queries = QueryRouter(routes)
        self._check: Context | None = None

    def info(self) -> ApplicationInfo:
        """Return the height and hash of the last commit."""
        height = self._stores.version
        app_hash = self._stores.app_hash() if height else b""
        return ApplicationInfo(
            self._info.name, self._info.version, 0, BlockHeight(height), app_hash
        )

    def init_chain(self, genesis: GenesisDocument) -> InitChainResult:
        """Begin from genesis; may be called again until the first commit.

        Raises:
            RuleBroken: A module cannot start from its part of the state.
        """
        if genesis.initial_height != 1:
            raise InvalidRequest("genesis: initial_height must be 1")
        unknown = set(genesis.app_state) - {module.name for module in self._modules}
        if unknown:
            raise InvalidRequest(f"genesis: no module for {', '.join(sorted(unknown))}")
        self._genesis = genesis
        self._chain_id = genesis.chain_id
        self._params = genesis.consensus_params
        self._check = None
        _, updates = self._run_genesis()
        given = {validator.public_key: validator.power for validator in genesis.validators}
        decided = {update.public_key: update.power for update in updates}
        if given and decided and given != decided:
            raise InvalidRequest("genesis: validators are not those that the modules decide")
        if not given and not decided:
            raise InvalidRequest("genesis: no validators")
        return InitChainResult(updates, sha256(b""), None)

    def check_tx(self, tx: bytes, *, recheck: bool) -> TxResult:
        """Judge a transaction for the mempool; never raises for a bad one.

        What an accepted one writes - its fee and sequence - stays until the next commit, so
        that an account can have several in one block.
        """
        mode = ExecutionMode.RECHECK if recheck else ExecutionMode.CHECK
        return self._runner.run(self._checking(), mode, tx)

    def simulate(self, tx: bytes) -> TxResult:
        """Return what a transaction would do now; signatures and gas limits are not judged."""
        checking = self._checking()
        with checking.savepoint() as savepoint:
            result = self._runner.run(checking, ExecutionMode.SIMULATE, tx)
            savepoint.discard()
        return result

    def prepare_proposal(
        self, txs: Sequence[bytes], *, max_bytes: int, height: BlockHeight, time: TimestampNs
    ) -> tuple[bytes, ...]:
        """Choose the transactions of this node's block, in order, as many as fit."""
        assert height > self._stores.version
        assert time >= 0
        chosen = []
        for tx in txs:
            max_bytes -= len(tx) + 6  # the tag and length of a repeated field of up to 1 MiB
            if max_bytes < 0:
                break
            chosen.append(tx)
        return tuple(chosen)

    def process_proposal(self, block: ProposedBlock) -> bool:
        """Return whether a proposed block is acceptable; deterministic.

        Only sizes are judged: a transaction that fails costs the chain little, and a rule
        that honest nodes judge differently costs it its liveness.
        """
        return all(0 < len(tx) <= MAX_TX_BYTES for tx in block.txs)

    def finalize_block(self, request: FinalizeBlockRequest) -> FinalizeBlockResult:
        """Execute a decided block; nothing is durable before :meth:`commit`.

        Raises:
            UpgradeNeeded: A module has planned that another program executes it.
        """
        assert request.height == self._stores.version + 1, "blocks come one after another"
        self._stores.rollback()
        if request.height == 1:
            ctx, _ = self._run_genesis()
            ctx = self._context(ctx.overlay, ExecutionMode.DELIVER, request.height, request.time)
        else:
            overlay = Overlay(self._stores.store)
            ctx = self._context(overlay, ExecutionMode.DELIVER, request.height, request.time)
        ctx = replace(
            ctx,
            proposer_address=request.proposer_address,
            last_votes=request.last_votes,
            misbehaviour=request.misbehaviour,
            next_validators_hash=request.next_validators_hash,
        )
        for module in self._modules:
            module.begin_block(ctx)
        mark = ctx.events.mark()
        results = self._runner.run_block(ctx, request.txs)
        updates: dict[bytes, ValidatorUpdate] = {}
        for module in self._modules:
            for update in module.end_block(ctx):
                assert update.public_key not in updates, "two modules decide one validator"
                updates[update.public_key] = update
        begun = [e.with_attribute("mode", "BeginBlock") for e in ctx.events.all()[:mark]]
        ended = [e.with_attribute("mode", "EndBlock") for e in ctx.events.since(mark)]
        self._write(ctx.overlay)
        self._pending = _Pending(request.height, request.time, self._params)
        ordered = tuple(updates[key] for key in sorted(updates))
        return FinalizeBlockResult(
            (*begun, *ended), results, ordered, None, self._stores.working_hash()
        )

    def commit(self) -> BlockHeight:
        """Make the block's state durable; return below which height blocks may be dropped."""
        pending = self._pending
        assert pending is not None, "commit without a block"
        keep = self._settings.keep_recent
        extra: dict[bytes, bytes | None] = {
            _CHAIN_ID_KEY: self._chain_id.encode(),
            _PARAMS_KEY: encode_consensus_params(pending.params),
            _time_key(pending.height): pending.time.to_bytes(_TIME_BYTES, "big", signed=True),
        }
        if keep and pending.height > keep:
            extra[_time_key(pending.height - keep)] = None
        self._stores.commit(extra)
        self._pending = None
        self._check = None
        if keep:
            self._stores.prune(keep)
        retain = self._settings.retain_blocks
        return BlockHeight(max(pending.height - retain + 1, 0) if retain else 0)

    # --- snapshots ----------------------------------------------------------------------

    def export_state(self, height: int) -> Iterator[bytes]:
        """Yield the stream of the state at a committed height, piece by piece.

        Raises:
            VersionNotFound: It is not kept.
        """
        return export_state(self._stores.at(height))

    def block_time(self, height: int) -> TimestampNs:
        """Return the time of a committed block; 0 where it is not kept."""
        stored = self._database.get(_time_key(height)) or b""
        return TimestampNs(int.from_bytes(stored, "big", signed=True))

    def begin_restore(self, height: int, app_hash: bytes) -> Restorer:
        """Return what rebuilds the state at ``height``, whose hash is known; no block is here yet.

        Raises:
            OperationFailed: The disk refused.
        """
        assert not self._stores.version
        return Restorer(self._database, self._stores.store_names, height, app_hash)

    def finish_restore(
        self, restorer: Restorer, genesis: GenesisDocument, time: TimestampNs
    ) -> None:
        """Continue from the state that was restored.

        Args:
            restorer: It has been given the whole stream.
            genesis: The chain's; what is under no hash comes from it.
            time: Of the state's block, as far as is known: until the next block, queries and
                the checks of the mempool read it.

        Raises:
            InvalidSnapshot: The state is not the one of the known hash; nothing was kept.
            OperationFailed: The disk refused; nothing was kept.
        """
        params = genesis.consensus_params
        restorer.finish(
            {
                _CHAIN_ID_KEY: genesis.chain_id.encode(),
                _PARAMS_KEY: encode_consensus_params(params),
                _time_key(restorer.version): time.to_bytes(_TIME_BYTES, "big", signed=True),
            }
        )
        self._chain_id, self._params = genesis.chain_id, params
        self._genesis = self._pending = self._check = None
        self._stores.reopen()

    def query(self, path: str, data: bytes, *, height: BlockHeight, prove: bool) -> QueryResult:
        """Answer about the state at ``height`` (0: the last); never raises for a bad query.

        Paths are ``/store/<name>/key`` with the key as data, and gRPC methods with the
        request as data.
        """
        try:
            version = self._version_for(height)
            parts = path.strip("/").split("/")
            if len(parts) == 3 and (parts[0], parts[2]) == ("store", "key"):
                return query_store(self._stores, parts[1], data, version, prove=prove)
            route = self._queries.route(path)
        except RuleBroken as error:
            return refused_query(error, error, height)
        return answer_query(lambda: route.handle(self._at(version), data), BlockHeight(version))

    def query_routes(self) -> tuple[QueryRoute, ...]:
        """Return the gRPC methods that :meth:`query` answers, sorted by path."""
        return self._queries.routes()

    def _version_for(self, height: int) -> int:
        latest = self._stores.version
        version = height or latest
        if not latest:
            raise InvalidHeight("no block is committed yet")
        if not self._stores.earliest_version() <= version <= latest:
            raise InvalidHeight(f"height {height} is not kept; the last is {latest}")
        return version

    def _status_height(self) -> int:
        return self._stores.version

    def _run_genesis(self) -> tuple[Context, tuple[ValidatorUpdate, ...]]:
        assert self._genesis is not None, "init_chain comes before the first block"
        time = self._genesis.genesis_time
        overlay = Overlay(self._stores.store)
        ctx = self._context(overlay, ExecutionMode.DELIVER, BlockHeight(1), time)
        updates: list[ValidatorUpdate] = []
        for module in self._modules:
            part = self._genesis.app_state.get(module.name, {})
            if not isinstance(part, Mapping):
                raise InvalidRequest(f"genesis: {module.name} is not an object")
            updates += module.init_genesis(ctx, part)
        return ctx, tuple(updates)

    def _checking(self) -> Context:
        if self._check is None:
            if self._stores.version:
                self._check = self._at(self._stores.version)
            else:
                self._check = self._run_genesis()[0]
        return self._check

    def _at(self, version: int) -> Context:
        """Return a context that reads a committed version; what it writes is dropped."""
        committed = self._stores.at(version)

        def store(name: str) -> ReadStore:
            return committed.store(name) if name in committed.trees else MemoryStore()

        time = self.block_time(version)
        return self._context(Overlay(store), ExecutionMode.QUERY, BlockHeight(version), time)

    def _context(
        self, overlay: Overlay, mode: ExecutionMode, height: BlockHeight, time: TimestampNs
    ) -> Context:
        return Context(
            chain_id=self._chain_id,
            height=height,
            time=time,
            mode=mode,
            overlay=overlay,
            consensus_params=self._params,
        )

    def _write(self, overlay: Overlay) -> None:
        for name, changes in overlay.changes().items():
            store = self._stores.store(name)
            for key, value in changes.items():
                if value is None:
                    store.delete(key)
                else:
                    store.set(key, value)
