"""The IBC contract: messages in call data, IBC's modules over their stores, events as logs.

``execute(bytes[])`` takes messages, each an encoded ``google.protobuf.Any`` as the hub's
transactions carry them; the caller is their signer. Whole values lie beside the state trie,
which holds their hashes (``state.py``), so messages bring no values back in.

An event of a packet is logged as ``{type}(bytes32,uint64,string[],string[])``: its channel (the
hash of ``{port}/{channel}`` on this chain) and sequence are topics, its attributes data. Any other
event is ``{type}(string[],string[])``.
"""

from typing import Any, Protocol

from google.protobuf.any_pb2 import Any as AnyProto

from chainkit.primitives.errors import MalformedMessage, RuleBroken
from chainkit.primitives.keccak import keccak256
from chainkit.primitives.limits import MAX_ANY_BYTES
from chainkit.primitives.types import Address
from chainkit.runtime.context import Context
from chainkit.runtime.errors import OutOfGas
from chainkit.runtime.events import Event
from chainkit.runtime.messages import MessageRoute, MessageRouter, QueryRouter
from chainkit.wire.codec import decode_strict
from ibc.ics24_host.paths import STORE_NAME
from parachains.account.contracts.abi import (
    AbiValue,
    bytes_at,
    decode_abi,
    encode_abi,
    text_at,
    topic_of,
    word_of,
)
from parachains.account.contracts.contract import Arguments, Call, Method, NativeContract
from parachains.account.contracts.machine import LOG_EVENT, log, revert
from parachains.account.errors import MalformedCall, Reverted
from parachains.account.limits import MAX_MESSAGES_PER_CALL
from parachains.sdk.packet_ends import PACKET_EVENTS, own_end

PACKET_EVENT = "(bytes32,uint64,string[],string[])"
OTHER_EVENT = "(string[],string[])"


class IbcRoutes(Protocol):
    """The modules behind the contract."""

    @property
    def messages(self) -> MessageRouter:
        """What handles each message."""
        ...

    @property
    def queries(self) -> QueryRouter:
        """What answers each query."""
        ...


def packet_topics(kind: str, port: str, channel: str, sequence: int) -> tuple[bytes, ...]:
    """Return the topics of a packet's event; the channel is this chain's end."""
    channel_topic = keccak256(f"{port}/{channel}".encode())
    return (topic_of(kind + PACKET_EVENT), channel_topic, word_of(sequence))


def log_event(ctx: Context, this: Address, event: Event) -> None:
    """Log an event of IBC, for the price of the log."""
    keys: tuple[AbiValue, ...] = tuple(name for name, _ in event.attributes)
    values: tuple[AbiValue, ...] = tuple(
        value.encode(errors="replace").decode() for _, value in event.attributes
    )
    topics: tuple[bytes, ...] = (topic_of(event.type + OTHER_EVENT),)
    if event.type in PACKET_EVENTS:
        end = own_end(event.type, dict(event.attributes))
        topics = packet_topics(event.type, end.port, end.channel, end.sequence)
    log(ctx, this, topics, encode_abi(("string[]", "string[]"), (keys, values)))


def _refusal(error: RuleBroken) -> Reverted:
    return revert(f"{error} (codespace {error.codespace}, code {error.code})")


class IbcContract:
    """The methods of the contract, over the modules of a chain."""

    def __init__(self, routes: IbcRoutes) -> None:
        self._routes = routes
        self.contract = NativeContract(
            "isthmus/ibc/1",
            (
                Method("execute", ("bytes[]",), ("bytes[]",), self._execute),
                Method("query", ("string", "bytes"), ("bytes",), self._query),
                Method("valueAt", ("bytes",), ("bytes",), self._value_at),
            ),
        )

    def _execute(self, call: Call, arguments: Arguments) -> Arguments:
        """Run messages in order; the caller signs them all."""
        (messages,) = arguments
        assert isinstance(messages, tuple)
        if not 0 < len(messages) <= MAX_MESSAGES_PER_CALL:
            raise revert(f"{len(messages)} messages")
        ctx = call.ctx
        answers: list[AbiValue] = []
        for index, data in enumerate(messages):
            assert isinstance(data, bytes)
            mark = ctx.events.mark()
            answers.append(self._run(call, index, data))
            for event in ctx.events.cut(mark):
                if event.type == LOG_EVENT:
                    ctx.emit(event)
                elif not event.type.endswith(LOG_EVENT):
                    numbered = event.with_attribute("msg_index", str(index))
                    log_event(ctx, call.this, numbered)
        return (tuple(answers),)

    def _run(self, call: Call, index: int, data: bytes) -> bytes:
        try:
            packed = decode_strict(AnyProto, data, max_bytes=MAX_ANY_BYTES)
            route: MessageRoute[Any] = self._routes.messages.route(packed.type_url)
            message = route.decode(packed.value)
            if any(signer != call.sender for signer in route.signers(message)):
                raise revert(f"message {index} is not the caller's")
            return route.handle(call.ctx, message)
        except (OutOfGas, Reverted):
            raise
        except RuleBroken as error:
            raise _refusal(error) from error

    def _query(self, call: Call, arguments: Arguments) -> Arguments:
        """Answer one of IBC's gRPC queries: the path, the encoded request."""
        try:
            route = self._routes.queries.route(text_at(arguments, 0))
            return (route.handle(call.ctx, bytes_at(arguments, 1)),)
        except (OutOfGas, Reverted):
            raise
        except RuleBroken as error:
            raise _refusal(error) from error

    def _value_at(self, call: Call, arguments: Arguments) -> Arguments:
        """Return the whole value at a path of IBC's store; empty where there is none."""
        return (call.ctx.store(STORE_NAME).get(bytes_at(arguments, 0)) or b"",)


def event_of_log(topics: tuple[bytes, ...], data: bytes, kinds: tuple[str, ...]) -> Event | None:
    """Return the event that a log of the contract stands for, if it is of one of ``kinds``.

    Raises:
        MalformedMessage: It is one, and its data are not an event's.
    """
    for kind in kinds:
        suffix = PACKET_EVENT if kind in PACKET_EVENTS else OTHER_EVENT
        if topics[:1] != (topic_of(kind + suffix),):
            continue
        try:
            keys, values = decode_abi(("string[]", "string[]"), data)
        except MalformedCall as error:
            raise MalformedMessage("log has no event's data") from error
        assert isinstance(keys, tuple)
        assert isinstance(values, tuple)
        if len(keys) != len(values):
            raise MalformedMessage("log has more names than values")
        return Event(kind, tuple(zip(map(str, keys), map(str, values), strict=True)))
    return None
