"""IBC's public queries, which every chain kind answers in the same protobuf messages.

A kind's client inherits :class:`IbcQueries` and says how one query is asked.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from collections.abc import Sequence as Items
from enum import Enum
from typing import Protocol, TypeVar

from google.protobuf.message import Message

from chainkit.primitives.errors import MalformedMessage, OperationFailed
from chainkit.primitives.heights import Height, parse_height
from chainkit.primitives.types import (
    ChannelId,
    ClientId,
    ConnectionId,
    PortId,
    Sequence,
    TimestampNs,
)
from chainkit.wire.proto.cosmos.base.query.v1beta1.pagination_pb2 import PageRequest
from chainkit.wire.proto.ibc.core.channel.v1 import query_pb2 as channel_query
from chainkit.wire.proto.ibc.core.channel.v2 import query_pb2 as channel_v2_query
from chainkit.wire.proto.ibc.core.client.v1 import query_pb2 as client_query
from chainkit.wire.proto.ibc.core.client.v2 import query_pb2 as client_v2_query
from chainkit.wire.proto.ibc.core.connection.v1 import connection_pb2
from chainkit.wire.proto.ibc.core.connection.v1 import query_pb2 as connection_query
from ibc.ics02_client.port import AnyValue
from ibc.ics03_connection.types import ConnectionCounterparty, ConnectionEnd, ConnectionState
from ibc.ics03_connection.versions import Version
from ibc.ics04_channel.types import (
    ChannelCounterparty,
    ChannelEnd,
    ChannelState,
    IdentifiedChannel,
    Order,
    Packet,
)
from ibc.v2.codec import decode_acknowledgement_v2, decode_packet_v2
from ibc.v2.events import ENCODED_ACKNOWLEDGEMENT, ENCODED_PACKET
from ibc.v2.types import AcknowledgementV2, PacketV2
from parachains.sdk.relaying import ConnectionInfo, HostedClient

M = TypeVar("M", bound=Message)
E = TypeVar("E", bound=Enum)

PAGE_LIMIT = 100
MAX_PAGES = 1_000
MAX_SEQUENCES_PER_QUERY = 100


class QueryFailed(OperationFailed):
    """A chain's query answered with a code."""

    def __init__(self, *, path: str, code: int, codespace: str, log: str) -> None:
        super().__init__(f"query {path} failed with {codespace}/{code}: {log[:200]}")
        self.path = path
        self.code = code
        self.codespace = codespace


class QueryTransport(Protocol):
    """Carries one gRPC query."""

    async def query(self, path: str, request: Message, answer: type[M]) -> M:
        """Return what a query answers at the newest height.

        Raises:
            QueryFailed: The chain answered with a code.
            OperationFailed: No node answered.
        """
        ...


