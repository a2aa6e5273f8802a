"""Breaks valid encodings in the ways that decoders tend to overlook; same seed, same bytes."""

import copy
import json
import random
from collections.abc import Callable, Sequence

MAX_MUTATED_BYTES = 70_000
_BYTES = (0x00, 0x01, 0x08, 0x0A, 0x12, 0x1A, 0x22, 0x7F, 0x80, 0xFF)
_VARINTS = (
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02",
    b"\x80\x00",
    b"\xff\xff\xff\xff\x0f",
    b"\x80\x80\x80\x80\x08",
)
_TEXT = (
    "\u0661", "\u00b2", "\x00", "\u00e9", "\ud800", " ", "-", "+", ".", "e", "/", '"', "{", "[",
    "\n", "_", "0", "=", "\\", "\u202e", "\U0001f600", "\u0130", "%", "'", "#", ":", ",",
)  # fmt: skip
_LONG_TEXT = ("9" * 5_000, "[" * 3_000, '{"a":' * 3_000, "a" * 66_000, "-" + "1" * 400, "1e999",
    '\\"' * 16_000, "\\" * 9_000, '"' * 20_000, "-" * 30_000, "a-" * 30_000)  # fmt: skip
_JSON: tuple[object, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, -(2**63), 10**400, 1.5, 1e308, -0.0, "",
    "\ud800", "0", "-1", "9" * 5_000, "\u0661", "AA==", "A", "zz", " ", [], {}, [[]], [None],
    {"": None}, "9223372036854775808", "1e3", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00Z",
)  # fmt: skip


def mutate(rng: random.Random, kind: str, seed: object, seeds: Sequence[object]) -> object:
    """Return a broken copy of ``seed``; ``seeds`` are what it may be spliced with."""
    match kind:
        case "text":
            return _text(rng, str(seed), [str(other) for other in seeds])
        case "bytes":
            assert isinstance(seed, bytes)
            return _data(rng, seed, [bytes(other) for other in seeds])  # type: ignore[call-overload]
        case "any" | "proto_any":
            return _any(rng, seed, seeds)
        case "json_object":
            changed = _json(rng, seed)
            return changed if isinstance(changed, dict) else {"": changed}
        case _:
            return _json(rng, seed)


def _any(rng: random.Random, seed: object, seeds: Sequence[object]) -> object:
    changed = copy.deepcopy(seed)
    url, value = changed.type_url, bytes(changed.value)
    if rng.random() < 0.15:
        url = _encodable(_text(rng, url, [other.type_url for other in seeds]))
    else:
        value = _data(rng, value, [bytes(other.value) for other in seeds])
    return type(changed)(type_url=url, value=value)


def _encodable(text: str) -> str:
    """Return the text without halves of pairs, which no protobuf string can hold."""
    return text.encode(errors="ignore").decode()


def _data(rng: random.Random, seed: bytes, others: Sequence[bytes]) -> bytes:
    if seed[:1] in (b"{", b"[") and rng.random() < 0.7:
        try:
            value = json.loads(seed)
        except ValueError:
            return _data(rng, b"\x0a" + seed, others)
        if rng.random() < 0.5:
            text = json.dumps(_json(rng, value))
        else:
            text = _text(rng, seed.decode(errors="replace"), [])
        return text.encode(errors="surrogatepass")[:MAX_MUTATED_BYTES]
    data = bytearray(seed)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        rng.choice(_DATA_STEPS)(rng, data, others)
    return bytes(data[:MAX_MUTATED_BYTES])


def _at(rng: random.Random, data: bytearray) -> int:
    return rng.randrange(len(data)) if data else 0


