"""The private validator: the key that votes, and the memory that keeps it from voting twice.

Files in CometBFT's JSON forms (``privval/file.go``): ``priv_validator_key.json`` and
``priv_validator_state.json``, so that an operator's tools and back-ups fit.

The state names the last height, round and step signed, with the signature and the bytes it
is over. It is synced *before* the signature is handed out: a signature that left this
process without its state on disk could be contradicted after a crash.

Spec:
    CometBFT spec/core/... ``CheckHRS``: nothing below the last position is signed; at it, only
    the same bytes, or bytes that differ in the timestamp alone, which get the old signature.
"""

from dataclasses import dataclass, replace
from enum import IntEnum
from pathlib import Path

from chainkit.formats.tendermint.sign_bytes import (
    proposal_sign_bytes,
    vote_extension_sign_bytes,
    vote_sign_bytes,
)
from chainkit.formats.tendermint.types import Proposal, Vote, VoteType
from chainkit.primitives.errors import MalformedMessage, OperationFailed
from chainkit.primitives.hashing import sha256_truncated
from chainkit.primitives.timestamps import join_timestamp
from chainkit.primitives.types import Address, BlockHeight, ChainId, Round, TimestampNs
from chainkit.primitives.varint import decode_uvarint
from chainkit.sigverify.ed25519 import public_key_from_seed, sign
from relay_chain.node.crash_points import reach
from relay_chain.node.files import write_durably
from relay_chain.node.json_forms import (
    PRIVATE_KEY_TYPE,
    dump_json,
    from_base64,
    from_hex,
    integer,
    mapping,
    member,
    parse_json,
    public_key_to_json,
    to_base64,
)

_SECRET_MODE = 0o600
_VOTE_TIMESTAMP_FIELD = 5
_PROPOSAL_TIMESTAMP_FIELD = 6


class SignStep(IntEnum):
    """The order of signing within a round (CometBFT ``stepPropose`` and so on)."""

    NONE = 0
    PROPOSE = 1
    PREVOTE = 2
    PRECOMMIT = 3


class SigningRefused(OperationFailed):
    """The key was asked to contradict, or to go behind, what it signed before."""

    def __init__(self, *, asked: "Position", last: "Position", reason: str) -> None:
        super().__init__(f"refused to sign at {asked}: {reason}; last signed at {last}")
        self.asked = asked
        self.last = last
        self.reason = reason


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Where in the protocol a message stands; ordered as time goes."""

    height: BlockHeight
    round: Round
    step: SignStep

    def __str__(self) -> str:
        return f"{self.height}/{self.round}/{self.step.name.lower()}"


@dataclass(frozen=True, slots=True)
class SignState:
    """What was signed last; at the beginning nothing, at position 0/0/none."""

    position: Position = Position(BlockHeight(0), Round(0), SignStep.NONE)
    signature: bytes = b""
    sign_bytes: bytes = b""


def check_position(last: SignState, asked: Position) -> bool:
    """Return whether ``asked`` is where the last signature stands (and may be given again).

    Raises:
        SigningRefused: It is before it.
    """
    if asked < last.position:
        raise SigningRefused(asked=asked, last=last.position, reason="position regression")
    return asked == last.position and bool(last.sign_bytes)


def position_of(message: Vote | Proposal) -> Position:
    """Return where a vote or proposal stands."""
    if isinstance(message, Proposal):
        step = SignStep.PROPOSE
    else:
        step = SignStep.PREVOTE if message.type is VoteType.PREVOTE else SignStep.PRECOMMIT
    return Position(message.height, message.round, step)


def timestamp_in(state: SignState) -> TimestampNs:
    """Return the timestamp of what was signed last; there must be such a thing."""
    is_proposal = state.position.step is SignStep.PROPOSE
    field = _PROPOSAL_TIMESTAMP_FIELD if is_proposal else _VOTE_TIMESTAMP_FIELD
    return timestamp_of(state.sign_bytes, field)


def timestamp_of(sign_bytes: bytes, field: int) -> TimestampNs:
    """Return the timestamp in a delimited canonical vote or proposal.

    Raises:
        MalformedMessage: The bytes are not such a message.
    """
    _, offset = decode_uvarint(sign_bytes)
    while offset < len(sign_bytes):
        key, offset = decode_uvarint(sign_bytes, offset)
        body, offset = _field(sign_bytes, offset, key & 7)
        if key >> 3 == field:
            return _timestamp(body)
    raise MalformedMessage("sign bytes have no timestamp")


def _field(data: bytes, offset: int, wire_type: int) -> tuple[bytes, int]:
    match wire_type:
        case 0:
            _, end = decode_uvarint(data, offset)
            return data[offset:end], end
        case 1:
            return data[offset : offset + 8], offset + 8
        case 2:
            size, start = decode_uvarint(data, offset)
            return data[start : start + size], start + size
        case _:
            raise MalformedMessage(f"wire type {wire_type} in sign bytes")


def _timestamp(body: bytes) -> TimestampNs:
    values = {1: 0, 2: 0}
    offset = 0
    while offset < len(body):
        key, offset = decode_uvarint(body, offset)
        value, offset = decode_uvarint(body, offset)
        values[key >> 3] = value
    seconds = values[1] - 2**64 if values[1] >= 2**63 else values[1]
    return join_timestamp(seconds, values[2])


class FilePrivateValidator:
    """The key in a file. Mutable: it remembers what it signed.

    Args:
        key_path: ``priv_validator_key.json``; must exist.
        state_path: ``priv_validator_state.json``; a missing one means "signed nothing yet".

    Raises:
        MalformedMessage: A file is not of its form. Refusing to start is right: a validator
            that forgot what it signed must not sign.
    """

    def __init__(self, key_path: Path, state_path: Path) -> None:
        self._seed = _read_key(key_path)
        self._state_path = state_path
        self._state = read_sign_state(state_path) if state_path.exists() else SignState()
        self.public_key = public_key_from_seed(self._seed)
        self.address: Address = sha256_truncated(self.public_key)

    @property
    def last(self) -> SignState:
        """What was signed last."""
        return self._state

    def sign_vote(self, chain_id: ChainId, vote: Vote) -> Vote:
        """Return the vote signed; its timestamp is an earlier one's if this is a repetition.

        Raises:
            SigningRefused: It goes behind, or contradicts, what was signed before.
        """
        asked = position_of(vote)
        if check_position(self._state, asked):
            vote = replace(vote, timestamp=timestamp_in(self._state))
            signature = self._again(asked, vote_sign_bytes(chain_id, vote))
        else:
            signature = self._sign(asked, vote_sign_bytes(chain_id, vote))
        return replace(vote, signature=signature)

    def sign_proposal(self, chain_id: ChainId, proposal: Proposal) -> Proposal:
        """Return the proposal signed, by the same rules as :meth:`sign_vote`.

        Raises:
            SigningRefused: It goes behind, or contradicts, what was signed before.
        """
        asked = position_of(proposal)
        if check_position(self._state, asked):
            proposal = replace(proposal, timestamp=timestamp_in(self._state))
            signature = self._again(asked, proposal_sign_bytes(chain_id, proposal))
        else:
            signature = self._sign(asked, proposal_sign_bytes(chain_id, proposal))
        return replace(proposal, signature=signature)

    def sign_extension(self, chain_id: ChainId, vote: Vote) -> bytes:
        """Return the signature of a vote's extension; it decides nothing, so may be repeated."""
        return sign(self._seed, vote_extension_sign_bytes(chain_id, vote))

    def _again(self, asked: Position, sign_bytes: bytes) -> bytes:
        if sign_bytes != self._state.sign_bytes:
            raise SigningRefused(
                asked=asked, last=self._state.position, reason="conflicting message"
            )
        return self._state.signature

    def _sign(self, asked: Position, sign_bytes: bytes) -> bytes:
        signature = sign(self._seed, sign_bytes)
        state = SignState(asked, signature, sign_bytes)
        point = f"privval.{asked.step.name.lower()}"
        reach(f"{point}.before_save")
        write_sign_state(self._state_path, state, point=point)
        self._state = state
        reach(f"{point}.saved")
        return signature


