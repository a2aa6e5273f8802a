"""``ibc.core.connection.v1.Query``."""

from chainkit.primitives.heights import Height, chain_revision
from chainkit.primitives.types import ConnectionId
from chainkit.runtime.context import Context
from chainkit.runtime.errors import KeyNotFound
from chainkit.runtime.messages import QueryRoute
from chainkit.wire.proto.ibc.core.client.v1 import client_pb2
from chainkit.wire.proto.ibc.core.connection.v1 import connection_pb2, query_pb2
from ibc.ics02_client.codec import any_to_proto, height_to_proto
from ibc.ics02_client.queries import consensus_state, identified_client_state
from ibc.ics03_connection.codec import (
    connection_to_proto,
    decode_connection,
    identified_connection_to_proto,
)
from ibc.ics03_connection.connections import (
    Connections,
    connections_of_client,
    time_per_block_ns,
)
from ibc.ics03_connection.types import ConnectionEnd
from ibc.ics24_host import paths
from ibc.ics24_host.identifiers import parse_client_id, parse_connection_id
from ibc.pagination import page_of_store
from ibc.queries import REST_HEIGHT, query_route

_SERVICE = "/ibc.core.connection.v1.Query/"
_REST = "GET /ibc/core/connection/v1/connections/{connection_id}"


class ConnectionQueries:
    """Answers about the connections of this chain."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def routes(self) -> tuple[QueryRoute, ...]:
        """Return the routes of the service."""
        q = query_pb2
        return (
            query_route(
                _SERVICE + "Connection",
                q.QueryConnectionRequest,
                self._connection,
                (_REST,),
            ),
            query_route(
                _SERVICE + "Connections",
                q.QueryConnectionsRequest,
                _all,
                ("GET /ibc/core/connection/v1/connections",),
            ),
            query_route(
                _SERVICE + "ClientConnections",
                q.QueryClientConnectionsRequest,
                _of_client,
                ("GET /ibc/core/connection/v1/client_connections/{client_id}",),
            ),
            query_route(
                _SERVICE + "ConnectionClientState",
                q.QueryConnectionClientStateRequest,
                self._client_state,
                (_REST + "/client_state",),
            ),
            query_route(
                _SERVICE + "ConnectionConsensusState",
                q.QueryConnectionConsensusStateRequest,
                self._consensus_state,
                (_REST + "/consensus_state" + REST_HEIGHT,),
            ),
            query_route(
                _SERVICE + "ConnectionParams",
                q.QueryConnectionParamsRequest,
                _params,
                ("GET /ibc/core/connection/v1/params",),
            ),
        )

    def _require(self, ctx: Context, text: str) -> ConnectionEnd:
        end = self._connections.get(ctx, parse_connection_id(text))
        if end is None:
            raise KeyNotFound(f"connection not found: {text}")
        return end

    def _connection(
        self, ctx: Context, request: query_pb2.QueryConnectionRequest
    ) -> query_pb2.QueryConnectionResponse:
        end = self._require(ctx, request.connection_id)
        return query_pb2.QueryConnectionResponse(
            connection=connection_to_proto(end), proof_height=self_height_proto(ctx)
        )

    def _client_state(
        self, ctx: Context, request: query_pb2.QueryConnectionClientStateRequest
    ) -> query_pb2.QueryConnectionClientStateResponse:
        end = self._require(ctx, request.connection_id)
        return query_pb2.QueryConnectionClientStateResponse(
            identified_client_state=identified_client_state(ctx, end.client_id),
            proof_height=self_height_proto(ctx),
        )

    def _consensus_state(
        self, ctx: Context, request: query_pb2.QueryConnectionConsensusStateRequest
    ) -> query_pb2.QueryConnectionConsensusStateResponse:
        end = self._require(ctx, request.connection_id)
        height = Height(request.revision_number, request.revision_height)
        return query_pb2.QueryConnectionConsensusStateResponse(
            consensus_state=any_to_proto(consensus_state(ctx, end.client_id, height)),
            client_id=end.client_id,
            proof_height=self_height_proto(ctx),
        )


def self_height_proto(ctx: Context) -> client_pb2.Height:
    """Return the height that an answer is of."""
    return height_to_proto(Height(chain_revision(ctx.chain_id), ctx.height))


def _all(
    ctx: Context, request: query_pb2.QueryConnectionsRequest
) -> query_pb2.QueryConnectionsResponse:
    page, response = page_of_store(
        ctx.store(paths.STORE_NAME), paths.CONNECTIONS, request.pagination
    )
    found = [
        identified_connection_to_proto(ConnectionId(key.decode()), decode_connection(value))
        for key, value in page
    ]
    return query_pb2.QueryConnectionsResponse(
        connections=found, pagination=response, height=self_height_proto(ctx)
    )


def _of_client(
    ctx: Context, request: query_pb2.QueryClientConnectionsRequest
) -> query_pb2.QueryClientConnectionsResponse:
    found = connections_of_client(ctx, parse_client_id(request.client_id))
    if not found:
        raise KeyNotFound(f"light client connection paths not found: {request.client_id}")
    return query_pb2.QueryClientConnectionsResponse(
        connection_paths=found, proof_height=self_height_proto(ctx)
    )


def _params(
    ctx: Context, _request: query_pb2.QueryConnectionParamsRequest
) -> query_pb2.QueryConnectionParamsResponse:
    params = connection_pb2.Params(max_expected_time_per_block=time_per_block_ns(ctx))
    return query_pb2.QueryConnectionParamsResponse(params=params)
