"""The demo ``versions`` as a user runs it."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.e2e.test_demo_transfer import ISTHMUS, living_in

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def test_a_transfer_of_each_version_goes_and_comes_home(tmp_path: Path) -> None:
    """Both at once over one path of real processes, and nothing stays under way."""
    done = subprocess.run(
        [*ISTHMUS, "demo", "versions", "--json", "--home", str(tmp_path / "net")],
        capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip
    assert done.stdout, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])

    assert report == {
        "v1_delivered": True,
        "v1_returned": True,
        "v2_delivered": True,
        "v2_returned": True,
        "escrow_left": 0,
        "account_paid": 1_000,
        "packets_pending": 0,
    }
    assert done.returncode == 0, done.stderr
    assert living_in(tmp_path) == []