def write_private_key(path: Path, seed: bytes) -> None:
    """Write a key file of CometBFT's form, readable by its owner only."""
    public_key = public_key_from_seed(seed)
    value = {
        "address": sha256_truncated(public_key).hex().upper(),
        "pub_key": public_key_to_json(public_key),
        "priv_key": {"type": PRIVATE_KEY_TYPE, "value": to_base64(seed + public_key)},
    }
    write_durably(path, dump_json(value), mode=_SECRET_MODE)


def write_empty_state(path: Path) -> None:
    """Write the state of a key that never signed."""
    write_sign_state(path, SignState())


def write_sign_state(path: Path, state: SignState, *, point: str = "") -> None:
    """Write what was signed last; it is on disk when this returns (see ``write_durably``)."""
    write_durably(path, dump_json(_state_to_json(state)), mode=_SECRET_MODE, point=point)


def _read_key(path: Path) -> bytes:
    what = path.name
    fields = parse_json(path.read_bytes(), what=what)
    private = mapping(member(fields, "priv_key", what=what), what=f"{what}: priv_key")
    if private.get("type") != PRIVATE_KEY_TYPE:
        raise MalformedMessage(f"{what}: priv_key.type must be {PRIVATE_KEY_TYPE}")
    key = from_base64(private.get("value"), what=f"{what}: priv_key.value")
    if len(key) != 64 or public_key_from_seed(key[:32]) != key[32:]:
        raise MalformedMessage(f"{what}: priv_key.value is not an ed25519 key")
    return key[:32]


def _state_to_json(state: SignState) -> dict[str, object]:
    value: dict[str, object] = {
        "height": str(state.position.height),
        "round": state.position.round,
        "step": int(state.position.step),
    }
    if state.sign_bytes:
        value["signature"] = to_base64(state.signature)
        value["signbytes"] = state.sign_bytes.hex().upper()
    return value


def read_sign_state(path: Path) -> SignState:
    """Return what was signed last.

    Raises:
        MalformedMessage: The file is not of CometBFT's form.
    """
    what = path.name
    fields = parse_json(path.read_bytes(), what=what)
    step = integer(member(fields, "step", what=what), what=f"{what}: step")
    if step not in set(SignStep):
        raise MalformedMessage(f"{what}: step must be 0 to 3")
    return SignState(
        Position(
            BlockHeight(integer(member(fields, "height", what=what), what=f"{what}: height")),
            Round(integer(member(fields, "round", what=what), what=f"{what}: round")),
            SignStep(step),
        ),
        from_base64(fields.get("signature", ""), what=f"{what}: signature"),
        from_hex(fields.get("signbytes", ""), what=f"{what}: signbytes"),
    )
