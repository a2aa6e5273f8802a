"""Protobuf messages as the SDK's REST gateway writes them in JSON.

Names as in the schema, 64-bit integers as texts, bytes in base64, absent messages as null,
what is empty written out, ``Any`` opened under ``@type``, decimals with their point.

Spec:
    protobuf "JSON Mapping"; gogo/protobuf ``jsonpb`` with ``OrigName`` and ``EmitDefaults``.
"""

import base64
from collections.abc import Sequence
from typing import cast

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.any_pb2 import Any as AnyProto
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError, Message
from google.protobuf.timestamp_pb2 import Timestamp

from relay_chain.node.api.limits import MAX_ANY_DEPTH
from relay_chain.node.json_forms import JsonObject

_LONG_INTEGERS = frozenset(
    {
        FieldDescriptor.TYPE_INT64,
        FieldDescriptor.TYPE_UINT64,
        FieldDescriptor.TYPE_SINT64,
        FieldDescriptor.TYPE_FIXED64,
        FieldDescriptor.TYPE_SFIXED64,
    }
)
_DECIMALS = frozenset(
    {
        "cosmos.base.v1beta1.DecCoin.amount",
        "cosmos.slashing.v1beta1.Params.min_signed_per_window",
        "cosmos.slashing.v1beta1.Params.slash_fraction_double_sign",
        "cosmos.slashing.v1beta1.Params.slash_fraction_downtime",
        "cosmos.staking.v1beta1.CommissionRates.max_change_rate",
        "cosmos.staking.v1beta1.CommissionRates.max_rate",
        "cosmos.staking.v1beta1.CommissionRates.rate",
        "cosmos.staking.v1beta1.Delegation.shares",
        "cosmos.staking.v1beta1.Params.min_commission_rate",
        "cosmos.staking.v1beta1.Validator.delegator_shares",
    }
)
"""Fields of the SDK's ``Dec``: on the wire an integer of 10**-18, in JSON with 18 decimals."""

_DECIMAL_PLACES = 18


def message_to_json(message: Message, depth: int = 0) -> JsonObject:
    """Return a message's JSON object; ``depth`` counts the ``Any`` around it."""
    fields: JsonObject = {}
    for field in cast("Sequence[FieldDescriptor]", message.DESCRIPTOR.fields):
        if field.containing_oneof is not None and not message.HasField(field.name):
            continue
        fields[field.name] = _field(message, field, depth)
    return fields


def _field(message: Message, field: FieldDescriptor, depth: int) -> object:
    value = getattr(message, field.name)
    if field.is_repeated:
        return [_value(field, item, depth) for item in value]
    if field.message_type is not None and not message.HasField(field.name):
        return None
    return _value(field, value, depth)


def _value(field: FieldDescriptor, value: object, depth: int) -> object:
    if field.full_name in _DECIMALS:
        return _decimal(value)
    if isinstance(value, Timestamp | Duration):
        return _time(value)
    if isinstance(value, AnyProto):
        return any_to_json(value, depth)
    if isinstance(value, Message):
        return message_to_json(value, depth)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if field.enum_type is not None:
        assert isinstance(value, int)
        known = field.enum_type.values_by_number.get(value)
        return value if known is None else known.name
    if field.type in _LONG_INTEGERS:
        return str(value)
    return value


def any_to_json(value: AnyProto, depth: int = 0) -> JsonObject:
    """Return the message in an ``Any`` with its ``@type``; base64 if its type is not known here."""
    name = value.type_url.rpartition("/")[2]
    opaque: JsonObject = {
        "@type": value.type_url,
        "value": base64.b64encode(value.value).decode(),
    }
    if depth >= MAX_ANY_DEPTH:
        return opaque
    try:
        descriptor = descriptor_pool.Default().FindMessageTypeByName(name)
        inner = message_factory.GetMessageClass(descriptor).FromString(value.value)
    except (KeyError, DecodeError):
        return opaque
    return {"@type": value.type_url, **message_to_json(inner, depth + 1)}


def _time(value: Timestamp | Duration) -> str | None:
    """Return a time or duration; null where a stranger's bytes name none that JSON can write."""
    try:
        return value.ToJsonString()
    except ValueError:
        return None


def _decimal(value: object) -> str:
    """Return an integer of 10**-18, a text or its bytes, with 18 decimals."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal()):
        return text
    sign = "-" if text.startswith("-") else ""
    padded = digits.zfill(_DECIMAL_PLACES + 1)
    return f"{sign}{padded[:-_DECIMAL_PLACES]}.{padded[-_DECIMAL_PLACES:]}"
