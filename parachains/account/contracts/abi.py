"""The ABI of native contracts: call data have one form, and a refusal is a call's error."""

from chainkit.formats.ethereum import abi
from chainkit.formats.ethereum.abi import (
    SELECTOR_BYTES,
    WORD,
    AbiValue,
    encode_abi,
    selector_of,
    topic_of,
    word_of,
)
from chainkit.formats.ethereum.errors import MalformedEthereum
from chainkit.primitives.types import Address
from parachains.account.errors import MalformedCall

__all__ = [
    "SELECTOR_BYTES",
    "WORD",
    "AbiValue",
    "address_at",
    "bytes_at",
    "decode_abi",
    "encode_abi",
    "number_at",
    "revert_data",
    "selector_of",
    "text_at",
    "topic_of",
    "word_of",
]

_ERROR = selector_of("Error(string)")


def decode_abi(types: tuple[str, ...], data: bytes) -> tuple[AbiValue, ...]:
    """Return the arguments that ``data`` is the encoding of.

    Raises:
        MalformedCall: It is not their only encoding.
    """
    try:
        return abi.decode_abi(types, data)
    except MalformedEthereum as error:
        raise MalformedCall(str(error)) from error


def revert_data(reason: str) -> bytes:
    """Return what a contract that refuses with a reason returns: ``Error(string)``."""
    return _ERROR + encode_abi(("string",), (reason,))


def address_at(values: tuple[AbiValue, ...], index: int) -> Address:
    """Return an argument of the type address."""
    value = values[index]
    assert isinstance(value, bytes)
    return Address(value)


def number_at(values: tuple[AbiValue, ...], index: int) -> int:
    """Return an argument of the type uint."""
    value = values[index]
    assert isinstance(value, int)
    return value


def bytes_at(values: tuple[AbiValue, ...], index: int) -> bytes:
    """Return an argument of the type bytes or bytesN."""
    value = values[index]
    assert isinstance(value, bytes)
    return value


def text_at(values: tuple[AbiValue, ...], index: int) -> str:
    """Return an argument of the type string."""
    value = values[index]
    assert isinstance(value, str)
    return value
