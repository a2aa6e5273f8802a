"""Refusals that several standards share, under ibc-go's codespace ``ibc``."""

from chainkit.primitives.errors import RuleBroken


class IbcError(RuleBroken):
    """A refusal; ``reason`` is what ibc-go calls the error, the detail says what was found."""

    codespace = "ibc"
    reason = "internal"
    is_not_found = False
    is_bad_argument = False
    """How a query is refused with it: as gRPC's NotFound, InvalidArgument, else Unknown."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(f"{detail}: {self.reason}" if detail else self.reason)


class InvalidSequence(IbcError):
    """A sequence is zero where it must not be."""

    code = 1
    reason = "invalid sequence"
    is_bad_argument = True


class Unauthorized(IbcError):
    """The account may not do this."""

    code = 2
    reason = "unauthorized"


class UnknownRequest(IbcError):
    """The bytes are not what the request needs."""

    code = 4
    reason = "unknown request"


class InvalidAddress(IbcError):
    """A text is not an address."""

    code = 5
    reason = "invalid address"
    is_bad_argument = True


class InvalidCoins(IbcError):
    """A token amount is not one that can be sent."""

    code = 6
    reason = "invalid coins"
    is_bad_argument = True


class InvalidRequest(IbcError):
    """The request is well-formed but not allowed."""

    code = 8
    reason = "invalid request"
    is_bad_argument = True


class InvalidVersion(IbcError):
    """A version is empty or unknown."""

    code = 10
    reason = "invalid version"
    is_bad_argument = True


class InvalidType(IbcError):
    """A value is not of the type that is expected here."""

    code = 12
    reason = "invalid type"
    is_bad_argument = True


class NotFound(IbcError):
    """The thing asked for does not exist."""

    code = 16
    reason = "not found"
    is_not_found = True


class InvalidProof(IbcError):
    """A proof is empty or too long (ibc-go codespace ``commitment``)."""

    codespace = "commitment"
    code = 2
    reason = "invalid proof"
