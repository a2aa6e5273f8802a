"""``ibc.applications.rate_limiting.v1.Query``."""

from collections.abc import Iterable

from chainkit.primitives.limits import MAX_STORE_VALUE_BYTES
from chainkit.primitives.types import ChannelId, ClientId
from chainkit.runtime.context import Context
from chainkit.runtime.messages import QueryRoute
from chainkit.wire.codec import decode_known
from chainkit.wire.proto.ibc.applications.rate_limiting.v1 import query_pb2, rate_limiting_pb2
from chainkit.wire.proto.ibc.lightclients.tendermint.v1 import tendermint_pb2
from ibc.ics02_client.queries import client_state
from ibc.ics03_connection.codec import decode_connection
from ibc.ics03_connection.errors import ConnectionNotFound
from ibc.ics20_transfer.application import PORT_ID
from ibc.ics24_host import paths
from ibc.ics26_routing.port import PacketSender
from ibc.queries import query_route
from ibc.rate_limiting.codec import limited_path, rate_limit_to_proto
from ibc.rate_limiting.quotas import RateLimit
from ibc.rate_limiting.state import blacklisted, rate_limit, rate_limits

_SERVICE = "/ibc.applications.rate_limiting.v1.Query/"
_REST = "GET /ibc/apps/rate-limiting/v1/"
_TENDERMINT = "/ibc.lightclients.tendermint.v1.ClientState"


def _shown(limits: Iterable[RateLimit]) -> list[rate_limiting_pb2.RateLimit]:
    return [rate_limit_to_proto(limit) for limit in limits]


def _chain_id(ctx: Context, packets: PacketSender, channel_id: ChannelId) -> str | None:
    """Return which chain is behind a channel or client; None of one that says no name."""
    client_id = ClientId(channel_id)
    channel = packets.channel(ctx, PORT_ID, channel_id)
    if channel is not None:
        hop = channel.connection_hops[0]
        value = ctx.store(paths.STORE_NAME).get(paths.connection(hop))
        if value is None:
            raise ConnectionNotFound(hop)
        client_id = decode_connection(value).client_id
    found = client_state(ctx, client_id)
    if found.type_url != _TENDERMINT:
        return None
    message = decode_known(tendermint_pb2.ClientState, found.value, max_bytes=MAX_STORE_VALUE_BYTES)
    return message.chain_id


def rate_limit_query_routes(packets: PacketSender) -> tuple[QueryRoute, ...]:
    """Return the six queries of ibc-go's module."""

    def every(
        ctx: Context, _: query_pb2.QueryAllRateLimitsRequest
    ) -> query_pb2.QueryAllRateLimitsResponse:
        return query_pb2.QueryAllRateLimitsResponse(rate_limits=_shown(rate_limits(ctx)))

    def one(
        ctx: Context, request: query_pb2.QueryRateLimitRequest
    ) -> query_pb2.QueryRateLimitResponse:
        found = rate_limit(ctx, limited_path(request.denom, request.channel_or_client_id))
        shown = None if found is None else rate_limit_to_proto(found)
        return query_pb2.QueryRateLimitResponse(rate_limit=shown)

    def of_chain(
        ctx: Context, request: query_pb2.QueryRateLimitsByChainIDRequest
    ) -> query_pb2.QueryRateLimitsByChainIDResponse:
        wanted = [
            limit
            for limit in rate_limits(ctx)
            if _chain_id(ctx, packets, limit.path.channel_id) == request.chain_id
        ]
        return query_pb2.QueryRateLimitsByChainIDResponse(rate_limits=_shown(wanted))

    def of_channel(
        ctx: Context, request: query_pb2.QueryRateLimitsByChannelOrClientIDRequest
    ) -> query_pb2.QueryRateLimitsByChannelOrClientIDResponse:
        wanted = [
            limit
            for limit in rate_limits(ctx)
            if limit.path.channel_id == request.channel_or_client_id
        ]
        return query_pb2.QueryRateLimitsByChannelOrClientIDResponse(rate_limits=_shown(wanted))

    def denoms(
        ctx: Context, _: query_pb2.QueryAllBlacklistedDenomsRequest
    ) -> query_pb2.QueryAllBlacklistedDenomsResponse:
        return query_pb2.QueryAllBlacklistedDenomsResponse(denoms=blacklisted(ctx))

    def nobody(
        _ctx: Context, _: query_pb2.QueryAllWhitelistedAddressesRequest
    ) -> query_pb2.QueryAllWhitelistedAddressesResponse:
        return query_pb2.QueryAllWhitelistedAddressesResponse()

    return (
        query_route(
            _SERVICE + "AllRateLimits",
            query_pb2.QueryAllRateLimitsRequest,
            every,
            (_REST + "ratelimits",),
        ),
        query_route(
            _SERVICE + "RateLimit",
            query_pb2.QueryRateLimitRequest,
            one,
            (_REST + "ratelimit/ratelimit/{channel_or_client_id}/by_denom",),
        ),
        # ibc-go has both of the next two under one path of REST; there the second is found.
        query_route(
            _SERVICE + "RateLimitsByChainID",
            query_pb2.QueryRateLimitsByChainIDRequest,
            of_chain,
        ),
        query_route(
            _SERVICE + "RateLimitsByChannelOrClientID",
            query_pb2.QueryRateLimitsByChannelOrClientIDRequest,
            of_channel,
            (_REST + "ratelimit/ratelimits/{channel_or_client_id}",),
        ),
        query_route(
            _SERVICE + "AllBlacklistedDenoms",
            query_pb2.QueryAllBlacklistedDenomsRequest,
            denoms,
            (_REST + "ratelimit/blacklisted_denoms",),
        ),
        query_route(
            _SERVICE + "AllWhitelistedAddresses",
            query_pb2.QueryAllWhitelistedAddressesRequest,
            nobody,
            (_REST + "ratelimit/whitelisted_addresses",),
        ),
    )
