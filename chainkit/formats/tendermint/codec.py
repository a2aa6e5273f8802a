"""Protobuf forms of CometBFT's values: the only module here that sees message classes.

``*_from_proto`` and ``decode_*`` check that the bytes are a value, not that the value
keeps CometBFT's rules: that is ``validate_basic``'s. ``encode_*`` returns the encoding of a
value; ``decode_*`` the value of bytes, or raises ``MalformedMessage``. Decoding is strict:
the bytes are exactly those that ``encode_*`` would give (docs/adr/0005-strict-formats.md).
Blocks and evidence are in ``block_codec``.

Spec:
    CometBFT spec/core/data_structures and spec/core/encoding.
"""

from chainkit.formats.tendermint import limits
from chainkit.formats.tendermint.types import (
    BlockId,
    BlockIdFlag,
    Commit,
    CommitSig,
    ConsensusParams,
    Header,
    LightBlock,
    Part,
    PartSetHeader,
    Proposal,
    SignedHeader,
    Validator,
    ValidatorSet,
    Vote,
    VoteType,
)
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.types import Address, BlockHeight, ChainId, DurationNs, Round, VotingPower
from chainkit.wire.codec import (
    codec_of,
    duration_from_proto,
    duration_to_proto,
    encode,
    timestamp_from_proto,
    timestamp_to_proto,
)
from chainkit.wire.proto.tendermint.crypto import keys_pb2, proof_pb2
from chainkit.wire.proto.tendermint.types import params_pb2, types_pb2, validator_pb2
from chainkit.wire.proto.tendermint.version import types_pb2 as version_pb2

_VOTE_TYPES = {
    VoteType.PREVOTE: types_pb2.SIGNED_MSG_TYPE_PREVOTE,
    VoteType.PRECOMMIT: types_pb2.SIGNED_MSG_TYPE_PRECOMMIT,
}
_VOTE_TYPE_OF = {number: vote_type for vote_type, number in _VOTE_TYPES.items()}
_FLAGS = {
    BlockIdFlag.ABSENT: validator_pb2.BLOCK_ID_FLAG_ABSENT,
    BlockIdFlag.COMMIT: validator_pb2.BLOCK_ID_FLAG_COMMIT,
    BlockIdFlag.NIL: validator_pb2.BLOCK_ID_FLAG_NIL,
}
_FLAG_OF = {number: flag for flag, number in _FLAGS.items()}


def part_set_header_to_proto(header: PartSetHeader) -> types_pb2.PartSetHeader:
    """Return the protobuf form."""
    return types_pb2.PartSetHeader(total=header.total, hash=header.hash)


def part_set_header_from_proto(pb: types_pb2.PartSetHeader) -> PartSetHeader:
    """Return the value of a protobuf form."""
    return PartSetHeader(pb.total, pb.hash)


def block_id_to_proto(block_id: BlockId) -> types_pb2.BlockID:
    """Return the protobuf form."""
    return types_pb2.BlockID(
        hash=block_id.hash, part_set_header=part_set_header_to_proto(block_id.part_set_header)
    )


def block_id_from_proto(pb: types_pb2.BlockID) -> BlockId:
    """Return the value of a protobuf form."""
    return BlockId(pb.hash, part_set_header_from_proto(pb.part_set_header))


def encode_block_id(block_id: BlockId) -> bytes:
    """Return the encoding of ``tendermint.types.BlockID``."""
    return encode(block_id_to_proto(block_id))


def vote_to_proto(vote: Vote) -> types_pb2.Vote:
    """Return the protobuf form."""
    return types_pb2.Vote(
        type=_VOTE_TYPES[vote.type],
        height=vote.height,
        round=vote.round,
        block_id=block_id_to_proto(vote.block_id),
        timestamp=timestamp_to_proto(vote.timestamp),
        validator_address=vote.validator_address,
        validator_index=vote.validator_index,
        signature=vote.signature,
        extension=vote.extension,
        extension_signature=vote.extension_signature,
    )


