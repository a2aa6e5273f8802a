"""A DAG chain's public RPC as values: one method an endpoint that relayers and readers call."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

import msgspec
from google.protobuf.message import Message

from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.types import Hash32
from chainkit.wire.codec import decode_known, encode
from ibc.ics02_client.port import AnyValue
from light_clients.ghostdag.types import ConsensusState
from parachains.sdk.ibc_queries import QueryFailed

M = TypeVar("M", bound=Message)
T = TypeVar("T")
MAX_ANSWER_BYTES = 16_777_216
MAX_AMOUNT_DIGITS = 78
HASH_BYTES = 32


class RpcTransport(Protocol):
    """Carries one JSON-RPC call."""

    async def call(self, method: str, params: Mapping[str, object]) -> object:
        """Return the ``result``.

        Raises:
            OperationFailed: No node answered, or it answered with an error.
        """
        ...


class _Final(msgspec.Struct):
    blue_score: int
    chain_time_ms: int


class _Status(msgspec.Struct):
    chain_id: str
    blue_score: int
    final: _Final | None


class _ChainBlock(msgspec.Struct):
    hash: str
    chain_time_ms: int
    state_root: str


class _Any(msgspec.Struct):
    type_url: str
    value: str


class _NewClient(msgspec.Struct):
    client_state: _Any
    consensus_state: _Any


class _Proven(msgspec.Struct):
    value: str
    proof: str


class _Answer(msgspec.Struct):
    value: str = ""
    code: int = 0
    codespace: str = ""
    log: str = ""


class _Entry(msgspec.Struct):
    height: int
    transactionId: str  # noqa: N815 - the RPC's name
    attributes: dict[str, str]


class _Balance(msgspec.Struct):
    denom: str
    amount: str


class _Account(msgspec.Struct):
    nextSequence: int  # noqa: N815 - the RPC's name
    balances: list[_Balance] = []


class _Submitted(msgspec.Struct):
    transactionId: str  # noqa: N815 - the RPC's name


class _Transaction(msgspec.Struct):
    status: str
    blueScore: int = 0  # noqa: N815 - the RPC's name
    code: int = 0
    codespace: str = ""
    log: str = ""


class _Simulated(msgspec.Struct):
    gas_used: int
    code: int = 0
    codespace: str = ""
    log: str = ""


class _Header(msgspec.Struct):
    blueWork: str  # noqa: N815 - the RPC's name


class _Block(msgspec.Struct):
    header: _Header


@dataclass(frozen=True, slots=True)
class FinalBlock:
    """The newest final block of the selected chain."""

    blue_score: int
    chain_time_ms: int


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """Where a node is."""

    chain_id: str
    blue_score: int
    """Of its tip."""
    final: FinalBlock | None
    """None while the chain is shorter than the finality depth."""


@dataclass(frozen=True, slots=True)
class PacketEntry:
    """A packet's event on the selected chain, and where it happened."""

    blue_score: int
    transaction_id: str
    attributes: dict[str, str]


@dataclass(frozen=True, slots=True)
class AccountSeen:
    """An account; one that never held anything has sequence 0 and no balance."""

    next_sequence: int
    """The one after all that waits."""
    balances: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class TransactionSeen:
    """What the selected chain made of an accepted transaction; code 0 is success."""

    blue_score: int
    code: int
    codespace: str
    log: str


@dataclass(frozen=True, slots=True)
class Simulated:
    """What a transaction would do on top of the tip."""

    gas_used: int
    code: int
    codespace: str
    log: str


