"""Evidence that waits for a block: verified, bounded, forgotten when committed or expired.

Pure: the shell keeps the pool and gives the history; a restart rebuilds ``committed`` from
the blocks within the evidence age with :func:`remember_committed`.

Spec:
    CometBFT spec/consensus/evidence; evidence, ``pool.go`` and ``verify.go``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Protocol

from chainkit.formats.tendermint.block_codec import evidence_list_bytes, hash_of_evidence
from chainkit.formats.tendermint.errors import InvalidEvidence
from chainkit.formats.tendermint.evidence import (
    evidence_height,
    is_evidence_expired,
    new_duplicate_vote_evidence,
    validate_evidence,
    verify_duplicate_vote,
    verify_light_client_attack,
)
from chainkit.formats.tendermint.types import (
    DuplicateVoteEvidence,
    Evidence,
    LightClientAttackEvidence,
    SignedHeader,
    ValidatorSet,
    Vote,
)
from chainkit.primitives.types import BlockHeight, Hash32, TimestampNs
from relay_chain.consensus.state import ChainState

MAX_PENDING = 1_000
"""Pieces kept; when full, new ones are dropped until a block takes some."""

MAX_CONFLICTING_VOTES = 1_000
"""Pairs of votes kept between two blocks; the same."""


class ChainHistory(Protocol):
    """What the pool asks of the block store; None where a height is not kept."""

    def signed_header(self, height: BlockHeight) -> SignedHeader | None:
        """Return the header and the commit of a height."""
        ...

    def validators(self, height: BlockHeight) -> ValidatorSet | None:
        """Return the set of a height."""
        ...

    def latest_height(self) -> BlockHeight:
        """Return the last height that is kept."""
        ...


@dataclass(frozen=True, slots=True)
class EvidencePool:
    """Pending evidence, oldest height first, and what the chain has taken already."""

    pending: tuple[Evidence, ...] = ()
    committed: Mapping[Hash32, tuple[BlockHeight, TimestampNs]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    """Hashes of committed evidence with its height and time, kept until it expires."""
    conflicting_votes: tuple[tuple[Vote, Vote], ...] = ()
    """Seen by consensus; they become evidence when their height's block gives the time."""


def verify_evidence(evidence: Evidence, state: ChainState, history: ChainHistory) -> None:
    """Check evidence in full against this node's chain.

    Raises:
        InvalidEvidence: Malformed, of a time that is not its block's, expired, of a height
            that this node does not have, or not true.
    """
    validate_evidence(evidence)
    height = evidence_height(evidence)
    common = history.signed_header(height)
    validators = history.validators(height)
    if common is None or validators is None:
        raise InvalidEvidence(f"don't have header #{height}")
    if evidence.timestamp != common.header.time:
        raise InvalidEvidence(
            "evidence has a different time to the block it is associated with "
            f"({evidence.timestamp} != {common.header.time})"
        )
    if _is_expired(state, height, common.header.time):
        raise InvalidEvidence(f"evidence from height {height} is too old")
    match evidence:
        case DuplicateVoteEvidence():
            verify_duplicate_vote(evidence, state.chain_id, validators)
        case LightClientAttackEvidence():
            trusted = _trusted_header(evidence, history)
            verify_light_client_attack(evidence, common, trusted, validators)


def _trusted_header(evidence: LightClientAttackEvidence, history: ChainHistory) -> SignedHeader:
    """Return our header at the conflicting height; our latest if the attack is ahead of us."""
    conflicting = evidence.conflicting_block.signed_header.header
    trusted = history.signed_header(conflicting.height)
    if trusted is not None:
        return trusted
    latest = history.signed_header(history.latest_height())
    if latest is None:
        raise InvalidEvidence(f"don't have header #{conflicting.height}")
    if latest.header.time < conflicting.time:
        raise InvalidEvidence("latest block time is before conflicting block time")
    return latest


def add_evidence(
    pool: EvidencePool, evidence: Evidence, state: ChainState, history: ChainHistory
) -> EvidencePool:
    """Return the pool with evidence from a peer or a user.

    Evidence that is pending or committed already changes nothing, and is not verified
    again; neither does evidence for a full pool.

    Raises:
        InvalidEvidence: It is not valid.
    """
    if _is_known(pool, evidence):
        return pool
    verify_evidence(evidence, state, history)
    return _with_pending(pool, evidence)


