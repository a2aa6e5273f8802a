"""Protobuf bytes exactly as Go's gogoproto writes them, and decoding that can't be fooled.

Two things differ from a plain proto3 library. A sub-message that is not nullable in Go
is a value there and is written even when it is empty (``frozen_height`` is ``32 00``); an
unset Go time is the year 1. And protobuf bytes are malleable - unknown fields, other
orders and longer varints decode to the same value - so whatever is hashed or signed is
decoded by :func:`decode_strict`, which accepts one encoding only.

Spec: protobuf encoding; cosmos/gogoproto options ``nullable`` and ``stdtime``; Cosmos SDK
ADR-027, "Deterministic Protobuf Serialization".
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

from google.protobuf.any_pb2 import Any
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError, Message
from google.protobuf.timestamp_pb2 import Timestamp

from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.limits import INT64_MAX, MAX_ANY_BYTES
from chainkit.primitives.timestamps import (
    GO_ZERO_TIME_NS,
    NS_PER_SECOND,
    join_timestamp,
    split_timestamp,
)
from chainkit.primitives.types import DurationNs, TimestampNs
from chainkit.primitives.varint import encode_uvarint
from chainkit.wire.proto.gogoproto import gogo_pb2

M = TypeVar("M", bound=Message)
V = TypeVar("V")

_GO_ZERO_SECONDS = GO_ZERO_TIME_NS // NS_PER_SECOND


@dataclass(frozen=True, slots=True)
class _Fill:
    """What must be looked at in one message field before it is written."""

    name: str
    is_repeated: bool
    is_required: bool
    is_time: bool
    has_fills: bool
    descriptor: Descriptor


def _is_required(field: FieldDescriptor) -> bool:
    options = field.GetOptions()
    nullable = gogo_pb2.nullable
    return (
        field.message_type is not None
        and not field.is_repeated
        and options.HasExtension(nullable)
        and not options.Extensions[nullable]
    )


@cache
def _needs_fill(descriptor: Descriptor) -> bool:
    """Return whether a value of this type may hold, at any depth, a field that Go always writes."""
    pending = [descriptor]
    seen = {descriptor.full_name}
    while pending:
        for field in pending.pop().fields:
            if _is_required(field):
                return True
            inner = field.message_type
            if inner is not None and inner.full_name not in seen:
                seen.add(inner.full_name)
                pending.append(inner)
    return False


@cache
def _fills(descriptor: Descriptor) -> tuple[_Fill, ...]:
    return tuple(
        _Fill(
            name=field.name,
            is_repeated=field.is_repeated,
            is_required=_is_required(field),
            is_time=field.GetOptions().Extensions[gogo_pb2.stdtime],
            has_fills=_needs_fill(inner),
            descriptor=inner,
        )
        for field in descriptor.fields
        if (inner := field.message_type) is not None and (_is_required(field) or _needs_fill(inner))
    )


def _fill(message: Message, fills: tuple[_Fill, ...]) -> None:
    """Set in ``message`` every sub-message that Go writes although it is empty."""
    for fill in fills:
        value = getattr(message, fill.name)
        if fill.is_repeated:
            for item in value:
                _fill(item, _fills(fill.descriptor))
            continue
        if not message.HasField(fill.name):
            if not fill.is_required:
                continue
            value.SetInParent()
            if fill.is_time:
                value.seconds = _GO_ZERO_SECONDS
        if fill.has_fills:
            _fill(value, _fills(fill.descriptor))


def encode(message: Message) -> bytes:
    """Return the bytes that Go writes for ``message``; the message is not changed.

    Fields of custom scalar types (amounts, decimals) are written as they are: the
    caller sets them, as there is no unset amount in Go.
    """
    descriptor = message.DESCRIPTOR
    if _needs_fill(descriptor):
        filled = type(message)()
        filled.CopyFrom(message)
        _fill(filled, _fills(descriptor))
        return filled.SerializeToString(deterministic=True)
    return message.SerializeToString(deterministic=True)


def encode_delimited(message: Message) -> bytes:
    """Return the message after its length as a varint, as CometBFT's ``protoio`` writes it."""
    data = encode(message)
    return encode_uvarint(len(data)) + data


def _parse(cls: type[M], data: bytes, max_bytes: int) -> M:
    if len(data) > max_bytes:
        raise MalformedMessage(
            f"{cls.DESCRIPTOR.full_name} of {len(data)} bytes; at most {max_bytes} are allowed"
        )
    try:
        return cls.FromString(data)
    except DecodeError as error:
        raise MalformedMessage(f"not a {cls.DESCRIPTOR.full_name}") from error


