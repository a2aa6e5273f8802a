"""Block time: the median of a commit's times, weighted by voting power.

Spec:
    CometBFT spec/consensus/bft-time, "BFT Time".
"""

from chainkit.formats.tendermint.errors import InvalidCommit
from chainkit.formats.tendermint.types import BlockIdFlag, Commit, ValidatorSet
from chainkit.primitives.timestamps import GO_ZERO_TIME_NS
from chainkit.primitives.types import TimestampNs


def weighted_median(commit: Commit, validators: ValidatorSet) -> TimestampNs:
    """Return the time of the block after ``commit``, whose set ``validators`` is.

    Votes for nil count, as in CometBFT 0.38. With less than a third of the power faulty,
    the result lies between the times of two correct validators.

    Raises:
        InvalidCommit: A signature names no validator of the set (the "Tachyon" incident:
            skipping it lets the commit's author steer the time).
    """
    power_of = {validator.address: validator.voting_power for validator in validators.validators}
    weighted = []
    for signature in commit.signatures:
        if signature.block_id_flag is BlockIdFlag.ABSENT:
            continue
        power = power_of.get(signature.validator_address)
        if power is None:
            raise InvalidCommit(
                f"commit validator not found in validator set: {signature.validator_address.hex()}"
            )
        weighted.append((signature.timestamp, power))
    rest = sum(power for _, power in weighted) // 2
    for time, power in sorted(weighted):
        if rest <= power:
            return time
        rest -= power
    return GO_ZERO_TIME_NS
