"""``ibc.core.client.v1.Query``."""

import re
from collections.abc import Iterator

from chainkit.primitives.heights import Height, parse_height
from chainkit.primitives.types import Address, ClientId
from chainkit.runtime.context import Context
from chainkit.runtime.errors import KeyNotFound
from chainkit.runtime.messages import QueryRoute
from chainkit.wire.proto.cosmos.base.query.v1beta1 import pagination_pb2
from chainkit.wire.proto.ibc.core.client.v1 import client_pb2, query_pb2
from ibc.addresses import format_address
from ibc.ics02_client.clients import Clients, allowed_clients, client_ids, client_store
from ibc.ics02_client.codec import any_to_proto, decode_any, height_to_proto
from ibc.ics02_client.port import AnyValue
from ibc.ics24_host import paths
from ibc.ics24_host.identifiers import parse_client_id
from ibc.pagination import Pair, page_of, page_of_store
from ibc.queries import REST_HEIGHT, query_route

_SERVICE = "/ibc.core.client.v1.Query/"
_HEIGHT_KEY = re.compile(rb"\d{1,20}-\d{1,20}")


class ClientQueries:
    """Answers about the clients of this chain."""

    def __init__(self, clients: Clients, account_prefix: str) -> None:
        self._clients = clients
        self._prefix = account_prefix

    def routes(self) -> tuple[QueryRoute, ...]:
        """Return the routes of the service."""
        q = query_pb2
        return (
            query_route(
                _SERVICE + "ClientState",
                q.QueryClientStateRequest,
                self._state,
                ("GET /ibc/core/client/v1/client_states/{client_id}",),
            ),
            query_route(
                _SERVICE + "ClientStates",
                q.QueryClientStatesRequest,
                self._states,
                ("GET /ibc/core/client/v1/client_states",),
            ),
            query_route(
                _SERVICE + "ConsensusState",
                q.QueryConsensusStateRequest,
                self._consensus_state,
                ("GET /ibc/core/client/v1/consensus_states/{client_id}" + REST_HEIGHT,),
            ),
            query_route(
                _SERVICE + "ConsensusStates",
                q.QueryConsensusStatesRequest,
                self._consensus_states,
                ("GET /ibc/core/client/v1/consensus_states/{client_id}",),
            ),
            query_route(
                _SERVICE + "ConsensusStateHeights",
                q.QueryConsensusStateHeightsRequest,
                self._heights,
                ("GET /ibc/core/client/v1/consensus_states/{client_id}/heights",),
            ),
            query_route(
                _SERVICE + "ClientStatus",
                q.QueryClientStatusRequest,
                self._status,
                ("GET /ibc/core/client/v1/client_status/{client_id}",),
            ),
            query_route(
                _SERVICE + "ClientParams",
                q.QueryClientParamsRequest,
                _params,
                ("GET /ibc/core/client/v1/params",),
            ),
            query_route(
                _SERVICE + "ClientCreator",
                q.QueryClientCreatorRequest,
                self._creator,
                ("GET /ibc/core/client/v1/client_creator/{client_id}",),
            ),
        )

    def _state(
        self, ctx: Context, request: query_pb2.QueryClientStateRequest
    ) -> query_pb2.QueryClientStateResponse:
        value = client_state(ctx, parse_client_id(request.client_id))
        return query_pb2.QueryClientStateResponse(client_state=any_to_proto(value))

    def _states(
        self, ctx: Context, request: query_pb2.QueryClientStatesRequest
    ) -> query_pb2.QueryClientStatesResponse:
        pairs = _clients_from(ctx, request.pagination)
        page, response = page_of(pairs, request.pagination)
        states = [identified_client_state(ctx, client_id) for client_id in page]
        return query_pb2.QueryClientStatesResponse(client_states=states, pagination=response)

    def _consensus_state(
        self, ctx: Context, request: query_pb2.QueryConsensusStateRequest
    ) -> query_pb2.QueryConsensusStateResponse:
        client_id = parse_client_id(request.client_id)
        if request.latest_height:
            height = self._clients.latest_height(ctx, client_id)
        else:
            height = Height(request.revision_number, request.revision_height)
        value = consensus_state(ctx, client_id, height)
        return query_pb2.QueryConsensusStateResponse(consensus_state=any_to_proto(value))

    def _consensus_states(
        self, ctx: Context, request: query_pb2.QueryConsensusStatesRequest
    ) -> query_pb2.QueryConsensusStatesResponse:
        page, response = _consensus_page(ctx, request.client_id, request.pagination)
        states = [
            client_pb2.ConsensusStateWithHeight(
                height=height_to_proto(parse_height(key.decode())),
                consensus_state=any_to_proto(decode_any(value)),
            )
            for key, value in page
        ]
        return query_pb2.QueryConsensusStatesResponse(consensus_states=states, pagination=response)

    def _heights(
        self, ctx: Context, request: query_pb2.QueryConsensusStateHeightsRequest
    ) -> query_pb2.QueryConsensusStateHeightsResponse:
        page, response = _consensus_page(ctx, request.client_id, request.pagination)
        heights = [height_to_proto(parse_height(key.decode())) for key, _ in page]
        return query_pb2.QueryConsensusStateHeightsResponse(
            consensus_state_heights=heights, pagination=response
        )

    def _status(
        self, ctx: Context, request: query_pb2.QueryClientStatusRequest
    ) -> query_pb2.QueryClientStatusResponse:
        status = self._clients.status(ctx, parse_client_id(request.client_id))
        return query_pb2.QueryClientStatusResponse(status=status.value)

    def _creator(
        self, ctx: Context, request: query_pb2.QueryClientCreatorRequest
    ) -> query_pb2.QueryClientCreatorResponse:
        client_id = parse_client_id(request.client_id)
        value = client_store(ctx, client_id).get(paths.CLIENT_CREATOR)
        text = "" if value is None else format_address(Address(value), self._prefix)
        return query_pb2.QueryClientCreatorResponse(creator=text)


