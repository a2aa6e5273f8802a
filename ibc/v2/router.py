"""The core of IBC v2 with its applications: each message, then the callbacks of its payloads."""

from collections.abc import Mapping
from dataclasses import dataclass

from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.types import Address, ClientId, PortId
from chainkit.runtime.context import Context
from chainkit.runtime.errors import OutOfGas
from ibc.ics04_channel.errors import InvalidRoute
from ibc.ics04_channel.messages import Outcome
from ibc.ics04_channel.types import Packet
from ibc.ics26_routing.port import Admission, RouterMiddleware
from ibc.ics26_routing.remotes import RemotePort
from ibc.ics26_routing.router import as_callback_error
from ibc.v2.counterparties import require_relayer
from ibc.v2.errors import InvalidPacketV2
from ibc.v2.messages import AcknowledgePacketV2, RecvPacketV2, SendPacketV2, TimeoutPacketV2
from ibc.v2.packets import PacketsV2
from ibc.v2.port import PayloadApplication
from ibc.v2.types import (
    ERROR_ACKNOWLEDGEMENT,
    REFUSED,
    AcknowledgementV2,
    PacketV2,
    Payload,
    PayloadEntry,
)


@dataclass(frozen=True, slots=True)
class CheckedPayloadSender:
    """Asks every rule before a packet is committed to; fits ``PayloadSender``."""

    packets: PacketsV2
    middleware: tuple[RouterMiddleware, ...]

    def send(
        self,
        ctx: Context,
        source_client: ClientId,
        timeout_timestamp: int,
        payloads: tuple[Payload, ...],
    ) -> PacketV2:
        """Commit to a packet and return it, unless a rule refuses it."""
        packet = self.packets.send(ctx, source_client, timeout_timestamp, payloads)
        for payload in payloads:
            destination = RemotePort(source_client, payload.destination_port)
            for rule in self.middleware:
                rule.check_send(ctx, destination, payload.source_port, payload.value)
        return packet


