"""Refusals of the slashing module, with the SDK's codes."""

from chainkit.primitives.errors import RuleBroken


class SlashingRefused(RuleBroken):
    """A request about a jailed validator is refused."""

    codespace = "slashing"
    code = 1
    reason = "slashing refused"

    def __init__(self) -> None:
        super().__init__(self.reason)


class ValidatorNotFound(SlashingRefused):
    """No validator has this operator (SDK ``ErrNoValidatorForAddress``)."""

    code = 2
    reason = "address is not associated with any known validator"


class StillJailed(SlashingRefused):
    """Its time is not over, or it is tombstoned (SDK ``ErrValidatorJailed``)."""

    code = 4
    reason = "validator still jailed; cannot be unjailed"


class NotJailed(SlashingRefused):
    """It is not jailed (SDK ``ErrValidatorNotJailed``)."""

    code = 5
    reason = "validator not jailed; cannot be unjailed"
