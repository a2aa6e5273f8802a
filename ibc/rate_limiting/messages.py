"""What governance asks of the rate limiter."""

from dataclasses import dataclass

from chainkit.primitives.types import Address
from ibc.rate_limiting.quotas import LimitedPath, Quota


@dataclass(frozen=True, slots=True)
class SetRateLimit:
    """Put a quota on a path (``MsgAddRateLimit``, ``MsgUpdateRateLimit``)."""

    signer: Address
    path: LimitedPath
    quota: Quota


@dataclass(frozen=True, slots=True)
class PointAtRateLimit:
    """Name a limit (``MsgRemoveRateLimit``, ``MsgResetRateLimit``)."""

    signer: Address
    path: LimitedPath