def vote_from_proto(pb: types_pb2.Vote) -> Vote:
    """Return the value of a protobuf form.

    Raises:
        MalformedMessage: Neither a prevote nor a precommit, or a time that does not exist.
    """
    if pb.type not in _VOTE_TYPE_OF:
        raise MalformedMessage(f"a vote of type {pb.type}")
    return Vote(
        type=_VOTE_TYPE_OF[pb.type],
        height=BlockHeight(pb.height),
        round=Round(pb.round),
        block_id=block_id_from_proto(pb.block_id),
        timestamp=timestamp_from_proto(pb.timestamp),
        validator_address=Address(pb.validator_address),
        validator_index=pb.validator_index,
        signature=pb.signature,
        extension=pb.extension,
        extension_signature=pb.extension_signature,
    )


encode_vote, decode_vote = codec_of(
    types_pb2.Vote, vote_to_proto, vote_from_proto, limits.MAX_ENCODED_VOTE_BYTES
)


def proposal_to_proto(proposal: Proposal) -> types_pb2.Proposal:
    """Return the protobuf form."""
    return types_pb2.Proposal(
        type=types_pb2.SIGNED_MSG_TYPE_PROPOSAL,
        height=proposal.height,
        round=proposal.round,
        pol_round=proposal.pol_round,
        block_id=block_id_to_proto(proposal.block_id),
        timestamp=timestamp_to_proto(proposal.timestamp),
        signature=proposal.signature,
    )


def proposal_from_proto(pb: types_pb2.Proposal) -> Proposal:
    """Return the value of a protobuf form.

    Raises:
        MalformedMessage: Another message type, or a time that does not exist.
    """
    if pb.type != types_pb2.SIGNED_MSG_TYPE_PROPOSAL:
        raise MalformedMessage(f"a proposal of type {pb.type}")
    return Proposal(
        height=BlockHeight(pb.height),
        round=Round(pb.round),
        pol_round=Round(pb.pol_round),
        block_id=block_id_from_proto(pb.block_id),
        timestamp=timestamp_from_proto(pb.timestamp),
        signature=pb.signature,
    )


encode_proposal, decode_proposal = codec_of(
    types_pb2.Proposal, proposal_to_proto, proposal_from_proto, limits.MAX_ENCODED_PROPOSAL_BYTES
)


def commit_sig_to_proto(signature: CommitSig) -> types_pb2.CommitSig:
    """Return the protobuf form."""
    return types_pb2.CommitSig(
        block_id_flag=_FLAGS[signature.block_id_flag],
        validator_address=signature.validator_address,
        timestamp=timestamp_to_proto(signature.timestamp),
        signature=signature.signature,
    )


def commit_sig_from_proto(pb: types_pb2.CommitSig) -> CommitSig:
    """Return the value of a protobuf form.

    Raises:
        MalformedMessage: An unknown flag, or a time that does not exist.
    """
    if pb.block_id_flag not in _FLAG_OF:
        raise MalformedMessage(f"unknown BlockIDFlag: {pb.block_id_flag}")
    return CommitSig(
        block_id_flag=_FLAG_OF[pb.block_id_flag],
        validator_address=Address(pb.validator_address),
        timestamp=timestamp_from_proto(pb.timestamp),
        signature=pb.signature,
    )


def commit_to_proto(commit: Commit) -> types_pb2.Commit:
    """Return the protobuf form."""
    return types_pb2.Commit(
        height=commit.height,
        round=commit.round,
        block_id=block_id_to_proto(commit.block_id),
        signatures=[commit_sig_to_proto(signature) for signature in commit.signatures],
    )


def commit_from_proto(pb: types_pb2.Commit) -> Commit:
    """Return the value of a protobuf form, or raise ``MalformedMessage``."""
    return Commit(
        height=BlockHeight(pb.height),
        round=Round(pb.round),
        block_id=block_id_from_proto(pb.block_id),
        signatures=tuple(commit_sig_from_proto(signature) for signature in pb.signatures),
    )


encode_commit, decode_commit = codec_of(
    types_pb2.Commit, commit_to_proto, commit_from_proto, limits.MAX_ENCODED_COMMIT_BYTES
)


