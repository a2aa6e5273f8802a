"""Why a Tendermint client refuses, with ibc-go's codespaces and codes."""

from chainkit.primitives.errors import RuleBroken
from ibc.errors import IbcError
from ibc.ics02_client.errors import (
    ClientNotFound,
    ClientRefusal,
    ConsensusStateNotFound,
    InvalidClient,
    InvalidClientType,
    InvalidConsensus,
    InvalidMisbehaviour,
    InvalidSubstitute,
    InvalidUpgradeClient,
)

__all__ = [
    "ClientNotFound",
    "ConsensusStateNotFound",
    "DelayPeriodNotPassed",
    "InvalidChainId",
    "InvalidClient",
    "InvalidClientType",
    "InvalidConsensus",
    "InvalidHeader",
    "InvalidHeaderHeight",
    "InvalidHeight",
    "InvalidMaxClockDrift",
    "InvalidMisbehaviour",
    "InvalidProofSpecs",
    "InvalidSubstitute",
    "InvalidTrustLevel",
    "InvalidTrustingPeriod",
    "InvalidUnbondingPeriod",
    "InvalidUpgradeClient",
    "InvalidValidatorSet",
    "ProcessedHeightNotFound",
    "ProcessedTimeNotFound",
    "TendermintClientRefused",
    "TrustingPeriodExpired",
    "UpdateClientFailed",
]


class TendermintClientRefused(RuleBroken):
    """A rule of ``07-tendermint`` is broken."""

    codespace = "07-tendermint"


class InvalidChainId(TendermintClientRefused):
    """The chain id is empty or over 50 bytes."""

    code = 2


class InvalidTrustingPeriod(TendermintClientRefused):
    """The trusting period is not above 0 and below the unbonding period."""

    code = 3


class InvalidUnbondingPeriod(TendermintClientRefused):
    """The unbonding period is not above 0."""

    code = 4


class InvalidHeaderHeight(TendermintClientRefused):
    """A height is zero, of another revision, or not above the trusted one."""

    code = 5


class InvalidHeader(TendermintClientRefused):
    """A header is not well-formed, or cannot be trusted because of the stored state."""

    code = 6


class InvalidMaxClockDrift(TendermintClientRefused):
    """The clock drift is not above 0."""

    code = 7


class ProcessedTimeNotFound(TendermintClientRefused):
    """It is not known when the consensus state was stored."""

    code = 8


class ProcessedHeightNotFound(TendermintClientRefused):
    """It is not known at which height the consensus state was stored."""

    code = 9


class DelayPeriodNotPassed(TendermintClientRefused):
    """The connection's delay has not passed since the consensus state was stored."""

    code = 10


class TrustingPeriodExpired(TendermintClientRefused):
    """The trusted consensus state is older than the trusting period."""

    code = 11


class InvalidProofSpecs(TendermintClientRefused):
    """There are no proof specs, or one is not usable."""

    code = 13


class InvalidValidatorSet(TendermintClientRefused):
    """A set lists a validator twice, alters an address, or is not the one trusted."""

    code = 14


class InvalidTrustLevel(TendermintClientRefused):
    """The trust level is not within a third to one."""

    code = 15


class UpdateClientFailed(ClientRefusal):
    """A substitute lacks what is known of its newest consensus state."""

    code = 23
    reason = "unable to update light client"


class InvalidHeight(IbcError):
    """A height is above the client's newest, or not above where it must be."""

    code = 9
    reason = "invalid height"
