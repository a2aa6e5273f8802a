"""Ethereum's JSON-RPC over one node's chain and pool: ``eth_*``, ``net_*``, ``web3_*``.

No I/O: parameters in, JSON's values out, or a refusal with the code and the text of
go-ethereum. Blocks are final, so "latest", "safe", "finalized" and "pending" name one block.

Spec:
    ethereum/execution-apis; EIP-1186, 1474, 1898.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from chainkit.formats.ethereum.transactions import decode_transaction
from chainkit.formats.ethereum.types import Header, Transaction
from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.keccak import keccak256
from chainkit.primitives.types import Hash32
from chainkit.runtime.errors import OutOfGas
from parachains.account.chain import Chain, StoredBlock, receipt_gas
from parachains.account.errors import (
    AccountError,
    InvalidRpcParams,
    RpcLimitExceeded,
    TransactionRefused,
    UnknownRpcMethod,
)
from parachains.account.execution import Outcome
from parachains.account.fee_history import fee_history, suggested_tip
from parachains.account.fees import next_base_fee
from parachains.account.limits import MAX_PROOF_SLOTS
from parachains.account.log_filter import logs_between, logs_of_block, parse_filter
from parachains.account.mempool import Mempool
from parachains.account.rpc_calls import estimate, parse_call, run_call
from parachains.account.rpc_forms import (
    Placed,
    block_form,
    data,
    parse_account,
    parse_data,
    parse_hash,
    parse_list,
    parse_quantity,
    parse_slot,
    quantity,
    receipt_form,
    transaction_form,
)
from parachains.account.world import World

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
SERVER_ERROR = -32000
_HEAD_TAGS = frozenset({"latest", "safe", "finalized", "pending"})
MAX_SUBMITTED_BYTES = 131_072


class NodeView(Protocol):
    """What of the node the methods tell beside its chain and pool."""

    @property
    def client_version(self) -> str:
        """Name and version of the program."""
        ...

    def peer_count(self) -> int:
        """How many peers are connected."""
        ...

    def highest_known(self) -> int:
        """The highest block that any peer told of."""
        ...

    def submit(self, transaction: Transaction) -> Hash32:
        """Put a transaction into the pool and tell peers; its refusal is the pool's."""
        ...


