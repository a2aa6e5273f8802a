"""What a chain commits to for a packet and for its acknowledgement (ICS-04, v1)."""

from chainkit.primitives.hashing import sha256
from chainkit.primitives.heights import Height
from chainkit.primitives.types import Hash32, TimestampNs
from ibc.ics04_channel.types import Packet


def packet_commitment(
    timeout_timestamp: TimestampNs, timeout_height: Height, data: bytes
) -> Hash32:
    """Return SHA-256 of timeout time, revision, height (8 bytes each) and the data's SHA-256."""
    numbers = (
        timeout_timestamp,
        timeout_height.revision_number,
        timeout_height.revision_height,
    )
    return sha256(b"".join(number.to_bytes(8, "big") for number in numbers) + sha256(data))


def commit_packet(packet: Packet) -> Hash32:
    """Return the commitment to a packet; the identifiers are in the path instead."""
    return packet_commitment(packet.timeout_timestamp, packet.timeout_height, packet.data)


def commit_acknowledgement(acknowledgement: bytes) -> Hash32:
    """Return the commitment to an acknowledgement's bytes."""
    return sha256(acknowledgement)
