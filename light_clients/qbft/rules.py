"""What a new client, a header and its seals must satisfy, a rule a function.

Spec:
    Besu, ``BftCommitSealsValidationRule``, ``BftValidatorsValidationRule``,
    ``BftCoinbaseValidationRule``, ``QbftBlockHeaderValidationRulesetFactory``.
"""

from itertools import pairwise

from chainkit.formats.ethereum.bft_extra_data import recover_seal
from chainkit.formats.ethereum.errors import InvalidSignature
from chainkit.formats.ethereum.limits import MAX_QBFT_VALIDATORS
from chainkit.formats.ethereum.qbft import QBFT_MIX_HASH, seal_hash
from chainkit.formats.ethereum.types import Header
from chainkit.primitives.limits import INT64_MAX, MAX_CHAIN_ID_BYTES
from chainkit.primitives.timestamps import NS_PER_SECOND
from chainkit.primitives.types import Address, DurationNs, TimestampNs
from light_clients.qbft import errors
from light_clients.qbft.types import ClientState, ConsensusState, SealedHeader

QBFT_DIFFICULTY = 1
MAX_SECONDS = INT64_MAX // NS_PER_SECOND
"""Later times have no 64-bit nanoseconds."""


def quorum_of(count: int) -> int:
    """Return two thirds of ``count`` validators, rounded up (Besu ``BftHelpers``)."""
    return (2 * count + 2) // 3


def validate_client_state(state: ClientState) -> None:
    """Check a client state by itself.

    Raises:
        InvalidClient: A number or name is out of its range, or the client is frozen.
    """
    if not state.chain_id.strip() or len(state.chain_id.encode()) > MAX_CHAIN_ID_BYTES:
        raise errors.InvalidClient("the chain id is empty or too long")
    if not 0 < state.trusting_period <= INT64_MAX:
        raise errors.InvalidClient("the trusting period is not above 0")
    if not 0 < state.max_clock_drift <= INT64_MAX:
        raise errors.InvalidClient("the clock drift is not above 0")
    if not 0 < state.latest_height.revision_height <= INT64_MAX:
        raise errors.InvalidClient("the latest height is no block's")
    if state.frozen:
        raise errors.InvalidClient("a new client cannot be frozen")


def validate_consensus_state(state: ConsensusState) -> None:
    """Check the state that a client starts from, which its maker trusts.

    Raises:
        InvalidConsensus: No time, or no set of validators.
    """
    if not 0 < state.seconds <= MAX_SECONDS:
        raise errors.InvalidConsensus("the time is not after 1970, or too late")
    try:
        validate_validators(state.validators)
    except errors.InvalidValidators as error:
        raise errors.InvalidConsensus(str(error)) from error


def validate_validators(validators: tuple[Address, ...]) -> None:
    """Check a set of validators, which Besu writes in ascending order.

    Raises:
        InvalidValidators: Empty, too many, not ascending, or one of them twice.
    """
    if not 0 < len(validators) <= MAX_QBFT_VALIDATORS:
        raise errors.InvalidValidators(f"{len(validators)} validators")
    if any(a >= b for a, b in pairwise(validators)):
        raise errors.InvalidValidators("the validators are not ascending, each once")


def validate_header(message: SealedHeader) -> None:
    """Check a header by itself, seals aside.

    Raises:
        InvalidHeader: No QBFT header, out of range, or not above its trusted height.
        InvalidValidators: Its set is none.
    """
    header: Header = message.header
    if header.mix_hash != QBFT_MIX_HASH or header.difficulty != QBFT_DIFFICULTY:
        raise errors.InvalidHeader("mix hash or difficulty is not QBFT's")
    validate_validators(message.extra.validators)
    if header.beneficiary not in message.extra.validators:
        raise errors.InvalidHeader("the block was made by no validator")
    if header.number > INT64_MAX or header.timestamp > MAX_SECONDS:
        raise errors.InvalidHeader("number or time is out of range")
    if message.trusted_height >= message.height:
        raise errors.InvalidHeader(
            f"height {message.height} is not above the trusted {message.trusted_height}"
        )


def is_expired(consensus: ConsensusState, period: DurationNs, now: TimestampNs) -> bool:
    """Return whether a state is too old to be trusted."""
    return now >= consensus.timestamp + period


def validate_times(
    client: ClientState, trusted: ConsensusState, message: SealedHeader, now: TimestampNs
) -> None:
    """Check that a header's time is after the trusted one and not ahead of this chain's.

    Raises:
        NotMonotonic, HeaderFromTheFuture: The rule that it breaks.
    """
    if message.header.timestamp <= trusted.seconds:
        raise errors.NotMonotonic(
            f"time {message.header.timestamp} is not after the trusted {trusted.seconds}"
        )
    if message.timestamp >= now + client.max_clock_drift:
        raise errors.HeaderFromTheFuture(f"time {message.timestamp}, now {now}")


def require_trusted(client: ClientState, trusted: ConsensusState, now: TimestampNs) -> None:
    """Check that a stored state may still vouch for a header.

    Raises:
        TrustingPeriodExpired: It is too old.
    """
    if is_expired(trusted, client.trusting_period, now):
        raise errors.TrustingPeriodExpired(
            f"the state of {trusted.timestamp} was trusted for {client.trusting_period}, now {now}"
        )


def verify_seals(trusted: tuple[Address, ...], message: SealedHeader) -> None:
    """Check that two thirds of the header's set, and of the trusted one, sealed the header.

    One bad seal makes the whole header an error: a correct node writes none.

    Raises:
        TooManySeals, DuplicateSeal, UnknownSeal: A seal that should not be there.
        NotEnoughSeals, NotEnoughTrust: Too few are.
    """
    validators, seals = message.extra.validators, message.extra.seals
    if len(seals) > len(validators):
        raise errors.TooManySeals(f"{len(seals)} seals of {len(validators)} validators")
    if len(seals) < quorum_of(len(validators)):
        raise errors.NotEnoughSeals(
            f"{len(seals)} seals of {quorum_of(len(validators))} needed in the header's set"
        )
    members, digest = frozenset(validators), seal_hash(message.header)
    sealers: set[Address] = set()
    for seal in seals:
        try:
            sealer = recover_seal(digest, seal)
        except InvalidSignature as error:
            raise errors.UnknownSeal("no key makes a seal") from error
        if sealer not in members:
            raise errors.UnknownSeal(f"0x{sealer.hex()} is not in the header's set")
        if sealer in sealers:
            raise errors.DuplicateSeal(validator=sealer)
        sealers.add(sealer)
    vouching = len(sealers.intersection(trusted))
    needed = quorum_of(len(trusted))
    if vouching < needed:
        raise errors.NotEnoughTrust(f"{vouching} seals of {needed} needed in the trusted set")