@dataclass(frozen=True, slots=True)
class Eth:
    """The methods; one value for each node."""

    chain: Chain
    pool: Mempool
    node: NodeView

    # --- which block ------------------------------------------------------------------

    def find(self, which: object) -> StoredBlock | None:
        """Return the block that a tag, a number or an EIP-1898 object names."""
        if which is None or (isinstance(which, str) and which in _HEAD_TAGS):
            return self.chain.head
        if which == "earliest":
            return self.chain.genesis
        if isinstance(which, Mapping):
            if set(which) - {"blockNumber", "blockHash", "requireCanonical"}:
                raise InvalidRpcParams("invalid argument: block is of no known form")
            if "blockHash" in which:
                return self._by_hash(which["blockHash"])
            which = which.get("blockNumber")
        return self.chain.at(parse_quantity(which, "block"))

    def _by_hash(self, wanted: object) -> StoredBlock | None:
        number = self.chain.number_of(parse_hash(wanted, "block hash"))
        return None if number is None else self.chain.at(number)

    def _at(self, which: object) -> Header:
        found = self.find(which)
        if found is None:
            raise AccountError("header not found")
        return found.header

    # --- the chain --------------------------------------------------------------------

    def chain_id(self) -> str:
        """``eth_chainId``."""
        return quantity(self.chain.ledger.identity.evm_chain_id)

    def block_number(self) -> str:
        """``eth_blockNumber``."""
        return quantity(self.chain.head.header.number)

    def block_by_number(self, which: object, full: object = False) -> object:
        """``eth_getBlockByNumber``; null where there is none."""
        return _block(self.find(which), full)

    def block_by_hash(self, wanted: object, full: object = False) -> object:
        """``eth_getBlockByHash``; null where there is none."""
        return _block(self._by_hash(wanted), full)

    def count_by_number(self, which: object) -> str | None:
        """``eth_getBlockTransactionCountByNumber``."""
        found = self.find(which)
        return None if found is None else quantity(len(found.block.transactions))

    def count_by_hash(self, wanted: object) -> str | None:
        """``eth_getBlockTransactionCountByHash``."""
        found = self._by_hash(wanted)
        return None if found is None else quantity(len(found.block.transactions))

    def transaction_by_hash(self, wanted: object) -> object:
        """``eth_getTransactionByHash``; one that waits has no block."""
        key = parse_hash(wanted, "transaction hash")
        place = self.chain.place_of(key)
        if place is None:
            waiting = self.pool.get(key)
            return None if waiting is None else transaction_form(waiting, None)
        stored = self.chain.at(place.number)
        assert stored is not None
        return _transaction(stored, place.index)

    def transaction_in(self, which: object, index: object) -> object:
        """``eth_getTransactionByBlockNumberAndIndex``."""
        return _transaction(self.find(which), parse_quantity(index, "index"))

    def transaction_in_hash(self, wanted: object, index: object) -> object:
        """``eth_getTransactionByBlockHashAndIndex``."""
        return _transaction(self._by_hash(wanted), parse_quantity(index, "index"))

    def receipt(self, wanted: object) -> object:
        """``eth_getTransactionReceipt``; null until the transaction is in a block."""
        place = self.chain.place_of(parse_hash(wanted, "transaction hash"))
        if place is None:
            return None
        stored = self.chain.at(place.number)
        assert stored is not None
        return self._receipts(stored)[place.index]

    def block_receipts(self, which: object) -> object:
        """``eth_getBlockReceipts``."""
        found = self.find(which)
        return None if found is None else self._receipts(found)

    def _receipts(self, stored: StoredBlock) -> list[object]:
        receipts = self.chain.receipts(stored.header.number)
        forms: list[object] = []
        first_log = 0
        for index, receipt in enumerate(receipts):
            forms.append(
                receipt_form(
                    receipt,
                    Placed(stored.hash, stored.header, index),
                    stored.block.transactions[index],
                    gas_used=receipt_gas(receipts, index),
                    first_log=first_log,
                )
            )
            first_log += len(receipt.logs)
        return forms

    def logs(self, options: object) -> list[object]:
        """``eth_getLogs``: of one block by hash, or of a range of blocks."""
        if not isinstance(options, Mapping):
            raise InvalidRpcParams("invalid argument: a filter is an object")
        wanted = parse_filter(options)
        if options.get("blockHash") is not None:
            if options.get("fromBlock") is not None or options.get("toBlock") is not None:
                raise InvalidRpcParams(
                    "cannot specify both BlockHash and FromBlock/ToBlock, choose one or the other"
                )
            stored = self._by_hash(options["blockHash"])
            if stored is None:
                raise AccountError("unknown block")
            return list(logs_of_block(self.chain, stored, wanted))
        first, last = (self._number(options.get(name)) for name in ("fromBlock", "toBlock"))
        return logs_between(self.chain, first, last, wanted)

    def _number(self, which: object) -> int:
        """Return a bound of a range; it may lie beyond the head."""
        if isinstance(which, str) and which.startswith("0x"):
            return parse_quantity(which, "block")
        return self._at(which).number

    # --- the state --------------------------------------------------------------------

    def _world(self, which: object) -> World:
        return World(self.chain.ledger.state.overlay_at(self._at(which).number))

    def balance(self, address: object, which: object = "latest") -> str:
        """``eth_getBalance``."""
        return quantity(self._world(which).balance(parse_account(address)))

    def transaction_count(self, address: object, which: object = "latest") -> str:
        """``eth_getTransactionCount``; "pending" counts what waits without a gap."""
        account = parse_account(address)
        if which == "pending":
            return quantity(self.pool.next_nonce(account))
        return quantity(self._world(which).account(account).nonce)

    def code(self, address: object, which: object = "latest") -> str:
        """``eth_getCode``."""
        account = self._world(which).account(parse_account(address))
        return data(self.chain.ledger.rules.contracts.code_of(account.code_hash))

    def storage_at(self, address: object, slot: object, which: object = "latest") -> str:
        """``eth_getStorageAt``; of IBC's contract too, whose words are hashes of values."""
        height = self._at(which).number
        proof = self.chain.ledger.state.prove(height, parse_account(address), (parse_slot(slot),))
        return data(proof.storage[0].word)

    def proof(self, address: object, keys: object, which: object = "latest") -> object:
        """``eth_getProof`` (EIP-1186)."""
        listed = parse_list(keys, "storage keys")
        if len(listed) > MAX_PROOF_SLOTS:
            raise RpcLimitExceeded(f"too many slots (maximum {MAX_PROOF_SLOTS})")
        account = parse_account(address)
        slots = tuple(parse_slot(key) for key in listed)
        found = self.chain.ledger.state.prove(self._at(which).number, account, slots)
        return {
            "address": data(account),
            "accountProof": [data(node) for node in found.nodes],
            "balance": quantity(found.account.balance),
            "codeHash": data(found.account.code_hash),
            "nonce": quantity(found.account.nonce),
            "storageHash": data(found.account.storage_root),
            "storageProof": [
                {
                    "key": key,
                    "value": quantity(int.from_bytes(item.word, "big")),
                    "proof": [data(node) for node in item.nodes],
                }
                for key, item in zip(listed, found.storage, strict=True)
            ],
        }

    def call(self, call: object, which: object = "latest", overrides: object = None) -> str:
        """``eth_call``; a refusal of a contract has code 3 and the ABI's reason as data."""
        if overrides:
            raise InvalidRpcParams("state overrides are not supported")
        ledger = self.chain.ledger
        sender, transaction = parse_call(call, ledger.identity.evm_chain_id)
        return data(_succeeded(run_call(ledger, self._at(which), sender, transaction)).output)

    def estimate_gas(self, call: object, which: object = "latest") -> str:
        """``eth_estimateGas``: the least limit with which the call would do the same."""
        ledger = self.chain.ledger
        sender, transaction = parse_call(call, ledger.identity.evm_chain_id)
        outcome = estimate(ledger, self._at(which), sender, transaction)
        if isinstance(outcome.error, OutOfGas):
            raise AccountError(f"gas required exceeds allowance ({transaction.gas_limit})")
        return quantity(_succeeded(outcome).gas_used)

    # --- fees -------------------------------------------------------------------------

    def gas_price(self) -> str:
        """``eth_gasPrice``: the next base fee and a tip."""
        head = self.chain.head.header
        assert head.base_fee_per_gas is not None
        base_fee = next_base_fee(head.base_fee_per_gas, head.gas_used, head.gas_limit)
        return quantity(base_fee + suggested_tip(self.chain))

    def max_priority_fee(self) -> str:
        """``eth_maxPriorityFeePerGas``."""
        return quantity(suggested_tip(self.chain))

    def fee_history(self, count: object, newest: object, percentiles: object = None) -> object:
        """``eth_feeHistory``."""
        wanted = parse_list([] if percentiles is None else percentiles, "percentiles")
        number = count if isinstance(count, int) else parse_quantity(count, "block count")
        return fee_history(self.chain, number, self._at(newest).number, wanted)

    # --- sending, and the node ----------------------------------------------------------

    def send_raw(self, raw: object) -> str:
        """``eth_sendRawTransaction``; a refusal is the pool's, in go-ethereum's words."""
        encoded = parse_data(raw, "transaction")
        if len(encoded) > MAX_SUBMITTED_BYTES:
            raise TransactionRefused("oversized data")
        try:
            transaction = decode_transaction(encoded)
        except RuleBroken as error:
            raise TransactionRefused(f"invalid transaction: {error}") from error
        return data(self.node.submit(transaction))

    def syncing(self) -> object:
        """``eth_syncing``: false, or how far it is."""
        current, highest = self.chain.head.header.number, self.node.highest_known()
        if highest <= current + 1:
            return False
        return {
            "startingBlock": quantity(0),
            "currentBlock": quantity(current),
            "highestBlock": quantity(highest),
        }

    def net_version(self) -> str:
        """``net_version``, in decimals."""
        return str(self.chain.ledger.identity.evm_chain_id)

    def methods(self) -> Mapping[str, Callable[..., object]]:
        """Return the methods by their names."""
        return {
            "eth_accounts": list,
            "eth_blockNumber": self.block_number,
            "eth_call": self.call,
            "eth_chainId": self.chain_id,
            "eth_estimateGas": self.estimate_gas,
            "eth_feeHistory": self.fee_history,
            "eth_gasPrice": self.gas_price,
            "eth_getBalance": self.balance,
            "eth_getBlockByHash": self.block_by_hash,
            "eth_getBlockByNumber": self.block_by_number,
            "eth_getBlockReceipts": self.block_receipts,
            "eth_getBlockTransactionCountByHash": self.count_by_hash,
            "eth_getBlockTransactionCountByNumber": self.count_by_number,
            "eth_getCode": self.code,
            "eth_getLogs": self.logs,
            "eth_getProof": self.proof,
            "eth_getStorageAt": self.storage_at,
            "eth_getTransactionByBlockHashAndIndex": self.transaction_in_hash,
            "eth_getTransactionByBlockNumberAndIndex": self.transaction_in,
            "eth_getTransactionByHash": self.transaction_by_hash,
            "eth_getTransactionCount": self.transaction_count,
            "eth_getTransactionReceipt": self.receipt,
            "eth_maxPriorityFeePerGas": self.max_priority_fee,
            "eth_sendRawTransaction": self.send_raw,
            "eth_syncing": self.syncing,
            "net_listening": lambda: True,
            "net_peerCount": lambda: quantity(self.node.peer_count()),
            "net_version": self.net_version,
            "web3_clientVersion": lambda: self.node.client_version,
            "web3_sha3": lambda value: data(keccak256(parse_data(value, "data"))),
        }


