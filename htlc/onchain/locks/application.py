"""The port ``htlc``: a packet is a preimage and nothing else; it claims the lock that it opens."""

from chainkit.primitives.types import Address, ChannelId, ConnectionId, PortId
from chainkit.runtime.context import Context
from htlc.onchain.errors import WrongVersion
from htlc.onchain.locks.locks import HashLocks
from ibc.ics04_channel.acknowledgement import Acknowledgement, ResultAcknowledgement
from ibc.ics04_channel.types import ChannelCounterparty, Order, Packet

PORT_ID = PortId("htlc")
VERSION = "isthmus-htlc-1"


class HashLockApplication:
    """Answers for the port ``htlc``."""

    def __init__(self, locks: HashLocks) -> None:
        self._locks = locks

    def on_chan_open_init(
        self,
        ctx: Context,  # noqa: ARG002 - the port's signature, as below
        order: Order,  # noqa: ARG002
        connection_hops: tuple[ConnectionId, ...],  # noqa: ARG002
        port_id: PortId,  # noqa: ARG002
        channel_id: ChannelId,  # noqa: ARG002
        counterparty: ChannelCounterparty,  # noqa: ARG002
        version: str,
    ) -> str:
        """Propose our version."""
        if version:
            _check_version(version)
        return VERSION

    def on_chan_open_try(
        self,
        ctx: Context,  # noqa: ARG002 - the port's signature, as below
        order: Order,  # noqa: ARG002
        connection_hops: tuple[ConnectionId, ...],  # noqa: ARG002
        port_id: PortId,  # noqa: ARG002
        channel_id: ChannelId,  # noqa: ARG002
        counterparty: ChannelCounterparty,  # noqa: ARG002
        counterparty_version: str,
    ) -> str:
        """Take our version only."""
        _check_version(counterparty_version)
        return VERSION

    def on_chan_open_ack(
        self,
        ctx: Context,  # noqa: ARG002 - the port's signature, as below
        port_id: PortId,  # noqa: ARG002
        channel_id: ChannelId,  # noqa: ARG002
        counterparty_channel_id: ChannelId,  # noqa: ARG002
        counterparty_version: str,
    ) -> None:
        """Take our version only."""
        _check_version(counterparty_version)

    def on_chan_open_confirm(self, ctx: Context, port_id: PortId, channel_id: ChannelId) -> None:
        """Nothing is to be done."""

    def on_chan_close_init(self, ctx: Context, port_id: PortId, channel_id: ChannelId) -> None:
        """Let users close: a preimage can come by a transaction too."""

    def on_chan_close_confirm(self, ctx: Context, port_id: PortId, channel_id: ChannelId) -> None:
        """Nothing is to be done."""

    def on_recv_packet(
        self,
        ctx: Context,
        channel_version: str,
        packet: Packet,
        relayer: Address,  # noqa: ARG002 - the port's signature
    ) -> Acknowledgement | None:
        """Claim the lock that the preimage opens, for the receiver that its sender named."""
        _check_version(channel_version)
        self._locks.claim(ctx, packet.data)
        return ResultAcknowledgement(b"\x01")

    def on_acknowledgement_packet(
        self,
        ctx: Context,
        channel_version: str,
        packet: Packet,
        acknowledgement: bytes,
        relayer: Address,
    ) -> None:
        """Nothing here waits for the answer."""

    def on_timeout_packet(
        self, ctx: Context, channel_version: str, packet: Packet, relayer: Address
    ) -> None:
        """Nothing here waits for the answer."""


def _check_version(version: str) -> None:
    if version != VERSION:
        raise WrongVersion(f"expected {VERSION}, got {version[:64]!r}")
