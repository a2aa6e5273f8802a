"""The refusals of ICS-03, with ibc-go's codes."""

from ibc.errors import IbcError


class ConnectionRefusal(IbcError):
    """A refusal under the codespace ``connection``."""

    codespace = "connection"


class ConnectionNotFound(ConnectionRefusal):
    """There is no such connection."""

    code = 3
    reason = "connection not found"
    is_not_found = True


class InvalidConnectionState(ConnectionRefusal):
    """The handshake is not at this step."""

    code = 6
    reason = "invalid connection state"


class InvalidCounterparty(ConnectionRefusal):
    """The other end is not described as it must be."""

    code = 7
    reason = "invalid counterparty connection"


class InvalidConnectionVersion(ConnectionRefusal):
    """A version is malformed or not supported."""

    code = 9
    reason = "invalid connection version"


class VersionNegotiationFailed(ConnectionRefusal):
    """The two sides have no version in common."""

    code = 10
    reason = "connection version negotiation failed"


class InvalidConnectionIdentifier(ConnectionRefusal):
    """The id is not ``connection-N``."""

    code = 11
    reason = "invalid connection identifier"
