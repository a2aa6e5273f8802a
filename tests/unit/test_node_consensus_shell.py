"""The order of effects, and what is left by a crash between any two writes."""

from pathlib import Path

import pytest

from chainkit.commitments.database import MemoryDatabase
from relay_chain.node import (
    block_store,
    consensus_shell,
    executor,
    files,
    privval,
    state_store,
    wal,
)
from relay_chain.node.consensus_shell import ConsensusShell
from tests.node_in_memory import MemoryNode, make_executor

WRITERS = (block_store, executor, files, privval, state_store, wal)


async def test_what_led_to_a_signature_is_on_disk_before_it(tmp_path: Path) -> None:
    """
    Each time the key is asked to sign, every entry of the log was synced: write, then sign.
    """
    node = MemoryNode(tmp_path)
    unsynced = []
    append, sync, sign = node.wal.append, node.wal.sync, node.key.sign_vote
    at_signing = []
    node.wal.append = lambda entry: (unsynced.append(entry), append(entry))
    node.wal.sync = lambda *point: (unsynced.clear(), sync(*point))
    node.key.sign_vote = lambda chain_id, vote: (
        at_signing.append(len(unsynced)),
        sign(chain_id, vote),
    )[1]
    async with node.running():
        await node.reach(3)

    assert len(at_signing) >= 6
    assert not any(at_signing)


class Died(BaseException):
    """The process ended here."""


def _points(count_to: int | None) -> tuple[list[str], "object"]:
    reached: list[str] = []

    def reach(name: str) -> None:
        if count_to is not None and len(reached) == count_to:
            raise Died
        reached.append(name)

    return reached, reach


def _patch(monkeypatch: pytest.MonkeyPatch, reach: object) -> None:
    for module in WRITERS:
        monkeypatch.setattr(module, "reach", reach)


def _drive(shell: ConsensusShell, upto: int) -> None:
    """Run the shell without a loop: the timer fires when there is nothing else to do."""
    waiting: list[consensus_shell.TimeoutFired] = []

    def schedule(effect: consensus_shell.ScheduleTimeout) -> None:
        waiting[:] = [consensus_shell.TimeoutFired(effect.height, effect.round, effect.step)]

    shell._schedule = schedule  # type: ignore[method-assign]
    shell._recover()
    while shell._executor.state.last_block_height < upto:
        shell._take(shell._own.popleft() if shell._own else waiting.pop())


class Home:
    """Disks that survive: two memory databases, and files."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.chain, self.state = MemoryDatabase(), MemoryDatabase()
        node = MemoryNode(folder)
        node.shell.close()

    def boot(self) -> ConsensusShell:
        ex = make_executor(self.chain, self.state)
        key = privval.FilePrivateValidator(self.folder / "key.json", self.folder / "state.json")
        log = wal.WriteAheadLog(self.folder / "wal")
        return ConsensusShell(ex, key, log, consensus_shell.Timeouts())


def test_a_crash_at_every_write_point_is_survived(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Die at each write point of the first heights, start again: the chain goes on with the
    same blocks, nothing is lost, and the key never refuses for good.
    """
    home = Home(tmp_path / "whole")
    reached, reach = _points(None)
    _patch(monkeypatch, reach)
    _drive(home.boot(), 3)
    names = list(reached)
    assert {"block_store.saved", "application.committed", "state_store.saved"} <= set(names)
    for index in range(len(names)):
        home = Home(tmp_path / f"crash{index}")
        _, reach = _points(index)
        _patch(monkeypatch, reach)
        with pytest.raises(Died):
            _drive(home.boot(), 3)
        blocks_before = {
            height: home.chain.get(block_store.height_key(b"bM", height)) for height in range(1, 4)
        }
        _, reach = _points(None)
        _patch(monkeypatch, reach)
        shell = home.boot()
        _drive(shell, 4)
        state = shell._executor.state
        assert state.last_block_height >= 4, (index, names[index])
        assert shell._executor.application.info().last_block_app_hash == state.app_hash
        for height, meta in blocks_before.items():
            kept = home.chain.get(block_store.height_key(b"bM", height))
            assert meta is None or kept == meta, (index, names[index])


async def test_pruning_keeps_what_it_says(tmp_path: Path) -> None:
    """
    Old blocks, results and index entries go; the kept ones answer.
    """
    node = MemoryNode(tmp_path, keep_blocks=20)
    async with node.running():
        node.executor.mempool.add(b"a=1")
        await node.reach(230)

    assert node.executor.blocks.base() > 100
    assert node.executor.blocks.meta(node.executor.blocks.base()) is not None
    assert node.executor.states.result(5) is None
    assert not list(node.chain.iterate(b"iA", b"iB"))
