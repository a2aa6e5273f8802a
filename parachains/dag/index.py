"""What is looked up by name: transactions' outcomes and packets' events, written with the block.

The entries are part of the one write of a block of the selected chain, so that a
reorganisation takes them back.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Protocol

from chainkit.primitives.types import Hash32
from chainkit.runtime.events import Event
from parachains.dag.state_machine import Outcome
from parachains.sdk.packet_ends import PACKET_EVENTS, is_v2, own_end

_TX = b"t/"
_EVENT = b"e/"
_SENT = b"p/"
_RESULTS = b"r/"
_SCORE_BYTES = 8


class BytesReader(Protocol):
    """What a lookup needs of the database."""

    def get(self, key: bytes) -> bytes | None:
        """Return the value of ``key``, or None."""
        ...


def _results_key(blue_score: int) -> bytes:
    return _RESULTS + blue_score.to_bytes(_SCORE_BYTES, "big")


def _event_key(kind: str, channel: str, sequence: str) -> bytes:
    return b"/".join((_EVENT[:-1], kind.encode(), channel.encode(), sequence.encode()))


def _bytes(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def outcome_json(outcome: Outcome) -> dict[str, object]:
    """Return what became of a transaction, its events left out."""
    return {
        "transactionId": outcome.id.hex(),
        "blockHash": outcome.block.hex(),
        "accepted": outcome.accepted,
        "code": outcome.code,
        "codespace": outcome.codespace,
        "log": outcome.log,
        "gasUsed": outcome.gas_used,
    }


def entries_of(
    reader: BytesReader, block: Hash32, blue_score: int, outcomes: Sequence[Outcome]
) -> dict[bytes, bytes | None]:
    """Return what a block of the selected chain adds to the index.

    Of a transaction in several blocks the accepted one is remembered, else the last.
    """
    entries: dict[bytes, bytes | None] = {}
    accepted = {outcome.id for outcome in outcomes if outcome.accepted}
    for outcome in outcomes:
        told = outcome_json(outcome) | {"acceptingBlockHash": block.hex(), "blueScore": blue_score}
        if outcome.accepted or (outcome.id not in accepted and not _is_accepted(reader, outcome)):
            entries[_TX + outcome.id] = _bytes(told)
        sent = []
        for event in outcome.events:
            if event.type in PACKET_EVENTS:
                entries |= _packet_entry(blue_score, outcome.id, event)
            if event.type == "send_packet" and not is_v2(dict(event.attributes)):
                sent.append(dict(event.attributes))
        if sent:
            entries[_SENT + outcome.id] = _bytes(sent)
    if outcomes:
        entries[_results_key(blue_score)] = _bytes([_with_events(each) for each in outcomes])
    return entries


def _is_accepted(reader: BytesReader, outcome: Outcome) -> bool:
    found = transaction(reader, outcome.id)
    return found is not None and found["accepted"] is True


def _with_events(outcome: Outcome) -> dict[str, object]:
    events = [{"type": e.type, "attributes": dict(e.attributes)} for e in outcome.events]
    return outcome_json(outcome) | {"events": events}


def _packet_entry(blue_score: int, tx: Hash32, event: Event) -> dict[bytes, bytes | None]:
    attributes = dict(event.attributes)
    end = own_end(event.type, attributes)
    key = _event_key(event.type, end.channel, str(end.sequence))
    value = {"height": blue_score, "transactionId": tx.hex(), "attributes": attributes}
    return {key: _bytes(value)}


def transaction(reader: BytesReader, tx: bytes) -> dict[str, object] | None:
    """Return what became of a transaction on the selected chain, or None."""
    data = reader.get(_TX + tx)
    return None if data is None else json.loads(data)


def results_at(reader: BytesReader, blue_score: int) -> list[dict[str, object]]:
    """Return what the merge set of the chain block with this blue score did, in order."""
    data = reader.get(_results_key(blue_score))
    return [] if data is None else json.loads(data)


def packets_of(reader: BytesReader, tx: bytes) -> list[Mapping[str, str]]:
    """Return the attributes of the packets that a transaction sent."""
    data = reader.get(_SENT + tx)
    return [] if data is None else json.loads(data)


def find_event(
    reader: BytesReader, kind: str, channel: str, sequence: int
) -> Mapping[str, object] | None:
    """Return height, transaction and attributes of a packet's event here, or None."""
    data = reader.get(_event_key(kind, channel, str(sequence)))
    return None if data is None else json.loads(data)


def forgotten_with(reader: BytesReader, blue_score: int) -> dict[bytes, bytes | None]:
    """Return the writes that forget outcomes of an old chain block; packets' events stay."""
    gone: dict[bytes, bytes | None] = {_results_key(blue_score): None}
    for told in results_at(reader, blue_score):
        gone[_TX + bytes.fromhex(str(told["transactionId"]))] = None
    return gone
