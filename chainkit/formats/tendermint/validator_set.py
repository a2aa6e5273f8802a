"""Validator sets: their order, changes, and whose turn it is to propose.

Priorities are 64-bit integers that clip, divided as Go divides, since every node has to
come to the same proposer.

Spec:
    CometBFT spec/consensus/proposer-selection; types, ``ValidatorSet``.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from chainkit.formats.tendermint.errors import InvalidValidatorSet
from chainkit.formats.tendermint.types import Validator, ValidatorSet
from chainkit.primitives.limits import INT64_MAX, MAX_TOTAL_VOTING_POWER, MAX_VOTES_COUNT
from chainkit.primitives.types import Address, VotingPower
from chainkit.sigverify.ed25519 import PUBLIC_KEY_BYTES, ed25519_address

PRIORITY_WINDOW_SIZE_FACTOR = 2
"""Priorities spread over at most this many times the total power."""

_INT64_MIN = -INT64_MAX - 1
EMPTY_VALIDATOR_SET = ValidatorSet(())


def new_validator(public_key: bytes, voting_power: VotingPower) -> Validator:
    """Return the validator of a 32-byte key, with priority 0."""
    return Validator(ed25519_address(public_key), public_key, voting_power)


def new_validator_set(validators: Iterable[Validator]) -> ValidatorSet:
    """Return a set of these validators, after one turn; their priorities are ignored.

    Raises:
        InvalidValidatorSet: Two of one address, a power below 1, or too much in all.
    """
    changes = tuple(validators)
    if any(validator.voting_power == 0 for validator in changes):
        raise InvalidValidatorSet("cannot process validators with voting power 0")
    if not changes:
        return EMPTY_VALIDATOR_SET
    return increment_proposer_priority(update_with_changes(EMPTY_VALIDATOR_SET, changes), 1)


def total_voting_power(validator_set: ValidatorSet) -> VotingPower:
    """Return the sum of all powers."""
    return VotingPower(sum(validator.voting_power for validator in validator_set.validators))


def get_by_address(validator_set: ValidatorSet, address: Address) -> tuple[int, Validator] | None:
    """Return the index and the validator of ``address``, or None."""
    for index, validator in enumerate(validator_set.validators):
        if validator.address == address:
            return index, validator
    return None


def sort_by_voting_power(validators: Iterable[Validator]) -> tuple[Validator, ...]:
    """Return the validators in a set's order: power descending, then address ascending."""
    return tuple(sorted(validators, key=lambda v: (-v.voting_power, v.address)))


def validate(validator_set: ValidatorSet) -> None:
    """Check a set that came from outside.

    Stricter than CometBFT, which counts a validator twice that is listed twice.

    Raises:
        InvalidValidatorSet: Empty, too large, too powerful, a validator twice, an address
            that is not its key's, or a proposer that is not in the set.
    """
    validators = validator_set.validators
    if not validators:
        raise InvalidValidatorSet("validator set is nil or empty")
    if len(validators) > MAX_VOTES_COUNT:
        raise InvalidValidatorSet(f"{len(validators)} validators, over {MAX_VOTES_COUNT}")
    for index, validator in enumerate(validators):
        validate_validator(validator, index)
    if len({validator.address for validator in validators}) != len(validators):
        raise InvalidValidatorSet("a validator is listed twice")
    if total_voting_power(validator_set) > MAX_TOTAL_VOTING_POWER:
        raise InvalidValidatorSet(f"total voting power exceeds maximum {MAX_TOTAL_VOTING_POWER}")
    chosen = validator_set.proposer
    if chosen is not None and get_by_address(validator_set, chosen.address) is None:
        raise InvalidValidatorSet("proposer not in validator set")


def validate_validator(validator: Validator, index: int) -> None:
    """Check one validator of a set; see :func:`validate`."""
    if len(validator.public_key) != PUBLIC_KEY_BYTES:
        raise InvalidValidatorSet(f"validator #{index} has a key that is not of 32 bytes")
    if validator.address != ed25519_address(validator.public_key):
        raise InvalidValidatorSet(f"address of validator #{index} is not that of its key")
    if validator.voting_power < 0:
        raise InvalidValidatorSet(f"validator #{index} has negative voting power")
    if not _INT64_MIN <= validator.proposer_priority <= INT64_MAX:
        raise InvalidValidatorSet(f"validator #{index} has a priority over 64 bits")


# --- proposers --------------------------------------------------------------------------


def proposer(validator_set: ValidatorSet) -> Validator:
    """Return whose turn it is: the stored proposer, else the one of highest priority."""
    assert validator_set.validators, "an empty set has no proposer"
    return validator_set.proposer or _of_highest_priority(validator_set.validators)


