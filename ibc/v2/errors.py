"""The refusals of IBC v2, with ibc-go's codespaces and codes."""

from ibc.errors import IbcError


class _ClientV2Refusal(IbcError):
    codespace = "clientv2"


class InvalidCounterparty(_ClientV2Refusal):
    """A counterparty is malformed, or is not the one of the packet."""

    code = 34
    reason = "invalid counterparty"


class CounterpartyNotFound(_ClientV2Refusal):
    """Nobody has said which client of the other chain belongs to this one."""

    code = 35
    reason = "counterparty not found"
    is_not_found = True


class _ChannelV2Refusal(IbcError):
    codespace = "channelv2"


class InvalidPacketV2(_ChannelV2Refusal):
    """The packet is malformed, or is not the one that was sent."""

    code = 2
    reason = "invalid packet"


class InvalidPayload(_ChannelV2Refusal):
    """A payload is malformed, too large or missing."""

    code = 3
    reason = "invalid payload"


class SequenceSendNotFound(_ChannelV2Refusal):
    """The client has no sequence to send with."""

    code = 4
    reason = "sequence send not found"
    is_not_found = True


class InvalidAcknowledgementV2(_ChannelV2Refusal):
    """The answer is empty, or has not one entry for each payload."""

    code = 5
    reason = "invalid acknowledgement"


class InvalidTimeoutV2(_ChannelV2Refusal):
    """The timeout is zero or too far away."""

    code = 8
    reason = "invalid packet timeout"


class TimeoutElapsedV2(_ChannelV2Refusal):
    """The packet's time is over."""

    code = 9
    reason = "timeout elapsed"


class TimeoutNotReachedV2(_ChannelV2Refusal):
    """The packet may still be received."""

    code = 10
    reason = "timeout not reached"


class AcknowledgementExistsV2(_ChannelV2Refusal):
    """The packet has been answered."""

    code = 11
    reason = "acknowledgement for packet already exists"
