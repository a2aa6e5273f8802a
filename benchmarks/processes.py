"""The processes of a running network, as the kernel shows them (Linux, ``/proc``)."""

from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Usage:
    """What one process uses now: resident memory in KiB, processor time in clock ticks."""

    rss_kib: int
    anonymous_kib: int
    ticks: int


def descendants_of(ancestor: int) -> dict[int, tuple[str, ...]]:
    """Return the process ids and command lines of a process's children, and of theirs."""
    parents: dict[int, int] = {}
    commands: dict[int, tuple[str, ...]] = {}
    for folder in PROC.iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            stat = (folder / "stat").read_text(encoding="utf-8", errors="replace")
            command = (folder / "cmdline").read_bytes()
        except OSError:  # it ended meanwhile
            continue
        pid = int(folder.name)
        parents[pid] = int(stat.rpartition(")")[2].split()[1])
        words = command.rstrip(b"\0").split(b"\0")
        commands[pid] = tuple(word.decode(errors="replace") for word in words)
    found: dict[int, tuple[str, ...]] = {}
    waiting = [ancestor]
    while waiting:
        parent = waiting.pop()
        for pid, its_parent in parents.items():
            if its_parent == parent and pid not in found:
                found[pid] = commands[pid]
                waiting.append(pid)
    return found


def name_of(command: tuple[str, ...], home: Path) -> str:
    """Return what a process below ``isthmus up`` is: ``hub/node0``, ``relayer``, ``broker``."""
    if any("iotcore" in word for word in command):
        return "broker/iotcore"
    if any("broker" in word for word in command):
        return "broker"
    if "--home" in command:
        folder = Path(command[command.index("--home") + 1])
        if folder.is_relative_to(home):
            return str(folder.relative_to(home))
    return command[-1]


def usage_of(pid: int) -> Usage | None:
    """Return what a process uses; None where there is no such process any more."""
    try:
        status = (PROC / str(pid) / "status").read_text(encoding="utf-8")
        stat = (PROC / str(pid) / "stat").read_text(encoding="utf-8")
    except OSError:
        return None
    facts = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    if "VmRSS" not in facts:  # a zombie: it ended and its parent has not looked yet
        return None
    times = stat.rpartition(")")[2].split()
    return Usage(
        rss_kib=int(facts["VmRSS"].split()[0]),
        anonymous_kib=int(facts["RssAnon"].split()[0]),
        ticks=int(times[11]) + int(times[12]),
    )
