"""What the relayer saw of one path, and what may be done about it: frozen values only."""

from dataclasses import dataclass
from enum import Enum

from chainkit.primitives.heights import Height
from chainkit.primitives.types import ChainId, ClientId, DurationNs, PortId, TimestampNs
from ibc.ics02_client.port import AnyValue
from ibc.ics04_channel.types import IdentifiedChannel, Order, Packet
from ibc.v2.types import AcknowledgementV2, PacketV2
from parachains.sdk.relaying import ChainStatus, ConnectionInfo


class Side(Enum):
    """One of the two chains of a path."""

    A = "a"
    B = "b"

    @property
    def other(self) -> "Side":
        """The chain at the other end."""
        return Side.B if self is Side.A else Side.A


@dataclass(frozen=True, slots=True)
class WantedChannel:
    """A channel that a path shall have; A begins the handshake."""

    port_a: PortId
    port_b: PortId
    version: str
    ordering: Order = Order.UNORDERED

    def port_on(self, side: Side) -> PortId:
        """Return the port at one end."""
        return self.port_a if side is Side.A else self.port_b


@dataclass(frozen=True, slots=True)
class PathSpec:
    """Two chains and the channels between them."""

    name: str
    chain_a: ChainId
    chain_b: ChainId
    channels: tuple[WantedChannel, ...]
    has_v2: bool = False
    """Whether packets of IBC v2 go between the two clients."""
    answers: bool = False
    """Whether channels that others begin on the path's connection are opened too."""


@dataclass(frozen=True, slots=True)
class ClientView:
    """The client on one chain that tracks the other."""

    client_id: ClientId
    latest_height: Height
    latest_time: TimestampNs
    trusting_period_ns: DurationNs
    is_frozen: bool
    is_forked: bool = False
    """Whether it keeps a block that the chain which it tracks does not have (any more)."""


@dataclass(frozen=True, slots=True)
class ClientFork:
    """A client that followed its chain up to a height, and then another branch."""

    client_id: ClientId
    state: AnyValue
    agreed: Height
    """A height at which it keeps what its chain has: the branches part above it."""


@dataclass(frozen=True, slots=True)
class OutgoingPacket:
    """A packet whose commitment is still on the chain that sent it."""

    packet: Packet
    ordering: Order
    is_received: bool
    acknowledgement: bytes | None
    is_destination_closed: bool


@dataclass(frozen=True, slots=True)
class OutgoingPacketV2:
    """A packet of IBC v2 whose commitment is still on the chain that sent it."""

    packet: PacketV2
    is_received: bool
    acknowledgement: AcknowledgementV2 | None


@dataclass(frozen=True, slots=True)
class EndView:
    """One chain of the path."""

    status: ChainStatus
    client: ClientView | None
    connection: ConnectionInfo | None
    channels: tuple[IdentifiedChannel, ...]
    outgoing: tuple[OutgoingPacket, ...]
    forks: tuple[ClientFork, ...] = ()
    """Clients here that nobody has shown the other chain's true branch yet."""
    counterparty: ClientId | None = None
    """The client there that belongs to the client here in IBC v2."""
    outgoing_v2: tuple[OutgoingPacketV2, ...] = ()


@dataclass(frozen=True, slots=True)
class PathView:
    """Both chains of the path, seen one after the other: neither need be the newest state."""

    a: EndView
    b: EndView

    def end(self, side: Side) -> EndView:
        """Return one chain's view."""
        return self.a if side is Side.A else self.b


@dataclass(frozen=True, slots=True)
class CreateClient:
    """Make the client on ``on`` that tracks the other chain."""

    on: Side


@dataclass(frozen=True, slots=True)
class RefreshClient:
    """Bring the client on ``on`` to the other chain's newest header."""

    on: Side


@dataclass(frozen=True, slots=True)
class ReportFork:
    """Show a client on ``on`` the branch that its chain really has: it freezes."""

    on: Side
    fork: ClientFork


