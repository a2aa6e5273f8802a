"""The demo ``forged`` as a user runs it: thousands of forgeries against real processes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from demos.forged.values import Kind

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(900)]
ISTHMUS = [sys.executable, "-c", "import sys; from isthmus.cli.main import main; sys.exit(main())"]


def test_no_forgery_changes_the_state_of_a_network(tmp_path: Path) -> None:
    """
    Every byte of real proofs and headers is flipped and every class of forgery goes through
    RPC into a block: nothing is accepted, all stores keep all but fee and sequence, and the
    network does accept the true messages that the forgeries were made from.
    """
    done = subprocess.run(
        [*ISTHMUS, "demo", "forged", "--json", "--home", str(tmp_path / "net")],
        capture_output=True, text=True, timeout=880, check=False,
    )  # fmt: skip
    assert done.stdout, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])

    assert report["accepted"] == 0, report["accepted_forgeries"]
    assert report["attempts"] > 2_000
    assert report["attempts"] == report["inert"] + report["refused"]
    assert report["refused"] == sum(report["refusals"].values())
    assert report["inert"] > 0, "the hub's fourth signature is not needed"
    assert report["classes_through_rpc"] == len(Kind)
    assert {each["class"] for each in report["through_rpc"]} == {k.name.lower() for k in Kind}
    assert report["judged_otherwise"] == []
    assert report["other_changes"] == []
    assert report["fee_changes"] > 0
    assert set(report["at_the_door"].values()) == {"channel/22 RedundantTransaction"}
    assert len(report["originals"]) == 17
    assert all(report["originals"].values())
    assert len(report["refusals"]) >= 15
    assert done.returncode == 0, done.stderr
    assert "forgeries:" in done.stderr
