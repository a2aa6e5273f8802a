"""Addresses and keys as text: Base58Check, Bech32 (BIP-173), Bech32m (BIP-350), WIF."""

from dataclasses import dataclass

from chainkit.formats.bitcoin.errors import WrongAddress
from chainkit.formats.bitcoin.hashing import double_sha256
from chainkit.formats.bitcoin.script import (
    as_witness_program,
    is_p2sh,
    p2pkh,
    p2sh,
    witness_program,
)
from chainkit.primitives.bech32 import BECH32, BECH32M, decode_checked, encode_checked, regroup
from chainkit.primitives.errors import MalformedMessage
from chainkit.sigverify.secp256k1 import ORDER

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_DIGITS = {character: value for value, character in enumerate(_ALPHABET)}
MAX_BASE58_CHARACTERS = 128
MAX_SEGWIT_CHARACTERS = 90
_CHECKSUM_BYTES = 4


@dataclass(frozen=True, slots=True)
class AddressRules:
    """The prefixes of a chain's texts."""

    key_hash: int
    script_hash: int
    private_key: int
    human_readable_part: str


MAINNET_ADDRESSES = AddressRules(0, 5, 128, "bc")
TESTNET_ADDRESSES = AddressRules(111, 196, 239, "tb")
REGTEST_ADDRESSES = AddressRules(111, 196, 239, "bcrt")


def encode_base58check(payload: bytes) -> str:
    """Return the text of ``payload`` with its checksum."""
    data = payload + double_sha256(payload)[:_CHECKSUM_BYTES]
    value = int.from_bytes(data, "big")
    digits = []
    while value:
        value, digit = divmod(value, 58)
        digits.append(_ALPHABET[digit])
    zeros = len(data) - len(data.lstrip(b"\0"))
    return "1" * zeros + "".join(reversed(digits))


def decode_base58check(text: str) -> bytes:
    """Return the payload of a text.

    Raises:
        WrongAddress: It is too long, has a strange character, or a wrong checksum.
    """
    if len(text) > MAX_BASE58_CHARACTERS:
        raise WrongAddress("Base58 text is too long")
    value = 0
    for character in text:
        digit = _DIGITS.get(character)
        if digit is None:
            raise WrongAddress("text has a character outside Base58")
        value = value * 58 + digit
    zeros = len(text) - len(text.lstrip("1"))
    data = bytes(zeros) + value.to_bytes((value.bit_length() + 7) // 8, "big")
    payload = data[:-_CHECKSUM_BYTES]
    if len(data) < _CHECKSUM_BYTES or double_sha256(payload)[:4] != data[-_CHECKSUM_BYTES:]:
        raise WrongAddress("Base58 checksum is wrong")
    return payload


def encode_address(script: bytes, rules: AddressRules) -> str:
    """Return the address of a standard output script.

    Raises:
        WrongAddress: The script is of no form that has an address.
    """
    program = as_witness_program(script)
    if program is not None:
        version, data = program
        values = [version, *regroup(list(data), 8, 5, pad=True)]
        kind = BECH32M if version else BECH32
        return encode_checked(rules.human_readable_part, values, kind)
    if is_p2sh(script):
        return encode_base58check(bytes([rules.script_hash]) + script[2:22])
    if len(script) == 25 and script == p2pkh(script[3:23]):
        return encode_base58check(bytes([rules.key_hash]) + script[3:23])
    raise WrongAddress("the script has no address form")


def decode_segwit_address(text: str, human_readable_part: str) -> tuple[int, bytes]:
    """Return (version, program) of a witness address.

    Raises:
        WrongAddress: Anything that BIP-173 or BIP-350 refuses.
    """
    if len(text) > MAX_SEGWIT_CHARACTERS:
        raise WrongAddress("witness address is over 90 characters")
    try:
        prefix, values, kind = decode_checked(text)
        if prefix != human_readable_part or not values:
            raise WrongAddress(f"address is not of {human_readable_part}")
        program = bytes(regroup(values[1:], 5, 8, pad=False))
    except MalformedMessage as error:
        raise WrongAddress(str(error)) from error
    version = values[0]
    if version > 16 or not 2 <= len(program) <= 40:
        raise WrongAddress("witness version or program length is out of range")
    if version == 0 and len(program) not in {20, 32}:
        raise WrongAddress("a version 0 program has 20 or 32 bytes")
    if kind != (BECH32M if version else BECH32):
        raise WrongAddress("wrong checksum kind for the witness version")
    return version, program


def decode_address(text: str, rules: AddressRules) -> bytes:
    """Return the output script of an address.

    Raises:
        WrongAddress: The text is no address of the chain.
    """
    if text.lower().startswith(rules.human_readable_part + "1"):
        return witness_program(*decode_segwit_address(text, rules.human_readable_part))
    payload = decode_base58check(text)
    if len(payload) == 21 and payload[0] == rules.key_hash:
        return p2pkh(payload[1:])
    if len(payload) == 21 and payload[0] == rules.script_hash:
        return p2sh(payload[1:])
    raise WrongAddress("text is no address of this chain")


def encode_private_key(private_key: bytes, rules: AddressRules, *, compressed: bool = True) -> str:
    """Return the wallet import format of a 32-byte key."""
    return encode_base58check(
        bytes([rules.private_key]) + private_key + (b"\x01" if compressed else b"")
    )


def decode_private_key(text: str, rules: AddressRules) -> tuple[bytes, bool]:
    """Return (32-byte key, whether its public key is used compressed).

    Raises:
        WrongAddress: The text is no private key of the chain, or the key is out of range.
    """
    payload = decode_base58check(text)
    compressed = len(payload) == 34 and payload[33] == 1
    if payload[:1] != bytes([rules.private_key]) or not (compressed or len(payload) == 33):
        raise WrongAddress("text is no private key of this chain")
    key = payload[1:33]
    if not 0 < int.from_bytes(key, "big") < ORDER:
        raise WrongAddress("private key is out of range")
    return key, compressed
