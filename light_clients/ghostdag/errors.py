"""Why the client refuses; what a header breaks is named in ``chainkit.formats.ghostdag``."""

from chainkit.primitives.errors import RuleBroken
from ibc.ics02_client.errors import (
    ClientNotFound,
    ConsensusStateNotFound,
    InvalidClient,
    InvalidClientType,
    InvalidConsensus,
    InvalidSubstitute,
    InvalidUpgradeClient,
)

__all__ = [
    "ClientNotFound",
    "ConsensusStateNotFound",
    "DelayPeriodNotPassed",
    "GhostdagClientRefused",
    "InvalidClient",
    "InvalidClientType",
    "InvalidConsensus",
    "InvalidHeight",
    "InvalidSubstitute",
    "InvalidUpgradeClient",
]


class GhostdagClientRefused(RuleBroken):
    """The base of this client's own refusals."""

    codespace = "isthmus-ghostdag"
    code = 2


class InvalidHeight(GhostdagClientRefused):
    """A proof is of a block that is not final here."""

    code = 3


class DelayPeriodNotPassed(GhostdagClientRefused):
    """The connection's delay has not passed since the block became final here."""

    code = 4
