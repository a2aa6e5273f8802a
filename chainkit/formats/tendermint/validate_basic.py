"""Whether values are well-formed by themselves: CometBFT's ``ValidateBasic`` of each type.

Spec:
    CometBFT spec/core/data_structures; types, the ``ValidateBasic`` methods.
"""

from chainkit.formats.tendermint.errors import (
    InvalidBlock,
    InvalidCommit,
    InvalidProposal,
    InvalidVote,
)
from chainkit.formats.tendermint.hashing import header_hash, validator_set_hash
from chainkit.formats.tendermint.types import (
    BLOCK_PROTOCOL_VERSION,
    BlockId,
    BlockIdFlag,
    Commit,
    CommitSig,
    Header,
    LightBlock,
    Proposal,
    SignedHeader,
    Vote,
    VoteType,
)
from chainkit.formats.tendermint.validator_set import validate as validate_set
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.limits import MAX_CHAIN_ID_BYTES, MAX_VOTES_COUNT
from chainkit.primitives.timestamps import GO_ZERO_TIME_NS
from chainkit.primitives.types import ChainId

HASH_BYTES = 32
ADDRESS_BYTES = 20
MAX_SIGNATURE_BYTES = 64


def _is_hash(value: bytes) -> bool:
    return len(value) in {0, HASH_BYTES}


def is_complete(block_id: BlockId) -> bool:
    """Return whether the id names a block fully: both hashes, and at least one part."""
    parts = block_id.part_set_header
    return len(block_id.hash) == HASH_BYTES and parts.total > 0 and len(parts.hash) == HASH_BYTES


def validate_block_id(block_id: BlockId) -> None:
    """Check the sizes of the hashes.

    Raises:
        MalformedMessage: A hash of another size than 0 or 32.
    """
    if not _is_hash(block_id.hash) or not _is_hash(block_id.part_set_header.hash):
        raise MalformedMessage("a block id has a hash that is not of 32 bytes")


def validate_header(header: Header) -> None:
    """Check a header by itself.

    Raises:
        InvalidBlock: Another block protocol, a long chain id, height 0, hashes or the
            proposer's address of a wrong size.
    """
    if header.version_block != BLOCK_PROTOCOL_VERSION:
        raise InvalidBlock(
            f"block protocol is incorrect: got: {header.version_block}, "
            f"want: {BLOCK_PROTOCOL_VERSION}"
        )
    if len(header.chain_id.encode()) > MAX_CHAIN_ID_BYTES:
        raise InvalidBlock(f"chainID is too long: over {MAX_CHAIN_ID_BYTES} bytes")
    if header.height <= 0:
        raise InvalidBlock("zero Height" if header.height == 0 else "negative Height")
    try:
        validate_block_id(header.last_block_id)
    except MalformedMessage as error:
        raise InvalidBlock("wrong LastBlockID") from error
    hashes = {
        "LastCommitHash": header.last_commit_hash,
        "DataHash": header.data_hash,
        "EvidenceHash": header.evidence_hash,
        "ValidatorsHash": header.validators_hash,
        "NextValidatorsHash": header.next_validators_hash,
        "ConsensusHash": header.consensus_hash,
        "LastResultsHash": header.last_results_hash,
    }
    for name, value in hashes.items():
        if not _is_hash(value):
            raise InvalidBlock(f"wrong {name}: {len(value)} bytes")
    if len(header.proposer_address) != ADDRESS_BYTES:
        raise InvalidBlock(f"proposer address of {len(header.proposer_address)} bytes")


def validate_commit_sig(signature: CommitSig) -> None:
    """Check one place of a commit.

    Raises:
        InvalidCommit: An absent one that says something, or a present one without an
            address of 20 bytes and a signature of at most 64.
    """
    if signature.block_id_flag is BlockIdFlag.ABSENT:
        if signature.validator_address or signature.signature:
            raise InvalidCommit("an absent signature has an address or a signature")
        if signature.timestamp != GO_ZERO_TIME_NS:
            raise InvalidCommit("an absent signature has a time")
        return
    if len(signature.validator_address) != ADDRESS_BYTES:
        raise InvalidCommit(f"address of {len(signature.validator_address)} bytes in a commit")
    if not 0 < len(signature.signature) <= MAX_SIGNATURE_BYTES:
        raise InvalidCommit(f"signature of {len(signature.signature)} bytes in a commit")


