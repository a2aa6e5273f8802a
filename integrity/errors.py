"""The refusals of integrity levels; each ``rule`` is the id that users and events see."""

from typing import ClassVar

from ibc.errors import IbcError


class IntegrityRefusal(IbcError):
    """A refusal under the codespace ``integrity``."""

    codespace = "integrity"
    rule: ClassVar[str] = "IL"


class InvalidMeasurement(IntegrityRefusal):
    """A fact that no chain can have."""

    code = 2
    reason = "invalid measurement"


class LowToHigh(IntegrityRefusal):
    """Data of a low level was sent to a chain of a higher one."""

    code = 3
    rule = "IL-low-to-high"
    reason = "a chain of low integrity may not send data to a chain of high integrity"


class EqualDenied(IntegrityRefusal):
    """The channel lets only strictly higher data in."""

    code = 4
    rule = "IL-equal"
    reason = "the channel refuses data of its own level"


class LotTooLow(IntegrityRefusal):
    """An account's lots of high enough labels do not suffice."""

    code = 5
    rule = "IL-lot"
    reason = "not enough of the asset has a label that the destination accepts"


class LotFrozen(IntegrityRefusal):
    """What would be moved is in quarantine."""

    code = 6
    rule = "IL-quarantine"
    reason = "the lots are in quarantine"


class ReturnExcess(IntegrityRefusal):
    """A zone sends back more than it was recorded to hold."""

    code = 7
    rule = "IL-return-excess"
    reason = "the zone sends more than it holds"


class ReturnMemo(IntegrityRefusal):
    """An asset that returns upward carries a memo or an instruction."""

    code = 8
    rule = "IL-return-memo"
    reason = "an asset that returns upward carries nothing but a receiver"


class ReturnReceiver(IntegrityRefusal):
    """An asset that returns upward names a module, an escrow or no plain address."""

    code = 9
    rule = "IL-return"
    reason = "an asset that returns upward goes to a plain account only"


class HubTooLow(IntegrityRefusal):
    """The hub is of a lower level than the destination."""

    code = 10
    rule = "IL-hub"
    reason = "the hub's own level is below the destination's"


class ChainIsolated(IntegrityRefusal):
    """The chain is cut off."""

    code = 11
    rule = "IL-isolated"
    reason = "the chain is isolated"


class UnknownChain(IntegrityRefusal):
    """No chain has this name, or none is bound to the client."""

    code = 12
    reason = "unknown chain"


class InvalidTransition(IntegrityRefusal):
    """A level, a cap or a binding that may not be changed so."""

    code = 13
    reason = "invalid change"


class LedgerBroken(IntegrityRefusal):
    """An entry of the ledger of zones would fall below zero."""

    code = 15
    rule = "IL-ledger"
    reason = "the ledger of zones would not balance"


class QuotaExceeded(IntegrityRefusal):
    """A zone sends more packets than its quota in an epoch."""

    code = 16
    rule = "IL-quota"
    reason = "the zone's quota of packets is used up"


class NotIndependent(IntegrityRefusal):
    """A source that shares its operator with another one, or with the origin."""

    code = 17
    rule = "IL-endorse-same-operator"
    reason = "the source is not independent"


class NotASource(IntegrityRefusal):
    """Nobody of this name may endorse, or the signer is not its account, or it is too low."""

    code = 18
    rule = "IL-endorse-m"
    reason = "not a source for this"


class EndorsementClosed(IntegrityRefusal):
    """The endorsement is used, proved false, challenged, or there is none."""

    code = 19
    rule = "IL-endorse-fraud"
    reason = "the endorsement is not open"


class AppealClosed(IntegrityRefusal):
    """The appeal is decided, its time is not over, or there is nothing to appeal against."""

    code = 20
    rule = "IL-quarantine"
    reason = "no such appeal"


class SeveralPayloads(IntegrityRefusal):
    """A packet of IBC v2 brings or takes two payloads of one port: each record is for one."""

    code = 21
    rule = "IL-one-payload"
    reason = "a packet has one payload of a port"
