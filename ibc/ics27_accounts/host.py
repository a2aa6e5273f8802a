"""The host's end: makes accounts for owners elsewhere and executes what they send."""

# ruff: noqa: ARG002 - the signatures are those of the port

from dataclasses import dataclass, replace
from typing import Any

from google.protobuf.any_pb2 import Any as AnyProto

from chainkit.primitives.hashing import sha256
from chainkit.primitives.types import Address, ChannelId, ConnectionId, PortId
from chainkit.runtime.context import Context
from chainkit.runtime.events import Event
from chainkit.runtime.messages import MessageRoute, MessageRouter
from chainkit.wire.codec import encode
from chainkit.wire.proto.cosmos.base.abci.v1beta1.abci_pb2 import TxMsgData
from ibc.addresses import format_address
from ibc.errors import InvalidRequest, InvalidType, Unauthorized
from ibc.ics04_channel.acknowledgement import Acknowledgement, ResultAcknowledgement
from ibc.ics04_channel.types import ChannelCounterparty, ChannelState, Order, Packet
from ibc.ics26_routing.port import ApplicationEnvironment
from ibc.ics27_accounts.codec import (
    check_metadata,
    decode_account_packet,
    decode_cosmos_tx,
    decode_metadata,
    default_metadata,
    encode_metadata,
)
from ibc.ics27_accounts.controller import HOST_PORT
from ibc.ics27_accounts.errors import (
    AccountNotFound,
    ActiveChannelSet,
    HostDisabled,
    InvalidChannelFlow,
    InvalidHostPort,
)
from ibc.ics27_accounts.state import HOST_STORE, HostParams, Lane, host_params

_MODULE = b"interchainaccounts"


def hosted_address(connection_id: ConnectionId, controller_port: PortId) -> Address:
    """Return the account of a controller's port over a connection here: nobody has its key.

    Port and connection are hashed apart, so that no two pairs share an account.
    """
    parts = (_MODULE, connection_id.encode(), controller_port.encode())
    return Address(sha256(b"".join(map(sha256, parts)))[:20])


