"""Protobuf forms of blocks and evidence, and the hashes that need them.

Spec:
    CometBFT spec/core/data_structures, "Block" and "Evidence".
"""

from collections.abc import Sequence

from chainkit.commitments.merkle import root
from chainkit.formats.tendermint import limits
from chainkit.formats.tendermint.codec import (
    commit_from_proto,
    commit_to_proto,
    header_from_proto,
    header_to_proto,
    light_block_from_proto,
    light_block_to_proto,
    validator_from_proto,
    validator_to_proto,
    vote_from_proto,
    vote_to_proto,
)
from chainkit.formats.tendermint.hashing import header_hash
from chainkit.formats.tendermint.parts import split_block
from chainkit.formats.tendermint.types import (
    Block,
    BlockId,
    DuplicateVoteEvidence,
    Evidence,
    LightClientAttackEvidence,
)
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.hashing import sha256
from chainkit.primitives.types import BlockHeight, Hash32, VotingPower
from chainkit.primitives.varint import encode_zigzag
from chainkit.wire.codec import (
    codec_of,
    encode,
    timestamp_from_proto,
    timestamp_to_proto,
)
from chainkit.wire.proto.tendermint.types import block_pb2, evidence_pb2, types_pb2

_HASH_BYTES = 32


def duplicate_vote_to_proto(
    evidence: DuplicateVoteEvidence,
) -> evidence_pb2.DuplicateVoteEvidence:
    """Return the protobuf form."""
    return evidence_pb2.DuplicateVoteEvidence(
        vote_a=vote_to_proto(evidence.vote_a),
        vote_b=vote_to_proto(evidence.vote_b),
        total_voting_power=evidence.total_voting_power,
        validator_power=evidence.validator_power,
        timestamp=timestamp_to_proto(evidence.timestamp),
    )


def duplicate_vote_from_proto(
    pb: evidence_pb2.DuplicateVoteEvidence,
) -> DuplicateVoteEvidence:
    """Return the value of a protobuf form.

    Raises:
        MalformedMessage: A vote is missing or malformed.
    """
    if not pb.HasField("vote_a") or not pb.HasField("vote_b"):
        raise MalformedMessage("duplicate vote evidence without two votes")
    return DuplicateVoteEvidence(
        vote_a=vote_from_proto(pb.vote_a),
        vote_b=vote_from_proto(pb.vote_b),
        total_voting_power=VotingPower(pb.total_voting_power),
        validator_power=VotingPower(pb.validator_power),
        timestamp=timestamp_from_proto(pb.timestamp),
    )


def light_client_attack_to_proto(
    evidence: LightClientAttackEvidence,
) -> evidence_pb2.LightClientAttackEvidence:
    """Return the protobuf form."""
    return evidence_pb2.LightClientAttackEvidence(
        conflicting_block=light_block_to_proto(evidence.conflicting_block),
        common_height=evidence.common_height,
        byzantine_validators=[validator_to_proto(v) for v in evidence.byzantine_validators],
        total_voting_power=evidence.total_voting_power,
        timestamp=timestamp_to_proto(evidence.timestamp),
    )


def light_client_attack_from_proto(
    pb: evidence_pb2.LightClientAttackEvidence,
) -> LightClientAttackEvidence:
    """Return the value of a protobuf form.

    Raises:
        MalformedMessage: The conflicting block is missing or malformed.
    """
    if not pb.HasField("conflicting_block"):
        raise MalformedMessage("light client attack evidence without a conflicting block")
    return LightClientAttackEvidence(
        conflicting_block=light_block_from_proto(pb.conflicting_block),
        common_height=BlockHeight(pb.common_height),
        byzantine_validators=tuple(validator_from_proto(v) for v in pb.byzantine_validators),
        total_voting_power=VotingPower(pb.total_voting_power),
        timestamp=timestamp_from_proto(pb.timestamp),
    )


