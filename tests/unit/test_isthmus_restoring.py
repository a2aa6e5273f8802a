"""A home that takes over a snapshot, and processes that end before it is done."""

import asyncio
import shutil
from pathlib import Path

import pytest

from isthmus import restoring
from isthmus.adapters.sqlite import SqliteDatabase
from isthmus.compose import Overrides
from isthmus.config import ChainSpec
from relay_chain.node.config import NodeConfig, StateSyncConfig, write_config
from relay_chain.node.node import NodePaths
from tests.e2e.network import make_chain

SPEC = ChainSpec(name="hub", kind="hub", validators=1, denom="uisth")


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The home of a new node that wants a snapshot."""
    paths = make_chain(tmp_path / "net", SPEC).nodes[0].paths
    wanted = StateSyncConfig(
        enable=True,
        rpc_servers=("http://127.0.0.1:1", "http://127.0.0.1:1"),
        trust_height=2,
        trust_hash=bytes(32),
    )
    write_config(paths.config, NodeConfig(moniker="new", statesync=wanted))
    return paths.config.parent.parent


def run(home: Path) -> None:
    asyncio.run(restoring.restore_if_new(home, Overrides()))


def left_in_application(home: Path) -> bytes | None:
    database = SqliteDatabase(NodePaths(home).data / restoring.APPLICATION_DATABASE)
    try:
        return database.get(b"left over")
    finally:
        database.close()


def test_what_an_unfinished_restoration_left_is_dropped(home, monkeypatch) -> None:
    """
    Killed with the application's state written and the node's not: the next process begins anew
    instead of finding a state that no chain belongs to; one that ends well leaves no mark.
    """
    whole = home.parent / "whole"

    async def killed(*_: object) -> None:
        raise Killed

    async def finished(*_: object) -> None:
        return

    monkeypatch.setattr(restoring, "restore", killed)
    with pytest.raises(Killed):
        run(home)
    database = SqliteDatabase(NodePaths(home).data / restoring.APPLICATION_DATABASE)
    database.write({b"left over": b"of a state"})
    database.close()
    shutil.copytree(home, whole)
    (NodePaths(whole).data / restoring.BEGUN_FILE).unlink()
    monkeypatch.setattr(restoring, "restore", finished)
    for each in (home, whole):
        run(each)

    assert left_in_application(home) is None
    assert left_in_application(whole) == b"of a state", "nobody began here"
    assert not (NodePaths(home).data / restoring.BEGUN_FILE).exists()
