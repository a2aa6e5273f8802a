"""The shell's one timer: a later wait replaces an earlier one, never the other way."""

import asyncio
from itertools import permutations

import pytest

from chainkit.primitives.types import BlockHeight, DurationNs, Round
from relay_chain.consensus.messages import ScheduleTimeout, Step, TimeoutFired
from tests.node_in_memory import MemoryNode

SOON = DurationNs(1_000_000)
HOUR = DurationNs(3_600 * 10**9)


def wait(height, round_, step, duration=SOON):
    return ScheduleTimeout(BlockHeight(height), Round(round_), step, duration)


async def fired(shell, count=1):
    async with asyncio.timeout(20):
        while len(shell._own) < count:
            await shell._work.wait()
            shell._work.clear()
    return list(shell._own)


@pytest.fixture
async def shell(tmp_path):
    node = MemoryNode(tmp_path)
    yield node.shell
    node.shell.close()


IN_ORDER = [
    wait(1, 0, Step.PROPOSE), wait(1, 0, Step.PREVOTE_WAIT), wait(1, 0, Step.PRECOMMIT_WAIT),
    wait(1, 1, Step.PROPOSE), wait(2, 0, Step.NEW_HEIGHT),
]  # fmt: skip


@pytest.mark.parametrize("asked", list(permutations(IN_ORDER[1:4])), ids=lambda asked: "")
async def test_the_furthest_wait_is_the_one_that_fires(shell, asked):
    """
    In whatever order votes make the machine ask, the wait that ends the round is not lost: it is
    asked for once, and without it a node with +2/3 of any precommits would wait for ever.
    """
    for effect in asked:
        shell._schedule(effect)

    last = IN_ORDER[3]
    assert await fired(shell) == [TimeoutFired(last.height, last.round, last.step)]


async def test_a_wait_for_prevotes_does_not_cancel_the_one_for_precommits(shell):
    """
    +2/3 of any precommits can be here before +2/3 of any prevotes.
    """
    shell._schedule(wait(1, 0, Step.PRECOMMIT_WAIT))
    shell._schedule(wait(1, 0, Step.PREVOTE_WAIT, HOUR))

    assert await fired(shell) == [TimeoutFired(BlockHeight(1), Round(0), Step.PRECOMMIT_WAIT)]


async def test_a_later_wait_replaces_an_earlier_one(shell):
    """
    As CometBFT's ticker: what an hour's wait for a proposal was for is over in the next height.
    """
    shell._schedule(wait(1, 0, Step.PROPOSE, HOUR))
    shell._schedule(wait(2, 0, Step.NEW_HEIGHT))

    assert await fired(shell) == [TimeoutFired(BlockHeight(2), Round(0), Step.NEW_HEIGHT)]
