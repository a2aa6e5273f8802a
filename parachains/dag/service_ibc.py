"""What a DAG node answers of IBC: status, headers, proofs, events, outcomes. Reads only.

Heights are blue scores of the selected chain, and not every number is one.
docs/protocol/dag-chain.md lists the methods.
"""

from collections.abc import Callable, Mapping

from chainkit.commitments.errors import EmptyTree
from chainkit.formats.ghostdag.blocks import DagBlock
from chainkit.primitives.amounts import Coin
from chainkit.primitives.errors import OperationFailed, RuleBroken
from ibc.ics24_host.paths import STORE_NAME
from light_clients.ghostdag.types import MAX_FINALITY_DEPTH
from parachains.dag import index, proving
from parachains.dag.chain import DagChain
from parachains.dag.mempool import Mempool
from parachains.dag.service_forms import (
    INVALID_PARAMETER,
    MAX_SCORE,
    NOT_FOUND,
    Json,
    RpcError,
    any_json,
    bytes_of,
    coin_json,
    hash_of,
    integer_of,
    transaction_of,
)

MAX_HOLDINGS = 10_000
"""Balances that one answer tells; a ledger with more is not told."""

Method = Callable[..., Json]


class IbcService:
    """The methods of one node that Kaspa has not."""

    def __init__(self, chain: DagChain, mempool: Mempool, finality_depth: int) -> None:
        self._chain = chain
        self._mempool = mempool
        self._depth = finality_depth
        self._queries = {route.path: route for route in chain.machine.query_routes()}

    def methods(self) -> Mapping[str, tuple[Method, tuple[str, ...]]]:
        """Return every method with the names of its parameters."""
        return {
            "ibcStatus": (self.ibcStatus, ("finality_depth",)),
            "ibcChainBlock": (self.ibcChainBlock, ("blue_score",)),
            "ibcClient": (self.ibcClient, ("finality_depth",)),
            "ibcUpdates": (self.ibcUpdates, ("trusted", "target", "finality_depth")),
            "ibcQuery": (self.ibcQuery, ("path", "data")),
            "ibcProve": (self.ibcProve, ("path", "height")),
            "ibcEvent": (self.ibcEvent, ("type", "channel", "sequence")),
            "ibcPacketsOf": (self.ibcPacketsOf, ("transactionId",)),
            "ibcBlockEvents": (self.ibcBlockEvents, ("height",)),
            "getLedger": (self.getLedger, ("height",)),
            "simulate": (self.simulate, ("transaction",)),
        }

    def _depth_of(self, value: object) -> int:
        return integer_of(value, 0, MAX_FINALITY_DEPTH, "finality_depth") or self._depth

    def _exact(self, value: object, name: str) -> DagBlock:
        score = integer_of(value, 0, MAX_SCORE, name)
        try:
            return proving.exact_block(self._chain, score)
        except proving.NotOnChain as error:
            raise RpcError(NOT_FOUND, str(error)) from error

    def ibcStatus(self, finality_depth: object = 0) -> Json:  # noqa: N802 - a method's name on the wire, as all here
        """Return what a relayer watches: name, tip, and the newest final block."""
        depth, tip = self._depth_of(finality_depth), self._chain.tip
        final = self._chain.chain_block(max(tip.order.blue_score - depth, 0))
        assert final is not None
        return {
            "chain_id": self._chain.parameters.chain_id,
            "blue_score": tip.order.blue_score,
            "hash": tip.hash.hex(),
            "finality_depth": depth,
            "final": _point(final) if final.order.blue_score else None,
        }

    def ibcChainBlock(self, blue_score: object) -> Json:  # noqa: N802
        """Return the selected chain's block with exactly this blue score; null where none has."""
        score = integer_of(blue_score, 0, MAX_SCORE, "blue_score")
        block = self._chain.chain_block(score)
        if block is None or block.order.blue_score != score:
            return None
        return _point(block) | {"header": block.header.encode().hex()}

    def ibcClient(self, finality_depth: object = 0) -> Json:  # noqa: N802
        """Return state and anchor for a new client of this chain."""
        try:
            state, anchor = proving.new_client(self._chain, self._depth_of(finality_depth))
        except proving.NotOnChain as error:
            raise RpcError(NOT_FOUND, str(error)) from error
        return {"client_state": any_json(state), "consensus_state": any_json(anchor)}

    def ibcUpdates(  # noqa: N802
        self, trusted: object, target: object = None, finality_depth: object = 0
    ) -> Json:
        """Return messages with the headers above a chain block that make another one final."""
        known = self._exact(trusted, "trusted")
        until = None
        if target is not None:
            until = integer_of(target, 0, MAX_SCORE, "target") + self._depth_of(finality_depth)
        return [any_json(each) for each in proving.updates(self._chain, known.hash, until)]

    def ibcQuery(self, path: object, data: object) -> Json:  # noqa: N802
        """Answer a gRPC query of the chain's modules at the tip."""
        route = self._queries.get(path) if isinstance(path, str) else None
        if route is None:
            raise RpcError(-32601, "unknown query path")
        try:
            return {"value": route.handle(self._chain.state(), bytes_of(data)).hex()}
        except RuleBroken as error:
            return {"codespace": error.codespace, "code": error.code, "log": str(error)}

    def ibcProve(self, path: object, height: object) -> Json:  # noqa: N802
        """Return the value at a path of the IBC store in a block's state, and its proof."""
        score, key = integer_of(height, 0, MAX_SCORE, "height"), bytes_of(path)
        try:
            version = proving.state_version(self._chain, score)
            proof = proving.prove(self._chain, (STORE_NAME.encode(), key), score)
        except (proving.NotOnChain, EmptyTree) as error:
            raise RpcError(NOT_FOUND, str(error)) from error
        value = self._chain.machine.stores.query(STORE_NAME, key, version) or b""
        return {"value": value.hex(), "proof": proof.hex()}

    def ibcEvent(self, type: object, channel: object, sequence: object) -> Json:  # noqa: A002, N802
        """Return a packet's event on the selected chain, or null."""
        number = integer_of(sequence, 0, 2**64 - 1, "sequence")
        return index.find_event(self._chain.database, str(type), str(channel), number)

    def ibcPacketsOf(self, transactionId: object) -> Json:  # noqa: N802, N803
        """Return the attributes of the packets that an accepted transaction sent."""
        name = hash_of(transactionId)
        found = index.transaction(self._chain.database, name)
        if found is None or found["accepted"] is not True:
            raise RpcError(NOT_FOUND, "no such transaction was accepted")
        return index.packets_of(self._chain.database, name)

    def ibcBlockEvents(self, height: object) -> Json:  # noqa: N802
        """Return what became of the transactions that a chain block merged, in order."""
        block = self._exact(height, "height")
        score = block.order.blue_score
        told = index.results_at(self._chain.database, score)
        return {"height": score, "hash": block.hash.hex(), "transactions": told}

    def getLedger(self, height: object) -> Json:  # noqa: N802
        """Return supply and balances in the state of a chain block."""
        block, bank = self._exact(height, "height"), self._chain.machine.bank
        try:
            version = proving.state_version(self._chain, block.order.blue_score)
        except OperationFailed as error:
            raise RpcError(NOT_FOUND, str(error)) from error
        ctx = self._chain.machine.context_at(version, block.order.blue_score, block.chain_time_ms)
        accounts: list[Json] = []
        for address, coin in bank.holders(ctx):
            if len(accounts) == MAX_HOLDINGS:
                raise RpcError(INVALID_PARAMETER, f"the ledger has over {MAX_HOLDINGS} balances")
            accounts.append({"address": address.hex(), **_coin(coin)})
        return {
            "height": block.order.blue_score,
            "hash": block.hash.hex(),
            "supply": [coin_json(coin) for coin in bank.total_supply(ctx)],
            "accounts": accounts,
        }

    def simulate(self, transaction: object) -> Json:
        """Return what a transaction would do after all that its account has waiting."""
        tx = transaction_of(transaction)
        _, run = self._chain.pending(to_read=True)
        waiting = self._mempool.of(tx.sender)
        outcome = self._chain.machine.simulate(run, waiting, tx)
        return {
            "code": outcome.code,
            "codespace": outcome.codespace,
            "log": outcome.log,
            "gas_used": outcome.gas_used,
        }


def _coin(coin: Coin) -> dict[str, Json]:
    return {"denom": coin.denom, "amount": str(coin.amount)}


def _point(block: DagBlock) -> dict[str, Json]:
    return {
        "blue_score": block.order.blue_score,
        "hash": block.hash.hex(),
        "chain_time_ms": block.chain_time_ms,
        "state_root": block.header.utxo_commitment.hex(),
    }