@dataclass(frozen=True, slots=True)
class RouterV2:
    """What each port is answered by, and the rules before it."""

    packets: PacketsV2
    applications: Mapping[PortId, PayloadApplication]
    account_prefix: str
    middleware: tuple[RouterMiddleware, ...] = ()

    def application(self, port_id: PortId) -> PayloadApplication:
        """Return the application of a port, or refuse with ``InvalidRoute``."""
        application = self.applications.get(port_id)
        if application is None:
            raise InvalidRoute(f"route not found to portID: {port_id[:128]}")
        return application

    def send_packet(self, ctx: Context, message: SendPacketV2) -> PacketV2:
        """Commit to a packet; each application does what sending means."""
        sender = CheckedPayloadSender(self.packets, self.middleware)
        packet = sender.send(
            ctx, message.source_client, message.timeout_timestamp, message.payloads
        )
        for entry in packet.entries():
            application = self.application(entry.payload.source_port)
            application.on_send_payload(ctx, entry, message.signer)
        return packet

    def recv_packet(self, ctx: Context, message: RecvPacketV2) -> Outcome:
        """Receive a packet: receipt, then for each payload the rules and its application.

        A refusal of one payload undoes all, keeps the receipt and answers with
        ``ERROR_ACKNOWLEDGEMENT``.
        """
        packet = message.packet
        require_relayer(ctx, packet.destination_client, message.signer, self.account_prefix)
        if not self.packets.receive(ctx, message):
            return Outcome.NOOP
        self._deliver(ctx, packet, message.signer)
        return Outcome.SUCCESS

    def deliver_held(self, ctx: Context, packet: Packet, relayer: Address) -> None:
        """Deliver a packet that a rule has kept back; every rule judges it once more.

        Raises:
            InvalidAcknowledgementV2: No such packet waits.
        """
        client_id = ClientId(packet.destination_channel)
        self._deliver(ctx, self.packets.take_kept(ctx, client_id, packet.sequence), relayer)

    def refuse_held(self, ctx: Context, packet: Packet, refused_by: str) -> None:
        """Answer a packet that a rule has kept back with ``ERROR_ACKNOWLEDGEMENT``.

        Raises:
            InvalidAcknowledgementV2: No such packet waits.
        """
        client_id = ClientId(packet.destination_channel)
        kept = self.packets.take_kept(ctx, client_id, packet.sequence)
        self.packets.write_acknowledgement(ctx, kept, REFUSED, (("refused_by", refused_by),))

    def acknowledge_packet(self, ctx: Context, message: AcknowledgePacketV2) -> Outcome:
        """Take an answer; the commitment is gone before the applications hear of it."""
        packet = message.packet
        require_relayer(ctx, packet.source_client, message.signer, self.account_prefix)
        if not self.packets.acknowledge(ctx, message):
            return Outcome.NOOP
        answers: tuple[bytes | None, ...] = (None,) * len(packet.payloads)
        if message.acknowledgement.is_success():
            answers = message.acknowledgement.app_acknowledgements
        for entry, answer in zip(packet.entries(), answers, strict=True):
            application = self.application(entry.payload.source_port)
            admitted = answer
            if admitted is not None:
                seen = application.read(entry)
                destination = RemotePort(packet.source_client, entry.payload.destination_port)
                for rule in self.middleware:
                    admitted = rule.admit_acknowledgement(ctx, destination, seen, admitted)
            application.on_acknowledge_payload(ctx, entry, admitted, message.signer)
        return Outcome.SUCCESS

    def time_out_packet(self, ctx: Context, message: TimeoutPacketV2) -> Outcome:
        """Take a timeout; the commitment is gone before the applications hear of it."""
        packet = message.packet
        require_relayer(ctx, packet.source_client, message.signer, self.account_prefix)
        if not self.packets.time_out(ctx, message):
            return Outcome.NOOP
        for entry in packet.entries():
            application = self.application(entry.payload.source_port)
            application.on_timeout_payload(ctx, entry, message.signer)
        return Outcome.SUCCESS

    def _deliver(self, ctx: Context, packet: PacketV2, relayer: Address) -> None:
        """Let every payload be judged and received, and write the answer if there is one."""
        with ctx.savepoint() as savepoint:
            try:
                answers = self._receive_all(ctx, packet, relayer)
            except OutOfGas:
                # The payer's own limit is no answer to the sender.
                raise
            except RuleBroken as error:
                refused_by = f"{error.codespace}/{error.code}"
                refusal = error
                dropped = savepoint.discard()
            else:
                if answers is None:
                    self.packets.keep(ctx, packet)
                    return
                acknowledgement = AcknowledgementV2(answers)
                self.packets.write_acknowledgement(ctx, packet, acknowledgement)
                return
        for event in dropped:
            ctx.emit(as_callback_error(event))
        source = RemotePort(packet.destination_client, packet.payloads[0].source_port)
        for rule in self.middleware:
            rule.hear_refusal(ctx, source, refusal)
        more = (("refused_by", refused_by),)
        self.packets.write_acknowledgement(ctx, packet, REFUSED, more)

    def _receive_all(
        self, ctx: Context, packet: PacketV2, relayer: Address
    ) -> tuple[bytes, ...] | None:
        """Return each application's answer, or None where a rule keeps the packet.

        Raises:
            RuleBroken: A rule or an application refuses a payload.
            InvalidPacketV2: A rule keeps one payload of several: they cannot be parted.
        """
        answers = []
        for entry in packet.entries():
            application = self.application(entry.payload.destination_port)
            if self._is_kept(ctx, application, entry, relayer):
                if len(packet.payloads) > 1:
                    raise InvalidPacketV2("a packet of several payloads cannot be kept")
                return None
            answer = application.on_recv_payload(ctx, entry, relayer)
            assert answer
            assert answer != ERROR_ACKNOWLEDGEMENT
            answers.append(answer)
        return tuple(answers)

    def _is_kept(
        self, ctx: Context, application: PayloadApplication, entry: PayloadEntry, relayer: Address
    ) -> bool:
        if not self.middleware:
            return False
        seen = application.read(entry)
        source = RemotePort(entry.packet.destination_client, entry.payload.source_port)
        return any(
            rule.check_receive(ctx, source, seen, relayer) is Admission.HOLD
            for rule in self.middleware
        )
