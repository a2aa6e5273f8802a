"""Parameters and answers of a DAG node's methods: checked JSON in, JSON out."""

from collections.abc import Sequence

from chainkit.formats.ghostdag.headers import Header
from chainkit.formats.ghostdag.limits import HASH_BYTES
from chainkit.primitives.amounts import Coin
from chainkit.primitives.errors import OperationFailed, RuleBroken
from chainkit.primitives.types import Address, Hash32
from chainkit.runtime.addresses import format_address, parse_address
from ibc.ics02_client.port import AnyValue
from parachains.dag.transactions import Transaction, decode_transaction

INVALID_PARAMETER = -8
NOT_FOUND = -5
DESERIALIZATION_ERROR = -22
REFUSED = -26
MAX_SCORE = 2**63 - 1
Json = object


class RpcError(OperationFailed):
    """An answer of refusal with a code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def bytes_of(text: object) -> bytes:
    """Return the bytes of a text of hex digits.

    Raises:
        RpcError: It is not of that form.
    """
    try:
        return bytes.fromhex(text if isinstance(text, str) else "?")
    except ValueError as error:
        raise RpcError(DESERIALIZATION_ERROR, "expected a text of hex digits") from error


def hash_of(text: object) -> Hash32:
    """Return a hash.

    Raises:
        RpcError: It is no text of 64 hex digits.
    """
    raw = bytes_of(text)
    if len(raw) != HASH_BYTES:
        raise RpcError(INVALID_PARAMETER, "a hash is a text of 64 hex digits")
    return Hash32(raw)


def integer_of(value: object, low: int, high: int, name: str) -> int:
    """Return a whole number within its bounds.

    Raises:
        RpcError: It is not of that form.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise RpcError(INVALID_PARAMETER, f"{name} is a whole number from {low} to {high}")
    return value


def boolean_of(value: object, name: str) -> bool:
    """Return a truth value.

    Raises:
        RpcError: It is none.
    """
    if not isinstance(value, bool):
        raise RpcError(INVALID_PARAMETER, f"{name} is true or false")
    return value


def list_of(value: object, most: int, name: str) -> Sequence[object]:
    """Return a list with a bounded number of items.

    Raises:
        RpcError: It is none, or too long.
    """
    if not isinstance(value, list) or len(value) > most:
        raise RpcError(INVALID_PARAMETER, f"{name} is a list of at most {most}")
    return value


def address_of(value: object, prefix: str) -> Address:
    """Return an account's address.

    Raises:
        RpcError: It is no address of this chain.
    """
    try:
        return parse_address(prefix, value if isinstance(value, str) else "")
    except RuleBroken as error:
        raise RpcError(INVALID_PARAMETER, f"address: {error}") from error


def transaction_of(value: object) -> Transaction:
    """Return the transaction in a text of hex digits.

    Raises:
        RpcError: It is not of that form.
    """
    try:
        return decode_transaction(bytes_of(value))
    except RuleBroken as error:
        raise RpcError(DESERIALIZATION_ERROR, f"the transaction: {error}") from error


def any_json(value: AnyValue) -> Json:
    """Return an ``Any`` as JSON."""
    return {"type_url": value.type_url, "value": value.value.hex()}


def coin_json(coin: Coin) -> Json:
    """Return a coin as JSON; amounts are texts."""
    return {"denom": coin.denom, "amount": str(coin.amount)}


def header_json(header: Header) -> dict[str, Json]:
    """Return a header by Kaspa's names."""
    return {
        "version": header.version,
        "hash": header.hash.hex(),
        "parents": [parent.hex() for parent in header.parents],
        "hashMerkleRoot": header.hash_merkle_root.hex(),
        "acceptedIdMerkleRoot": header.accepted_id_merkle_root.hex(),
        "utxoCommitment": header.utxo_commitment.hex(),
        "timestamp": header.timestamp,
        "bits": f"{header.bits:08x}",
        "nonce": header.nonce,
        "daaScore": header.daa_score,
        "blueWork": f"{header.blue_work:x}",
        "blueScore": header.blue_score,
        "pruningPoint": header.pruning_point.hex(),
    }


def transaction_json(tx: Transaction, prefix: str) -> dict[str, Json]:
    """Return a transaction as JSON."""
    return {
        "transactionId": tx.id.hex(),
        "sender": format_address(prefix, tx.sender),
        "sequence": tx.sequence,
        "fee": tx.fee,
        "gasLimit": tx.gas_limit,
        "messages": [any_json(message) for message in tx.messages],
        "raw": tx.encode().hex(),
    }
