"""The methods of the JSON-RPC, by CometBFT's names; what each returns is its ``result``."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from chainkit.formats.tendermint.block_codec import hash_of_evidence
from chainkit.formats.tendermint.hashing import tx_hash
from chainkit.formats.tendermint.types import NIL_BLOCK_ID
from chainkit.primitives.timestamps import format_rfc3339
from chainkit.primitives.types import BlockHeight, TimestampNs
from relay_chain.consensus.state import next_height
from relay_chain.node.api.methods import Api
from relay_chain.node.consensus_shell import ConsensusShell
from relay_chain.node.event_bus import Published, TxPublished
from relay_chain.node.executor import Executor
from relay_chain.node.genesis import genesis_to_json
from relay_chain.node.json_forms import JsonObject, params_to_json, public_key_to_json, to_base64
from relay_chain.node.limits import (
    BROADCAST_COMMIT_TIMEOUT_S,
    GENESIS_CHUNK_BYTES,
    MAX_ABCI_QUERY_BYTES,
    MAX_BLOCKCHAIN_METAS,
)
from relay_chain.node.mempool import MempoolFull, TxInCache, TxTooLarge
from relay_chain.node.ports import TxResult
from relay_chain.node.rpc import shapes
from relay_chain.node.rpc.dispatch import Route
from relay_chain.node.rpc.evidence_forms import evidence_of
from relay_chain.node.rpc.parameters import BadRequest, Parameters, WrongParameter, paginate
from relay_chain.node.rpc.round_forms import round_state_json, round_state_simple_json
from relay_chain.node.rpc.searches import Searches


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What does not change while a node runs."""

    node_id: str
    moniker: str
    network: str
    version: str
    channels: bytes
    listen_addr: str
    rpc_addr: str
    public_key: bytes | None
    address: bytes


