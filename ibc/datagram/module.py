"""The datagram application: port ``datagram``, ordered or unordered channels.

Nothing outside this folder names it: a chain that wants it lists its ``APPLICATION``.
"""

from collections.abc import Mapping
from typing import Any

from chainkit.primitives.types import Address, ChannelId, ConnectionId, PortId
from chainkit.runtime.context import Context
from chainkit.runtime.events import Event
from chainkit.runtime.messages import MessageRoute, QueryRoute
from chainkit.runtime.module import BaseModule
from chainkit.wire.codec import encode
from chainkit.wire.proto.isthmus.datagram.v1 import datagram_pb2
from ibc.addresses import format_address
from ibc.datagram.codec import (
    Datagram,
    SendDatagram,
    decode_datagram,
    decode_send,
    encode_datagram,
)
from ibc.datagram.errors import InvalidDatagramVersion
from ibc.ics04_channel.acknowledgement import Acknowledgement, ResultAcknowledgement
from ibc.ics04_channel.types import ChannelCounterparty, Order, Packet
from ibc.ics26_routing.port import ApplicationEnvironment, IbcApplication
from ibc.pagination import page_of_store
from ibc.queries import query_route

NAME = "datagram"
PORT_ID = PortId("datagram")
VERSION = "isthmus-datagram-1"
_RECEIVED = b"received/"


class DatagramApplication:
    """Answers for the port ``datagram``."""

    def on_chan_open_init(
        self,
        ctx: Context,  # noqa: ARG002 - the port's signature, as below
        order: Order,  # noqa: ARG002
        connection_hops: tuple[ConnectionId, ...],  # noqa: ARG002
        port_id: PortId,  # noqa: ARG002
        channel_id: ChannelId,  # noqa: ARG002
        counterparty: ChannelCounterparty,  # noqa: ARG002
        version: str,
    ) -> str:
        """Propose our version."""
        if version:
            _check_version(version)
        return VERSION

    def on_chan_open_try(
        self,
        ctx: Context,  # noqa: ARG002 - the port's signature, as below
        order: Order,  # noqa: ARG002
        connection_hops: tuple[ConnectionId, ...],  # noqa: ARG002
        port_id: PortId,  # noqa: ARG002
        channel_id: ChannelId,  # noqa: ARG002
        counterparty: ChannelCounterparty,  # noqa: ARG002
        counterparty_version: str,
    ) -> str:
        """Take our version only."""
        _check_version(counterparty_version)
        return VERSION

    def on_chan_open_ack(
        self,
        ctx: Context,  # noqa: ARG002 - the port's signature, as below
        port_id: PortId,  # noqa: ARG002
        channel_id: ChannelId,  # noqa: ARG002
        counterparty_channel_id: ChannelId,  # noqa: ARG002
        counterparty_version: str,
    ) -> None:
        """Take our version only."""
        _check_version(counterparty_version)

    def on_chan_open_confirm(self, ctx: Context, port_id: PortId, channel_id: ChannelId) -> None:
        """Nothing is to be done."""

    def on_chan_close_init(self, ctx: Context, port_id: PortId, channel_id: ChannelId) -> None:
        """Let users close: nothing of value is in a datagram."""

    def on_chan_close_confirm(self, ctx: Context, port_id: PortId, channel_id: ChannelId) -> None:
        """Nothing is to be done."""

    def on_recv_packet(
        self,
        ctx: Context,
        channel_version: str,
        packet: Packet,
        relayer: Address,  # noqa: ARG002 - the port's signature
    ) -> Acknowledgement | None:
        """Keep the message."""
        _check_version(channel_version)
        datagram = decode_datagram(packet.data)
        key = f"{packet.destination_channel}/".encode() + packet.sequence.to_bytes(8, "big")
        ctx.store(NAME).set(_RECEIVED + key, encode_datagram(datagram))
        _emit(ctx, "datagram_received", packet.destination_channel, packet)
        return ResultAcknowledgement(b"\x01")

    def on_acknowledgement_packet(
        self,
        ctx: Context,
        channel_version: str,  # noqa: ARG002 - the port's signature, as below
        packet: Packet,
        acknowledgement: bytes,  # noqa: ARG002
        relayer: Address,  # noqa: ARG002
    ) -> None:
        """Tell readers that the message has an answer."""
        _emit(ctx, "datagram_acknowledged", packet.source_channel, packet)

    def on_timeout_packet(
        self,
        ctx: Context,
        channel_version: str,  # noqa: ARG002 - the port's signature, as below
        packet: Packet,
        relayer: Address,  # noqa: ARG002
    ) -> None:
        """Tell readers that the message was not received."""
        _emit(ctx, "datagram_timed_out", packet.source_channel, packet)


class DatagramModule(BaseModule):
    """Message, query and port of datagrams."""

    name = NAME
    store_names = (NAME,)

    def __init__(self, environment: ApplicationEnvironment) -> None:
        self._environment = environment
        self._application = DatagramApplication()

    def ibc_applications(self) -> Mapping[PortId, IbcApplication]:
        """Return what answers for the port ``datagram``."""
        return {PORT_ID: self._application}

    def message_routes(self) -> tuple[MessageRoute[Any], ...]:
        """Return ``MsgSendDatagram``."""
        prefix = self._environment.account_prefix
        return (
            MessageRoute(
                "/isthmus.datagram.v1.MsgSendDatagram",
                lambda data: decode_send(data, prefix),
                lambda message: (message.sender,),
                self._send,
            ),
        )

    def query_routes(self) -> tuple[QueryRoute, ...]:
        """Return the list of what was received."""
        path = "/isthmus.datagram.v1.Query/Received"
        return (query_route(path, datagram_pb2.QueryReceivedRequest, _received),)

    def _send(self, ctx: Context, message: SendDatagram) -> bytes:
        sender = format_address(message.sender, self._environment.account_prefix)
        sequence = self._environment.packets.send_packet(
            ctx,
            PORT_ID,
            message.source_channel,
            message.timeout_height,
            message.timeout_timestamp,
            encode_datagram(Datagram(sender, message.data)),
        )
        return encode(datagram_pb2.MsgSendDatagramResponse(sequence=sequence))


def APPLICATION(environment: ApplicationEnvironment) -> DatagramModule:  # noqa: N802 - a constant of its package
    """Return the datagram module."""
    return DatagramModule(environment)


def _received(
    ctx: Context, request: datagram_pb2.QueryReceivedRequest
) -> datagram_pb2.QueryReceivedResponse:
    page, response = page_of_store(ctx.store(NAME), _RECEIVED, request.pagination)
    answer = datagram_pb2.QueryReceivedResponse(pagination=response)
    for key, value in page:
        channel_id, sequence = key[:-9].decode(), int.from_bytes(key[-8:], "big")
        kept = decode_datagram(value)
        answer.datagrams.add(
            channel_id=channel_id,
            sequence=sequence,
            datagram=datagram_pb2.Datagram(sender=kept.sender, data=kept.data),
        )
    return answer


def _check_version(version: str) -> None:
    if version != VERSION:
        raise InvalidDatagramVersion(f"expected {VERSION}, got {version[:64]!r}")


def _emit(ctx: Context, kind: str, channel_id: ChannelId, packet: Packet) -> None:
    attributes = (("channel_id", str(channel_id)), ("sequence", str(packet.sequence)))
    ctx.emit(Event(kind, attributes))
