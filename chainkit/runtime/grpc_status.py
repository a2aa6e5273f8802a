"""The status codes of gRPC, and which one a refused query has.

Spec:
    gRPC "Status codes and their use in gRPC"; Cosmos SDK baseapp, ``gRPCErrorToSDKError``.
"""

from enum import IntEnum

from chainkit.primitives.errors import MalformedMessage, RuleBroken
from chainkit.runtime.errors import (
    InvalidAddress,
    InvalidCoins,
    InvalidHeight,
    InvalidRequest,
    KeyNotFound,
    NotFound,
    SdkError,
    SimulationRefused,
    Unauthorized,
    UnknownRequest,
)


class Status(IntEnum):
    """A status code; names and numbers are gRPC's."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16

    @property
    def words(self) -> str:
        """The name as Go prints it in an error, for example ``NotFound``."""
        return "OK" if self is Status.OK else self.name.title().replace("_", "")


_NOT_FOUND = (KeyNotFound, NotFound)
_BAD_ARGUMENT = (MalformedMessage, InvalidAddress, InvalidCoins, InvalidHeight, InvalidRequest)


def status_of(error: RuleBroken) -> Status:
    """Return the status of a query that was refused with ``error``."""
    if isinstance(error, SimulationRefused):
        return Status.UNKNOWN
    if isinstance(error, _NOT_FOUND) or getattr(error, "is_not_found", False):
        return Status.NOT_FOUND
    if isinstance(error, _BAD_ARGUMENT) or getattr(error, "is_bad_argument", False):
        return Status.INVALID_ARGUMENT
    return Status.UNKNOWN


def description_of(error: RuleBroken) -> str:
    """Return the text of a refusal without the SDK's name of the error, as gRPC carries it."""
    detail = error.detail if isinstance(error, SdkError) else ""
    return detail or str(error)


def query_error(error: RuleBroken) -> SdkError:
    """Return how ``abci_query`` refuses a gRPC method that refused with ``error``.

    Clients tell "there is no such account" from other refusals by the words
    ``rpc error: code = NotFound``.
    """
    status = status_of(error)
    text = f"rpc error: code = {status.words} desc = {description_of(error)}"
    match status:
        case Status.NOT_FOUND:
            return KeyNotFound(text)
        case Status.INVALID_ARGUMENT:
            return InvalidRequest(text)
        case Status.UNAUTHENTICATED:
            return Unauthorized(text)
        case _:
            return UnknownRequest(text)
