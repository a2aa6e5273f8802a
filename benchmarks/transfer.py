"""How long the transfer demo takes, Bitcoin blocks to Ethereum blocks, and what mining takes.

Medians. Each run is the demo as a user starts it, in a process of its own; a run in which something
does not hold ends the measurement.
"""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping

from benchmarks.report import Row

RUNS = 5
RUN_TIMEOUT_S = 300
_DEMO = "import sys; from isthmus.cli.main import main; sys.exit(main())"
FIGURES = (
    ("seconds_to_ready", "from nothing to open channels", "s"),
    ("seconds_to_first_delivery", "first delivery over two hops", "s"),
    ("mining_share", "mining, two miners at a block a second", "cores"),
    ("miner_process_share", "the miners' processes, all that they do", "cores"),
)


def measure(runs: int = RUNS) -> list[Row]:
    """Return the median of each figure, its extremes and the load beside it."""
    loads, reports = [], []
    for _ in range(runs):
        loads.append(os.getloadavg()[0])
        reports.append(_run())
    beside = f"load average before: {', '.join(f'{load:.1f}' for load in loads)}"
    rows = []
    for name, what, unit in FIGURES:
        values = [float(str(report[name])) for report in reports]
        note = f"median of {runs}, {min(values):.3g} to {max(values):.3g}; {beside}"
        rows.append(Row(what, statistics.median(values), unit, note))
    return rows


def _run() -> Mapping[str, object]:
    """Return one run's report.

    Raises:
        CalledProcessError: Something in it does not hold.
    """
    done = subprocess.run(
        [sys.executable, "-c", _DEMO, "demo", "transfer", "--json"],
        capture_output=True, text=True, timeout=RUN_TIMEOUT_S, check=True,
    )  # fmt: skip
    report: Mapping[str, object] = json.loads(done.stdout.splitlines()[-1])
    return report
