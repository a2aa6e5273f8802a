"""What mining takes of the processor in a running network.

A node that mines counts its own time for templates and the search (``getmininginfo``); what
its process takes in all, with validating, proving and answering, is the system's count.
"""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from chainkit.primitives.errors import OperationFailed
from demos.network import Network
from isthmus.processes import read_processes

_PROC = Path("/proc")
_IS_TOLD = (_PROC / "self").exists()
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Taken:
    """Seconds of the processor that the miners took up to a moment of the clock."""

    at_s: float
    mining_s: float
    processes_s: float | None
    """None where the system does not tell."""


@dataclass(frozen=True, slots=True)
class MiningShare:
    """Parts of one core, all miners together: 0.1 is a tenth."""

    mining: float
    """Making templates and searching."""
    processes: float | None
    """All that the miners' processes do; None where the system does not tell."""


async def taken(net: Network) -> Taken:
    """Return what the network's miners took so far; nothing where nobody mines."""
    pids = read_processes(net.home)
    mining, processes = 0.0, 0.0
    for chain in net.place.chains:
        for node in chain.nodes:
            try:
                answer = await net.reader.call(node, "getmininginfo", {})
            except OperationFailed:
                continue  # it does not mine
            if isinstance(answer, Mapping):
                mining += int(str(answer["cpu_us"])) / 1e6
                processes += _processor_s(pids[node.name])
    return Taken(time.monotonic(), mining, processes if _IS_TOLD else None)


def share(begin: Taken, end: Taken) -> MiningShare:
    """Return what was taken between two moments."""
    elapsed = end.at_s - begin.at_s
    told = begin.processes_s is not None and end.processes_s is not None
    return MiningShare(
        mining=round((end.mining_s - begin.mining_s) / elapsed, 4),
        processes=round(((end.processes_s or 0) - (begin.processes_s or 0)) / elapsed, 4)
        if told
        else None,
    )


def _processor_s(pid: int) -> float:
    """Return the seconds of the processor that a process took; 0 where there is no /proc."""
    if not _IS_TOLD:
        return 0.0
    text = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    fields = text.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND
