"""Messages of the consensus reactor: values, protobuf form, and rules.

Spec:
    CometBFT consensus/msgs.go, ``MsgFromProto``; consensus/reactor.go, ``ValidateBasic``.
"""

from dataclasses import dataclass

from chainkit.formats.tendermint.codec import (
    block_id_from_proto,
    block_id_to_proto,
    part_from_proto,
    part_set_header_from_proto,
    part_set_header_to_proto,
    part_to_proto,
    proposal_from_proto,
    proposal_to_proto,
    vote_from_proto,
    vote_to_proto,
)
from chainkit.formats.tendermint.parts import validate_part
from chainkit.formats.tendermint.types import (
    BlockId,
    Part,
    PartSetHeader,
    Proposal,
    Vote,
    VoteType,
)
from chainkit.formats.tendermint.validate_basic import (
    validate_block_id,
    validate_proposal,
    validate_vote,
)
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.limits import MAX_BLOCK_PARTS_COUNT, MAX_VOTES_COUNT
from chainkit.primitives.types import BlockHeight, Round
from chainkit.wire.codec import decode_known, encode
from chainkit.wire.proto.tendermint.consensus import types_pb2
from chainkit.wire.proto.tendermint.libs.bits import types_pb2 as bits_pb2
from chainkit.wire.proto.tendermint.types import types_pb2 as tendermint_pb2
from relay_chain.consensus.messages import Step
from relay_chain.node.reactors.bit_arrays import BitArray, bit_array_of_words
from relay_chain.node.reactors.limits import MAX_CONSENSUS_MESSAGE_BYTES


@dataclass(frozen=True, slots=True)
class NewRoundStep:
    """Where the sender is; sent at every step."""

    height: BlockHeight
    round: Round
    step: int
    seconds_since_start: int
    last_commit_round: Round


@dataclass(frozen=True, slots=True)
class NewValidBlock:
    """A block got +2/3 prevotes, or is committed; which of its parts the sender has."""

    height: BlockHeight
    round: Round
    part_set_header: PartSetHeader
    parts: BitArray
    is_commit: bool


@dataclass(frozen=True, slots=True)
class ProposalMessage:
    """A round's proposal."""

    proposal: Proposal


@dataclass(frozen=True, slots=True)
class ProposalPol:
    """Which prevotes of a proposal's proof-of-lock round the sender has."""

    height: BlockHeight
    pol_round: Round
    votes: BitArray


@dataclass(frozen=True, slots=True)
class BlockPart:
    """A part of the block that the height and round are about."""

    height: BlockHeight
    round: Round
    part: Part


@dataclass(frozen=True, slots=True)
class VoteMessage:
    """A vote, of anybody."""

    vote: Vote


@dataclass(frozen=True, slots=True)
class HasVote:
    """The sender has this vote."""

    height: BlockHeight
    round: Round
    type: VoteType
    index: int


@dataclass(frozen=True, slots=True)
class VoteSetMaj23:
    """The sender saw +2/3 for a block, and asks which of those votes the receiver has."""

    height: BlockHeight
    round: Round
    type: VoteType
    block_id: BlockId


@dataclass(frozen=True, slots=True)
class VoteSetBits:
    """The answer: which votes for a block the sender has."""

    height: BlockHeight
    round: Round
    type: VoteType
    block_id: BlockId
    votes: BitArray


ConsensusMessage = (
    NewRoundStep
    | NewValidBlock
    | ProposalMessage
    | ProposalPol
    | BlockPart
    | VoteMessage
    | HasVote
    | VoteSetMaj23
    | VoteSetBits
)

_TYPES: dict[VoteType, tendermint_pb2.SignedMsgType.ValueType] = {
    VoteType.PREVOTE: tendermint_pb2.SIGNED_MSG_TYPE_PREVOTE,
    VoteType.PRECOMMIT: tendermint_pb2.SIGNED_MSG_TYPE_PRECOMMIT,
}


def _bits(bits: BitArray) -> bits_pb2.BitArray:
    return bits_pb2.BitArray(bits=bits.size, elems=bits.words())


