"""Every message of IBC v1's core, from bytes to the handler."""

from collections.abc import Callable
from typing import Any, Protocol

from chainkit.primitives.types import Address
from chainkit.runtime.context import Context
from chainkit.runtime.messages import MessageRoute
from chainkit.wire.codec import encode
from chainkit.wire.proto.ibc.core.channel.v1 import tx_pb2 as channel_tx
from chainkit.wire.proto.ibc.core.client.v1 import tx_pb2 as client_tx
from ibc.errors import NotFound, Unauthorized
from ibc.ics02_client import codec as client_codec
from ibc.ics02_client.clients import Clients, client_store, set_allowed_clients
from ibc.ics02_client.messages import (
    CreateClient,
    DeleteClientCreator,
    RecoverClient,
    UpdateClient,
    UpdateClientParams,
    UpgradeClient,
)
from ibc.ics03_connection import codec as connection_codec
from ibc.ics03_connection.connections import Connections, set_time_per_block_ns
from ibc.ics03_connection.messages import UpdateConnectionParams
from ibc.ics04_channel import message_codec
from ibc.ics04_channel.messages import (
    AcknowledgePacket,
    ChannelOpenInit,
    ChannelOpenTry,
    Outcome,
    RecvPacket,
    TimeoutOnClose,
    TimeoutPacket,
)
from ibc.ics24_host import paths
from ibc.ics26_routing.router import Router
from ibc.v2.counterparties import require_relayer


class _Signed(Protocol):
    @property
    def signer(self) -> Address: ...


def _signers(message: _Signed) -> tuple[Address, ...]:
    return (message.signer,)


def _route(
    type_url: str,
    decode: Callable[[bytes, str], Any],
    prefix: str,
    handle: Callable[[Context, Any], bytes],
) -> MessageRoute[Any]:
    return MessageRoute(type_url, lambda data: decode(data, prefix), _signers, handle)


def _silent(handle: Callable[[Context, Any], object]) -> Callable[[Context, Any], bytes]:
    """Return a handler whose response has no fields."""

    def answer(ctx: Context, message: object) -> bytes:
        handle(ctx, message)
        return b""

    return answer


def require_authority(signer: Address, authority: Address) -> None:
    """Refuse a message that only governance may send."""
    if signer != authority:
        raise Unauthorized("only the authority may do this")


def client_routes(
    clients: Clients, prefix: str, authority: Address
) -> tuple[MessageRoute[Any], ...]:
    """Return the messages of ICS-02."""

    def create(ctx: Context, message: CreateClient) -> bytes:
        client_id = clients.create(
            ctx, message.client_state, message.consensus_state, message.signer
        )
        return encode(client_tx.MsgCreateClientResponse(client_id=client_id))

    def update(ctx: Context, message: UpdateClient) -> None:
        require_relayer(ctx, message.client_id, message.signer, prefix)
        clients.update(ctx, message.client_id, message.client_message)

    def report(ctx: Context, message: UpdateClient) -> None:
        # Whoever saw misbehaviour says so: a list of relayers silences nobody.
        clients.update(ctx, message.client_id, message.client_message)

    def upgrade(ctx: Context, message: UpgradeClient) -> None:
        clients.upgrade(
            ctx,
            message.client_id,
            message.client_state,
            message.consensus_state,
            message.client_proof,
            message.consensus_state_proof,
        )

    def recover(ctx: Context, message: RecoverClient) -> None:
        require_authority(message.signer, authority)
        clients.recover(ctx, message.subject_client_id, message.substitute_client_id)

    def update_params(ctx: Context, message: UpdateClientParams) -> None:
        require_authority(message.signer, authority)
        set_allowed_clients(ctx, message.allowed_clients)

    def delete_creator(ctx: Context, message: DeleteClientCreator) -> None:
        store = client_store(ctx, message.client_id)
        creator = store.get(paths.CLIENT_CREATOR)
        if creator is None:
            raise NotFound(f"creator for client {message.client_id}")
        if message.signer != creator:
            require_authority(message.signer, authority)
        store.delete(paths.CLIENT_CREATOR)

    service = "/ibc.core.client.v1.Msg"
    codec = client_codec
    return (
        _route(service + "CreateClient", codec.decode_create_client, prefix, create),
        _route(service + "UpdateClient", codec.decode_update_client, prefix, _silent(update)),
        _route(service + "UpgradeClient", codec.decode_upgrade_client, prefix, _silent(upgrade)),
        _route(
            service + "SubmitMisbehaviour",
            codec.decode_submit_misbehaviour,
            prefix,
            _silent(report),
        ),
        _route(service + "RecoverClient", codec.decode_recover_client, prefix, _silent(recover)),
        _route(
            service + "UpdateParams", codec.decode_update_params, prefix, _silent(update_params)
        ),
        _route(
            service + "DeleteClientCreator",
            codec.decode_delete_client_creator,
            prefix,
            _silent(delete_creator),
        ),
    )


