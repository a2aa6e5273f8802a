"""What a packet asks of the hub, read from its data: a reader for each port."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.types import PortId
from chainkit.runtime.context import Context
from ibc.forward.memo import parse_forward_memo
from ibc.ics04_channel.types import Packet
from ibc.ics20_transfer.application import PORT_ID as TRANSFER_PORT
from ibc.ics20_transfer.packet_data import decode_transfer_data, validate_transfer_data
from ibc.ics20_transfer.transfers import denom_here
from integrity.axes import HIGHEST, LOWEST
from integrity.records import Contents

HASH_LOCK_PORT = PortId("htlc")
PREIMAGE_BYTES = 32

DATA_FOR_THE_HUB = Contents(port_level=HIGHEST)
"""Plain data for a port of the hub: it asks for the hub's own level, see the guard."""


class ContentReader(Protocol):
    """Reads the data of one port's packets; total."""

    def read(self, packet: Packet) -> Contents:
        """Return what a packet asks; what cannot be read is plain data for the hub."""
        ...


class TransferReader:
    """Reads ICS-20 with forwarding by memo."""

    def read(self, packet: Packet) -> Contents:
        """Return the asset, and where it is to go on to.

        What the transfer application would refuse is given as it stands: nothing of it is
        delivered. The port itself takes assets of every level, since lots keep their labels.
        """
        try:
            data = decode_transfer_data(packet.data)
            amount = validate_transfer_data(data)
            denom, comes_home = denom_here(packet, data)
            onward = parse_forward_memo(data.memo) if data.memo else None
        except RuleBroken:
            return Contents(port_level=LOWEST)
        if onward is None:
            return Contents(
                denom=denom.local_denom(),
                amount=amount,
                receiver=data.receiver,
                comes_home=comes_home,
                carries=bool(data.memo),
                port_level=LOWEST,
                sender=data.sender,
            )
        return Contents(
            onward_port=onward.port_id,
            onward_channel=onward.channel_id,
            denom=denom.local_denom(),
            amount=amount,
            receiver=onward.receiver,
            comes_home=comes_home,
            goes_home=denom.has_prefix(onward.port_id, onward.channel_id),
            carries=onward.next is not None,
            port_level=LOWEST,
            sender=data.sender,
        )


class PreimageReader:
    """Reads the port of hash locks: a packet is a preimage and nothing else."""

    def read(self, packet: Packet) -> Contents:
        """Return the preimage; data of any other size is plain data for the hub."""
        if len(packet.data) != PREIMAGE_BYTES:
            return DATA_FOR_THE_HUB
        return Contents(port_level=HIGHEST, preimage=packet.data)


class StoredHashes(Protocol):
    """Which hashes the hub's own users have stored; hash locks fit it."""

    def is_open(self, ctx: Context, digest: bytes) -> bool:
        """Return whether coins wait under the SHA-256 ``digest``."""
        ...


class NoHashes:
    """A hub without hash locks."""

    def is_open(self, ctx: Context, digest: bytes) -> bool:  # noqa: ARG002 - the port's signature
        """Return False: nothing waits."""
        return False


NO_HASHES: StoredHashes = NoHashes()
READERS: Mapping[PortId, ContentReader] = MappingProxyType(
    {TRANSFER_PORT: TransferReader(), HASH_LOCK_PORT: PreimageReader()}
)
"""Those that the hub has; a port without one takes plain data."""
