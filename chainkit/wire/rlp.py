"""RLP, canonical only: every item has one encoding, and the decoder takes no other.

``encode`` and ``decode`` use the compiled ``_rlp`` where it was built, else the Python twins
here. The extension only refuses; the twin then names the rule.

Spec:
    Ethereum Yellow Paper, appendix B, "Recursive Length Prefix"; the refusals are those of
    ethereum/tests, ``invalidRLPTest``.
"""

from collections.abc import Callable
from typing import Protocol, TypeAlias

from chainkit.wire.rlp_errors import (
    RlpHasTrailingBytes,
    RlpIntegerHasLeadingZero,
    RlpIntegerTooLarge,
    RlpLengthHasLeadingZero,
    RlpLengthNotMinimal,
    RlpTooDeep,
    RlpTooLarge,
    RlpTooManyItems,
    RlpTruncated,
    RlpWrappedByte,
)

RlpItem: TypeAlias = bytes | tuple["RlpItem", ...]
"""A string of bytes, or a list of items."""

MAX_RLP_BYTES = 16_777_216
"""16 MiB: more than any block that our chains admit."""

MAX_RLP_ITEMS = 1_048_576
"""Strings and lists in one value, itself included."""

MAX_RLP_DEPTH = 32
"""Lists within lists; a block with access lists needs 7."""

_STRING = 0x80
_LIST = 0xC0
_SHORT = 55
"""The longest payload whose length fits the prefix byte."""


def encode_prefix(base: int, size: int) -> bytes:
    """Return what stands before a payload of ``size`` bytes; ``base`` is 80 or c0 (hex)."""
    if size <= _SHORT:
        return bytes((base + size,))
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((base + _SHORT + len(length),)) + length


def encode_python(item: RlpItem) -> bytes:
    """Return the only encoding of ``item``: the readable twin of the extension.

    Raises:
        TypeError: It holds something else than bytes and tuples.
    """
    if isinstance(item, bytes):
        if len(item) == 1 and item[0] < _STRING:
            return item
        return encode_prefix(_STRING, len(item)) + item
    if not isinstance(item, tuple):
        raise TypeError(f"rlp items are bytes and tuples, not {type(item).__name__}")
    return encode_list_python([encode_python(each) for each in item])


def encode_list_python(parts: list[bytes]) -> bytes:
    """Return the list whose items, each encoded already, are ``parts``: the twin."""
    payload = b"".join(parts)
    return encode_prefix(_LIST, len(payload)) + payload


def encode_uint(number: int) -> bytes:
    """Return the big-endian bytes without leading zeros, the string that stands for ``number``."""
    assert number >= 0
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def decode_uint(data: bytes, *, max_bytes: int = 32) -> int:
    """Return the number that the string ``data`` stands for.

    Raises:
        RlpIntegerTooLarge: It has more than ``max_bytes`` bytes.
        RlpIntegerHasLeadingZero: It could be shorter.
    """
    if len(data) > max_bytes:
        raise RlpIntegerTooLarge(size=len(data), limit=max_bytes)
    if data[:1] == b"\x00":
        raise RlpIntegerHasLeadingZero(data=data)
    return int.from_bytes(data, "big")


class _Decoder:
    """Reads one value; mutable: it counts the items that it met."""

    __slots__ = ("data", "items_left", "max_depth", "max_items")

    def __init__(self, data: bytes, max_items: int, max_depth: int) -> None:
        self.data = data
        self.max_items = max_items
        self.items_left = max_items
        self.max_depth = max_depth

    def read(self, at: int, end: int, depth: int) -> tuple[RlpItem, int]:
        """Return the item at ``at``, which may not pass ``end``, and where the next begins."""
        is_list, start, stop = read_prefix(self.data, at, end)
        self.items_left -= 1
        if self.items_left < 0:
            raise RlpTooManyItems(limit=self.max_items)
        if not is_list:
            return self.data[start:stop], stop
        if depth >= self.max_depth:
            raise RlpTooDeep(limit=self.max_depth)
        items: list[RlpItem] = []
        while start < stop:
            item, start = self.read(start, stop, depth + 1)
            items.append(item)
        return tuple(items), stop


def read_prefix(data: bytes, at: int, end: int) -> tuple[bool, int, int]:
    """Return whether a list stands at ``at``, and where its payload begins and ends.

    Raises:
        MalformedRlp: There is no canonical prefix, or the payload passes ``end``.
    """
    if at >= end:
        raise RlpTruncated(at=at)
    first = data[at]
    if first < _STRING:
        return False, at, at + 1
    is_list = first >= _LIST
    size = first - (_LIST if is_list else _STRING)
    start = at + 1
    if size > _SHORT:
        start += size - _SHORT
        if start > end:
            raise RlpTruncated(at=at)
        if data[at + 1] == 0:
            raise RlpLengthHasLeadingZero(at=at)
        size = int.from_bytes(data[at + 1 : start], "big")
        if size <= _SHORT:
            raise RlpLengthNotMinimal(at=at)
    if size > end - start:
        raise RlpTruncated(at=at)
    if size == 1 and not is_list and data[start] < _STRING:
        raise RlpWrappedByte(at=at)
    return is_list, start, start + size


def decode_python(
    data: bytes,
    *,
    max_bytes: int = MAX_RLP_BYTES,
    max_items: int = MAX_RLP_ITEMS,
    max_depth: int = MAX_RLP_DEPTH,
) -> RlpItem:
    """Return the item that ``data`` is the encoding of: the twin, which names broken rules.

    Args:
        data: The whole encoding.
        max_bytes: The most that ``data`` may have.
        max_items: The most strings and lists in all, the outermost included.
        max_depth: The most lists within one another; a string alone has depth 0.

    Raises:
        MalformedRlp: It is not canonical, or passes a limit; the subclass says which rule.
    """
    if len(data) > max_bytes:
        raise RlpTooLarge(size=len(data), limit=max_bytes)
    item, stop = _Decoder(data, max_items, max_depth).read(0, len(data), 0)
    if stop != len(data):
        raise RlpHasTrailingBytes(count=len(data) - stop)
    return item


class _Decode(Protocol):
    def __call__(
        self, data: bytes, *, max_bytes: int = ..., max_items: int = ..., max_depth: int = ...
    ) -> RlpItem: ...


def _fastest() -> tuple[Callable[[RlpItem], bytes], Callable[[list[bytes]], bytes], _Decode]:
    try:
        from chainkit.wire._rlp import decoder, encode, encode_list  # noqa: PLC0415 - may be absent
    except ImportError:
        return encode_python, encode_list_python, decode_python
    decode: _Decode = decoder(decode_python, MAX_RLP_BYTES, MAX_RLP_ITEMS, MAX_RLP_DEPTH)
    return encode, encode_list, decode


encode, encode_list, decode = _fastest()
"""The three functions that others use: each does what its twin above says."""
