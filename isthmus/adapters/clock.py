"""The machine's clock."""

import asyncio
import time

from chainkit.primitives.timestamps import NS_PER_SECOND
from chainkit.primitives.types import DurationNs, TimestampNs


class SystemClock:
    """Wall-clock time, and waits on the event loop."""

    def now(self) -> TimestampNs:
        """Return the time."""
        return TimestampNs(time.time_ns())

    async def wait(self, duration_ns: DurationNs) -> None:
        """Return after ``duration_ns``."""
        await asyncio.sleep(duration_ns / NS_PER_SECOND)
