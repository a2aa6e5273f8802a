"""A UTXO node's miner under its operator: paused, let go on, and nobody else's to steer."""

import asyncio

import pytest

from chainkit.commitments.database import MemoryDatabase
from parachains.utxo.node import BOOTSTRAP_BLOCKS, MAX_SHARE, UtxoNode
from parachains.utxo.parameters import REGTEST
from parachains.utxo.service_forms import RpcError
from parachains.utxo.settings import UtxoSettings


class Host:
    """A process without a port: the node's methods are called by name."""

    def __init__(self):
        self.methods = {}
        self.heard = asyncio.Condition()

    def database(self, path):
        return MemoryDatabase()

    async def serve(self, methods, host, port):
        self.methods = methods
        await asyncio.Event().wait()

    def announcer(self, url, chain_id):
        return lambda height, transactions: None

    def call(self, method, *args):
        return self.methods[method][0](*args)


def node(tmp_path, host, **changes):
    settings = UtxoSettings(
        parameters="regtest", chain_id="coin-1", denom="sat", address_prefix="isthmus",
        p2p_port=0, rpc_port=0, miner_key="07" * 32, mining_share_millionths=MAX_SHARE,
        bootstrap=True, funded=(("07" * 20, 1_000),), light_clients=(), applications=(), **changes,
    )  # fmt: skip
    return UtxoNode(tmp_path, settings, REGTEST, host, (), ())


async def until(condition):
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - the node tells nobody
            await asyncio.sleep(0.005)


async def test_a_miner_goes_on_up_to_a_height_and_no_further(tmp_path) -> None:
    """
    Paused, it makes no block; told a height, it makes exactly the blocks up to it.
    """
    host = Host()
    steered = node(tmp_path, host, operator_methods=True)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(steered.run())
        await until(lambda: host.methods and steered.chain.tip.height > BOOTSTRAP_BLOCKS + 2)
        host.call("setgenerate", False)
        paused_at = steered.chain.tip.height
        looks = host.call("getmininginfo")["templates"]
        for goal in (paused_at + 1, paused_at + 5):
            host.call("setgenerate", True, goal, MAX_SHARE)
            await until(lambda goal=goal: steered.chain.tip.height >= goal)
            for _ in range(20):
                await asyncio.sleep(0.005)
            assert steered.chain.tip.height == goal
        assert host.call("getmininginfo")["templates"] >= looks + 5
        with pytest.raises(RpcError):
            host.call("setgenerate", "yes")
        running.cancel()


async def test_nobody_steers_a_node_that_does_not_say_so(tmp_path) -> None:
    """
    By default the method is not there: whoever reaches the port cannot stop a miner.
    """
    assert "setgenerate" not in node(tmp_path, Host())._own_methods()
