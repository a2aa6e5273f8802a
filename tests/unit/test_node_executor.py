"""What the executor does at start, and what it does not do twice."""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest

from chainkit.commitments.database import MemoryDatabase
from chainkit.formats.tendermint.block_codec import decode_block, encode_block
from chainkit.formats.tendermint.errors import InvalidCommit
from chainkit.formats.tendermint.hashing import commit_hash
from relay_chain.consensus import execution
from relay_chain.node import executor
from relay_chain.node.block_store import BlockStore
from relay_chain.node.kvstore import KeyValueApplication
from relay_chain.node.limits import PRUNE_EVERY_BLOCKS, STATE_SYNC_BLOCKS
from tests.node_in_memory import MemoryNode, make_executor


async def test_blocks_that_the_application_lost_are_executed_again(tmp_path: Path) -> None:
    """
    Power loss may take the application's last commits: they come back from the blocks.
    """
    node = MemoryNode(tmp_path)
    lost: list[MemoryDatabase] = []

    def keep(_: object) -> None:
        if node.executor.state.last_block_height == 5 and not lost:
            lost.append(deepcopy(node.state))

    node.executor.bus.listen(keep)
    async with node.running():
        await node.reach(3)
        node.executor.mempool.add(b"early=1")
        await node.reach(9)
        node.executor.mempool.add(b"late=2")
        await node.reach(20)
    assert KeyValueApplication(lost[0]).info().last_block_height == 5

    again = make_executor(node.chain, lost[0])

    info = again.application.info()
    assert info.last_block_height == again.state.last_block_height >= 20
    assert info.last_block_app_hash == again.state.app_hash
    assert again.application.query("", b"late", height=0, prove=False).value == b"2"


async def test_few_kept_blocks_still_suffice_after_power_loss(tmp_path: Path) -> None:
    """
    With one block kept by the settings, the blocks that power loss may take from the
    application are there all the same, at the very moments when others are pruned.
    """
    node = MemoryNode(tmp_path, keep_blocks=1)
    lost = STATE_SYNC_BLOCKS - 1
    losses = (PRUNE_EVERY_BLOCKS + 1, PRUNE_EVERY_BLOCKS + STATE_SYNC_BLOCKS)
    disks: dict[int, tuple[MemoryDatabase, MemoryDatabase]] = {}

    def keep(_: object) -> None:
        height = node.executor.state.last_block_height
        if height not in disks and {height, height + lost} & {*losses}:
            disks[height] = deepcopy((node.chain, node.state))

    node.executor.bus.listen(keep)
    async with node.running():
        await node.reach(losses[-1] + 1)
    for height in losses:
        again = make_executor(disks[height][0], disks[height - lost][1], keep_blocks=1)

        assert again.application.info().last_block_height == height
        assert again.application.info().last_block_app_hash == again.state.app_hash
    assert again.blocks.base() == losses[-1] - lost


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How often blocks and commits were checked."""
    counts = {"blocks": 0, "commits": 0}
    validate, verify = executor.validate_block, execution.verify_commit

    def count_block(*arguments: object) -> None:
        counts["blocks"] += 1
        validate(*arguments)

    def count_commit(*arguments: object) -> None:
        counts["commits"] += 1
        verify(*arguments)

    monkeypatch.setattr(executor, "validate_block", count_block)
    monkeypatch.setattr(execution, "verify_commit", count_commit)
    return counts


async def test_a_block_is_checked_once_by_consensus(
    tmp_path: Path, counted: dict[str, int]
) -> None:
    """
    What was checked for the prevote is not checked again for the decision.
    """
    blocks = await chain_of(tmp_path, 4)
    follower = make_executor(MemoryDatabase(), MemoryDatabase())
    counted.update(blocks=0, commits=0)
    for height in range(1, 4):
        block, block_id = blocks.block(height), blocks.block_id(height)
        copy = decode_block(encode_block(block))
        assert follower.is_valid(copy)
        assert follower.is_valid(copy)
        follower.save_block(copy, block_id, blocks.parts(height), blocks.seen_commit(height))
        follower.apply_block(copy, block_id)

    assert counted == {"blocks": 3, "commits": 2}


async def test_block_sync_verifies_no_commit_twice(tmp_path: Path, counted: dict[str, int]) -> None:
    """
    The commit that proved a block is in the next one, where it is known; one that is not the
    same is verified.
    """
    blocks = await chain_of(tmp_path, 5)
    follower = make_executor(MemoryDatabase(), MemoryDatabase())
    counted.update(blocks=0, commits=0)
    for height in range(1, 4):
        block, commit = blocks.block(height), blocks.block(height + 1).last_commit
        await follower.apply(block, blocks.block_id(height), blocks.parts(height), commit)
    assert counted == {"blocks": 3, "commits": 0}

    forged = replace(commit, signatures=(replace(commit.signatures[0], signature=bytes(64)),))
    block = blocks.block(4)
    header = replace(block.header, last_commit_hash=commit_hash(forged))
    with pytest.raises(InvalidCommit):
        await follower.apply(
            replace(block, header=header, last_commit=forged),
            blocks.block_id(4), blocks.parts(4), blocks.seen_commit(4),
        )  # fmt: skip
    assert follower.state.last_block_height == 3


async def chain_of(folder: Path, height: int) -> BlockStore:
    """The blocks of a chain that one validator made."""
    node = MemoryNode(folder)
    async with node.running():
        await node.reach(height)
    return node.executor.blocks