def _succeeded(outcome: Outcome) -> Outcome:
    """Return an outcome without an error, or raise its error."""
    if isinstance(outcome.error, OutOfGas):
        raise AccountError("out of gas")
    if outcome.error is not None:
        raise outcome.error
    return outcome


def _block(found: StoredBlock | None, full: object) -> object:
    if not isinstance(full, bool):
        raise InvalidRpcParams("invalid argument 1: expected a bool")
    return None if found is None else block_form(found.block, found.hash, full=full)


def _transaction(found: StoredBlock | None, index: int) -> object:
    if found is None or index >= len(found.block.transactions):
        return None
    return transaction_form(
        found.block.transactions[index], Placed(found.hash, found.header, index)
    )


def answer(methods: Mapping[str, Callable[..., object]], request: object) -> dict[str, object]:
    """Return the answer to one decoded JSON-RPC request; a refusal is an answer, too."""
    identity = request.get("id") if isinstance(request, Mapping) else None
    envelope: dict[str, object] = {"jsonrpc": "2.0", "id": identity}
    try:
        return envelope | {"result": _run(methods, request)}
    except RuleBroken as refusal:
        return envelope | {"error": error_form(refusal)}


def error_form(refusal: RuleBroken) -> dict[str, object]:
    """Return the error object of a refusal: code, message, and data where a contract gave some."""
    form: dict[str, object] = {
        "code": getattr(refusal, "rpc_code", SERVER_ERROR),
        "message": str(refusal),
    }
    reverted = getattr(refusal, "data", None)
    if isinstance(reverted, bytes):
        form["data"] = data(reverted)
    return form


