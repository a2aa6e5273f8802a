"""Laws of the codec over every message type that the tree has."""

import importlib
from pathlib import Path

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import given
from hypothesis import strategies as st

from chainkit.primitives.errors import MalformedMessage
from chainkit.wire.codec import decode_known, decode_strict, encode

REPOSITORY = Path(__file__).resolve().parents[2]
LIMIT = 1 << 20


def _message_types() -> list[type[Message]]:
    types: list[type[Message]] = []
    for source in sorted((REPOSITORY / "chainkit/wire/proto").rglob("*.proto")):
        name = ".".join(source.relative_to(REPOSITORY).with_suffix("").parts) + "_pb2"
        file = importlib.import_module(name).DESCRIPTOR
        types += [GetMessageClass(message) for message in file.message_types_by_name.values()]
    return types


TYPES = _message_types()
F = FieldDescriptor
SCALARS: dict[int, st.SearchStrategy[object]] = {
    F.TYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    F.TYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    F.TYPE_SFIXED64: st.integers(-(2**63), 2**63 - 1),
    F.TYPE_UINT32: st.integers(0, 2**32 - 1),
    F.TYPE_UINT64: st.integers(0, 2**64 - 1),
    F.TYPE_BOOL: st.booleans(),
    F.TYPE_STRING: st.text(max_size=8),
    F.TYPE_BYTES: st.binary(max_size=8),
    F.TYPE_ENUM: st.integers(0, 300),
}


def _draw(data: st.DataObject, message: Message, depth: int) -> None:
    for field in message.DESCRIPTOR.fields:
        if not data.draw(st.booleans()):
            continue
        if field.message_type is None:
            value = data.draw(SCALARS[field.type])
            if field.is_repeated:
                getattr(message, field.name).extend([value, value])
            else:
                setattr(message, field.name, value)
        elif depth:
            inner = getattr(message, field.name)
            if field.is_repeated:
                inner = inner.add()
            else:
                inner.SetInParent()
            _draw(data, inner, depth - 1)


@given(st.sampled_from(TYPES), st.data())
def test_what_is_encoded_decodes_to_the_same_bytes(cls: type[Message], data: st.DataObject) -> None:
    """
    Strict decoding accepts every encoding of ours, of every type, and nothing is lost.
    """
    message = cls()
    _draw(data, message, depth=2)
    encoded = encode(message)

    decoded = decode_strict(cls, encoded, max_bytes=LIMIT)
    assert encode(decoded) == encoded
    assert encode(decode_known(cls, message.SerializeToString(), max_bytes=LIMIT)) == encoded


@given(st.sampled_from(TYPES), st.binary(max_size=80))
def test_any_bytes_give_a_value_or_a_named_error(cls: type[Message], data: bytes) -> None:
    """
    Total: no bytes make a decoder fail in another way, and what it accepts re-encodes equally.
    """
    try:
        message = decode_strict(cls, data, max_bytes=LIMIT)
    except MalformedMessage:
        return

    assert encode(message) == data


@given(st.sampled_from(TYPES), st.data(), st.integers(0, 200), st.binary(min_size=1, max_size=3))
def test_changed_bytes_never_decode_to_the_same_value(
    cls: type[Message], data: st.DataObject, place: int, change: bytes
) -> None:
    """
    No second encoding: bytes that differ are refused or mean something else.
    """
    message = cls()
    _draw(data, message, depth=1)
    encoded = encode(message)
    place %= len(encoded) + 1
    changed = encoded[:place] + change + encoded[place + len(change) * (place % 2) :]
    try:
        other = decode_strict(cls, changed, max_bytes=LIMIT)
    except MalformedMessage:
        return

    assert changed == encoded or encode(other) != encoded
