"""``ibc.applications.transfer.v1.Query``."""

from chainkit.primitives.types import Denom
from chainkit.runtime.context import Context
from chainkit.runtime.errors import KeyNotFound
from chainkit.runtime.messages import QueryRoute
from chainkit.wire.proto.cosmos.base.v1beta1 import coin_pb2
from chainkit.wire.proto.ibc.applications.transfer.v1 import (
    denomtrace_pb2,
    denomtrace_query_pb2,
    query_pb2,
    transfer_pb2,
)
from chainkit.wire.proto.isthmus.transfer.v1 import query_pb2 as amounts_pb2
from ibc.addresses import format_address
from ibc.ics20_transfer.codec import decode_denom, denom_to_proto
from ibc.ics20_transfer.denoms import (
    TracedDenom,
    extract_denom,
    parse_local_denom,
    parse_voucher_hash,
    validate_denom,
)
from ibc.ics20_transfer.port import TokenLedger
from ibc.ics20_transfer.state import (
    DENOMS,
    STORE_NAME,
    denom_of_hash,
    escrow_address,
    total_escrow,
    transfer_params,
)
from ibc.ics24_host.identifiers import parse_channel_id, parse_port_id
from ibc.pagination import page_of_store
from ibc.queries import query_route

_SERVICE = "/ibc.applications.transfer.v1.Query/"


def amounts_route(ledger: TokenLedger) -> QueryRoute:
    """Return the route that tells how much of a token there is and lies in a channel's escrow.

    Of no standard: the bank's queries are not asked of chains that are no Cosmos chains, and
    an auditor of supply must ask every kind the same.
    """

    def amounts(
        ctx: Context, request: amounts_pb2.QueryAmountsRequest
    ) -> amounts_pb2.QueryAmountsResponse:
        denom = Denom(parse_local_denom(request.denom))
        address = escrow_address(
            parse_port_id(request.port_id), parse_channel_id(request.channel_id)
        )
        return amounts_pb2.QueryAmountsResponse(
            supply=str(ledger.supply(ctx, denom)), escrowed=str(ledger.balance(ctx, address, denom))
        )

    return query_route(
        "/isthmus.transfer.v1.Query/Amounts", amounts_pb2.QueryAmountsRequest, amounts
    )


def transfer_query_routes(account_prefix: str) -> tuple[QueryRoute, ...]:
    """Return the routes of the service."""
    q = query_pb2

    def escrow(
        _ctx: Context, request: query_pb2.QueryEscrowAddressRequest
    ) -> query_pb2.QueryEscrowAddressResponse:
        address = escrow_address(
            parse_port_id(request.port_id), parse_channel_id(request.channel_id)
        )
        return q.QueryEscrowAddressResponse(escrow_address=format_address(address, account_prefix))

    return (
        query_route(
            _SERVICE + "Params",
            q.QueryParamsRequest,
            _params,
            ("GET /ibc/apps/transfer/v1/params",),
        ),
        query_route(
            _SERVICE + "Denoms",
            q.QueryDenomsRequest,
            _denoms,
            ("GET /ibc/apps/transfer/v1/denoms",),
        ),
        query_route(
            _SERVICE + "Denom",
            q.QueryDenomRequest,
            _denom,
            ("GET /ibc/apps/transfer/v1/denoms/{hash=**}",),
        ),
        query_route(
            _SERVICE + "DenomHash",
            q.QueryDenomHashRequest,
            _denom_hash,
            ("GET /ibc/apps/transfer/v1/denom_hashes/{trace=**}",),
        ),
        query_route(
            _SERVICE + "DenomTrace",
            denomtrace_query_pb2.QueryDenomTraceRequest,
            _trace,
            ("GET /ibc/apps/transfer/v1/denom_traces/{hash=**}",),
        ),
        query_route(
            _SERVICE + "DenomTraces",
            denomtrace_query_pb2.QueryDenomTracesRequest,
            _traces,
            ("GET /ibc/apps/transfer/v1/denom_traces",),
        ),
        query_route(
            _SERVICE + "EscrowAddress",
            q.QueryEscrowAddressRequest,
            escrow,
            ("GET /ibc/apps/transfer/v1/channels/{channel_id}/ports/{port_id}/escrow_address",),
        ),
        query_route(
            _SERVICE + "TotalEscrowForDenom",
            q.QueryTotalEscrowForDenomRequest,
            _total_escrow,
            ("GET /ibc/apps/transfer/v1/denoms/{denom=**}/total_escrow",),
        ),
    )


def _params(ctx: Context, _request: query_pb2.QueryParamsRequest) -> query_pb2.QueryParamsResponse:
    params = transfer_params(ctx)
    return query_pb2.QueryParamsResponse(
        params=transfer_pb2.Params(
            send_enabled=params.send_enabled, receive_enabled=params.receive_enabled
        )
    )


def _known(ctx: Context, text: str) -> TracedDenom:
    found = denom_of_hash(ctx, parse_voucher_hash(text.removeprefix("ibc/")))
    if found is None:
        raise KeyNotFound(f"denomination not found: {text}")
    return found


def _denom(ctx: Context, request: query_pb2.QueryDenomRequest) -> query_pb2.QueryDenomResponse:
    return query_pb2.QueryDenomResponse(denom=denom_to_proto(_known(ctx, request.hash)))


def _denoms(ctx: Context, request: query_pb2.QueryDenomsRequest) -> query_pb2.QueryDenomsResponse:
    page, response = page_of_store(ctx.store(STORE_NAME), DENOMS, request.pagination)
    denoms = [denom_to_proto(decode_denom(value)) for _, value in page]
    return query_pb2.QueryDenomsResponse(denoms=denoms, pagination=response)


def _trace_to_proto(denom: TracedDenom) -> denomtrace_pb2.DenomTrace:
    path = "/".join(map(str, denom.trace))
    return denomtrace_pb2.DenomTrace(path=path, base_denom=denom.base)


def _trace(
    ctx: Context, request: denomtrace_query_pb2.QueryDenomTraceRequest
) -> denomtrace_query_pb2.QueryDenomTraceResponse:
    trace = _trace_to_proto(_known(ctx, request.hash))
    return denomtrace_query_pb2.QueryDenomTraceResponse(denom_trace=trace)


def _traces(
    ctx: Context, request: denomtrace_query_pb2.QueryDenomTracesRequest
) -> denomtrace_query_pb2.QueryDenomTracesResponse:
    page, response = page_of_store(ctx.store(STORE_NAME), DENOMS, request.pagination)
    traces = [_trace_to_proto(decode_denom(value)) for _, value in page]
    return denomtrace_query_pb2.QueryDenomTracesResponse(denom_traces=traces, pagination=response)


def _denom_hash(
    ctx: Context, request: query_pb2.QueryDenomHashRequest
) -> query_pb2.QueryDenomHashResponse:
    denom = extract_denom(request.trace)
    validate_denom(denom)
    digest = denom.hash().hex().upper()
    return query_pb2.QueryDenomHashResponse(hash=_known(ctx, digest).hash().hex().upper())


def _total_escrow(
    ctx: Context, request: query_pb2.QueryTotalEscrowForDenomRequest
) -> query_pb2.QueryTotalEscrowForDenomResponse:
    denom = Denom(parse_local_denom(request.denom))
    amount = coin_pb2.Coin(denom=denom, amount=str(total_escrow(ctx, denom)))
    return query_pb2.QueryTotalEscrowForDenomResponse(amount=amount)
