"""What a packet asks of the hub, read from its data: a reader for each port."""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Protocol

from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.types import ChannelId, Denom, PortId
from chainkit.runtime.context import Context
from ibc.forward.memo import parse_forward_memo
from ibc.ics04_channel.types import Packet
from ibc.ics20_transfer.application import PORT_ID as TRANSFER_PORT
from ibc.ics20_transfer.denoms import TracedDenom
from ibc.ics20_transfer.packet_data import decode_transfer_data, validate_transfer_data
from ibc.ics20_transfer.transfers import denom_across
from integrity.axes import HIGHEST, LOWEST
from integrity.limits import MAX_DENOMS
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
            denom, local, comes_home = _denom_here(
                data.denom,
                packet.source_port,
                packet.source_channel,
                packet.destination_port,
                packet.destination_channel,
            )
            onward = parse_forward_memo(data.memo) if data.memo else None
        except RuleBroken:
            return Contents(port_level=LOWEST)
        if onward is None:
            return Contents(
                denom=local,
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
            denom=local,
            amount=amount,
            receiver=onward.receiver,
            comes_home=comes_home,
            goes_home=denom.has_prefix(onward.port_id, onward.channel_id),
            carries=onward.next is not None,
            port_level=LOWEST,
            sender=data.sender,
        )


@lru_cache(MAX_DENOMS)
def _denom_here(
    path: str, port: PortId, channel: ChannelId, port_here: PortId, channel_here: ChannelId
) -> tuple[TracedDenom, Denom, bool]:
    """Return a denomination as the hub knows it, its name there, and whether it comes home."""
    denom, comes_home = denom_across(path, (port, channel), (port_here, channel_here))
    return denom, denom.local_denom(), comes_home


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
