"""A tiny application: ``key=value`` transactions. For tests of the node, and a first example."""

import json
from collections.abc import Sequence

from chainkit.commitments.database import KeyValueDatabase
from chainkit.primitives.hashing import sha256
from chainkit.primitives.types import BlockHeight, TimestampNs
from chainkit.runtime.events import Event
from chainkit.runtime.messages import QueryRoute
from relay_chain.node.genesis import Genesis
from relay_chain.node.ports import (
    ApplicationInfo,
    FinalizeBlockRequest,
    FinalizeBlockResult,
    InitChainResult,
    ProposedBlock,
    QueryResult,
    TxResult,
)

_STATE = b"\x00state"
_VALUE = b"\x01"


class KeyValueApplication:
    """Mutable: it holds what the next commit writes."""

    def __init__(self, database: KeyValueDatabase) -> None:
        self._database = database
        stored = json.loads(database.get(_STATE) or b'{"height":0,"hash":""}')
        self._height = BlockHeight(stored["height"])
        self._hash = bytes.fromhex(stored["hash"])
        self._staged: dict[bytes, bytes | None] = {}
        self._pending = (self._height, self._hash)

    def info(self) -> ApplicationInfo:
        """Return the height and hash of the last commit."""
        return ApplicationInfo("kvstore", "1", 0, self._height, self._hash)

    def init_chain(self, genesis: Genesis) -> InitChainResult:
        """Begin from genesis."""
        self._hash = sha256(genesis.chain_id.encode())
        return InitChainResult(app_hash=self._hash)

    def check_tx(self, tx: bytes, *, recheck: bool) -> TxResult:
        """Accept ``key=value``."""
        del recheck
        if tx.count(b"=") != 1:
            return TxResult(code=1, log="want key=value", codespace="kvstore")
        return TxResult(gas_wanted=1)

    def prepare_proposal(
        self, txs: Sequence[bytes], *, max_bytes: int, height: BlockHeight, time: TimestampNs
    ) -> tuple[bytes, ...]:
        """Take all."""
        del max_bytes, height, time
        return tuple(txs)

    def process_proposal(self, block: ProposedBlock) -> bool:
        """Accept blocks of well-formed transactions."""
        return all(tx.count(b"=") == 1 for tx in block.txs)

    def finalize_block(self, request: FinalizeBlockRequest) -> FinalizeBlockResult:
        """Stage the pairs; the hash covers the history."""
        digest = self._hash
        results = []
        self._staged = {}
        for tx in request.txs:
            key, _, value = tx.partition(b"=")
            self._staged[_VALUE + key] = value
            digest = sha256(digest + tx)
            event = Event("app", (("key", key.decode("utf-8", "replace")),))
            results.append(TxResult(gas_wanted=1, gas_used=1, events=(event,)))
        self._pending = (request.height, digest)
        return FinalizeBlockResult(tx_results=tuple(results), app_hash=digest)

    def commit(self) -> BlockHeight:
        """Write what was staged."""
        self._height, self._hash = self._pending
        state = {"height": self._height, "hash": self._hash.hex()}
        self._database.write({**self._staged, _STATE: json.dumps(state).encode()})
        return BlockHeight(0)

    def query_routes(self) -> tuple[QueryRoute, ...]:
        """Return nothing: it is asked by key."""
        return ()

    def query(self, path: str, data: bytes, *, height: BlockHeight, prove: bool) -> QueryResult:
        """Return the value of the key ``data``."""
        del path, height, prove
        value = self._database.get(_VALUE + data)
        log = "does not exist" if value is None else "exists"
        return QueryResult(log=log, key=data, value=value or b"", height=self._height)


def application(database: KeyValueDatabase, parts: object) -> KeyValueApplication:
    """Return the application over ``database``; it has no parts to be told of."""
    del parts
    return KeyValueApplication(database)
