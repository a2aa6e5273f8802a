"""A UTXO chain's public RPC as values: one method an endpoint."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from google.protobuf.message import Message

from chainkit.formats.bitcoin.encoding import display_hash, parse_display_hash
from chainkit.formats.bitcoin.headers import BlockHeader, decode_header
from chainkit.formats.bitcoin.transactions import OutPoint, TxOutput
from chainkit.primitives.amounts import Coin
from chainkit.primitives.errors import MalformedMessage, OperationFailed
from chainkit.primitives.timestamps import NS_PER_SECOND
from chainkit.primitives.types import Address, BlockHeight, Denom, TimestampNs
from chainkit.wire.codec import decode_known, encode
from ibc.ics02_client.port import AnyValue
from parachains.sdk.ibc_queries import QueryFailed
from parachains.sdk.relaying import ChainStatus

M = TypeVar("M", bound=Message)
MAX_ANSWER_BYTES = 16_777_216


class RpcTransport(Protocol):
    """Carries one JSON-RPC call."""

    async def call(self, method: str, params: Mapping[str, object]) -> object:
        """Return the ``result``.

        Raises:
            OperationFailed: No node answered, or it answered with an error.
        """
        ...


@dataclass(frozen=True, slots=True)
class Unspent:
    """An output that can be spent, with what lies on it."""

    point: OutPoint
    output: TxOutput
    lots: tuple[Coin, ...]


@dataclass(frozen=True, slots=True)
class PacketEntry:
    """A packet's event and where it happened."""

    height: int
    txid: str
    attributes: dict[str, str]


@dataclass(frozen=True, slots=True)
class Owed:
    """What messages owe one receiver; the chain's own coin in satoshis."""

    script: bytes
    coin: Coin


@dataclass(frozen=True, slots=True)
class CarrierPreview:
    """What messages would do to the transaction that carries them."""

    deposited: int
    released: int
    payouts: tuple[Owed, ...]
    left: tuple[Coin, ...]


def _field(value: object, name: str) -> object:
    if not isinstance(value, Mapping) or name not in value:
        raise MalformedMessage(f"answer has no {name}")
    return value[name]


def _text(value: object, name: str) -> str:
    found = _field(value, name)
    if not isinstance(found, str):
        raise MalformedMessage(f"{name} is no text")
    return found


def _integer(value: object, name: str) -> int:
    found = _field(value, name)
    if isinstance(found, bool) or not isinstance(found, int) or found < 0:
        raise MalformedMessage(f"{name} is no whole number")
    return found


def _bytes(value: object, name: str) -> bytes:
    try:
        return bytes.fromhex(_text(value, name))
    except ValueError as error:
        raise MalformedMessage(f"{name} is no hex") from error


def _items(value: object) -> Sequence[object]:
    if not isinstance(value, list):
        raise MalformedMessage("answer is no list")
    return value


def _coin(value: object) -> Coin:
    amount = _text(value, "amount")
    if not (amount.isascii() and amount.isdigit() and len(amount) <= 78):
        raise MalformedMessage("amount is no whole number")
    return Coin(Denom(_text(value, "denom")), int(amount))


