"""IBC's messages as a relayer sends them: ibc-go's protobufs, each in an ``AnyValue``.

Spec: ibc-go v10 ``ibc.core.*.v1`` Msg services. Self-client proofs are not sent: v10
accepts the handshake without them.
"""

from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message

from chainkit.primitives.heights import Height
from chainkit.wire.codec import encode, type_url
from chainkit.wire.proto.ibc.core.channel.v1 import channel_pb2
from chainkit.wire.proto.ibc.core.channel.v1 import tx_pb2 as channel_tx
from chainkit.wire.proto.ibc.core.channel.v2 import tx_pb2 as channel_v2_tx
from chainkit.wire.proto.ibc.core.client.v1 import client_pb2
from chainkit.wire.proto.ibc.core.client.v1 import tx_pb2 as client_tx
from chainkit.wire.proto.ibc.core.client.v2 import tx_pb2 as client_v2_tx
from chainkit.wire.proto.ibc.core.commitment.v1.commitment_pb2 import MerklePrefix
from chainkit.wire.proto.ibc.core.connection.v1 import connection_pb2
from chainkit.wire.proto.ibc.core.connection.v1 import tx_pb2 as connection_tx
from ibc.ics02_client.port import AnyValue
from ibc.ics03_connection.versions import DEFAULT_VERSION, Version
from ibc.ics04_channel.codec import packet_to_proto
from ibc.v2.codec import acknowledgement_v2_to_proto, packet_v2_to_proto
from parachains.sdk.relaying import NewClient, ProvenValue
from relayer.views import (
    AckChannel,
    AckConnection,
    AcknowledgePacket,
    AcknowledgePacketV2,
    CloseChannel,
    ConfirmChannel,
    ConfirmConnection,
    InitChannel,
    InitConnection,
    ReceivePacket,
    ReceivePacketV2,
    RegisterCounterparty,
    TimeOutPacket,
    TimeOutPacketV2,
    TryChannel,
    TryConnection,
)


def _any(message: Message) -> AnyValue:
    return AnyValue(type_url(message), encode(message))


def _to_any(value: AnyValue) -> Any:
    return Any(type_url=value.type_url, value=value.value)


def _height(height: Height) -> client_pb2.Height:
    return client_pb2.Height(
        revision_number=height.revision_number, revision_height=height.revision_height
    )


def _version(version: Version) -> connection_pb2.Version:
    return connection_pb2.Version(identifier=version.identifier, features=version.features)


def create_client(new: NewClient, signer: str) -> AnyValue:
    """Return MsgCreateClient."""
    return _any(
        client_tx.MsgCreateClient(
            client_state=_to_any(new.client_state),
            consensus_state=_to_any(new.consensus_state),
            signer=signer,
        )
    )


def update_client(client_id: str, message: AnyValue, signer: str) -> AnyValue:
    """Return MsgUpdateClient."""
    return _any(
        client_tx.MsgUpdateClient(
            client_id=client_id, client_message=_to_any(message), signer=signer
        )
    )


def connection_init(action: InitConnection, other_prefix: bytes, signer: str) -> AnyValue:
    """Return MsgConnectionOpenInit."""
    return _any(
        connection_tx.MsgConnectionOpenInit(
            client_id=action.client_id,
            counterparty=connection_pb2.Counterparty(
                client_id=action.other_client_id, prefix=MerklePrefix(key_prefix=other_prefix)
            ),
            version=_version(DEFAULT_VERSION),
            signer=signer,
        )
    )


def connection_try(
    action: TryConnection, other_prefix: bytes, init: ProvenValue, signer: str
) -> AnyValue:
    """Return MsgConnectionOpenTry."""
    other = action.other
    return _any(
        connection_tx.MsgConnectionOpenTry(
            client_id=action.client_id,
            counterparty=connection_pb2.Counterparty(
                client_id=other.end.client_id,
                connection_id=other.connection_id,
                prefix=MerklePrefix(key_prefix=other_prefix),
            ),
            delay_period=other.end.delay_period_ns,
            counterparty_versions=[_version(version) for version in other.end.versions],
            proof_height=_height(init.proof_height),
            proof_init=init.proof,
            signer=signer,
        )
    )


def connection_ack(action: AckConnection, tried: ProvenValue, signer: str) -> AnyValue:
    """Return MsgConnectionOpenAck."""
    return _any(
        connection_tx.MsgConnectionOpenAck(
            connection_id=action.own.connection_id,
            counterparty_connection_id=action.other.connection_id,
            version=_version(action.other.end.versions[0]),
            proof_height=_height(tried.proof_height),
            proof_try=tried.proof,
            signer=signer,
        )
    )


def connection_confirm(action: ConfirmConnection, acked: ProvenValue, signer: str) -> AnyValue:
    """Return MsgConnectionOpenConfirm."""
    return _any(
        connection_tx.MsgConnectionOpenConfirm(
            connection_id=action.own.connection_id,
            proof_ack=acked.proof,
            proof_height=_height(acked.proof_height),
            signer=signer,
        )
    )


def channel_init(action: InitChannel, signer: str) -> AnyValue:
    """Return MsgChannelOpenInit."""
    wanted = action.wanted
    end = channel_pb2.Channel(
        state=channel_pb2.STATE_INIT,
        ordering=channel_pb2.Order.ValueType(wanted.ordering.value),
        counterparty=channel_pb2.Counterparty(port_id=wanted.port_on(action.on.other)),
        connection_hops=[action.connection.connection_id],
        version=wanted.version,
    )
    return _any(
        channel_tx.MsgChannelOpenInit(port_id=wanted.port_on(action.on), channel=end, signer=signer)
    )


