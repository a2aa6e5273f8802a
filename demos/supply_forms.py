"""The forms in which chains tell the supply reader: protobuf, bech32, times, events.

Done here once more, with the standard library, so that a defect in the ledgers' codecs does
not hide itself from their reader.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from demos.supply_equation import Answered, End, Fact, PacketId, Received, Sent, Settled, TimedOut

TRANSFER_PORT = "transfer"

PROOF_EVENTS = frozenset(
    {
        "connection_open_try",
        "connection_open_ack",
        "connection_open_confirm",
        "channel_open_try",
        "channel_open_ack",
        "channel_open_confirm",
        "channel_close_confirm",
        "recv_packet",
        "acknowledge_packet",
        "timeout_packet",
    }
)
"""Each is emitted once for a message that a chain accepted because of a proof."""

HEADER_EVENT = "update_client"

_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"

Event = tuple[str, Mapping[str, str]]


class ReadFailed(Exception):
    """A chain's answer is missing or not of its form."""


# --- forms: protobuf, bech32, times ------------------------------------------------------


def _uvarint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise ReadFailed("protobuf is cut short")
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        shift += 7
        if byte < 0x80:
            return value, at


def protobuf_fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield number and bytes of each length-delimited field; numbers are passed over.

    Raises:
        ReadFailed: Not such a message.
    """
    at = 0
    while at < len(data):
        key, at = _uvarint(data, at)
        wire_type = key & 7
        if wire_type == 0:
            _, at = _uvarint(data, at)
        elif wire_type == 2:
            size, at = _uvarint(data, at)
            if at + size > len(data):
                raise ReadFailed("protobuf is cut short")
            yield key >> 3, data[at : at + size]
            at += size
        else:
            raise ReadFailed(f"protobuf has wire type {wire_type}")


def protobuf_text(number: int, text: str) -> bytes:
    """Return a text field; ``number`` below 16, ``text`` below 128 bytes."""
    data = text.encode()
    assert number < 16
    assert len(data) < 128
    return bytes([number << 3 | 2, len(data)]) + data


def text_of(data: bytes, number: int) -> str:
    """Return the first text field of that number, empty where there is none."""
    return next((value.decode() for key, value in protobuf_fields(data) if key == number), "")


def coins_of(data: bytes) -> dict[str, int]:
    """Return denominations and amounts of a response whose field 1 is ``repeated Coin``.

    Raises:
        ReadFailed: There are more pages, or it is not of this form.
    """
    coins: dict[str, int] = {}
    for number, value in protobuf_fields(data):
        if number == 1:
            coins[text_of(value, 1)] = int(text_of(value, 2))
        elif bytes_of(value, 1):
            raise ReadFailed("more denominations than a page holds")
    return coins


def bytes_of(data: bytes, number: int) -> bytes:
    """Return the first field of that number, empty where there is none."""
    return next((value for key, value in protobuf_fields(data) if key == number), b"")


def addresses_of(data: bytes) -> list[str]:
    """Return the addresses of a response whose field 1 is ``repeated Any`` of accounts.

    Raises:
        ReadFailed: There are more pages, or it is not of this form.
    """
    found = []
    for number, packed in protobuf_fields(data):
        if number == 1:
            account = bytes_of(packed, 2)
            if text_of(packed, 1).endswith(".ModuleAccount"):
                account = bytes_of(account, 1)
            found.append(text_of(account, 1))
        elif bytes_of(packed, 1):
            raise ReadFailed("more accounts than a page holds")
    return found


def bech32(prefix: str, data: bytes) -> str:
    """Return an address as BIP-173 writes it."""
    bits = "".join(f"{byte:08b}" for byte in data)
    bits += "0" * (-len(bits) % 5)
    words = [int(bits[at : at + 5], 2) for at in range(0, len(bits), 5)]
    expanded = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    checksum = 1
    for word in [*expanded, *words, 0, 0, 0, 0, 0, 0]:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ word
        for bit, generator in enumerate(
            (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
        ):
            checksum ^= generator if top >> bit & 1 else 0
    checksum ^= 1
    words += [checksum >> 5 * (5 - at) & 31 for at in range(6)]
    return prefix + "1" + "".join(_BECH32[word] for word in words)


def bech32_bytes(prefix: str, text: str) -> bytes | None:
    """Return the 20 bytes of an account's address, None for another text; no checksum is read."""
    body = text.removeprefix(prefix + "1")
    if body == text or len(body) != 38 or not set(body) <= set(_BECH32):
        return None
    number = 0
    for letter in body[:32]:
        number = number << 5 | _BECH32.index(letter)
    return number.to_bytes(20, "big")


