"""JSON from other chains' users: bounded, without duplicate keys; and Go's spelling of it."""

import json
import re

from chainkit.primitives.errors import MalformedMessage
from ibc.limits import MAX_JSON_DEPTH

_STRUCTURE = re.compile(r'"(?:[^"\\]|\\.?)*+"?|[\[\]{}]', re.DOTALL)
"""A string, be it without its end, or a bracket: no part of a text is looked at twice."""
_ESCAPES = {
    '"': '\\"',
    "\\": "\\\\",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
}
_ESCAPED = re.compile('["\\\\\x00-\x1f<>&\u2028\u2029]')


def decode_json(data: bytes | str, *, max_bytes: int) -> object:
    """Return the value of a JSON text.

    Raises:
        MalformedMessage: Too long, not UTF-8, not JSON, nested over 64 deep, a key twice in
            one object, or a lone surrogate.
    """
    if len(data) > max_bytes:
        raise MalformedMessage(f"JSON of {len(data)} is over {max_bytes}")
    try:
        text = data if isinstance(data, str) else data.decode()
    except UnicodeDecodeError as error:
        raise MalformedMessage("JSON is not UTF-8") from error
    _check_depth(text)
    try:
        value: object = json.loads(
            text, object_pairs_hook=_unique_object, parse_constant=_refuse_constant
        )
    except ValueError as error:
        raise MalformedMessage("not JSON") from error
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise MalformedMessage("JSON has a lone surrogate") from error
    return value


def encode_go_string(text: str) -> str:
    """Return ``text`` as Go's ``encoding/json`` writes it: ``<``, ``>`` and ``&`` escaped."""
    return '"' + _ESCAPED.sub(_escape, text) + '"'


def encode_go_json(value: object) -> str:
    """Return Go's ``json.Marshal`` of strings, whole numbers and maps with sorted keys."""
    match value:
        case str():
            return encode_go_string(value)
        case int():
            return str(value)
        case dict():
            pairs = (
                f"{encode_go_string(key)}:{encode_go_json(value[key])}" for key in sorted(value)
            )
            return "{" + ",".join(pairs) + "}"
        case _:
            raise AssertionError(f"no JSON form for {type(value).__name__}")


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    return _ESCAPES.get(character) or f"\\u{ord(character):04x}"


def _check_depth(text: str) -> None:
    depth = 0
    for token in _STRUCTURE.finditer(text):
        if token[0] in "[{":
            depth += 1
            if depth > MAX_JSON_DEPTH:
                raise MalformedMessage(f"JSON is nested over {MAX_JSON_DEPTH} deep")
        elif token[0] in "]}":
            depth -= 1


def _unique_object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise MalformedMessage("JSON has a key twice")
    return result


def _refuse_constant(name: str) -> object:
    raise MalformedMessage(f"JSON has {name}")
