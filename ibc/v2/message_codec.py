"""Protobuf of IBC v2's messages."""

from chainkit.primitives.limits import MAX_TX_BYTES
from chainkit.wire.codec import decode_known
from chainkit.wire.proto.ibc.core.channel.v2 import tx_pb2 as channel_tx
from chainkit.wire.proto.ibc.core.client.v2 import tx_pb2 as client_tx
from ibc.addresses import parse_address
from ibc.errors import InvalidProof, InvalidRequest
from ibc.ics02_client.codec import height_from_proto
from ibc.ics24_host.identifiers import parse_client_id, parse_client_sequence
from ibc.v2.codec import (
    acknowledgement_v2_from_proto,
    check_payloads,
    packet_v2_from_proto,
    payload_from_proto,
)
from ibc.v2.errors import InvalidCounterparty, InvalidPayload, InvalidTimeoutV2
from ibc.v2.limits import (
    MAX_ALLOWED_RELAYERS,
    MAX_PAYLOADS,
    MAX_PREFIX_BYTES,
    MAX_PREFIX_ELEMENTS,
)
from ibc.v2.messages import (
    AcknowledgePacketV2,
    RecvPacketV2,
    RegisterCounterparty,
    SendPacketV2,
    TimeoutPacketV2,
    UpdateClientConfig,
)
from ibc.v2.types import Counterparty


def decode_register_counterparty(data: bytes, prefix: str) -> RegisterCounterparty:
    """Return ``MsgRegisterCounterparty``.

    Raises:
        InvalidCounterparty: The prefix is empty or too long.
        InvalidIdentifier: A client is not named ``{client type}-N``.
    """
    message = decode_known(client_tx.MsgRegisterCounterparty, data, max_bytes=MAX_TX_BYTES)
    merkle_prefix = tuple(message.counterparty_merkle_prefix)
    if not 0 < len(merkle_prefix) <= MAX_PREFIX_ELEMENTS:
        raise InvalidCounterparty(f"merkle prefix of {len(merkle_prefix)} elements")
    if any(len(element) > MAX_PREFIX_BYTES for element in merkle_prefix):
        raise InvalidCounterparty(f"an element of the prefix is over {MAX_PREFIX_BYTES} bytes")
    parse_client_sequence(message.client_id)
    parse_client_sequence(message.counterparty_client_id)
    return RegisterCounterparty(
        parse_client_id(message.client_id),
        Counterparty(merkle_prefix, parse_client_id(message.counterparty_client_id)),
        parse_address(message.signer, prefix),
    )


def decode_update_client_config(data: bytes, prefix: str) -> UpdateClientConfig:
    """Return ``MsgUpdateClientConfig``.

    Raises:
        InvalidRequest: Too many relayers.
        InvalidAddress: One of them is no address of this chain.
    """
    message = decode_known(client_tx.MsgUpdateClientConfig, data, max_bytes=MAX_TX_BYTES)
    relayers = tuple(message.config.allowed_relayers)
    if len(relayers) > MAX_ALLOWED_RELAYERS:
        raise InvalidRequest(f"{len(relayers)} allowed relayers")
    for relayer in relayers:
        parse_address(relayer, prefix)
    parse_client_sequence(message.client_id)
    return UpdateClientConfig(
        parse_client_id(message.client_id), relayers, parse_address(message.signer, prefix)
    )


def decode_send_packet(data: bytes, prefix: str) -> SendPacketV2:
    """Return ``MsgSendPacket``."""
    message = decode_known(channel_tx.MsgSendPacket, data, max_bytes=MAX_TX_BYTES)
    if message.timeout_timestamp == 0:
        raise InvalidTimeoutV2("timeout must not be 0")
    if len(message.payloads) > MAX_PAYLOADS:
        raise InvalidPayload(f"{len(message.payloads)} payloads")
    payloads = tuple(payload_from_proto(payload) for payload in message.payloads)
    check_payloads(payloads)
    return SendPacketV2(
        parse_client_id(message.source_client),
        message.timeout_timestamp,
        payloads,
        parse_address(message.signer, prefix),
    )


def decode_recv_packet_v2(data: bytes, prefix: str) -> RecvPacketV2:
    """Return ``MsgRecvPacket``."""
    message = decode_known(channel_tx.MsgRecvPacket, data, max_bytes=MAX_TX_BYTES)
    return RecvPacketV2(
        packet_v2_from_proto(message.packet),
        _proof(message.proof_commitment),
        height_from_proto(message.proof_height),
        parse_address(message.signer, prefix),
    )


def decode_acknowledge_packet_v2(data: bytes, prefix: str) -> AcknowledgePacketV2:
    """Return ``MsgAcknowledgement``."""
    message = decode_known(channel_tx.MsgAcknowledgement, data, max_bytes=MAX_TX_BYTES)
    return AcknowledgePacketV2(
        packet_v2_from_proto(message.packet),
        acknowledgement_v2_from_proto(message.acknowledgement),
        _proof(message.proof_acked),
        height_from_proto(message.proof_height),
        parse_address(message.signer, prefix),
    )


def decode_timeout_v2(data: bytes, prefix: str) -> TimeoutPacketV2:
    """Return ``MsgTimeout``."""
    message = decode_known(channel_tx.MsgTimeout, data, max_bytes=MAX_TX_BYTES)
    return TimeoutPacketV2(
        packet_v2_from_proto(message.packet),
        _proof(message.proof_unreceived),
        height_from_proto(message.proof_height),
        parse_address(message.signer, prefix),
    )


def _proof(proof: bytes) -> bytes:
    if not proof:
        raise InvalidProof("a proof is empty")
    return proof
