"""How ICS-20's data lie in a payload of IBC v2: JSON, protobuf or Solidity's ABI."""

from collections.abc import Callable
from dataclasses import dataclass

from chainkit.formats.ethereum.abi import decode_abi, encode_abi
from chainkit.primitives.amounts import MAX_AMOUNT, parse_amount
from chainkit.primitives.errors import MalformedMessage
from chainkit.wire.codec import decode_known, encode
from chainkit.wire.proto.ibc.applications.transfer.v1.packet_pb2 import FungibleTokenPacketData
from ibc.errors import InvalidType
from ibc.ics20_transfer.packet_data import (
    TransferData,
    decode_transfer_data,
    encode_transfer_data,
)
from ibc.limits import MAX_PACKET_DATA_BYTES

DEFAULT_ENCODING = "application/json"

_FIELDS = ("string", "string", "string", "uint256", "string")
"""Denomination, sender, receiver, amount, memo: ICS20Lib's ``FungibleTokenPacketData``."""

_TUPLE_OFFSET = (32).to_bytes(32, "big")
"""A tuple with texts is itself behind an offset, which is always the same."""


@dataclass(frozen=True, slots=True)
class _Encoding:
    encode: Callable[[TransferData], bytes]
    decode: Callable[[bytes], TransferData]


def encode_value(data: TransferData, encoding: str) -> bytes:
    """Return the data in an encoding.

    Raises:
        InvalidType: The encoding is unknown.
    """
    return _named(encoding).encode(data)


def decode_value(value: bytes, encoding: str) -> TransferData:
    """Return the data of a payload; the fields are not checked yet.

    Raises:
        InvalidType: The encoding is unknown, or the value is not of it.
    """
    return _named(encoding).decode(value)


def _named(encoding: str) -> _Encoding:
    found = _ENCODINGS.get(encoding)
    if found is None:
        known = ", ".join(_ENCODINGS)
        raise InvalidType(f"encoding {encoding[:64]!r} is none of {known}")
    return found


def _encode_proto(data: TransferData) -> bytes:
    return encode(
        FungibleTokenPacketData(
            denom=data.denom,
            amount=data.amount,
            sender=data.sender,
            receiver=data.receiver,
            memo=data.memo,
        )
    )


def _decode_proto(value: bytes) -> TransferData:
    try:
        data = decode_known(FungibleTokenPacketData, value, max_bytes=MAX_PACKET_DATA_BYTES)
    except MalformedMessage as error:
        raise InvalidType(f"cannot unmarshal ICS20-V1 transfer packet data: {error}") from error
    return TransferData(data.denom, data.amount, data.sender, data.receiver, data.memo)


def _encode_abi(data: TransferData) -> bytes:
    amount = parse_amount(data.amount)
    values = (data.denom, data.sender, data.receiver, amount, data.memo)
    return _TUPLE_OFFSET + encode_abi(_FIELDS, values)


def _decode_abi(value: bytes) -> TransferData:
    if not value.startswith(_TUPLE_OFFSET) or len(value) > MAX_PACKET_DATA_BYTES:
        raise InvalidType("cannot unmarshal ICS20-V1 transfer packet data: no ABI tuple")
    try:
        denom, sender, receiver, amount, memo = decode_abi(_FIELDS, value[len(_TUPLE_OFFSET) :])
    except MalformedMessage as error:
        raise InvalidType(f"cannot unmarshal ICS20-V1 transfer packet data: {error}") from error
    assert isinstance(amount, int)
    assert amount <= MAX_AMOUNT
    return TransferData(str(denom), str(amount), str(sender), str(receiver), str(memo))


_ENCODINGS = {
    DEFAULT_ENCODING: _Encoding(encode_transfer_data, decode_transfer_data),
    "application/x-protobuf": _Encoding(_encode_proto, _decode_proto),
    "application/x-solidity-abi": _Encoding(_encode_abi, _decode_abi),
}
