"""How a demo tells its story to the person who watches: what happened stays, waits give way."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.status import Status

WAIT = "waiting for"


class Story:
    """Writes progress to stderr, each line with the seconds since the start.

    On a terminal what is waited for shows below what happened and gives way to the next;
    elsewhere every line stays. Mutable: it owns the terminal's last line. Use as a context
    manager.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False, soft_wrap=True)
        self._began_s = time.monotonic()
        self._status: Status | None = None

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Clear the wait that shows."""
        self._clear()

    def say(self, line: str) -> None:
        """Tell what happened, or, with a line that begins "waiting for", what is waited for."""
        if line.startswith(WAIT) and self._console.is_terminal:
            if self._status is None:
                self._status = self._console.status(line, spinner="line")
                self._status.start()
            self._status.update(line)
            return
        self._clear()
        seconds = time.monotonic() - self._began_s
        self._console.print(f"{seconds:6.1f} s  {line}", markup=False)

    def _clear(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None
