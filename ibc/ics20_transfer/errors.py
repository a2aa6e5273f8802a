"""The refusals of ICS-20, with ibc-go's codes."""

from ibc.errors import IbcError


class TransferRefusal(IbcError):
    """A refusal under the codespace ``transfer``."""

    codespace = "transfer"


class InvalidDenom(TransferRefusal):
    """A denomination cannot be transferred."""

    code = 3
    reason = "invalid denomination for cross-chain transfer"
    is_bad_argument = True


class InvalidTransferVersion(TransferRefusal):
    """The channel's version is not ``ics20-1``."""

    code = 4
    reason = "invalid ICS20 version"


class InvalidAmount(TransferRefusal):
    """The amount is not a positive decimal of at most 256 bits."""

    code = 5
    reason = "invalid token amount"


class DenomNotFound(TransferRefusal):
    """This chain has never received that voucher."""

    code = 6
    reason = "denomination not found"
    is_not_found = True


class SendDisabled(TransferRefusal):
    """The chain does not send tokens now."""

    code = 7
    reason = "fungible token transfers from this chain are disabled"


class ReceiveDisabled(TransferRefusal):
    """The chain does not receive tokens now."""

    code = 8
    reason = "fungible token transfers to this chain are disabled"


class TooManyChannels(TransferRefusal):
    """Escrow addresses stay apart for 2**32 channels only."""

    code = 9
    reason = "max transfer channels"


class InvalidMemo(TransferRefusal):
    """The memo is too long."""

    code = 11
    reason = "invalid memo"


class ForwardedPacketTimedOut(TransferRefusal):
    """A later hop did not receive the packet in time."""

    code = 12
    reason = "forwarded packet timed out"


class ForwardedPacketFailed(TransferRefusal):
    """A later hop refused the packet."""

    code = 13
    reason = "forwarded packet failed"
