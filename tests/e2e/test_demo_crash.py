"""The demo ``crash`` as a user runs it."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.e2e.test_demo_transfer import ISTHMUS, living_in

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(1_200)]


def test_nothing_is_lost_by_a_kill_at_any_write_point(tmp_path: Path) -> None:
    """
    A validator and the relayer die at each of their write points, then two of four validators:
    every transfer ends once, nobody signs twice, and the chain waits for its quorum.
    """
    done = subprocess.run(
        [*ISTHMUS, "demo", "crash", "--json", "--home", str(tmp_path / "net")],
        capture_output=True, text=True, timeout=1_150, check=False,
    )  # fmt: skip
    assert done.stdout, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])

    assert report["lost"] == 0, report["details"]
    assert report["duplicated"] == 0, report["details"]
    assert report["supply_conserved"], report["holdings"]
    assert report["transfers"] >= 20
    assert report["write_points"]["validator"] >= 38
    assert report["write_points"]["relayer"] == 15
    assert report["kills"] == sum(report["write_points"].values()) + 2
    assert report["blocks_compared"] > 50
    assert report["blocks_that_differ"] == report["double_signs"] == 0
    assert report["went_on_to_height"] > report["waited_at_height"]
    assert done.returncode == 0, done.stderr
    assert "2 of 4 validators vote" in done.stderr
    assert living_in(tmp_path) == []
    assert no_process_was_surprised(tmp_path / "net")


def no_process_was_surprised(home: Path) -> bool:
    """No log has an error or a traceback: a kill leaves nothing for the next life to trip over."""
    found = [
        line
        for log in sorted((home / "logs").glob("*.log"))
        for line in log.read_text(errors="replace").splitlines()
        if '"level": "error"' in line or "Traceback" in line
    ]
    assert found == []
    return True
