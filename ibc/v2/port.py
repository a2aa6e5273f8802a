"""The ports of an application on IBC v2."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from chainkit.primitives.types import Address, ClientId, PortId
from chainkit.runtime.context import Context
from ibc.ics04_channel.types import Packet
from ibc.v2.types import PacketV2, Payload, PayloadEntry


class PayloadApplication(Protocol):
    """What the core calls for payloads of the application's port (ibc-go ``api.IBCModule``).

    Every callback raises a ``RuleBroken`` to refuse.
    """

    def read(self, entry: PayloadEntry) -> Packet:
        """Return the payload as a packet of v1, which is what rules before it read."""
        ...

    def on_send_payload(self, ctx: Context, entry: PayloadEntry, signer: Address) -> None:
        """Do what sending the payload means, for whoever signed for it."""
        ...

    def on_recv_payload(self, ctx: Context, entry: PayloadEntry, relayer: Address) -> bytes:
        """Act on a payload and return the answer, which is not empty."""
        ...

    def on_acknowledge_payload(
        self, ctx: Context, entry: PayloadEntry, acknowledgement: bytes | None, relayer: Address
    ) -> None:
        """Act on the answer; None means that the packet was refused."""
        ...

    def on_timeout_payload(self, ctx: Context, entry: PayloadEntry, relayer: Address) -> None:
        """Undo a payload that was not received in time."""
        ...


@runtime_checkable
class PayloadModule(Protocol):
    """A module of the chain that also answers for payloads of IBC v2."""

    def payload_applications(self) -> Mapping[PortId, PayloadApplication]:
        """Return what answers for each port."""
        ...


class PayloadSender(Protocol):
    """What an application uses to send payloads of its own."""

    def send(
        self,
        ctx: Context,
        source_client: ClientId,
        timeout_timestamp: int,
        payloads: tuple[Payload, ...],
    ) -> PacketV2:
        """Commit to a packet and return it; ``timeout_timestamp`` is in seconds."""
        ...