@dataclass(frozen=True, slots=True)
class InitConnection:
    """ConnOpenInit."""

    on: Side
    client_id: ClientId
    other_client_id: ClientId


@dataclass(frozen=True, slots=True)
class TryConnection:
    """ConnOpenTry, answering ``other``, which is on the other chain."""

    on: Side
    client_id: ClientId
    other: ConnectionInfo


@dataclass(frozen=True, slots=True)
class AckConnection:
    """ConnOpenAck of ``own`` with the other chain's end."""

    on: Side
    own: ConnectionInfo
    other: ConnectionInfo


@dataclass(frozen=True, slots=True)
class ConfirmConnection:
    """ConnOpenConfirm of ``own`` with the other chain's end."""

    on: Side
    own: ConnectionInfo
    other: ConnectionInfo


@dataclass(frozen=True, slots=True)
class InitChannel:
    """ChanOpenInit of a wanted channel."""

    on: Side
    connection: ConnectionInfo
    wanted: WantedChannel


@dataclass(frozen=True, slots=True)
class TryChannel:
    """ChanOpenTry, answering ``other``."""

    on: Side
    connection: ConnectionInfo
    other: IdentifiedChannel


@dataclass(frozen=True, slots=True)
class AckChannel:
    """ChanOpenAck of ``own``."""

    on: Side
    own: IdentifiedChannel
    other: IdentifiedChannel


@dataclass(frozen=True, slots=True)
class ConfirmChannel:
    """ChanOpenConfirm of ``own``."""

    on: Side
    own: IdentifiedChannel
    other: IdentifiedChannel


@dataclass(frozen=True, slots=True)
class CloseChannel:
    """ChanCloseConfirm of ``own``: the other end is closed."""

    on: Side
    own: IdentifiedChannel
    other: IdentifiedChannel


@dataclass(frozen=True, slots=True)
class ReceivePacket:
    """MsgRecvPacket on the destination."""

    on: Side
    packet: Packet


@dataclass(frozen=True, slots=True)
class AcknowledgePacket:
    """MsgAcknowledgement on the sender."""

    on: Side
    packet: Packet
    acknowledgement: bytes


@dataclass(frozen=True, slots=True)
class TimeOutPacket:
    """MsgTimeout on the sender, or MsgTimeoutOnClose where the destination's end is closed."""

    on: Side
    packet: Packet
    ordering: Order
    is_on_close: bool


@dataclass(frozen=True, slots=True)
class RegisterCounterparty:
    """MsgRegisterCounterparty of IBC v2."""

    on: Side
    client_id: ClientId
    other_client_id: ClientId


@dataclass(frozen=True, slots=True)
class ReceivePacketV2:
    """IBC v2's MsgRecvPacket on the destination."""

    on: Side
    packet: PacketV2


@dataclass(frozen=True, slots=True)
class AcknowledgePacketV2:
    """IBC v2's MsgAcknowledgement on the sender."""

    on: Side
    packet: PacketV2
    acknowledgement: AcknowledgementV2


@dataclass(frozen=True, slots=True)
class TimeOutPacketV2:
    """IBC v2's MsgTimeout on the sender."""

    on: Side
    packet: PacketV2


@dataclass(frozen=True, slots=True)
class Stuck:
    """Nothing can be done on this side until an operator acts."""

    on: Side
    reason: str


Action = (
    CreateClient
    | RefreshClient
    | ReportFork
    | InitConnection
    | TryConnection
    | AckConnection
    | ConfirmConnection
    | InitChannel
    | TryChannel
    | AckChannel
    | ConfirmChannel
    | CloseChannel
    | ReceivePacket
    | AcknowledgePacket
    | TimeOutPacket
    | RegisterCounterparty
    | ReceivePacketV2
    | AcknowledgePacketV2
    | TimeOutPacketV2
    | Stuck
)
