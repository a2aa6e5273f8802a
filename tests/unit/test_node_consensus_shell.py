"""The order of effects, and what pruning leaves."""

from pathlib import Path

from tests.node_in_memory import MemoryNode


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
