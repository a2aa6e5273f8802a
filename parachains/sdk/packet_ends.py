"""Which end of a packet is this chain's, as its events tell, so that each kind can look it up.

In IBC v2 a client stands where v1 has a channel, and a packet has no port of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass

_SENT_HERE = frozenset({"send_packet", "acknowledge_packet", "timeout_packet"})
_RECEIVED_HERE = frozenset({"recv_packet", "write_acknowledgement"})
PACKET_EVENTS = _SENT_HERE | _RECEIVED_HERE
"""ibc-go's events of packets, of v1 and of v2."""

NO_PORT = ""


@dataclass(frozen=True, slots=True)
class PacketEnd:
    """A packet's end here: port and channel, or no port and the client of v2."""

    port: str
    channel: str
    sequence: int


def own_end(kind: str, attributes: Mapping[str, str]) -> PacketEnd:
    """Return the end here of the packet that an event of :data:`PACKET_EVENTS` is about."""
    sequence = int(attributes["packet_sequence"])
    if is_v2(attributes):
        side = "source" if kind in _SENT_HERE else "dest"
        return PacketEnd(NO_PORT, attributes[f"packet_{side}_client"], sequence)
    side = "src" if kind in _SENT_HERE else "dst"
    return PacketEnd(
        attributes[f"packet_{side}_port"], attributes[f"packet_{side}_channel"], sequence
    )


def is_v2(attributes: Mapping[str, str]) -> bool:
    """Return whether an event is about a packet of IBC v2."""
    return "packet_source_client" in attributes
