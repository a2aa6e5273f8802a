"""What a UTXO node answers: Bitcoin Core's methods by its names and shapes.

IBC's methods, which Core has not, are in ``service_ibc.py``.

Pure over chain and mempool; the node's shell serves it and acts on what was submitted.

Spec:
    Bitcoin Core's JSON-RPC (``src/rpc``); errors carry its codes.
"""

from collections.abc import Callable, Mapping

from chainkit.formats.bitcoin.addresses import encode_address
from chainkit.formats.bitcoin.encoding import display_hash
from chainkit.formats.bitcoin.errors import BitcoinRuleBroken, WrongAddress
from chainkit.formats.bitcoin.header_chain import ChainPoint
from chainkit.formats.bitcoin.merkle import build_merkle_block
from chainkit.formats.bitcoin.proof_of_work import target_of
from chainkit.formats.bitcoin.transactions import OutPoint, Transaction
from parachains.utxo.chain import Chain
from parachains.utxo.coins import Coin
from parachains.utxo.mempool import Mempool
from parachains.utxo.service_forms import (
    INVALID_PARAMETER,
    NOT_FOUND,
    VERIFY_REJECTED,
    Json,
    RpcError,
    coins_text,
    hash_of,
    integer_of,
    transaction_of,
)
from parachains.utxo.service_ibc import IbcService

Method = Callable[..., Json]