@dataclass(slots=True)
class RpcMethods:
    """The methods over one node. Mutable only in who waits for a commit, and a cache."""

    executor: Executor
    consensus: ConsensusShell
    api: Api
    facts: NodeFacts
    peers: Callable[[], tuple[JsonObject, ...]]
    catching_up: Callable[[], bool]
    peer_states: Callable[[], tuple[JsonObject, ...]] = tuple
    """Each peer's address and where its consensus is."""
    unsafe: Mapping[str, Route] = field(default_factory=dict)
    """Methods by which whoever reaches the RPC changes the node; only where asked for."""
    commit_timeout_s: float = BROADCAST_COMMIT_TIMEOUT_S
    _genesis: bytes = b""
    _waiting: dict[bytes, list[asyncio.Future[TxPublished]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.executor.bus.listen(self._committed)

    def routes(self) -> dict[str, Route]:
        """Return each method with its parameters in order."""
        page = ("page", "per_page")
        search = Searches(self.executor)
        routes: dict[str, Route] = {
            "health": (lambda _: {}, ()),
            "status": (self.status, ()),
            "net_info": (self.net_info, ()),
            "genesis": (self.genesis, ()),
            "genesis_chunked": (self.genesis_chunked, ("chunk",)),
            "blockchain": (self.blockchain, ("minHeight", "maxHeight")),
            "block": (self.block, ("height",)),
            "block_by_hash": (self.block_by_hash, ("hash",)),
            "block_results": (self.block_results, ("height",)),
            "block_search": (search.block_search, ("query", *page, "order_by")),
            "header": (self.header, ("height",)),
            "header_by_hash": (self.header_by_hash, ("hash",)),
            "commit": (self.commit, ("height",)),
            "validators": (self.validators, ("height", *page)),
            "consensus_params": (self.consensus_params, ("height",)),
            "consensus_state": (self.consensus_state, ()),
            "dump_consensus_state": (self.dump_consensus_state, ()),
            "unconfirmed_txs": (self.unconfirmed_txs, ("limit",)),
            "num_unconfirmed_txs": (self.num_unconfirmed_txs, ()),
            "tx": (search.tx, ("hash", "prove")),
            "tx_search": (search.tx_search, ("query", "prove", *page, "order_by")),
            "check_tx": (self.check_tx, ("tx",)),
            "broadcast_tx_async": (self.broadcast_tx_async, ("tx",)),
            "broadcast_tx_sync": (self.broadcast_tx_sync, ("tx",)),
            "broadcast_tx_commit": (self.broadcast_tx_commit, ("tx",)),
            "broadcast_evidence": (self.broadcast_evidence, ("evidence",)),
            "abci_info": (self.abci_info, ()),
            "abci_query": (self.abci_query, ("path", "data", "height", "prove")),
        }
        return {**routes, **self.unsafe}

    # --- about the node -----------------------------------------------------------------

    def status(self, _: Parameters) -> JsonObject:
        """Return who this node is and how far it is."""
        facts, state, blocks = self.facts, self.executor.state, self.executor.blocks
        height = self._last_height()
        first, last = blocks.meta(blocks.base()), blocks.meta(height)
        power = next(
            (v.voting_power for v in state.validators.validators if v.address == facts.address), 0
        )
        zero_time = format_rfc3339(TimestampNs(0))
        return {
            "node_info": {
                "protocol_version": {"p2p": "8", "block": "11", "app": str(state.version_app)},
                "id": facts.node_id,
                "listen_addr": facts.listen_addr,
                "network": facts.network,
                "version": facts.version,
                "channels": facts.channels.hex().upper(),
                "moniker": facts.moniker,
                "other": {"tx_index": "on", "rpc_address": facts.rpc_addr},
            },
            "sync_info": {
                "latest_block_hash": shapes.upper_hex(last.block_id.hash if last else b""),
                "latest_app_hash": shapes.upper_hex(last.header.app_hash if last else b""),
                "latest_block_height": str(height),
                "latest_block_time": format_rfc3339(
                    last.header.time if last else state.last_block_time
                ),
                "earliest_block_hash": shapes.upper_hex(first.block_id.hash if first else b""),
                "earliest_app_hash": shapes.upper_hex(first.header.app_hash if first else b""),
                "earliest_block_height": str(blocks.base()),
                "earliest_block_time": format_rfc3339(first.header.time) if first else zero_time,
                "catching_up": self.catching_up(),
            },
            "validator_info": {
                "address": shapes.upper_hex(facts.address),
                "pub_key": public_key_to_json(facts.public_key) if facts.public_key else None,
                "voting_power": str(power),
            },
        }

    def net_info(self, _: Parameters) -> JsonObject:
        """Return the connected peers."""
        peers = self.peers()
        listeners = [f"Listener(@{self.facts.listen_addr})"]
        return {
            "listening": True,
            "listeners": listeners,
            "n_peers": str(len(peers)),
            "peers": list(peers),
        }

    def _genesis_bytes(self) -> bytes:
        if not self._genesis:
            self._genesis = json.dumps(genesis_to_json(self.executor.genesis)).encode()
        return self._genesis

    def genesis(self, _: Parameters) -> JsonObject:
        """Return the genesis document, unless it is too long for one answer."""
        if len(self._genesis_bytes()) > GENESIS_CHUNK_BYTES:
            raise BadRequest(
                "genesis response is large, please use the genesis_chunked API instead"
            )
        return {"genesis": genesis_to_json(self.executor.genesis)}

    def genesis_chunked(self, params: Parameters) -> JsonObject:
        """Return one piece of the genesis document's JSON."""
        data, number = self._genesis_bytes(), params.number("chunk") or 0
        total = -(-len(data) // GENESIS_CHUNK_BYTES)
        if number < 0:
            raise WrongParameter("chunk must not be negative")
        if number >= total:
            raise BadRequest(f"there are {total - 1} chunks, {number} is invalid")
        start = number * GENESIS_CHUNK_BYTES
        piece = data[start : start + GENESIS_CHUNK_BYTES]
        return {"chunk": str(number), "total": str(total), "data": to_base64(piece)}

    # --- blocks -------------------------------------------------------------------------

    def _last_height(self) -> BlockHeight:
        """Return the last height that was decided.

        An upgrade that this program does not have leaves the state one below it.
        """
        return max(self.executor.blocks.height(), self.executor.state.last_block_height)

    def _height(self, params: Parameters, name: str = "height", ahead: int = 0) -> BlockHeight:
        """Return the height asked, the last one if none is; ``ahead`` more may be asked."""
        asked = params.number(name)
        blocks = self.executor.blocks
        last = self._last_height()
        if asked is None:
            return last
        if asked <= 0:
            raise BadRequest(f"height must be greater than 0, but got {asked}")
        if asked > last + ahead:
            raise BadRequest(
                f"height {asked} must be less than or equal to the current blockchain height {last}"
            )
        if asked < blocks.base():
            raise BadRequest(f"height {asked} is not available, lowest height is {blocks.base()}")
        return BlockHeight(asked)

    def _block(self, height: BlockHeight) -> JsonObject:
        block, block_id = self.executor.blocks.block(height), self.executor.blocks.block_id(height)
        if block is None or block_id is None:
            raise BadRequest(f"block at height {height} not found")
        return {"block_id": shapes.block_id_json(block_id), "block": shapes.block_json(block)}

    def block(self, params: Parameters) -> JsonObject:
        """Return a block."""
        return self._block(self._height(params))

    def block_by_hash(self, params: Parameters) -> JsonObject:
        """Return the block with a hash; nulls if there is none, as CometBFT answers."""
        height = self.executor.blocks.height_of(params.hash("hash"))
        if height is None:
            return {"block_id": shapes.block_id_json(NIL_BLOCK_ID), "block": None}
        return self._block(height)

    def header(self, params: Parameters) -> JsonObject:
        """Return a header."""
        height = self._height(params)
        meta = self.executor.blocks.meta(height)
        return {"header": shapes.header_json(meta.header) if meta else None}

    def header_by_hash(self, params: Parameters) -> JsonObject:
        """Return the header with a hash, or null."""
        height = self.executor.blocks.height_of(params.hash("hash"))
        meta = self.executor.blocks.meta(height) if height else None
        return {"header": shapes.header_json(meta.header) if meta else None}

    def commit(self, params: Parameters) -> JsonObject:
        """Return a header with its commit; canonical once the next block carries it."""
        height = self._height(params)
        blocks = self.executor.blocks
        meta, canonical = blocks.meta(height), blocks.canonical_commit(height)
        commit = canonical or blocks.seen_commit(height)
        if meta is None or commit is None:
            raise BadRequest(f"commit of height {height} not found")
        return {
            "signed_header": {
                "header": shapes.header_json(meta.header),
                "commit": shapes.commit_json(commit),
            },
            "canonical": canonical is not None,
        }

    def blockchain(self, params: Parameters) -> JsonObject:
        """Return up to 20 headers, the newest first."""
        blocks, last = self.executor.blocks, self._last_height()
        low, high = params.number("minHeight") or 0, params.number("maxHeight") or 0
        if low < 0 or high < 0:
            raise BadRequest("heights must be non-negative")
        high = min(high or last, last)
        low = max(low, 1, blocks.base(), high - MAX_BLOCKCHAIN_METAS + 1)
        if low > high:
            raise BadRequest(f"min height {low} can't be greater than max height {high}")
        metas = (blocks.meta(BlockHeight(height)) for height in range(high, low - 1, -1))
        return {
            "last_height": str(last),
            "block_metas": [shapes.meta_json(meta) for meta in metas if meta],
        }

    def block_results(self, params: Parameters) -> JsonObject:
        """Return what a block did."""
        height = self._height(params)
        result = self.executor.states.result(height)
        if result is None:
            raise BadRequest(f"could not find results for height #{height}")
        return shapes.block_results_json(height, result)

    def _uncommitted(self, params: Parameters) -> BlockHeight:
        """Return the height asked; the next one may be, and is meant where none is."""
        if params.number("height") is None:
            return next_height(self.executor.state)
        return self._height(params, ahead=1)

    def validators(self, params: Parameters) -> JsonObject:
        """Return a page of the validators of a height; the next one may be asked."""
        height = self._uncommitted(params)
        found = self.executor.states.validators(height)
        if found is None:
            raise BadRequest(f"could not find validator set for height #{height}")
        page, per_page = params.page()
        indices = paginate(page, per_page, len(found.validators))
        return {
            "block_height": str(height),
            "validators": [shapes.validator_json(found.validators[i]) for i in indices],
            "count": str(len(indices)),
            "total": str(len(found.validators)),
        }

    def consensus_params(self, params: Parameters) -> JsonObject:
        """Return the parameters of a height."""
        height = self._uncommitted(params)
        found = self.executor.states.consensus_params(height)
        if found is None:
            raise BadRequest(f"could not find consensus params for height #{height}")
        return {"block_height": str(height), "consensus_params": params_to_json(found)}

    # --- consensus ----------------------------------------------------------------------

    def consensus_state(self, _: Parameters) -> JsonObject:
        """Return where consensus is, in short."""
        shell = self.consensus
        return {"round_state": round_state_simple_json(shell.machine, shell.started_at)}

    def dump_consensus_state(self, _: Parameters) -> JsonObject:
        """Return where consensus is, and the peers'."""
        shell = self.consensus
        parts = shell.view().parts
        return {
            "round_state": round_state_json(shell.machine, shell.started_at, parts),
            "peers": list(self.peer_states()),
        }

    # --- transactions -------------------------------------------------------------------

    def unconfirmed_txs(self, params: Parameters) -> JsonObject:
        """Return the oldest transactions that wait."""
        _, limit = Parameters({"per_page": params.number("limit")}).page()
        txs = self.executor.mempool.first(limit)
        return {
            **self.num_unconfirmed_txs(params),
            "n_txs": str(len(txs)),
            "txs": [to_base64(tx) for tx in txs],
        }

    def num_unconfirmed_txs(self, _: Parameters) -> JsonObject:
        """Return how many transactions wait."""
        mempool = self.executor.mempool
        count = str(len(mempool))
        return {
            "n_txs": count,
            "total": count,
            "total_bytes": str(mempool.total_bytes),
            "txs": None,
        }

    def check_tx(self, params: Parameters) -> JsonObject:
        """Judge a transaction without keeping it."""
        return shapes.tx_result_json(
            self.executor.application.check_tx(params.data("tx"), recheck=False)
        )

    def broadcast_tx_async(self, params: Parameters) -> JsonObject:
        """Give a transaction to the mempool; what CheckTx found is not said."""
        tx = params.data("tx")
        self.executor.mempool.add(tx)
        return _broadcast_json(tx, TxResult())

    def broadcast_tx_sync(self, params: Parameters) -> JsonObject:
        """Give a transaction to the mempool, and say what CheckTx found."""
        tx = params.data("tx")
        return _broadcast_json(tx, self.executor.mempool.add(tx))

    async def broadcast_tx_commit(self, params: Parameters) -> JsonObject:
        """Give a transaction to the mempool and wait until it is in a block."""
        tx = params.data("tx")
        digest = tx_hash(tx)
        done: asyncio.Future[TxPublished] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(digest, []).append(done)
        checked = TxResult()
        committed: TxPublished | None = None
        try:
            checked = self.executor.mempool.add(tx)
            if checked.code == 0:
                async with asyncio.timeout(self.commit_timeout_s):
                    committed = await done
        except (TxInCache, MempoolFull, TxTooLarge) as error:
            raise BadRequest(f"error on broadcastTxCommit: {error}") from error
        except TimeoutError as error:
            raise BadRequest("timed out waiting for tx to be included in a block") from error
        finally:
            waiting = self._waiting[digest]
            waiting.remove(done)
            if not waiting:
                del self._waiting[digest]
        return {
            "check_tx": shapes.tx_result_json(checked),
            "tx_result": shapes.tx_result_json(committed.result if committed else TxResult()),
            "hash": shapes.upper_hex(digest),
            "height": str(committed.height if committed else 0),
        }

    def _committed(self, item: Published) -> None:
        if isinstance(item.payload, TxPublished):
            for done in self._waiting.get(tx_hash(item.payload.tx), ()):
                if not done.done():
                    done.set_result(item.payload)

    def broadcast_evidence(self, params: Parameters) -> JsonObject:
        """Verify evidence and keep it: JSON of its kind, or base64 of its protobuf bytes."""
        evidence = evidence_of(params)
        self.executor.add(evidence)
        return {"hash": to_base64(hash_of_evidence(evidence))}

    # --- application --------------------------------------------------------------------

    def abci_info(self, _: Parameters) -> JsonObject:
        """Return where the application is."""
        info = self.executor.application.info()
        return {
            "response": {
                "data": info.data,
                "version": info.version,
                "app_version": str(info.app_version),
                "last_block_height": str(info.last_block_height),
                "last_block_app_hash": shapes.data_or_null(info.last_block_app_hash),
            }
        }

    def abci_query(self, params: Parameters) -> JsonObject:
        """Ask the application."""
        path, data = params.string("path"), params.hex_data("data")
        if max(len(path), len(data)) > MAX_ABCI_QUERY_BYTES:
            raise BadRequest(f"query is over {MAX_ABCI_QUERY_BYTES} bytes")
        height = params.number("height") or 0
        if height < 0:
            raise BadRequest("height cannot be negative")
        result = self.api.query(path, data, height=BlockHeight(height), prove=params.flag("prove"))
        return {"response": shapes.query_json(result)}


def _broadcast_json(tx: bytes, result: TxResult) -> JsonObject:
    return {
        "code": result.code,
        "data": shapes.upper_hex(result.data),
        "log": result.log,
        "codespace": result.codespace,
        "hash": shapes.upper_hex(tx_hash(tx)),
    }