def validate_commit(commit: Commit) -> None:
    """Check a commit by itself.

    Raises:
        InvalidCommit: Negative numbers, or (from height 1) no block, no places or too
            many, or a bad place.
    """
    if commit.height < 0 or commit.round < 0:
        raise InvalidCommit("negative Height or Round")
    if commit.height == 0:
        return
    if commit.block_id.is_nil():
        raise InvalidCommit("commit cannot be for nil block")
    if not 0 < len(commit.signatures) <= MAX_VOTES_COUNT:
        raise InvalidCommit(f"{len(commit.signatures)} signatures in commit")
    for signature in commit.signatures:
        validate_commit_sig(signature)


def validate_vote(vote: Vote) -> None:
    """Check a vote by itself.

    Raises:
        InvalidVote: Negative numbers, a block id that is neither nil nor complete, an
            address, signature or extension that cannot be.
    """
    if vote.height <= 0 or vote.round < 0 or vote.validator_index < 0:
        raise InvalidVote("negative or zero Height, negative Round or ValidatorIndex")
    if not vote.block_id.is_nil() and not is_complete(vote.block_id):
        raise InvalidVote("blockID must be either empty or complete")
    if len(vote.validator_address) != ADDRESS_BYTES:
        raise InvalidVote(f"validator address of {len(vote.validator_address)} bytes")
    if not 0 < len(vote.signature) <= MAX_SIGNATURE_BYTES:
        raise InvalidVote(f"signature of {len(vote.signature)} bytes")
    may_extend = vote.type is VoteType.PRECOMMIT and not vote.block_id.is_nil()
    if (vote.extension or vote.extension_signature) and not may_extend:
        raise InvalidVote("unexpected vote extension")
    if len(vote.extension_signature) > MAX_SIGNATURE_BYTES:
        raise InvalidVote("vote extension signature is too big")
    if vote.extension and not vote.extension_signature:
        raise InvalidVote("vote extension without a signature")


def validate_proposal(proposal: Proposal) -> None:
    """Check a proposal by itself.

    Raises:
        InvalidProposal: Negative numbers, a proof-of-lock round below -1, an incomplete block id,
            or no signature. That the former is before the round is for consensus to say.
    """
    if proposal.height < 0 or proposal.round < 0:
        raise InvalidProposal("negative Height or Round")
    if proposal.pol_round < -1:
        raise InvalidProposal(f"negative POLRound {proposal.pol_round} (exception: -1)")
    if not is_complete(proposal.block_id):
        raise InvalidProposal("expected a complete, non-empty BlockID")
    if not 0 < len(proposal.signature) <= MAX_SIGNATURE_BYTES:
        raise InvalidProposal(f"signature of {len(proposal.signature)} bytes")


def validate_signed_header(signed_header: SignedHeader, chain_id: ChainId) -> None:
    """Check that a header and its commit are well-formed and of each other.

    Raises:
        InvalidBlock: The header is not well-formed, of another chain, or not the one that
            the commit is for.
        InvalidCommit: The commit is not well-formed.
    """
    header, commit = signed_header.header, signed_header.commit
    validate_header(header)
    validate_commit(commit)
    if header.chain_id != chain_id:
        raise InvalidBlock(f"header belongs to another chain {header.chain_id!r}, not {chain_id!r}")
    if commit.height != header.height:
        raise InvalidBlock(f"header and commit height mismatch: {header.height} vs {commit.height}")
    if commit.block_id.hash != header_hash(header):
        raise InvalidBlock("commit signs another block than the header's")


def validate_light_block(block: LightBlock, chain_id: ChainId) -> None:
    """Check that a signed header and a validator set are well-formed and of each other.

    Raises:
        InvalidBlock, InvalidCommit: As for a signed header, or the set is not the one that
            the header names.
        InvalidValidatorSet: The set is not one.
    """
    validate_signed_header(block.signed_header, chain_id)
    validate_set(block.validator_set)
    if block.signed_header.header.validators_hash != validator_set_hash(block.validator_set):
        raise InvalidBlock("expected validator hash of header to match validator set hash")