def encode_consensus_message(message: ConsensusMessage) -> bytes:
    """Return ``tendermint.consensus.Message``."""
    return encode(_to_proto(message))


def _to_proto(message: ConsensusMessage) -> types_pb2.Message:
    match message:
        case NewRoundStep(height, round_, step, seconds, last_commit_round):
            return types_pb2.Message(
                new_round_step=types_pb2.NewRoundStep(
                    height=height,
                    round=round_,
                    step=step,
                    seconds_since_start_time=seconds,
                    last_commit_round=last_commit_round,
                )
            )
        case NewValidBlock(height, round_, header, parts, is_commit):
            return types_pb2.Message(
                new_valid_block=types_pb2.NewValidBlock(
                    height=height,
                    round=round_,
                    block_part_set_header=part_set_header_to_proto(header),
                    block_parts=_bits(parts),
                    is_commit=is_commit,
                )
            )
        case ProposalMessage(proposal):
            return types_pb2.Message(
                proposal=types_pb2.Proposal(proposal=proposal_to_proto(proposal))
            )
        case ProposalPol(height, pol_round, votes):
            return types_pb2.Message(
                proposal_pol=types_pb2.ProposalPOL(
                    height=height, proposal_pol_round=pol_round, proposal_pol=_bits(votes)
                )
            )
        case BlockPart(height, round_, part):
            return types_pb2.Message(
                block_part=types_pb2.BlockPart(
                    height=height, round=round_, part=part_to_proto(part)
                )
            )
        case VoteMessage(vote):
            return types_pb2.Message(vote=types_pb2.Vote(vote=vote_to_proto(vote)))
        case HasVote() | VoteSetMaj23() | VoteSetBits():
            return _vote_set_to_proto(message)


def _vote_set_to_proto(message: HasVote | VoteSetMaj23 | VoteSetBits) -> types_pb2.Message:
    type_ = _TYPES[message.type]
    match message:
        case HasVote(height, round_, _, index):
            return types_pb2.Message(
                has_vote=types_pb2.HasVote(height=height, round=round_, type=type_, index=index)
            )
        case VoteSetMaj23(height, round_, _, block_id):
            return types_pb2.Message(
                vote_set_maj23=types_pb2.VoteSetMaj23(
                    height=height, round=round_, type=type_, block_id=block_id_to_proto(block_id)
                )
            )
        case VoteSetBits(height, round_, _, block_id, votes):
            return types_pb2.Message(
                vote_set_bits=types_pb2.VoteSetBits(
                    height=height,
                    round=round_,
                    type=type_,
                    block_id=block_id_to_proto(block_id),
                    votes=_bits(votes),
                )
            )


def decode_consensus_message(data: bytes) -> ConsensusMessage:
    """Return the message in the bytes, its rules not yet checked.

    Raises:
        MalformedMessage: The bytes do not decode to one of the messages.
    """
    outer = decode_known(types_pb2.Message, data, max_bytes=MAX_CONSENSUS_MESSAGE_BYTES)
    match outer.WhichOneof("sum"):
        case "new_round_step":
            step = outer.new_round_step
            return NewRoundStep(
                BlockHeight(step.height),
                Round(step.round),
                step.step,
                step.seconds_since_start_time,
                Round(step.last_commit_round),
            )
        case "new_valid_block":
            valid = outer.new_valid_block
            return NewValidBlock(
                BlockHeight(valid.height),
                Round(valid.round),
                part_set_header_from_proto(valid.block_part_set_header),
                _bits_from_proto(valid.block_parts, MAX_BLOCK_PARTS_COUNT),
                valid.is_commit,
            )
        case "proposal":
            return ProposalMessage(proposal_from_proto(outer.proposal.proposal))
        case "proposal_pol":
            pol = outer.proposal_pol
            return ProposalPol(
                BlockHeight(pol.height),
                Round(pol.proposal_pol_round),
                _bits_from_proto(pol.proposal_pol, MAX_VOTES_COUNT),
            )
        case "block_part":
            part = outer.block_part
            return BlockPart(
                BlockHeight(part.height), Round(part.round), part_from_proto(part.part)
            )
        case _:
            return _vote_message_from_proto(outer)