class Rpc:
    """The calls that a relayer or a reader makes."""

    def __init__(self, transport: RpcTransport) -> None:
        self._transport = transport

    async def _ask(self, shape: type[T], method: str, **params: object) -> T:
        """Return an answer in its shape.

        Raises:
            MalformedMessage: It has another one.
            OperationFailed: As the transport's.
        """
        answer = await self._transport.call(method, params)
        try:
            return msgspec.convert(answer, shape)
        except msgspec.ValidationError as error:
            raise MalformedMessage(f"answer to {method}: {error}") from error

    async def status(self) -> NodeStatus:
        """Return the chain's name, the tip, and the newest block at the node's finality depth."""
        found = await self._ask(_Status, "ibcStatus")
        at = found.final
        final = None if at is None else FinalBlock(at.blue_score, at.chain_time_ms)
        return NodeStatus(found.chain_id, found.blue_score, final)

    async def consensus_state(self, blue_score: int) -> ConsensusState | None:
        """Return what a client keeps of the selected chain's block with this very blue score.

        None where it has no such block: scores skip, and a branch that was left had others.
        """
        found = await self._ask(_ChainBlock | None, "ibcChainBlock", blue_score=blue_score)  # type: ignore[arg-type]
        if found is None:
            return None
        return ConsensusState(found.chain_time_ms, _hash(found.state_root), _hash(found.hash))

    async def new_client(self, finality_depth: int = 0) -> tuple[AnyValue, AnyValue]:
        """Return state and anchor of a client that starts now; at depth 0, with the node's own."""
        found = await self._ask(_NewClient, "ibcClient", finality_depth=finality_depth)
        return _any(found.client_state), _any(found.consensus_state)

    async def updates(self, trusted: int, target: int | None = None) -> tuple[AnyValue, ...]:
        """Return the headers above a chain block: up to the tip, or so that a target is final."""
        found = await self._ask(list[_Any], "ibcUpdates", trusted=trusted, target=target)
        return tuple(map(_any, found))

    async def query(self, path: str, request: Message, answer: type[M]) -> M:
        """Return what a gRPC query answers at the tip.

        Raises:
            QueryFailed: The chain answered with a code.
        """
        found = await self._ask(_Answer, "ibcQuery", path=path, data=encode(request).hex())
        if found.code:
            raise QueryFailed(path=path, code=found.code, codespace=found.codespace, log=found.log)
        return decode_known(answer, _bytes(found.value), max_bytes=MAX_ANSWER_BYTES)

    async def prove(self, path: bytes, blue_score: int) -> tuple[bytes, bytes]:
        """Return the value at ``path`` under a chain block (empty: none), and its proof."""
        found = await self._ask(_Proven, "ibcProve", path=path.hex(), height=blue_score)
        return _bytes(found.value), _bytes(found.proof)

    async def event(self, kind: str, channel: str, sequence: int) -> PacketEntry | None:
        """Return a packet's event on the selected chain, or None."""
        found = await self._ask(
            _Entry | None,  # type: ignore[arg-type]
            "ibcEvent",
            type=kind,
            channel=channel,
            sequence=sequence,
        )
        if found is None:
            return None
        return PacketEntry(found.height, found.transactionId, found.attributes)

    async def packets_of(self, transaction_id: str) -> tuple[dict[str, str], ...]:
        """Return the attributes of the packets that an accepted transaction sent.

        Raises:
            OperationFailed: The selected chain has not accepted it.
        """
        return tuple(
            await self._ask(list[dict[str, str]], "ibcPacketsOf", transactionId=transaction_id)
        )

    async def account(self, address: str) -> AccountSeen:
        """Return an account by its address in bech32."""
        found = await self._ask(_Account, "getAccount", address=address)
        balances = tuple((each.denom, _amount(each.amount)) for each in found.balances)
        return AccountSeen(found.nextSequence, balances)

    async def simulate(self, transaction: bytes) -> Simulated:
        """Return what a transaction would do now; its signature and sequence do not count."""
        found = await self._ask(_Simulated, "simulate", transaction=transaction.hex())
        return Simulated(found.gas_used, found.code, found.codespace, found.log)

    async def submit(self, transaction: bytes) -> str:
        """Hand a transaction to the node; return its id."""
        found = await self._ask(_Submitted, "submitTransaction", transaction=transaction.hex())
        return found.transactionId

    async def transaction(self, transaction_id: str) -> TransactionSeen | None:
        """Return what became of a transaction; None while the selected chain accepts none."""
        found = await self._ask(
            _Transaction | None,  # type: ignore[arg-type]
            "getTransaction",
            transactionId=transaction_id,
        )
        if found is None or found.status != "accepted":
            return None
        return TransactionSeen(found.blueScore, found.code, found.codespace, found.log)

    async def blue_work(self, block: Hash32) -> int:
        """Return the blue work of a block that the node knows.

        Raises:
            OperationFailed: It does not know it.
        """
        found = await self._ask(_Block, "getBlock", hash=block.hex())
        try:
            return int(found.header.blueWork, 16)
        except ValueError as error:
            raise MalformedMessage("blueWork is no hex") from error

    async def sink(self) -> Hash32:
        """Return the node's tip: the end of its selected chain."""
        found = await self._ask(dict[str, str], "getSink")
        return _hash(found.get("sink", ""))


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise MalformedMessage("expected hex digits") from error


def _hash(text: str) -> Hash32:
    data = _bytes(text)
    if len(data) != HASH_BYTES:
        raise MalformedMessage("a hash has 32 bytes")
    return Hash32(data)


def _any(value: _Any) -> AnyValue:
    return AnyValue(value.type_url, _bytes(value.value))


def _amount(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_AMOUNT_DIGITS):
        raise MalformedMessage("amount is no whole number")
    return int(text)
