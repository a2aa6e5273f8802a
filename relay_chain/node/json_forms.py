"""The JSON forms that CometBFT's files and its RPC share: keys, validators, parameters.

64-bit integers are strings, 32-bit ones numbers; hashes are upper-case hex; keys and
signatures base64; times RFC 3339 with nanoseconds.
"""

import base64
import binascii
import json
from collections.abc import Mapping

from chainkit.formats.tendermint.types import ConsensusParams
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.limits import INT64_MAX

JsonObject = dict[str, object]

PUBLIC_KEY_TYPE = "tendermint/PubKeyEd25519"
PRIVATE_KEY_TYPE = "tendermint/PrivKeyEd25519"


def to_base64(data: bytes) -> str:
    """Return standard base64 with padding."""
    return base64.b64encode(data).decode("ascii")


def from_base64(value: object, *, what: str) -> bytes:
    """Return the bytes of a base64 string.

    Raises:
        MalformedMessage: It is not one; the message says ``what`` it was to be.
    """
    try:
        return base64.b64decode(text(value, what=what), validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedMessage(f"{what} is not base64") from error


def from_hex(value: object, *, what: str) -> bytes:
    """Return the bytes of a hex string (either case, "" is empty)."""
    try:
        return bytes.fromhex(text(value, what=what))
    except ValueError as error:
        raise MalformedMessage(f"{what} is not hex") from error


def text(value: object, *, what: str) -> str:
    """Return a JSON string, or raise ``MalformedMessage``; half of a surrogate pair is no text."""
    if not isinstance(value, str):
        raise MalformedMessage(f"{what} must be a string")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise MalformedMessage(f"{what} must be text that UTF-8 can write") from error
    return value


def integer(value: object, *, what: str) -> int:
    """Return a 64-bit integer given as a JSON string (CometBFT's form) or number."""
    if isinstance(value, str) and len(value) <= 20 and value.lstrip("-").isascii():
        digits = value.removeprefix("-")
        if digits.isdigit():
            value = int(value)
    if (
        isinstance(value, bool)
        or not isinstance(value, int)
        or not -INT64_MAX <= value <= INT64_MAX
    ):
        raise MalformedMessage(f"{what} must be a 64-bit integer")
    return value


def mapping(value: object, *, what: str) -> Mapping[str, object]:
    """Return a JSON object, or raise ``MalformedMessage``."""
    if not isinstance(value, dict):
        raise MalformedMessage(f"{what} must be an object")
    return value


def sequence(value: object, *, what: str) -> list[object]:
    """Return a JSON array (null is an empty one), or raise ``MalformedMessage``."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise MalformedMessage(f"{what} must be an array")
    return value


def member(values: Mapping[str, object], name: str, *, what: str) -> object:
    """Return a member that must be there, or raise ``MalformedMessage``."""
    if name not in values:
        raise MalformedMessage(f"{what}.{name} is missing")
    return values[name]


def parse_json(data: bytes, *, what: str) -> Mapping[str, object]:
    """Return the JSON object in ``data``, or raise ``MalformedMessage``."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise MalformedMessage(f"{what} is not JSON: {error}") from error
    return mapping(value, what=what)


def dump_json(value: object) -> bytes:
    """Return indented JSON with a last newline, as CometBFT writes its files."""
    return json.dumps(value, indent=2).encode() + b"\n"


def public_key_to_json(public_key: bytes) -> JsonObject:
    """Return the tagged form of an ed25519 key."""
    return {"type": PUBLIC_KEY_TYPE, "value": to_base64(public_key)}


def public_key_from_json(value: object, *, what: str) -> bytes:
    """Return the raw 32 bytes of a tagged ed25519 key, or raise ``MalformedMessage``."""
    fields = mapping(value, what=what)
    if member(fields, "type", what=what) != PUBLIC_KEY_TYPE:
        raise MalformedMessage(f"{what}.type must be {PUBLIC_KEY_TYPE}")
    key = from_base64(member(fields, "value", what=what), what=f"{what}.value")
    if len(key) != 32:
        raise MalformedMessage(f"{what}.value must be 32 bytes")
    return key


def params_to_json(params: ConsensusParams) -> JsonObject:
    """Return consensus parameters as genesis and ``consensus_params`` show them."""
    return {
        "block": {
            "max_bytes": str(params.block_max_bytes),
            "max_gas": str(params.block_max_gas),
        },
        "evidence": {
            "max_age_num_blocks": str(params.evidence_max_age_blocks),
            "max_age_duration": str(params.evidence_max_age_duration_ns),
            "max_bytes": str(params.evidence_max_bytes),
        },
        "validator": {"pub_key_types": list(params.public_key_types)},
        "version": {"app": str(params.app_version)},
        "abci": {"vote_extensions_enable_height": str(params.vote_extensions_enable_height)},
    }


def params_from_json(value: object) -> ConsensusParams:
    """Return the parameters of a JSON form; what is left out has CometBFT's default."""
    groups = mapping(value, what="consensus_params")
    default = ConsensusParams()

    def number(group: str, name: str, otherwise: int) -> int:
        what = f"consensus_params.{group}"
        fields = mapping(groups.get(group) or {}, what=what)
        return integer(fields.get(name, otherwise), what=f"{what}.{name}")

    validator = mapping(groups.get("validator") or {}, what="consensus_params.validator")
    types = sequence(
        validator.get("pub_key_types", list(default.public_key_types)),
        what="consensus_params.validator.pub_key_types",
    )
    return ConsensusParams(
        block_max_bytes=number("block", "max_bytes", default.block_max_bytes),
        block_max_gas=number("block", "max_gas", default.block_max_gas),
        evidence_max_age_blocks=number(
            "evidence", "max_age_num_blocks", default.evidence_max_age_blocks
        ),
        evidence_max_age_duration_ns=number(
            "evidence", "max_age_duration", default.evidence_max_age_duration_ns
        ),
        evidence_max_bytes=number("evidence", "max_bytes", default.evidence_max_bytes),
        public_key_types=tuple(text(kind, what="pub_key_types") for kind in types),
        app_version=number("version", "app", default.app_version),
        vote_extensions_enable_height=number(
            "abci", "vote_extensions_enable_height", default.vote_extensions_enable_height
        ),
    )
