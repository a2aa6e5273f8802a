"""Every message of IBC v2, from bytes to the handler."""

from collections.abc import Callable
from typing import Any, Protocol

from chainkit.primitives.types import Address
from chainkit.runtime.context import Context
from chainkit.runtime.messages import MessageRoute
from chainkit.wire.codec import encode
from chainkit.wire.proto.ibc.core.channel.v2 import tx_pb2
from ibc.ics04_channel.messages import Outcome
from ibc.v2 import message_codec as codec
from ibc.v2.counterparties import register_counterparty, set_allowed_relayers
from ibc.v2.messages import (
    AcknowledgePacketV2,
    RecvPacketV2,
    RegisterCounterparty,
    SendPacketV2,
    TimeoutPacketV2,
    UpdateClientConfig,
)
from ibc.v2.router import RouterV2


class _Signed(Protocol):
    @property
    def signer(self) -> Address: ...


def _signers(message: _Signed) -> tuple[Address, ...]:
    return (message.signer,)


def v2_routes(router: RouterV2, prefix: str, authority: Address) -> tuple[MessageRoute[Any], ...]:
    """Return the messages of ``ibc.core.client.v2`` and ``ibc.core.channel.v2``."""
    clients = router.packets.clients

    def register(ctx: Context, message: RegisterCounterparty) -> bytes:
        register_counterparty(ctx, clients, message.client_id, message.counterparty, message.signer)
        return b""

    def configure(ctx: Context, message: UpdateClientConfig) -> bytes:
        set_allowed_relayers(
            ctx, clients, message.client_id, message.allowed_relayers, message.signer, authority
        )
        return b""

    def send(ctx: Context, message: SendPacketV2) -> bytes:
        packet = router.send_packet(ctx, message)
        return encode(tx_pb2.MsgSendPacketResponse(sequence=packet.sequence))

    def receive(ctx: Context, message: RecvPacketV2) -> bytes:
        result = _result(router.recv_packet(ctx, message))
        return encode(tx_pb2.MsgRecvPacketResponse(result=result))

    def acknowledge(ctx: Context, message: AcknowledgePacketV2) -> bytes:
        result = _result(router.acknowledge_packet(ctx, message))
        return encode(tx_pb2.MsgAcknowledgementResponse(result=result))

    def time_out(ctx: Context, message: TimeoutPacketV2) -> bytes:
        result = _result(router.time_out_packet(ctx, message))
        return encode(tx_pb2.MsgTimeoutResponse(result=result))

    def route(
        name: str, decode: Callable[[bytes, str], Any], handle: Callable[[Context, Any], bytes]
    ) -> MessageRoute[Any]:
        return MessageRoute(name, lambda data: decode(data, prefix), _signers, handle)

    client, channel = "/ibc.core.client.v2.Msg", "/ibc.core.channel.v2.Msg"
    return (
        route(client + "RegisterCounterparty", codec.decode_register_counterparty, register),
        route(client + "UpdateClientConfig", codec.decode_update_client_config, configure),
        route(channel + "SendPacket", codec.decode_send_packet, send),
        route(channel + "RecvPacket", codec.decode_recv_packet_v2, receive),
        route(channel + "Acknowledgement", codec.decode_acknowledge_packet_v2, acknowledge),
        route(channel + "Timeout", codec.decode_timeout_v2, time_out),
    )


def _result(outcome: Outcome) -> tx_pb2.ResponseResultType.ValueType:
    return tx_pb2.ResponseResultType.ValueType(outcome.value)
