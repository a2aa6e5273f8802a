"""The data of a token packet: JSON in the field order that ibc-go v10 writes."""

from dataclasses import dataclass
from functools import lru_cache

from chainkit.primitives.amounts import parse_amount
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.limits import MAX_MEMO_BYTES, MAX_RECEIVER_BYTES
from ibc.errors import InvalidAddress, InvalidType
from ibc.ics20_transfer.denoms import extract_denom, validate_denom
from ibc.ics20_transfer.errors import InvalidAmount, InvalidMemo
from ibc.json_codec import decode_json, encode_go_string
from ibc.limits import MAX_PACKET_DATA_BYTES

_CACHED = 16
"""Packets whose data is remembered, each of ``MAX_PACKET_DATA_BYTES`` at most."""
_FIELDS = ("denom", "amount", "sender", "receiver", "memo")


@dataclass(frozen=True, slots=True)
class TransferData:
    """ICS-20, ``FungibleTokenPacketData``; ``denom`` is a path, ``amount`` a decimal."""

    denom: str
    amount: str
    sender: str
    receiver: str
    memo: str = ""


@lru_cache(_CACHED)
def validate_transfer_data(data: TransferData) -> int:
    """Check every field and return the amount; asked before the application and by it.

    Raises:
        InvalidAmount: The amount is not a positive decimal of at most 256 bits, in its
            only form.
        InvalidAddress: Sender or receiver is blank or too long.
        InvalidMemo: The memo is over 32,768 bytes.
        InvalidDenom: The denomination is blank or has too many hops.
        InvalidIdentifier: A hop is none.
    """
    try:
        amount = parse_amount(data.amount)
    except MalformedMessage as error:
        raise InvalidAmount(f"{data.amount[:80]!r}") from error
    if amount == 0:
        raise InvalidAmount("amount must be positive")
    if not data.sender.strip():
        raise InvalidAddress("sender address cannot be blank")
    if not data.receiver.strip():
        raise InvalidAddress("receiver address cannot be blank")
    if max(len(data.sender.encode()), len(data.receiver.encode())) > MAX_RECEIVER_BYTES:
        raise InvalidAddress(f"an address is over {MAX_RECEIVER_BYTES} bytes")
    if len(data.memo.encode()) > MAX_MEMO_BYTES:
        raise InvalidMemo(f"memo is over {MAX_MEMO_BYTES} bytes")
    validate_denom(extract_denom(data.denom))
    return amount


def encode_transfer_data(data: TransferData) -> bytes:
    """Return the packet's bytes; an empty memo is left out, as Go's ``omitempty`` does."""
    values = [(name, getattr(data, name)) for name in _FIELDS]
    pairs = (
        f'"{name}":{encode_go_string(value)}' for name, value in values if value or name != "memo"
    )
    return ("{" + ",".join(pairs) + "}").encode()


def decode_transfer_data(data: bytes) -> TransferData:
    """Return the fields of a packet's bytes; other keys are ignored, as in ibc-go.

    Raises:
        InvalidType: Not an object, or a field is missing or no string.
    """
    return _decoded(data)


@lru_cache(_CACHED)
def _decoded(data: bytes) -> TransferData:
    """Decode; the rules before the application read the same packet as the application does."""
    try:
        value = decode_json(data, max_bytes=MAX_PACKET_DATA_BYTES)
    except MalformedMessage as error:
        raise InvalidType(f"cannot unmarshal ICS20-V1 transfer packet data: {error}") from error
    if not isinstance(value, dict):
        raise InvalidType("ICS20-V1 transfer packet data is no object")
    fields = {name: value.get(name, "") for name in _FIELDS}
    if not all(isinstance(field, str) for field in fields.values()):
        raise InvalidType("a field of ICS20-V1 transfer packet data is no string")
    return TransferData(**fields)
