"""What makes a client state, a consensus state and a header acceptable by themselves.

Spec:
    ICS-07; ibc-go 07-tendermint, ``client_state.go``, ``consensus_state.go``, ``header.go``.
"""

from chainkit.formats.tendermint.errors import InvalidTrustLevel as TrustLevelOutOfRange
from chainkit.formats.tendermint.errors import (
    InvalidValidatorSet as NotAValidatorSet,
)
from chainkit.formats.tendermint.errors import TendermintRuleBroken
from chainkit.formats.tendermint.hashing import validator_set_hash
from chainkit.formats.tendermint.types import ValidatorSet
from chainkit.formats.tendermint.validate_basic import HASH_BYTES, validate_signed_header
from chainkit.formats.tendermint.validator_set import validate as validate_set
from chainkit.formats.tendermint.verify_commit import validate_trust_level
from chainkit.primitives.heights import chain_revision
from chainkit.primitives.limits import INT64_MAX, MAX_CHAIN_ID_BYTES
from chainkit.primitives.timestamps import NS_PER_SECOND
from light_clients.tendermint import errors
from light_clients.tendermint.types import ClientHeader, ClientState, ConsensusState

MAX_APP_HASH_BYTES = 64


def validate_client_state(state: ClientState) -> None:
    """Check a client state by itself.

    Raises:
        TendermintClientRefused, InvalidClient: The subclass names what is out of bounds.
    """
    if not state.chain_id.strip() or len(state.chain_id.encode()) > MAX_CHAIN_ID_BYTES:
        raise errors.InvalidChainId("chain id is empty or over 50 bytes")
    try:
        validate_trust_level(state.trust_level)
    except TrustLevelOutOfRange as error:
        raise errors.InvalidTrustLevel(str(error)) from error
    _validate_periods(state)
    revision = chain_revision(state.chain_id)
    if state.latest_height.revision_number != revision:
        raise errors.InvalidHeaderHeight(
            f"latest height {state.latest_height} is not of the chain id's revision {revision}"
        )
    if not 0 < state.latest_height.revision_height <= INT64_MAX:
        raise errors.InvalidHeaderHeight(f"latest height {state.latest_height} is no block's")
    if not state.proof_specs:
        raise errors.InvalidProofSpecs("proof specs cannot be empty")
    if any(not part.strip() for part in state.upgrade_path):
        raise errors.InvalidClient("key in upgrade path cannot be empty")


def _validate_periods(state: ClientState) -> None:
    if state.trusting_period <= 0:
        raise errors.InvalidTrustingPeriod("trusting period must be greater than zero")
    if state.unbonding_period <= 0:
        raise errors.InvalidUnbondingPeriod("unbonding period must be greater than zero")
    if state.max_clock_drift <= 0:
        raise errors.InvalidMaxClockDrift("max clock drift must be greater than zero")
    if state.trusting_period >= state.unbonding_period:
        raise errors.InvalidTrustingPeriod("trusting period should be < unbonding period")


def validate_consensus_state(state: ConsensusState) -> None:
    """Check a consensus state by itself.

    Raises:
        InvalidConsensus: An empty root, a hash of a wrong size, or a time not after 1970.
    """
    if not 0 < len(state.root) <= MAX_APP_HASH_BYTES:
        raise errors.InvalidConsensus("root cannot be empty or over 64 bytes")
    if len(state.next_validators_hash) not in {0, HASH_BYTES}:
        raise errors.InvalidConsensus("next validators hash is invalid")
    if state.timestamp < NS_PER_SECOND:
        raise errors.InvalidConsensus("timestamp must be a positive Unix time")


def validate_header(header: ClientHeader) -> None:
    """Check a header by itself, signatures aside.

    Raises:
        InvalidHeader: Not well-formed, or header, commit and set are not of each other.
        InvalidHeaderHeight: Not above the trusted height, or of another revision.
        InvalidValidatorSet: One of the sets is not one.
    """
    signed = header.signed_header
    try:
        validate_signed_header(signed, signed.header.chain_id)
    except TendermintRuleBroken as error:
        raise errors.InvalidHeader(f"header failed basic validation: {error}") from error
    if not 0 < len(signed.header.app_hash) <= MAX_APP_HASH_BYTES:
        raise errors.InvalidHeader("app hash is empty or over 64 bytes")
    validate_header_set(header.validator_set)
    validate_header_set(header.trusted_validators)
    if signed.header.validators_hash != validator_set_hash(header.validator_set):
        raise errors.InvalidHeader("validator set does not match hash")
    if header.trusted_height.revision_number != header.height.revision_number:
        raise errors.InvalidHeaderHeight(
            f"header height {header.height} is not of the trusted revision "
            f"{header.trusted_height.revision_number}"
        )
    if header.trusted_height >= header.height:
        raise errors.InvalidHeaderHeight(
            f"trusted height {header.trusted_height} must be less than "
            f"header height {header.height}"
        )


def validate_header_set(validators: ValidatorSet) -> None:
    """Check a validator set.

    Raises:
        InvalidValidatorSet: A validator twice, an altered address, or another defect.
    """
    try:
        validate_set(validators)
    except NotAValidatorSet as error:
        raise errors.InvalidValidatorSet(str(error)) from error


def trusted_set_matches(header: ClientHeader, trusted: ConsensusState) -> None:
    """Check that the header brings the set that the trusted state names.

    Raises:
        InvalidValidatorSet: It brings another.
    """
    if validator_set_hash(header.trusted_validators) != trusted.next_validators_hash:
        raise errors.InvalidValidatorSet(
            "trusted validators do not hash to the latest trusted validators"
        )
