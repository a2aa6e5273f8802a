"""ICS-20 over IBC v2: the same tokens and data, with a client where v1 has a channel.

Ports are not agreed on beforehand in v2, so both ends must be ``transfer``; and a base
denomination has no slash, since without channels nothing else tells hops from base.
"""

from dataclasses import dataclass

from chainkit.primitives.amounts import Coin
from chainkit.primitives.timestamps import NS_PER_SECOND
from chainkit.primitives.types import Address, ClientId, Sequence
from chainkit.runtime.context import Context
from chainkit.runtime.events import Event
from ibc.addresses import parse_address
from ibc.errors import InvalidRequest, Unauthorized
from ibc.events import emit
from ibc.ics04_channel.acknowledgement import RemoteError, encode_acknowledgement
from ibc.ics04_channel.types import Packet
from ibc.ics20_transfer.application import (
    ACCEPTED,
    PORT_ID,
    emit_packet_event,
    require_acknowledgement,
)
from ibc.ics20_transfer.denoms import extract_denom
from ibc.ics20_transfer.encodings import DEFAULT_ENCODING, decode_value, encode_value
from ibc.ics20_transfer.errors import InvalidDenom, InvalidTransferVersion
from ibc.ics20_transfer.messages import Transfer
from ibc.ics20_transfer.packet_data import (
    TransferData,
    encode_transfer_data,
    validate_transfer_data,
)
from ibc.ics20_transfer.transfers import MODULE, VERSION, Transfers, emit_transfer
from ibc.ics24_host.identifiers import parse_client_sequence
from ibc.v2.errors import InvalidPacketV2
from ibc.v2.port import PayloadSender
from ibc.v2.types import Payload, PayloadEntry


@dataclass(frozen=True, slots=True)
class TransferPayloads:
    """Answers for payloads of the port ``transfer``."""

    transfers: Transfers

    def transfer(self, ctx: Context, message: Transfer, sender: PayloadSender) -> Sequence:
        """Send a ``MsgTransfer`` over a client and return the packet's sequence.

        Raises:
            CounterpartyNotFound: The message names neither a channel nor such a client.
            InvalidRequest: It has a timeout by height, which v2 has not.
            InvalidType: The encoding is unknown.
        """
        if not message.timeout_height.is_zero():
            raise InvalidRequest("IBC v2 has no timeout by height")
        encoding = message.encoding or DEFAULT_ENCODING
        _, data = self.transfers.prepare(ctx, message)
        payload = Payload(PORT_ID, PORT_ID, VERSION, encoding, encode_value(data, encoding))
        timeout = message.timeout_timestamp // NS_PER_SECOND
        packet = sender.send(ctx, ClientId(message.source_channel), timeout, (payload,))
        self.on_send_payload(ctx, packet.entries()[0], message.sender)
        return packet.sequence

    def read(self, entry: PayloadEntry) -> Packet:
        """Return the payload as v1's packet of the same transfer.

        Raises:
            InvalidType: The value is not of its encoding.
        """
        return entry.as_packet(encode_transfer_data(_data_of(entry)))

    def on_send_payload(self, ctx: Context, entry: PayloadEntry, signer: Address) -> None:
        """Take the tokens from their sender, who must have signed."""
        data = _data_of(entry)
        _check_ends(entry)
        if parse_address(data.sender, self.transfers.account_prefix) != signer:
            raise Unauthorized("the sender is not who signed")
        amount = validate_transfer_data(data)
        denom = extract_denom(data.denom)
        if "/" in denom.base:
            raise InvalidDenom("a base denomination with a slash cannot go by IBC v2")
        coin = Coin(denom.local_denom(), amount)
        packet = entry.as_packet(b"")
        goes_home = self.transfers.take(
            ctx, signer, coin, packet.source_port, packet.source_channel
        )
        self.transfers.labels.sent(
            ctx,
            signer,
            coin,
            packet.source_port,
            packet.source_channel,
            packet.sequence,
            goes_home=goes_home,
        )
        emit_transfer(ctx, data)

    def on_recv_payload(
        self,
        ctx: Context,
        entry: PayloadEntry,
        relayer: Address,  # noqa: ARG002 - the port's signature
    ) -> bytes:
        """Give the receiver the tokens."""
        _check_ends(entry)
        data = _data_of(entry)
        self.transfers.receive(ctx, entry.as_packet(b""), data)
        emit_packet_event(ctx, data, (("success", "true"),))
        return encode_acknowledgement(ACCEPTED)

    def on_acknowledge_payload(
        self,
        ctx: Context,
        entry: PayloadEntry,
        acknowledgement: bytes | None,
        relayer: Address,  # noqa: ARG002 - the port's signature
    ) -> None:
        """Refund the sender if the packet was refused.

        Raises:
            InvalidType: The answer is not ICS-04's envelope.
            InvalidRequest: It is an error of the application's own, which v2 has not.
        """
        data = _data_of(entry)
        if acknowledgement is None:
            self.transfers.refund(ctx, entry.as_packet(b""), data)
            emit_packet_event(ctx, data, ())
            ctx.emit(Event("fungible_token_packet", (("error", "the packet was refused"),)))
            return
        decoded = require_acknowledgement(acknowledgement)
        if isinstance(decoded, RemoteError):
            raise InvalidRequest("cannot pass in a custom error acknowledgement with IBC v2")
        self.transfers.labels.answered(ctx, entry.as_packet(b""))
        shown = ("acknowledgement", acknowledgement.decode(errors="replace"))
        emit_packet_event(ctx, data, (shown,))
        result = ("success", decoded.result.decode(errors="replace"))
        ctx.emit(Event("fungible_token_packet", (result,)))

    def on_timeout_payload(
        self,
        ctx: Context,
        entry: PayloadEntry,
        relayer: Address,  # noqa: ARG002 - the port's signature
    ) -> None:
        """Refund the sender."""
        data = _data_of(entry)
        self.transfers.refund(ctx, entry.as_packet(b""), data)
        attributes = (
            ("refund_receiver", data.sender),
            ("refund_denom", data.denom),
            ("refund_amount", data.amount),
            ("memo", data.memo),
        )
        emit(ctx, MODULE, Event("timeout", attributes))


def _data_of(entry: PayloadEntry) -> TransferData:
    payload = entry.payload
    if payload.version != VERSION:
        raise InvalidTransferVersion(f"{payload.version[:64]!r}")
    return decode_value(payload.value, payload.encoding)


def _check_ends(entry: PayloadEntry) -> None:
    payload, packet = entry.payload, entry.packet
    if (payload.source_port, payload.destination_port) != (PORT_ID, PORT_ID):
        raise InvalidPacketV2(f"a payload of {PORT_ID} has another port")
    parse_client_sequence(packet.source_client)
    parse_client_sequence(packet.destination_client)
