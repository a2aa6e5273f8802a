"""What is looked up by name: transactions' heights and packets' events, written with the block.

The entries are part of the block's one write, so that a reorganisation takes them back.
"""

import json
from collections.abc import Mapping

from chainkit.formats.bitcoin.blocks import Block
from chainkit.runtime.events import Event
from parachains.sdk.packet_ends import PACKET_EVENTS, is_v2, own_end
from parachains.utxo.coins import BytesReader
from parachains.utxo.state_machine import CarrierResult

_TX = b"t/"
_EVENT = b"e/"
_SENT = b"p/"
_RESULTS = b"r/"


def _event_key(kind: str, channel: str, sequence: str) -> bytes:
    return b"/".join((_EVENT[:-1], kind.encode(), channel.encode(), sequence.encode()))


def entries_of(
    height: int, block: Block, results: tuple[CarrierResult, ...]
) -> dict[bytes, bytes | None]:
    """Return what a block adds to the index."""
    entries: dict[bytes, bytes | None] = {
        _TX + tx.txid: height.to_bytes(4, "big") for tx in block.transactions
    }
    for result in results:
        sent = []
        for event in result.events:
            if event.type in PACKET_EVENTS:
                entries |= _packet_entry(height, result.txid, event)
            if event.type == "send_packet" and not is_v2(dict(event.attributes)):
                sent.append(dict(event.attributes))
        if sent:
            entries[_SENT + result.txid] = json.dumps(sent, sort_keys=True).encode()
    told = [
        {"txid": result.txid[::-1].hex(), "type": event.type, "attributes": dict(event.attributes)}
        for result in results
        for event in result.events
    ]
    if told:
        entries[_results_key(height)] = json.dumps(told, sort_keys=True).encode()
    return entries


def _results_key(height: int) -> bytes:
    return _RESULTS + height.to_bytes(4, "big")


def events_at(reader: BytesReader, height: int) -> list[Mapping[str, object]]:
    """Return txid, type and attributes of the events of the active chain's block, in order."""
    data = reader.get(_results_key(height))
    return [] if data is None else json.loads(data)


def packets_of(reader: BytesReader, txid: bytes) -> list[Mapping[str, str]]:
    """Return the attributes of the packets that a transaction of the active chain sent."""
    data = reader.get(_SENT + txid)
    return [] if data is None else json.loads(data)


def _packet_entry(height: int, txid: bytes, event: Event) -> dict[bytes, bytes | None]:
    attributes = dict(event.attributes)
    end = own_end(event.type, attributes)
    key = _event_key(event.type, end.channel, str(end.sequence))
    value = {"height": height, "txid": txid[::-1].hex(), "attributes": attributes}
    return {key: json.dumps(value, sort_keys=True).encode()}


def find_event(
    reader: BytesReader, kind: str, channel: str, sequence: int
) -> Mapping[str, object] | None:
    """Return height, txid and attributes of a packet's event here, or None."""
    data = reader.get(_event_key(kind, channel, str(sequence)))
    return None if data is None else json.loads(data)


def height_of(reader: BytesReader, txid: bytes) -> int | None:
    """Return the height of the active chain's block that holds a transaction, or None."""
    data = reader.get(_TX + txid)
    return None if data is None else int.from_bytes(data, "big")
