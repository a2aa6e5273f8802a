"""Addresses of this chain as text: bech32 with the chain's prefix, 20 bytes."""

from chainkit.primitives.bech32 import decode_bech32, encode_bech32
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.types import Address
from ibc.errors import InvalidAddress

_ADDRESS_BYTES = 20


def parse_address(text: str, prefix: str) -> Address:
    """Return the address that ``text`` writes.

    Raises:
        InvalidAddress: Not bech32, another chain's prefix, or not 20 bytes.
    """
    try:
        found, data = decode_bech32(text)
    except MalformedMessage as error:
        raise InvalidAddress(f"{text[:100]!r}") from error
    if found != prefix or len(data) != _ADDRESS_BYTES or text != text.lower():
        raise InvalidAddress(f"{text[:100]!r} is not of this chain")
    return Address(data)


def format_address(address: Address, prefix: str) -> str:
    """Return the bech32 text of an address."""
    return encode_bech32(prefix, address)
