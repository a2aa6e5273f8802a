"""Where and on what a measurement was made, and how its rows are shown."""

import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Machine:
    """What a figure depends on."""

    processor: str
    cores: int
    memory_gib: int
    system: str
    python: str
    commit: str
    load_1_min: float


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: what was measured, how much, in which unit, and how it compares."""

    name: str
    value: float
    unit: str
    note: str = ""


def describe_machine() -> Machine:
    """Return this machine, interpreter and checkout."""
    pages, page_bytes = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return Machine(
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=round(pages * page_bytes / 2**30),
        system=f"{platform.system()} {platform.release()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        commit=_commit(),
        load_1_min=round(os.getloadavg()[0], 2),
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _commit() -> str:
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found.stdout.strip()


def format_rows(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table."""
    lines = ["| measured | value | unit | note |", "|---|---:|---|---|"]
    lines += [f"| {row.name} | {_number(row.value)} | {row.unit} | {row.note} |" for row in rows]
    return "\n".join(lines)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
