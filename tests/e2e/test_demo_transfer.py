"""The demo ``transfer`` as a user runs it, and what it leaves behind."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from chainkit.primitives.errors import OperationFailed
from demos.network import run_scenario
from isthmus.config import BrokerSpec, ChainSpec, NetSpec

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("network")]
ISTHMUS = [
    sys.executable, "-c",
    # What starts in the background of a shell without job control ignores Ctrl-C.
    ("import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "from isthmus.cli.main import main; sys.exit(main())"),
]  # fmt: skip
SMALL = NetSpec(
    chains=(ChainSpec(name="zone-a"),), paths=(), broker=BrokerSpec(kind="none")
)  # fmt: skip


ROUTES = {
    "transfer": ("coin", "hub", "vault", "hub", "coin"),
    "transfer-coin-zone": ("coin", "hub", "zone", "hub", "coin"),
    "transfer-zones": ("zone-a", "hub", "zone-b", "hub", "zone-a"),
}


@pytest.mark.parametrize(
    "name",
    ["transfer", "transfer-zones", pytest.param("transfer-coin-zone", marks=pytest.mark.slow)],
)
def test_a_token_crosses_two_hops_by_proof_and_comes_home(tmp_path: Path, name: str) -> None:
    """
    Four validators, a chain of any kind at either side, and a relayer come up with nothing
    opened; the last line says that all went well, and every claim in it holds.
    """
    done = subprocess.run(
        [*ISTHMUS, "demo", name, "--json", "--home", str(tmp_path / "net")],
        capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip
    assert done.stdout, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])

    assert report["delivered"], done.stderr
    assert report["returned"]
    assert report["supply_conserved"], report["supply_violations"]
    assert report["hops"] == 2
    assert report["proofs_verified"] >= 20
    assert report["headers_verified"] >= 8
    assert report["supply_checked_at_heights"] >= 30
    assert report["seconds_to_ready"] > 0
    assert report["seconds_to_first_delivery"] > 0
    assert all(seconds > 0 for seconds in report["block_seconds"].values())
    assert tuple(report["route"]) == ROUTES[name]
    assert set(report["block_seconds"]) == set(ROUTES[name])
    assert (report["fee_paid"] > 0) == (report["mining_share"] > 0) == ("coin" in ROUTES[name])
    assert report["mining_share"] <= report["miner_process_share"]
    assert done.returncode == 0, done.stderr
    assert "waiting for" in done.stderr
    assert living_in(tmp_path) == []
    assert no_defects(tmp_path / "net" / "logs")


def no_defects(logs: Path) -> bool:
    """No process logged an error: those are defects of our own."""
    found = [
        line
        for log in logs.glob("*.log")
        for line in log.read_text().splitlines()
        if '"level": "error"' in line or "Traceback" in line
    ]
    assert found == []
    return True


def living_in(folder: Path) -> list[str]:
    """Command lines of processes that work below a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if str(folder) in command and int(process.name) != os.getpid():
            found.append(command.replace("\0", " "))
    return found


def test_an_interrupt_leaves_nothing_running(tmp_path: Path) -> None:
    """
    Ctrl-C in the middle of the start ends every child.
    """
    home = tmp_path / "net"
    demo = subprocess.Popen(
        [*ISTHMUS, "demo", "transfer", "--home", str(home)], stderr=subprocess.PIPE, text=True
    )
    assert demo.stderr is not None
    for line in demo.stderr:
        if "waiting for" in line:
            break
    assert len(living_in(tmp_path)) >= 12
    demo.send_signal(signal.SIGINT)
    demo.communicate(timeout=120)

    assert demo.returncode != 0
    assert living_in(tmp_path) == []


@pytest.mark.parametrize("failure", [OperationFailed("the scenario failed"), AssertionError("bug")])
def test_a_scenario_that_fails_is_torn_down(tmp_path: Path, failure: Exception) -> None:
    """
    Whatever a scenario raises reaches its caller, after every child has ended.
    """
    seen = []

    async def scenario(net) -> None:
        seen.append(await net.reader.chain_status(net.chain("zone-a")))
        assert living_in(tmp_path) != []
        raise failure

    with pytest.raises(type(failure), match=str(failure)):
        run_scenario(scenario, spec=SMALL, home=tmp_path, say=lambda _: None, name="small")

    assert seen[0][0].height >= 2
    assert living_in(tmp_path) == []


def test_a_scenario_waits_with_reasons_and_in_time(tmp_path: Path) -> None:
    """
    What is waited for is told once, and a wait that is over its limit ends with its reason.
    """
    said = []

    async def scenario(net) -> float:
        async def never() -> None:
            return None

        began = time.monotonic()
        with pytest.raises(OperationFailed, match="gave up after 1 s waiting for the moon"):
            await net.wait_until("waiting for the moon", never, timeout_s=1)
        return time.monotonic() - began

    took = run_scenario(scenario, spec=SMALL, home=tmp_path, say=said.append, name="small")

    assert 1 <= took < 30
    assert said.count("waiting for the moon") == 1