def header_to_proto(header: Header) -> types_pb2.Header:
    """Return the protobuf form."""
    return types_pb2.Header(
        version=version_pb2.Consensus(block=header.version_block, app=header.version_app),
        chain_id=header.chain_id,
        height=header.height,
        time=timestamp_to_proto(header.time),
        last_block_id=block_id_to_proto(header.last_block_id),
        last_commit_hash=header.last_commit_hash,
        data_hash=header.data_hash,
        validators_hash=header.validators_hash,
        next_validators_hash=header.next_validators_hash,
        consensus_hash=header.consensus_hash,
        app_hash=header.app_hash,
        last_results_hash=header.last_results_hash,
        evidence_hash=header.evidence_hash,
        proposer_address=header.proposer_address,
    )


def header_from_proto(pb: types_pb2.Header) -> Header:
    """Return the value of a protobuf form, or raise ``MalformedMessage``."""
    return Header(
        chain_id=ChainId(pb.chain_id),
        height=BlockHeight(pb.height),
        time=timestamp_from_proto(pb.time),
        last_block_id=block_id_from_proto(pb.last_block_id),
        last_commit_hash=pb.last_commit_hash,
        data_hash=pb.data_hash,
        validators_hash=pb.validators_hash,
        next_validators_hash=pb.next_validators_hash,
        consensus_hash=pb.consensus_hash,
        app_hash=pb.app_hash,
        last_results_hash=pb.last_results_hash,
        evidence_hash=pb.evidence_hash,
        proposer_address=Address(pb.proposer_address),
        version_block=pb.version.block,
        version_app=pb.version.app,
    )


encode_header, decode_header = codec_of(
    types_pb2.Header, header_to_proto, header_from_proto, limits.MAX_ENCODED_HEADER_BYTES
)


def signed_header_to_proto(signed_header: SignedHeader) -> types_pb2.SignedHeader:
    """Return the protobuf form."""
    return types_pb2.SignedHeader(
        header=header_to_proto(signed_header.header),
        commit=commit_to_proto(signed_header.commit),
    )


def signed_header_from_proto(pb: types_pb2.SignedHeader) -> SignedHeader:
    """Return the value of a protobuf form.

    Raises:
        MalformedMessage: Without a header or a commit, or one of them is malformed.
    """
    if not pb.HasField("header") or not pb.HasField("commit"):
        raise MalformedMessage("a signed header without a header or a commit")
    return SignedHeader(header_from_proto(pb.header), commit_from_proto(pb.commit))


encode_signed_header, decode_signed_header = codec_of(
    types_pb2.SignedHeader,
    signed_header_to_proto,
    signed_header_from_proto,
    limits.MAX_ENCODED_LIGHT_BLOCK_BYTES,
)


def validator_to_proto(validator: Validator) -> validator_pb2.Validator:
    """Return the protobuf form."""
    return validator_pb2.Validator(
        address=validator.address,
        pub_key=keys_pb2.PublicKey(ed25519=validator.public_key),
        voting_power=validator.voting_power,
        proposer_priority=validator.proposer_priority,
    )


def validator_from_proto(pb: validator_pb2.Validator) -> Validator:
    """Return the value of a protobuf form.

    Raises:
        MalformedMessage: A key of another kind than ed25519.
    """
    if pb.pub_key.WhichOneof("sum") != "ed25519":
        raise MalformedMessage("a validator's key is not an ed25519 key")
    return Validator(
        address=Address(pb.address),
        public_key=pb.pub_key.ed25519,
        voting_power=VotingPower(pb.voting_power),
        proposer_priority=pb.proposer_priority,
    )


def validator_set_to_proto(validator_set: ValidatorSet) -> validator_pb2.ValidatorSet:
    """Return the protobuf form; the total power is left out, as CometBFT does."""
    pb = validator_pb2.ValidatorSet(
        validators=[validator_to_proto(validator) for validator in validator_set.validators]
    )
    if validator_set.proposer is not None:
        pb.proposer.CopyFrom(validator_to_proto(validator_set.proposer))
    return pb


