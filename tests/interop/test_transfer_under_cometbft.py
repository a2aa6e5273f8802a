"""The transfer demo with CometBFT as the engine of the hub and of both zones."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.test_demo_transfer import no_defects

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(400)]


def test_the_transfer_demo_passes_under_cometbft(tmp_path: Path, cometbft: Path) -> None:
    """
    The relayer opens both paths by proof, a token crosses two hops and comes home, and the supply
    is conserved at every height, with our applications over ABCI and CometBFT's own RPC.
    """
    done = subprocess.run(
        [
            Path(sys.executable).with_name("isthmus"), "demo", "transfer-cometbft", "--json",
            "--home", str(tmp_path / "net"),
        ],
        capture_output=True, text=True, timeout=380, check=False,
        env=os.environ | {"PATH": f"{cometbft.parent}{os.pathsep}{os.environ['PATH']}"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["delivered"]
    assert report["returned"]
    assert report["supply_conserved"], report["supply_violations"]
    assert report["supply_checked_at_heights"] >= 30
    assert report["hops"] == 2
    assert no_defects(tmp_path / "net" / "logs")