def _flip(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    if data:
        data[_at(rng, data)] ^= 1 << rng.randrange(8)


def _replace(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    if data:
        data[_at(rng, data)] = rng.choice(_BYTES)


def _nudge(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    if data:
        at = _at(rng, data)
        data[at] = (data[at] + rng.choice((-1, 1))) % 256


def _cut(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    at = _at(rng, data)
    del data[at : at + rng.choice((1, 1, 2, 4, 16, 64))]


def _truncate(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    del data[_at(rng, data) :]


def _double(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    at = _at(rng, data)
    part = data[at : at + rng.choice((1, 2, 4, 8, 34, len(data) + 1))]
    data[at:at] = part * rng.choice((1, 1, 2, 20))


def _insert(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    at = rng.randrange(len(data) + 1)
    data[at:at] = rng.randbytes(rng.choice((1, 1, 2, 8, 32)))


def _varint(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    at = _at(rng, data)
    data[at : at + rng.choice((0, 1, 1, 2))] = rng.choice(_VARINTS)


def _splice(rng: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    if others:
        other = rng.choice(others)
        data[_at(rng, data) :] = other[rng.randrange(len(other) + 1) :]


def _append_field(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    number, wire_type = rng.randrange(1, 40), rng.randrange(8)
    tag = number << 3 | wire_type
    data += bytes((tag & 0x7F | 0x80, tag >> 7)) if tag > 127 else bytes((tag,))
    data += rng.choice((b"\x01", b"\x00", b"\x02ab", bytes(8), b""))


def _nest(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    for _level in range(rng.choice((1, 3, 120))):
        size, length = len(data), bytearray()
        while size > 127:
            length.append(size & 127 | 128)
            size >>= 7
        data[:0] = bytes((rng.choice(_BYTES[2:7]),)) + bytes(length) + bytes((size,))


_DATA_STEPS: tuple[Callable[[random.Random, bytearray, Sequence[bytes]], None], ...] = (
    _flip, _flip, _replace, _nudge, _nudge, _cut, _truncate, _double, _insert, _varint, _splice,
    _append_field, _nest,
)  # fmt: skip


def _text(rng: random.Random, seed: str, others: Sequence[str]) -> str:
    text = seed
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        at = rng.randrange(len(text) + 1)
        match rng.randrange(8):
            case 0:
                text = text[:at] + text[at + rng.choice((1, 1, 3)) :]
            case 1:
                text = text[:at] + rng.choice(_TEXT) + text[at:]
            case 2:
                text = text[:at] + rng.choice(_TEXT) + text[at + 1 :]
            case 3:
                text = text[:at] + text[at : at + 9] * rng.choice((1, 2, 40)) + text[at:]
            case 4:
                text = text[:at] + (rng.choice(others)[at:] if others else "")
            case 5:
                text = text.swapcase() if rng.random() < 0.3 else text[:at].upper() + text[at:]
            case 6:
                text = text[:at] + chr(rng.choice((rng.randrange(128), rng.randrange(0x3000))))
                text += seed[at:]
            case _:
                where = rng.random()
                extra = rng.choice(_LONG_TEXT) if where < 0.3 else str(rng.getrandbits(70))
                text = text[:at] + extra + text[at:]
    return text[:MAX_MUTATED_BYTES]


def _json(rng: random.Random, seed: object) -> object:
    try:
        value = copy.deepcopy(seed)
    except RecursionError:  # nested again and again
        return copy.deepcopy(rng.choice(_JSON))
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        value = _change(rng, value)
    return value


def _change(rng: random.Random, value: object) -> object:
    """Change one place of a JSON value, anywhere in it."""
    if isinstance(value, dict) and value and rng.random() < 0.85:
        key = rng.choice(sorted(value, key=str))
        match rng.randrange(8):
            case 0:
                del value[key]
            case 1:
                value[rng.choice(("", "type", key + "x", "\ud800"))] = rng.choice(_JSON)
            case 2:
                other = rng.choice(sorted(value, key=str))
                value[key], value[other] = value[other], value[key]
            case _:
                value[key] = _change(rng, value[key])
        return value
    if isinstance(value, list) and value and rng.random() < 0.8:
        at = rng.randrange(len(value))
        match rng.randrange(6):
            case 0:
                del value[at]
            case 1:
                value.insert(at, copy.deepcopy(value[at]))
            case 2:
                value *= 50
            case _:
                value[at] = _change(rng, value[at])
        return value
    if isinstance(value, str) and rng.random() < 0.5:
        return _text(rng, value, [])
    if isinstance(value, int) and rng.random() < 0.5:
        return value + rng.choice((-1, 1, 2**32, -(2**63)))
    if rng.random() < 0.03:
        nested: object = value
        for _ in range(400):
            nested = [nested]
        return nested
    return copy.deepcopy(rng.choice(_JSON))
