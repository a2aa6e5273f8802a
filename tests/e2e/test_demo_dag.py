"""The demos with a DAG chain as a user runs them: six directed pairs, and a double spend."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.e2e.test_demo_transfer import ISTHMUS, living_in, no_defects

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(600)]


def run(name: str, home: Path) -> tuple[dict, subprocess.CompletedProcess]:
    """Run a demo; return its last line, and how it ended."""
    done = subprocess.run(
        [*ISTHMUS, "demo", name, "--json", "--home", str(home)],
        capture_output=True, text=True, timeout=580, check=False,
    )  # fmt: skip
    assert done.stdout, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done


def test_all_six_directed_pairs_deliver(tmp_path: Path) -> None:
    """
    UTXO, account and DAG chains as processes: each sends to both others over the hub, all by proof.
    """
    report, done = run("six-pairs", tmp_path / "net")
    ways = {(pair["start"], pair["end"]) for pair in report["pairs"]}

    assert report["delivered"] == len(ways) == len(report["pairs"]) == 6, done.stderr
    assert {start for start, _ in ways} == {end for _, end in ways} == {"coin", "vault", "braid"}
    assert all(pair["arrived"] and pair["acknowledged"] for pair in report["pairs"])
    assert len({pair["amount"] for pair in report["pairs"]}) == 6
    assert report["supply_conserved"]
    assert done.returncode == 0, done.stderr
    assert living_in(tmp_path) == []
    assert no_defects(tmp_path / "net" / "logs")


def test_a_double_spend_in_parallel_blocks_is_credited_once(tmp_path: Path) -> None:
    """
    Two blocks above the same parents hold one account's two transfers of one sequence: both are
    merged, one transfer is accepted, and the hub credits that one only.
    """
    report, done = run("dag-conflict", tmp_path / "net")
    winner, loser = sorted(report["branches"], key=lambda branch: not branch["accepted"])

    assert report["parallel"], done.stderr
    assert report["credited"] == 1
    assert (winner["accepted"], winner["credited"]) == (True, report["amount"])
    assert (loser["accepted"], loser["credited"]) == (False, 0)
    assert {winner["colour"], loser["colour"]} <= {"blue", "red"}
    assert report["spent"] == report["escrowed"] == report["vouchers"] == report["amount"] > 0
    assert report["refused_again"]
    assert "sequence" in report["answer"]
    assert done.returncode == 0, done.stderr
    assert living_in(tmp_path) == []
    assert no_defects(tmp_path / "net" / "logs")
