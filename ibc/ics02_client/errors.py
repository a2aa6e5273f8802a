"""The refusals of ICS-02, with ibc-go's codes; light clients raise them too."""

from ibc.errors import IbcError


class ClientRefusal(IbcError):
    """A refusal under the codespace ``client``."""

    codespace = "client"


class InvalidClient(ClientRefusal):
    """The client state breaks a rule."""

    code = 3
    reason = "light client is invalid"


class ClientNotFound(ClientRefusal):
    """There is no such client."""

    code = 4
    reason = "light client not found"
    is_not_found = True


class ClientFrozen(ClientRefusal):
    """The client has seen misbehaviour."""

    code = 5
    reason = "light client is frozen due to misbehaviour"


class ConsensusStateNotFound(ClientRefusal):
    """The client has no consensus state at that height."""

    code = 7
    reason = "consensus state not found"
    is_not_found = True


class InvalidConsensus(ClientRefusal):
    """The consensus state breaks a rule."""

    code = 8
    reason = "invalid consensus state"


class InvalidClientType(ClientRefusal):
    """States of two types, or a type that may not be created."""

    code = 10
    reason = "invalid client type"


class InvalidHeader(ClientRefusal):
    """A header breaks a rule of the client."""

    code = 12
    reason = "invalid client header"


class InvalidMisbehaviour(ClientRefusal):
    """What was sent as misbehaviour proves none."""

    code = 13
    reason = "invalid light client misbehaviour"


class InvalidUpgradeClient(ClientRefusal):
    """The upgrade is not proven or breaks a rule."""

    code = 25
    reason = "invalid client upgrade"


class InvalidRecoveryClient(ClientRefusal):
    """The client is active and needs no recovery."""

    code = 24
    reason = "invalid recovery client"


class InvalidClientHeight(ClientRefusal):
    """A height is zero, of another revision, or not above the one it must be above."""

    code = 26
    reason = "invalid height"


class InvalidSubstitute(ClientRefusal):
    """The substitute is the client itself, or of another chain."""

    code = 27
    reason = "invalid client state substitute"


class ClientNotActive(ClientRefusal):
    """The client is frozen, expired, unknown or not allowed."""

    code = 29
    reason = "client state is not active"


class FailedMembershipVerification(ClientRefusal):
    """The proof does not show the value at the path."""

    code = 30
    reason = "membership verification failed"


class FailedNonMembershipVerification(ClientRefusal):
    """The proof does not show that the path is empty."""

    code = 31
    reason = "non-membership verification failed"


class RouteNotFound(ClientRefusal):
    """This chain has no light client of that type."""

    code = 32
    reason = "light client module route not found"
