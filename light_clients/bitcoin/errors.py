"""Why a Bitcoin client refuses."""

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
    "BitcoinClientRefused",
    "ClientNotFound",
    "ConsensusStateNotFound",
    "DelayPeriodNotPassed",
    "InvalidClient",
    "InvalidClientType",
    "InvalidCommitment",
    "InvalidConsensus",
    "InvalidHeight",
    "InvalidSubstitute",
    "InvalidUpgradeClient",
    "TooLittleWork",
    "UnknownParent",
]


class BitcoinClientRefused(RuleBroken):
    """The base of this client's own refusals."""

    codespace = "isthmus-bitcoin"
    code = 2


class UnknownParent(BitcoinClientRefused):
    """The first header follows none that the client keeps."""

    code = 3


class TooLittleWork(BitcoinClientRefused):
    """A header is easier than the client's minimum."""

    code = 4


class InvalidCommitment(BitcoinClientRefused):
    """The coinbase is no coinbase, is not at index 0, or commits to no state."""

    code = 5


class InvalidHeight(BitcoinClientRefused):
    """A proof is of a block that is not final here."""

    code = 6


class DelayPeriodNotPassed(BitcoinClientRefused):
    """The connection's delay has not passed since the block became final here."""

    code = 7