def escrow_account(end: End, prefix: str) -> str:
    """Return the address that holds what left over a channel end (ibc-go ADR 028)."""
    return bech32(prefix, escrow_digest(end))


def escrow_digest(end: End) -> bytes:
    """Return the 20 bytes of that address."""
    name = f"{end.port}/{end.channel}".encode()
    return hashlib.sha256(b"ics20-1\x00" + name).digest()[:20]


def transfer_channels(chain: str, answer: bytes) -> Iterator[tuple[End, bytes]]:
    """Yield the token channels of a response with field 1 ``repeated IdentifiedChannel``.

    Each comes with the request that asks for the client behind it.
    """
    for number, channel in protobuf_fields(answer):
        if number == 1 and text_of(channel, 6) == TRANSFER_PORT:
            end = End(chain, TRANSFER_PORT, text_of(channel, 7))
            yield end, protobuf_text(1, end.port) + protobuf_text(2, end.channel)


def tracked_chain(answer: bytes) -> str:
    """Return whose client a ``QueryChannelClientStateResponse`` holds: the state's field 1."""
    identified = bytes_of(answer, 1)
    return text_of(bytes_of(bytes_of(identified, 2), 2), 1)


def time_ns(text: str) -> int:
    """Return nanoseconds since 1970 of an RFC 3339 time in UTC."""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z", text)
    if match is None:
        raise ReadFailed(f"{text[:40]!r} is no time")
    whole = datetime.fromisoformat(match[1]).replace(tzinfo=UTC)
    return int(whole.timestamp()) * 10**9 + int((match[2] or "").ljust(9, "0"))


# --- facts of a block --------------------------------------------------------------------


def events_of(results: Mapping[str, object]) -> list[Event]:
    """Return the events of a block and of its successful transactions, in order."""
    succeeded = (each for each in _list(results.get("txs_results")) if not each.get("code"))
    found: list[Event] = []
    for group in [*(each.get("events") for each in succeeded), results["finalize_block_events"]]:
        for event in _list(group):
            attributes = {
                str(pair["key"]): str(pair.get("value") or "")
                for pair in _list(event["attributes"])
            }
            found.append((str(event["type"]), attributes))
    return found


def _list(value: object) -> list[dict[str, object]]:
    return value if isinstance(value, list) else []


def count_verified(events: Sequence[Event]) -> Counter[str]:
    """Return how many messages were accepted on a proof or a header, by event type."""
    counted = (kind for kind, _ in events if kind in PROOF_EVENTS or kind == HEADER_EVENT)
    return Counter(counted)


class Facts:
    """Turns events into facts. Mutable: it learns which chain a channel leads to."""

    def __init__(self) -> None:
        self.ends: dict[End, str] = {}
        """The chain that each channel end leads to."""

    def of(self, chain: str, events: Sequence[Event]) -> tuple[Fact, ...]:
        """Return what a block's events say of token packets, in order.

        Raises:
            ReadFailed: A packet goes over a channel that never opened.
        """
        facts = (self._fact(chain, kind, attributes) for kind, attributes in events)
        return tuple(fact for fact in facts if fact is not None)

    def _fact(self, chain: str, kind: str, attributes: Mapping[str, str]) -> Fact | None:
        if attributes.get("packet_src_port") != TRANSFER_PORT:
            return None
        match kind:
            case "send_packet":
                data = json.loads(bytes.fromhex(attributes["packet_data_hex"]))
                packet = self._packet(chain, attributes, is_sender=True)
                port, channel = attributes["packet_dst_port"], attributes["packet_dst_channel"]
                destination = End(self._behind(packet.source), port, channel)
                return Sent(packet, destination, str(data["denom"]), int(data["amount"]))
            case "recv_packet":
                return Received(self._packet(chain, attributes, is_sender=False))
            case "write_acknowledgement":
                answer = json.loads(bytes.fromhex(attributes["packet_ack_hex"]))
                packet = self._packet(chain, attributes, is_sender=False)
                return Answered(packet, accepted="result" in answer)
            case "acknowledge_packet":
                return Settled(self._packet(chain, attributes, is_sender=True))
            case "timeout_packet":
                return TimedOut(self._packet(chain, attributes, is_sender=True))
            case _:
                return None

    def _packet(self, chain: str, attributes: Mapping[str, str], *, is_sender: bool) -> PacketId:
        if not is_sender:
            port, channel = attributes["packet_dst_port"], attributes["packet_dst_channel"]
            chain = self._behind(End(chain, port, channel))
        source = End(chain, attributes["packet_src_port"], attributes["packet_src_channel"])
        return PacketId(source, int(attributes["packet_sequence"]))

    def _behind(self, end: End) -> str:
        if end not in self.ends:
            raise ReadFailed(f"a packet on {end}, a channel that never opened")
        return self.ends[end]
