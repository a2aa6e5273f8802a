"""Fields of RLP lists: what a structure says of each, or a named refusal."""

from chainkit.formats.ethereum.errors import MalformedEthereum
from chainkit.formats.ethereum.limits import ADDRESS_BYTES, HASH_BYTES
from chainkit.primitives.types import Address, Hash32
from chainkit.wire.rlp import RlpItem, decode_uint


def read_list(item: RlpItem, what: str) -> tuple[RlpItem, ...]:
    """Return the items of a list.

    Raises:
        MalformedEthereum: It is a string.
    """
    if isinstance(item, bytes):
        raise MalformedEthereum(f"{what} is a string, not a list")
    return item


def read_fields(item: RlpItem, count: int, what: str) -> tuple[RlpItem, ...]:
    """Return the items of a list of ``count``.

    Raises:
        MalformedEthereum: It is a string, or has another count.
    """
    items = read_list(item, what)
    if len(items) != count:
        raise MalformedEthereum(f"{what} has {len(items)} fields, not {count}")
    return items


def read_string(item: RlpItem, what: str) -> bytes:
    """Return a string.

    Raises:
        MalformedEthereum: It is a list.
    """
    if not isinstance(item, bytes):
        raise MalformedEthereum(f"{what} is a list, not a string")
    return item


def read_sized(item: RlpItem, size: int, what: str) -> bytes:
    """Return a string of ``size`` bytes.

    Raises:
        MalformedEthereum: It is a list, or has another size.
    """
    data = read_string(item, what)
    if len(data) != size:
        raise MalformedEthereum(f"{what} has {len(data)} bytes, not {size}")
    return data


def read_hash(item: RlpItem, what: str) -> Hash32:
    """Return 32 bytes; refused as ``read_sized`` does."""
    return Hash32(read_sized(item, HASH_BYTES, what))


def read_address(item: RlpItem, what: str) -> Address:
    """Return 20 bytes; refused as ``read_sized`` does."""
    return Address(read_sized(item, ADDRESS_BYTES, what))


def read_uint(item: RlpItem, what: str, max_bytes: int = 32) -> int:
    """Return a number of at most ``max_bytes`` bytes.

    Raises:
        MalformedEthereum: It is a list.
        MalformedRlp: It has a leading zero, or more bytes.
    """
    return decode_uint(read_string(item, what), max_bytes=max_bytes)
