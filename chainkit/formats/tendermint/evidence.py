"""Evidence of misbehaviour: what makes it valid, and whom it names.

Spec:
    CometBFT spec/consensus/evidence; evidence, ``verify.go``; spec/light-client/
    accountability for the three attacks.
"""

from enum import Enum, auto

from chainkit.formats.tendermint.errors import InvalidEvidence, TendermintRuleBroken
from chainkit.formats.tendermint.hashing import header_hash, part_set_header_bytes
from chainkit.formats.tendermint.sign_bytes import vote_sign_bytes
from chainkit.formats.tendermint.types import (
    BlockId,
    BlockIdFlag,
    ConsensusParams,
    DuplicateVoteEvidence,
    Evidence,
    Header,
    LightClientAttackEvidence,
    SignedHeader,
    Validator,
    ValidatorSet,
    Vote,
)
from chainkit.formats.tendermint.validate_basic import validate_light_block, validate_vote
from chainkit.formats.tendermint.validator_set import (
    get_by_address,
    sort_by_voting_power,
    total_voting_power,
)
from chainkit.formats.tendermint.verify_commit import (
    ONE_THIRD,
    verify_commit_light_all_signatures,
    verify_commit_light_trusting_all_signatures,
)
from chainkit.primitives.types import BlockHeight, ChainId, TimestampNs
from chainkit.sigverify.ed25519 import VERIFIED, BatchVerifier, ed25519_address


class AttackKind(Enum):
    """How a conflicting light block came to be."""

    LUNATIC = auto()
    """Its application or validator hashes are made up."""
    EQUIVOCATION = auto()
    """Two blocks were signed in one round."""
    AMNESIA = auto()
    """Signed in different rounds: two commits alone do not name the guilty."""


def evidence_height(evidence: Evidence) -> BlockHeight:
    """Return the height at which the guilty were validators."""
    match evidence:
        case DuplicateVoteEvidence():
            return evidence.vote_a.height
        case LightClientAttackEvidence():
            return evidence.common_height


def is_evidence_expired(
    height_now: BlockHeight,
    time_now: TimestampNs,
    height: BlockHeight,
    time: TimestampNs,
    params: ConsensusParams,
) -> bool:
    """Return whether evidence of ``height`` and ``time`` is too old in blocks *and* in time."""
    return (
        time_now - time > params.evidence_max_age_duration_ns
        and height_now - height > params.evidence_max_age_blocks
    )


# --- two votes --------------------------------------------------------------------------


def _order(block_id: BlockId) -> bytes:
    """Return CometBFT's ``BlockID.Key``, by which the two votes are ordered."""
    return block_id.hash + part_set_header_bytes(block_id.part_set_header)


def new_duplicate_vote_evidence(
    vote_1: Vote, vote_2: Vote, block_time: TimestampNs, validators: ValidatorSet
) -> DuplicateVoteEvidence:
    """Return evidence from two votes, in the right order.

    Args:
        vote_1: One vote.
        vote_2: The other, by the same validator.
        block_time: Time of the block at the votes' height.
        validators: The set of the votes' height.

    Raises:
        InvalidEvidence: The voter is not in the set.
    """
    found = get_by_address(validators, vote_1.validator_address)
    if found is None:
        raise InvalidEvidence(f"validator {vote_1.validator_address.hex()} not in validator set")
    first, second = sorted((vote_1, vote_2), key=lambda vote: _order(vote.block_id))
    return DuplicateVoteEvidence(
        first, second, total_voting_power(validators), found[1].voting_power, block_time
    )


