"""The messages of the scenario, made as the relayer makes them, of true bytes or forged ones."""

from chainkit.primitives.types import ClientId
from demos.forged.values import Evidence, Headers, Proven
from ibc.ics02_client.port import AnyValue
from ibc.ics04_channel.types import IdentifiedChannel, Order
from light_clients.tendermint.codec import encode_client_message
from light_clients.tendermint.types import ClientHeader
from parachains.sdk.relaying import ConnectionInfo, ProvenValue
from relayer import codec
from relayer.views import (
    AcknowledgePacket,
    ReceivePacket,
    Side,
    TimeOutPacket,
    TryChannel,
    TryConnection,
)


def receive(evidence: Evidence, proven: Proven) -> AnyValue:
    """Return MsgRecvPacket."""
    action = ReceivePacket(Side.B, proven.packet)
    return codec.receive_packet(action, proven.proof, evidence.host_signer)


def acknowledge(evidence: Evidence, proven: Proven) -> AnyValue:
    """Return MsgAcknowledgement."""
    action = AcknowledgePacket(Side.B, proven.packet, proven.acknowledgement)
    return codec.acknowledge_packet(action, proven.proof, evidence.host_signer)


def time_out(evidence: Evidence, proven: Proven) -> AnyValue:
    """Return MsgTimeout on an unordered channel."""
    action = TimeOutPacket(Side.B, proven.packet, Order.UNORDERED, is_on_close=False)
    return codec.time_out_packet(action, proven.proof, None, 1, evidence.host_signer)


def time_out_on_close(evidence: Evidence, proven: Proven, closed: ProvenValue) -> AnyValue:
    """Return MsgTimeoutOnClose on an unordered channel."""
    action = TimeOutPacket(Side.B, proven.packet, Order.UNORDERED, is_on_close=True)
    return codec.time_out_packet(action, proven.proof, closed, 1, evidence.host_signer)


def channel_try(evidence: Evidence, other: IdentifiedChannel, proof: ProvenValue) -> AnyValue:
    """Return MsgChannelOpenTry."""
    action = TryChannel(Side.B, evidence.connection, other)
    return codec.channel_try(action, proof, evidence.host_signer)


def connection_try(
    evidence: Evidence, other: ConnectionInfo, proof: ProvenValue, prefix: bytes | None = None
) -> AnyValue:
    """Return MsgConnectionOpenTry."""
    action = TryConnection(Side.B, evidence.headers.client_id, other)
    wanted = evidence.prefix if prefix is None else prefix
    return codec.connection_try(action, wanted, proof, evidence.host_signer)


def update(headers: Headers, header: ClientHeader, client_id: ClientId | None = None) -> AnyValue:
    """Return MsgUpdateClient."""
    return update_with(headers, encode_client_message(header), client_id)


def update_with(headers: Headers, message: AnyValue, client_id: ClientId | None = None) -> AnyValue:
    """Return MsgUpdateClient with any client message."""
    return codec.update_client(client_id or headers.client_id, message, headers.host_signer)
