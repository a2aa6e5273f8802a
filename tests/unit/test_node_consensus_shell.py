"""The order of effects, and what pruning leaves."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from chainkit.formats.tendermint.block_codec import encode_block
from chainkit.formats.tendermint.hashing import header_hash
from chainkit.formats.tendermint.parts import split_block
from chainkit.formats.tendermint.types import BlockId, PartSetHeader, Proposal, Vote, VoteType
from relay_chain.consensus.messages import ProposalReceived, VoteReceived
from relay_chain.node.consensus_ports import NotSigned
from relay_chain.node.consensus_shell import ConsensusShell
from relay_chain.node.reactors.ports import PartReceived
from relay_chain.node.wal import WriteAheadLog
from tests.node_in_memory import MemoryNode

BLOCK = BlockId(b"\x01" * 32, PartSetHeader(1, b"\x02" * 32))
LIAR = "ab" * 20


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


@pytest.mark.parametrize("kind", ["vote", "proposal"])
async def test_a_forged_signature_drops_the_peer_that_passed_it_on(
    tmp_path: Path, kind: str
) -> None:
    """
    A vote or proposal that its validator did not sign ends the peer's connection with a reason:
    whoever is honest verified it before passing it on. A good one does not.
    """
    node = MemoryNode(tmp_path)
    follower = ConsensusShell(
        node.executor, None, WriteAheadLog(tmp_path / "follower"), node.shell._timeouts
    )
    dropped: list[tuple[str, Exception]] = []
    done = asyncio.Event()
    follower.drop_peer = lambda peer_id, reason: (dropped.append((peer_id, reason)), done.set())
    chain_id = node.executor.chain_id
    if kind == "vote":
        vote = Vote(VoteType.PREVOTE, 1, 0, BLOCK, 1_700_000_000_000_000_001, node.key.address, 0)
        good = VoteReceived(node.key.sign_vote(chain_id, vote), "cd" * 20)
        forged = replace(good, vote=replace(good.vote, signature=bytes(64)), peer_id=LIAR)
    else:
        proposal = Proposal(1, 0, -1, BLOCK, 1_700_000_000_000_000_001)
        good = ProposalReceived(node.key.sign_proposal(chain_id, proposal), "cd" * 20)
        forged = replace(good, proposal=replace(good.proposal, signature=bytes(64)), peer_id=LIAR)
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        running = group.create_task(follower.run())
        await follower.submit(good)
        await follower.submit(forged)
        await done.wait()
        running.cancel()
    follower.close()
    node.shell.close()

    assert [peer_id for peer_id, _ in dropped] == [LIAR]
    assert isinstance(dropped[0][1], NotSigned)


async def test_a_block_that_comes_from_outside_and_is_made_here_too_is_taken(
    tmp_path: Path,
) -> None:
    """
    The key's own proposal comes back before its turn, from a twin or from before a crash, and
    the block made then is the same to the byte: its parts are taken, and round 0 decides.
    """
    node = MemoryNode(tmp_path)
    block = node.executor.build(None, node.key.address)
    header, parts = split_block(encode_block(block))
    block_id = BlockId(header_hash(block.header), header)
    proposal = Proposal(1, 0, -1, block_id, block.header.time)
    signed = node.key.sign_proposal(node.executor.chain_id, proposal)
    await node.shell.submit(ProposalReceived(signed, "cd" * 20))
    made = asyncio.Event()
    build = node.executor.build
    node.executor.build = lambda *given: (made.set(), build(*given))[1]
    async with node.running():
        await made.wait()
        await node.shell.submit(PartReceived(1, 0, parts[0], "cd" * 20))
        await node.reach(2)

    assert node.executor.blocks.seen_commit(1).round == 0
    assert node.executor.blocks.block_id(1) == block_id