class IbcQueries(ABC):
    """What a chain holds of IBC, as its queries tell it."""

    def __init__(self, ask: QueryTransport) -> None:
        self._ask = ask

    async def query(self, path: str, request: Message, answer: type[M]) -> M:
        """Return what any gRPC query of the chain's answers at the newest height.

        Raises:
            QueryFailed: The chain answered with a code.
            OperationFailed: No node answered.
        """
        return await self._ask.query(path, request, answer)

    async def fork_evidence(
        self,
        state: AnyValue,  # noqa: ARG002 - a relayer's port
        agreed: Height,  # noqa: ARG002 - a relayer's port
    ) -> tuple[AnyValue, ...]:
        """Return nothing: a kind whose light clients freeze on evidence says what shows it."""
        return ()

    async def clients(self) -> tuple[HostedClient, ...]:
        """Return every client here."""
        found: list[HostedClient] = []
        page = PageRequest(limit=PAGE_LIMIT)
        for _ in range(MAX_PAGES):
            answer = await self._ask.query(
                "/ibc.core.client.v1.Query/ClientStates",
                client_query.QueryClientStatesRequest(pagination=page),
                client_query.QueryClientStatesResponse,
            )
            found += (
                HostedClient(
                    ClientId(client.client_id),
                    AnyValue(client.client_state.type_url, client.client_state.value),
                )
                for client in answer.client_states
            )
            if not answer.pagination.next_key:
                break
            page = PageRequest(key=answer.pagination.next_key, limit=PAGE_LIMIT)
        return tuple(found)

    async def hosted_consensus_state(self, client_id: ClientId, height: Height) -> AnyValue | None:
        """Return what a client here keeps of ``height``, or None."""
        request = client_query.QueryConsensusStateRequest(
            client_id=client_id,
            revision_number=height.revision_number,
            revision_height=height.revision_height,
        )
        try:
            answer = await self._ask.query(
                "/ibc.core.client.v1.Query/ConsensusState",
                request,
                client_query.QueryConsensusStateResponse,
            )
        except QueryFailed:
            return None
        return AnyValue(answer.consensus_state.type_url, answer.consensus_state.value)

    async def consensus_heights(self, client_id: ClientId) -> tuple[Height, ...]:
        """Return the heights of which a client here keeps something, in no order."""
        found: list[Height] = []
        page = PageRequest(limit=PAGE_LIMIT)
        for _ in range(MAX_PAGES):
            answer = await self._ask.query(
                "/ibc.core.client.v1.Query/ConsensusStateHeights",
                client_query.QueryConsensusStateHeightsRequest(
                    client_id=client_id, pagination=page
                ),
                client_query.QueryConsensusStateHeightsResponse,
            )
            found += (
                Height(each.revision_number, each.revision_height)
                for each in answer.consensus_state_heights
            )
            if not answer.pagination.next_key:
                break
            page = PageRequest(key=answer.pagination.next_key, limit=PAGE_LIMIT)
        return tuple(found)

    async def connections(self) -> tuple[ConnectionInfo, ...]:
        """Return every connection end here."""
        found: list[ConnectionInfo] = []
        page = PageRequest(limit=PAGE_LIMIT)
        for _ in range(MAX_PAGES):
            answer = await self._ask.query(
                "/ibc.core.connection.v1.Query/Connections",
                connection_query.QueryConnectionsRequest(pagination=page),
                connection_query.QueryConnectionsResponse,
            )
            found += (_connection_of(connection) for connection in answer.connections)
            if not answer.pagination.next_key:
                break
            page = PageRequest(key=answer.pagination.next_key, limit=PAGE_LIMIT)
        return tuple(found)

    async def channels(self, connection_id: ConnectionId) -> tuple[IdentifiedChannel, ...]:
        """Return the channel ends on a connection."""
        found: list[IdentifiedChannel] = []
        page = PageRequest(limit=PAGE_LIMIT)
        for _ in range(MAX_PAGES):
            answer = await self._ask.query(
                "/ibc.core.channel.v1.Query/ConnectionChannels",
                channel_query.QueryConnectionChannelsRequest(
                    connection=connection_id, pagination=page
                ),
                channel_query.QueryConnectionChannelsResponse,
            )
            for channel in answer.channels:
                counterparty = ChannelCounterparty(
                    PortId(channel.counterparty.port_id), ChannelId(channel.counterparty.channel_id)
                )
                end = ChannelEnd(
                    known_member(ChannelState, channel.state),
                    known_member(Order, channel.ordering),
                    counterparty,
                    tuple(ConnectionId(hop) for hop in channel.connection_hops),
                    channel.version,
                )
                found.append(
                    IdentifiedChannel(PortId(channel.port_id), ChannelId(channel.channel_id), end)
                )
            if not answer.pagination.next_key:
                break
            page = PageRequest(key=answer.pagination.next_key, limit=PAGE_LIMIT)
        return tuple(found)

    async def commitments(self, port: PortId, channel: ChannelId) -> tuple[Sequence, ...]:
        """Return the sequences of packets sent from here that are not finished yet."""
        found: list[Sequence] = []
        page = PageRequest(limit=PAGE_LIMIT)
        for _ in range(MAX_PAGES):
            answer = await self._ask.query(
                "/ibc.core.channel.v1.Query/PacketCommitments",
                channel_query.QueryPacketCommitmentsRequest(
                    port_id=port, channel_id=channel, pagination=page
                ),
                channel_query.QueryPacketCommitmentsResponse,
            )
            found += (Sequence(commitment.sequence) for commitment in answer.commitments)
            if not answer.pagination.next_key:
                break
            page = PageRequest(key=answer.pagination.next_key, limit=PAGE_LIMIT)
        return tuple(sorted(found))

    async def unreceived(
        self, port: PortId, channel: ChannelId, sequences: Items[Sequence]
    ) -> frozenset[Sequence]:
        """Return which of the sequences were not received here."""
        missing: set[Sequence] = set()
        for start in range(0, len(sequences), MAX_SEQUENCES_PER_QUERY):
            answer = await self._ask.query(
                "/ibc.core.channel.v1.Query/UnreceivedPackets",
                channel_query.QueryUnreceivedPacketsRequest(
                    port_id=port,
                    channel_id=channel,
                    packet_commitment_sequences=sequences[start : start + MAX_SEQUENCES_PER_QUERY],
                ),
                channel_query.QueryUnreceivedPacketsResponse,
            )
            missing.update(Sequence(sequence) for sequence in answer.sequences)
        return frozenset(missing)

    async def counterparty(self, client_id: ClientId) -> ClientId | None:
        """Return the client there that belongs to a client here in IBC v2, or None."""
        request = client_v2_query.QueryCounterpartyInfoRequest(client_id=client_id)
        try:
            answer = await self._ask.query(
                "/ibc.core.client.v2.Query/CounterpartyInfo",
                request,
                client_v2_query.QueryCounterpartyInfoResponse,
            )
        except QueryFailed:
            return None
        return ClientId(answer.counterparty_info.client_id)

    async def commitments_v2(self, client_id: ClientId) -> tuple[Sequence, ...]:
        """Return the sequences of packets of IBC v2 sent from here that are not finished yet."""
        found: list[Sequence] = []
        page = PageRequest(limit=PAGE_LIMIT)
        for _ in range(MAX_PAGES):
            answer = await self._ask.query(
                "/ibc.core.channel.v2.Query/PacketCommitments",
                channel_v2_query.QueryPacketCommitmentsRequest(
                    client_id=client_id, pagination=page
                ),
                channel_v2_query.QueryPacketCommitmentsResponse,
            )
            found += (Sequence(commitment.sequence) for commitment in answer.commitments)
            if not answer.pagination.next_key:
                break
            page = PageRequest(key=answer.pagination.next_key, limit=PAGE_LIMIT)
        return tuple(sorted(found))

    async def unreceived_v2(
        self, client_id: ClientId, sequences: Items[Sequence]
    ) -> frozenset[Sequence]:
        """Return which of the packets of IBC v2 to a client were not received here."""
        missing: set[Sequence] = set()
        for start in range(0, len(sequences), MAX_SEQUENCES_PER_QUERY):
            answer = await self._ask.query(
                "/ibc.core.channel.v2.Query/UnreceivedPackets",
                channel_v2_query.QueryUnreceivedPacketsRequest(
                    client_id=client_id,
                    sequences=sequences[start : start + MAX_SEQUENCES_PER_QUERY],
                ),
                channel_v2_query.QueryUnreceivedPacketsResponse,
            )
            missing.update(Sequence(sequence) for sequence in answer.sequences)
        return frozenset(missing)

    @abstractmethod
    async def event_v2(
        self, kind: str, client_id: ClientId, sequence: Sequence
    ) -> Mapping[str, str] | None:
        """Return the attributes of the event of a packet of IBC v2, by its client here."""

    async def sent_packet_v2(self, client_id: ClientId, sequence: Sequence) -> PacketV2 | None:
        """Return a packet of IBC v2 that was sent from here, or None where none is found."""
        found = await self.event_v2("send_packet", client_id, sequence)
        return None if found is None else decode_packet_v2(hex_attribute(found, ENCODED_PACKET))

    async def acknowledgement_v2(
        self, client_id: ClientId, sequence: Sequence
    ) -> AcknowledgementV2 | None:
        """Return the answer written here for a packet of IBC v2, or None yet."""
        found = await self.event_v2("write_acknowledgement", client_id, sequence)
        if found is None:
            return None
        return decode_acknowledgement_v2(hex_attribute(found, ENCODED_ACKNOWLEDGEMENT))


