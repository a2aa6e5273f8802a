"""Children are started, watched and stopped; what is waited for is said."""

import asyncio
import sys
from itertools import count

import pytest
from msgspec import structs

from isthmus import devnet
from isthmus.config import NetSpec
from isthmus.devnet import (
    ChildEnded,
    ChildSpec,
    Devnet,
    NetReader,
    NodeStatus,
    NotReady,
    NotRunning,
    child_specs,
)
from isthmus.homes import ChainPlace, NetPlace, NodePlace

NODE = NodePlace(name="zone-b-0", home="zone-b/node0", node_id="", p2p_port=1, rpc_port=2)
CHAIN = ChainPlace("zone-b", "zone", "zone-b-1", "utok", "isthmus", (NODE,))
PLACE = NetPlace(chains=(CHAIN,), accounts=(), relayer_home="relayer", broker_port=3)


def child(tmp_path, name, code):
    return ChildSpec(name, (sys.executable, "-c", code), tmp_path / "logs" / f"{name}.log")


async def test_a_child_that_ends_is_named_with_its_log(tmp_path):
    """The network does not go on without a part, and says why the part ended."""
    stays = child(tmp_path, "stays", "import signal; signal.pause()")
    fails = child(tmp_path, "fails", "import sys; sys.exit('disk is full')")
    with pytest.raises(ChildEnded, match="disk is full") as ended:
        async with Devnet(tmp_path, [stays, fails]) as net, asyncio.timeout(20):
            await net.watch()

    assert (ended.value.name, ended.value.code) == ("fails", 1)
    assert not (tmp_path / devnet.PROCESSES_FILE).exists()


async def test_a_child_can_be_killed_and_started_again(tmp_path):
    """A crash demo ends one node by force and brings it back; the rest runs on."""
    spec = child(tmp_path, "node", "import signal; print('up', flush=True); signal.pause()")
    async with Devnet(tmp_path, [spec]) as net, asyncio.timeout(20):
        for starts in (1, 2):
            while spec.log.read_text().count("up") < starts:
                net.check()
                await asyncio.sleep(0.02)
            if starts == 1:
                await net.stop("node", force=True)
                await net.start("node")
        net.check()


async def test_a_child_that_may_end_tells_how(tmp_path):
    """An end that a crash demo asked for by the environment is no defect of the network."""
    code = "import os, signal; os.kill(os.getpid(), int(os.environ['ISTHMUS_SIGNAL']))"
    spec = child(tmp_path, "node", code)
    async with Devnet(tmp_path, []) as net, asyncio.timeout(20):
        net._specs = (spec,)
        await net.start("node", environment={"ISTHMUS_SIGNAL": "9"}, may_end=True)
        assert await net.wait_for_end("node") == -9
        net.check()
        await net.start("node", environment={"ISTHMUS_SIGNAL": "9"})
        with pytest.raises(ChildEnded):
            await net.watch()


async def test_waiting_says_for_what(monkeypatch):
    """A wait names the height, the chain and where it is now; it ends with that reason."""
    heights = count(-1)

    async def status(_self, _node):
        return NodeStatus("zone-b-0", next(heights), 0, is_catching_up=False)

    monkeypatch.setattr(NetReader, "node_status", status)
    monkeypatch.setattr(devnet, "POLL_S", 0)
    said = []
    reader = NetReader(PLACE)
    await reader.wait_for_height(CHAIN, 2, report=said.append, check=lambda: None, timeout_s=5)

    assert said == [
        "waiting for height 2 on zone-b, no answer yet",
        "waiting for height 2 on zone-b, now 0",
        "waiting for height 2 on zone-b, now 1",
    ]
    with pytest.raises(NotReady, match="waiting for height 10000 on zone-b, now"):
        await reader.wait_for_height(
            CHAIN, 10_000, report=said.append, check=lambda: None, timeout_s=0
        )


def test_nothing_to_stop(tmp_path):
    """A folder without a running network says so."""
    with pytest.raises(NotRunning):
        devnet.stop_running(tmp_path)


def test_a_network_without_paths_has_no_relayer(tmp_path):
    """A relayer with nothing to relay would end at once, and the network with it."""
    alone = structs.replace(PLACE, spec=NetSpec(paths=()))

    def names(place):
        return [each.name for each in child_specs(tmp_path, place, broker=False)]

    assert names(PLACE) == ["zone-b-0", "relayer"]
    assert names(alone) == ["zone-b-0"]
