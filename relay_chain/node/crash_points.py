"""Named places at which a test may kill this process: before and after every durable write.

``ISTHMUS_CRASH_AT=<n>`` kills the process (SIGKILL to itself, so nothing is flushed and no
handler runs) at the n-th point it reaches, counted from 0.
``ISTHMUS_CRASH_LIST=<file>`` appends the name of each point reached, so that a harness can
list the points of one run and then die at each of them in turn.
Neither set, :func:`reach` costs one attribute look-up.
"""

import os
import signal
from pathlib import Path


class _CrashPoints:
    """The count of points reached; mutable, since it counts one process's life."""

    def __init__(self, crash_at: int | None, list_file: Path | None) -> None:
        self._crash_at = crash_at
        self._list_file = list_file
        self._reached = 0
        self.active = crash_at is not None or list_file is not None

    def reach(self, name: str) -> None:
        if self._list_file is not None:
            with self._list_file.open("a", encoding="ascii") as file:
                file.write(name + "\n")
        if self._reached == self._crash_at:
            os.kill(os.getpid(), signal.SIGKILL)
        self._reached += 1


def _from_environment() -> _CrashPoints:
    crash_at = os.environ.get("ISTHMUS_CRASH_AT")
    list_file = os.environ.get("ISTHMUS_CRASH_LIST")
    return _CrashPoints(int(crash_at) if crash_at else None, Path(list_file) if list_file else None)


_points = _from_environment()


def reach(name: str) -> None:
    """Say that the process is at the write point ``name``; it may not return."""
    if _points.active:
        _points.reach(name)
