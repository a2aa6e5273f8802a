"""Channel ends and packets as ICS-04 has them."""

from dataclasses import dataclass
from enum import Enum

from chainkit.primitives.heights import Height
from chainkit.primitives.types import ChannelId, ConnectionId, PortId, Sequence, TimestampNs


class ChannelState(Enum):
    """Where a channel end is in its life; the numbers are those of the protobuf."""

    UNINITIALIZED = 0
    INIT = 1
    TRYOPEN = 2
    OPEN = 3
    CLOSED = 4


class Order(Enum):
    """Whether packets must arrive in the order in which they were sent."""

    NONE = 0
    UNORDERED = 1
    ORDERED = 2


@dataclass(frozen=True, slots=True)
class ChannelCounterparty:
    """The other end of a channel; its id is empty until the handshake tells it."""

    port_id: PortId
    channel_id: ChannelId


@dataclass(frozen=True, slots=True)
class ChannelEnd:
    """One end of a channel as it lies in the store (ICS-04, "Channel")."""

    state: ChannelState
    ordering: Order
    counterparty: ChannelCounterparty
    connection_hops: tuple[ConnectionId, ...]
    version: str


@dataclass(frozen=True, slots=True)
class IdentifiedChannel:
    """A channel end with the names that this chain has for it."""

    port_id: PortId
    channel_id: ChannelId
    end: ChannelEnd


@dataclass(frozen=True, slots=True)
class Packet:
    """Data that one application sends to another on another chain (ICS-04, "Packet").

    ``timeout_height`` 0-0 means no limit by height, ``timeout_timestamp`` 0 none by time;
    both are the receiving chain's.
    """

    sequence: Sequence
    source_port: PortId
    source_channel: ChannelId
    destination_port: PortId
    destination_channel: ChannelId
    data: bytes
    timeout_height: Height
    timeout_timestamp: TimestampNs