@dataclass(frozen=True, slots=True)
class Host:
    """Answers for the port ``icahost``."""

    environment: ApplicationEnvironment

    def on_chan_open_init(
        self,
        ctx: Context,
        order: Order,
        connection_hops: tuple[ConnectionId, ...],
        port_id: PortId,
        channel_id: ChannelId,
        counterparty: ChannelCounterparty,
        version: str,
    ) -> str:
        """Refuse: the controller begins."""
        raise InvalidChannelFlow("channel handshake must be initiated by controller chain")

    def on_chan_open_try(
        self,
        ctx: Context,
        order: Order,
        connection_hops: tuple[ConnectionId, ...],
        port_id: PortId,
        channel_id: ChannelId,
        counterparty: ChannelCounterparty,
        counterparty_version: str,
    ) -> str:
        """Make the owner's account, or find the one of a channel that closed; tell its address."""
        self._params(ctx)
        if port_id != HOST_PORT:
            raise InvalidHostPort(f"expected {HOST_PORT}, got {port_id[:128]}")
        hop = connection_hops[0]
        there = self.environment.connections.require(ctx, hop).counterparty.connection_id
        try:
            metadata = replace(decode_metadata(counterparty_version), host_connection_id=hop)
        except InvalidType:
            metadata = default_metadata(there, hop)
        check_metadata(metadata, there, hop)
        lane = Lane(HOST_STORE, counterparty.port_id, hop)
        self._check_not_open(ctx, lane, port_id)
        address = lane.account(ctx)
        if address is None:
            account = hosted_address(hop, counterparty.port_id)
            address = format_address(account, self.environment.account_prefix)
            lane.set_account(ctx, address)
        return encode_metadata(replace(metadata, address=address))

    def on_chan_open_ack(
        self,
        ctx: Context,
        port_id: PortId,
        channel_id: ChannelId,
        counterparty_channel_id: ChannelId,
        counterparty_version: str,
    ) -> None:
        """Refuse: the controller begins."""
        raise InvalidChannelFlow("channel handshake must be initiated by controller chain")

    def on_chan_open_confirm(self, ctx: Context, port_id: PortId, channel_id: ChannelId) -> None:
        """Note the channel by which the owner's transactions come."""
        self._params(ctx)
        end = self.environment.packets.channel(ctx, port_id, channel_id)
        assert end is not None
        lane = Lane(HOST_STORE, end.counterparty.port_id, end.connection_hops[0])
        lane.set_active_channel(ctx, channel_id)

    def on_chan_close_init(self, ctx: Context, port_id: PortId, channel_id: ChannelId) -> None:
        """Refuse: users close no channels of accounts."""
        raise InvalidRequest("user cannot close channel")

    def on_chan_close_confirm(self, ctx: Context, port_id: PortId, channel_id: ChannelId) -> None:
        """Nothing is to be done: the account stays."""

    def on_recv_packet(
        self,
        ctx: Context,
        channel_version: str,
        packet: Packet,
        relayer: Address,
    ) -> Acknowledgement | None:
        """Execute the owner's messages, all or none, and answer with their responses."""
        params = self._params(ctx)
        request = decode_account_packet(packet.data)
        decode_metadata(channel_version)
        end = self.environment.packets.channel(
            ctx, packet.destination_port, packet.destination_channel
        )
        assert end is not None
        lane = Lane(HOST_STORE, packet.source_port, end.connection_hops[0])
        account = lane.account(ctx)
        if account is None:
            raise AccountNotFound(f"on port {packet.source_port}")
        prepared = []
        for packed in decode_cosmos_tx(request.data):
            if not params.allows(packed.type_url):
                raise Unauthorized(f"message type not allowed: {packed.type_url[:128]}")
            route = self._messages().route(packed.type_url)
            message = route.decode(packed.value)
            self._check_signers(route, message, account)
            prepared.append((route, message))
        responses = [
            AnyProto(type_url=route.response_type_url, value=route.handle(ctx, message))
            for route, message in prepared
        ]
        _emit(ctx, packet)
        return ResultAcknowledgement(encode(TxMsgData(msg_responses=responses)))

    def on_acknowledgement_packet(
        self,
        ctx: Context,
        channel_version: str,
        packet: Packet,
        acknowledgement: bytes,
        relayer: Address,
    ) -> None:
        """Refuse: the host sends nothing."""
        raise InvalidChannelFlow("a host chain does not send a packet over the channel")

    def on_timeout_packet(
        self, ctx: Context, channel_version: str, packet: Packet, relayer: Address
    ) -> None:
        """Refuse: the host sends nothing."""
        raise InvalidChannelFlow("a host chain does not send a packet over the channel")

    def _params(self, ctx: Context) -> HostParams:
        params = host_params(ctx)
        if not params.enabled or self.environment.messages is None:
            raise HostDisabled
        return params

    def _messages(self) -> MessageRouter:
        assert self.environment.messages is not None
        return self.environment.messages()

    def _check_signers(self, route: MessageRoute[Any], message: object, account: str) -> None:
        """Refuse a message that anybody but the account must sign, or that nobody must."""
        signers = route.signers(message)
        texts = {format_address(each, self.environment.account_prefix) for each in signers}
        if texts != {account}:
            raise Unauthorized(f"unexpected signer address: expected {account}")

    def _check_not_open(self, ctx: Context, lane: Lane, port_id: PortId) -> None:
        active = lane.active_channel(ctx)
        if active is None:
            return
        end = self.environment.packets.channel(ctx, port_id, active)
        assert end is not None
        if end.state is not ChannelState.CLOSED:
            raise ActiveChannelSet(f"{active} for {lane.port_id}")


def _emit(ctx: Context, packet: Packet) -> None:
    attributes = (
        ("module", "interchainaccounts"),
        ("host_channel_id", str(packet.destination_channel)),
        ("success", "true"),
    )
    ctx.emit(Event("ics27_packet", attributes))
