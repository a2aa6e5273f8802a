"""What a Tendermint chain's events tell of packets: one step each, and what it led to."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.types import BlockHeight, ChannelId, PortId, Sequence, TimestampNs
from parachains.sdk.ibc_queries import hex_attribute, packet_of_event
from parachains.sdk.packet_ends import is_v2
from parachains.sdk.users import PacketEvent, PacketKey, PacketStep

STEPS: Mapping[str, PacketStep] = {
    "send_packet": PacketStep.SENT,
    "recv_packet": PacketStep.RECEIVED,
    "write_acknowledgement": PacketStep.ANSWERED,
    "acknowledge_packet": PacketStep.ACKNOWLEDGED,
    "timeout_packet": PacketStep.TIMED_OUT,
}
"""ibc-go's events of packets."""

MAX_SEQUENCE_DIGITS = 20
"""Of a number of 64 bits."""


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event of a packet, read as far as every step has it."""

    step: PacketStep
    key: PacketKey
    destination: tuple[str, str]
    message: str
    """Which message of the transaction emitted it; empty for a block's own."""
    attributes: Mapping[str, str]


def read_events(events: Iterable[tuple[str, Mapping[str, str]]]) -> tuple[LoggedEvent, ...]:
    """Return the events of packets of v1 among ``events``, in their order.

    Raises:
        MalformedMessage: One lacks what names its packet.
    """
    return tuple(
        _logged(kind, attributes)
        for kind, attributes in events
        if kind in STEPS and not is_v2(attributes)
    )


def _logged(kind: str, attributes: Mapping[str, str]) -> LoggedEvent:
    try:
        sequence = attributes["packet_sequence"]
        is_number = sequence.isascii() and sequence.isdecimal()
        if not is_number or len(sequence) > MAX_SEQUENCE_DIGITS:
            raise MalformedMessage(f"packet_sequence is no number: {sequence[:40]!r}")
        key = PacketKey(
            PortId(attributes["packet_src_port"]),
            ChannelId(attributes["packet_src_channel"]),
            Sequence(int(sequence)),
        )
        destination = (attributes["packet_dst_port"], attributes["packet_dst_channel"])
    except KeyError as error:
        raise MalformedMessage(f"event of a packet has no {error}") from error
    return LoggedEvent(STEPS[kind], key, destination, attributes.get("msg_index", ""), attributes)


def packet_event(
    event: LoggedEvent,
    beside: Iterable[LoggedEvent],
    height: BlockHeight,
    time: TimestampNs,
    tx_hash: str,
) -> PacketEvent:
    """Return a step with its place; ``beside`` are all events of the same transaction."""
    has_all = event.step in {PacketStep.SENT, PacketStep.RECEIVED}
    answered = event.step is PacketStep.ANSWERED
    return PacketEvent(
        step=event.step,
        height=height,
        time=time,
        tx_hash=tx_hash,
        packet=packet_of_event(dict(event.attributes)) if has_all else None,
        acknowledgement=hex_attribute(event.attributes, "packet_ack_hex") if answered else b"",
        caused=tuple(
            other.key
            for other in beside
            if event.step is not PacketStep.SENT
            and other.step is PacketStep.SENT
            and other.message == event.message
        ),
    )
