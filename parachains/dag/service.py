"""What a DAG node answers: Kaspa's methods by their names, for accounts in place of outputs.

IBC's methods, which Kaspa has not, are in ``service_ibc.py``; what steers a node is in
``node.py``. Pure over chain and mempool; the node's shell acts on what was submitted.

Spec:
    rusty-kaspa ``rpc/core/src/model/message.rs`` for names.
"""

from collections.abc import Callable, Mapping
from itertools import islice

from chainkit.formats.ghostdag.blocks import DagBlock
from chainkit.formats.ghostdag.hashing import ZERO_HASH
from chainkit.primitives.errors import RuleBroken
from chainkit.runtime.addresses import format_address
from parachains.dag import index
from parachains.dag.chain import DagChain
from parachains.dag.drawing import MAX_DRAWN_BLOCKS, window, window_to_json
from parachains.dag.errors import BodyPruned
from parachains.dag.mempool import Entry, Mempool
from parachains.dag.service_forms import (
    MAX_SCORE,
    NOT_FOUND,
    REFUSED,
    Json,
    RpcError,
    address_of,
    boolean_of,
    coin_json,
    hash_of,
    header_json,
    integer_of,
    list_of,
    transaction_json,
    transaction_of,
)
from parachains.dag.service_ibc import IbcService
from parachains.dag.transactions import Transaction

MAX_BLOCKS_PER_CALL = 1_000
MAX_SUBMITTED = 1_000
Method = Callable[..., Json]


