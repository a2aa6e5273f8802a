"""What validators sign: the canonical forms of votes and proposals, length-delimited.

Spec:
    CometBFT spec/core/data_structures, "Vote" and "CanonicalVote".
"""

from chainkit.formats.tendermint import fields
from chainkit.formats.tendermint.types import (
    NIL_BLOCK_ID,
    BlockId,
    BlockIdFlag,
    Commit,
    Proposal,
    Vote,
    VoteType,
)
from chainkit.primitives.types import BlockHeight, ChainId, Round
from chainkit.primitives.varint import encode_uvarint

try:
    from chainkit.formats.tendermint._sign_bytes import timed as _timed
except ImportError:  # an install without a compiler
    _timed = None

_PROPOSAL_TYPE = 32


def _delimited(body: bytes) -> bytes:
    return encode_uvarint(len(body)) + body


def _canonical_block_id(field: int, block_id: BlockId) -> bytes:
    if block_id.is_nil():
        return b""
    parts = block_id.part_set_header
    header = fields.integer(1, parts.total) + fields.data(2, parts.hash)
    return fields.message(field, fields.data(1, block_id.hash) + fields.message(2, header))


def _head(kind: VoteType, height: BlockHeight, round_: Round) -> bytes:
    return fields.integer(1, kind) + fields.sfixed64(2, height) + fields.sfixed64(3, round_)


def vote_sign_bytes(chain_id: ChainId, vote: Vote) -> bytes:
    """Return the bytes that the validator of ``vote`` signs; extensions are not in them."""
    return _delimited(
        _head(vote.type, vote.height, vote.round)
        + _canonical_block_id(4, vote.block_id)
        + fields.message(5, fields.timestamp(vote.timestamp))
        + fields.data(6, chain_id.encode())
    )


def vote_extension_sign_bytes(chain_id: ChainId, vote: Vote) -> bytes:
    """Return the bytes that the vote's extension signature is over."""
    return _delimited(
        fields.data(1, vote.extension)
        + fields.sfixed64(2, vote.height)
        + fields.sfixed64(3, vote.round)
        + fields.data(4, chain_id.encode())
    )


def proposal_sign_bytes(chain_id: ChainId, proposal: Proposal) -> bytes:
    """Return the bytes that a proposer signs."""
    return _delimited(
        fields.integer(1, _PROPOSAL_TYPE)
        + fields.sfixed64(2, proposal.height)
        + fields.sfixed64(3, proposal.round)
        + fields.integer(4, proposal.pol_round)
        + _canonical_block_id(5, proposal.block_id)
        + fields.message(6, fields.timestamp(proposal.timestamp))
        + fields.data(7, chain_id.encode())
    )


def commit_vote(commit: Commit, index: int) -> Vote:
    """Return the precommit whose signature is at ``index`` of ``commit``."""
    signature = commit.signatures[index]
    is_for_block = signature.block_id_flag is BlockIdFlag.COMMIT
    return Vote(
        type=VoteType.PRECOMMIT,
        height=commit.height,
        round=commit.round,
        block_id=commit.block_id if is_for_block else NIL_BLOCK_ID,
        timestamp=signature.timestamp,
        validator_address=signature.validator_address,
        validator_index=index,
        signature=signature.signature,
    )


def commit_vote_sign_bytes(chain_id: ChainId, commit: Commit, index: int) -> bytes:
    """Return the bytes that the signature at ``index`` of ``commit`` is over."""
    return vote_sign_bytes(chain_id, commit_vote(commit, index))


def commit_sign_bytes(chain_id: ChainId, commit: Commit, indices: list[int]) -> list[bytes]:
    """Return the bytes that the signatures at ``indices`` of ``commit`` are over.

    They differ in flag and time alone, so the rest is encoded once for all.
    """
    if _timed is None:
        return [commit_vote_sign_bytes(chain_id, commit, index) for index in indices]
    head = _head(VoteType.PRECOMMIT, commit.height, commit.round)
    for_block = head + _canonical_block_id(4, commit.block_id)
    suffix = fields.data(6, chain_id.encode())
    found: list[bytes] = _timed(
        commit.signatures, indices, BlockIdFlag.COMMIT, for_block, head, suffix
    )
    return found