def known_member(kind: type[E], number: int) -> E:
    """Return the member of an enum that a number in an answer stands for.

    Raises:
        MalformedMessage: There is none.
    """
    try:
        return kind(number)
    except ValueError as error:
        raise MalformedMessage(f"no {kind.__name__} {number}") from error


def _connection_of(connection: connection_pb2.IdentifiedConnection) -> ConnectionInfo:
    counterparty = connection.counterparty
    end = ConnectionEnd(
        client_id=ClientId(connection.client_id),
        versions=tuple(
            Version(version.identifier, tuple(version.features)) for version in connection.versions
        ),
        state=known_member(ConnectionState, connection.state),
        counterparty=ConnectionCounterparty(
            ClientId(counterparty.client_id),
            ConnectionId(counterparty.connection_id),
            counterparty.prefix.key_prefix,
        ),
        delay_period_ns=connection.delay_period,
    )
    return ConnectionInfo(ConnectionId(connection.id), end)


def packet_of_event(attributes: dict[str, str]) -> Packet:
    """Return the packet whose sending or receiving an event tells.

    Raises:
        MalformedMessage: The event lacks a part of it.
    """
    try:
        return Packet(
            sequence=Sequence(int(attributes["packet_sequence"])),
            source_port=PortId(attributes["packet_src_port"]),
            source_channel=ChannelId(attributes["packet_src_channel"]),
            destination_port=PortId(attributes["packet_dst_port"]),
            destination_channel=ChannelId(attributes["packet_dst_channel"]),
            data=hex_attribute(attributes, "packet_data_hex"),
            timeout_height=parse_height(attributes["packet_timeout_height"]),
            timeout_timestamp=TimestampNs(int(attributes["packet_timeout_timestamp"])),
        )
    except (KeyError, ValueError) as error:
        raise MalformedMessage("event of a sent packet lacks an attribute") from error


def hex_attribute(attributes: Mapping[str, str], name: str) -> bytes:
    """Return the bytes of an event's hex attribute."""
    try:
        return bytes.fromhex(attributes[name])
    except (KeyError, ValueError) as error:
        raise MalformedMessage(f"event has no hex attribute {name}") from error
