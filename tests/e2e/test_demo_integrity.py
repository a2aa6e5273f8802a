"""The demo ``integrity`` as a user runs it, and what its network tells afterwards."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def test_funds_obey_the_levels_on_real_chains_of_every_kind(tmp_path: Path) -> None:
    """The last line says each thing that the paper's rule promises, and why others were refused."""
    done = subprocess.run(
        [
            sys.executable, "-m", "isthmus.cli.main",
            "demo", "integrity", "--json", "--home", str(tmp_path / "net"),
        ],
        capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.stdout, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])

    for claim in (
        "low_to_high_refused",
        "high_to_low_delivered",
        "returned_home",
        "indirect_refused",
        "endorsed_delivered",
        "endorsed_once",
        "fraud_proved",
        "quarantined",
        "appeal_upheld",
        "others_undisturbed",
        "supply_agrees",
    ):
        assert report[claim] is True, (claim, done.stderr[-3_000:])
    assert report["level_dropped_blocks"] <= 1
    assert report["levels"] == {
        "hub": 3, "bank": 3, "approvals": 2, "roll": 1, "meters": 1,
    }  # fmt: skip
    assert report["contaminated_packets"] >= 3
    assert report["reasons"]["low_to_high"].startswith("IL-low-to-high")
    assert report["reasons"]["around_the_rule"].startswith("IL-lot")
    assert report["reasons"]["quarantine"].startswith("IL-quarantine")
    assert done.returncode == 0
