"""Whether a light client may go from a header it trusts to another: one rule a function.

Three answers: trusted, not enough trust (a header between may lead there), or invalid.

Spec:
    CometBFT spec/light-client/verification; light, ``verifier.go``; ICS-07, "Validity
    predicate".
"""

from dataclasses import dataclass
from enum import Enum

from chainkit.formats.tendermint.errors import (
    InvalidHeader,
    NotEnoughTrust,
    NotEnoughVotingPower,
    TendermintRuleBroken,
    TrustedHeaderExpired,
)
from chainkit.formats.tendermint.hashing import validator_set_hash
from chainkit.formats.tendermint.types import Header, LightBlock, ValidatorSet
from chainkit.formats.tendermint.validate_basic import validate_signed_header
from chainkit.formats.tendermint.validator_set import validate as validate_set
from chainkit.formats.tendermint.verify_commit import (
    ONE_THIRD,
    SignedPower,
    TrustLevel,
    claim_light,
    claim_trusting,
    judge_signatures,
    validate_trust_level,
)
from chainkit.primitives.types import BlockHeight, ChainId, DurationNs, TimestampNs

MAX_JOINT_VALIDATORS = 512
"""Up to this size, the signatures of the trusted and of the new set are verified together."""


class Verdict(Enum):
    """The answer on an untrusted block."""

    TRUSTED = "SUCCESS"
    NOT_ENOUGH_TRUST = "NOT_ENOUGH_TRUST"
    INVALID = "INVALID"


@dataclass(frozen=True, slots=True)
class TrustedState:
    """What is kept of a header that is trusted: enough to judge the next."""

    chain_id: ChainId
    height: BlockHeight
    time: TimestampNs
    next_validators_hash: bytes
    next_validators: ValidatorSet


@dataclass(frozen=True, slots=True)
class Options:
    """How far trust reaches.

    ``trusting_period`` must be below the chain's unbonding period; ``max_clock_drift`` is
    how far ahead of ``now`` a header's time may be.
    """

    trusting_period: DurationNs
    max_clock_drift: DurationNs
    trust_level: TrustLevel = ONE_THIRD


def trusted_state_of(block: LightBlock, next_validators: ValidatorSet) -> TrustedState:
    """Return what to keep of a block that was verified."""
    header = block.signed_header.header
    return TrustedState(
        header.chain_id, header.height, header.time, header.next_validators_hash, next_validators
    )


def verdict(
    trusted: TrustedState, block: LightBlock, options: Options, now: TimestampNs
) -> Verdict:
    """Return the three-valued answer of :func:`verify`."""
    try:
        verify(trusted, block, options, now)
    except NotEnoughTrust:
        return Verdict.NOT_ENOUGH_TRUST
    except TendermintRuleBroken:
        return Verdict.INVALID
    return Verdict.TRUSTED


def verify(trusted: TrustedState, block: LightBlock, options: Options, now: TimestampNs) -> None:
    """Check that ``block`` can be trusted because of ``trusted``.

    Raises:
        NotEnoughTrust: Valid as far as looked at, but too little trusted power signed it.
        TendermintRuleBroken: Any other class of it: the block is invalid.
    """
    if block.signed_header.header.height == trusted.height + 1:
        verify_adjacent(trusted, block, options, now)
    else:
        verify_non_adjacent(trusted, block, options, now)


def verify_adjacent(
    trusted: TrustedState, block: LightBlock, options: Options, now: TimestampNs
) -> None:
    """Check the block right after the trusted one: its set is known in advance.

    Raises:
        TendermintRuleBroken: As :func:`verify`; never ``NotEnoughTrust``.
    """
    header = block.signed_header.header
    if header.height != trusted.height + 1:
        raise InvalidHeader("headers must be adjacent in height")
    within_trusting_period(trusted.time, options.trusting_period, now)
    _new_header_and_set(trusted, block, options, now)
    if header.validators_hash != trusted.next_validators_hash:
        raise InvalidHeader(
            f"expected old header next validators ({trusted.next_validators_hash.hex()}) "
            f"to match those from new header ({header.validators_hash.hex()})"
        )
    _signed_by_its_own_set(trusted.chain_id, block)


def verify_non_adjacent(
    trusted: TrustedState, block: LightBlock, options: Options, now: TimestampNs
) -> None:
    """Check a later block: enough of the trusted set must have signed it.

    Raises:
        NotEnoughTrust, TendermintRuleBroken: As :func:`verify`.
    """
    if block.signed_header.header.height == trusted.height + 1:
        raise InvalidHeader("headers must be non adjacent in height")
    validate_trust_level(options.trust_level)
    within_trusting_period(trusted.time, options.trusting_period, now)
    trusted_set_matches(trusted)
    _new_header_and_set(trusted, block, options, now)
    trusted_claim = enough_trust(trusted, block, options.trust_level)
    if len(block.validator_set.validators) > MAX_JOINT_VALIDATORS:
        # Last and alone, since the new set may have been made very large to keep us busy.
        _judge(trusted_claim)
        _signed_by_its_own_set(trusted.chain_id, block)
        return
    try:
        own_claim = _claim_of_its_own_set(trusted.chain_id, block)
    except InvalidHeader:
        _judge(trusted_claim)
        raise
    _judge(trusted_claim, own_claim)


