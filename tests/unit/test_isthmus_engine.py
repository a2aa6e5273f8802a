"""A chain's engine: named in the network's description, and CometBFT as a child process."""

import asyncio
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from isthmus.adapters.cometbft import EngineAbsent, EngineEnded, find_engine, run_engine
from isthmus.cli.node import main
from isthmus.compose import build_application, read_app_config
from isthmus.config import BrokerSpec, ChainSpec, NetSpec
from isthmus.errors import EngineNotFit
from isthmus.homes import create_network
from relay_chain.node.node import NodePaths

NO_BROKER = BrokerSpec(kind="none")


def program(folder: Path, *lines: str) -> str:
    """A script that stands for CometBFT."""
    path = folder / "cometbft"
    path.write_text("\n".join(["#!/bin/sh", *lines]) + "\n")
    path.chmod(0o755)
    return str(path)


def test_a_network_may_name_the_engine_of_a_chain_that_can_have_it(tmp_path: Path) -> None:
    """The node's app.toml says so and how many states are kept; a kind without it is refused by
    name before anything is written."""
    zone = ChainSpec(name="zone", engine="cometbft", keep_states=7)
    create_network(tmp_path / "a", NetSpec(chains=(zone,), paths=(), broker=NO_BROKER))
    (home,) = (tmp_path / "a" / "zone").iterdir()
    config = read_app_config(NodePaths(home).app)
    assert (config.engine, config.keep_states) == ("cometbft", 7)
    build_application(home).close()

    coin = ChainSpec(name="coin", kind="utxo", engine="cometbft")
    with pytest.raises(EngineNotFit, match="kind utxo cannot have engine cometbft"):
        create_network(tmp_path / "b", NetSpec(chains=(coin,), paths=(), broker=NO_BROKER))


async def test_an_engine_that_ends_by_itself_is_reported_with_its_code(tmp_path: Path) -> None:
    """And it is told its home, the application's address and the options."""
    script = program(tmp_path, f'echo "$@" > {tmp_path}/told', "exit 3")
    with pytest.raises(EngineEnded, match="code 3"):
        await run_engine(script, tmp_path, "tcp://127.0.0.1:1", "--rpc.laddr", "tcp://h:2")
    told = (tmp_path / "told").read_text().split()
    home = str(tmp_path)
    expected = ["start", "--home", home, "--proxy_app", "tcp://127.0.0.1:1"]
    assert told == [*expected, "--rpc.laddr", "tcp://h:2"]


async def test_a_cancelled_engine_is_ended(tmp_path: Path) -> None:
    """Its process is asked to end and is gone."""
    os.mkfifo(tmp_path / "began")
    script = program(tmp_path, f"echo $$ > {tmp_path}/began", "exec sleep 600")
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        running = group.create_task(run_engine(script, tmp_path, "tcp://127.0.0.1:1"))
        pid = int(await asyncio.to_thread((tmp_path / "began").read_text))
        running.cancel()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_without_cometbft_the_start_says_in_one_line_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of the home is touched."""
    zone = ChainSpec(name="zone", engine="cometbft")
    create_network(tmp_path / "a", NetSpec(chains=(zone,), paths=(), broker=NO_BROKER))
    (home,) = (tmp_path / "a" / "zone").iterdir()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineAbsent):
        find_engine()
    done = CliRunner().invoke(main, ["start", "--home", str(home)])
    assert done.exit_code != 0
    assert "cometbft is not on PATH" in done.output
    assert not (home / "data" / "application.db").exists()