def validate_evidence(evidence: Evidence) -> None:
    """Check evidence by itself (CometBFT ``ValidateBasic``).

    Raises:
        InvalidEvidence: Malformed votes or in the wrong order, a malformed conflicting
            block, or heights and powers that cannot be.
    """
    match evidence:
        case DuplicateVoteEvidence(vote_a=vote_a, vote_b=vote_b):
            try:
                validate_vote(vote_a)
                validate_vote(vote_b)
            except TendermintRuleBroken as error:
                raise InvalidEvidence(f"malformed evidence: {error}") from error
            if _order(vote_a.block_id) >= _order(vote_b.block_id):
                raise InvalidEvidence("duplicate votes in invalid order")
        case LightClientAttackEvidence():
            _validate_attack(evidence)


def _validate_attack(evidence: LightClientAttackEvidence) -> None:
    header = evidence.conflicting_block.signed_header.header
    if evidence.total_voting_power <= 0:
        raise InvalidEvidence("negative or zero total voting power")
    if evidence.common_height <= 0:
        raise InvalidEvidence("negative or zero common height")
    if evidence.common_height > header.height:
        raise InvalidEvidence("common height is ahead of the conflicting block height")
    try:
        validate_light_block(evidence.conflicting_block, header.chain_id)
    except TendermintRuleBroken as error:
        raise InvalidEvidence(f"invalid conflicting light block: {error}") from error


def verify_duplicate_vote(
    evidence: DuplicateVoteEvidence, chain_id: ChainId, validators: ValidatorSet
) -> None:
    """Check that a validator of the votes' height signed both of two conflicting votes.

    Raises:
        InvalidEvidence: It did not, or a power is not the set's.
    """
    vote_a, vote_b = evidence.vote_a, evidence.vote_b
    found = get_by_address(validators, vote_a.validator_address)
    if found is None:
        raise InvalidEvidence(f"{vote_a.validator_address.hex()} was not a validator")
    validator = found[1]
    if (vote_a.height, vote_a.round, vote_a.type) != (vote_b.height, vote_b.round, vote_b.type):
        raise InvalidEvidence("h/r/s does not match")
    if vote_a.validator_address != vote_b.validator_address:
        raise InvalidEvidence("validator addresses do not match")
    if vote_a.block_id == vote_b.block_id:
        raise InvalidEvidence("block IDs are the same - not a real duplicate vote")
    if ed25519_address(validator.public_key) != vote_a.validator_address:
        raise InvalidEvidence("address doesn't match pubkey")
    if validator.voting_power != evidence.validator_power:
        raise InvalidEvidence("validator power from evidence and our validator set does not match")
    if total_voting_power(validators) != evidence.total_voting_power:
        raise InvalidEvidence(
            "total voting power from the evidence and our validator set does not match"
        )
    _both_signed(evidence, chain_id, validator)


def _both_signed(evidence: DuplicateVoteEvidence, chain_id: ChainId, validator: Validator) -> None:
    """Refuse a vote that the validator did not sign; both are verified in one batch."""
    batch = BatchVerifier(remembered=VERIFIED)
    for vote in (evidence.vote_a, evidence.vote_b):
        batch.add(validator.public_key, vote_sign_bytes(chain_id, vote), vote.signature)
    for name, is_valid in zip(("VoteA", "VoteB"), batch.verify(), strict=True):
        if not is_valid:
            raise InvalidEvidence(f"verifying {name}: invalid signature")


# --- attacks on light clients -----------------------------------------------------------


def is_derived_otherwise(trusted: Header, conflicting: Header) -> bool:
    """Return whether the conflicting header's state was made up (CometBFT's "invalid")."""
    return (
        trusted.validators_hash,
        trusted.next_validators_hash,
        trusted.consensus_hash,
        trusted.app_hash,
        trusted.last_results_hash,
    ) != (
        conflicting.validators_hash,
        conflicting.next_validators_hash,
        conflicting.consensus_hash,
        conflicting.app_hash,
        conflicting.last_results_hash,
    )


