"""The core with its applications: each message, then the callback of the port it is for."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.types import Address, ChannelId, PortId
from chainkit.runtime.context import Context
from chainkit.runtime.errors import OutOfGas
from chainkit.runtime.events import Event
from ibc.ics04_channel.acknowledgement import Acknowledgement, ErrorAcknowledgement
from ibc.ics04_channel.errors import InvalidRoute
from ibc.ics04_channel.messages import (
    AcknowledgePacket,
    ChannelCloseConfirm,
    ChannelCloseInit,
    ChannelOpenAck,
    ChannelOpenConfirm,
    ChannelOpenInit,
    ChannelOpenTry,
    Outcome,
    RecvPacket,
    TimeoutOnClose,
    TimeoutPacket,
)
from ibc.ics04_channel.packets import Packets
from ibc.ics04_channel.types import ChannelEnd, Packet
from ibc.ics26_routing.port import Admission, IbcApplication, RouterMiddleware
from ibc.ics26_routing.remotes import Remotes

CALLBACK_ERROR_PREFIX = "ibccallbackerror-"
"""ibc-go, ``ErrorAttributeKeyPrefix``: before what a refused receive would have reported."""


@dataclass(frozen=True, slots=True)
class Router:
    """What each port is answered by, and the rules before it."""

    packets: Packets
    applications: Mapping[PortId, IbcApplication]
    middleware: tuple[RouterMiddleware, ...] = ()

    def application(self, port_id: PortId) -> IbcApplication:
        """Return the application of a port, or refuse with ``InvalidRoute``.

        One that is registered for ``name-`` answers for every port ``name-...``.
        """
        family = PortId(port_id.partition("-")[0] + "-")
        application = self.applications.get(port_id) or self.applications.get(family)
        if application is None:
            raise InvalidRoute(f"route not found to portID: {port_id[:128]}")
        return application

    def channel_open_init(self, ctx: Context, message: ChannelOpenInit) -> tuple[ChannelId, str]:
        """Begin a channel; return its id and the version that the application proposes."""
        application = self.application(message.port_id)
        channel_id = self.packets.channels.check_open_init(ctx, message)
        end = message.channel
        version = application.on_chan_open_init(
            ctx,
            end.ordering,
            end.connection_hops,
            message.port_id,
            channel_id,
            end.counterparty,
            end.version,
        )
        end = replace(end, version=version)
        self.packets.channels.write_open(ctx, "channel_open_init", message.port_id, channel_id, end)
        return channel_id, version

    def channel_open_try(self, ctx: Context, message: ChannelOpenTry) -> tuple[ChannelId, str]:
        """Answer a channel; return its id here and the version that it will have."""
        application = self.application(message.port_id)
        channel_id = self.packets.channels.check_open_try(ctx, message)
        end = message.channel
        version = application.on_chan_open_try(
            ctx,
            end.ordering,
            end.connection_hops,
            message.port_id,
            channel_id,
            end.counterparty,
            message.counterparty_version,
        )
        end = replace(end, version=version)
        self.packets.channels.write_open(ctx, "channel_open_try", message.port_id, channel_id, end)
        return channel_id, version

    def channel_open_ack(self, ctx: Context, message: ChannelOpenAck) -> None:
        """Open a channel that the other side has answered."""
        application = self.application(message.port_id)
        self.packets.channels.open_ack(ctx, message)
        application.on_chan_open_ack(
            ctx,
            message.port_id,
            message.channel_id,
            message.counterparty_channel_id,
            message.counterparty_version,
        )

    def channel_open_confirm(self, ctx: Context, message: ChannelOpenConfirm) -> None:
        """Open a channel that the other side has opened."""
        application = self.application(message.port_id)
        self.packets.channels.open_confirm(ctx, message)
        application.on_chan_open_confirm(ctx, message.port_id, message.channel_id)

    def channel_close_init(self, ctx: Context, message: ChannelCloseInit) -> None:
        """Close a channel for a user, if the application lets it."""
        application = self.application(message.port_id)
        application.on_chan_close_init(ctx, message.port_id, message.channel_id)
        self.packets.channels.close_init(ctx, message.port_id, message.channel_id)

    def channel_close_confirm(self, ctx: Context, message: ChannelCloseConfirm) -> None:
        """Close a channel that the other side has closed."""
        application = self.application(message.port_id)
        self.packets.channels.close_confirm(ctx, message)
        application.on_chan_close_confirm(ctx, message.port_id, message.channel_id)

    def recv_packet(self, ctx: Context, message: RecvPacket) -> Outcome:
        """Receive a packet: receipt, then the middleware, then the application, then the answer.

        A refusal by middleware or application keeps the receipt and answers with its code.
        """
        application = self.application(message.packet.destination_port)
        end = self.packets.receive(ctx, message)
        if end is None:
            return Outcome.NOOP
        mark = ctx.events.mark()
        self.packets.announce_receive(ctx, message.packet, end)
        acknowledgement, rule = self._deliver(ctx, application, end, message.packet, message.signer)
        if rule:
            first, *rest = ctx.events.cut(mark)
            for event in (first.with_attribute("refused_by", rule), *rest):
                ctx.emit(event)
        self._answer(ctx, message.packet, acknowledgement, rule)
        return Outcome.SUCCESS

    def deliver_held(self, ctx: Context, packet: Packet, relayer: Address) -> None:
        """Deliver a packet that a rule has kept back; every rule judges it once more.

        Its receipt was taken when it came, so it can be delivered or refused, not twice.

        Raises:
            ChannelNotFound: The channel is gone.
        """
        port_id, channel_id = packet.destination_port, packet.destination_channel
        end = self.packets.channels.require(ctx, port_id, channel_id)
        application = self.application(port_id)
        acknowledgement, rule = self._deliver(ctx, application, end, packet, relayer)
        self._answer(ctx, packet, acknowledgement, rule)

    def acknowledge_packet(self, ctx: Context, message: AcknowledgePacket) -> Outcome:
        """Take an answer; the commitment is gone before the application hears of it."""
        application = self.application(message.packet.source_port)
        end = self.packets.acknowledge(ctx, message)
        if end is None:
            return Outcome.NOOP
        answer = message.acknowledgement
        destination = Remotes(self.packets.channels).of_channel(ctx, end)
        for rule in self.middleware:
            answer = rule.admit_acknowledgement(ctx, destination, message.packet, answer)
        application.on_acknowledgement_packet(
            ctx, end.version, message.packet, answer, message.signer
        )
        return Outcome.SUCCESS

    def time_out_packet(self, ctx: Context, message: TimeoutPacket | TimeoutOnClose) -> Outcome:
        """Take a timeout; the commitment is gone before the application hears of it."""
        application = self.application(message.packet.source_port)
        if isinstance(message, TimeoutPacket):
            end = self.packets.time_out(ctx, message)
        else:
            end = self.packets.time_out_on_close(ctx, message)
        if end is None:
            return Outcome.NOOP
        application.on_timeout_packet(ctx, end.version, message.packet, message.signer)
        return Outcome.SUCCESS

    def _answer(
        self, ctx: Context, packet: Packet, acknowledgement: Acknowledgement | None, rule: str
    ) -> None:
        if acknowledgement is not None:
            more = (("refused_by", rule),) if rule else ()
            self.packets.write_acknowledgement(ctx, packet, acknowledgement, more)

    def _deliver(
        self,
        ctx: Context,
        application: IbcApplication,
        end: ChannelEnd,
        packet: Packet,
        relayer: Address,
    ) -> tuple[Acknowledgement | None, str]:
        """Return the answer, None while there is none, and by which rule it was refused."""
        refusal: RuleBroken | None = None
        source = Remotes(self.packets.channels).of_channel(ctx, end)
        with ctx.savepoint() as savepoint:
            try:
                for rule in self.middleware:
                    if rule.check_receive(ctx, source, packet, relayer) is Admission.HOLD:
                        return None, ""
                acknowledgement = application.on_recv_packet(ctx, end.version, packet, relayer)
            except OutOfGas:
                # The payer's own limit is no answer to the sender.
                raise
            except RuleBroken as error:
                refusal = error
                acknowledgement = ErrorAcknowledgement(error.code)
                refused_by = f"{error.codespace}/{error.code}"
            else:
                if not isinstance(acknowledgement, ErrorAcknowledgement):
                    return acknowledgement, ""
                refused_by = f"{packet.destination_port}/{acknowledgement.code}"
            dropped = savepoint.discard()
        for event in dropped:
            ctx.emit(as_callback_error(event))
        if refusal is not None:
            for rule in self.middleware:
                rule.hear_refusal(ctx, source, refusal)
        return acknowledgement, refused_by


def as_callback_error(event: Event) -> Event:
    """Return an event of a refused receive under the name that says so."""
    return event.renamed(CALLBACK_ERROR_PREFIX)
