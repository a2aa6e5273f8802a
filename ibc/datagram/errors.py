"""The refusals of datagrams."""

from ibc.errors import IbcError


class DatagramRefusal(IbcError):
    """A refusal under the codespace ``datagram``."""

    codespace = "datagram"


class InvalidDatagram(DatagramRefusal):
    """The data is empty, too long or not a datagram."""

    code = 2
    reason = "invalid datagram"


class InvalidDatagramVersion(DatagramRefusal):
    """The channel's version is not ours."""

    code = 3
    reason = "invalid datagram version"
