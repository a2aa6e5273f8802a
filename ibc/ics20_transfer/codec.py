"""Protobuf of the transfer application, and how its state lies in the store ``transfer``."""

from chainkit.primitives.amounts import Coin, parse_amount
from chainkit.primitives.limits import (
    MAX_MEMO_BYTES,
    MAX_RECEIVER_BYTES,
    MAX_STORE_VALUE_BYTES,
    MAX_TX_BYTES,
)
from chainkit.primitives.types import ChannelId, PortId, TimestampNs
from chainkit.wire.codec import decode_known, encode
from chainkit.wire.proto.ibc.applications.transfer.v1 import token_pb2, tx_pb2
from ibc.addresses import parse_address
from ibc.errors import InvalidAddress, InvalidCoins
from ibc.ics02_client.codec import height_from_proto
from ibc.ics20_transfer.denoms import Hop, TracedDenom, parse_local_denom
from ibc.ics20_transfer.errors import InvalidMemo
from ibc.ics20_transfer.messages import Transfer, UpdateTransferParams
from ibc.ics24_host.identifiers import parse_channel_id, parse_port_id


def decode_transfer(data: bytes, prefix: str) -> Transfer:
    """Return ``MsgTransfer``."""
    message = decode_known(tx_pb2.MsgTransfer, data, max_bytes=MAX_TX_BYTES)
    amount = parse_amount(message.token.amount)
    if amount == 0:
        raise InvalidCoins("amount must be positive")
    if not message.receiver.strip() or len(message.receiver.encode()) > MAX_RECEIVER_BYTES:
        raise InvalidAddress("recipient address is blank or too long")
    if len(message.memo.encode()) > MAX_MEMO_BYTES:
        raise InvalidMemo(f"memo is over {MAX_MEMO_BYTES} bytes")
    return Transfer(
        parse_port_id(message.source_port),
        parse_channel_id(message.source_channel),
        Coin(parse_local_denom(message.token.denom), amount),
        parse_address(message.sender, prefix),
        message.receiver,
        height_from_proto(message.timeout_height),
        TimestampNs(message.timeout_timestamp),
        message.memo,
        message.encoding,
    )


def decode_update_params(data: bytes, prefix: str) -> UpdateTransferParams:
    """Return the application's ``MsgUpdateParams``."""
    message = decode_known(tx_pb2.MsgUpdateParams, data, max_bytes=MAX_TX_BYTES)
    return UpdateTransferParams(
        message.params.send_enabled,
        message.params.receive_enabled,
        parse_address(message.signer, prefix),
    )


def denom_to_proto(denom: TracedDenom) -> token_pb2.Denom:
    """Return the protobuf of a denomination."""
    trace = [token_pb2.Hop(port_id=h.port_id, channel_id=h.channel_id) for h in denom.trace]
    return token_pb2.Denom(base=denom.base, trace=trace)


def encode_denom(denom: TracedDenom) -> bytes:
    """Return the bytes of a denomination."""
    return encode(denom_to_proto(denom))


def decode_denom(data: bytes) -> TracedDenom:
    """Return the denomination of bytes from the store."""
    denom = decode_known(token_pb2.Denom, data, max_bytes=MAX_STORE_VALUE_BYTES)
    return TracedDenom(
        denom.base, tuple(Hop(PortId(h.port_id), ChannelId(h.channel_id)) for h in denom.trace)
    )
