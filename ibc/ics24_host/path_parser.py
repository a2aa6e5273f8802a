"""Paths as text, taken apart: for readers of proofs, queries and logs."""

import re
from dataclasses import dataclass

from chainkit.primitives.limits import UINT64_MAX
from ibc.ics24_host.identifiers import (
    InvalidPath,
    parse_channel_id,
    parse_client_id,
    parse_connection_id,
    parse_port_id,
)

_PART = r"[^/]+"
_NUMBER = r"0|[1-9]\d{0,19}"
_CHANNEL = rf"ports/(?P<port_id>{_PART})/channels/(?P<channel_id>{_PART})"
_CLIENT = rf"clients/(?P<client_id>{_PART})"
_HEIGHT = rf"(?P<revision_number>{_NUMBER})-(?P<revision_height>{_NUMBER})"
_PACKET = rf"{_CHANNEL}/sequences/(?P<sequence>{_NUMBER})"
_UPGRADE = rf"(?P<upgrade_path>upgradedIBCState)/(?P<height>{_NUMBER})"

_KINDS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern, re.ASCII))
    for kind, pattern in (
        ("next_client_sequence", "nextClientSequence"),
        ("next_connection_sequence", "nextConnectionSequence"),
        ("next_channel_sequence", "nextChannelSequence"),
        ("client_state", rf"{_CLIENT}/clientState"),
        ("client_consensus_state", rf"{_CLIENT}/consensusStates/{_HEIGHT}"),
        ("client_update_time", rf"{_CLIENT}/consensusStates/{_HEIGHT}/processedTime"),
        ("client_update_height", rf"{_CLIENT}/consensusStates/{_HEIGHT}/processedHeight"),
        ("client_connections", rf"{_CLIENT}/connections"),
        ("connection", rf"connections/(?P<connection_id>{_PART})"),
        ("ports", rf"ports/(?P<port_id>{_PART})"),
        ("channel_end", rf"channelEnds/{_CHANNEL}"),
        ("seq_send", rf"nextSequenceSend/{_CHANNEL}"),
        ("seq_recv", rf"nextSequenceRecv/{_CHANNEL}"),
        ("seq_ack", rf"nextSequenceAck/{_CHANNEL}"),
        ("commitment", rf"commitments/{_PACKET}"),
        ("ack", rf"acks/{_PACKET}"),
        ("receipt", rf"receipts/{_PACKET}"),
        ("upgrade_client_state", rf"{_UPGRADE}/upgradedClient"),
        ("upgrade_consensus_state", rf"{_UPGRADE}/upgradedConsState"),
    )
)
_CHECKS = {
    "client_id": parse_client_id,
    "connection_id": parse_connection_id,
    "port_id": parse_port_id,
    "channel_id": parse_channel_id,
}
_TEXT_FIELDS = frozenset({*_CHECKS, "upgrade_path"})


@dataclass(frozen=True, slots=True)
class StorePath:
    """A path's kind (ibc-rs's name of it) and its fields in the order of the text."""

    kind: str
    fields: tuple[tuple[str, str], ...]


def parse_store_path(text: str) -> StorePath:
    """Return what a path of the store ``ibc`` or ``upgrade`` names.

    Raises:
        InvalidPath: No such path, or a number over 64 bits.
        InvalidIdentifier: A part is not an identifier of its kind.
    """
    for kind, pattern in _KINDS:
        match = pattern.fullmatch(text)
        if match is not None:
            fields = tuple(match.groupdict().items())
            for name, value in fields:
                if name in _CHECKS:
                    _CHECKS[name](value)
                elif name not in _TEXT_FIELDS and int(value) > UINT64_MAX:
                    raise InvalidPath(f"{text[:200]!r} has a number over 64 bits")
            return StorePath(kind, fields)
    raise InvalidPath(f"{text[:200]!r} is not a path of the store")
