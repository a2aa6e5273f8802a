"""One process's lives: a recording one, then one for each write point, in which it dies there."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from chainkit.primitives.errors import OperationFailed
from demos.network import Network
from isthmus.devnet import NotReady

CRASH_AT, CRASH_LIST, CRASH_POINTS = (
    "ISTHMUS_CRASH_AT",
    "ISTHMUS_CRASH_LIST",
    "ISTHMUS_CRASH_POINTS",
)
LIFE_TIMEOUT_S = 180.0
"""Within which a process that came back must reach its point; a validator proposes every fourth
block, and a life takes seconds on a machine that does nothing else."""
SAY_EVERY = 5
"""Lives between two lines of progress."""

Pause = Callable[[str], Awaitable[None]]
"""Called while the process is down, with the point of its next life."""

_SYNCED = "sync.state_store.saved"
_HEIGHT_ENDED = "consensus.state_store.saved"
WHOLE = {
    _SYNCED,
    "consensus.privval.propose.saved",
    "consensus.privval.prevote.saved",
    "consensus.privval.precommit.saved",
    "consensus.wal.own_proposal.synced",
    "consensus.wal.own_prevote.synced",
    "consensus.wal.own_precommit.synced",
    "consensus.wal.end_height.synced",
}
"""Points without which a recording of a validator is not whole: one of each thing that it does."""


class DiedElsewhere(OperationFailed):
    """A process that was to be killed at a write point ended in another way."""

    def __init__(self, *, name: str, point: str, code: int, reached: str) -> None:
        super().__init__(
            f"{name} ended with code {code} at {reached}, expected -9 at {point}: "
            f"see logs/{name}.log"
        )


@dataclass(frozen=True, slots=True)
class Points:
    """The distinct write points of one process, in the order in which a life reaches them."""

    names: tuple[str, ...]
    list_file: Path
    """One a line: the index that a process gets by its environment counts these."""


def whole_round(reached: list[str]) -> bool:
    """Return whether a validator's recording has one of each thing, up to the end of a height."""
    if not set(reached) >= WHOLE:
        return False
    last = max(reached.index(name) for name in WHOLE)
    return _HEIGHT_ENDED in reached[last:]


async def no_pause(_: str) -> None:
    """Start the next life at once."""


async def record(
    net: Network,
    name: str,
    is_whole: Callable[[list[str]], bool],
    reason: str,
    *,
    pause: Pause = no_pause,
) -> list[str]:
    """Restart a process so that it lists its points; return them when the list is whole."""
    listed = net.home / f"{name}.points"
    listed.touch()
    await net.devnet.stop(name)
    await pause(_SYNCED)
    await net.devnet.start(name, environment={CRASH_LIST: str(listed)})

    async def look() -> list[str] | None:
        reached = listed.read_text(encoding="ascii").split()
        return reached if is_whole(reached) else None

    found = await net.wait_until(f"recording the write points of {name}: {reason}", look)
    await net.devnet.stop(name)
    return found


def distinct(net: Network, name: str, reached: list[str]) -> Points:
    """Return the distinct points of a recording, written down for the process to count."""
    names = tuple(dict.fromkeys(reached))
    file = net.home / f"{name}.distinct-points"
    file.write_text("".join(f"{each}\n" for each in names), encoding="ascii")
    return Points(names, file)


async def die_at_each(net: Network, name: str, points: Points, *, pause: Pause = no_pause) -> None:
    """Start a process once for each point and let it kill itself there; it is down afterwards.

    Each life begins from what the one before left, and must get as far as its own point.

    Raises:
        DiedElsewhere: It ended at another place or in another way.
        NotReady: It did not reach its point in time.
    """
    began = time.monotonic()
    for index, point in enumerate(points.names):
        await pause(point)
        reached = await _life(net, name, points, index)
        if reached[-1] != point:
            raise DiedElsewhere(name=name, point=point, code=-9, reached=reached[-1])
        if (index + 1) % SAY_EVERY == 0 or index + 1 == len(points.names):
            pace = (time.monotonic() - began) / (index + 1)
            net.say(
                f"{name} killed {index + 1} of {len(points.names)} times, now at {reached[-1]}; "
                f"{pace:.1f} s a life"
            )


async def _life(net: Network, name: str, points: Points, index: int) -> list[str]:
    """Return what a process reached in the life in which it dies at a point."""
    listed = net.home / f"{name}.life"
    listed.unlink(missing_ok=True)
    environment = {
        CRASH_AT: str(index),
        CRASH_LIST: str(listed),
        CRASH_POINTS: str(points.list_file),
    }
    await net.devnet.start(name, environment=environment, may_end=True)
    try:
        async with asyncio.timeout(LIFE_TIMEOUT_S):
            code = await net.devnet.wait_for_end(name)
    except TimeoutError as error:
        reason = f"waiting for {name} to reach {points.names[index]} (point {index})"
        raise NotReady(reason=reason, timeout_s=LIFE_TIMEOUT_S) from error
    reached = listed.read_text(encoding="ascii").split() if listed.exists() else []
    if code != -signal.SIGKILL or not reached:
        last = reached[-1] if reached else "no point"
        raise DiedElsewhere(name=name, point=points.names[index], code=code, reached=last)
    return reached
