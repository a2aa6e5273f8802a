"""The process around a UTXO node: whom it tells of blocks, and what its mining takes."""

import asyncio

import aiomqtt
import pytest

from chainkit.commitments.database import MemoryDatabase
from chainkit.primitives.types import BlockHeight, ChainId
from isthmus.adapters import mqtt
from isthmus.adapters.mqtt import BadBrokerUrl, decode_block_message
from isthmus.cli.host import ProcessHost
from parachains.utxo.node import BOOTSTRAP_BLOCKS, MAX_SHARE, UtxoNode
from parachains.utxo.parameters import REGTEST
from parachains.utxo.settings import UtxoSettings
from tests.unit.test_adapters_mqtt import broker, free_port

DEADLINE_S = 60
URL = "mqtt://127.0.0.1:1"


class Host:
    """A process that keeps what it is told; ``mined`` is set at the wanted height."""

    def __init__(self, wanted):
        self.told = []
        self.named = None
        self.wanted = wanted
        self.mined = asyncio.Event()
        self.methods = {}

    def database(self, path):
        return MemoryDatabase()

    async def serve(self, methods, host, port):
        self.methods = methods
        await asyncio.Event().wait()

    def announcer(self, url, chain_id):
        self.named = (url, chain_id)
        return self.hear

    def hear(self, height, transactions):
        self.told.append((height, transactions))
        if height == self.wanted:
            self.mined.set()


async def test_a_node_tells_of_every_tip_and_counts_its_mining(tmp_path) -> None:
    """
    Each height once, with its transactions; the first blocks are made outside the count.
    """
    first = BOOTSTRAP_BLOCKS + 1
    host = Host(first + 3)
    settings = UtxoSettings(
        parameters="regtest", chain_id="coin-1", denom="sat", address_prefix="isthmus",
        p2p_port=0, rpc_port=0, miner_key="07" * 32, mining_share_millionths=MAX_SHARE,
        bootstrap=True, funded=(("07" * 20, 1_000),), mqtt_url=URL,
        light_clients=(), applications=(),
    )  # fmt: skip
    node = UtxoNode(tmp_path, settings, REGTEST, host, (), ())
    async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as group:
        running = group.create_task(node.run())
        await host.mined.wait()
        running.cancel()

    assert host.named == (URL, "coin-1")
    assert [height for height, _ in host.told] == list(range(1, len(host.told) + 1))
    assert [count for _, count in host.told[: first + 1]] == [1] * BOOTSTRAP_BLOCKS + [2, 1]
    function, names = host.methods["getmininginfo"]
    mined = len(host.told) - first
    info = function()
    assert names == ()
    assert info["blocks"] == len(host.told)
    assert info["chain"] == "regtest"
    assert mined <= info["templates"] <= mined + 1
    assert mined <= info["nonces"] < 64 * mined, "two nonces a block at one bit of work"
    assert info["cpu_us"] > 0


async def test_the_process_tells_a_broker(monkeypatch) -> None:
    """
    What a node says reaches whoever subscribed to its chain.
    """
    monkeypatch.setattr(mqtt, "RECONNECT_S", 0.1)
    port = free_port()
    host = ProcessHost()
    tell = host.announcer(f"mqtt://127.0.0.1:{port}", ChainId("coin-1"))

    async def keep_telling():
        while True:
            tell(BlockHeight(7), 2)
            await asyncio.sleep(0.05)

    with broker(port):
        async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as group:
            tasks = [group.create_task(host.run())]
            while True:
                try:
                    async with aiomqtt.Client("127.0.0.1", port) as client:
                        await client.subscribe("isthmus/chain/coin-1/block")
                        tasks.append(group.create_task(keep_telling()))
                        message = await anext(client.messages)
                    break
                except aiomqtt.MqttError:
                    await asyncio.sleep(0.1)  # the broker is not up yet
            for task in tasks:
                task.cancel()

    assert decode_block_message(str(message.topic), message.payload) == ("coin-1", 7)


async def test_without_a_broker_nobody_is_told() -> None:
    """
    An empty URL is no error, and keeps no connection; a wrong one is refused.
    """
    host = ProcessHost()
    host.announcer("", ChainId("coin-1"))(BlockHeight(1), 1)
    await host.run()

    with pytest.raises(BadBrokerUrl):
        host.announcer("http://somewhere", ChainId("coin-1"))
