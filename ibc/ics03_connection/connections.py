"""Connections: the handshake of ICS-03 as ibc-go v10 does it, and verifying through one.

Proofs of the other chain's client of us are accepted in the messages and not required: v10
leaves them out, since each chain trusts only its own client anyway.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

from chainkit.primitives.heights import Height
from chainkit.primitives.types import ClientId, ConnectionId, Sequence
from chainkit.runtime.context import Context
from chainkit.runtime.events import Event
from ibc.events import emit
from ibc.ics02_client.clients import Clients
from ibc.ics03_connection.codec import (
    decode_client_connections,
    decode_connection,
    encode_client_connections,
    encode_connection,
)
from ibc.ics03_connection.errors import (
    ConnectionNotFound,
    InvalidConnectionState,
    InvalidConnectionVersion,
)
from ibc.ics03_connection.messages import (
    ConnectionOpenAck,
    ConnectionOpenConfirm,
    ConnectionOpenInit,
    ConnectionOpenTry,
)
from ibc.ics03_connection.types import (
    ConnectionCounterparty,
    ConnectionEnd,
    ConnectionState,
)
from ibc.ics03_connection.versions import COMPATIBLE_VERSIONS, is_supported, pick_version
from ibc.ics04_channel.codec import encode_channel
from ibc.ics04_channel.commitments import commit_acknowledgement, commit_packet
from ibc.ics04_channel.types import ChannelEnd, Packet
from ibc.ics24_host import paths
from ibc.limits import CACHED_ENDS
from ibc.sequences import read_sequence, take_sequence, write_sequence

EVENT_MODULE = "ibc_connection"
DEFAULT_TIME_PER_BLOCK_NS = 30_000_000_000
"""ibc-go, ``DefaultTimePerBlock``."""

_NO_DELAY = (0, 0)
_NO_ID = ConnectionId("")


@dataclass(frozen=True, slots=True)
class Connections:
    """The connections of this chain."""

    clients: Clients

    def open_init(self, ctx: Context, message: ConnectionOpenInit) -> ConnectionId:
        """Begin a handshake here (chain A) and return the new connection's id.

        Raises:
            InvalidConnectionVersion: The version asked for is not supported.
            ClientNotActive: The client may not be used.
        """
        versions = COMPATIBLE_VERSIONS
        if message.version is not None:
            if not is_supported(COMPATIBLE_VERSIONS, message.version):
                raise InvalidConnectionVersion("version is not supported")
            versions = (message.version,)
        self.clients.require_active(ctx, message.client_id)
        end = ConnectionEnd(
            message.client_id,
            versions,
            ConnectionState.INIT,
            message.counterparty,
            message.delay_period_ns,
        )
        return self._add(ctx, end, "connection_open_init")

    def open_try(self, ctx: Context, message: ConnectionOpenTry) -> ConnectionId:
        """Answer here (chain B) what A has begun, by proof; return the new connection's id.

        Raises:
            VersionNegotiationFailed: The sides have no version in common.
        """
        expected_on_a = ConnectionEnd(
            message.counterparty.client_id,
            message.counterparty_versions,
            ConnectionState.INIT,
            ConnectionCounterparty(message.client_id, _NO_ID, paths.COMMITMENT_PREFIX),
            message.delay_period_ns,
        )
        end = ConnectionEnd(
            message.client_id,
            (pick_version(COMPATIBLE_VERSIONS, message.counterparty_versions),),
            ConnectionState.TRYOPEN,
            message.counterparty,
            message.delay_period_ns,
        )
        self._verify_connection(ctx, end, message.proof_height, message.proof_init, expected_on_a)
        return self._add(ctx, end, "connection_open_try")

    def open_ack(self, ctx: Context, message: ConnectionOpenAck) -> None:
        """Open the connection here (chain A) by the proof that B has answered.

        Raises:
            ConnectionNotFound: There is no such connection.
            InvalidConnectionState: It is not at this step, or the version is not one offered.
        """
        end = self.require(ctx, message.connection_id)
        if end.state is not ConnectionState.INIT:
            raise InvalidConnectionState(f"connection is {end.state.name}, not INIT")
        if not is_supported(end.versions, message.version):
            raise InvalidConnectionState("the version was not offered")
        opened = replace(
            end,
            state=ConnectionState.OPEN,
            versions=(message.version,),
            counterparty=replace(
                end.counterparty, connection_id=message.counterparty_connection_id
            ),
        )
        expected_on_b = self._seen_from_there(
            message.connection_id, opened, ConnectionState.TRYOPEN
        )
        self._verify_connection(ctx, opened, message.proof_height, message.proof_try, expected_on_b)
        self._set(ctx, message.connection_id, opened)
        _emit(ctx, "connection_open_ack", message.connection_id, opened)

    def open_confirm(self, ctx: Context, message: ConnectionOpenConfirm) -> None:
        """Open the connection here (chain B) by the proof that A has opened it."""
        end = self.require(ctx, message.connection_id)
        if end.state is not ConnectionState.TRYOPEN:
            raise InvalidConnectionState(f"connection is {end.state.name}, not TRYOPEN")
        expected_on_a = self._seen_from_there(message.connection_id, end, ConnectionState.OPEN)
        self._verify_connection(ctx, end, message.proof_height, message.proof_ack, expected_on_a)
        opened = replace(end, state=ConnectionState.OPEN)
        self._set(ctx, message.connection_id, opened)
        _emit(ctx, "connection_open_confirm", message.connection_id, opened)

    def get(self, ctx: Context, connection_id: ConnectionId) -> ConnectionEnd | None:
        """Return a connection end of this chain, or None."""
        value = ctx.store(paths.STORE_NAME).get(paths.connection(connection_id))
        return None if value is None else _read(value)

    def require(self, ctx: Context, connection_id: ConnectionId) -> ConnectionEnd:
        """Return a connection end, or refuse with ``ConnectionNotFound``."""
        end = self.get(ctx, connection_id)
        if end is None:
            raise ConnectionNotFound(connection_id[:64])
        return end

    def require_open(self, ctx: Context, connection_id: ConnectionId) -> ConnectionEnd:
        """Return an open connection end, or refuse with ``InvalidConnectionState``."""
        end = self.require(ctx, connection_id)
        if end.state is not ConnectionState.OPEN:
            raise InvalidConnectionState(f"connection is {end.state.name}, not OPEN")
        return end

    def verify_channel(
        self,
        ctx: Context,
        connection: ConnectionEnd,
        height: Height,
        proof: bytes,
        path: bytes,
        expected: ChannelEnd,
    ) -> None:
        """Verify that the other chain holds this channel end; the delay does not apply."""
        self._verify(ctx, connection, height, proof, path, encode_channel(expected), _NO_DELAY)

    def verify_packet_commitment(
        self,
        ctx: Context,
        connection: ConnectionEnd,
        height: Height,
        proof: bytes,
        packet: Packet,
    ) -> None:
        """Verify that the other chain has committed to sending the packet."""
        path = paths.packet_commitment(packet.source_port, packet.source_channel, packet.sequence)
        delay = self._delay(ctx, connection)
        self._verify(ctx, connection, height, proof, path, commit_packet(packet), delay)

    def verify_acknowledgement(
        self,
        ctx: Context,
        connection: ConnectionEnd,
        height: Height,
        proof: bytes,
        packet: Packet,
        acknowledgement: bytes,
    ) -> None:
        """Verify that the other chain has answered the packet with these bytes."""
        path = paths.packet_acknowledgement(
            packet.destination_port, packet.destination_channel, packet.sequence
        )
        value = commit_acknowledgement(acknowledgement)
        delay = self._delay(ctx, connection)
        self._verify(ctx, connection, height, proof, path, value, delay)

    def verify_next_sequence_recv(
        self,
        ctx: Context,
        connection: ConnectionEnd,
        height: Height,
        proof: bytes,
        packet: Packet,
        sequence: Sequence,
    ) -> None:
        """Verify which packet the other end of an ordered channel waits for."""
        path = paths.next_sequence_recv(packet.destination_port, packet.destination_channel)
        delay = self._delay(ctx, connection)
        self._verify(ctx, connection, height, proof, path, sequence.to_bytes(8, "big"), delay)

    def verify_receipt_absence(
        self,
        ctx: Context,
        connection: ConnectionEnd,
        height: Height,
        proof: bytes,
        packet: Packet,
    ) -> None:
        """Verify that the other end of an unordered channel has not received the packet."""
        path = paths.packet_receipt(
            packet.destination_port, packet.destination_channel, packet.sequence
        )
        self.clients.verify_non_membership(
            ctx,
            connection.client_id,
            height,
            self._delay(ctx, connection),
            proof,
            (connection.counterparty.prefix, path),
        )

    def _verify_connection(
        self,
        ctx: Context,
        end: ConnectionEnd,
        height: Height,
        proof: bytes,
        expected: ConnectionEnd,
    ) -> None:
        path = paths.connection(end.counterparty.connection_id)
        self._verify(ctx, end, height, proof, path, encode_connection(expected), _NO_DELAY)

    def _verify(
        self,
        ctx: Context,
        end: ConnectionEnd,
        height: Height,
        proof: bytes,
        path: bytes,
        value: bytes,
        delay: tuple[int, int],
    ) -> None:
        full_path = (end.counterparty.prefix, path)
        self.clients.verify_membership(ctx, end.client_id, height, delay, proof, full_path, value)

    def _seen_from_there(
        self, connection_id: ConnectionId, end: ConnectionEnd, state: ConnectionState
    ) -> ConnectionEnd:
        """Return what the other chain must hold for our end ``end``."""
        return ConnectionEnd(
            end.counterparty.client_id,
            end.versions,
            state,
            ConnectionCounterparty(end.client_id, connection_id, paths.COMMITMENT_PREFIX),
            end.delay_period_ns,
        )

    def _delay(self, ctx: Context, end: ConnectionEnd) -> tuple[int, int]:
        """Return the delay in nanoseconds and, rounded up, in blocks."""
        per_block = time_per_block_ns(ctx)
        return end.delay_period_ns, -(-end.delay_period_ns // per_block)

    def _add(self, ctx: Context, end: ConnectionEnd, event: str) -> ConnectionId:
        number = take_sequence(ctx, paths.NEXT_CONNECTION_SEQUENCE)
        connection_id = ConnectionId(f"connection-{number}")
        known = connections_of_client(ctx, end.client_id)
        ctx.store(paths.STORE_NAME).set(
            paths.client_connections(end.client_id),
            encode_client_connections((*known, connection_id)),
        )
        self._set(ctx, connection_id, end)
        _emit(ctx, event, connection_id, end)
        return connection_id

    def _set(self, ctx: Context, connection_id: ConnectionId, end: ConnectionEnd) -> None:
        ctx.store(paths.STORE_NAME).set(paths.connection(connection_id), encode_connection(end))


def connections_of_client(ctx: Context, client_id: ClientId) -> tuple[ConnectionId, ...]:
    """Return the ids of the connections over a client, oldest first."""
    value = ctx.store(paths.STORE_NAME).get(paths.client_connections(client_id))
    return () if value is None else decode_client_connections(value)


def time_per_block_ns(ctx: Context) -> int:
    """Return how long a block of this chain is expected to take at most."""
    return read_sequence(ctx, paths.CONNECTION_PARAMS) or DEFAULT_TIME_PER_BLOCK_NS


def set_time_per_block_ns(ctx: Context, duration_ns: int) -> None:
    """Say how long a block of this chain is expected to take at most."""
    write_sequence(ctx, paths.CONNECTION_PARAMS, duration_ns)


@lru_cache(CACHED_ENDS)
def _read(value: bytes) -> ConnectionEnd:
    """Decode; an end is read several times for each packet."""
    return decode_connection(value)


def _emit(ctx: Context, kind: str, connection_id: ConnectionId, end: ConnectionEnd) -> None:
    attributes = (
        ("connection_id", str(connection_id)),
        ("client_id", str(end.client_id)),
        ("counterparty_client_id", str(end.counterparty.client_id)),
        ("counterparty_connection_id", str(end.counterparty.connection_id)),
    )
    emit(ctx, EVENT_MODULE, Event(kind, attributes))
