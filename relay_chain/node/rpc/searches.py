"""``tx``, ``tx_search`` and ``block_search``: the index's answers, in pages."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from chainkit.commitments.merkle import proofs
from chainkit.formats.tendermint.types import Block
from chainkit.primitives.hashing import sha256
from relay_chain.node.event_index import IndexedTx, Position
from relay_chain.node.event_query import Query, parse_query
from relay_chain.node.executor import Executor
from relay_chain.node.json_forms import JsonObject, to_base64
from relay_chain.node.limits import SEARCH_TURN
from relay_chain.node.rpc import shapes
from relay_chain.node.rpc.parameters import BadRequest, Parameters, paginate


async def _all(scan: Iterator[Position | None]) -> list[Position]:
    """Return what a scan finds; others have their turn while it looks at events."""
    found: list[Position] = []
    for number, position in enumerate(scan, 1):
        if position is not None:
            found.append(position)
        if number % SEARCH_TURN == 0:
            await asyncio.sleep(0)
    return found


def _in_order(found: list[Position], params: Parameters, otherwise: str) -> list[Position]:
    order = params.string("order_by") or otherwise
    if order not in {"asc", "desc"}:
        raise BadRequest("expected order_by to be either `asc` or `desc` or empty")
    return found[::-1] if order == "desc" else found


def _query(params: Parameters) -> Query:
    return parse_query(params.string("query"))


@dataclass(frozen=True, slots=True)
class Searches:
    """The methods over one node's index."""

    executor: Executor

    def tx(self, params: Parameters) -> JsonObject:
        """Return a committed transaction."""
        digest, prove = params.hash("hash"), params.flag("prove")
        found = self.executor.index.tx(digest)
        if found is None:
            raise BadRequest(f"tx ({shapes.upper_hex(digest)}) not found")
        return self._tx_json(found, prove=prove)

    async def tx_search(self, params: Parameters) -> JsonObject:
        """Return a page of the transactions that match a query."""
        prove, (page, per_page) = params.flag("prove"), params.page()
        found = await _all(self.executor.index.scan_txs(_query(params)))
        ordered = _in_order(found, params, "asc")
        indices = paginate(page, per_page, len(ordered))
        txs = [self.executor.index.load(ordered[index]) for index in indices]
        return {
            "txs": [self._tx_json(tx, prove=prove) for tx in txs if tx is not None],
            "total_count": str(len(ordered)),
        }

    async def block_search(self, params: Parameters) -> JsonObject:
        """Return a page of the blocks that match a query, the newest first."""
        page, per_page = params.page()
        found = await _all(self.executor.index.scan_blocks(_query(params)))
        ordered = _in_order(found, params, "desc")
        blocks = []
        for index in paginate(page, per_page, len(ordered)):
            height = ordered[index][0]
            block, block_id = (
                self.executor.blocks.block(height),
                self.executor.blocks.block_id(height),
            )
            if block is not None and block_id is not None:
                blocks.append(
                    {"block_id": shapes.block_id_json(block_id), "block": shapes.block_json(block)}
                )
        return {"blocks": blocks, "total_count": str(len(ordered))}

    def _tx_json(self, item: IndexedTx, *, prove: bool) -> JsonObject:
        fields: JsonObject = {
            "hash": shapes.upper_hex(item.hash),
            "height": str(item.height),
            "index": item.index,
            "tx_result": shapes.tx_result_json(item.result),
            "tx": to_base64(item.tx),
        }
        block = self.executor.blocks.block(item.height) if prove else None
        if block is not None:
            fields["proof"] = _proof_json(block, item.index)
        return fields


def _proof_json(block: Block, index: int) -> JsonObject:
    root, all_proofs = proofs([sha256(tx) for tx in block.txs])
    proof = all_proofs[index]
    return {
        "root_hash": shapes.upper_hex(root),
        "data": to_base64(block.txs[index]),
        "proof": {
            "total": str(proof.total),
            "index": str(proof.index),
            "leaf_hash": to_base64(proof.leaf_hash),
            "aunts": [to_base64(aunt) for aunt in proof.aunts],
        },
    }
