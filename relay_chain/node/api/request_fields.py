"""Fields of a request message from the texts of a URL, as ``pagination.limit=10``."""

import base64
import binascii
import re
from typing import cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from chainkit.runtime.errors import InvalidRequest

_INTEGER = re.compile(r"-?\d{1,20}")
_TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})


def set_field(message: Message, name: str, text: str) -> None:
    """Set the field that a dotted name means to what ``text`` says; unknown names are skipped.

    A repeated field gets one more value, or several that commas divide.

    Raises:
        InvalidRequest: The text is no value of the field's type.
    """
    if not name.isascii():
        return
    *path, last = name.split(".")
    for part in path:
        field = _field(message, part)
        if field is None or field.message_type is None or field.is_repeated:
            return
        message = getattr(message, field.name)
    field = _field(message, last)
    if field is None or field.message_type is not None:
        return
    try:
        if field.is_repeated:
            texts = text.split(",") if field.cpp_type != FieldDescriptor.CPPTYPE_STRING else [text]
            getattr(message, field.name).extend(_value(field, each) for each in texts)
        else:
            setattr(message, field.name, _value(field, text))
    except ValueError as error:
        reason = f"type mismatch, parameter: {name[:80]}, error: {text[:80]!r} is no {_kind(field)}"
        raise InvalidRequest(reason) from error


def _field(message: Message, name: str) -> FieldDescriptor | None:
    descriptor = cast("Descriptor", message.DESCRIPTOR)
    return descriptor.fields_by_name.get(name) or descriptor.fields_by_camelcase_name.get(name)


def _kind(field: FieldDescriptor) -> str:
    if field.enum_type is not None:
        return field.enum_type.full_name
    kinds = {
        FieldDescriptor.CPPTYPE_BOOL: "bool",
        FieldDescriptor.CPPTYPE_STRING: "base64",
    }
    return kinds.get(field.cpp_type, "integer of its size")


def _value(field: FieldDescriptor, text: str) -> object:
    if field.enum_type is not None:
        known = field.enum_type.values_by_name.get(text) if text.isascii() else None
        return known.number if known is not None else _integer(text)
    if field.type == FieldDescriptor.TYPE_STRING:
        return text
    if field.type == FieldDescriptor.TYPE_BYTES:
        return _bytes(text)
    if field.type == FieldDescriptor.TYPE_BOOL:
        if text not in _TRUE | _FALSE:
            raise ValueError(text)
        return text in _TRUE
    return _integer(text)


def _integer(text: str) -> int:
    if not text.isascii() or _INTEGER.fullmatch(text) is None:
        raise ValueError(text)
    return int(text)


def _bytes(text: str) -> bytes:
    """Return base64 of either alphabet; a plus sign that a URL turned into a space counts."""
    standard = text.replace("-", "+").replace("_", "/").replace(" ", "+")
    try:
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except binascii.Error as error:
        raise ValueError(text) from error
