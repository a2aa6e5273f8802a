"""Bech32 (BIP-173) as Cosmos uses it, any length up to 1023; Bech32m (BIP-350) for Bitcoin."""

from chainkit.primitives.errors import MalformedMessage

_CHARSET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_VALUES = {character: value for value, character in enumerate(_CHARSET)}
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
MAX_LENGTH = 1023
BECH32 = 1
"""What the checksum of BIP-173 leaves."""

BECH32M = 0x2BC830A3
"""What the checksum of BIP-350 leaves."""

_CHECKSUM_LENGTH = 6


def _reduction(top: int) -> int:
    """Return what the five bits that leave at the top add to the checksum."""
    total = 0
    for bit, generator in enumerate(_GENERATOR):
        if top >> bit & 1:
            total ^= generator
    return total


_REDUCTIONS = tuple(_reduction(top) for top in range(32))


def _polymod(values: list[int]) -> int:
    checksum = 1
    for value in values:
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value ^ _REDUCTIONS[checksum >> 25]
    return checksum


def _expand(prefix: str) -> list[int]:
    return [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]


def regroup(data: list[int], from_bits: int, to_bits: int, *, pad: bool) -> list[int]:
    """Return the same bits in groups of another size.

    Raises:
        MalformedMessage: Without ``pad``, the bits left over are not zero or fill a group.
    """
    accumulator = bits = 0
    out = []
    for value in data:
        accumulator = accumulator << from_bits | value
        bits += from_bits
        while bits >= to_bits:
            bits -= to_bits
            out.append(accumulator >> bits & ((1 << to_bits) - 1))
        accumulator &= (1 << bits) - 1
    if pad and bits:
        out.append(accumulator << (to_bits - bits) & ((1 << to_bits) - 1))
    elif not pad and (bits >= from_bits or accumulator):
        raise MalformedMessage("bech32 padding is not zero")
    return out


def encode_checked(prefix: str, values: list[int], kind: int) -> str:
    """Return the text of 5-bit ``values`` under ``prefix`` with the checksum of ``kind``."""
    checksum = _polymod(_expand(prefix) + values + [0] * _CHECKSUM_LENGTH) ^ kind
    tail = [checksum >> 5 * (5 - index) & 31 for index in range(_CHECKSUM_LENGTH)]
    return prefix + "1" + "".join(_CHARSET[value] for value in values + tail)


def decode_checked(text: str) -> tuple[str, list[int], int]:
    """Return (prefix, 5-bit values, ``BECH32`` or ``BECH32M``).

    Raises:
        MalformedMessage: Mixed case, a strange character, or a wrong checksum.
    """
    if len(text) > MAX_LENGTH or (text.lower() != text and text.upper() != text):
        raise MalformedMessage("bech32 text is too long or of mixed case")
    text = text.lower()
    prefix, separator, rest = text.rpartition("1")
    if not separator or not prefix or len(rest) < _CHECKSUM_LENGTH:
        raise MalformedMessage("bech32 text has no separator or is too short")
    if any(not "!" <= character <= "~" for character in prefix):
        raise MalformedMessage("bech32 prefix has a character outside ASCII 33 to 126")
    if any(character not in _VALUES for character in rest):
        raise MalformedMessage("bech32 data has a character outside its alphabet")
    values = [_VALUES[character] for character in rest]
    kind = _polymod(_expand(prefix) + values)
    if kind not in {BECH32, BECH32M}:
        raise MalformedMessage("bech32 checksum is wrong")
    return prefix, values[:-_CHECKSUM_LENGTH], kind


def encode_bech32(prefix: str, data: bytes) -> str:
    """Return the bech32 text of ``data`` under ``prefix``."""
    return encode_checked(prefix, regroup(list(data), 8, 5, pad=True), BECH32)


def decode_bech32(text: str) -> tuple[str, bytes]:
    """Return (prefix, data).

    Raises:
        MalformedMessage: Mixed case, a strange character, a wrong checksum or padding.
    """
    prefix, values, kind = decode_checked(text)
    if kind != BECH32:
        raise MalformedMessage("bech32 checksum is wrong")
    return prefix, bytes(regroup(values, 5, 8, pad=False))
