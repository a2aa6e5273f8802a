"""Addresses: 20 bytes, with EIP-55's checksum in the case of the letters."""

import re

from chainkit.formats.ethereum.errors import WrongAddress
from chainkit.formats.ethereum.limits import ADDRESS_BYTES
from chainkit.primitives.keccak import keccak256
from chainkit.primitives.types import Address

_FORM = re.compile(r"0x[0-9a-fA-F]{40}")
PUBLIC_POINT_BYTES = 64
"""x and y of a public key."""


def format_address(address: Address) -> str:
    """Return "0x" and 40 digits, a letter in upper case where the hash's digit is 8 or more."""
    digits = address.hex()
    hashed = keccak256(digits.encode()).hex()
    return "0x" + "".join(
        digit.upper() if int(mark, 16) >= 8 else digit
        for digit, mark in zip(digits, hashed, strict=False)
    )


def parse_address(text: str) -> Address:
    """Return the address that ``text`` names.

    Letters may all be lower or all be upper case; if both occur, they must check.

    Raises:
        WrongAddress: It is not "0x" and 40 digits, or the case of its letters is wrong.

    Spec:
        EIP-55.
    """
    if _FORM.fullmatch(text) is None:
        raise WrongAddress(f"{text[:50]!r} is not 0x and 40 hexadecimal digits")
    address = Address(bytes.fromhex(text[2:]))
    digits = text[2:]
    if digits not in {digits.lower(), digits.upper()} and text != format_address(address):
        raise WrongAddress(f"{text} has a wrong checksum; did you mean {format_address(address)}?")
    return address


def address_of_public_key(point: bytes) -> Address:
    """Return the address of a public key: the last 20 bytes of the hash of its x and y."""
    assert len(point) == PUBLIC_POINT_BYTES
    return Address(keccak256(point)[-ADDRESS_BYTES:])