class Rpc:
    """The calls that a relayer or a reader makes."""

    def __init__(self, transport: RpcTransport) -> None:
        self._transport = transport

    async def status(self) -> tuple[str, ChainStatus]:
        """Return the chain's name and its tip, with the median time past as its time."""
        answer = await self._transport.call("ibcstatus", {})
        time = TimestampNs(_integer(answer, "mediantime") * NS_PER_SECOND)
        status = ChainStatus(BlockHeight(_integer(answer, "height")), time)
        return _text(answer, "chain_id"), status

    async def headers(self, start: int, count: int) -> tuple[tuple[BlockHeader, int], ...]:
        """Return headers of the active chain with their median times past in seconds."""
        answer = await self._transport.call("ibcheaders", {"start": start, "count": count})
        return tuple(
            (decode_header(_bytes(item, "header")), _integer(item, "mediantime"))
            for item in _items(answer)
        )

    async def new_client(self, height: int, confirmations: int) -> tuple[AnyValue, AnyValue]:
        """Return state and anchor of a client that starts at ``height``."""
        params = {"height": height, "confirmations": confirmations}
        answer = await self._transport.call("ibcclient", params)
        state, anchor = _field(answer, "client_state"), _field(answer, "consensus_state")
        return (
            AnyValue(_text(state, "type_url"), _bytes(state, "value")),
            AnyValue(_text(anchor, "type_url"), _bytes(anchor, "value")),
        )

    async def query(self, path: str, request: Message, answer: type[M]) -> M:
        """Return what a gRPC query answers at the tip.

        Raises:
            QueryFailed: The chain answered with a code.
        """
        found = await self._transport.call(
            "ibcquery", {"path": path, "data": encode(request).hex()}
        )
        if isinstance(found, Mapping) and "code" in found:
            raise QueryFailed(
                path=path,
                code=_integer(found, "code"),
                codespace=_text(found, "codespace"),
                log=_text(found, "log"),
            )
        return decode_known(answer, _bytes(found, "value"), max_bytes=MAX_ANSWER_BYTES)

    async def prove(self, path: bytes, height: int) -> tuple[bytes, bytes]:
        """Return the value at ``path`` after a block (empty: none), and its proof."""
        answer = await self._transport.call("ibcprove", {"path": path.hex(), "height": height})
        return _bytes(answer, "value"), _bytes(answer, "proof")

    async def event_entry(self, kind: str, channel: str, sequence: int) -> "PacketEntry | None":
        """Return a packet's event with where it happened, or None."""
        params = {"type": kind, "channel": channel, "sequence": sequence}
        answer = await self._transport.call("ibcevent", params)
        if answer is None:
            return None
        attributes = _field(answer, "attributes")
        if not isinstance(attributes, Mapping):
            raise MalformedMessage("attributes are no object")
        texts = {str(name): str(value) for name, value in attributes.items()}
        return PacketEntry(_integer(answer, "height"), _text(answer, "txid"), texts)

    async def packets_of(self, txid: str) -> tuple[dict[str, str], ...]:
        """Return the attributes of the packets that a transaction sent.

        Raises:
            OperationFailed: No block holds it.
        """
        answer = await self._transport.call("ibcpacketsof", {"txid": txid})
        return tuple(
            {str(name): str(value) for name, value in item.items()}
            for item in _items(answer)
            if isinstance(item, Mapping)
        )

    async def event(self, kind: str, channel: str, sequence: int) -> dict[str, str] | None:
        """Return the attributes of a packet's event, or None."""
        found = await self.event_entry(kind, channel, sequence)
        return None if found is None else found.attributes

    async def unspent(self, script: bytes) -> tuple[Unspent, ...]:
        """Return a script's spendable outputs."""
        answer = await self._transport.call("ibcunspent", {"script": script.hex()})
        return tuple(
            Unspent(
                OutPoint(parse_display_hash(_text(item, "txid")), _integer(item, "vout")),
                TxOutput(_integer(item, "value"), script),
                tuple(_coin(lot) for lot in _items(_field(item, "lots"))),
            )
            for item in _items(answer)
        )

    async def preview(
        self, messages: Sequence[AnyValue], owner: Address, inputs: Sequence[OutPoint]
    ) -> CarrierPreview:
        """Return what messages would do to the transaction that carries them."""
        params = {
            "messages": [{"type_url": m.type_url, "value": m.value.hex()} for m in messages],
            "owner": owner.hex(),
            "inputs": [{"txid": display_hash(p.txid), "vout": p.index} for p in inputs],
        }
        answer = await self._transport.call("ibcpreview", params)
        return CarrierPreview(
            deposited=_integer(answer, "deposited"),
            released=_integer(answer, "released"),
            payouts=tuple(
                Owed(_bytes(item, "script"), _coin(item))
                for item in _items(_field(answer, "payouts"))
            ),
            left=tuple(_coin(item) for item in _items(_field(answer, "left"))),
        )

    async def send(self, raw: bytes) -> None:
        """Hand a transaction to the node."""
        await self._transport.call("sendrawtransaction", {"hexstring": raw.hex()})

    async def height_of(self, txid: str) -> int | None:
        """Return the height of the block that holds a transaction, or None."""
        try:
            answer = await self._transport.call(
                "getrawtransaction", {"txid": txid, "verbose": True}
            )
        except OperationFailed:
            return None
        found = answer.get("blockheight") if isinstance(answer, Mapping) else None
        return found if isinstance(found, int) else None
