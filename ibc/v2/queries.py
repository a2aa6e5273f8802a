"""``ibc.core.client.v2.Query`` and ``ibc.core.channel.v2.Query``."""

from collections.abc import Callable, Iterable

from chainkit.primitives.types import ClientId, Sequence
from chainkit.runtime.context import Context
from chainkit.runtime.errors import InvalidRequest, KeyNotFound
from chainkit.runtime.messages import QueryRoute
from chainkit.wire.proto.ibc.core.channel.v2 import packet_pb2
from chainkit.wire.proto.ibc.core.channel.v2 import query_pb2 as q
from chainkit.wire.proto.ibc.core.client.v2 import config_pb2
from chainkit.wire.proto.ibc.core.client.v2 import query_pb2 as client_query
from ibc.ics03_connection.queries import self_height_proto
from ibc.ics24_host import paths
from ibc.ics24_host.identifiers import parse_client_id
from ibc.limits import MAX_SEQUENCES_IN_QUERY
from ibc.pagination import page_of_store
from ibc.queries import query_route
from ibc.sequences import read_sequence
from ibc.v2.codec import counterparty_to_proto
from ibc.v2.counterparties import allowed_relayers, require_counterparty

_CHANNEL = "/ibc.core.channel.v2.Query/"
_CLIENT = "/ibc.core.client.v2.Query/"
_REST = "GET /ibc/core/channel/v2/clients/{client_id}"
_PacketKey = Callable[[ClientId, Sequence], bytes]


def v2_query_routes() -> tuple[QueryRoute, ...]:
    """Return the routes of both services."""
    return (
        query_route(
            _CLIENT + "CounterpartyInfo",
            client_query.QueryCounterpartyInfoRequest,
            _counterparty,
            ("GET /ibc/core/client/v2/counterparty_info/{client_id}",),
        ),
        query_route(
            _CLIENT + "Config",
            client_query.QueryConfigRequest,
            _config,
            ("GET /ibc/core/client/v2/config/{client_id}",),
        ),
        query_route(
            _CHANNEL + "NextSequenceSend",
            q.QueryNextSequenceSendRequest,
            _next_sequence_send,
            (_REST + "/next_sequence_send",),
        ),
        query_route(
            _CHANNEL + "PacketCommitment",
            q.QueryPacketCommitmentRequest,
            _commitment,
            (_REST + "/packet_commitments/{sequence}",),
        ),
        query_route(
            _CHANNEL + "PacketCommitments",
            q.QueryPacketCommitmentsRequest,
            _commitments,
            (_REST + "/packet_commitments",),
        ),
        query_route(
            _CHANNEL + "PacketAcknowledgement",
            q.QueryPacketAcknowledgementRequest,
            _acknowledgement,
            (_REST + "/packet_acks/{sequence}",),
        ),
        query_route(
            _CHANNEL + "PacketAcknowledgements",
            q.QueryPacketAcknowledgementsRequest,
            _acknowledgements,
            (_REST + "/packet_acknowledgements",),
        ),
        query_route(
            _CHANNEL + "PacketReceipt",
            q.QueryPacketReceiptRequest,
            _receipt,
            (_REST + "/packet_receipts/{sequence}",),
        ),
        query_route(
            _CHANNEL + "UnreceivedPackets",
            q.QueryUnreceivedPacketsRequest,
            _unreceived,
            (_REST + "/packet_commitments/{sequences}/unreceived_packets",),
        ),
        query_route(
            _CHANNEL + "UnreceivedAcks",
            q.QueryUnreceivedAcksRequest,
            _unreceived_acks,
            (_REST + "/packet_commitments/{packet_ack_sequences}/unreceived_acks",),
        ),
    )


def _counterparty(
    ctx: Context, request: client_query.QueryCounterpartyInfoRequest
) -> client_query.QueryCounterpartyInfoResponse:
    counterparty = require_counterparty(ctx, parse_client_id(request.client_id))
    return client_query.QueryCounterpartyInfoResponse(
        counterparty_info=counterparty_to_proto(counterparty)
    )


def _config(
    ctx: Context, request: client_query.QueryConfigRequest
) -> client_query.QueryConfigResponse:
    relayers = allowed_relayers(ctx, parse_client_id(request.client_id))
    return client_query.QueryConfigResponse(config=config_pb2.Config(allowed_relayers=relayers))


def _next_sequence_send(
    ctx: Context, request: q.QueryNextSequenceSendRequest
) -> q.QueryNextSequenceSendResponse:
    client_id = parse_client_id(request.client_id)
    number = read_sequence(ctx, paths.next_sequence_send_v2(client_id))
    if number == 0:
        raise KeyNotFound(f"no next sequence of client {client_id}")
    return q.QueryNextSequenceSendResponse(
        next_sequence_send=number, proof_height=self_height_proto(ctx)
    )


