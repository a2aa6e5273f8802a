"""What transactions ask of IBC v2."""

from dataclasses import dataclass

from chainkit.primitives.heights import Height
from chainkit.primitives.types import Address, ClientId
from ibc.v2.types import AcknowledgementV2, Counterparty, PacketV2, Payload


@dataclass(frozen=True, slots=True)
class RegisterCounterparty:
    """Say which client of the other chain belongs to a client here."""

    client_id: ClientId
    counterparty: Counterparty
    signer: Address


@dataclass(frozen=True, slots=True)
class UpdateClientConfig:
    """Say who may relay for a client; no address means everybody."""

    client_id: ClientId
    allowed_relayers: tuple[str, ...]
    signer: Address


@dataclass(frozen=True, slots=True)
class SendPacketV2:
    """Send payloads; ``timeout_timestamp`` is in seconds."""

    source_client: ClientId
    timeout_timestamp: int
    payloads: tuple[Payload, ...]
    signer: Address


@dataclass(frozen=True, slots=True)
class RecvPacketV2:
    """Deliver a packet with the proof of its commitment."""

    packet: PacketV2
    proof_commitment: bytes
    proof_height: Height
    signer: Address


@dataclass(frozen=True, slots=True)
class AcknowledgePacketV2:
    """Bring the answer to a packet with the proof of it."""

    packet: PacketV2
    acknowledgement: AcknowledgementV2
    proof_acked: bytes
    proof_height: Height
    signer: Address


@dataclass(frozen=True, slots=True)
class TimeoutPacketV2:
    """Show that a packet was not received in time."""

    packet: PacketV2
    proof_unreceived: bytes
    proof_height: Height
    signer: Address
