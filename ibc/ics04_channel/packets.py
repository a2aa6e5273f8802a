"""Packets: send, receive, acknowledge, time out (ICS-04), without the callbacks.

Each of receive, acknowledge and time out has changed the state when it returns, before any
application hears of the packet; None means that somebody else had done it and nothing was
changed. So a callback that submits the same message again finds it done (ASA-2024-007).
"""

from dataclasses import dataclass, replace

from chainkit.primitives.heights import Height, chain_revision
from chainkit.primitives.types import ChannelId, PortId, Sequence, TimestampNs
from chainkit.runtime.context import Context
from ibc.ics02_client.errors import InvalidClientHeight
from ibc.ics03_connection.connections import Connections
from ibc.ics03_connection.types import ConnectionEnd
from ibc.ics04_channel import events
from ibc.ics04_channel.acknowledgement import (
    Acknowledgement,
    decode_acknowledgement,
    encode_acknowledgement,
)
from ibc.ics04_channel.channels import Channels, seen_from_there
from ibc.ics04_channel.codec import validate_packet
from ibc.ics04_channel.commitments import commit_acknowledgement, commit_packet
from ibc.ics04_channel.errors import (
    AcknowledgementExists,
    InvalidPacket,
    PacketReceived,
    PacketSequenceOutOfOrder,
    TimeoutElapsed,
    TimeoutNotReached,
)
from ibc.ics04_channel.messages import (
    AcknowledgePacket,
    RecvPacket,
    TimeoutOnClose,
    TimeoutPacket,
)
from ibc.ics04_channel.timeouts import has_timed_out
from ibc.ics04_channel.types import ChannelEnd, ChannelState, Order, Packet
from ibc.ics24_host import paths
from ibc.sequences import read_sequence, write_sequence

_RECEIPT = b"\x01"