def connection_routes(
    connections: Connections, prefix: str, authority: Address
) -> tuple[MessageRoute[Any], ...]:
    """Return the messages of ICS-03."""

    def update_params(ctx: Context, message: UpdateConnectionParams) -> None:
        require_authority(message.signer, authority)
        set_time_per_block_ns(ctx, message.max_expected_time_per_block_ns)

    service = "/ibc.core.connection.v1.Msg"
    codec = connection_codec
    return (
        _route(
            service + "ConnectionOpenInit",
            codec.decode_open_init,
            prefix,
            _silent(connections.open_init),
        ),
        _route(
            service + "ConnectionOpenTry",
            codec.decode_open_try,
            prefix,
            _silent(connections.open_try),
        ),
        _route(
            service + "ConnectionOpenAck",
            codec.decode_open_ack,
            prefix,
            _silent(connections.open_ack),
        ),
        _route(
            service + "ConnectionOpenConfirm",
            codec.decode_open_confirm,
            prefix,
            _silent(connections.open_confirm),
        ),
        _route(
            service + "UpdateParams", codec.decode_update_params, prefix, _silent(update_params)
        ),
    )


def channel_routes(router: Router, prefix: str) -> tuple[MessageRoute[Any], ...]:
    """Return the messages of ICS-04."""

    def open_init(ctx: Context, message: ChannelOpenInit) -> bytes:
        channel_id, version = router.channel_open_init(ctx, message)
        response = channel_tx.MsgChannelOpenInitResponse(channel_id=channel_id, version=version)
        return encode(response)

    def open_try(ctx: Context, message: ChannelOpenTry) -> bytes:
        channel_id, version = router.channel_open_try(ctx, message)
        response = channel_tx.MsgChannelOpenTryResponse(channel_id=channel_id, version=version)
        return encode(response)

    def recv(ctx: Context, message: RecvPacket) -> bytes:
        result = _result(router.recv_packet(ctx, message))
        return encode(channel_tx.MsgRecvPacketResponse(result=result))

    def acknowledge(ctx: Context, message: AcknowledgePacket) -> bytes:
        result = _result(router.acknowledge_packet(ctx, message))
        return encode(channel_tx.MsgAcknowledgementResponse(result=result))

    def time_out(ctx: Context, message: TimeoutPacket) -> bytes:
        result = _result(router.time_out_packet(ctx, message))
        return encode(channel_tx.MsgTimeoutResponse(result=result))

    def time_out_on_close(ctx: Context, message: TimeoutOnClose) -> bytes:
        result = _result(router.time_out_packet(ctx, message))
        return encode(channel_tx.MsgTimeoutOnCloseResponse(result=result))

    service = "/ibc.core.channel.v1.Msg"
    codec = message_codec
    return (
        _route(service + "ChannelOpenInit", codec.decode_open_init, prefix, open_init),
        _route(service + "ChannelOpenTry", codec.decode_open_try, prefix, open_try),
        _route(
            service + "ChannelOpenAck",
            codec.decode_open_ack,
            prefix,
            _silent(router.channel_open_ack),
        ),
        _route(
            service + "ChannelOpenConfirm",
            codec.decode_open_confirm,
            prefix,
            _silent(router.channel_open_confirm),
        ),
        _route(
            service + "ChannelCloseInit",
            codec.decode_close_init,
            prefix,
            _silent(router.channel_close_init),
        ),
        _route(
            service + "ChannelCloseConfirm",
            codec.decode_close_confirm,
            prefix,
            _silent(router.channel_close_confirm),
        ),
        _route(service + "RecvPacket", codec.decode_recv_packet, prefix, recv),
        _route(service + "Acknowledgement", codec.decode_acknowledgement, prefix, acknowledge),
        _route(service + "Timeout", codec.decode_timeout, prefix, time_out),
        _route(
            service + "TimeoutOnClose", codec.decode_timeout_on_close, prefix, time_out_on_close
        ),
    )


def _result(outcome: Outcome) -> channel_tx.ResponseResultType.ValueType:
    return channel_tx.ResponseResultType.ValueType(outcome.value)
