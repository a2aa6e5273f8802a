"""The refusals of the rate limiter, with ibc-go's codes."""

from ibc.errors import IbcError


class RateLimitRefusal(IbcError):
    """A refusal under the codespace ``ratelimit``."""

    codespace = "ratelimit"


class RateLimitAlreadyExists(RateLimitRefusal):
    """There is a limit on this path."""

    code = 1
    reason = "ratelimit key duplicated"


class RateLimitNotFound(RateLimitRefusal):
    """There is no limit on this path."""

    code = 2
    reason = "rate limit not found"
    is_not_found = True


class ZeroChannelValue(RateLimitRefusal):
    """None of the token exists, so that it has no shares."""

    code = 3
    reason = "channel value is zero"


class QuotaExceeded(RateLimitRefusal):
    """The transfer would move more than the window allows."""

    code = 4
    reason = "quota exceeded"


class LimitedChannelNotFound(RateLimitRefusal):
    """Neither a channel nor a client has this identifier."""

    code = 6
    reason = "channel does not exist"


class DenomIsBlacklisted(RateLimitRefusal):
    """The token does not cross any channel."""

    code = 7
    reason = "denom is blacklisted"


class TooManyRateLimits(RateLimitRefusal):
    """There are as many limits as a block looks at when a window ends; of our own."""

    code = 100
    reason = "too many rate limits"