def client_state(ctx: Context, client_id: ClientId) -> AnyValue:
    """Return a client's state as it lies in the store, or refuse with ``KeyNotFound``."""
    value = client_store(ctx, client_id).get(paths.CLIENT_STATE)
    if value is None:
        raise KeyNotFound(f"light client not found: {client_id}")
    return decode_any(value)


def consensus_state(ctx: Context, client_id: ClientId, height: Height) -> AnyValue:
    """Return a client's consensus state at a height, or refuse with ``KeyNotFound``."""
    value = client_store(ctx, client_id).get(paths.consensus_state_key(height))
    if value is None:
        raise KeyNotFound(f"consensus state not found: {client_id} at {height}")
    return decode_any(value)


def identified_client_state(ctx: Context, client_id: ClientId) -> client_pb2.IdentifiedClientState:
    """Return the protobuf of a client's state with its id."""
    return client_pb2.IdentifiedClientState(
        client_id=client_id, client_state=any_to_proto(client_state(ctx, client_id))
    )


def _clients_from(
    ctx: Context, request: pagination_pb2.PageRequest
) -> Iterator[tuple[bytes, ClientId]]:
    for client_id in client_ids(ctx):
        key = client_id.encode()
        if key >= request.key:
            yield key, client_id


def _consensus_page(
    ctx: Context, client_id: str, request: pagination_pb2.PageRequest
) -> tuple[list[Pair], pagination_pb2.PageResponse]:
    store = client_store(ctx, parse_client_id(client_id))
    return page_of_store(
        store,
        paths.CONSENSUS_STATES,
        request,
        lambda pair: _HEIGHT_KEY.fullmatch(pair[0]) is not None,
    )


def _params(
    ctx: Context, _request: query_pb2.QueryClientParamsRequest
) -> query_pb2.QueryClientParamsResponse:
    params = client_pb2.Params(allowed_clients=allowed_clients(ctx))
    return query_pb2.QueryClientParamsResponse(params=params)
