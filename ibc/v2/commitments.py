"""What a chain commits to for a packet of v2 and for its answer.

Every field is hashed before it is joined, so that no byte can move from one to another.
"""

from chainkit.primitives.hashing import sha256
from chainkit.primitives.types import Hash32
from ibc.v2.types import AcknowledgementV2, PacketV2, Payload

_VERSION = b"\x02"


def commit_packet_v2(packet: PacketV2) -> Hash32:
    """Return the commitment to a packet; sequence and source client are in the key instead."""
    parts = (
        sha256(packet.destination_client.encode()),
        sha256(packet.timeout_timestamp.to_bytes(8, "big")),
        sha256(b"".join(_hash_payload(payload) for payload in packet.payloads)),
    )
    return sha256(_VERSION + b"".join(parts))


def commit_acknowledgement_v2(acknowledgement: AcknowledgementV2) -> Hash32:
    """Return the commitment to an answer."""
    return sha256(_VERSION + b"".join(map(sha256, acknowledgement.app_acknowledgements)))


def _hash_payload(payload: Payload) -> Hash32:
    texts = (payload.source_port, payload.destination_port, payload.version, payload.encoding)
    fields = (*(text.encode() for text in texts), payload.value)
    return sha256(b"".join(map(sha256, fields)))
