"""What transactions ask of interchain accounts."""

from dataclasses import dataclass

from chainkit.primitives.types import Address, ConnectionId
from ibc.ics04_channel.types import Order
from ibc.ics27_accounts.codec import AccountPacket
from ibc.ics27_accounts.state import HostParams


@dataclass(frozen=True, slots=True)
class RegisterAccount:
    """Open a channel for the signer's account on the chain behind a connection."""

    connection_id: ConnectionId
    version: str
    ordering: Order
    signer: Address


@dataclass(frozen=True, slots=True)
class SendTx:
    """Send a transaction to the signer's account; ``relative_timeout`` is in nanoseconds."""

    connection_id: ConnectionId
    packet: AccountPacket
    relative_timeout: int
    signer: Address


@dataclass(frozen=True, slots=True)
class UpdateController:
    """Turn the controller on or off; only the authority may."""

    enabled: bool
    signer: Address


@dataclass(frozen=True, slots=True)
class UpdateHost:
    """Say what hosted accounts may do; only the authority may."""

    params: HostParams
    signer: Address