def validator_set_from_proto(pb: validator_pb2.ValidatorSet) -> ValidatorSet:
    """Return the value of a protobuf form, or raise ``MalformedMessage``.

    The total power that it states is not read: nothing commits to it.
    """
    return ValidatorSet(
        tuple(validator_from_proto(validator) for validator in pb.validators),
        validator_from_proto(pb.proposer) if pb.HasField("proposer") else None,
    )


encode_validator_set, decode_validator_set = codec_of(
    validator_pb2.ValidatorSet,
    validator_set_to_proto,
    validator_set_from_proto,
    limits.MAX_ENCODED_VALIDATOR_SET_BYTES,
)


def light_block_to_proto(block: LightBlock) -> types_pb2.LightBlock:
    """Return the protobuf form."""
    return types_pb2.LightBlock(
        signed_header=signed_header_to_proto(block.signed_header),
        validator_set=validator_set_to_proto(block.validator_set),
    )


def light_block_from_proto(pb: types_pb2.LightBlock) -> LightBlock:
    """Return the value of a protobuf form.

    Raises:
        MalformedMessage: Without a header or a set, or one of them is malformed.
    """
    if not pb.HasField("signed_header") or not pb.HasField("validator_set"):
        raise MalformedMessage("a light block without a signed header or a validator set")
    return LightBlock(
        signed_header_from_proto(pb.signed_header), validator_set_from_proto(pb.validator_set)
    )


encode_light_block, decode_light_block = codec_of(
    types_pb2.LightBlock,
    light_block_to_proto,
    light_block_from_proto,
    limits.MAX_ENCODED_LIGHT_BLOCK_BYTES,
)


def part_to_proto(part: Part) -> types_pb2.Part:
    """Return the protobuf form."""
    return types_pb2.Part(
        index=part.index,
        bytes=part.data,
        proof=proof_pb2.Proof(
            total=part.proof_total,
            index=part.proof_index,
            leaf_hash=part.proof_leaf_hash,
            aunts=part.proof_aunts,
        ),
    )


def part_from_proto(pb: types_pb2.Part) -> Part:
    """Return the value of a protobuf form."""
    proof = pb.proof
    return Part(pb.index, pb.bytes, proof.total, proof.index, proof.leaf_hash, tuple(proof.aunts))


encode_part, decode_part = codec_of(
    types_pb2.Part, part_to_proto, part_from_proto, limits.MAX_ENCODED_PART_BYTES
)


def consensus_params_to_proto(params: ConsensusParams) -> params_pb2.ConsensusParams:
    """Return the protobuf form."""
    return params_pb2.ConsensusParams(
        block=params_pb2.BlockParams(
            max_bytes=params.block_max_bytes, max_gas=params.block_max_gas
        ),
        evidence=params_pb2.EvidenceParams(
            max_age_num_blocks=params.evidence_max_age_blocks,
            max_age_duration=duration_to_proto(DurationNs(params.evidence_max_age_duration_ns)),
            max_bytes=params.evidence_max_bytes,
        ),
        validator=params_pb2.ValidatorParams(pub_key_types=params.public_key_types),
        version=params_pb2.VersionParams(app=params.app_version),
        abci=params_pb2.ABCIParams(
            vote_extensions_enable_height=params.vote_extensions_enable_height
        ),
    )


def consensus_params_from_proto(pb: params_pb2.ConsensusParams) -> ConsensusParams:
    """Return the value of a protobuf form, or raise ``MalformedMessage``."""
    return ConsensusParams(
        block_max_bytes=pb.block.max_bytes,
        block_max_gas=pb.block.max_gas,
        evidence_max_age_blocks=pb.evidence.max_age_num_blocks,
        evidence_max_age_duration_ns=duration_from_proto(pb.evidence.max_age_duration),
        evidence_max_bytes=pb.evidence.max_bytes,
        public_key_types=tuple(pb.validator.pub_key_types),
        app_version=pb.version.app,
        vote_extensions_enable_height=pb.abci.vote_extensions_enable_height,
    )


encode_consensus_params, decode_consensus_params = codec_of(
    params_pb2.ConsensusParams,
    consensus_params_to_proto,
    consensus_params_from_proto,
    limits.MAX_ENCODED_PARAMS_BYTES,
)
