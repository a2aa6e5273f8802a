"""What transactions ask of channels and packets."""

from dataclasses import dataclass
from enum import Enum

from chainkit.primitives.heights import Height
from chainkit.primitives.types import Address, ChannelId, PortId, Sequence
from ibc.ics04_channel.types import ChannelEnd, Packet


class Outcome(Enum):
    """What became of a packet message; the numbers are those of ``ResponseResultType``."""

    NOOP = 1
    """Somebody else has relayed it before: no fault and nothing done."""
    SUCCESS = 2


@dataclass(frozen=True, slots=True)
class ChannelOpenInit:
    """Begin a channel on chain A."""

    port_id: PortId
    channel: ChannelEnd
    signer: Address


@dataclass(frozen=True, slots=True)
class ChannelOpenTry:
    """Answer A's beginning on chain B."""

    port_id: PortId
    channel: ChannelEnd
    counterparty_version: str
    proof_init: bytes
    proof_height: Height
    signer: Address


@dataclass(frozen=True, slots=True)
class ChannelOpenAck:
    """Accept B's answer on chain A."""

    port_id: PortId
    channel_id: ChannelId
    counterparty_channel_id: ChannelId
    counterparty_version: str
    proof_try: bytes
    proof_height: Height
    signer: Address


@dataclass(frozen=True, slots=True)
class ChannelOpenConfirm:
    """Tell chain B that A has accepted."""

    port_id: PortId
    channel_id: ChannelId
    proof_ack: bytes
    proof_height: Height
    signer: Address


@dataclass(frozen=True, slots=True)
class ChannelCloseInit:
    """Close this end of a channel, if the application lets users do so."""

    port_id: PortId
    channel_id: ChannelId
    signer: Address


@dataclass(frozen=True, slots=True)
class ChannelCloseConfirm:
    """Close this end since the other end is closed."""

    port_id: PortId
    channel_id: ChannelId
    proof_init: bytes
    proof_height: Height
    signer: Address


@dataclass(frozen=True, slots=True)
class RecvPacket:
    """Deliver a packet that the other chain has committed to."""

    packet: Packet
    proof_commitment: bytes
    proof_height: Height
    signer: Address


@dataclass(frozen=True, slots=True)
class AcknowledgePacket:
    """Bring the answer to a packet that this chain has sent."""

    packet: Packet
    acknowledgement: bytes
    proof_acked: bytes
    proof_height: Height
    signer: Address


@dataclass(frozen=True, slots=True)
class TimeoutPacket:
    """Prove that a packet of this chain was not received in time."""

    packet: Packet
    proof_unreceived: bytes
    proof_height: Height
    next_sequence_recv: Sequence
    signer: Address


@dataclass(frozen=True, slots=True)
class TimeoutOnClose:
    """Prove that a packet of this chain was not received before the channel was closed."""

    packet: Packet
    proof_unreceived: bytes
    proof_close: bytes
    proof_height: Height
    next_sequence_recv: Sequence
    signer: Address
