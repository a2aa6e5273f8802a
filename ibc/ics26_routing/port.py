"""The ports of an application on the packet layer and of the router's middleware."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Protocol

from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.heights import Height
from chainkit.primitives.types import (
    Address,
    ChannelId,
    ConnectionId,
    PortId,
    Sequence,
    TimestampNs,
)
from chainkit.runtime.context import Context
from chainkit.runtime.messages import MessageRouter
from chainkit.runtime.module import Module
from ibc.ics03_connection.connections import Connections
from ibc.ics04_channel.acknowledgement import Acknowledgement
from ibc.ics04_channel.messages import ChannelOpenInit
from ibc.ics04_channel.types import ChannelCounterparty, ChannelEnd, Order, Packet
from ibc.ics20_transfer.port import NO_LABELS, AssetLabels, TokenLedger
from ibc.ics26_routing.remotes import RemotePort
from ibc.v2.port import PayloadSender


class IbcApplication(Protocol):
    """What the core calls for packets and channels of the application's port (ICS-26).

    Every callback raises a ``RuleBroken`` to refuse. The core has already written or
    deleted its own state when it calls, so that a callback that submits the same message
    again finds it done.
    """

    def on_chan_open_init(
        self,
        ctx: Context,
        order: Order,
        connection_hops: tuple[ConnectionId, ...],
        port_id: PortId,
        channel_id: ChannelId,
        counterparty: ChannelCounterparty,
        version: str,
    ) -> str:
        """Return the version to propose; an empty ``version`` leaves it to the application."""
        ...

    def on_chan_open_try(
        self,
        ctx: Context,
        order: Order,
        connection_hops: tuple[ConnectionId, ...],
        port_id: PortId,
        channel_id: ChannelId,
        counterparty: ChannelCounterparty,
        counterparty_version: str,
    ) -> str:
        """Return the version that the channel will have."""
        ...

    def on_chan_open_ack(
        self,
        ctx: Context,
        port_id: PortId,
        channel_id: ChannelId,
        counterparty_channel_id: ChannelId,
        counterparty_version: str,
    ) -> None:
        """Check the version that the other side chose."""
        ...

    def on_chan_open_confirm(self, ctx: Context, port_id: PortId, channel_id: ChannelId) -> None:
        """Hear that the channel is open."""
        ...

    def on_chan_close_init(self, ctx: Context, port_id: PortId, channel_id: ChannelId) -> None:
        """Say whether a user may close the channel."""
        ...

    def on_chan_close_confirm(self, ctx: Context, port_id: PortId, channel_id: ChannelId) -> None:
        """Hear that the other side has closed the channel."""
        ...

    def on_recv_packet(
        self, ctx: Context, channel_version: str, packet: Packet, relayer: Address
    ) -> Acknowledgement | None:
        """Act on a packet.

        A ``RuleBroken`` and an ``ErrorAcknowledgement`` both refuse: the core drops what
        was written and answers with the code. None means that the application will call
        ``PacketSender.write_acknowledgement`` later.
        """
        ...

    def on_acknowledgement_packet(
        self,
        ctx: Context,
        channel_version: str,
        packet: Packet,
        acknowledgement: bytes,
        relayer: Address,
    ) -> None:
        """Act on the answer to a packet that was sent."""
        ...

    def on_timeout_packet(
        self, ctx: Context, channel_version: str, packet: Packet, relayer: Address
    ) -> None:
        """Undo a packet that was not received in time."""
        ...


class Admission(Enum):
    """What a rule says of a packet that it does not refuse."""

    DELIVER = auto()
    HOLD = auto()
    """The rule keeps the packet: no application sees it and it has no answer yet."""


class RouterMiddleware(Protocol):
    """A rule that the router asks before any application sees a received packet.

    A refusal leaves the receipt and an error acknowledgement with the refusal's code,
    nothing else, so that the origin is refunded. The other questions are asked before this
    chain sends, and before an application reads an answer.
    """

    @property
    def name(self) -> str:
        """The rule's name, for events."""
        ...

    def check_receive(
        self, ctx: Context, source: RemotePort, packet: Packet, relayer: Address
    ) -> Admission:
        """Return what to do with a packet, or raise a ``RuleBroken`` to refuse it.

        Who holds a packet delivers it later by ``Router.deliver_held``.
        """
        ...

    def hear_refusal(self, ctx: Context, source: RemotePort, refusal: RuleBroken) -> None:
        """Hear that a received packet was refused, by a rule or by the application.

        All that they wrote is undone when this is called; what this writes is kept.
        """
        ...

    def check_send(
        self, ctx: Context, destination: RemotePort, port_id: PortId, data: bytes
    ) -> None:
        """Raise a ``RuleBroken`` unless a packet may be sent from ``port_id``."""
        ...

    def admit_acknowledgement(
        self, ctx: Context, destination: RemotePort, packet: Packet, acknowledgement: bytes
    ) -> bytes:
        """Return what the application may read of an answer; never refuses."""
        ...


class PacketSender(Protocol):
    """What an application uses of the packet layer (ibc-go's ICS4Wrapper)."""

    def send_packet(
        self,
        ctx: Context,
        source_port: PortId,
        source_channel: ChannelId,
        timeout_height: Height,
        timeout_timestamp: TimestampNs,
        data: bytes,
    ) -> Sequence:
        """Commit to a packet and return its sequence."""
        ...

    def write_acknowledgement(
        self, ctx: Context, packet: Packet, acknowledgement: Acknowledgement
    ) -> None:
        """Answer a packet whose ``on_recv_packet`` returned None."""
        ...

    def channel(self, ctx: Context, port_id: PortId, channel_id: ChannelId) -> ChannelEnd | None:
        """Return a channel end of this chain."""
        ...


class ApplicationModule(Module, Protocol):
    """A module of the chain that also owns ports of the packet layer."""

    def ibc_applications(self) -> Mapping[PortId, IbcApplication]:
        """Return what answers for each port that the module owns."""
        ...


@dataclass(frozen=True, slots=True)
class ApplicationEnvironment:
    """What an application is built with."""

    packets: PacketSender
    ledger: TokenLedger
    account_prefix: str
    """The bech32 human-readable part of this chain's addresses."""
    payloads: PayloadSender
    """Sends packets of IBC v2."""
    connections: Connections
    open_channel: Callable[[Context, ChannelOpenInit], tuple[ChannelId, str]]
    """Begins a channel as a user's message does; returns its id and the proposed version."""
    labels: AssetLabels = NO_LABELS
    """Who hears of every move of tokens over channels."""
    messages: Callable[[], MessageRouter] | None = None
    """The chain's messages, for an application that executes some; None where none may."""


ApplicationFactory = Callable[[ApplicationEnvironment], ApplicationModule]
"""What an application package exports as ``APPLICATION``; adding one adds no line elsewhere."""
