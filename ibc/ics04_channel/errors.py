"""The refusals of ICS-04 and ICS-05, with ibc-go v10's codes."""

from ibc.errors import IbcError


class ChannelRefusal(IbcError):
    """A refusal under the codespace ``channel``."""

    codespace = "channel"


class ChannelNotFound(ChannelRefusal):
    """There is no such channel."""

    code = 3
    reason = "channel not found"
    is_not_found = True


class InvalidChannel(ChannelRefusal):
    """A channel is not described as it must be."""

    code = 4
    reason = "invalid channel"


class InvalidChannelState(ChannelRefusal):
    """The channel is not in the state that this step needs."""

    code = 5
    reason = "invalid channel state"


class InvalidChannelOrdering(ChannelRefusal):
    """The ordering is neither ordered nor unordered, or not the application's."""

    code = 6
    reason = "invalid channel ordering"


class InvalidPacket(ChannelRefusal):
    """The packet is malformed or not the one that was sent."""

    code = 13
    reason = "invalid packet"


class TooManyConnectionHops(ChannelRefusal):
    """Exactly one connection may be named."""

    code = 15
    reason = "too many connection hops"


class InvalidAcknowledgement(ChannelRefusal):
    """An acknowledgement is empty, or not the one form of what it says."""

    code = 16
    reason = "invalid acknowledgement"


class AcknowledgementExists(ChannelRefusal):
    """The packet has been answered."""

    code = 17
    reason = "acknowledgement for packet already exists"


class InvalidChannelIdentifier(ChannelRefusal):
    """The id is not ``channel-N``."""

    code = 18
    reason = "invalid channel identifier"


class PacketReceived(ChannelRefusal):
    """The other side has received the packet: it cannot have timed out."""

    code = 19
    reason = "packet already received"


class PacketSequenceOutOfOrder(ChannelRefusal):
    """An ordered channel takes the next packet only."""

    code = 21
    reason = "packet sequence is out of order"


class RedundantTransaction(ChannelRefusal):
    """Every packet message of the transaction has been done by somebody else."""

    code = 22
    reason = "packet messages are redundant"


class InvalidChannelVersion(ChannelRefusal):
    """The channel's version is too long."""

    code = 24
    reason = "invalid channel version"


class TimeoutNotReached(ChannelRefusal):
    """The packet can still be received."""

    code = 39
    reason = "timeout not reached"


class TimeoutElapsed(ChannelRefusal):
    """The packet can no longer be received."""

    code = 40
    reason = "timeout elapsed"


class InvalidPort(IbcError):
    """The port is not the application's (codespace ``port``)."""

    codespace = "port"
    code = 4
    reason = "invalid port"


class InvalidRoute(IbcError):
    """No application has this port."""

    codespace = "port"
    code = 5
    reason = "route not found"
