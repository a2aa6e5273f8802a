"""What a UTXO node answers of IBC: status, headers, proofs, events and the ledger.

Pure over chain and mempool, as :mod:`parachains.utxo.service`; docs/protocol/utxo-chain.md
lists the methods.
"""

from collections.abc import Callable, Mapping

from chainkit.formats.bitcoin.encoding import display_hash
from chainkit.formats.bitcoin.errors import BitcoinRuleBroken
from chainkit.formats.bitcoin.header_chain import ChainPoint
from chainkit.formats.bitcoin.transactions import OutPoint
from chainkit.primitives.amounts import Coin as Lot
from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.types import Address
from parachains.utxo import ledger, proving
from parachains.utxo.chain import Chain
from parachains.utxo.coins import Coin
from parachains.utxo.limits import MAX_HOLDINGS
from parachains.utxo.mempool import Mempool
from parachains.utxo.service_forms import (
    INVALID_PARAMETER,
    NOT_FOUND,
    VERIFY_REJECTED,
    Json,
    RpcError,
    any_json,
    any_of,
    bytes_of,
    hash_of,
    integer_of,
    outpoint_of,
)
from parachains.utxo.state_machine import BlockRun
from parachains.utxo.validation import apply_transaction, spent_coins

MAX_HEADERS_PER_CALL = 2_016

Method = Callable[..., Json]


