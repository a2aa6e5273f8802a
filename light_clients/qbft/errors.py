"""Why a QBFT client refuses, each rule with a class of its own."""

from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.types import Address
from ibc.ics02_client.errors import (
    ClientNotFound,
    ConsensusStateNotFound,
    InvalidClient,
    InvalidClientType,
    InvalidConsensus,
    InvalidMisbehaviour,
    InvalidSubstitute,
    InvalidUpgradeClient,
)

__all__ = [
    "AbsentAccount",
    "ClientNotFound",
    "ConsensusStateNotFound",
    "DelayPeriodNotPassed",
    "DuplicateSeal",
    "HeaderFromTheFuture",
    "InvalidClient",
    "InvalidClientType",
    "InvalidConsensus",
    "InvalidHeader",
    "InvalidHeight",
    "InvalidMisbehaviour",
    "InvalidPath",
    "InvalidSubstitute",
    "InvalidUpgradeClient",
    "InvalidValidators",
    "NotEnoughSeals",
    "NotEnoughTrust",
    "NotMonotonic",
    "QbftClientRefused",
    "TooManySeals",
    "TrustingPeriodExpired",
    "UnknownSeal",
    "WrongWord",
]


class QbftClientRefused(RuleBroken):
    """The base of this client's own refusals."""

    codespace = "isthmus-qbft"
    code = 2


class InvalidHeader(QbftClientRefused):
    """A header is no QBFT header, or not above its trusted height."""

    code = 3


class InvalidValidators(QbftClientRefused):
    """A header names no validators, or not in ascending order, each once."""

    code = 4


class TooManySeals(QbftClientRefused):
    """A header has more seals than validators."""

    code = 5


class DuplicateSeal(QbftClientRefused):
    """A validator sealed a header twice."""

    code = 6

    def __init__(self, *, validator: Address) -> None:
        super().__init__(f"two seals of 0x{validator.hex()}")
        self.validator = validator


class UnknownSeal(QbftClientRefused):
    """A seal is of nobody in the header's set, or of no key at all."""

    code = 7


class NotEnoughSeals(QbftClientRefused):
    """Fewer than two thirds of the header's set sealed it."""

    code = 8


class NotEnoughTrust(QbftClientRefused):
    """Fewer than two thirds of the trusted set sealed the header: it needs one in between.

    A header that names its own validators ends here.
    """

    code = 9


class TrustingPeriodExpired(QbftClientRefused):
    """The trusted state is older than the trusting period: its validators may be gone."""

    code = 10


class HeaderFromTheFuture(QbftClientRefused):
    """A header's time is ahead of this chain's by more than the clock drift."""

    code = 11


class NotMonotonic(QbftClientRefused):
    """A header is not later than the state that it is trusted from."""

    code = 12


class InvalidHeight(QbftClientRefused):
    """A proof is of a height above the client's newest."""

    code = 13


class DelayPeriodNotPassed(QbftClientRefused):
    """The connection's delay has not passed since the consensus state was stored."""

    code = 14


class InvalidPath(QbftClientRefused):
    """A path is not the store's name and a key."""

    code = 15


class AbsentAccount(QbftClientRefused):
    """The state has no account at the address of IBC: nothing of it is proven."""

    code = 16


class WrongWord(QbftClientRefused):
    """A slot's word is not the hash of the value, or is not the zero of absence."""

    code = 17
