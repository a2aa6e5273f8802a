"""Protobuf of packets, answers, counterparties and configurations of IBC v2."""

from chainkit.primitives.limits import MAX_STORE_VALUE_BYTES, UINT64_MAX
from chainkit.primitives.types import ClientId, Sequence
from chainkit.wire.codec import decode_known, encode
from chainkit.wire.proto.ibc.core.channel.v2 import packet_pb2
from chainkit.wire.proto.ibc.core.client.v2 import config_pb2, counterparty_pb2
from ibc.ics24_host.identifiers import parse_channel_id, parse_port_id
from ibc.limits import MAX_PACKET_DATA_BYTES
from ibc.v2.errors import InvalidAcknowledgementV2, InvalidPacketV2, InvalidPayload
from ibc.v2.limits import MAX_PAYLOADS
from ibc.v2.types import (
    ERROR_ACKNOWLEDGEMENT,
    AcknowledgementV2,
    Counterparty,
    PacketV2,
    Payload,
)


def payload_to_proto(payload: Payload) -> packet_pb2.Payload:
    """Return the protobuf of a payload."""
    return packet_pb2.Payload(
        source_port=payload.source_port,
        destination_port=payload.destination_port,
        version=payload.version,
        encoding=payload.encoding,
        value=payload.value,
    )


def packet_v2_to_proto(packet: PacketV2) -> packet_pb2.Packet:
    """Return the protobuf of a packet."""
    return packet_pb2.Packet(
        sequence=packet.sequence,
        source_client=packet.source_client,
        destination_client=packet.destination_client,
        timeout_timestamp=packet.timeout_timestamp,
        payloads=[payload_to_proto(payload) for payload in packet.payloads],
    )


def payload_from_proto(payload: packet_pb2.Payload) -> Payload:
    """Return the payload of a protobuf, checked (ibc-go ``Payload.ValidateBasic``).

    Raises:
        InvalidPayload: A version, encoding or value is empty.
        InvalidIdentifier: A port is none.
    """
    if not payload.version.strip():
        raise InvalidPayload("payload version cannot be empty")
    if not payload.encoding.strip():
        raise InvalidPayload("payload encoding cannot be empty")
    if not payload.value:
        raise InvalidPayload("payload value cannot be empty")
    return Payload(
        parse_port_id(payload.source_port),
        parse_port_id(payload.destination_port),
        payload.version,
        payload.encoding,
        payload.value,
    )


def check_payloads(payloads: tuple[Payload, ...]) -> None:
    """Refuse no payload, too many, or too many bytes in all."""
    if not 0 < len(payloads) <= MAX_PAYLOADS:
        raise InvalidPayload(f"{len(payloads)} payloads")
    size = sum(len(payload.value) for payload in payloads)
    if size > MAX_PACKET_DATA_BYTES:
        raise InvalidPayload(f"{size} bytes of packet data")


def packet_v2_from_proto(packet: packet_pb2.Packet) -> PacketV2:
    """Return the packet of a protobuf, checked (ibc-go ``Packet.ValidateBasic``).

    Raises:
        InvalidPacketV2: A sequence or timeout of 0.
        InvalidPayload: A payload is malformed, or their number or size is not allowed.
        InvalidIdentifier: A client or port is none.
    """
    if len(packet.payloads) > MAX_PAYLOADS:
        raise InvalidPayload(f"{len(packet.payloads)} payloads")
    payloads = tuple(payload_from_proto(payload) for payload in packet.payloads)
    check_payloads(payloads)
    parse_channel_id(packet.source_client)
    parse_channel_id(packet.destination_client)
    if not 0 < packet.sequence <= UINT64_MAX:
        raise InvalidPacketV2("packet sequence cannot be 0")
    if packet.timeout_timestamp == 0:
        raise InvalidPacketV2("packet timeout timestamp cannot be 0")
    return PacketV2(
        Sequence(packet.sequence),
        ClientId(packet.source_client),
        ClientId(packet.destination_client),
        packet.timeout_timestamp,
        payloads,
    )


def encode_packet_v2(packet: PacketV2) -> bytes:
    """Return the bytes of a packet."""
    return encode(packet_v2_to_proto(packet))


def decode_packet_v2(data: bytes) -> PacketV2:
    """Return the packet of bytes, checked."""
    decoded = decode_known(packet_pb2.Packet, data, max_bytes=MAX_STORE_VALUE_BYTES)
    return packet_v2_from_proto(decoded)


def acknowledgement_v2_to_proto(acknowledgement: AcknowledgementV2) -> packet_pb2.Acknowledgement:
    """Return the protobuf of an answer."""
    return packet_pb2.Acknowledgement(app_acknowledgements=acknowledgement.app_acknowledgements)


def acknowledgement_v2_from_proto(proto: packet_pb2.Acknowledgement) -> AcknowledgementV2:
    """Return the answer of a protobuf, checked (ibc-go ``Acknowledgement.Validate``).

    Raises:
        InvalidAcknowledgementV2: It or an entry is empty, or an error stands beside others.
    """
    entries = tuple(proto.app_acknowledgements)
    if not entries or not all(entries):
        raise InvalidAcknowledgementV2("an app acknowledgement cannot be empty")
    if len(entries) > MAX_PAYLOADS or sum(map(len, entries)) > MAX_PACKET_DATA_BYTES:
        raise InvalidAcknowledgementV2("too long")
    if len(entries) > 1 and ERROR_ACKNOWLEDGEMENT in entries:
        raise InvalidAcknowledgementV2("the error acknowledgement stands alone")
    return AcknowledgementV2(entries)


def encode_acknowledgement_v2(acknowledgement: AcknowledgementV2) -> bytes:
    """Return the bytes of an answer."""
    return encode(acknowledgement_v2_to_proto(acknowledgement))


def decode_acknowledgement_v2(data: bytes) -> AcknowledgementV2:
    """Return the answer of bytes, checked."""
    decoded = decode_known(packet_pb2.Acknowledgement, data, max_bytes=MAX_STORE_VALUE_BYTES)
    return acknowledgement_v2_from_proto(decoded)


def counterparty_to_proto(counterparty: Counterparty) -> counterparty_pb2.CounterpartyInfo:
    """Return the protobuf of a counterparty."""
    return counterparty_pb2.CounterpartyInfo(
        merkle_prefix=counterparty.merkle_prefix, client_id=counterparty.client_id
    )


def load_counterparty(data: bytes) -> Counterparty:
    """Return the counterparty that this chain stored."""
    info = decode_known(counterparty_pb2.CounterpartyInfo, data, max_bytes=MAX_STORE_VALUE_BYTES)
    return Counterparty(tuple(info.merkle_prefix), ClientId(info.client_id))


def load_config(data: bytes) -> tuple[str, ...]:
    """Return the relayers that this chain stored for a client."""
    config = decode_known(config_pb2.Config, data, max_bytes=MAX_STORE_VALUE_BYTES)
    return tuple(config.allowed_relayers)