class IbcService:
    """The methods of one node that Bitcoin Core has not."""

    def __init__(self, chain: Chain, mempool: Mempool) -> None:
        self._chain = chain
        self._mempool = mempool
        self._queries = {route.path: route for route in chain.machine.query_routes()}

    def methods(self) -> Mapping[str, tuple[Method, tuple[str, ...]]]:
        """Return every method with the names of its parameters."""
        return {
            "ibcstatus": (self.ibcstatus, ()),
            "ibcheaders": (self.ibcheaders, ("start", "count")),
            "ibcquery": (self.ibcquery, ("path", "data")),
            "ibcprove": (self.ibcprove, ("path", "height")),
            "ibcevent": (self.ibcevent, ("type", "channel", "sequence")),
            "ibcpacketsof": (self.ibcpacketsof, ("txid",)),
            "ibcunspent": (self.ibcunspent, ("script",)),
            "ibcpreview": (self.ibcpreview, ("messages", "owner", "inputs")),
            "ibcclient": (self.ibcclient, ("height", "confirmations")),
            "ibcblockevents": (self.ibcblockevents, ("height",)),
            "ibcledger": (self.ibcledger, ("height",)),
        }

    def ibcstatus(self) -> Json:
        """Return what a relayer watches: name, tip, its median time past in seconds, the root."""
        tip = self._chain.tip
        return {
            "chain_id": self._chain.machine.chain_id,
            "height": tip.height,
            "hash": display_hash(tip.header.hash),
            "mediantime": tip.median_time_past,
            "root": self._chain.machine.stores.app_hash().hex(),
        }

    def ibcheaders(self, start: object, count: object) -> Json:
        """Return headers of the active chain with their median times past."""
        first = integer_of(start, 0, 2**31 - 1, "start")
        number = integer_of(count, 0, MAX_HEADERS_PER_CALL, "count")
        points = [self._chain.at(height) for height in range(first, first + number)]
        return [
            {"header": point.header.encode().hex(), "mediantime": point.median_time_past}
            for point in points
            if point is not None
        ]

    def ibcclient(self, height: object, confirmations: object) -> Json:
        """Return state and anchor for a new client of this chain."""
        try:
            state, anchor = proving.new_client(
                self._chain,
                self._chain.machine.chain_id,
                integer_of(confirmations, 1, 1_000, "confirmations"),
                integer_of(height, 1, 2**31 - 1, "height"),
            )
        except proving.NotOnChain as error:
            raise RpcError(NOT_FOUND, str(error)) from error
        return {"client_state": any_json(state), "consensus_state": any_json(anchor)}

    def ibcquery(self, path: object, data: object) -> Json:
        """Answer a gRPC query of the chain's modules at the tip."""
        route = self._queries.get(path) if isinstance(path, str) else None
        if route is None:
            raise RpcError(-32601, "unknown query path")
        tip = self._chain.tip
        ctx = self._chain.machine.query_context(tip.height, tip.median_time_past)
        try:
            return {"value": route.handle(ctx, bytes_of(data)).hex()}
        except RuleBroken as error:
            return {"codespace": error.codespace, "code": error.code, "log": str(error)}

    def ibcprove(self, path: object, height: object) -> Json:
        """Return the value at a path after a block, and its proof for a light client."""
        number = integer_of(height, 1, 2**31 - 1, "height")
        try:
            value, proof = proving.prove(self._chain, bytes_of(path), number)
        except proving.NotOnChain as error:
            raise RpcError(NOT_FOUND, str(error)) from error
        return {"value": value.hex(), "proof": proof.hex()}

    def ibcevent(self, type: object, channel: object, sequence: object) -> Json:  # noqa: A002
        """Return a packet's event on the active chain, or null."""
        number = integer_of(sequence, 0, 2**64 - 1, "sequence")
        return self._chain.packet_event(str(type), str(channel), number)

    def _at(self, height: object) -> ChainPoint:
        number = integer_of(height, 1, 2**31 - 1, "height")
        point = self._chain.at(number)
        if point is None:
            raise RpcError(INVALID_PARAMETER, "Block height out of range")
        return point

    def ibcblockevents(self, height: object) -> Json:
        """Return what the carriers of the active chain's block did, in order."""
        point = self._at(height)
        return {
            "height": point.height,
            "hash": display_hash(point.header.hash),
            "events": self._chain.events_at(point.height),
        }

    def ibcledger(self, height: object) -> Json:
        """Return everything that the ledger's state says after a block of the active chain."""
        point = self._at(height)
        store = self._chain.machine.stores.at(point.height).store(ledger.STORE_NAME)
        found = ledger.holdings(store, MAX_HOLDINGS)
        if found is None:
            raise RpcError(INVALID_PARAMETER, f"the ledger has over {MAX_HOLDINGS} entries")
        return {
            "height": point.height,
            "hash": display_hash(point.header.hash),
            "supply": [_coin_json(coin) for coin in found.supply],
            "accounts": [
                {"address": address.hex(), **_coin_json(coin)} for address, coin in found.accounts
            ],
            "lots": [
                {"txid": display_hash(point.txid), "vout": point.index, **_coin_json(coin)}
                for point, coin in found.lots
            ],
        }

    def ibcpacketsof(self, txid: object) -> Json:
        """Return the attributes of the packets that a transaction in a block sent."""
        name = hash_of(txid)
        if self._chain.height_of(name) is None:
            raise RpcError(NOT_FOUND, "No such blockchain transaction")
        return self._chain.packets_of(name)

    def _after_mempool(self) -> tuple[BlockRun, dict[OutPoint, Coin], set[OutPoint]]:
        """Return a run after all waiting transactions, and the coins they make and spend."""
        chain = self._chain
        run = chain.machine.begin_block(chain.tip)
        view = chain.coin_view()
        made: dict[OutPoint, Coin] = {}
        spent: set[OutPoint] = set()
        height = chain.tip.height + 1
        for tx in self._mempool.in_block_order():
            try:
                coins = spent_coins(tx, view)
                run.transaction(tx, coins)
            except BitcoinRuleBroken:
                continue
            apply_transaction(tx, view, height)
            spent |= {item.previous_output for item in tx.inputs}
            made |= {
                OutPoint(tx.txid, at): Coin(output, height, False)
                for at, output in enumerate(tx.outputs)
            }
        return run, made, spent

    def ibcunspent(self, script: object) -> Json:
        """Return a script's spendable outputs after the waiting transactions, with their lots."""
        wanted = bytes_of(script)
        run, made, spent = self._after_mempool()
        coins = dict(self._chain.coins_of(wanted))
        coins |= {p: c for p, c in made.items() if c.output.script_pubkey == wanted}
        height = self._chain.tip.height + 1
        return [
            {
                "txid": display_hash(point.txid),
                "vout": point.index,
                "value": coin.output.value,
                "height": coin.height,
                "lots": [_coin_json(lot) for lot in run.lots_on(point)],
            }
            for point, coin in sorted(coins.items())
            if point not in spent and not (coin.is_coinbase and height - coin.height < 100)
        ]

    def ibcpreview(self, messages: object, owner: object, inputs: object) -> Json:
        """Return what messages would take and owe after the waiting transactions."""
        if not isinstance(messages, list) or not isinstance(inputs, list):
            raise RpcError(INVALID_PARAMETER, "messages and inputs are lists")
        run, _, _ = self._after_mempool()
        try:
            found = run.preview(
                tuple(any_of(item) for item in messages),
                Address(bytes_of(owner)),
                tuple(outpoint_of(item) for item in inputs),
            )
        except BitcoinRuleBroken as error:
            raise RpcError(VERIFY_REJECTED, str(error)) from error
        return {
            "deposited": found.deposited,
            "released": found.released,
            "payouts": [
                {
                    "script": ledger.output_script_of(payout.receiver).hex(),
                    **_coin_json(payout.coin),
                }
                for payout in found.payouts
            ],
            "left": [_coin_json(coin) for coin in found.left],
        }


def _coin_json(coin: Lot) -> dict[str, Json]:
    return {"denom": coin.denom, "amount": str(coin.amount)}
