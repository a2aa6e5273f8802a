"""When to try again what failed: later each time, up to a minute."""

from collections.abc import Hashable
from dataclasses import dataclass

from chainkit.primitives.types import DurationNs, TimestampNs
from relayer.limits import FIRST_BACKOFF_NS, MAX_BACKOFF_NS, MAX_DEFERRED


@dataclass(frozen=True, slots=True)
class _Wait:
    failures: int
    until: TimestampNs


def backoff_ns(failures: int) -> DurationNs:
    """Return how long to wait after ``failures`` failures in a row, from 1."""
    return DurationNs(min(FIRST_BACKOFF_NS << min(failures - 1, 30), MAX_BACKOFF_NS))


class Backoff:
    """Failures in a row by key. Mutable: it counts."""

    def __init__(self) -> None:
        self._waits: dict[Hashable, _Wait] = {}

    def failed(self, key: Hashable, now: TimestampNs) -> DurationNs:
        """Count a failure and return how long to wait."""
        known = self._waits.pop(key, None)
        failures = known.failures + 1 if known else 1
        wait = backoff_ns(failures)
        while len(self._waits) >= MAX_DEFERRED:
            self._waits.pop(next(iter(self._waits)))
        self._waits[key] = _Wait(failures, TimestampNs(now + wait))
        return wait

    def succeeded(self, key: Hashable) -> None:
        """Forget the failures."""
        self._waits.pop(key, None)

    def is_waiting(self, key: Hashable, now: TimestampNs) -> bool:
        """Return whether it is too early to try again."""
        wait = self._waits.get(key)
        return wait is not None and now < wait.until
