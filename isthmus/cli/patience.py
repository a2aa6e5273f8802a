"""Work that may take a while: after a second the person who waits is told what for."""

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

from isthmus.cli.output import Output

T = TypeVar("T")
PATIENCE_S = 1.0


def run_with_patience(work: Coroutine[object, object, T], output: Output, reason: str) -> T:
    """Return what ``work`` returns; if it takes over a second, say what it waits for."""

    async def run() -> T:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(work)
            done, _ = await asyncio.wait({task}, timeout=PATIENCE_S)
            if not done:
                output.progress(reason)
        return task.result()

    return asyncio.run(run())
