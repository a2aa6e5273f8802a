"""Which processes a network has, kept in its home, and what the system says of them."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from isthmus.errors import DamagedFile

PROCESSES_FILE = "processes.json"
_PS_TIMEOUT_S = 5.0
_OURS = "isthmus"
"""Stands in every command line of ours: a number that the system gave to another is not ours."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process of a network that runs; ``rss_kib`` is the memory that it holds."""

    name: str
    pid: int
    rss_kib: int


def write_processes(home: Path, pids: Mapping[str, int]) -> None:
    """Keep which processes a network has."""
    beside = home / f"{PROCESSES_FILE}.new"
    beside.write_text(json.dumps(dict(pids)), encoding="ascii")
    beside.replace(home / PROCESSES_FILE)


def read_processes(home: Path) -> Mapping[str, int]:
    """Return which processes a network had when they were last written; none without a file.

    Raises:
        DamagedFile: The file is not of its form.
    """
    path = home / PROCESSES_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, int])
    except FileNotFoundError:
        return {}
    except msgspec.DecodeError as error:
        raise DamagedFile(path=path, reason=str(error)) from error


def running_processes(home: Path) -> tuple[Process, ...]:
    """Return those of a network's processes that run now, in the order of their start."""
    pids = read_processes(home)
    alive = _ask_system([pid for pid in pids.values() if pid > 1])
    return tuple(
        Process(name, pid, alive[pid][0])
        for name, pid in pids.items()
        if pid in alive and _OURS in alive[pid][1]
    )


def _ask_system(pids: list[int]) -> dict[int, tuple[int, str]]:
    """Return resident KiB and command line of the processes that exist, as ``ps`` knows them."""
    if not pids:
        return {}
    command = ["ps", "-ww", "-o", "pid=,rss=,stat=,command=", "-p", ",".join(map(str, pids))]
    try:
        result = subprocess.run(
            command, capture_output=True, text=True, timeout=_PS_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return {}
    found = {}
    for line in result.stdout.splitlines():
        fields = line.split(maxsplit=3)
        # A zombie has ended; only its parent has not looked yet.
        if len(fields) == 4 and not fields[2].startswith("Z"):
            found[int(fields[0])] = (int(fields[1]), fields[3])
    return found
