"""Waiting for work without polling: one flag for each loop, and a longest wait."""

import asyncio

from chainkit.primitives.timestamps import NS_PER_SECOND
from chainkit.primitives.types import DurationNs


class Wakers:
    """Flags of the loops that wait; mutable, as loops come and go."""

    def __init__(self) -> None:
        self._flags: set[asyncio.Event] = set()

    def add(self) -> asyncio.Event:
        """Return a flag for a new loop; it begins set."""
        flag = asyncio.Event()
        flag.set()
        self._flags.add(flag)
        return flag

    def discard(self, flag: asyncio.Event) -> None:
        """Forget a loop's flag."""
        self._flags.discard(flag)

    def wake(self) -> None:
        """Set every flag."""
        for flag in self._flags:
            flag.set()


async def wait_for_flag(flag: asyncio.Event, longest: DurationNs) -> None:
    """Return once the flag is set, or after ``longest``; the flag is cleared."""
    try:
        async with asyncio.timeout(longest / NS_PER_SECOND):
            await flag.wait()
    except TimeoutError:
        return
    finally:
        flag.clear()