class Service:
    """The methods of one node; ``submit`` is told of every transaction that was taken."""

    def __init__(
        self, chain: Chain, mempool: Mempool, submit: Callable[[Transaction], None]
    ) -> None:
        self._chain = chain
        self._mempool = mempool
        self._submit = submit
        self._ibc = IbcService(chain, mempool)

    def methods(self) -> Mapping[str, tuple[Method, tuple[str, ...]]]:
        """Return every method with the names of its parameters."""
        return {
            "getblockchaininfo": (self.getblockchaininfo, ()),
            "getblockcount": (self.getblockcount, ()),
            "getbestblockhash": (self.getbestblockhash, ()),
            "getblockhash": (self.getblockhash, ("height",)),
            "getblockheader": (self.getblockheader, ("blockhash", "verbose")),
            "getblock": (self.getblock, ("blockhash", "verbosity")),
            "getrawtransaction": (self.getrawtransaction, ("txid", "verbose")),
            "decoderawtransaction": (self.decoderawtransaction, ("hexstring",)),
            "gettxout": (self.gettxout, ("txid", "n", "include_mempool")),
            "gettxoutproof": (self.gettxoutproof, ("txids", "blockhash")),
            "getmempoolinfo": (self.getmempoolinfo, ()),
            "getrawmempool": (self.getrawmempool, ()),
            "sendrawtransaction": (self.sendrawtransaction, ("hexstring",)),
            **self._ibc.methods(),
        }

    def getblockchaininfo(self) -> Json:
        """Return the state of the chain."""
        tip = self._chain.tip
        return {
            "chain": self._chain.parameters.name,
            "blocks": tip.height,
            "headers": tip.height,
            "bestblockhash": display_hash(tip.header.hash),
            "bits": f"{tip.header.bits:08x}",
            "target": f"{target_of(tip.header.bits):064x}",
            "time": tip.header.time,
            "mediantime": tip.median_time_past,
            "chainwork": f"{tip.chain_work:064x}",
            "initialblockdownload": False,
            "pruned": False,
        }

    def getblockcount(self) -> Json:
        """Return the height of the tip."""
        return self._chain.tip.height

    def getbestblockhash(self) -> Json:
        """Return the hash of the tip."""
        return display_hash(self._chain.tip.header.hash)

    def getblockhash(self, height: object) -> Json:
        """Return the hash of the active chain's block at a height."""
        return display_hash(self._at(height).header.hash)

    def _at(self, height: object) -> ChainPoint:
        number = integer_of(height, 0, 2**31 - 1, "height")
        point = self._chain.at(number)
        if point is None:
            raise RpcError(INVALID_PARAMETER, "Block height out of range")
        return point

    def _point(self, blockhash: object) -> ChainPoint:
        point = self._chain.point(hash_of(blockhash))
        if point is None:
            raise RpcError(NOT_FOUND, "Block not found")
        return point

    def _header_json(self, point: ChainPoint) -> dict[str, Json]:
        header = point.header
        active = self._chain.is_active(point)
        following = self._chain.at(point.height + 1) if active else None
        answer: dict[str, Json] = {
            "hash": display_hash(header.hash),
            "confirmations": self._chain.tip.height - point.height + 1 if active else -1,
            "height": point.height,
            "version": header.version,
            "versionHex": f"{header.version & 0xFFFFFFFF:08x}",
            "merkleroot": display_hash(header.merkle_root),
            "time": header.time,
            "mediantime": point.median_time_past,
            "nonce": header.nonce,
            "bits": f"{header.bits:08x}",
            "chainwork": f"{point.chain_work:064x}",
        }
        if point.height:
            answer["previousblockhash"] = display_hash(header.previous_block)
        if following is not None:
            answer["nextblockhash"] = display_hash(following.header.hash)
        return answer

    def getblockheader(self, blockhash: object, verbose: object = True) -> Json:
        """Return a header, as hex or as an object."""
        point = self._point(blockhash)
        return self._header_json(point) if verbose else point.header.encode().hex()

    def getblock(self, blockhash: object, verbosity: object = 1) -> Json:
        """Return a block: hex (0), with txids (1), or with transactions (2)."""
        point = self._point(blockhash)
        block = self._chain.block(point.header.hash)
        if block is None:
            raise RpcError(-1, "Block not available (not fully downloaded)")
        level = integer_of(verbosity, 0, 2, "verbosity")
        if level == 0:
            return block.encoded.hex()
        transactions: list[Json] = [
            self._transaction_json(tx) if level == 2 else display_hash(tx.txid)
            for tx in block.transactions
        ]
        return {
            **self._header_json(point),
            "nTx": len(transactions),
            "size": len(block.encoded),
            "weight": block.weight,
            "tx": transactions,
        }

    def _script_json(self, script: bytes) -> dict[str, Json]:
        answer: dict[str, Json] = {"hex": script.hex()}
        try:
            answer["address"] = encode_address(script, self._chain.parameters.addresses)
        except WrongAddress:
            return answer
        return answer

    def _transaction_json(self, tx: Transaction) -> dict[str, Json]:
        inputs: list[Json] = []
        for item in tx.inputs:
            if tx.is_coinbase:
                inputs.append({"coinbase": item.script_sig.hex(), "sequence": item.sequence})
                continue
            inputs.append(
                {
                    "txid": display_hash(item.previous_output.txid),
                    "vout": item.previous_output.index,
                    "scriptSig": {"hex": item.script_sig.hex()},
                    "txinwitness": [part.hex() for part in item.witness],
                    "sequence": item.sequence,
                }
            )
        outputs = [
            {
                "value": coins_text(output.value),
                "n": index,
                "scriptPubKey": self._script_json(output.script_pubkey),
            }
            for index, output in enumerate(tx.outputs)
        ]
        return {
            "txid": display_hash(tx.txid),
            "hash": display_hash(tx.wtxid),
            "version": tx.version,
            "size": len(tx.encoded),
            "vsize": -(-tx.weight // 4),
            "weight": tx.weight,
            "locktime": tx.lock_time,
            "vin": inputs,
            "vout": outputs,
        }

    def _find(self, txid: bytes) -> tuple[Transaction, ChainPoint | None]:
        entry = self._mempool.get(txid)
        if entry is not None:
            return entry.tx, None
        height = self._chain.height_of(txid)
        point = None if height is None else self._chain.at(height)
        block = None if point is None else self._chain.block(point.header.hash)
        if block is None:
            raise RpcError(NOT_FOUND, "No such mempool or blockchain transaction")
        return next(tx for tx in block.transactions if tx.txid == txid), point

    def getrawtransaction(self, txid: object, verbose: object = False) -> Json:
        """Return a transaction of the mempool or the active chain."""
        tx, point = self._find(hash_of(txid))
        if not verbose:
            return tx.encoded.hex()
        answer = {**self._transaction_json(tx), "hex": tx.encoded.hex()}
        if point is not None:
            answer |= {
                "blockhash": display_hash(point.header.hash),
                "confirmations": self._chain.tip.height - point.height + 1,
                "blockheight": point.height,
                "blocktime": point.header.time,
            }
        return answer

    def decoderawtransaction(self, hexstring: object) -> Json:
        """Return a transaction's parts."""
        return self._transaction_json(transaction_of(hexstring))

    def gettxout(self, txid: object, n: object, include_mempool: object = True) -> Json:
        """Return an unspent output, or null."""
        point = OutPoint(hash_of(txid), integer_of(n, 0, 2**32 - 1, "n"))
        coin = self._chain.coin(point)
        if include_mempool:
            entry = self._mempool.get(point.txid)
            if entry is not None and point.index < len(entry.tx.outputs):
                coin = Coin(entry.tx.outputs[point.index], self._chain.tip.height + 1, False)
            if self._mempool.spender_of(point) is not None:
                coin = None
        if coin is None:
            return None
        tip = self._chain.tip
        return {
            "bestblock": display_hash(tip.header.hash),
            "confirmations": max(0, tip.height - coin.height + 1),
            "value": coins_text(coin.output.value),
            "scriptPubKey": self._script_json(coin.output.script_pubkey),
            "coinbase": coin.is_coinbase,
        }

    def gettxoutproof(self, txids: object, blockhash: object = None) -> Json:
        """Return a merkle block that proves transactions of one block."""
        if not isinstance(txids, list) or not txids:
            raise RpcError(INVALID_PARAMETER, "Parameter 'txids' cannot be empty")
        wanted = frozenset(hash_of(text) for text in txids)
        if blockhash is None:
            height = self._chain.height_of(next(iter(wanted)))
            point = self._at(0 if height is None else height)
        else:
            point = self._point(blockhash)
        block = self._chain.block(point.header.hash)
        found = [] if block is None else [tx.txid for tx in block.transactions]
        if not wanted <= set(found):
            raise RpcError(NOT_FOUND, "Not all transactions found in specified or retrieved block")
        return build_merkle_block(point.header, found, wanted).encode().hex()

    def getmempoolinfo(self) -> Json:
        """Return the size of the mempool."""
        entries = self._mempool.entries()
        return {
            "loaded": True,
            "size": len(entries),
            "bytes": sum(entry.virtual_size for entry in entries),
            "total_fee": coins_text(sum(entry.fee for entry in entries)),
        }

    def getrawmempool(self) -> Json:
        """Return the waiting transactions' ids."""
        return [display_hash(entry.tx.txid) for entry in self._mempool.entries()]

    def sendrawtransaction(self, hexstring: object) -> Json:
        """Take a transaction into the mempool; return its id."""
        tx = transaction_of(hexstring)
        if self._chain.height_of(tx.txid) is not None:
            raise RpcError(-27, "Transaction outputs already in utxo set")
        try:
            self._mempool.add(tx)
        except BitcoinRuleBroken as error:
            raise RpcError(VERIFY_REJECTED, str(error)) from error
        self._submit(tx)
        return display_hash(tx.txid)
