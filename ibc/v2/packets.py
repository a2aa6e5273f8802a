"""Packets of IBC v2: send, receive, acknowledge, time out, without the callbacks.

As in v1, the state has changed when one of these returns, before an application hears of the
packet; False means that somebody else had done it and nothing was changed.
"""

from dataclasses import dataclass

from chainkit.primitives.timestamps import NS_PER_SECOND
from chainkit.primitives.types import ClientId, Sequence, TimestampNs
from chainkit.runtime.context import Context
from ibc.ics02_client.clients import Clients
from ibc.ics02_client.errors import InvalidClientHeight
from ibc.ics24_host import paths
from ibc.sequences import read_sequence, write_sequence
from ibc.v2.codec import check_payloads, decode_packet_v2, encode_packet_v2
from ibc.v2.commitments import commit_acknowledgement_v2, commit_packet_v2
from ibc.v2.counterparties import require_counterparty
from ibc.v2.errors import (
    AcknowledgementExistsV2,
    InvalidAcknowledgementV2,
    InvalidCounterparty,
    InvalidPacketV2,
    InvalidTimeoutV2,
    SequenceSendNotFound,
    TimeoutElapsedV2,
    TimeoutNotReachedV2,
)
from ibc.v2.events import emit_packet_v2
from ibc.v2.limits import MAX_TIMEOUT_SECONDS
from ibc.v2.messages import AcknowledgePacketV2, RecvPacketV2, TimeoutPacketV2
from ibc.v2.types import AcknowledgementV2, Counterparty, PacketV2, Payload

_RECEIPT = b"\x02"
"""ibc-go v10 writes 2; what is proven is that there is something or nothing."""

_NO_DELAY = (0, 0)


