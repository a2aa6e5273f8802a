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
from chainkit.primitives.types import ChainId
from chainkit.primitives.varint import encode_uvarint

_PROPOSAL_TYPE = 32


def _delimited(body: bytes) -> bytes:
    return encode_uvarint(len(body)) + body


def _canonical_block_id(field: int, block_id: BlockId) -> bytes:
    if block_id.is_nil():
        return b""
    parts = block_id.part_set_header
    header = fields.integer(1, parts.total) + fields.data(2, parts.hash)
    return fields.message(field, fields.data(1, block_id.hash) + fields.message(2, header))


def vote_sign_bytes(chain_id: ChainId, vote: Vote) -> bytes:
    """Return the bytes that the validator of ``vote`` signs; extensions are not in them."""
    return _delimited(
        fields.integer(1, vote.type)
        + fields.sfixed64(2, vote.height)
        + fields.sfixed64(3, vote.round)
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


class CommitSignBytes:
    """The sign-bytes of a commit's precommits: they differ in the time alone.

    Built once for a commit, since all else would be encoded again for each validator.
    Mutable: it keeps the parts that come again, as the second and the lengths.
    """

    __slots__ = ("_bodies", "_commit", "_heads", "_second", "_second_bytes", "_suffix")

    def __init__(self, chain_id: ChainId, commit: Commit) -> None:
        head = (
            fields.integer(1, VoteType.PRECOMMIT)
            + fields.sfixed64(2, commit.height)
            + fields.sfixed64(3, commit.round)
        )
        self._commit = commit
        self._bodies = {
            BlockIdFlag.COMMIT: head + _canonical_block_id(4, commit.block_id),
            BlockIdFlag.NIL: head,
        }
        self._heads: dict[tuple[BlockIdFlag, int], bytes] = {}
        self._suffix = fields.data(6, chain_id.encode())
        self._second = 0
        self._second_bytes = b""

    def at(self, index: int) -> bytes:
        """Return the bytes that the signature at ``index`` is over."""
        signature = self._commit.signatures[index]
        second, nanos = divmod(signature.timestamp, 10**9)
        if second != self._second:
            self._second, self._second_bytes = second, fields.integer(1, second)
        time = self._second_bytes + fields.integer(2, nanos)
        key = signature.block_id_flag, len(time)
        head = self._heads.get(key) or self._head(*key)
        return head + time + self._suffix

    def _head(self, flag: BlockIdFlag, time_bytes: int) -> bytes:
        """Return everything before a time of that length."""
        body = self._bodies.get(flag, self._bodies[BlockIdFlag.NIL]) + bytes((0x2A, time_bytes))
        head = encode_uvarint(len(body) + time_bytes + len(self._suffix)) + body
        self._heads[flag, time_bytes] = head
        return head


def commit_vote_sign_bytes(chain_id: ChainId, commit: Commit, index: int) -> bytes:
    """Return the bytes that the signature at ``index`` of ``commit`` is over."""
    return vote_sign_bytes(chain_id, commit_vote(commit, index))
