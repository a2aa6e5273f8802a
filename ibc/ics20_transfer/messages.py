"""What a transaction asks of the transfer application."""

from dataclasses import dataclass

from chainkit.primitives.amounts import Coin
from chainkit.primitives.heights import Height
from chainkit.primitives.types import Address, ChannelId, PortId, TimestampNs


@dataclass(frozen=True, slots=True)
class Transfer:
    """Send tokens over a channel, or over a client by IBC v2 (``MsgTransfer``).

    ``encoding`` is of v2's payload; empty means JSON.
    """

    source_port: PortId
    source_channel: ChannelId
    token: Coin
    sender: Address
    receiver: str
    timeout_height: Height
    timeout_timestamp: TimestampNs
    memo: str
    encoding: str = ""

    @property
    def signer(self) -> Address:
        """Who must have signed."""
        return self.sender


@dataclass(frozen=True, slots=True)
class UpdateTransferParams:
    """Turn sending and receiving on and off; only the authority may."""

    send_enabled: bool
    receive_enabled: bool
    signer: Address