def increment_proposer_priority(validator_set: ValidatorSet, times: int) -> ValidatorSet:
    """Return the set ``times`` turns later, from 1; its proposer is the last turn's."""
    assert validator_set.validators
    assert times > 0
    total = total_voting_power(validator_set)
    validators = _center(_rescale(validator_set.validators, PRIORITY_WINDOW_SIZE_FACTOR * total))
    priorities = [validator.proposer_priority for validator in validators]
    chosen = 0
    for _ in range(times):
        priorities = [
            _clip(priority + validator.voting_power)
            for priority, validator in zip(priorities, validators, strict=True)
        ]
        chosen = min(range(len(validators)), key=lambda i: (-priorities[i], validators[i].address))
        priorities[chosen] = _clip(priorities[chosen] - total)
    moved = _with_priorities(validators, priorities)
    return ValidatorSet(moved, moved[chosen])


def _of_highest_priority(validators: Sequence[Validator]) -> Validator:
    return min(validators, key=lambda v: (-v.proposer_priority, v.address))


def _clip(value: int) -> int:
    return max(_INT64_MIN, min(INT64_MAX, value))


def _with_priorities(
    validators: Sequence[Validator], priorities: Sequence[int]
) -> tuple[Validator, ...]:
    return tuple(
        Validator(validator.address, validator.public_key, validator.voting_power, priority)
        for validator, priority in zip(validators, priorities, strict=True)
    )


def _rescale(validators: tuple[Validator, ...], window: int) -> tuple[Validator, ...]:
    """Divide all priorities so that they spread over at most ``window``."""
    priorities = [validator.proposer_priority for validator in validators]
    spread = max(priorities) - min(priorities)
    if window <= 0 or spread <= window:
        return validators
    ratio = -(-spread // window)
    # Go's division rounds towards zero, Python's downwards.
    return _with_priorities(validators, [_divide_towards_zero(p, ratio) for p in priorities])


def _divide_towards_zero(value: int, by: int) -> int:
    return value // by if value >= 0 else -(-value // by)


def _center(validators: tuple[Validator, ...]) -> tuple[Validator, ...]:
    """Shift all priorities by their average, rounded down as Go's ``big.Int.Div`` does."""
    average = sum(validator.proposer_priority for validator in validators) // len(validators)
    if not average:
        return validators
    return _with_priorities(validators, [_clip(v.proposer_priority - average) for v in validators])


# --- changes ----------------------------------------------------------------------------


def update_with_changes(validator_set: ValidatorSet, changes: Sequence[Validator]) -> ValidatorSet:
    """Return the set with validators added, given a new power, or removed (power 0).

    A new validator starts at -1.125 times the total power, so that leaving and coming
    back does not win turns. The stored proposer stays.

    Raises:
        InvalidValidatorSet: An address twice, a negative or too large power, a removal of
            a stranger, more power in all than allowed, or nobody left.
    """
    if not changes:
        return validator_set
    _check_changes(changes)
    current = {validator.address: validator for validator in validator_set.validators}
    updates = [change for change in changes if change.voting_power > 0]
    removals = [change.address for change in changes if change.voting_power == 0]
    if all(update.address in current for update in updates) and len(removals) == len(current):
        raise InvalidValidatorSet("applying the validator changes would result in empty set")
    for address in removals:
        if address not in current:
            raise InvalidValidatorSet(f"failed to find validator {address.hex()} to remove")
    total_before_removals = _check_power(current, updates, removals)
    first_priority = -(total_before_removals + (total_before_removals >> 3))
    for update in updates:
        known = current.get(update.address)
        priority = first_priority if known is None else known.proposer_priority
        current[update.address] = replace(update, proposer_priority=priority)
    for address in removals:
        del current[address]
    validators = sort_by_voting_power(current.values())
    total = sum(validator.voting_power for validator in validators)
    scaled = _center(_rescale(validators, PRIORITY_WINDOW_SIZE_FACTOR * total))
    return ValidatorSet(scaled, validator_set.proposer)


def _check_changes(changes: Sequence[Validator]) -> None:
    if len({change.address for change in changes}) != len(changes):
        raise InvalidValidatorSet("duplicate entry in validator changes")
    for change in changes:
        if change.voting_power < 0:
            raise InvalidValidatorSet(f"voting power can't be negative: {change.voting_power}")
        if change.voting_power > MAX_TOTAL_VOTING_POWER:
            raise InvalidValidatorSet(
                f"voting power can't be higher than {MAX_TOTAL_VOTING_POWER}, "
                f"got {change.voting_power}"
            )


def _check_power(
    current: dict[Address, Validator], updates: Sequence[Validator], removals: Sequence[Address]
) -> int:
    """Return the total power with the updates but before the removals."""
    total: int = sum(validator.voting_power for validator in current.values())
    removed = sum(current[address].voting_power for address in removals)
    for update in updates:
        known = current.get(update.address)
        total += update.voting_power - (known.voting_power if known else 0)
    if total - removed > MAX_TOTAL_VOTING_POWER:
        raise InvalidValidatorSet(
            f"total voting power of resulting valset exceeds max {MAX_TOTAL_VOTING_POWER}"
        )
    return total
