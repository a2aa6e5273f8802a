"""Solidity's contract ABI: the one encoding of arguments, selectors of methods, topics of events.

Decoding takes what the standard encoders write and nothing else: offsets in order without gaps
or overlaps, zero padding, no bytes after the end. So call data have one form.

Spec:
    Solidity documentation, "Contract ABI Specification", "Strict Encoding Mode".
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from chainkit.formats.ethereum.errors import MalformedEthereum
from chainkit.formats.ethereum.limits import MAX_ABI_DEPTH, MAX_ABI_ITEMS
from chainkit.primitives.keccak import keccak256
from chainkit.primitives.types import Hash32

WORD = 32
SELECTOR_BYTES = 4
_ADDRESS_BYTES = 20
_BITS = 8
_MAX_BITS = 256

AbiValue: TypeAlias = "int | bool | bytes | str | tuple[AbiValue, ...]"
"""uint and bool as themselves, address, bytesN and bytes as bytes, arrays as tuples."""


@dataclass(frozen=True, slots=True)
class _Type:
    """A type of the ABI; ``size`` is bits of a number and bytes of fixed bytes."""

    kind: str
    size: int = 0
    element: "_Type | None" = None

    @property
    def is_dynamic(self) -> bool:
        return self.kind in {"bytes", "string", "array"}


@lru_cache(128)
def _parse(text: str) -> _Type:
    """Return the type that our own code names."""
    if text.endswith("[]"):
        return _Type("array", element=_parse(text[:-2]))
    if text in {"address", "bool", "bytes", "string"}:
        return _Type(text)
    kind = text.rstrip("0123456789")
    size = int(text[len(kind) :])
    assert kind in {"uint", "bytes"}
    assert 0 < size <= (_MAX_BITS if kind == "uint" else WORD)
    return _Type("number" if kind == "uint" else "fixed", size)


def selector_of(signature: str) -> bytes:
    """Return the 4 bytes by which call data name a method, e.g. ``transfer(address,uint256)``."""
    return keccak256(signature.encode())[:SELECTOR_BYTES]


def topic_of(signature: str) -> Hash32:
    """Return an event's first topic."""
    return keccak256(signature.encode())


def word_of(number: int) -> bytes:
    """Return a number as a word."""
    return number.to_bytes(WORD, "big")


def encode_abi(types: tuple[str, ...], values: tuple[AbiValue, ...]) -> bytes:
    """Return the encoding of values of our own; they fit their types."""
    assert len(types) == len(values)
    return _encode_tuple(tuple(map(_parse, types)), values)


def _encode_tuple(types: tuple[_Type, ...], values: tuple[AbiValue, ...]) -> bytes:
    head: list[bytes] = []
    tail: list[bytes] = []
    offset = WORD * len(types)
    for kind, value in zip(types, values, strict=True):
        encoded = _encode(kind, value)
        if not kind.is_dynamic:
            head.append(encoded)
            continue
        head.append(word_of(offset))
        tail.append(encoded)
        offset += len(encoded)
    return b"".join(head + tail)


def _encode(kind: _Type, value: AbiValue) -> bytes:
    match kind.kind:
        case "number" | "bool":
            assert isinstance(value, int)
            return word_of(value)
        case "address":
            assert isinstance(value, bytes)
            return value.rjust(WORD, b"\x00")
        case "fixed":
            assert isinstance(value, bytes)
            assert len(value) == kind.size
            return value.ljust(WORD, b"\x00")
        case "array":
            assert isinstance(value, tuple)
            assert kind.element is not None
            types = (kind.element,) * len(value)
            return word_of(len(value)) + _encode_tuple(types, value)
        case _:
            data = value.encode() if isinstance(value, str) else value
            assert isinstance(data, bytes)
            return word_of(len(data)) + data + bytes(-len(data) % WORD)


def decode_abi(types: tuple[str, ...], data: bytes) -> tuple[AbiValue, ...]:
    """Return the values that ``data`` is the encoding of.

    Raises:
        MalformedEthereum: It is not their only encoding.
    """
    parsed = tuple(map(_parse, types))
    values = _Reader(data, MAX_ABI_ITEMS).read_tuple(parsed, 0, MAX_ABI_DEPTH)
    if _encode_tuple(parsed, values) != data:
        raise MalformedEthereum("arguments are not in the ABI's strict encoding")
    return values


class _Reader:
    """Reads values; mutable: it counts the items of arrays."""

    __slots__ = ("_data", "_items_left")

    def __init__(self, data: bytes, max_items: int) -> None:
        self._data = data
        self._items_left = max_items

    def read_tuple(self, types: tuple[_Type, ...], base: int, depth: int) -> tuple[AbiValue, ...]:
        """Return the values of a tuple that begins at ``base``."""
        if not depth:
            raise MalformedEthereum("arguments are nested too deep")
        values = []
        for index, kind in enumerate(types):
            at = base + WORD * index
            if kind.is_dynamic:
                at = base + self._number(at)
            values.append(self._read(kind, at, depth))
        return tuple(values)

    def _word(self, at: int) -> bytes:
        word = self._data[at : at + WORD]
        if len(word) != WORD:
            raise MalformedEthereum("arguments are cut short")
        return word

    def _number(self, at: int) -> int:
        return int.from_bytes(self._word(at), "big")

    def _read(self, kind: _Type, at: int, depth: int) -> AbiValue:
        match kind.kind:
            case "number":
                return self._bounded(at, kind.size)
            case "bool":
                return bool(self._bounded(at, 1))
            case "address":
                return self._bounded(at, _ADDRESS_BYTES * _BITS).to_bytes(_ADDRESS_BYTES, "big")
            case "fixed":
                return self._word(at)[: kind.size]
            case "array":
                return self._read_array(kind, at, depth)
            case _:
                return self._read_bytes(kind, at)

    def _bounded(self, at: int, bits: int) -> int:
        number = self._number(at)
        if number >> bits:
            raise MalformedEthereum(f"a number has more than {bits} bits")
        return number

    def _read_array(self, kind: _Type, at: int, depth: int) -> AbiValue:
        count = self._number(at)
        self._items_left -= count
        if self._items_left < 0:
            raise MalformedEthereum("arguments have too many items")
        assert kind.element is not None
        return self.read_tuple((kind.element,) * count, at + WORD, depth - 1)

    def _read_bytes(self, kind: _Type, at: int) -> AbiValue:
        size = self._number(at)
        start = at + WORD
        if size > len(self._data) - start:
            raise MalformedEthereum("arguments are cut short")
        data = self._data[start : start + size]
        if kind.kind == "bytes":
            return data
        try:
            return data.decode()
        except UnicodeDecodeError as error:
            raise MalformedEthereum("a string is not UTF-8") from error