def _commitment(
    ctx: Context, request: q.QueryPacketCommitmentRequest
) -> q.QueryPacketCommitmentResponse:
    value = _required(ctx, request.client_id, request.sequence, paths.packet_commitment_v2)
    return q.QueryPacketCommitmentResponse(commitment=value, proof_height=self_height_proto(ctx))


def _acknowledgement(
    ctx: Context, request: q.QueryPacketAcknowledgementRequest
) -> q.QueryPacketAcknowledgementResponse:
    value = _required(ctx, request.client_id, request.sequence, paths.packet_acknowledgement_v2)
    return q.QueryPacketAcknowledgementResponse(
        acknowledgement=value, proof_height=self_height_proto(ctx)
    )


def _commitments(
    ctx: Context, request: q.QueryPacketCommitmentsRequest
) -> q.QueryPacketCommitmentsResponse:
    client_id = _client_with_counterparty(ctx, request.client_id)
    prefix = paths.packet_commitments_v2(client_id)
    page, response = page_of_store(ctx.store(paths.STORE_NAME), prefix, request.pagination)
    return q.QueryPacketCommitmentsResponse(
        commitments=[_state(client_id, key, value) for key, value in page],
        pagination=response,
        height=self_height_proto(ctx),
    )


def _acknowledgements(
    ctx: Context, request: q.QueryPacketAcknowledgementsRequest
) -> q.QueryPacketAcknowledgementsResponse:
    client_id = _client_with_counterparty(ctx, request.client_id)
    store = ctx.store(paths.STORE_NAME)
    answer = q.QueryPacketAcknowledgementsResponse(height=self_height_proto(ctx))
    if request.packet_commitment_sequences:
        for sequence in _sequences(request.packet_commitment_sequences):
            value = store.get(paths.packet_acknowledgement_v2(client_id, sequence))
            if value is not None:
                answer.acknowledgements.append(
                    packet_pb2.PacketState(client_id=client_id, sequence=sequence, data=value)
                )
        return answer
    prefix = paths.packet_acknowledgements_v2(client_id)
    page, response = page_of_store(store, prefix, request.pagination)
    answer.acknowledgements.extend(_state(client_id, key, value) for key, value in page)
    answer.pagination.CopyFrom(response)
    return answer


def _receipt(ctx: Context, request: q.QueryPacketReceiptRequest) -> q.QueryPacketReceiptResponse:
    client_id = _client_with_counterparty(ctx, request.client_id)
    (sequence,) = _sequences((request.sequence,))
    path = paths.packet_receipt_v2(client_id, sequence)
    return q.QueryPacketReceiptResponse(
        received=ctx.store(paths.STORE_NAME).get(path) is not None,
        proof_height=self_height_proto(ctx),
    )


def _unreceived(
    ctx: Context, request: q.QueryUnreceivedPacketsRequest
) -> q.QueryUnreceivedPacketsResponse:
    client_id = _client_with_counterparty(ctx, request.client_id)
    store = ctx.store(paths.STORE_NAME)
    missing = [
        sequence
        for sequence in _sequences(request.sequences)
        if store.get(paths.packet_receipt_v2(client_id, sequence)) is None
    ]
    return q.QueryUnreceivedPacketsResponse(sequences=missing, height=self_height_proto(ctx))


def _unreceived_acks(
    ctx: Context, request: q.QueryUnreceivedAcksRequest
) -> q.QueryUnreceivedAcksResponse:
    client_id = _client_with_counterparty(ctx, request.client_id)
    store = ctx.store(paths.STORE_NAME)
    open_ones = [
        sequence
        for sequence in _sequences(request.packet_ack_sequences)
        if store.get(paths.packet_commitment_v2(client_id, sequence)) is not None
    ]
    return q.QueryUnreceivedAcksResponse(sequences=open_ones, height=self_height_proto(ctx))


def _client_with_counterparty(ctx: Context, text: str) -> ClientId:
    client_id = parse_client_id(text)
    require_counterparty(ctx, client_id)
    return client_id


def _required(ctx: Context, text: str, number: int, key: _PacketKey) -> bytes:
    client_id = _client_with_counterparty(ctx, text)
    (sequence,) = _sequences((number,))
    value = ctx.store(paths.STORE_NAME).get(key(client_id, sequence))
    if value is None:
        raise KeyNotFound(f"nothing for packet sequence {sequence}")
    return value


def _sequences(numbers: Iterable[int]) -> tuple[Sequence, ...]:
    listed = tuple(numbers)
    if len(listed) > MAX_SEQUENCES_IN_QUERY:
        raise InvalidRequest(f"{len(listed)} packet sequences")
    if 0 in listed:
        raise InvalidRequest("packet sequence cannot be 0")
    return tuple(Sequence(number) for number in listed)


def _state(client_id: ClientId, key: bytes, value: bytes) -> packet_pb2.PacketState:
    return packet_pb2.PacketState(
        client_id=client_id, sequence=int.from_bytes(key, "big"), data=value
    )
