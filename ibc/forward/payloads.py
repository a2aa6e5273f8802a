"""Transfers by IBC v2 are not forwarded: a memo that asks for it refuses the packet.

To give the tokens to the receiver here instead would not be what the sender asked.
"""

from dataclasses import dataclass

from chainkit.primitives.types import Address
from chainkit.runtime.context import Context
from ibc.errors import InvalidRequest
from ibc.forward.memo import parse_forward_memo
from ibc.ics04_channel.types import Packet
from ibc.ics20_transfer.packet_data import decode_transfer_data
from ibc.ics20_transfer.payloads import TransferPayloads
from ibc.v2.types import PayloadEntry


@dataclass(frozen=True, slots=True)
class UnforwardedPayloads:
    """Answers for payloads of the port ``transfer`` on a chain that forwards over channels."""

    inner: TransferPayloads

    def read(self, entry: PayloadEntry) -> Packet:
        """Return the payload as v1's packet of the same transfer.

        Raises:
            InvalidRequest: Its memo asks to forward.
        """
        packet = self.inner.read(entry)
        if parse_forward_memo(decode_transfer_data(packet.data).memo) is not None:
            raise InvalidRequest("transfers by IBC v2 are not forwarded")
        return packet

    def on_send_payload(self, ctx: Context, entry: PayloadEntry, signer: Address) -> None:
        """Take the tokens from their sender; the memo is for the other chain."""
        self.inner.on_send_payload(ctx, entry, signer)

    def on_recv_payload(self, ctx: Context, entry: PayloadEntry, relayer: Address) -> bytes:
        """Give the receiver the tokens, unless the memo asks to forward."""
        self.read(entry)
        return self.inner.on_recv_payload(ctx, entry, relayer)

    def on_acknowledge_payload(
        self, ctx: Context, entry: PayloadEntry, acknowledgement: bytes | None, relayer: Address
    ) -> None:
        """Refund the sender if the packet was refused."""
        self.inner.on_acknowledge_payload(ctx, entry, acknowledgement, relayer)

    def on_timeout_payload(self, ctx: Context, entry: PayloadEntry, relayer: Address) -> None:
        """Refund the sender."""
        self.inner.on_timeout_payload(ctx, entry, relayer)
