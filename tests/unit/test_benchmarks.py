"""Every benchmark runs, with sizes so small that its figures mean nothing."""

import json
import os
import subprocess
import sys
import time

import pytest

from benchmarks import __main__ as runner
from benchmarks import (
    bitcoin,
    block_sync,
    dag,
    dag_network,
    engines,
    ethereum,
    ghostdag,
    light_client,
    live,
    proofs,
    qbft,
    rpc,
    rpc_index,
    simulator,
    transfer,
)
from benchmarks.load import percentile
from benchmarks.processes import descendants_of, name_of, usage_of
from benchmarks.report import Row, format_rows
from benchmarks.soak import BASELINE_SHARE, MAX_GROWTH, Process, Run, memory_table, voucher_denom


@pytest.mark.parametrize(
    ("measure", "sizes"),
    [
        (light_client.measure, {"updates": 2}),
        (proofs.measure, {"keys": 20, "proofs": 4}),
        (bitcoin.measure, {"headers": 20, "blocks": 2, "payments": 3, "proven": 2}),
        (dag.measure, {"blocks": 4, "payments": 2}),
        (ghostdag.measure, {"headers": 20, "windows": (4,), "questions": 10}),
        (qbft.measure, {"heights": 3, "headers": 2, "values": 20, "proven": 4}),
        (ethereum.measure, {"keys": 300, "headers": 2, "transactions": 2, "proofs": 3}),
        (rpc_index.measure, {"blocks": 4, "txs": 2, "searches": 1}),
        (simulator.measure, {"heights": 3}),
    ],
)
def test_a_benchmark_of_pure_code_measures(measure, sizes):
    """Rows with names and figures above nothing."""
    rows = measure(**sizes)

    assert rows
    assert all(row.value > 0 and row.name and row.unit for row in rows)
    assert len({row.name for row in rows}) == len(rows)


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.parametrize(
    ("measure", "sizes"),
    [
        (block_sync.measure, {"blocks": 20}),
        (dag_network.measure, {"payments": 120, "intervals_ms": (200,)}),
        (engines.measure, {"transfers": 20, "samples": 2}),
        (live.measure, {"packets": 2, "transfers": 20}),
        (rpc.measure, {"requests": 2, "subscribers": 3, "blocks": 1, "txs": 2}),
        (transfer.measure, {"runs": 1}),
    ],
)
def test_a_benchmark_of_processes_measures(measure, sizes):
    """The same of real processes."""
    assert all(row.value > 0 for row in measure(**sizes))


def test_the_runner_finds_every_module_that_measures():
    """A new module needs no entry anywhere; the one that loads the machine comes last."""
    names = [module.__name__.rpartition(".")[2] for module in runner.modules()]

    assert {"bitcoin", "light_client", "proofs", "simulator", "block_sync", "live"} <= set(names)
    assert names[-1] == "live"
    assert all(runner.title_of(module) for module in runner.modules())


def test_the_runner_prints_a_table_and_a_json_line(capsys, tmp_path, monkeypatch):
    """The page names machine, versions and commit."""
    monkeypatch.setattr(simulator, "measure", lambda: [Row("blocks", 1234.5, "blocks/s", "note")])

    assert runner.main(["--only", "simulator", "--document", str(tmp_path / "b.md")]) == 0

    printed = capsys.readouterr().out.splitlines()
    assert "| blocks | 1,234 | blocks/s | note |" in printed
    answer = json.loads(printed[-1])
    assert answer["rows"] == [
        {"name": "blocks", "value": 1234.5, "unit": "blocks/s", "note": "note"}
    ]
    page = (tmp_path / "b.md").read_text()
    assert answer["machine"]["commit"] in page
    assert "protobuf" in page
    assert format_rows([Row("x", 0.12345, "s")]).splitlines()[-1] == "| x | 0.123 | s |  |"


def test_a_percentile_is_a_value_that_was_seen():
    """The least value that the share of all are at most, up to the last."""
    values = [5.0, 1.0, 3.0, 2.0, 4.0]

    assert percentile(values, 0.5) == 3.0
    assert percentile(values, 0.95) == 5.0
    assert percentile(values, 1.0) == 5.0


def test_growth_is_of_the_last_minute_over_the_baselines():
    """A process that grows after minute 10 is told from one that only fills its caches before."""
    run = Run(0.0)
    hour = 3_600
    steps = range(0, hour + 1, 10)
    run.processes["leaks"] = Process(1, [(float(at), 1_000 + at) for at in steps])
    run.processes["fills"] = Process(2, [(float(at), 1_000 + min(at, 500)) for at in steps])

    growth = {row["process"]: row["growth"] for row in memory_table(run, hour)}

    assert growth["fills"] == 1.0
    assert growth["leaks"] > MAX_GROWTH
    assert hour / BASELINE_SHARE == 600


def test_the_processes_below_one_are_found_and_named(tmp_path):
    """Children and their children, by what a network starts."""
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()', 'relay'])"
    with subprocess.Popen([sys.executable, "-c", code, "broker"], stdin=subprocess.PIPE) as child:
        try:
            deadline = time.monotonic() + 30
            while len(found := descendants_of(child.pid)) < 1 and time.monotonic() < deadline:
                os.sched_yield()
            assert [command[-1] for command in found.values()] == ["relay"]
            assert child.pid in descendants_of(os.getpid())
            assert usage_of(child.pid).rss_kib > 1_000
        finally:
            child.communicate(b"\n")

    home = tmp_path / "net"
    assert usage_of(child.pid) is None
    assert name_of(("python", "-m", "x.broker", "4711"), home) == "broker"
    assert name_of(("python", "-m", "node", "--home", str(home / "hub" / "node0")), home) == (
        "hub/node0"
    )


def test_the_soak_knows_the_voucher_that_must_arrive():
    """ICS-20: the hash of the path, the last hop first (vector of ibc-go's transfer docs)."""
    assert voucher_denom(("transfer", "channel-0"), base="uatom") == (
        "ibc/27394FB092D2ECCD56123C74F36E4C1F926001CEADA9CA97EA622B25F41E5EB2"
    )
    assert voucher_denom(("transfer", "channel-0"), ("transfer", "channel-7"), base="uatom") != (
        voucher_denom(("transfer", "channel-7"), ("transfer", "channel-0"), base="uatom")
    )
