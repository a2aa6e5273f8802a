"""The refusals of ICS-27, with ibc-go's codes."""

from ibc.errors import IbcError


class _AccountsRefusal(IbcError):
    codespace = "interchainaccounts"


class UnknownDataType(_AccountsRefusal):
    """The packet is of a type that the host does not execute."""

    code = 2
    reason = "unknown data type"


class AccountExists(_AccountsRefusal):
    """The address of the account to be made is taken."""

    code = 3
    reason = "account already exists"


class InvalidChannelFlow(_AccountsRefusal):
    """The message came to the wrong end of a channel."""

    code = 5
    reason = "invalid message sent to channel end"


class InvalidOutgoingData(_AccountsRefusal):
    """The packet to send is empty, too long or without a type."""

    code = 6
    reason = "invalid outgoing data"


class AccountNotFound(_AccountsRefusal):
    """The owner has no account over this connection."""

    code = 8
    reason = "interchain account not found"
    is_not_found = True


class ActiveChannelSet(_AccountsRefusal):
    """The owner has a channel over this connection that is not closed."""

    code = 10
    reason = "active channel already set for this owner"


class ActiveChannelNotFound(_AccountsRefusal):
    """The owner has no open channel over this connection."""

    code = 11
    reason = "no active channel for this owner"


class InvalidAccountsVersion(_AccountsRefusal):
    """The channel's version is not this standard's, or not what it was before."""

    code = 12
    reason = "invalid interchain accounts version"


class InvalidAccountAddress(_AccountsRefusal):
    """An address is empty, too long, or not letters and digits."""

    code = 13
    reason = "invalid account address"


class InvalidControllerPort(_AccountsRefusal):
    """The port is not ``icacontroller-`` and an owner."""

    code = 15
    reason = "invalid controller port"


class InvalidHostPort(_AccountsRefusal):
    """The other port is not ``icahost``."""

    code = 16
    reason = "invalid host port"


class InvalidCodec(_AccountsRefusal):
    """The transaction's encoding is not one that is read here."""

    code = 18
    reason = "codec is not supported"


class ControllerDisabled(IbcError):
    """This chain controls no accounts elsewhere."""

    codespace = "icacontroller"
    code = 2
    reason = "controller submodule is disabled"


class HostDisabled(IbcError):
    """This chain hosts no accounts."""

    codespace = "icahost"
    code = 2
    reason = "host submodule is disabled"
