"""What people want of a chain: the values of the command line's port, for every chain kind.

A kind's package takes and returns them, so that it fits the port of the command line
structurally without importing it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from chainkit.primitives.amounts import Coin
from chainkit.primitives.errors import OperationFailed
from chainkit.primitives.types import (
    BlockHeight,
    ChainId,
    ChannelId,
    Denom,
    PortId,
    Sequence,
    TimestampNs,
)
from ibc.ics04_channel.types import Packet


class NotOffered(OperationFailed):
    """The chain has nothing of this kind."""

    def __init__(self, *, chain_id: str, what: str) -> None:
        super().__init__(f"{chain_id} has no {what}")
        self.what = what


@dataclass(frozen=True, slots=True)
class ChainAccess:
    """Which chain, and the account that signs on it; the key is never printed."""

    chain_id: ChainId
    private_key: bytes = field(repr=False)
    address_prefix: str
    fee_denom: Denom
    gas_price_millionths: int = 0


@dataclass(frozen=True, slots=True)
class Send:
    """Pay an account of this chain."""

    to: str
    coins: tuple[Coin, ...]


@dataclass(frozen=True, slots=True)
class Transfer:
    """Send tokens over a channel (ICS-20)."""

    port_id: PortId
    channel_id: ChannelId
    coin: Coin
    receiver: str
    timeout_timestamp: TimestampNs
    memo: str = ""


@dataclass(frozen=True, slots=True)
class Delegate:
    """Stake with a validator."""

    validator: str
    coin: Coin


@dataclass(frozen=True, slots=True)
class Undelegate:
    """Take stake back from a validator; it comes after the unbonding period."""

    validator: str
    coin: Coin


@dataclass(frozen=True, slots=True)
class SubmitProposal:
    """Ask the stakers to decide; ``messages`` are executed if they agree."""

    title: str
    summary: str
    deposit: tuple[Coin, ...]
    messages: tuple[Mapping[str, object], ...] = ()


@dataclass(frozen=True, slots=True)
class Vote:
    """Vote on a proposal: yes, no, abstain or no_with_veto."""

    proposal_id: int
    option: str


@dataclass(frozen=True, slots=True)
class RawMessage:
    """A message of the chain's own, in the chain's JSON form."""

    value: Mapping[str, object]


Intent = Send | Transfer | Delegate | Undelegate | SubmitProposal | Vote | RawMessage


@dataclass(frozen=True, slots=True)
class QueryForm:
    """A question that a kind of chain answers."""

    name: str
    summary: str
    example: str
    arguments: tuple[str, ...] = ()
    """Required, in order; one whose name ends with ``?`` may be left out, as ``height?``.

    An argument named ``address`` may also be the name of an account.
    """
    draw: Callable[[Mapping[str, object]], str] | None = None
    """Makes an SVG document of an answer, where a picture says more.

    Raises:
        MalformedMessage: The answer is not of its form.
    """


@dataclass(frozen=True, slots=True)
class PacketKey:
    """A packet by the end that sent it."""

    port_id: PortId
    channel_id: ChannelId
    sequence: Sequence

    def __str__(self) -> str:
        return f"{self.port_id}/{self.channel_id}/{self.sequence}"


class PacketStep(Enum):
    """What happened to a packet on one chain."""

    SENT = "sent"
    RECEIVED = "received"
    ANSWERED = "answered"
    """Its acknowledgement was written."""
    ACKNOWLEDGED = "acknowledged"
    """The sender has the acknowledgement, so the packet is finished."""
    TIMED_OUT = "timed_out"
    """The sender has proof that it was not received in time, so the packet is finished."""


@dataclass(frozen=True, slots=True)
class PacketEvent:
    """One step of a packet, as the chain's events tell it."""

    step: PacketStep
    height: BlockHeight
    time: TimestampNs
    tx_hash: str
    """Empty for what a block did by itself."""
    packet: Packet | None
    """The packet, where the event holds all of it: with its sending and receiving."""
    acknowledgement: bytes
    """Of ``ANSWERED``; else empty."""
    caused: tuple[PacketKey, ...]
    """Packets that the same message sent from here: with its receiving, the next hop."""