class Service:
    """The methods of one node; ``submit`` is told of every transaction that was taken."""

    def __init__(
        self,
        chain: DagChain,
        mempool: Mempool,
        submit: Callable[[list[Transaction]], None],
        finality_depth: int,
    ) -> None:
        self._chain = chain
        self._mempool = mempool
        self._submit = submit
        self._depth = finality_depth
        self._prefix = chain.parameters.address_prefix
        self._ibc = IbcService(chain, mempool, finality_depth)

    def methods(self) -> Mapping[str, tuple[Method, tuple[str, ...]]]:
        """Return every method with the names of its parameters."""
        return {
            "getBlockDagInfo": (self.getBlockDagInfo, ()),
            "getSink": (self.getSink, ()),
            "getSinkBlueScore": (self.getSinkBlueScore, ()),
            "getBlock": (self.getBlock, ("hash", "includeTransactions")),
            "getBlocks": (self.getBlocks, ("lowHash", "includeBlocks", "limit")),
            "getHeaders": (self.getHeaders, ("startHash", "limit")),
            "getVirtualChainFromBlock": (
                self.getVirtualChainFromBlock,
                ("startHash", "includeAcceptedTransactionIds"),
            ),
            "getRawBlocks": (self.getRawBlocks, ("start", "count")),
            "getDag": (self.getDag, ("most",)),
            "submitTransaction": (self.submitTransaction, ("transaction",)),
            "submitTransactions": (self.submitTransactions, ("transactions",)),
            "getMempoolEntries": (self.getMempoolEntries, ()),
            "getMempoolEntry": (self.getMempoolEntry, ("txId",)),
            "getMempoolInfo": (self.getMempoolInfo, ()),
            "getBalanceByAddress": (self.getBalanceByAddress, ("address",)),
            "getAccount": (self.getAccount, ("address",)),
            "getTransaction": (self.getTransaction, ("transactionId",)),
            "getCoinSupply": (self.getCoinSupply, ()),
            **self._ibc.methods(),
        }

    # --- blocks -------------------------------------------------------------------------

    def getBlockDagInfo(self) -> Json:  # noqa: N802 - Kaspa's name, as all here
        """Return the state of the DAG."""
        chain, virtual = self._chain, self._chain.pending()[0]
        return {
            "networkName": chain.parameters.chain_id,
            "blockCount": len(chain.dag),
            "headerCount": chain.store.count,
            "tipHashes": [tip.hex() for tip in chain.dag.tips],
            "difficultyBits": f"{virtual.bits:08x}",
            "pastMedianTime": virtual.median_time_ms,
            "virtualParentHashes": [parent.hex() for parent in virtual.parents],
            "pruningPointHash": virtual.pruning_point.hex(),
            "virtualDaaScore": virtual.daa_score,
            "sink": chain.tip.hash.hex(),
            "sinkBlueScore": chain.tip.order.blue_score,
            "intervalMs": chain.parameters.dag.target_time_ms,
            "k": chain.parameters.dag.k,
            "finalityDepth": self._depth,
            "archive": chain.archive,
        }

    def getSink(self) -> Json:  # noqa: N802
        """Return the selected chain's newest block."""
        return {"sink": self._chain.tip.hash.hex()}

    def getSinkBlueScore(self) -> Json:  # noqa: N802
        """Return that block's blue score."""
        return {"blueScore": self._chain.tip.order.blue_score}

    def _find(self, value: object) -> DagBlock:
        found = self._chain.find(hash_of(value))
        if found is None:
            raise RpcError(NOT_FOUND, "no such block")
        return found

    def getBlock(self, hash: object, includeTransactions: object = False) -> Json:  # noqa: A002, N802, N803
        """Return a block: its header, its place in the DAG, and its transactions."""
        block = self._find(hash)
        return self._block_json(block, boolean_of(includeTransactions, "includeTransactions"))

    def _block_json(self, block: DagBlock, with_transactions: bool) -> Json:
        accepting, colour = self._fate(block)
        place: dict[str, Json] = {
            "hash": block.hash.hex(),
            "blueScore": block.order.blue_score,
            "selectedParentHash": (block.order.selected_parent or ZERO_HASH).hex(),
            "mergeSetBluesHashes": [other.hex() for other in block.order.blues],
            "mergeSetRedsHashes": [other.hex() for other in block.order.reds],
            "isChainBlock": self._chain.place_of(block.hash) is not None,
            "isDisqualified": self._chain.is_disqualified(block.hash),
            "acceptingBlockHash": accepting,
            "color": colour,
            "chainTimeMs": block.chain_time_ms,
            "childrenHashes": [
                other.hash.hex() for other in self._chain.dag if block.hash in other.header.parents
            ],
        }
        answer: dict[str, Json] = {"header": header_json(block.header), "verboseData": place}
        try:
            body = self._chain.body(block.hash)
        except BodyPruned:
            return answer | {"pruned": True}
        place["transactionIds"] = [tx.id.hex() for tx in body.transactions]
        answer["miner"] = format_address(self._prefix, body.miner)
        if with_transactions:
            answer["transactions"] = [
                transaction_json(tx, self._prefix) for tx in body.transactions
            ]
        return answer

    def _fate(self, block: DagBlock) -> tuple[str | None, str]:
        """Return the chain block that merged a block, and its colour there."""
        chain = self._chain
        if chain.dag.find(block.hash) is None:
            return None, "pruned"
        if block.hash == chain.tip.hash or not chain.dag.is_ancestor(block.hash, chain.tip.hash):
            return None, "unmerged"
        low, high = 0, chain.tip_place
        while low < high:  # the lowest chain block above it
            middle = (low + high) // 2
            here = chain.chain_hash(middle)
            assert here is not None
            kept = chain.dag.find(here) is not None
            above = kept and here != block.hash and chain.dag.is_ancestor(block.hash, here)
            low, high = (low, middle) if above else (middle + 1, high)
        merging = chain.chain_hash(low)
        assert merging is not None
        found = chain.find(merging)
        assert found is not None
        return merging.hex(), "red" if block.hash in found.order.reds else "blue"

    def _above(self, value: object, limit: int) -> list[DagBlock]:
        """Return a block of the selected chain and what is not in its past, parents first."""
        chain = self._chain
        start = chain.tip.header.pruning_point if value == "" else hash_of(value)
        low = chain.dag.genesis if start == ZERO_HASH else start
        place, first = chain.place_of(low), chain.find(low)
        if place is None or first is None:
            raise RpcError(NOT_FOUND, "the selected chain has no such block")
        found = [first, *(b for _, b in islice(chain.headers_after(place), limit))]
        return [*found, *chain.unmerged()][:limit]

    def getBlocks(  # noqa: N802
        self,
        lowHash: object = "",  # noqa: N803
        includeBlocks: object = False,  # noqa: N803
        limit: object = MAX_BLOCKS_PER_CALL,
    ) -> Json:
        """Return a chain block and those not in its past, from the pruning point on by default."""
        blocks = self._above(lowHash, integer_of(limit, 1, MAX_BLOCKS_PER_CALL, "limit"))
        whole = boolean_of(includeBlocks, "includeBlocks")
        return {
            "blockHashes": [block.hash.hex() for block in blocks],
            "blocks": [self._block_json(b, with_transactions=False) for b in blocks if whole],
        }

    def getHeaders(self, startHash: object = "", limit: object = MAX_BLOCKS_PER_CALL) -> Json:  # noqa: N802, N803
        """Return the same as ``getBlocks`` as encoded headers."""
        blocks = self._above(startHash, integer_of(limit, 1, MAX_BLOCKS_PER_CALL, "limit"))
        return {"headers": [block.header.encode().hex() for block in blocks]}

    def getVirtualChainFromBlock(  # noqa: N802
        self,
        startHash: object,  # noqa: N803
        includeAcceptedTransactionIds: object = False,  # noqa: N803
    ) -> Json:
        """Return how the selected chain goes on from a block: what left it, what joined."""
        chain, block = self._chain, self._find(startHash)
        removed: list[Json] = []
        while (place := chain.place_of(block.hash)) is None:
            removed.append(block.hash.hex())
            below = block.order.selected_parent
            found = None if below is None else chain.find(below)
            if found is None:
                raise RpcError(NOT_FOUND, "the block's chain is not kept")
            block = found
        last = min(chain.tip_place, place + MAX_BLOCKS_PER_CALL)
        added = [chain.chain_hash(at) for at in range(place + 1, last + 1)]
        hashes = [each for each in added if each is not None]
        accepted: list[Json] = []
        if boolean_of(includeAcceptedTransactionIds, "includeAcceptedTransactionIds"):
            for each in hashes:
                joined = chain.find(each)
                assert joined is not None
                told = index.results_at(chain.database, joined.order.blue_score)
                accepted.append(
                    {
                        "acceptingBlockHash": each.hex(),
                        "acceptedTransactionIds": [
                            one["transactionId"] for one in told if one["accepted"]
                        ],
                    }
                )
        return {
            "removedChainBlockHashes": removed,
            "addedChainBlockHashes": [each.hex() for each in hashes],
            "acceptedTransactionIds": accepted,
        }

    def getRawBlocks(self, start: object, count: object) -> Json:  # noqa: N802
        """Return blocks by the order in which they came, from 1 on, in hex; for a replay."""
        first = integer_of(start, 1, MAX_SCORE, "start")
        number = integer_of(count, 0, MAX_BLOCKS_PER_CALL, "count")
        answer: list[Json] = []
        for at in range(first, min(first + number, self._chain.store.count)):
            block = self._chain.store.header(at)
            assert block is not None
            body = self._chain.body(block.hash).encode().hex()
            answer.append({"header": block.header.encode().hex(), "body": body})
        return answer

    def getDag(self, most: object = 60) -> Json:  # noqa: N802
        """Return the newest blocks as a picture needs them."""
        number = integer_of(most, 1, MAX_DRAWN_BLOCKS, "most")
        return window_to_json(window(self._chain.dag, self._chain.tip.hash, self._depth, number))

    # --- transactions and accounts ------------------------------------------------------

    def submitTransaction(self, transaction: object) -> Json:  # noqa: N802
        """Take a transaction, check it and tell peers."""
        tx = transaction_of(transaction)
        try:
            self._mempool.add(tx)
        except RuleBroken as error:
            raise RpcError(REFUSED, f"{error} ({error.codespace}/{error.code})") from error
        self._submit([tx])
        return {"transactionId": tx.id.hex()}

    def submitTransactions(self, transactions: object) -> Json:  # noqa: N802
        """Take many, their signatures in one batch; each is answered by itself."""
        given = list_of(transactions, MAX_SUBMITTED, "transactions")
        found = [transaction_of(each) for each in given]
        refusals = self._mempool.add_all(found)
        pairs = list(zip(found, refusals, strict=True))
        self._submit([tx for tx, refusal in pairs if refusal is None])
        return {
            "results": [
                {"transactionId": tx.id.hex()}
                if refusal is None
                else {
                    "code": refusal.code,
                    "codespace": refusal.codespace,
                    "message": str(refusal),
                }
                for tx, refusal in pairs
            ]
        }

    def _entry_json(self, entry: Entry) -> Json:
        tx = entry.tx
        return {
            "transactionId": tx.id.hex(),
            "sender": format_address(self._prefix, tx.sender),
            "sequence": tx.sequence,
            "fee": tx.fee,
            "gasLimit": tx.gas_limit,
            "size": entry.size,
        }

    def getMempoolEntries(self) -> Json:  # noqa: N802
        """Return what waits, the best fee first."""
        return {"entries": [self._entry_json(entry) for entry in self._mempool.entries()]}

    def getMempoolEntry(self, txId: object) -> Json:  # noqa: N802, N803
        """Return a waiting transaction."""
        tx = self._mempool.get(hash_of(txId))
        if tx is None:
            raise RpcError(NOT_FOUND, "no such transaction waits")
        return {"mempoolEntry": transaction_json(tx, self._prefix)}

    def getMempoolInfo(self) -> Json:  # noqa: N802
        """Return how much waits."""
        return {
            "size": len(self._mempool),
            "bytes": self._mempool.size,
            "minimumFee": self._mempool.minimum_fee,
        }

    def getBalanceByAddress(self, address: object) -> Json:  # noqa: N802
        """Return what an account has of the chain's own coin at the tip."""
        owner = address_of(address, self._prefix)
        native = self._chain.parameters.native
        return {"balance": self._chain.machine.bank.balance(self._chain.state(), owner, native)}

    def getAccount(self, address: object) -> Json:  # noqa: N802
        """Return an account at the tip, and the sequence after what it has waiting."""
        owner = address_of(address, self._prefix)
        ctx, machine = self._chain.state(), self._chain.machine
        account = machine.auth.account(ctx, owner)
        return {
            "address": format_address(self._prefix, owner),
            "exists": account is not None,
            "sequence": 0 if account is None else account.sequence,
            "nextSequence": self._mempool.next_sequence(owner) or 0,
            "balances": [coin_json(coin) for coin in machine.bank.balances(ctx, owner)],
        }

    def getTransaction(self, transactionId: object) -> Json:  # noqa: N802, N803
        """Return what became of a transaction: waiting, accepted or refused; null: unknown."""
        name = hash_of(transactionId)
        found = index.transaction(self._chain.database, name)
        if found is not None and found["accepted"] is True:
            return {"status": "accepted", **found}
        if name in self._mempool:
            return {"status": "waiting"}
        return None if found is None else {"status": "refused", **found}

    def getCoinSupply(self) -> Json:  # noqa: N802
        """Return how much there is of the chain's own coin at the tip."""
        native = self._chain.parameters.native
        return {"circulating": self._chain.machine.bank.supply(self._chain.state(), native)}
