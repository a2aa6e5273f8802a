"""Parameters and answers of a UTXO node's methods: checked JSON in, JSON out."""

from collections.abc import Mapping

from chainkit.formats.bitcoin.encoding import parse_display_hash
from chainkit.formats.bitcoin.limits import COIN
from chainkit.formats.bitcoin.transactions import OutPoint, Transaction, decode_transaction
from chainkit.primitives.errors import OperationFailed, RuleBroken
from ibc.ics02_client.port import AnyValue

INVALID_PARAMETER = -8
NOT_FOUND = -5
DESERIALIZATION_ERROR = -22
VERIFY_REJECTED = -26

Json = object


class RpcError(OperationFailed):
    """An answer of refusal with Bitcoin Core's code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def hash_of(text: object) -> bytes:
    """Return the internal bytes of a displayed hash.

    Raises:
        RpcError: It is not of that form.
    """
    if not isinstance(text, str):
        raise RpcError(INVALID_PARAMETER, "a hash is a text of 64 hex digits")
    try:
        return parse_display_hash(text)
    except RuleBroken as error:
        raise RpcError(INVALID_PARAMETER, str(error)) from error


def bytes_of(text: object) -> bytes:
    """Return the bytes of a text of hex digits.

    Raises:
        RpcError: It is not of that form.
    """
    try:
        return bytes.fromhex(text if isinstance(text, str) else "?")
    except ValueError as error:
        raise RpcError(DESERIALIZATION_ERROR, "expected a text of hex digits") from error


def integer_of(value: object, low: int, high: int, name: str) -> int:
    """Return a whole number within its bounds.

    Raises:
        RpcError: It is not of that form.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise RpcError(INVALID_PARAMETER, f"{name} is a whole number from {low} to {high}")
    return value


def coins_text(value: int) -> str:
    """Return satoshis as a decimal text of coins; JSON numbers would be binary fractions."""
    whole, part = divmod(value, COIN)
    return f"{whole}.{part:08d}"


def transaction_of(hexstring: object) -> Transaction:
    """Return the transaction in a text of hex digits.

    Raises:
        RpcError: It is not of that form.
    """
    try:
        return decode_transaction(bytes_of(hexstring))
    except RuleBroken as error:
        raise RpcError(DESERIALIZATION_ERROR, f"TX decode failed: {error}") from error


def any_json(value: AnyValue) -> Json:
    """Return an ``Any`` as JSON."""
    return {"type_url": value.type_url, "value": value.value.hex()}


def member_of(value: object, name: str) -> object:
    """Return an object's member.

    Raises:
        RpcError: It is not of that form.
    """
    if not isinstance(value, Mapping) or name not in value:
        raise RpcError(INVALID_PARAMETER, f"expected an object with {name}")
    return value[name]


def any_of(value: object) -> AnyValue:
    """Return the ``Any`` in an object of ``type_url`` and hex ``value``.

    Raises:
        RpcError: It is not of that form.
    """
    url = member_of(value, "type_url")
    if not isinstance(url, str):
        raise RpcError(INVALID_PARAMETER, "type_url is a text")
    return AnyValue(url, bytes_of(member_of(value, "value")))


def outpoint_of(value: object) -> OutPoint:
    """Return the outpoint in an object of ``txid`` and ``vout``.

    Raises:
        RpcError: It is not of that form.
    """
    return OutPoint(
        hash_of(member_of(value, "txid")),
        integer_of(member_of(value, "vout"), 0, 2**32 - 1, "vout"),
    )
