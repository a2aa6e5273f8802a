"""Evidence as clients give it to ``broadcast_evidence``: JSON, in any of three spellings.

A wrapper ``{"type": ..., "value": ...}`` names the kind. Below it the fields are the
protobuf's, in its names (relayers built on tendermint-rs), in the names of CometBFT's answers
(``parts``) or in Go's (``TotalVotingPower``). Numbers of 64 bits may be strings, hashes and
addresses are hex, keys and signatures base64, and null is a field left out.

Spec:
    CometBFT rpc/core, ``BroadcastEvidence``; the forms of its answers, read back.
"""

import re
from collections.abc import Mapping

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from chainkit.formats.tendermint.block_codec import decode_evidence, evidence_from_proto
from chainkit.formats.tendermint.types import Evidence
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.limits import MAX_VOTES_COUNT
from chainkit.primitives.timestamps import parse_rfc3339
from chainkit.wire.codec import timestamp_to_proto
from chainkit.wire.proto.tendermint.types import evidence_pb2
from relay_chain.node.json_forms import (
    from_base64,
    from_hex,
    integer,
    mapping,
    member,
    public_key_from_json,
    sequence,
    text,
)
from relay_chain.node.rpc.parameters import Parameters

_KINDS = {
    "tendermint/DuplicateVoteEvidence": "duplicate_vote_evidence",
    "tendermint/LightClientAttackEvidence": "light_client_attack_evidence",
}
_OTHER_NAMES = {"parts": "part_set_header"}
_KEY_WRAPPERS = ("sum", "Sum")
_UPPER = re.compile(r"(?<=[a-z])(?=[A-Z])")
_INT32 = 2**31
_TIMESTAMP = "google.protobuf.Timestamp"
_PUBLIC_KEY = "tendermint.crypto.PublicKey"


def evidence_of(params: Parameters) -> Evidence:
    """Return the evidence of a request: JSON of its kind, or base64 of its protobuf bytes.

    Raises:
        MalformedMessage: It is neither.
    """
    value = params.value("evidence")
    if isinstance(value, str):
        return decode_evidence(params.data("evidence"))
    return evidence_from_json(value)


def evidence_from_json(value: object) -> Evidence:
    """Return the evidence in a JSON form.

    Raises:
        MalformedMessage: It is not of the form; the message says where.
    """
    fields = mapping(value, what="evidence")
    kind = text(member(fields, "type", what="evidence"), what="evidence.type")
    if kind not in _KINDS:
        raise MalformedMessage(f"evidence.type must be one of {', '.join(sorted(_KINDS))}")
    pb = evidence_pb2.Evidence()
    inner = getattr(pb, _KINDS[kind])
    inner.SetInParent()
    _fill(inner, member(fields, "value", what="evidence"), what="evidence.value")
    return evidence_from_proto(pb)


def _fill(message: Message, value: object, *, what: str) -> None:
    """Set the fields of a message that a JSON object gives."""
    given: Mapping[str, object] = mapping(value, what=what)
    known = message.DESCRIPTOR.fields_by_name
    for key, content in given.items():
        # protobuf's maps of names break at half of a surrogate pair.
        key = text(key, what=f"a name in {what}")  # noqa: PLW2901 - checked, not changed
        name = _OTHER_NAMES.get(key, _UPPER.sub("_", key).lower())
        where = f"{what}.{key}"[-200:]
        if name not in known:
            raise MalformedMessage(f"{where} is not a field")
        if content is None:
            continue
        field = known[name]
        if field.is_repeated:
            items = sequence(content, what=where)
            if len(items) > MAX_VOTES_COUNT:
                raise MalformedMessage(f"{where} has {len(items)} entries")
            for item in items:
                _fill(getattr(message, name).add(), item, what=where)
        elif field.message_type is not None:
            _fill_message(getattr(message, name), content, what=where)
        else:
            setattr(message, name, _scalar(field.type, name, content, what=where))


def _fill_message(message: Message, value: object, *, what: str) -> None:
    message.SetInParent()
    if message.DESCRIPTOR.full_name == _TIMESTAMP:
        message.CopyFrom(timestamp_to_proto(parse_rfc3339(text(value, what=what))))
    elif message.DESCRIPTOR.full_name == _PUBLIC_KEY:
        fields = mapping(value, what=what)
        for wrapper in _KEY_WRAPPERS:
            fields = mapping(fields.get(wrapper, fields), what=what)
        setattr(message, "ed25519", public_key_from_json(fields, what=what))  # noqa: B010 - one of many messages
    else:
        _fill(message, value, what=what)


def _scalar(type_: int, name: str, value: object, *, what: str) -> object:
    """Return a number, text or bytes of a field.

    Raises:
        MalformedMessage: Not of the field's form, or past its range.
    """
    if type_ == FieldDescriptor.TYPE_BYTES:
        is_hex = name.endswith(("hash", "address"))
        if value == []:  # tendermint-rs writes an extension that is empty as a list of bytes
            return b""
        return from_hex(value, what=what) if is_hex else from_base64(value, what=what)
    if type_ == FieldDescriptor.TYPE_STRING:
        return text(value, what=what)
    number = integer(value, what=what)
    wide = type_ in {FieldDescriptor.TYPE_INT64, FieldDescriptor.TYPE_UINT64}
    if not wide and not -_INT32 <= number < _INT32:
        raise MalformedMessage(f"{what} must be a 32-bit integer")
    if number < 0 and type_ in {FieldDescriptor.TYPE_UINT32, FieldDescriptor.TYPE_UINT64}:
        raise MalformedMessage(f"{what} must not be negative")
    return number
