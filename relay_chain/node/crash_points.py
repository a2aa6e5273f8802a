"""Named places at which a test may kill this process: before and after every durable write.

A point's name is that of the write after what the process is about: ``consensus.block_store.saved``
and ``sync.block_store.saved`` are two points. The environment says what shall happen:

``ISTHMUS_CRASH_LIST=<file>``
    The name of each point reached is added to the file, so that a harness can list the points
    of one run and then have a process die at each of them in turn.
``ISTHMUS_CRASH_AT=<n>``
    The process dies at the n-th point it reaches, counted from 0: by SIGKILL to itself, so
    nothing is flushed and no handler runs.
``ISTHMUS_CRASH_POINTS=<file>``
    With it, n counts the lines of that file instead: the process dies when it first reaches
    the point that line n names.

None set, :func:`reach` costs one attribute look-up.
"""

import os
import signal
from collections.abc import Mapping
from pathlib import Path


class CrashPoints:
    """What this process does at its points. Mutable: it counts one process's life."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        crash_at = environment.get("ISTHMUS_CRASH_AT")
        points = environment.get("ISTHMUS_CRASH_POINTS")
        list_file = environment.get("ISTHMUS_CRASH_LIST")
        self._list_file = Path(list_file) if list_file else None
        self._crash_at = int(crash_at) if crash_at else None
        self._crash_name: str | None = None
        if points is not None and self._crash_at is not None:
            names = Path(points).read_text(encoding="ascii").split()
            self._crash_name = names[self._crash_at]
        self._reached = 0
        self._phase = ""
        self.active = self._crash_at is not None or self._list_file is not None

    def enter(self, phase: str) -> None:
        """Name what the process is about from now on."""
        self._phase = phase

    def reach(self, name: str) -> None:
        """Note a point, or die at it."""
        full_name = f"{self._phase}.{name}" if self._phase else name
        if self._list_file is not None:
            with self._list_file.open("a", encoding="ascii") as file:
                file.write(full_name + "\n")
        if self._is_last(full_name):
            os.kill(os.getpid(), signal.SIGKILL)
        self._reached += 1

    def _is_last(self, full_name: str) -> bool:
        if self._crash_name is not None:
            return full_name == self._crash_name
        return self._reached == self._crash_at


_points = CrashPoints(os.environ)


def enter(phase: str) -> None:
    """Say what the process is about from now on; its points are named after it."""
    _points.enter(phase)


def reach(name: str) -> None:
    """Say that the process is at the write point ``name``; it may not return."""
    if _points.active:
        _points.reach(name)
