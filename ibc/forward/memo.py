"""The memo ``{"forward": {...}}``: where a token goes from here, hop by hop."""

import re
from dataclasses import dataclass

from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.limits import MAX_FORWARD_HOPS, MAX_MEMO_BYTES, MAX_RECEIVER_BYTES
from chainkit.primitives.types import ChannelId, PortId
from ibc.forward.errors import InvalidForwardMetadata, MetadataKeyNotFound
from ibc.ics24_host.identifiers import parse_channel_id, parse_port_id
from ibc.json_codec import decode_json, encode_go_json

_UNITS_NS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_DURATION_PART = re.compile(r"(\d{1,12})(?:\.(\d{0,9}))?(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_MAX_DURATION_NS = 2**63 - 1
_MAX_RETRIES = 255


@dataclass(frozen=True, slots=True)
class ForwardInstruction:
    """One hop: send to ``receiver`` over a channel of this chain, then ``next`` from there."""

    receiver: str
    port_id: PortId
    channel_id: ChannelId
    timeout_ns: int
    """0 asks for the chain's default."""
    retries: int | None
    next: "ForwardInstruction | None"

    def as_json(self) -> dict[str, object]:
        """Return the memo's value, as the next chain reads it."""
        value: dict[str, object] = {
            "receiver": self.receiver,
            "port": self.port_id,
            "channel": self.channel_id,
        }
        if self.timeout_ns:
            value["timeout"] = self.timeout_ns
        if self.retries is not None:
            value["retries"] = self.retries
        if self.next is not None:
            value["next"] = self.next.as_json()
        return {"forward": value}


def encode_memo(instruction: ForwardInstruction | None) -> str:
    """Return the memo for the next chain; empty when the token stops there."""
    return "" if instruction is None else encode_go_json(instruction.as_json())


def parse_forward_memo(memo: str) -> ForwardInstruction | None:
    """Return what a memo asks for, or None if it does not ask to forward.

    Raises:
        InvalidForwardMetadata: It asks and is malformed, or for more than 8 hops.
        MetadataKeyNotFound: It asks and leaves out receiver, port or channel.
        InvalidIdentifier: Port or channel is none.
    """
    try:
        value = decode_json(memo, max_bytes=MAX_MEMO_BYTES)
    except MalformedMessage as error:
        if '"forward"' in memo:
            raise InvalidForwardMetadata("the memo is not JSON that we read") from error
        return None
    if not isinstance(value, dict) or not isinstance(value.get("forward"), dict):
        return None
    return _parse(value, 1)


def _parse(value: object, hop: int) -> ForwardInstruction:
    if hop > MAX_FORWARD_HOPS:
        raise InvalidForwardMetadata(f"over {MAX_FORWARD_HOPS} hops")
    forward = value.get("forward") if isinstance(value, dict) else None
    if not isinstance(forward, dict):
        raise MetadataKeyNotFound("key forward not found")
    receiver, port, channel = (_text(forward, key) for key in ("receiver", "port", "channel"))
    if not receiver or len(receiver.encode()) > MAX_RECEIVER_BYTES:
        raise InvalidForwardMetadata("receiver is empty or too long")
    return ForwardInstruction(
        receiver,
        parse_port_id(port),
        parse_channel_id(channel),
        _timeout(forward.get("timeout", 0)),
        _retries(forward.get("retries")),
        _parse(_next_value(forward["next"]), hop + 1) if "next" in forward else None,
    )


def _text(forward: dict[str, object], key: str) -> str:
    value = forward.get(key)
    if not isinstance(value, str):
        raise MetadataKeyNotFound(f"key {key} not found")
    return value


def _next_value(value: object) -> object:
    """Return ``next`` as an object; it may also be the text of one."""
    if not isinstance(value, str):
        return value
    try:
        return decode_json(value, max_bytes=MAX_MEMO_BYTES)
    except MalformedMessage as error:
        raise InvalidForwardMetadata("next is not JSON that we read") from error


def _timeout(value: object) -> int:
    """Return nanoseconds of a number or of Go's text, such as ``10m`` or ``1h30m``."""
    if isinstance(value, str):
        nanoseconds = _parse_duration(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        nanoseconds = value
    else:
        raise InvalidForwardMetadata("timeout is no duration")
    if nanoseconds > _MAX_DURATION_NS:
        raise InvalidForwardMetadata("timeout is over 64 bits")
    return max(nanoseconds, 0)


def _parse_duration(text: str) -> int:
    if text == "0":
        return 0
    total, position = 0, 0
    while position < len(text):
        match = _DURATION_PART.match(text, position)
        if match is None:
            raise InvalidForwardMetadata(f"{text[:40]!r} is no duration")
        unit = _UNITS_NS[match[3]]
        fraction = match[2] or ""
        total += int(match[1]) * unit
        if fraction:
            total += int(fraction) * unit // 10 ** len(fraction)
        position = match.end()
    if not text:
        raise InvalidForwardMetadata("timeout is empty")
    return total


def _retries(value: object) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MAX_RETRIES:
        raise InvalidForwardMetadata("retries must be between 0 and 255")
    return value