def evidence_to_proto(evidence: Evidence) -> evidence_pb2.Evidence:
    """Return the protobuf form, in the wrapper that names its kind."""
    match evidence:
        case DuplicateVoteEvidence():
            return evidence_pb2.Evidence(duplicate_vote_evidence=duplicate_vote_to_proto(evidence))
        case LightClientAttackEvidence():
            return evidence_pb2.Evidence(
                light_client_attack_evidence=light_client_attack_to_proto(evidence)
            )


def evidence_from_proto(pb: evidence_pb2.Evidence) -> Evidence:
    """Return the value of a protobuf form.

    Raises:
        MalformedMessage: Of no kind, or malformed.
    """
    kind = pb.WhichOneof("sum")
    if kind == "duplicate_vote_evidence":
        return duplicate_vote_from_proto(pb.duplicate_vote_evidence)
    if kind == "light_client_attack_evidence":
        return light_client_attack_from_proto(pb.light_client_attack_evidence)
    raise MalformedMessage("evidence is not recognized")


encode_evidence, decode_evidence = codec_of(
    evidence_pb2.Evidence, evidence_to_proto, evidence_from_proto, limits.MAX_ENCODED_EVIDENCE_BYTES
)


def evidence_bytes(evidence: Evidence) -> bytes:
    """Return the encoding without the wrapper: what is hashed (CometBFT ``Bytes``)."""
    match evidence:
        case DuplicateVoteEvidence():
            return encode(duplicate_vote_to_proto(evidence))
        case LightClientAttackEvidence():
            return encode(light_client_attack_to_proto(evidence))


def hash_of_evidence(evidence: Evidence) -> Hash32:
    """Return the hash that names one piece of evidence.

    For an attack it covers the conflicting block and the common height only, so that the
    same attack told with other words is one. CometBFT copies 31 bytes of the block's hash
    and leaves a zero; so do we.
    """
    match evidence:
        case DuplicateVoteEvidence():
            return sha256(evidence_bytes(evidence))
        case LightClientAttackEvidence():
            block_hash = header_hash(evidence.conflicting_block.signed_header.header)
            prefix = block_hash[: _HASH_BYTES - 1].ljust(_HASH_BYTES, b"\0")
            return sha256(prefix + encode_zigzag(evidence.common_height))


def evidence_hash(evidence: Sequence[Evidence]) -> Hash32:
    """Return the root over a block's evidence: a header's ``evidence_hash``."""
    return root([evidence_bytes(piece) for piece in evidence])


def evidence_list_bytes(evidence: Sequence[Evidence]) -> int:
    """Return how many bytes a block's evidence takes (CometBFT ``EvidenceData.ByteSize``)."""
    return len(encode(_evidence_list_to_proto(evidence)))


def _evidence_list_to_proto(evidence: Sequence[Evidence]) -> evidence_pb2.EvidenceList:
    return evidence_pb2.EvidenceList(evidence=[evidence_to_proto(piece) for piece in evidence])


# --- blocks -----------------------------------------------------------------------------


def block_to_proto(block: Block) -> block_pb2.Block:
    """Return the protobuf form."""
    pb = block_pb2.Block(
        header=header_to_proto(block.header),
        data=types_pb2.Data(txs=block.txs),
        evidence=_evidence_list_to_proto(block.evidence),
    )
    if block.last_commit is not None:
        pb.last_commit.CopyFrom(commit_to_proto(block.last_commit))
    return pb


def block_from_proto(pb: block_pb2.Block) -> Block:
    """Return the value of a protobuf form, or raise ``MalformedMessage``."""
    return Block(
        header=header_from_proto(pb.header),
        txs=tuple(pb.data.txs),
        evidence=tuple(evidence_from_proto(piece) for piece in pb.evidence.evidence),
        last_commit=commit_from_proto(pb.last_commit) if pb.HasField("last_commit") else None,
    )


encode_block, decode_block = codec_of(
    block_pb2.Block, block_to_proto, block_from_proto, limits.MAX_ENCODED_BLOCK_BYTES
)


def block_id_of(block: Block) -> BlockId:
    """Return the id of a block: its header's hash and the header of its part set."""
    return BlockId(header_hash(block.header), split_block(encode_block(block))[0])
