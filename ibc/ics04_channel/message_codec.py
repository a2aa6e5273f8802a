"""Protobuf of the channel and packet messages."""

from chainkit.primitives.limits import MAX_TX_BYTES
from chainkit.primitives.types import ChannelId, PortId, Sequence
from chainkit.wire.codec import decode_known
from chainkit.wire.proto.ibc.core.channel.v1 import channel_pb2, tx_pb2
from ibc.addresses import parse_address
from ibc.errors import InvalidProof, InvalidSequence
from ibc.ics02_client.codec import height_from_proto
from ibc.ics04_channel.codec import channel_from_proto, packet_from_proto
from ibc.ics04_channel.errors import (
    InvalidAcknowledgement,
    InvalidChannelIdentifier,
    InvalidChannelOrdering,
    InvalidChannelState,
    InvalidChannelVersion,
    TooManyConnectionHops,
)
from ibc.ics04_channel.messages import (
    AcknowledgePacket,
    ChannelCloseConfirm,
    ChannelCloseInit,
    ChannelOpenAck,
    ChannelOpenConfirm,
    ChannelOpenInit,
    ChannelOpenTry,
    RecvPacket,
    TimeoutOnClose,
    TimeoutPacket,
)
from ibc.ics04_channel.types import ChannelEnd, ChannelState, Order
from ibc.ics24_host.identifiers import (
    is_channel_format,
    parse_channel_id,
    parse_connection_id,
    parse_port_id,
)
from ibc.limits import MAX_CHANNEL_VERSION_BYTES, MAX_PACKET_DATA_BYTES


def _channel(message: channel_pb2.Channel, state: ChannelState) -> ChannelEnd:
    end = channel_from_proto(message)
    if end.state is not state:
        raise InvalidChannelState(f"channel state must be {state.name}, is {end.state.name}")
    if end.ordering is Order.NONE:
        raise InvalidChannelOrdering("channel has no ordering")
    if len(end.connection_hops) != 1:
        raise TooManyConnectionHops(f"{len(end.connection_hops)} connection hops")
    parse_connection_id(end.connection_hops[0])
    parse_port_id(end.counterparty.port_id)
    _version(end.version)
    return end


def _version(text: str) -> str:
    if len(text.encode()) > MAX_CHANNEL_VERSION_BYTES:
        raise InvalidChannelVersion(f"version of {len(text)} characters")
    return text


def _own_channel(text: str) -> ChannelId:
    if not is_channel_format(text):
        raise InvalidChannelIdentifier(f"{text[:64]!r}")
    return ChannelId(text)


def _port(text: str) -> PortId:
    return parse_port_id(text)


def _proof(proof: bytes) -> bytes:
    if not proof:
        raise InvalidProof("a proof is empty")
    return proof


def _next_sequence(sequence: int) -> Sequence:
    if sequence == 0:
        raise InvalidSequence("next sequence receive cannot be 0")
    return Sequence(sequence)


def decode_open_init(data: bytes, prefix: str) -> ChannelOpenInit:
    """Return ``MsgChannelOpenInit``."""
    message = decode_known(tx_pb2.MsgChannelOpenInit, data, max_bytes=MAX_TX_BYTES)
    channel = _channel(message.channel, ChannelState.INIT)
    if channel.counterparty.channel_id:
        raise InvalidChannelIdentifier("counterparty channel identifier must be empty")
    return ChannelOpenInit(_port(message.port_id), channel, parse_address(message.signer, prefix))


def decode_open_try(data: bytes, prefix: str) -> ChannelOpenTry:
    """Return ``MsgChannelOpenTry``."""
    message = decode_known(tx_pb2.MsgChannelOpenTry, data, max_bytes=MAX_TX_BYTES)
    channel = _channel(message.channel, ChannelState.TRYOPEN)
    parse_channel_id(channel.counterparty.channel_id)
    return ChannelOpenTry(
        _port(message.port_id),
        channel,
        _version(message.counterparty_version),
        _proof(message.proof_init),
        height_from_proto(message.proof_height),
        parse_address(message.signer, prefix),
    )