# --- predicates -------------------------------------------------------------------------


def is_expired(time: TimestampNs, trusting_period: DurationNs, now: TimestampNs) -> bool:
    """Return whether a header of ``time`` is too old to build on."""
    return time + trusting_period <= now


def within_trusting_period(
    time: TimestampNs, trusting_period: DurationNs, now: TimestampNs
) -> None:
    """Refuse to build on a header whose validators may have unbonded."""
    if is_expired(time, trusting_period, now):
        raise TrustedHeaderExpired(
            f"old header has expired at {time + trusting_period} (now: {now})"
        )


def trusted_set_matches(trusted: TrustedState) -> None:
    """Refuse a set that the trusted header did not name, or that names one key twice."""
    validate_set(trusted.next_validators)
    if validator_set_hash(trusted.next_validators) != trusted.next_validators_hash:
        raise InvalidHeader("trusted validators do not hash to the trusted next validators hash")


def is_monotonic_height(trusted: TrustedState, header: Header) -> None:
    """Refuse a header that is not later."""
    if header.height <= trusted.height:
        raise InvalidHeader(
            f"expected new header height {header.height} to be greater than one of "
            f"old header {trusted.height}"
        )


def is_monotonic_time(trusted: TrustedState, header: Header) -> None:
    """Refuse a header whose time did not advance."""
    if header.time <= trusted.time:
        raise InvalidHeader(
            f"expected new header time {header.time} to be after old header time {trusted.time}"
        )


def is_not_from_future(header: Header, max_clock_drift: DurationNs, now: TimestampNs) -> None:
    """Refuse a header from a time that this host has not reached."""
    if header.time >= now + max_clock_drift:
        raise InvalidHeader(
            f"new header has a time from the future {header.time} "
            f"(now: {now}; max clock drift: {max_clock_drift})"
        )


def set_matches_header(block: LightBlock) -> None:
    """Refuse a set that the header does not name."""
    header = block.signed_header.header
    supplied = validator_set_hash(block.validator_set)
    if header.validators_hash != supplied:
        raise InvalidHeader(
            f"expected new header validators ({header.validators_hash.hex()}) to match those "
            f"that were supplied ({supplied.hex()}) at height {header.height}"
        )


def enough_trust(trusted: TrustedState, block: LightBlock, trust_level: TrustLevel) -> SignedPower:
    """Return the signatures of more than ``trust_level`` of the trusted set, to be verified.

    Raises:
        NotEnoughTrust: There are not so many.
        InvalidHeader: A doubled signature of a trusted validator.
    """
    try:
        return claim_trusting(
            trusted.chain_id, trusted.next_validators, block.signed_header.commit, trust_level
        )
    except NotEnoughVotingPower as error:
        raise NotEnoughTrust(got=error.got, needed=error.needed) from error
    except TendermintRuleBroken as error:
        raise InvalidHeader(f"invalid header: {error}") from error


def _new_header_and_set(
    trusted: TrustedState, block: LightBlock, options: Options, now: TimestampNs
) -> None:
    header = block.signed_header.header
    try:
        validate_signed_header(block.signed_header, trusted.chain_id)
    except TendermintRuleBroken as error:
        raise InvalidHeader(f"invalid header: {error}") from error
    is_monotonic_height(trusted, header)
    is_monotonic_time(trusted, header)
    is_not_from_future(header, options.max_clock_drift, now)
    set_matches_header(block)
    try:
        validate_set(block.validator_set)
    except TendermintRuleBroken as error:
        raise InvalidHeader(f"invalid header: {error}") from error


def _signed_by_its_own_set(chain_id: ChainId, block: LightBlock) -> None:
    _judge(_claim_of_its_own_set(chain_id, block))


def _claim_of_its_own_set(chain_id: ChainId, block: LightBlock) -> SignedPower:
    commit = block.signed_header.commit
    height = block.signed_header.header.height
    try:
        return claim_light(chain_id, block.validator_set, commit.block_id, height, commit)
    except TendermintRuleBroken as error:
        raise InvalidHeader(f"invalid header: {error}") from error


def _judge(*claims: SignedPower) -> None:
    """Verify the signatures of one or both sets in one batch; what both hold, once."""
    try:
        judge_signatures(*claims)
    except TendermintRuleBroken as error:
        raise InvalidHeader(f"invalid header: {error}") from error
