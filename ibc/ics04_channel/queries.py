"""``ibc.core.channel.v1.Query``: the channels."""

from chainkit.primitives.heights import Height
from chainkit.primitives.types import ChannelId, ClientId, PortId
from chainkit.runtime.context import Context
from chainkit.runtime.errors import KeyNotFound
from chainkit.runtime.messages import QueryRoute
from chainkit.wire.proto.ibc.core.channel.v1 import channel_pb2, query_pb2
from ibc.ics02_client.codec import any_to_proto
from ibc.ics02_client.queries import consensus_state, identified_client_state
from ibc.ics03_connection.queries import self_height_proto
from ibc.ics04_channel.channels import Channels
from ibc.ics04_channel.codec import (
    channel_to_proto,
    decode_channel,
    identified_channel_to_proto,
)
from ibc.ics04_channel.types import ChannelEnd, IdentifiedChannel
from ibc.ics24_host import paths
from ibc.ics24_host.identifiers import parse_channel_id, parse_connection_id, parse_port_id
from ibc.pagination import Pair, page_of_store
from ibc.queries import REST_HEIGHT, query_route
from ibc.sequences import read_sequence

SERVICE = "/ibc.core.channel.v1.Query/"
REST = "GET /ibc/core/channel/v1/channels/{channel_id}/ports/{port_id}"
"""Where the REST gateway answers about one channel."""


class ChannelQueries:
    """Answers about the channels of this chain."""

    def __init__(self, channels: Channels) -> None:
        self._channels = channels

    def routes(self) -> tuple[QueryRoute, ...]:
        """Return the routes of the service that are about channels."""
        q = query_pb2
        return (
            query_route(
                SERVICE + "Channel",
                q.QueryChannelRequest,
                self._channel,
                (REST,),
            ),
            query_route(
                SERVICE + "Channels",
                q.QueryChannelsRequest,
                _all,
                ("GET /ibc/core/channel/v1/channels",),
            ),
            query_route(
                SERVICE + "ConnectionChannels",
                q.QueryConnectionChannelsRequest,
                _of_connection,
                ("GET /ibc/core/channel/v1/connections/{connection}/channels",),
            ),
            query_route(
                SERVICE + "ChannelClientState",
                q.QueryChannelClientStateRequest,
                self._client_state,
                (REST + "/client_state",),
            ),
            query_route(
                SERVICE + "ChannelConsensusState",
                q.QueryChannelConsensusStateRequest,
                self._consensus_state,
                (REST + "/consensus_state" + REST_HEIGHT,),
            ),
            query_route(
                SERVICE + "NextSequenceReceive",
                q.QueryNextSequenceReceiveRequest,
                self._next_recv,
                (REST + "/next_sequence",),
            ),
            query_route(
                SERVICE + "NextSequenceSend",
                q.QueryNextSequenceSendRequest,
                self._next_send,
                (REST + "/next_sequence_send",),
            ),
        )

    def require(self, ctx: Context, port: str, channel: str) -> IdentifiedChannel:
        """Return a channel by the texts of a request, or refuse with ``KeyNotFound``."""
        port_id, channel_id = parse_port_id(port), parse_channel_id(channel)
        end = self._channels.get(ctx, port_id, channel_id)
        if end is None:
            raise KeyNotFound(f"port-id: {port_id}, channel-id {channel_id}: channel not found")
        return IdentifiedChannel(port_id, channel_id, end)

    def _client_id(self, ctx: Context, end: ChannelEnd) -> ClientId:
        return self._channels.connections.require(ctx, end.connection_hops[0]).client_id

    def _channel(
        self, ctx: Context, request: query_pb2.QueryChannelRequest
    ) -> query_pb2.QueryChannelResponse:
        channel = self.require(ctx, request.port_id, request.channel_id)
        return query_pb2.QueryChannelResponse(
            channel=channel_to_proto(channel.end), proof_height=self_height_proto(ctx)
        )

    def _client_state(
        self, ctx: Context, request: query_pb2.QueryChannelClientStateRequest
    ) -> query_pb2.QueryChannelClientStateResponse:
        channel = self.require(ctx, request.port_id, request.channel_id)
        client_id = self._client_id(ctx, channel.end)
        return query_pb2.QueryChannelClientStateResponse(
            identified_client_state=identified_client_state(ctx, client_id),
            proof_height=self_height_proto(ctx),
        )

    def _consensus_state(
        self, ctx: Context, request: query_pb2.QueryChannelConsensusStateRequest
    ) -> query_pb2.QueryChannelConsensusStateResponse:
        channel = self.require(ctx, request.port_id, request.channel_id)
        client_id = self._client_id(ctx, channel.end)
        height = Height(request.revision_number, request.revision_height)
        return query_pb2.QueryChannelConsensusStateResponse(
            consensus_state=any_to_proto(consensus_state(ctx, client_id, height)),
            client_id=client_id,
            proof_height=self_height_proto(ctx),
        )

    def _next_recv(
        self, ctx: Context, request: query_pb2.QueryNextSequenceReceiveRequest
    ) -> query_pb2.QueryNextSequenceReceiveResponse:
        channel = self.require(ctx, request.port_id, request.channel_id)
        path = paths.next_sequence_recv(channel.port_id, channel.channel_id)
        return query_pb2.QueryNextSequenceReceiveResponse(
            next_sequence_receive=read_sequence(ctx, path), proof_height=self_height_proto(ctx)
        )

    def _next_send(
        self, ctx: Context, request: query_pb2.QueryNextSequenceSendRequest
    ) -> query_pb2.QueryNextSequenceSendResponse:
        channel = self.require(ctx, request.port_id, request.channel_id)
        path = paths.next_sequence_send(channel.port_id, channel.channel_id)
        return query_pb2.QueryNextSequenceSendResponse(
            next_sequence_send=read_sequence(ctx, path), proof_height=self_height_proto(ctx)
        )


def _identified(pair: Pair) -> channel_pb2.IdentifiedChannel:
    """Return the channel of a key ``ports/{port}/channels/{channel}`` and its value."""
    _, port_id, _, channel_id = pair[0].decode().split("/")
    channel = IdentifiedChannel(PortId(port_id), ChannelId(channel_id), decode_channel(pair[1]))
    return identified_channel_to_proto(channel)


def _all(ctx: Context, request: query_pb2.QueryChannelsRequest) -> query_pb2.QueryChannelsResponse:
    store = ctx.store(paths.STORE_NAME)
    page, response = page_of_store(store, paths.CHANNELS, request.pagination)
    return query_pb2.QueryChannelsResponse(
        channels=[_identified(pair) for pair in page],
        pagination=response,
        height=self_height_proto(ctx),
    )


def _of_connection(
    ctx: Context, request: query_pb2.QueryConnectionChannelsRequest
) -> query_pb2.QueryConnectionChannelsResponse:
    connection_id = parse_connection_id(request.connection)
    page, response = page_of_store(
        ctx.store(paths.STORE_NAME),
        paths.CHANNELS,
        request.pagination,
        lambda pair: decode_channel(pair[1]).connection_hops[0] == connection_id,
    )
    return query_pb2.QueryConnectionChannelsResponse(
        channels=[_identified(pair) for pair in page],
        pagination=response,
        height=self_height_proto(ctx),
    )
