"""Account addresses as texts of one chain: bech32 under its prefix."""

from functools import lru_cache

from chainkit.primitives.bech32 import decode_bech32, encode_bech32
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.hashing import sha256
from chainkit.primitives.types import Address
from chainkit.runtime.errors import InvalidAddress

ADDRESS_BYTES = (20, 32)
"""Of a key; of a module's sub-account (ADR-028), as escrows and interchain accounts have."""


CACHED_ADDRESSES = 4_096
"""Addresses whose other form is remembered: a block names the same validators each time."""


@lru_cache(CACHED_ADDRESSES)
def format_address(prefix: str, address: Address) -> str:
    """Return the text of an address under a chain's prefix, e.g. ``cosmos``."""
    return encode_bech32(prefix, address)


@lru_cache(CACHED_ADDRESSES)
def parse_address(prefix: str, text: str) -> Address:
    """Return the address that ``text`` names on the chain with ``prefix``.

    Raises:
        InvalidAddress: No bech32, another chain's prefix, or a length no address has.
    """
    try:
        found, data = decode_bech32(text)
    except MalformedMessage as error:
        raise InvalidAddress(f"decoding bech32 failed: {error}") from error
    if found != prefix:
        raise InvalidAddress(f"expected prefix {prefix}, got {found[:20]}")
    if len(data) not in ADDRESS_BYTES or text != text.lower():
        raise InvalidAddress(f"address of {len(data)} bytes, or in capitals")
    return Address(data)


def module_address(name: str) -> Address:
    """Return the account of a module: the SDK's ``NewModuleAddress``, SHA-256 cut to 20."""
    return Address(sha256(name.encode())[:20])
