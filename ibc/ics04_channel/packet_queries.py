"""``ibc.core.channel.v1.Query``: the packets."""

from collections.abc import Callable, Iterable

from chainkit.primitives.types import ChannelId, PortId, Sequence
from chainkit.runtime.context import Context
from chainkit.runtime.errors import InvalidRequest, KeyNotFound
from chainkit.runtime.messages import QueryRoute
from chainkit.wire.proto.ibc.core.channel.v1 import channel_pb2, query_pb2
from ibc.ics03_connection.queries import self_height_proto
from ibc.ics04_channel.queries import REST, SERVICE, ChannelQueries
from ibc.ics04_channel.types import Order
from ibc.ics24_host import paths
from ibc.limits import MAX_SEQUENCES_IN_QUERY
from ibc.pagination import page_of_store
from ibc.queries import query_route
from ibc.sequences import read_sequence

_PacketPath = Callable[[PortId, ChannelId, Sequence], bytes]


class PacketQueries:
    """Answers about the packets of this chain's channels."""

    def __init__(self, channels: ChannelQueries) -> None:
        self._channels = channels

    def routes(self) -> tuple[QueryRoute, ...]:
        """Return the routes of the service that are about packets."""
        q = query_pb2
        return (
            query_route(
                SERVICE + "PacketCommitment",
                q.QueryPacketCommitmentRequest,
                self._commitment,
                (REST + "/packet_commitments/{sequence}",),
            ),
            query_route(
                SERVICE + "PacketCommitments",
                q.QueryPacketCommitmentsRequest,
                self._commitments,
                (REST + "/packet_commitments",),
            ),
            query_route(
                SERVICE + "PacketReceipt",
                q.QueryPacketReceiptRequest,
                self._receipt,
                (REST + "/packet_receipts/{sequence}",),
            ),
            query_route(
                SERVICE + "PacketAcknowledgement",
                q.QueryPacketAcknowledgementRequest,
                self._acknowledgement,
                (REST + "/packet_acks/{sequence}",),
            ),
            query_route(
                SERVICE + "PacketAcknowledgements",
                q.QueryPacketAcknowledgementsRequest,
                self._acknowledgements,
                (REST + "/packet_acknowledgements",),
            ),
            query_route(
                SERVICE + "UnreceivedPackets",
                q.QueryUnreceivedPacketsRequest,
                self._unreceived,
                (REST + "/packet_commitments/{packet_commitment_sequences}/unreceived_packets",),
            ),
            query_route(
                SERVICE + "UnreceivedAcks",
                q.QueryUnreceivedAcksRequest,
                self._unreceived_acks,
                (REST + "/packet_commitments/{packet_ack_sequences}/unreceived_acks",),
            ),
        )

    def _commitment(
        self, ctx: Context, request: query_pb2.QueryPacketCommitmentRequest
    ) -> query_pb2.QueryPacketCommitmentResponse:
        value = self._required(ctx, request, paths.packet_commitment)
        return query_pb2.QueryPacketCommitmentResponse(
            commitment=value, proof_height=self_height_proto(ctx)
        )

    def _acknowledgement(
        self, ctx: Context, request: query_pb2.QueryPacketAcknowledgementRequest
    ) -> query_pb2.QueryPacketAcknowledgementResponse:
        value = self._required(ctx, request, paths.packet_acknowledgement)
        return query_pb2.QueryPacketAcknowledgementResponse(
            acknowledgement=value, proof_height=self_height_proto(ctx)
        )

    def _receipt(
        self, ctx: Context, request: query_pb2.QueryPacketReceiptRequest
    ) -> query_pb2.QueryPacketReceiptResponse:
        channel = self._channels.require(ctx, request.port_id, request.channel_id)
        _check_sequences((request.sequence,))
        path = paths.packet_receipt(channel.port_id, channel.channel_id, Sequence(request.sequence))
        received = ctx.store(paths.STORE_NAME).get(path) is not None
        return query_pb2.QueryPacketReceiptResponse(
            received=received, proof_height=self_height_proto(ctx)
        )

    def _commitments(
        self, ctx: Context, request: query_pb2.QueryPacketCommitmentsRequest
    ) -> query_pb2.QueryPacketCommitmentsResponse:
        channel = self._channels.require(ctx, request.port_id, request.channel_id)
        prefix = paths.packet_commitments(channel.port_id, channel.channel_id)
        page, response = page_of_store(ctx.store(paths.STORE_NAME), prefix, request.pagination)
        found = [
            _state(channel.port_id, channel.channel_id, int(key), value) for key, value in page
        ]
        return query_pb2.QueryPacketCommitmentsResponse(
            commitments=found, pagination=response, height=self_height_proto(ctx)
        )

    def _acknowledgements(
        self, ctx: Context, request: query_pb2.QueryPacketAcknowledgementsRequest
    ) -> query_pb2.QueryPacketAcknowledgementsResponse:
        channel = self._channels.require(ctx, request.port_id, request.channel_id)
        port_id, channel_id = channel.port_id, channel.channel_id
        asked = request.packet_commitment_sequences
        store = ctx.store(paths.STORE_NAME)
        answer = query_pb2.QueryPacketAcknowledgementsResponse(height=self_height_proto(ctx))
        if asked:
            _check_sequences(asked)
            for number in asked:
                value = store.get(
                    paths.packet_acknowledgement(port_id, channel_id, Sequence(number))
                )
                if value is not None:
                    answer.acknowledgements.append(_state(port_id, channel_id, number, value))
            return answer
        prefix = paths.packet_acknowledgements(port_id, channel_id)
        page, response = page_of_store(store, prefix, request.pagination)
        answer.acknowledgements.extend(
            _state(port_id, channel_id, int(key), value) for key, value in page
        )
        answer.pagination.CopyFrom(response)
        return answer

    def _unreceived(
        self, ctx: Context, request: query_pb2.QueryUnreceivedPacketsRequest
    ) -> query_pb2.QueryUnreceivedPacketsResponse:
        channel = self._channels.require(ctx, request.port_id, request.channel_id)
        _check_sequences(request.packet_commitment_sequences)
        port_id, channel_id = channel.port_id, channel.channel_id
        store = ctx.store(paths.STORE_NAME)
        if channel.end.ordering is Order.ORDERED:
            expected = read_sequence(ctx, paths.next_sequence_recv(port_id, channel_id))
            missing = [n for n in request.packet_commitment_sequences if n >= expected]
        else:
            missing = [
                n
                for n in request.packet_commitment_sequences
                if store.get(paths.packet_receipt(port_id, channel_id, Sequence(n))) is None
            ]
        return query_pb2.QueryUnreceivedPacketsResponse(
            sequences=missing, height=self_height_proto(ctx)
        )

    def _unreceived_acks(
        self, ctx: Context, request: query_pb2.QueryUnreceivedAcksRequest
    ) -> query_pb2.QueryUnreceivedAcksResponse:
        channel = self._channels.require(ctx, request.port_id, request.channel_id)
        _check_sequences(request.packet_ack_sequences)
        port_id, channel_id = channel.port_id, channel.channel_id
        store = ctx.store(paths.STORE_NAME)
        open_ones = [
            n
            for n in request.packet_ack_sequences
            if store.get(paths.packet_commitment(port_id, channel_id, Sequence(n))) is not None
        ]
        return query_pb2.QueryUnreceivedAcksResponse(
            sequences=open_ones, height=self_height_proto(ctx)
        )

    def _required(
        self,
        ctx: Context,
        request: query_pb2.QueryPacketCommitmentRequest
        | query_pb2.QueryPacketAcknowledgementRequest,
        path: _PacketPath,
    ) -> bytes:
        channel = self._channels.require(ctx, request.port_id, request.channel_id)
        _check_sequences((request.sequence,))
        key = path(channel.port_id, channel.channel_id, Sequence(request.sequence))
        value = ctx.store(paths.STORE_NAME).get(key)
        if value is None:
            raise KeyNotFound(f"nothing for packet sequence {request.sequence}")
        return value


def _check_sequences(sequences: Iterable[int]) -> None:
    listed = tuple(sequences)
    if len(listed) > MAX_SEQUENCES_IN_QUERY:
        raise InvalidRequest(f"{len(listed)} packet sequences")
    if 0 in listed:
        raise InvalidRequest("packet sequence cannot be 0")


def _state(
    port_id: PortId, channel_id: ChannelId, sequence: int, value: bytes
) -> channel_pb2.PacketState:
    return channel_pb2.PacketState(
        port_id=port_id, channel_id=channel_id, sequence=sequence, data=value
    )