def decode_open_ack(data: bytes, prefix: str) -> ChannelOpenAck:
    """Return ``MsgChannelOpenAck``."""
    message = decode_known(tx_pb2.MsgChannelOpenAck, data, max_bytes=MAX_TX_BYTES)
    return ChannelOpenAck(
        _port(message.port_id),
        _own_channel(message.channel_id),
        parse_channel_id(message.counterparty_channel_id),
        _version(message.counterparty_version),
        _proof(message.proof_try),
        height_from_proto(message.proof_height),
        parse_address(message.signer, prefix),
    )


def decode_open_confirm(data: bytes, prefix: str) -> ChannelOpenConfirm:
    """Return ``MsgChannelOpenConfirm``."""
    message = decode_known(tx_pb2.MsgChannelOpenConfirm, data, max_bytes=MAX_TX_BYTES)
    return ChannelOpenConfirm(
        _port(message.port_id),
        _own_channel(message.channel_id),
        _proof(message.proof_ack),
        height_from_proto(message.proof_height),
        parse_address(message.signer, prefix),
    )


def decode_close_init(data: bytes, prefix: str) -> ChannelCloseInit:
    """Return ``MsgChannelCloseInit``."""
    message = decode_known(tx_pb2.MsgChannelCloseInit, data, max_bytes=MAX_TX_BYTES)
    return ChannelCloseInit(
        _port(message.port_id),
        _own_channel(message.channel_id),
        parse_address(message.signer, prefix),
    )


def decode_close_confirm(data: bytes, prefix: str) -> ChannelCloseConfirm:
    """Return ``MsgChannelCloseConfirm``."""
    message = decode_known(tx_pb2.MsgChannelCloseConfirm, data, max_bytes=MAX_TX_BYTES)
    return ChannelCloseConfirm(
        _port(message.port_id),
        _own_channel(message.channel_id),
        _proof(message.proof_init),
        height_from_proto(message.proof_height),
        parse_address(message.signer, prefix),
    )


def decode_recv_packet(data: bytes, prefix: str) -> RecvPacket:
    """Return ``MsgRecvPacket``."""
    message = decode_known(tx_pb2.MsgRecvPacket, data, max_bytes=MAX_TX_BYTES)
    return RecvPacket(
        packet_from_proto(message.packet),
        _proof(message.proof_commitment),
        height_from_proto(message.proof_height),
        parse_address(message.signer, prefix),
    )


def decode_acknowledgement(data: bytes, prefix: str) -> AcknowledgePacket:
    """Return ``MsgAcknowledgement``."""
    message = decode_known(tx_pb2.MsgAcknowledgement, data, max_bytes=MAX_TX_BYTES)
    if not 0 < len(message.acknowledgement) <= MAX_PACKET_DATA_BYTES:
        raise InvalidAcknowledgement(f"{len(message.acknowledgement)} bytes")
    return AcknowledgePacket(
        packet_from_proto(message.packet),
        message.acknowledgement,
        _proof(message.proof_acked),
        height_from_proto(message.proof_height),
        parse_address(message.signer, prefix),
    )


def decode_timeout(data: bytes, prefix: str) -> TimeoutPacket:
    """Return ``MsgTimeout``."""
    message = decode_known(tx_pb2.MsgTimeout, data, max_bytes=MAX_TX_BYTES)
    return TimeoutPacket(
        packet_from_proto(message.packet),
        _proof(message.proof_unreceived),
        height_from_proto(message.proof_height),
        _next_sequence(message.next_sequence_recv),
        parse_address(message.signer, prefix),
    )


def decode_timeout_on_close(data: bytes, prefix: str) -> TimeoutOnClose:
    """Return ``MsgTimeoutOnClose``."""
    message = decode_known(tx_pb2.MsgTimeoutOnClose, data, max_bytes=MAX_TX_BYTES)
    return TimeoutOnClose(
        packet_from_proto(message.packet),
        _proof(message.proof_unreceived),
        _proof(message.proof_close),
        height_from_proto(message.proof_height),
        _next_sequence(message.next_sequence_recv),
        parse_address(message.signer, prefix),
    )
