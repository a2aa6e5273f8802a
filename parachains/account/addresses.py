"""The addresses that the chain itself knows: fixed ones, and those derived from names."""

import re

from chainkit.primitives.keccak import keccak256
from chainkit.primitives.types import Address, Denom

ADDRESS_BYTES = 20
IBC_ADDRESS = Address((0x1BC0).to_bytes(ADDRESS_BYTES, "big"))
"""The IBC contract; its storage is IBC's state, which light clients prove."""

FACTORY_ADDRESS = Address((0x1BC1).to_bytes(ADDRESS_BYTES, "big"))
HASH_LOCK_ADDRESS = Address((0x1BC2).to_bytes(ADDRESS_BYTES, "big"))
TOKEN_DENOM_PREFIX = "erc20:0x"  # noqa: S105 - a token of ERC-20
"""IBC's name of a token of this chain: this and its address in lower case."""

VOUCHER_DENOM_PREFIX = "ibc/"
_TOKEN_DENOM = re.compile(TOKEN_DENOM_PREFIX + r"([0-9a-f]{40})")


def derived_address(name: str) -> Address:
    """Return an address that no key has, by the hash of a name."""
    return Address(keccak256(name.encode())[-ADDRESS_BYTES:])


def store_address(store: str) -> Address:
    """Return the system account of a native contract's store, other than IBC's own."""
    return derived_address(f"isthmus/store/{store}")


def voucher_address(denom: Denom) -> Address:
    """Return the ERC-20 token of a voucher: ``ibc/`` and the hash of its path."""
    return derived_address(f"isthmus/voucher/{denom}")


def token_denom(token: Address) -> Denom:
    """Return IBC's name of a token that was made on this chain."""
    return Denom(TOKEN_DENOM_PREFIX + token.hex())


def token_of_denom(denom: Denom) -> Address | None:
    """Return the ERC-20 token that a denomination names; None for any other name."""
    if denom.startswith(VOUCHER_DENOM_PREFIX):
        return voucher_address(denom)
    found = _TOKEN_DENOM.fullmatch(denom)
    return None if found is None else Address(bytes.fromhex(found[1]))