def classify_attack(trusted: SignedHeader, conflicting: SignedHeader) -> AttackKind:
    """Return how ``conflicting`` came to be, next to the chain's own header."""
    if is_derived_otherwise(trusted.header, conflicting.header):
        return AttackKind.LUNATIC
    if trusted.commit.round == conflicting.commit.round:
        return AttackKind.EQUIVOCATION
    return AttackKind.AMNESIA


def byzantine_validators(
    evidence: LightClientAttackEvidence, common_validators: ValidatorSet, trusted: SignedHeader
) -> tuple[Validator, ...]:
    """Return whom the two commits convict, in a set's order; nobody for amnesia."""
    block = evidence.conflicting_block
    signers = {
        signature.validator_address
        for signature in block.signed_header.commit.signatures
        if signature.block_id_flag is BlockIdFlag.COMMIT
    }
    match classify_attack(trusted, block.signed_header):
        case AttackKind.LUNATIC:
            return sort_by_voting_power(
                v for v in common_validators.validators if v.address in signers
            )
        case AttackKind.EQUIVOCATION:
            twice = signers & {
                signature.validator_address
                for signature in trusted.commit.signatures
                if signature.block_id_flag is BlockIdFlag.COMMIT
            }
            return sort_by_voting_power(
                v for v in block.validator_set.validators if v.address in twice
            )
        case AttackKind.AMNESIA:
            return ()


def verify_light_client_attack(
    evidence: LightClientAttackEvidence,
    common: SignedHeader,
    trusted: SignedHeader,
    common_validators: ValidatorSet,
) -> None:
    """Check that the conflicting block would have fooled a light client.

    Args:
        evidence: Already well-formed (:func:`validate_evidence`).
        common: This node's header at the common height.
        trusted: This node's header at the conflicting height, or its latest if it has none.
        common_validators: The set of the common height.

    Raises:
        InvalidEvidence: It would not have, or the evidence names other validators or powers
            than those that the commits show.
    """
    block = evidence.conflicting_block
    header, commit = block.signed_header.header, block.signed_header.commit
    chain_id = trusted.header.chain_id
    is_lunatic = common.header.height != header.height
    if not is_lunatic and is_derived_otherwise(trusted.header, header):
        raise InvalidEvidence(
            "common height is the same as conflicting block height so expected the "
            "conflicting block to be correctly derived yet it wasn't"
        )
    try:
        if is_lunatic:
            verify_commit_light_trusting_all_signatures(
                chain_id, common_validators, commit, ONE_THIRD
            )
        verify_commit_light_all_signatures(
            chain_id, block.validator_set, commit.block_id, header.height, commit
        )
    except TendermintRuleBroken as error:
        raise InvalidEvidence(f"invalid commit from conflicting block: {error}") from error
    if evidence.total_voting_power != total_voting_power(common_validators):
        raise InvalidEvidence(
            "total voting power from the evidence and our validator set does not match"
        )
    is_ahead = header.height > trusted.header.height
    if is_ahead and header.time > trusted.header.time:
        raise InvalidEvidence("conflicting block doesn't violate monotonically increasing time")
    if not is_ahead and header_hash(trusted.header) == header_hash(header):
        raise InvalidEvidence("trusted header hash matches the evidence's conflicting header hash")
    _names_the_guilty(evidence, byzantine_validators(evidence, common_validators, trusted))


def _names_the_guilty(evidence: LightClientAttackEvidence, guilty: tuple[Validator, ...]) -> None:
    """Refuse a list of byzantine validators that is not exactly the one that follows."""
    named = evidence.byzantine_validators
    if len(named) != len(guilty):
        raise InvalidEvidence(
            f"expected {len(guilty)} byzantine validators from evidence but got {len(named)}"
        )
    for expected, actual in zip(guilty, named, strict=True):
        if actual.address != expected.address or actual.voting_power != expected.voting_power:
            raise InvalidEvidence("evidence contained an unexpected byzantine validator")
        if actual.address != ed25519_address(actual.public_key):
            raise InvalidEvidence("byzantine validator's address does not match its key")
