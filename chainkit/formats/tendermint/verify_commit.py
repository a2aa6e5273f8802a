"""Whether a commit's signatures carry enough of a validator set.

Spec:
    CometBFT types, ``VerifyCommit`` and its light forms (``types/validation.go``).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from chainkit.formats.tendermint.errors import (
    DoubleVote,
    InvalidCommit,
    InvalidTrustLevel,
    NotEnoughVotingPower,
    WrongCommitBlock,
    WrongCommitHeight,
    WrongSetSize,
    WrongSignature,
)
from chainkit.formats.tendermint.hashing import block_id_bytes
from chainkit.formats.tendermint.sign_bytes import commit_sign_bytes
from chainkit.formats.tendermint.types import (
    BlockId,
    BlockIdFlag,
    Commit,
    Validator,
    ValidatorSet,
)
from chainkit.formats.tendermint.validator_set import total_voting_power
from chainkit.primitives.limits import INT64_MAX
from chainkit.primitives.types import Address, BlockHeight, ChainId, VotingPower
from chainkit.sigverify.ed25519 import VERIFIED, verify_items


@dataclass(frozen=True, slots=True)
class TrustLevel:
    """The share of trusted power that has to sign, a third to one."""

    numerator: int = 1
    denominator: int = 3

    def __str__(self) -> str:
        return f"{self.numerator}/{self.denominator}"


@dataclass(frozen=True, slots=True)
class SignedPower:
    """Enough power that claims to have signed, with the signatures still to be judged."""

    commit: Commit
    indices: tuple[int, ...]
    items: tuple[tuple[bytes, bytes, bytes], ...]
    """Public key, sign-bytes and signature of each."""


ONE_THIRD = TrustLevel(1, 3)
TWO_THIRDS = TrustLevel(2, 3)


def validate_trust_level(level: TrustLevel) -> None:
    """Check that the level is within [1/3, 1].

    Raises:
        InvalidTrustLevel: It is not; below a third, no signer need be correct.
    """
    if (
        level.denominator <= 0
        or level.numerator * 3 < level.denominator
        or level.numerator > level.denominator
    ):
        raise InvalidTrustLevel(f"trustLevel must be within [1/3, 1], given {level}")


def verify_commit(
    chain_id: ChainId,
    validators: ValidatorSet,
    block_id: BlockId,
    height: BlockHeight,
    commit: Commit,
) -> None:
    """Check that more than 2/3 signed the block and that every other signature is valid too.

    Raises:
        InvalidCommit: One of its kinds.
    """
    _check_shape(validators, block_id, height, commit)
    absent = BlockIdFlag.ABSENT
    present = [
        index
        for index, signature in enumerate(commit.signatures)
        if signature.block_id_flag is not absent
    ]
    signers = _signers_by_index(validators, commit, present)
    judge_signatures(_tally(chain_id, commit, signers, _two_thirds(validators), stop_early=False))


def verify_commit_light(
    chain_id: ChainId,
    validators: ValidatorSet,
    block_id: BlockId,
    height: BlockHeight,
    commit: Commit,
) -> None:
    """Check that more than 2/3 signed the block, looking at no signature past that.

    Raises:
        InvalidCommit: One of its kinds.
    """
    judge_signatures(claim_light(chain_id, validators, block_id, height, commit))


def claim_light(
    chain_id: ChainId,
    validators: ValidatorSet,
    block_id: BlockId,
    height: BlockHeight,
    commit: Commit,
) -> SignedPower:
    """Return what ``verify_commit_light`` has left to verify: the signatures.

    Raises:
        InvalidCommit: One of its kinds, but for ``WrongSignature``.
    """
    _check_shape(validators, block_id, height, commit)
    signers = _signers_by_index(validators, commit, _for_block(commit))
    return _tally(chain_id, commit, signers, _two_thirds(validators), stop_early=True)


def verify_commit_light_all_signatures(
    chain_id: ChainId,
    validators: ValidatorSet,
    block_id: BlockId,
    height: BlockHeight,
    commit: Commit,
) -> None:
    """Check that more than 2/3 signed the block and that all signatures for it are valid.

    Raises:
        InvalidCommit: One of its kinds.
    """
    _check_shape(validators, block_id, height, commit)
    signers = _signers_by_index(validators, commit, _for_block(commit))
    judge_signatures(_tally(chain_id, commit, signers, _two_thirds(validators), stop_early=False))


def verify_commit_light_trusting(
    chain_id: ChainId, validators: ValidatorSet, commit: Commit, trust_level: TrustLevel
) -> None:
    """Check that more than ``trust_level`` of another (trusted) set signed the block.

    Raises:
        InvalidCommit: One of its kinds; ``NotEnoughVotingPower`` if all signatures looked
            at were valid but too few.
        InvalidTrustLevel: Its product with the power does not fit 64 bits, or it is n/0.
    """
    judge_signatures(claim_trusting(chain_id, validators, commit, trust_level))


def claim_trusting(
    chain_id: ChainId, validators: ValidatorSet, commit: Commit, trust_level: TrustLevel
) -> SignedPower:
    """Return what ``verify_commit_light_trusting`` has left to verify: the signatures.

    Raises:
        InvalidCommit: One of its kinds, but for ``WrongSignature``.
        InvalidTrustLevel: As above.
    """
    signers = _signers_by_address(validators, commit)
    return _tally(chain_id, commit, signers, _needed(validators, trust_level), stop_early=True)


def verify_commit_light_trusting_all_signatures(
    chain_id: ChainId, validators: ValidatorSet, commit: Commit, trust_level: TrustLevel
) -> None:
    """The same, with all signatures of validators of the set checked: for evidence.

    Raises:
        InvalidCommit: One of its kinds.
        InvalidTrustLevel: As above.
    """
    signers = _signers_by_address(validators, commit)
    needed = _needed(validators, trust_level)
    judge_signatures(_tally(chain_id, commit, signers, needed, stop_early=False))


def _two_thirds(validators: ValidatorSet) -> VotingPower:
    return VotingPower(total_voting_power(validators) * 2 // 3)


def _needed(validators: ValidatorSet, trust_level: TrustLevel) -> VotingPower:
    if trust_level.denominator == 0:
        raise InvalidTrustLevel("trustLevel has zero Denominator")
    product = total_voting_power(validators) * trust_level.numerator
    if product > INT64_MAX:
        raise InvalidTrustLevel(
            "int64 overflow while calculating voting power needed. "
            "please provide smaller trustLevel numerator"
        )
    return VotingPower(product // trust_level.denominator)


def _for_block(commit: Commit) -> list[int]:
    return [
        index
        for index, signature in enumerate(commit.signatures)
        if signature.block_id_flag is BlockIdFlag.COMMIT
    ]


def _check_shape(
    validators: ValidatorSet, block_id: BlockId, height: BlockHeight, commit: Commit
) -> None:
    if len(validators.validators) != len(commit.signatures):
        raise WrongSetSize(validators=len(validators.validators), signatures=len(commit.signatures))
    if height != commit.height:
        raise WrongCommitHeight(expected=height, actual=commit.height)
    if block_id != commit.block_id:
        raise WrongCommitBlock(
            expected=block_id_bytes(block_id), actual=block_id_bytes(commit.block_id)
        )


_Signer = tuple[int, Validator]


def _signers_by_index(
    validators: ValidatorSet, commit: Commit, indices: list[int]
) -> Iterator[_Signer]:
    """Yield the validators whose places these are.

    A set that lists a validator twice (ISA-2025-003) ends here too.
    """
    members, places = validators.validators, commit.signatures
    seen: dict[Address, int] = {}
    for index in indices:
        validator = members[index]
        signer = places[index].validator_address
        if validator.address != signer:
            raise InvalidCommit(
                f"validator address mismatch at index {index}: "
                f"expected {validator.address.hex()}, got {signer.hex()}"
            )
        if signer in seen:
            raise DoubleVote(address=signer, first=seen[signer], second=index)
        seen[signer] = index
        yield index, validator


def _signers_by_address(validators: ValidatorSet, commit: Commit) -> Iterator[_Signer]:
    """Yield the validators of another set that signed the block, each once."""
    known: dict[Address, Validator] = {}
    for position, validator in enumerate(validators.validators):
        if validator.address in known:
            raise DoubleVote(address=validator.address, first=position, second=position)
        known[validator.address] = validator
    seen: dict[Address, int] = {}
    for index in _for_block(commit):
        address = commit.signatures[index].validator_address
        if address not in known:
            continue
        if address in seen:
            raise DoubleVote(address=address, first=seen[address], second=index)
        seen[address] = index
        yield index, known[address]


def _tally(
    chain_id: ChainId,
    commit: Commit,
    signers: Iterable[_Signer],
    needed: VotingPower,
    *,
    stop_early: bool,
) -> SignedPower:
    """Sum the power of those who signed the block.

    Too little power is refused before any signature is looked at.
    """
    places = commit.signatures
    indices: list[int] = []
    keys: list[bytes] = []
    got = 0
    for_block = BlockIdFlag.COMMIT
    for index, validator in signers:
        indices.append(index)
        keys.append(validator.public_key)
        if places[index].block_id_flag is for_block:
            got += validator.voting_power
            if stop_early and got > needed:
                break
    if got <= needed:
        raise NotEnoughVotingPower(got=VotingPower(got), needed=needed)
    messages = commit_sign_bytes(chain_id, commit, indices)
    signatures = [places[index].signature for index in indices]
    return SignedPower(commit, tuple(indices), tuple(zip(keys, messages, signatures, strict=True)))


def judge_signatures(*claims: SignedPower) -> None:
    """Verify the signatures of all claims in one batch, those in several of them once.

    What was verified before, as a vote in gossip, is not verified again.

    Raises:
        WrongSignature: The first that is not valid, in the order of the claims.
    """
    together = claims[0].items
    if len(claims) > 1:
        together = tuple(dict.fromkeys(item for claim in claims for item in claim.items))
    verdicts = verify_items(together, remembered=VERIFIED)
    if all(verdicts):
        return
    bad = {item for item, is_valid in zip(together, verdicts, strict=True) if not is_valid}
    for claim in claims:
        for index, item in zip(claim.indices, claim.items, strict=True):
            if item in bad:
                signature = claim.commit.signatures[index].signature
                raise WrongSignature(index=index, signature=signature)