@dataclass(frozen=True, slots=True)
class PacketsV2:
    """The packet layer of v2 over the clients; it fits the port ``PayloadSender``."""

    clients: Clients

    def send(
        self,
        ctx: Context,
        source_client: ClientId,
        timeout_timestamp: int,
        payloads: tuple[Payload, ...],
    ) -> PacketV2:
        """Commit to a packet and return it.

        Raises:
            CounterpartyNotFound: Nobody registered the client's counterparty.
            InvalidPayload: No payload, or too many bytes.
            InvalidTimeoutV2: The timeout is over a day away.
            TimeoutElapsedV2: The timeout is past here, or there as the client knows it.
            ClientNotActive: The client may not be used.
        """
        counterparty = require_counterparty(ctx, source_client)
        check_payloads(payloads)
        if timeout_timestamp * NS_PER_SECOND <= ctx.time:
            raise TimeoutElapsedV2(f"timeout {timeout_timestamp} is not after this block's time")
        if timeout_timestamp * NS_PER_SECOND > ctx.time + MAX_TIMEOUT_SECONDS * NS_PER_SECOND:
            raise InvalidTimeoutV2("timeout exceeds the maximum expected value")
        path = paths.next_sequence_send_v2(source_client)
        sequence = Sequence(read_sequence(ctx, path))
        if sequence == 0:
            raise SequenceSendNotFound(f"source client {source_client}")
        packet = PacketV2(
            sequence, source_client, counterparty.client_id, timeout_timestamp, payloads
        )
        self.clients.require_active(ctx, source_client)
        latest = self.clients.latest_height(ctx, source_client)
        if latest.is_zero():
            raise InvalidClientHeight(f"client ({source_client}) has no height")
        there = _seconds(self.clients.timestamp_at(ctx, source_client, latest))
        if there >= timeout_timestamp:
            raise TimeoutElapsedV2(f"the receiving chain is at {there}")
        write_sequence(ctx, path, sequence + 1)
        store = ctx.store(paths.STORE_NAME)
        store.set(paths.packet_commitment_v2(source_client, sequence), commit_packet_v2(packet))
        emit_packet_v2(ctx, "send_packet", packet)
        return packet

    def receive(self, ctx: Context, message: RecvPacketV2) -> bool:
        """Take a packet that the other chain has committed to, once.

        Raises:
            CounterpartyNotFound: Nobody registered the client's counterparty.
            InvalidCounterparty: The packet comes from another client.
            TimeoutElapsedV2: It reached this chain at or after its timeout.
            FailedMembershipVerification: The proof does not show the commitment.
        """
        packet = message.packet
        counterparty = _require_partner(ctx, packet.destination_client, packet.source_client)
        if _seconds(ctx.time) >= packet.timeout_timestamp:
            raise TimeoutElapsedV2(f"at {_seconds(ctx.time)}, timeout {packet.timeout_timestamp}")
        store = ctx.store(paths.STORE_NAME)
        receipt = paths.packet_receipt_v2(packet.destination_client, packet.sequence)
        if store.get(receipt) is not None:
            return False
        self.clients.verify_membership(
            ctx,
            packet.destination_client,
            message.proof_height,
            _NO_DELAY,
            message.proof_commitment,
            merkle_path(
                counterparty, paths.packet_commitment_v2(packet.source_client, packet.sequence)
            ),
            commit_packet_v2(packet),
        )
        store.set(receipt, _RECEIPT)
        emit_packet_v2(ctx, "recv_packet", packet)
        return True

    def write_acknowledgement(
        self,
        ctx: Context,
        packet: PacketV2,
        acknowledgement: AcknowledgementV2,
        more: tuple[tuple[str, str], ...] = (),
    ) -> None:
        """Commit to the answer to a received packet; ``more`` goes into the event.

        Raises:
            InvalidAcknowledgementV2: A success has not one entry for each payload.
            AcknowledgementExistsV2: The packet has been answered.
            InvalidPacketV2: The packet was not received.
        """
        entries = acknowledgement.app_acknowledgements
        if acknowledgement.is_success() and len(entries) != len(packet.payloads):
            raise InvalidAcknowledgementV2(
                f"{len(entries)} answers to {len(packet.payloads)} payloads"
            )
        store = ctx.store(paths.STORE_NAME)
        path = paths.packet_acknowledgement_v2(packet.destination_client, packet.sequence)
        if store.get(path) is not None:
            raise AcknowledgementExistsV2(f"sequence {packet.sequence}")
        receipt = paths.packet_receipt_v2(packet.destination_client, packet.sequence)
        if store.get(receipt) is None:
            raise InvalidPacketV2("receipt not found for packet")
        store.set(path, commit_acknowledgement_v2(acknowledgement))
        emit_packet_v2(ctx, "write_acknowledgement", packet, acknowledgement, more)

    def keep(self, ctx: Context, packet: PacketV2) -> None:
        """Keep a received packet that is answered later."""
        path = paths.async_packet_v2(packet.destination_client, packet.sequence)
        ctx.store(paths.STORE_NAME).set(path, encode_packet_v2(packet))

    def take_kept(self, ctx: Context, client_id: ClientId, sequence: Sequence) -> PacketV2:
        """Return a packet that was kept, and forget it.

        Raises:
            InvalidAcknowledgementV2: There is none of this client and sequence.
        """
        store = ctx.store(paths.STORE_NAME)
        path = paths.async_packet_v2(client_id, sequence)
        data = store.get(path)
        if data is None:
            raise InvalidAcknowledgementV2(f"no packet {sequence} of {client_id} waits")
        store.delete(path)
        return decode_packet_v2(data)

    def acknowledge(self, ctx: Context, message: AcknowledgePacketV2) -> bool:
        """Take the answer to a packet of this chain, once.

        Raises:
            InvalidPacketV2: It is not the packet that was sent.
            InvalidAcknowledgementV2: A success has not one entry for each payload.
            FailedMembershipVerification: The proof does not show the answer.
        """
        packet, answer = message.packet, message.acknowledgement
        counterparty = _require_partner(ctx, packet.source_client, packet.destination_client)
        if not self._was_sent(ctx, packet):
            return False
        if answer.is_success() and len(answer.app_acknowledgements) != len(packet.payloads):
            raise InvalidAcknowledgementV2("not one answer for each payload")
        self.clients.verify_membership(
            ctx,
            packet.source_client,
            message.proof_height,
            _NO_DELAY,
            message.proof_acked,
            merkle_path(
                counterparty,
                paths.packet_acknowledgement_v2(packet.destination_client, packet.sequence),
            ),
            commit_acknowledgement_v2(answer),
        )
        self._drop(ctx, packet)
        emit_packet_v2(ctx, "acknowledge_packet", packet)
        return True

    def time_out(self, ctx: Context, message: TimeoutPacketV2) -> bool:
        """Take the proof that a packet of this chain was not received in time, once.

        Raises:
            TimeoutNotReachedV2: At the proof's height the packet could still be received.
            InvalidPacketV2: It is not the packet that was sent.
            FailedNonMembershipVerification: The proof does not show that it was not received.
        """
        packet = message.packet
        counterparty = _require_partner(ctx, packet.source_client, packet.destination_client)
        there = _seconds(self.clients.timestamp_at(ctx, packet.source_client, message.proof_height))
        if there < packet.timeout_timestamp:
            raise TimeoutNotReachedV2(f"at {there}, timeout {packet.timeout_timestamp}")
        if not self._was_sent(ctx, packet):
            return False
        self.clients.verify_non_membership(
            ctx,
            packet.source_client,
            message.proof_height,
            _NO_DELAY,
            message.proof_unreceived,
            merkle_path(
                counterparty, paths.packet_receipt_v2(packet.destination_client, packet.sequence)
            ),
        )
        self._drop(ctx, packet)
        emit_packet_v2(ctx, "timeout_packet", packet)
        return True

    def _was_sent(self, ctx: Context, packet: PacketV2) -> bool:
        """Return whether the commitment is there; refuse another packet of that sequence."""
        path = paths.packet_commitment_v2(packet.source_client, packet.sequence)
        commitment = ctx.store(paths.STORE_NAME).get(path)
        if commitment is None:
            return False
        if commitment != commit_packet_v2(packet):
            raise InvalidPacketV2("the packet is not the one that was sent")
        return True

    def _drop(self, ctx: Context, packet: PacketV2) -> None:
        path = paths.packet_commitment_v2(packet.source_client, packet.sequence)
        ctx.store(paths.STORE_NAME).delete(path)


def merkle_path(counterparty: Counterparty, key: bytes) -> tuple[bytes, ...]:
    """Return the full path of a key there: it is joined to the prefix's last element."""
    *above, last = counterparty.merkle_prefix
    return (*above, last + key)


def _require_partner(ctx: Context, own: ClientId, other: ClientId) -> Counterparty:
    counterparty = require_counterparty(ctx, own)
    if counterparty.client_id != other:
        raise InvalidCounterparty(f"client {own} belongs to {counterparty.client_id}, not {other}")
    return counterparty


def _seconds(time: TimestampNs) -> int:
    return time // NS_PER_SECOND