def report_conflicting_votes(pool: EvidencePool, vote_a: Vote, vote_b: Vote) -> EvidencePool:
    """Return the pool with two votes that consensus saw, for :func:`update` to use."""
    if len(pool.conflicting_votes) >= MAX_CONFLICTING_VOTES:
        return pool
    return replace(pool, conflicting_votes=(*pool.conflicting_votes, (vote_a, vote_b)))


def check_block_evidence(
    pool: EvidencePool, evidence: Sequence[Evidence], state: ChainState, history: ChainHistory
) -> EvidencePool:
    """Check the evidence of a proposed block; return the pool that knows it.

    Raises:
        InvalidEvidence: A piece is not valid, committed already, or in the block twice.
    """
    hashes = [hash_of_evidence(piece) for piece in evidence]
    if len(set(hashes)) != len(hashes):
        raise InvalidEvidence("duplicate evidence")
    for piece, name in zip(evidence, hashes, strict=True):
        if name in pool.committed:
            raise InvalidEvidence("evidence was already committed")
        # The hash of an attack does not cover all its words, so it is verified each time.
        if piece not in pool.pending:
            verify_evidence(piece, state, history)
            pool = _with_pending(pool, piece)
    return pool


def pending_evidence(pool: EvidencePool, max_bytes: int) -> tuple[Evidence, ...]:
    """Return the oldest evidence that fits in ``max_bytes`` of a block."""
    chosen: list[Evidence] = []
    for piece in pool.pending:
        if evidence_list_bytes([*chosen, piece]) > max_bytes:
            break
        chosen.append(piece)
    return tuple(chosen)


def update(
    pool: EvidencePool,
    block_evidence: Sequence[Evidence],
    state: ChainState,
    history: ChainHistory,
) -> EvidencePool:
    """Return the pool after a block.

    The block's evidence moves to committed, conflicting votes of its height and before
    become evidence, and what is expired goes.

    Args:
        pool: Before the block.
        block_evidence: The block's.
        state: After the block.
        history: Holds the block already.
    """
    pool = remember_committed(pool, block_evidence)
    waiting: list[tuple[Vote, Vote]] = []
    for pair in pool.conflicting_votes:
        if pair[0].height > state.last_block_height:
            waiting.append(pair)
            continue
        evidence = _evidence_of_votes(pair, history)
        if evidence is not None and not _is_known(pool, evidence):
            pool = _with_pending(pool, evidence)
    return EvidencePool(
        pending=tuple(
            piece
            for piece in pool.pending
            if not _is_expired(state, evidence_height(piece), piece.timestamp)
        ),
        # Expired evidence is refused anyway, so its hash need not be kept.
        committed=MappingProxyType(
            {
                name: (height, time)
                for name, (height, time) in pool.committed.items()
                if not _is_expired(state, height, time)
            }
        ),
        conflicting_votes=tuple(waiting),
    )


def remember_committed(pool: EvidencePool, block_evidence: Sequence[Evidence]) -> EvidencePool:
    """Return the pool with a block's evidence marked as committed, no longer pending."""
    if not block_evidence:
        return pool
    taken = {
        hash_of_evidence(piece): (evidence_height(piece), piece.timestamp)
        for piece in block_evidence
    }
    return replace(
        pool,
        pending=tuple(piece for piece in pool.pending if hash_of_evidence(piece) not in taken),
        committed=MappingProxyType({**pool.committed, **taken}),
    )


def _evidence_of_votes(
    pair: tuple[Vote, Vote], history: ChainHistory
) -> DuplicateVoteEvidence | None:
    height = pair[0].height
    header, validators = history.signed_header(height), history.validators(height)
    if header is None or validators is None:
        return None
    try:
        return new_duplicate_vote_evidence(*pair, header.header.time, validators)
    except InvalidEvidence:
        return None


def _is_known(pool: EvidencePool, evidence: Evidence) -> bool:
    name = hash_of_evidence(evidence)
    return name in pool.committed or any(hash_of_evidence(p) == name for p in pool.pending)


def _with_pending(pool: EvidencePool, evidence: Evidence) -> EvidencePool:
    if len(pool.pending) >= MAX_PENDING:
        return pool
    pending = sorted(
        (*pool.pending, evidence), key=lambda p: (evidence_height(p), hash_of_evidence(p))
    )
    return replace(pool, pending=tuple(pending))


def _is_expired(state: ChainState, height: BlockHeight, time: TimestampNs) -> bool:
    return is_evidence_expired(
        state.last_block_height, state.last_block_time, height, time, state.consensus_params
    )