def _vote_message_from_proto(outer: types_pb2.Message) -> ConsensusMessage:
    match outer.WhichOneof("sum"):
        case "vote":
            if not outer.vote.HasField("vote"):
                raise MalformedMessage("vote message without a vote")
            return VoteMessage(vote_from_proto(outer.vote.vote))
        case "has_vote":
            has = outer.has_vote
            return HasVote(BlockHeight(has.height), Round(has.round), _type(has.type), has.index)
        case "vote_set_maj23":
            claim = outer.vote_set_maj23
            return VoteSetMaj23(
                BlockHeight(claim.height),
                Round(claim.round),
                _type(claim.type),
                block_id_from_proto(claim.block_id),
            )
        case "vote_set_bits":
            bits = outer.vote_set_bits
            return VoteSetBits(
                BlockHeight(bits.height),
                Round(bits.round),
                _type(bits.type),
                block_id_from_proto(bits.block_id),
                _bits_from_proto(bits.votes, MAX_VOTES_COUNT),
            )
        case _:
            raise MalformedMessage("consensus message of no known kind")


def _type(value: int) -> VoteType:
    if value not in {VoteType.PREVOTE, VoteType.PRECOMMIT}:
        raise MalformedMessage(f"vote type {value}")
    return VoteType(value)


def _bits_from_proto(pb: bits_pb2.BitArray, max_size: int) -> BitArray:
    return bit_array_of_words(pb.bits, pb.elems, max_size=max_size)


def validate_consensus_message(message: ConsensusMessage) -> None:
    """Check a message by itself (CometBFT ``ValidateBasic``).

    Raises:
        RuleBroken: A negative number, an impossible step, a block id, part, vote or
            proposal that cannot be, or a bit array of the wrong size.
    """
    match message:
        case NewRoundStep():
            _validate_step(message)
        case NewValidBlock(height, round_, header, parts, _):
            _natural(height, round_)
            validate_block_id(BlockId(b"", header))
            if parts.size == 0 or parts.size != header.total:
                raise MalformedMessage(f"{parts.size} bits for {header.total} parts")
        case ProposalMessage(proposal):
            validate_proposal(proposal)
        case ProposalPol(height, pol_round, votes):
            _natural(height, pol_round)
            if votes.size == 0:
                raise MalformedMessage("proof of lock for no validators")
        case BlockPart(height, round_, part):
            _natural(height, round_)
            validate_part(part)
        case VoteMessage(vote):
            validate_vote(vote)
        case HasVote() | VoteSetMaj23() | VoteSetBits():
            _validate_vote_set(message)


def _validate_step(message: NewRoundStep) -> None:
    _natural(message.height, message.round)
    if not Step.NEW_HEIGHT <= message.step <= Step.COMMIT:
        raise MalformedMessage(f"step {message.step}")
    if message.last_commit_round < -1:
        raise MalformedMessage(f"last commit round {message.last_commit_round}")


def _validate_vote_set(message: HasVote | VoteSetMaj23 | VoteSetBits) -> None:
    match message:
        case HasVote(height, round_, _, index):
            _natural(height, round_, index)
        case VoteSetMaj23(height, round_, _, block_id) | VoteSetBits(height, round_, _, block_id):
            _natural(height, round_)
            validate_block_id(block_id)


def validate_step_height(message: NewRoundStep, initial_height: BlockHeight) -> None:
    """Check a step against the chain's first height (CometBFT ``ValidateHeight``).

    Raises:
        MalformedMessage: A height before the first, or a last commit where there is none.
    """
    if message.height < initial_height:
        raise MalformedMessage(f"height {message.height} is before the first, {initial_height}")
    if (message.height == initial_height) != (message.last_commit_round == -1):
        raise MalformedMessage(
            f"last commit round {message.last_commit_round} at height {message.height}"
        )


def _natural(*numbers: int) -> None:
    if min(numbers) < 0:
        raise MalformedMessage("negative height, round or index")
