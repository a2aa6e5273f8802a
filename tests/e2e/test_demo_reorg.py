"""The demo ``reorg`` as a user runs it: two miners, a wire, a hub and the relayer."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.e2e.test_demo_transfer import ISTHMUS, living_in, no_defects

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(1200)]


def test_below_k_nothing_happens_and_from_k_on_the_client_freezes(tmp_path: Path) -> None:
    """
    On a UTXO chain and on a DAG cuts of 1, k - 1, k (the DAG's acceptance takes one more) and about
    2k blocks heal to one tip whose root a replay gives; the hub keeps what it kept, its client
    freezes from k on by the relayer's evidence, and no value is made.
    """
    done = subprocess.run(
        [*ISTHMUS, "demo", "reorg", "--json", "--home", str(tmp_path / "net")],
        capture_output=True, text=True, timeout=1180, check=False,
    )  # fmt: skip
    assert done.stdout, done.stderr
    reports = json.loads(done.stdout.splitlines()[-1])

    assert list(reports) == ["utxo", "dag"]
    for name, report in reports.items():
        _judge(name, report)
    assert done.returncode == 0, done.stderr
    assert living_in(tmp_path) == []
    assert all(no_defects(tmp_path / "net" / name / "logs") for name in reports)


def _judge(name: str, report: dict) -> None:
    k, cuts = report["k"], report["cuts"]
    depths = {"utxo": [1, k - 1, k, 2 * k], "dag": [1, k - 1, k + 1, 2 * k - 2]}

    assert [cut["depth"] for cut in cuts] == depths[name]
    for cut in cuts:
        deep = cut["depth"] >= k
        assert cut["blocks_lost"] == cut["depth"]
        assert cut["blocks_lost_by_winner"] == 0
        assert cut["one_tip"]
        assert cut["root_equals_replay"]
        assert cut["blocks_replayed"] >= cut["tip_height"] > cut["fork_height"] + cut["depth"]
        assert cut["client_frozen"] == cut["client_was_misled"] == deep
        assert cut["evidence_by_relayer"] == deep
        assert cut["states_compared"] > 0
        assert cut["states_changed"] == 0
        assert cut["vouchers"] - cut["stranded"] + cut["in_flight"] == cut["escrowed"]
        assert cut["coins"] == cut["coins_mined"]
    assert [cut["stranded"] > 0 for cut in cuts] == [False, False, True, True]
    assert [cut["transactions_in_conflict"] for cut in cuts] == [0, 1, 1, 0]
    assert all(cut["transactions_returned"] > 0 for cut in cuts[:3])
    assert report["paid_once"] == report["transfers"] == 4
    assert report["double_spends_paid_as_mined"] == report["double_spends_below_k"] == 1
    assert report["returned_once"]
    assert report["stranded_refused"]
