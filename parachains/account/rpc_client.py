"""Ethereum's JSON-RPC as values, for clients of an account chain: one method an endpoint."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from google.protobuf.message import Message

from chainkit.formats.ethereum.types import Header
from chainkit.primitives.errors import MalformedMessage, OperationFailed
from chainkit.primitives.types import Address, Hash32
from chainkit.runtime.events import Event
from chainkit.wire.codec import decode_known, encode
from parachains.account.addresses import IBC_ADDRESS
from parachains.account.contracts.abi import decode_abi, encode_abi, selector_of
from parachains.account.contracts.ibc import event_of_log
from parachains.account.limits import MAX_LOG_BLOCKS
from parachains.account.rpc_forms import data, parse_account, parse_data, parse_quantity, quantity
from parachains.sdk.ibc_queries import QueryFailed

M = TypeVar("M", bound=Message)
MAX_ANSWER_BYTES = 16_777_216
_HASH_BYTES = 32


class RpcTransport(Protocol):
    """Carries one JSON-RPC call."""

    async def call(self, method: str, params: Mapping[str, object]) -> object:
        """Return the ``result``; parameters go by the names of ``parachains.account.rpc``.

        Raises:
            OperationFailed: No node answered, or it answered with an error.
        """
        ...


@dataclass(frozen=True, slots=True)
class FoundLog:
    """An event of the IBC contract and where it is."""

    event: Event
    height: int
    transaction_hash: str


@dataclass(frozen=True, slots=True)
class FoundReceipt:
    """What became of a transaction."""

    height: int
    succeeded: bool
    logs: tuple[FoundLog, ...]


def _object(value: object, what: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise MalformedMessage(f"answer has no {what}")
    return value


def _items(value: object, what: str) -> Sequence[object]:
    if not isinstance(value, list):
        raise MalformedMessage(f"answer has no list of {what}")
    return value


def header_of(block: Mapping[str, object]) -> Header:
    """Return the header that a block's form tells.

    Raises:
        RuleBroken: A field is missing or not of its form.
    """

    def sized(name: str, size: int) -> bytes:
        return parse_data(block.get(name), name, size)

    def number(name: str) -> int:
        return parse_quantity(block.get(name), name)

    return Header(
        parent_hash=Hash32(sized("parentHash", _HASH_BYTES)),
        ommers_hash=Hash32(sized("sha3Uncles", _HASH_BYTES)),
        beneficiary=parse_account(block.get("miner"), "miner"),
        state_root=Hash32(sized("stateRoot", _HASH_BYTES)),
        transactions_root=Hash32(sized("transactionsRoot", _HASH_BYTES)),
        receipts_root=Hash32(sized("receiptsRoot", _HASH_BYTES)),
        logs_bloom=sized("logsBloom", 256),
        difficulty=number("difficulty"),
        number=number("number"),
        gas_limit=number("gasLimit"),
        gas_used=number("gasUsed"),
        timestamp=number("timestamp"),
        extra_data=parse_data(block.get("extraData"), "extraData"),
        mix_hash=Hash32(sized("mixHash", _HASH_BYTES)),
        nonce=sized("nonce", 8),
        base_fee_per_gas=number("baseFeePerGas"),
    )


def _log_of(value: object, kinds: tuple[str, ...]) -> FoundLog | None:
    log = _object(value, "log")
    if parse_account(log.get("address")) != IBC_ADDRESS:
        return None
    topics = tuple(
        parse_data(each, "topic", _HASH_BYTES) for each in _items(log.get("topics"), "topics")
    )
    event = event_of_log(topics, parse_data(log.get("data"), "data"), kinds)
    if event is None:
        return None
    height = parse_quantity(log.get("blockNumber"), "blockNumber")
    return FoundLog(event, height, str(log.get("transactionHash")))


class Rpc:
    """The calls that clients make."""

    def __init__(self, transport: RpcTransport) -> None:
        self._transport = transport

    async def _quantity(self, method: str, **params: object) -> int:
        return parse_quantity(await self._transport.call(method, params), method)

    async def chain_id(self) -> int:
        """Return EIP-155's number of the chain."""
        return await self._quantity("eth_chainId")

    async def header(self, which: str) -> Header:
        """Return the header at a number or a tag.

        Raises:
            OperationFailed: There is no such block, or no answer.
        """
        answer = await self._transport.call("eth_getBlockByNumber", {"which": which, "full": False})
        if answer is None:
            raise OperationFailed(f"no block {which}")
        return header_of(_object(answer, "block"))

    async def balance(self, address: Address) -> int:
        """Return what an account holds, in wei."""
        return await self._quantity("eth_getBalance", address=data(address))

    async def next_nonce(self, address: Address) -> int:
        """Return the nonce after those that are used or wait."""
        return await self._quantity(
            "eth_getTransactionCount", address=data(address), which="pending"
        )

    async def gas_price(self) -> int:
        """Return what a unit of gas costs now, in wei."""
        return await self._quantity("eth_gasPrice")

    async def priority_fee(self) -> int:
        """Return the tip that is usual, in wei."""
        return await self._quantity("eth_maxPriorityFeePerGas")

    async def estimate_gas(self, call: Mapping[str, object]) -> int:
        """Return the gas that a call needs.

        Raises:
            OperationFailed: It would be refused; the text says why.
        """
        return await self._quantity("eth_estimateGas", call=call)

    async def send(self, raw: bytes) -> None:
        """Hand a transaction to the node."""
        await self._transport.call("eth_sendRawTransaction", {"raw": data(raw)})

    async def read(
        self,
        to: Address,
        signature: str,
        values: tuple[bytes | str, ...],
        outputs: tuple[str, ...],
        which: str = "latest",
    ) -> tuple[object, ...]:
        """Return what a method of a contract returns on the state after a block."""
        types = signature[signature.index("(") + 1 : -1]
        arguments = encode_abi(tuple(types.split(",")) if types else (), values)
        call = {"to": data(to), "data": data(selector_of(signature) + arguments)}
        answer = await self._transport.call("eth_call", {"call": call, "which": which})
        return decode_abi(outputs, parse_data(answer, "output"))

    async def query(self, path: str, request: Message, answer: type[M]) -> M:
        """Return what one of IBC's queries answers at the newest height.

        Raises:
            QueryFailed: The contract refused it.
        """
        values = (path, encode(request))
        try:
            (found,) = await self.read(IBC_ADDRESS, "query(string,bytes)", values, ("bytes",))
        except OperationFailed as error:
            if "execution reverted" not in str(error):
                raise
            raise QueryFailed(path=path, code=3, codespace="account", log=str(error)) from error
        assert isinstance(found, bytes)
        return decode_known(answer, found, max_bytes=MAX_ANSWER_BYTES)

    async def value_at(self, path: bytes, height: int) -> bytes:
        """Return the whole value at a path of IBC's store after a block; empty for none."""
        (found,) = await self.read(
            IBC_ADDRESS, "valueAt(bytes)", (path,), ("bytes",), quantity(height)
        )
        assert isinstance(found, bytes)
        return found

    async def proof(
        self, address: Address, slot: bytes, height: int
    ) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
        """Return the nodes that prove an account and a slot of it (EIP-1186)."""
        params = {"address": data(address), "keys": [data(slot)], "which": quantity(height)}
        answer = _object(await self._transport.call("eth_getProof", params), "proof")
        (item,) = _items(answer.get("storageProof"), "storage proofs")
        return (
            _nodes(answer.get("accountProof")),
            _nodes(_object(item, "storage proof").get("proof")),
        )

    async def receipt(self, transaction_hash: str, kinds: tuple[str, ...]) -> FoundReceipt | None:
        """Return what became of a transaction, with IBC's events of some kinds; None yet."""
        answer = await self._transport.call(
            "eth_getTransactionReceipt", {"wanted": transaction_hash}
        )
        if answer is None:
            return None
        form = _object(answer, "receipt")
        found = [_log_of(each, kinds) for each in _items(form.get("logs"), "logs")]
        return FoundReceipt(
            parse_quantity(form.get("blockNumber"), "blockNumber"),
            parse_quantity(form.get("status"), "status") == 1,
            tuple(log for log in found if log is not None),
        )

    async def find_log(self, kind: str, topics: tuple[bytes, ...]) -> FoundLog | None:
        """Return the newest event with these topics, searching back from the head."""
        last = await self._quantity("eth_blockNumber")
        while last >= 0:
            first = max(0, last - MAX_LOG_BLOCKS + 1)
            options = {
                "fromBlock": quantity(first),
                "toBlock": quantity(last),
                "address": data(IBC_ADDRESS),
                "topics": [data(topic) for topic in topics],
            }
            answer = await self._transport.call("eth_getLogs", {"options": options})
            found = [_log_of(each, (kind,)) for each in _items(answer, "logs")]
            if found and found[-1] is not None:
                return found[-1]
            last = first - 1
        return None


def _nodes(value: object) -> tuple[bytes, ...]:
    return tuple(parse_data(each, "node") for each in _items(value, "nodes"))
