"""What a receiver answers, in ibc-go's canonical JSON."""

import binascii
import json
from base64 import b64decode, b64encode
from dataclasses import dataclass

from ibc.ics04_channel.errors import InvalidAcknowledgement
from ibc.json_codec import encode_go_string


@dataclass(frozen=True, slots=True)
class ResultAcknowledgement:
    """The packet was accepted; ``result`` is for the sending application."""

    result: bytes


@dataclass(frozen=True, slots=True)
class ErrorAcknowledgement:
    """The packet was refused; nothing of the reason passes but its code."""

    code: int


@dataclass(frozen=True, slots=True)
class RemoteError:
    """Another chain's refusal, with whatever text it wrote."""

    text: str


Acknowledgement = ResultAcknowledgement | ErrorAcknowledgement


def encode_acknowledgement(acknowledgement: Acknowledgement) -> bytes:
    """Return the bytes that are committed to and relayed."""
    match acknowledgement:
        case ResultAcknowledgement(result):
            return b'{"result":"' + b64encode(result) + b'"}'
        case ErrorAcknowledgement(code):
            return _encode_error(
                f"ABCI code: {code}: error handling packet: see events for details"
            )


def decode_acknowledgement(data: bytes) -> ResultAcknowledgement | RemoteError | None:
    """Return what ICS-04's envelope says, or None for bytes that are not one.

    Bytes that decode but are not the one form of what they say would be read differently
    by different decoders, and nodes that differ halt (ISA-2025-001).

    Raises:
        InvalidAcknowledgement: The envelope does not encode back to the same bytes.
    """
    value = _lenient_object(data)
    if value is None or not set(value) <= {"result", "error"}:
        return None
    if len(value) != 1 or not all(isinstance(field, str) for field in value.values()):
        raise InvalidAcknowledgement("not one result or one error")
    decoded: ResultAcknowledgement | RemoteError
    if "error" in value:
        decoded = RemoteError(str(value["error"]))
        canonical = _encode_error(decoded.text)
    else:
        decoded = ResultAcknowledgement(_decode_base64(str(value["result"])))
        canonical = encode_acknowledgement(decoded)
    if canonical != data:
        raise InvalidAcknowledgement("does not encode back to the same bytes")
    return decoded


def _encode_error(text: str) -> bytes:
    # A lone surrogate came in as an escape, which is never the canonical form.
    return f'{{"error":{encode_go_string(text)}}}'.encode(errors="replace")


def _lenient_object(data: bytes) -> dict[str, object] | None:
    """Return what the most lenient decoder would take for an object, else None."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _decode_base64(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidAcknowledgement("result is not base64") from error