def channel_try(action: TryChannel, init: ProvenValue, signer: str) -> AnyValue:
    """Return MsgChannelOpenTry."""
    other = action.other
    end = channel_pb2.Channel(
        state=channel_pb2.STATE_TRYOPEN,
        ordering=channel_pb2.Order.ValueType(other.end.ordering.value),
        counterparty=channel_pb2.Counterparty(port_id=other.port_id, channel_id=other.channel_id),
        connection_hops=[action.connection.connection_id],
        version=other.end.version,
    )
    return _any(
        channel_tx.MsgChannelOpenTry(
            port_id=other.end.counterparty.port_id,
            channel=end,
            counterparty_version=other.end.version,
            proof_init=init.proof,
            proof_height=_height(init.proof_height),
            signer=signer,
        )
    )


def channel_ack(action: AckChannel, tried: ProvenValue, signer: str) -> AnyValue:
    """Return MsgChannelOpenAck."""
    return _any(
        channel_tx.MsgChannelOpenAck(
            port_id=action.own.port_id,
            channel_id=action.own.channel_id,
            counterparty_channel_id=action.other.channel_id,
            counterparty_version=action.other.end.version,
            proof_try=tried.proof,
            proof_height=_height(tried.proof_height),
            signer=signer,
        )
    )


def channel_confirm(action: ConfirmChannel, acked: ProvenValue, signer: str) -> AnyValue:
    """Return MsgChannelOpenConfirm."""
    return _any(
        channel_tx.MsgChannelOpenConfirm(
            port_id=action.own.port_id,
            channel_id=action.own.channel_id,
            proof_ack=acked.proof,
            proof_height=_height(acked.proof_height),
            signer=signer,
        )
    )


def channel_close(action: CloseChannel, closed: ProvenValue, signer: str) -> AnyValue:
    """Return MsgChannelCloseConfirm."""
    return _any(
        channel_tx.MsgChannelCloseConfirm(
            port_id=action.own.port_id,
            channel_id=action.own.channel_id,
            proof_init=closed.proof,
            proof_height=_height(closed.proof_height),
            signer=signer,
        )
    )


def receive_packet(action: ReceivePacket, commitment: ProvenValue, signer: str) -> AnyValue:
    """Return MsgRecvPacket."""
    return _any(
        channel_tx.MsgRecvPacket(
            packet=packet_to_proto(action.packet),
            proof_commitment=commitment.proof,
            proof_height=_height(commitment.proof_height),
            signer=signer,
        )
    )


def acknowledge_packet(action: AcknowledgePacket, acked: ProvenValue, signer: str) -> AnyValue:
    """Return MsgAcknowledgement."""
    return _any(
        channel_tx.MsgAcknowledgement(
            packet=packet_to_proto(action.packet),
            acknowledgement=action.acknowledgement,
            proof_acked=acked.proof,
            proof_height=_height(acked.proof_height),
            signer=signer,
        )
    )


def time_out_packet(
    action: TimeOutPacket,
    unreceived: ProvenValue,
    closed: ProvenValue | None,
    next_sequence: int,
    signer: str,
) -> AnyValue:
    """Return MsgTimeout, or MsgTimeoutOnClose with the proof that the other end is ``closed``."""
    if closed is None:
        return _any(
            channel_tx.MsgTimeout(
                packet=packet_to_proto(action.packet),
                proof_unreceived=unreceived.proof,
                proof_height=_height(unreceived.proof_height),
                next_sequence_recv=next_sequence,
                signer=signer,
            )
        )
    return _any(
        channel_tx.MsgTimeoutOnClose(
            packet=packet_to_proto(action.packet),
            proof_unreceived=unreceived.proof,
            proof_close=closed.proof,
            proof_height=_height(unreceived.proof_height),
            next_sequence_recv=next_sequence,
            signer=signer,
        )
    )


def register_counterparty(action: RegisterCounterparty, prefix: bytes, signer: str) -> AnyValue:
    """Return MsgRegisterCounterparty; ``prefix`` is the store of IBC's paths over there."""
    return _any(
        client_v2_tx.MsgRegisterCounterparty(
            client_id=action.client_id,
            counterparty_merkle_prefix=[prefix, b""],
            counterparty_client_id=action.other_client_id,
            signer=signer,
        )
    )


def receive_packet_v2(action: ReceivePacketV2, commitment: ProvenValue, signer: str) -> AnyValue:
    """Return IBC v2's MsgRecvPacket."""
    return _any(
        channel_v2_tx.MsgRecvPacket(
            packet=packet_v2_to_proto(action.packet),
            proof_commitment=commitment.proof,
            proof_height=_height(commitment.proof_height),
            signer=signer,
        )
    )


def acknowledge_packet_v2(action: AcknowledgePacketV2, acked: ProvenValue, signer: str) -> AnyValue:
    """Return IBC v2's MsgAcknowledgement."""
    return _any(
        channel_v2_tx.MsgAcknowledgement(
            packet=packet_v2_to_proto(action.packet),
            acknowledgement=acknowledgement_v2_to_proto(action.acknowledgement),
            proof_acked=acked.proof,
            proof_height=_height(acked.proof_height),
            signer=signer,
        )
    )


def time_out_v2(action: TimeOutPacketV2, unreceived: ProvenValue, signer: str) -> AnyValue:
    """Return IBC v2's MsgTimeout."""
    return _any(
        channel_v2_tx.MsgTimeout(
            packet=packet_v2_to_proto(action.packet),
            proof_unreceived=unreceived.proof,
            proof_height=_height(unreceived.proof_height),
            signer=signer,
        )
    )
