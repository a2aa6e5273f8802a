"""The values of IBC v2 (ibc-go v10, ``04-channel/v2`` and ``02-client/v2``)."""

from dataclasses import dataclass

from chainkit.primitives.hashing import sha256
from chainkit.primitives.heights import ZERO_HEIGHT
from chainkit.primitives.limits import UINT64_MAX
from chainkit.primitives.timestamps import NS_PER_SECOND
from chainkit.primitives.types import ChannelId, ClientId, PortId, Sequence, TimestampNs
from ibc.ics04_channel.types import Packet

ERROR_ACKNOWLEDGEMENT = sha256(b"UNIVERSAL_ERROR_ACKNOWLEDGEMENT")
"""What a receiver answers that refused a packet: one for all reasons."""


@dataclass(frozen=True, slots=True)
class Counterparty:
    """The client of us on the other chain, and what lies before its keys there."""

    merkle_prefix: tuple[bytes, ...]
    client_id: ClientId


@dataclass(frozen=True, slots=True)
class Payload:
    """What one application sends to another; ``value`` is in ``version`` and ``encoding``."""

    source_port: PortId
    destination_port: PortId
    version: str
    encoding: str
    value: bytes


@dataclass(frozen=True, slots=True)
class PacketV2:
    """Payloads that are received together or not at all.

    ``timeout_timestamp`` is in whole seconds of the receiving chain's time.
    """

    sequence: Sequence
    source_client: ClientId
    destination_client: ClientId
    timeout_timestamp: int
    payloads: tuple[Payload, ...]

    def entries(self) -> "tuple[PayloadEntry, ...]":
        """Return the payloads, each with what the packet says of it."""
        return tuple(PayloadEntry(self, payload) for payload in self.payloads)


@dataclass(frozen=True, slots=True)
class PayloadEntry:
    """One payload in its packet."""

    packet: PacketV2
    payload: Payload

    def as_packet(self, data: bytes) -> Packet:
        """Return the packet of v1 that would carry ``data``, with clients where channels are."""
        packet, payload = self.packet, self.payload
        return Packet(
            packet.sequence,
            payload.source_port,
            ChannelId(packet.source_client),
            payload.destination_port,
            ChannelId(packet.destination_client),
            data,
            ZERO_HEIGHT,
            TimestampNs(min(packet.timeout_timestamp * NS_PER_SECOND, UINT64_MAX)),
        )


@dataclass(frozen=True, slots=True)
class AcknowledgementV2:
    """One answer for each payload, or :data:`ERROR_ACKNOWLEDGEMENT` alone."""

    app_acknowledgements: tuple[bytes, ...]

    def is_success(self) -> bool:
        """Return whether the packet was accepted."""
        return self.app_acknowledgements[0] != ERROR_ACKNOWLEDGEMENT


REFUSED = AcknowledgementV2((ERROR_ACKNOWLEDGEMENT,))