@dataclass(frozen=True, slots=True)
class Packets:
    """The packet layer; it fits the port ``PacketSender``."""

    channels: Channels

    @property
    def _connections(self) -> Connections:
        return self.channels.connections

    def channel(self, ctx: Context, port_id: PortId, channel_id: ChannelId) -> ChannelEnd | None:
        """Return a channel end of this chain, or None."""
        return self.channels.get(ctx, port_id, channel_id)

    def send_packet(
        self,
        ctx: Context,
        source_port: PortId,
        source_channel: ChannelId,
        timeout_height: Height,
        timeout_timestamp: TimestampNs,
        data: bytes,
    ) -> Sequence:
        """Commit to a packet and return its sequence.

        Raises:
            ChannelNotFound: There is no such channel.
            InvalidChannelState: The channel is not open.
            InvalidPacket: No timeout, no data or too much.
            ClientNotActive: The client may not be used.
            TimeoutElapsed: The other chain, as the client knows it, is past the timeout.
        """
        end = self.channels.require_open(ctx, source_port, source_channel)
        path = paths.next_sequence_send(source_port, source_channel)
        packet = Packet(
            Sequence(read_sequence(ctx, path)),
            source_port,
            source_channel,
            end.counterparty.port_id,
            end.counterparty.channel_id,
            data,
            timeout_height,
            timeout_timestamp,
        )
        validate_packet(packet)
        client_id = self._connections.require(ctx, end.connection_hops[0]).client_id
        clients = self._connections.clients
        clients.require_active(ctx, client_id)
        latest = clients.latest_height(ctx, client_id)
        if latest.is_zero():
            raise InvalidClientHeight(f"client ({client_id}) has no height")
        if has_timed_out(packet, latest, clients.timestamp_at(ctx, client_id, latest)):
            raise TimeoutElapsed("the receiving chain is past the packet's timeout")
        write_sequence(ctx, path, packet.sequence + 1)
        ctx.store(paths.STORE_NAME).set(_commitment_path(packet), commit_packet(packet))
        events.emit_packet(ctx, "send_packet", packet, end, events.packet_data(packet))
        return packet.sequence

    def receive(self, ctx: Context, message: RecvPacket) -> ChannelEnd | None:
        """Take a packet that the other chain has committed to, once.

        Raises:
            ChannelNotFound: There is no such channel.
            InvalidChannelState: The channel is not open.
            InvalidPacket: It comes from another channel than the counterparty.
            TimeoutElapsed: It reached this chain at or after its timeout.
            FailedMembershipVerification: The proof does not show the commitment.
            PacketSequenceOutOfOrder: It is not the next one of an ordered channel.
        """
        packet = message.packet
        end = self.channels.require_open(ctx, packet.destination_port, packet.destination_channel)
        source = (packet.source_port, packet.source_channel)
        if source != (end.counterparty.port_id, end.counterparty.channel_id):
            raise InvalidPacket("packet source is not the channel's counterparty")
        connection = self._connections.require_open(ctx, end.connection_hops[0])
        if has_timed_out(packet, self_height(ctx), ctx.time):
            raise TimeoutElapsed(f"at {self_height(ctx)}, time {ctx.time}")
        self._connections.verify_packet_commitment(
            ctx, connection, message.proof_height, message.proof_commitment, packet
        )
        return end if self._take_receipt(ctx, packet, end) else None

    def recheck_receive(self, ctx: Context, packet: Packet) -> bool:
        """Write the receipt without proof, for a transaction that passed before; False if had."""
        end = self.channels.require(ctx, packet.destination_port, packet.destination_channel)
        return self._take_receipt(ctx, packet, end)

    def announce_receive(self, ctx: Context, packet: Packet, end: ChannelEnd) -> None:
        """Emit that a packet was received."""
        events.emit_packet(ctx, "recv_packet", packet, end, events.packet_data(packet))

    def write_acknowledgement(
        self,
        ctx: Context,
        packet: Packet,
        acknowledgement: Acknowledgement,
        more: tuple[tuple[str, str], ...] = (),
    ) -> None:
        """Commit to the answer to a received packet; ``more`` goes into the event.

        Raises:
            ChannelNotFound: There is no such channel.
            InvalidChannelState: The channel is not open.
            AcknowledgementExists: The packet has been answered.
        """
        end = self.channels.require_open(ctx, packet.destination_port, packet.destination_channel)
        store = ctx.store(paths.STORE_NAME)
        path = paths.packet_acknowledgement(
            packet.destination_port, packet.destination_channel, packet.sequence
        )
        if store.get(path) is not None:
            raise AcknowledgementExists(f"sequence {packet.sequence}")
        data = encode_acknowledgement(acknowledgement)
        store.set(path, commit_acknowledgement(data))
        attributes = (*events.packet_data(packet), *events.acknowledgement_data(data), *more)
        events.emit_packet(ctx, "write_acknowledgement", packet, end, attributes)

    def acknowledge(self, ctx: Context, message: AcknowledgePacket) -> ChannelEnd | None:
        """Take the answer to a packet of this chain, once.

        Raises:
            InvalidPacket: It is not the packet that was sent.
            InvalidAcknowledgement: The bytes decode but are not the one form of what they say.
            FailedMembershipVerification: The proof does not show the answer.
            PacketSequenceOutOfOrder: It is not the next one of an ordered channel.
        """
        packet = message.packet
        end = self.channels.require_open(ctx, packet.source_port, packet.source_channel)
        _require_destination(packet, end)
        connection = self._connections.require_open(ctx, end.connection_hops[0])
        if not self._was_sent(ctx, packet):
            return None
        decode_acknowledgement(message.acknowledgement)
        self._connections.verify_acknowledgement(
            ctx,
            connection,
            message.proof_height,
            message.proof_acked,
            packet,
            message.acknowledgement,
        )
        if end.ordering is Order.ORDERED:
            path = paths.next_sequence_ack(packet.source_port, packet.source_channel)
            expected = read_sequence(ctx, path)
            if packet.sequence != expected:
                raise PacketSequenceOutOfOrder(f"sequence {packet.sequence}, next {expected}")
            write_sequence(ctx, path, expected + 1)
        ctx.store(paths.STORE_NAME).delete(_commitment_path(packet))
        events.emit_packet(ctx, "acknowledge_packet", packet, end)
        return end

    def time_out(self, ctx: Context, message: TimeoutPacket) -> ChannelEnd | None:
        """Take the proof that a packet of this chain was not received in time, once.

        An ordered channel is closed by it.

        Raises:
            TimeoutNotReached: At the proof's height the packet could still be received.
            PacketReceived: It was received.
            FailedNonMembershipVerification: The proof does not show that it was not.
        """
        packet = message.packet
        end = self.channels.require(ctx, packet.source_port, packet.source_channel)
        _require_destination(packet, end)
        connection = self._connections.require(ctx, end.connection_hops[0])
        time_there = self._connections.clients.timestamp_at(
            ctx, connection.client_id, message.proof_height
        )
        if not has_timed_out(packet, message.proof_height, time_there):
            raise TimeoutNotReached(f"at {message.proof_height}, time {time_there}")
        if not self._was_sent(ctx, packet):
            return None
        self._verify_unreceived(ctx, connection, end, message)
        self._drop(ctx, packet, end)
        return end

    def time_out_on_close(self, ctx: Context, message: TimeoutOnClose) -> ChannelEnd | None:
        """Take the proof that a packet was not received before the other end was closed, once."""
        packet = message.packet
        end = self.channels.require(ctx, packet.source_port, packet.source_channel)
        _require_destination(packet, end)
        connection = self._connections.require(ctx, end.connection_hops[0])
        if not self._was_sent(ctx, packet):
            return None
        expected = seen_from_there(
            packet.source_port, packet.source_channel, end, connection, ChannelState.CLOSED
        )
        self._connections.verify_channel(
            ctx,
            connection,
            message.proof_height,
            message.proof_close,
            paths.channel(end.counterparty.port_id, end.counterparty.channel_id),
            expected,
        )
        self._verify_unreceived(ctx, connection, end, message)
        self._drop(ctx, packet, end)
        return end

    def _take_receipt(self, ctx: Context, packet: Packet, end: ChannelEnd) -> bool:
        """Note that the packet is received; return False if it was before."""
        port_id, channel_id = packet.destination_port, packet.destination_channel
        store = ctx.store(paths.STORE_NAME)
        if end.ordering is Order.UNORDERED:
            path = paths.packet_receipt(port_id, channel_id, packet.sequence)
            if store.get(path) is not None:
                return False
            store.set(path, _RECEIPT)
            return True
        path = paths.next_sequence_recv(port_id, channel_id)
        expected = read_sequence(ctx, path)
        if packet.sequence < expected:
            return False
        if packet.sequence != expected:
            raise PacketSequenceOutOfOrder(f"sequence {packet.sequence}, next {expected}")
        write_sequence(ctx, path, expected + 1)
        return True

    def _was_sent(self, ctx: Context, packet: Packet) -> bool:
        """Return whether the commitment is there; refuse another packet of that sequence."""
        commitment = ctx.store(paths.STORE_NAME).get(_commitment_path(packet))
        if commitment is None:
            return False
        if commitment != commit_packet(packet):
            raise InvalidPacket("the packet is not the one that was sent")
        return True

    def _verify_unreceived(
        self,
        ctx: Context,
        connection: ConnectionEnd,
        end: ChannelEnd,
        message: TimeoutPacket | TimeoutOnClose,
    ) -> None:
        height, proof, packet = message.proof_height, message.proof_unreceived, message.packet
        if end.ordering is Order.UNORDERED:
            self._connections.verify_receipt_absence(ctx, connection, height, proof, packet)
            return
        if message.next_sequence_recv > packet.sequence:
            raise PacketReceived(f"next sequence receive is {message.next_sequence_recv}")
        self._connections.verify_next_sequence_recv(
            ctx, connection, height, proof, packet, message.next_sequence_recv
        )

    def _drop(self, ctx: Context, packet: Packet, end: ChannelEnd) -> None:
        ctx.store(paths.STORE_NAME).delete(_commitment_path(packet))
        if end.ordering is Order.ORDERED:
            closed = replace(end, state=ChannelState.CLOSED)
            self.channels.set(ctx, packet.source_port, packet.source_channel, closed)
            events.emit_channel_closed(ctx, packet, closed)
        events.emit_packet(ctx, "timeout_packet", packet, end)


def self_height(ctx: Context) -> Height:
    """Return this chain's height as other chains know it."""
    return Height(chain_revision(ctx.chain_id), ctx.height)


def _commitment_path(packet: Packet) -> bytes:
    return paths.packet_commitment(packet.source_port, packet.source_channel, packet.sequence)


def _require_destination(packet: Packet, end: ChannelEnd) -> None:
    destination = (packet.destination_port, packet.destination_channel)
    if destination != (end.counterparty.port_id, end.counterparty.channel_id):
        raise InvalidPacket("packet destination is not the channel's counterparty")