class InvalidRpcRequest(AccountError):
    """A request is no JSON-RPC request."""

    code = 29
    rpc_code = INVALID_REQUEST


def _run(methods: Mapping[str, Callable[..., object]], request: object) -> object:
    if not isinstance(request, Mapping) or not isinstance(request.get("method"), str):
        raise InvalidRpcRequest("invalid request")
    name, params = request["method"], request.get("params")
    method = methods.get(name)
    if method is None:
        raise UnknownRpcMethod(f"the method {name[:64]} does not exist/is not available")
    if isinstance(params, Mapping):
        return _run_named(method, params)
    given: Sequence[object] = parse_list([] if params is None else params, "params")
    low, high = arity(method)
    if len(given) < low:
        raise InvalidRpcParams(f"missing value for required argument {len(given)}")
    if len(given) > high:
        raise InvalidRpcParams(f"too many arguments, want at most {high}")
    return method(*given)


def _run_named(method: Callable[..., object], params: Mapping[str, object]) -> object:
    """Run a method with parameters by name, as our own clients send them."""
    needed, names = _names(method)
    if not set(needed) <= set(params) <= set(names):
        raise InvalidRpcParams(f"parameters are {', '.join(names) or 'none'}")
    return method(**params)


def _names(method: Callable[..., object]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if method is list:
        return (), ()
    parameters = inspect.signature(method).parameters.values()
    needed = (each.name for each in parameters if each.default is inspect.Parameter.empty)
    return tuple(needed), tuple(each.name for each in parameters)


def arity(method: Callable[..., object]) -> tuple[int, int]:
    """Return how many arguments a method needs, and how many it takes."""
    needed, names = _names(method)
    return len(needed), len(names)