def decode_strict(cls: type[M], data: bytes, *, max_bytes: int) -> M:
    """Return the message whose only accepted encoding is ``data``.

    Raises:
        MalformedMessage: Longer than ``max_bytes``; not such a message; unknown fields;
            or not byte for byte what :func:`encode` gives for the value.
    """
    message = _parse(cls, data, max_bytes)
    message.DiscardUnknownFields()
    if encode(message) != data:
        raise MalformedMessage(f"{cls.DESCRIPTOR.full_name} is not in its canonical encoding")
    return message


def decode_known(cls: type[M], data: bytes, *, max_bytes: int) -> M:
    """Return the message in ``data``, in any field order and with empty values left out or not.

    Raises:
        MalformedMessage: Longer than ``max_bytes``; not such a message; or unknown fields
            at any depth, which the signer may have meant and this program would drop.
    """
    message = _parse(cls, data, max_bytes)
    size = message.ByteSize()
    message.DiscardUnknownFields()
    if message.ByteSize() != size:
        raise MalformedMessage(f"{cls.DESCRIPTOR.full_name} has fields that are not known here")
    return message


def codec_of(
    cls: type[M], to_proto: Callable[[V], M], from_proto: Callable[[M], V], max_bytes: int
) -> tuple[Callable[[V], bytes], Callable[[bytes], V]]:
    """Return how a value is encoded, and how it is decoded strictly.

    Args:
        cls: The message that is its protobuf form.
        to_proto: Makes the form of a value.
        from_proto: Makes the value of a form, or raises ``MalformedMessage``.
        max_bytes: The longest encoding that is looked at.
    """

    def encode_value(value: V) -> bytes:
        return encode(to_proto(value))

    def decode_value(data: bytes) -> V:
        return from_proto(decode_strict(cls, data, max_bytes=max_bytes))

    return encode_value, decode_value


def type_url(message: Message | type[Message]) -> str:
    """Return the name of a message type in an ``Any``: a slash and the protobuf name."""
    return f"/{message.DESCRIPTOR.full_name}"


def pack_any(message: Message) -> Any:
    """Return ``message`` in its canonical encoding with its type's name."""
    return Any(type_url=type_url(message), value=encode(message))


def unpack_any(packed: Any, cls: type[M], *, max_bytes: int = MAX_ANY_BYTES) -> M:
    """Return the message of type ``cls`` in an ``Any``, decoded strictly.

    Raises:
        MalformedMessage: Another type, or see :func:`decode_strict`.
    """
    if packed.type_url != type_url(cls):
        raise MalformedMessage(f"expected {type_url(cls)}, got {packed.type_url[:80]!r}")
    return decode_strict(cls, packed.value, max_bytes=max_bytes)


def timestamp_to_proto(time: TimestampNs) -> Timestamp:
    """Return ``time`` as protobuf writes it: whole seconds, and 0 to 999,999,999 nanoseconds."""
    seconds, nanos = split_timestamp(time)
    return Timestamp(seconds=seconds, nanos=nanos)


def timestamp_from_proto(timestamp: Timestamp) -> TimestampNs:
    """Return the time of a protobuf timestamp.

    Raises:
        MalformedMessage: Outside years 1 to 9999, or nanos outside 0 to 999,999,999.
    """
    return join_timestamp(timestamp.seconds, timestamp.nanos)


def duration_to_proto(duration: DurationNs) -> Duration:
    """Return ``duration`` as protobuf writes it: seconds and nanos of one sign."""
    sign = -1 if duration < 0 else 1
    seconds, nanos = divmod(abs(duration), NS_PER_SECOND)
    return Duration(seconds=sign * seconds, nanos=sign * nanos)


def duration_from_proto(duration: Duration) -> DurationNs:
    """Return the duration of a protobuf duration.

    Raises:
        MalformedMessage: Nanos of a second or more, signs that differ, or more than the
            292 years that Go's ``time.Duration`` can hold.
    """
    if abs(duration.nanos) >= NS_PER_SECOND or duration.seconds * duration.nanos < 0:
        raise MalformedMessage(f"duration has {duration.nanos} nanoseconds")
    total = duration.seconds * NS_PER_SECOND + duration.nanos
    if not -INT64_MAX - 1 <= total <= INT64_MAX:
        raise MalformedMessage("duration is over 64 bits of nanoseconds")
    return DurationNs(total)
