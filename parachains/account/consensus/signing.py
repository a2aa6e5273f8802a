"""What the key signed last, and what it therefore never signs again.

Within a height a validator says things in one order: round change to a round, proposal,
prepare, commit, then the round change to a later round. So the last position decides; the
same thing at the same position is signed again, with the same signature (RFC 6979).
"""

from dataclasses import dataclass
from enum import IntEnum

from chainkit.primitives.keccak import keccak256
from chainkit.primitives.types import BlockHeight, Hash32, Round
from chainkit.wire import rlp
from parachains.account.consensus.errors import MalformedQbftMessage, SigningRefused
from parachains.account.consensus.messages import (
    CommitDraft,
    Draft,
    PreparePayload,
    ProposalDraft,
    RoundChangeDraft,
    RoundChangePayload,
)

RECORD_BYTES_MAX = 128


class SigningStep(IntEnum):
    """The order of what is signed in a round."""

    ROUND_CHANGE = 0
    PROPOSAL = 1
    PREPARE = 2
    COMMIT = 3


@dataclass(frozen=True, slots=True)
class SigningRecord:
    """The last thing that the key signed; the shell stores it, synced, before it signs."""

    height: BlockHeight
    round: Round
    step: SigningStep
    subject: Hash32
    """The block's digest; of a round change, a hash of what it says."""

    @property
    def position(self) -> tuple[int, int, int]:
        """Where in the order of all things."""
        return (self.height, self.round, self.step)


NOTHING_SIGNED = SigningRecord(
    BlockHeight(0), Round(0), SigningStep.ROUND_CHANGE, Hash32(bytes(32))
)


def authorize(record: SigningRecord, draft: Draft) -> SigningRecord:
    """Return the record to store before signing the draft.

    Raises:
        SigningRefused: Something later was signed, or something else at this position.
    """
    wanted = record_of(draft)
    if wanted.position < record.position:
        raise SigningRefused(f"{wanted.position} comes before {record.position}, signed last")
    if wanted.position == record.position and wanted.subject != record.subject:
        raise SigningRefused(f"something else was signed at {record.position}")
    return wanted


def record_of(draft: Draft) -> SigningRecord:
    """Return what a draft is for the record."""
    match draft:
        case ProposalDraft(payload=payload):
            step, subject = SigningStep.PROPOSAL, payload.block.digest
            return SigningRecord(payload.height, payload.round, step, subject)
        case PreparePayload():
            return SigningRecord(draft.height, draft.round, SigningStep.PREPARE, draft.digest)
        case CommitDraft():
            return SigningRecord(draft.height, draft.round, SigningStep.COMMIT, draft.digest)
        case RoundChangeDraft(payload=payload):
            subject = _round_change_subject(payload)
            return SigningRecord(payload.height, payload.round, SigningStep.ROUND_CHANGE, subject)


def _round_change_subject(payload: RoundChangePayload) -> Hash32:
    prepared = payload.prepared
    if prepared is None:
        return Hash32(bytes(32))
    return Hash32(keccak256(rlp.encode((rlp.encode_uint(prepared.round), prepared.digest))))


def encode_record(record: SigningRecord) -> bytes:
    """Return the stored form."""
    numbers = (record.height, record.round, record.step)
    return rlp.encode((*(rlp.encode_uint(number) for number in numbers), record.subject))


def decode_record(data: bytes) -> SigningRecord:
    """Return the stored record.

    Raises:
        MalformedQbftMessage: The bytes are none.
    """
    if len(data) > RECORD_BYTES_MAX:
        raise MalformedQbftMessage("a signing record is short")
    match rlp.decode(data):
        case (bytes() as height, bytes() as round_, bytes() as step, bytes() as subject):
            pass
        case _:
            raise MalformedQbftMessage("a signing record has four fields")
    place = rlp.decode_uint(step)
    if len(subject) != 32 or place > SigningStep.COMMIT:
        raise MalformedQbftMessage("a signing record without subject or step")
    return SigningRecord(
        BlockHeight(rlp.decode_uint(height)),
        Round(rlp.decode_uint(round_)),
        SigningStep(place),
        Hash32(subject),
    )
