"""MQTT: who wakes whom, what is garbage, and that nothing depends on the broker."""

import asyncio
import contextlib
import json
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import aiomqtt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainkit.primitives.types import ChainId, TimestampNs
from ibc.ics04_channel.types import ChannelState
from isthmus.adapters import mqtt
from isthmus.adapters.clock import SystemClock
from isthmus.adapters.mqtt import (
    WAKE_TOPIC,
    BadBrokerUrl,
    BlockAnnouncer,
    MqttBus,
    block_topic,
    decode_block_message,
    encode_block_message,
)
from isthmus.cli.daemon.home import write_home
from isthmus.compose import Overrides, build_node
from relayer import daemon, worker
from relayer.config import RelayerSettings
from relayer.views import PathSpec, WantedChannel
from tests.relaying import SECOND, MemoryJournal, two_chains

DEADLINE_S = 30
_BROKER = """
import signal, sys
from isthmus.adapters.broker import embedded_broker
with embedded_broker(int(sys.argv[1])):
    signal.pause()
"""
NEVER_NS = 3_600 * SECOND
"""A poll interval that no test waits for: what goes on was woken."""

GARBAGE = [
    ("isthmus/chain/hub-1/block", b""),
    ("isthmus/chain/hub-1/block", b"\xff\xfe"),
    ("isthmus/chain/hub-1/block", b"[]"),
    ("isthmus/chain/hub-1/block", b"{}"),
    ("isthmus/chain/hub-1/block", b'{"height": "9"}'),
    ("isthmus/chain/hub-1/block", b'{"height": true}'),
    ("isthmus/chain/hub-1/block", b'{"height": 0}'),
    ("isthmus/chain/hub-1/block", b'{"height": -3}'),
    ("isthmus/chain/hub-1/block", b'{"height": 1.5}'),
    ("isthmus/chain/hub-1/block", b'{"height": 9}' + b" " * 2_000),
    ("isthmus/chain/hub-1/block", b"[" * 1_000),
    ("isthmus/chain//block", b'{"height": 9}'),
    ("isthmus/chain/hub-1", b'{"height": 9}'),
    ("isthmus/chain/hub-1/block/more", b'{"height": 9}'),
    ("isthmus/chain/" + "x" * 51 + "/block", b'{"height": 9}'),
    ("other", b'{"height": 9}'),
]


def test_a_block_s_message_names_chain_and_height() -> None:
    """
    What nodes publish is what relayers read.
    """
    topic = block_topic(ChainId("hub-1"))

    assert topic == "isthmus/chain/hub-1/block"
    assert decode_block_message(topic, encode_block_message(9, 2)) == ("hub-1", 9)
    assert json.loads(encode_block_message(9, 2)) == {"height": 9, "txs": 2}


@pytest.mark.parametrize(("topic", "payload"), GARBAGE)
def test_garbage_is_no_block(topic, payload) -> None:
    """
    Anybody on the broker can write to the topic.
    """
    assert decode_block_message(topic, payload) is None


@given(st.text(max_size=60), st.binary(max_size=200) | st.none() | st.integers())
def test_any_message_is_a_block_or_nothing(topic, payload) -> None:
    """
    The decoder is total.
    """
    for name in (topic, f"isthmus/chain/{topic}/block"):
        found = decode_block_message(name, payload)
        assert found is None or found[1] > 0


@pytest.mark.parametrize(
    "url", ["", "mqtt://", "http://host", "host:1883", "mqtt://h:99999", "mqtt://u:secret@:1"]
)
def test_a_wrong_url_is_refused_without_being_repeated(url) -> None:
    """
    It may hold a password.
    """
    with pytest.raises(BadBrokerUrl, match="expected mqtt://") as refused:
        MqttBus(url)

    assert "secret" not in str(refused.value)


@pytest.fixture(autouse=True)
def _soon_connected_again(monkeypatch) -> None:
    monkeypatch.setattr(mqtt, "RECONNECT_S", 0.1)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def broker(port: int, program: str = "iotcore"):
    """Run a broker in a process of its own, as a network does."""
    if program == "iotcore":
        pytest.importorskip("iotcore", reason="iotcore is not installed")
        command = [sys.executable, "-c", _BROKER, str(port)]
    else:
        found = shutil.which(program)
        if found is None:
            pytest.skip(f"{program} is not installed")
        command = [found, "-p", str(port)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait(timeout=DEADLINE_S)


class Relaying:
    """A relayer between two small chains, on a bus; the chains move when a test says so."""

    def __init__(self, bus, poll_interval_ns: int) -> None:
        _, self.a, self.b = two_chains()
        path = PathSpec(
            "a-hub", "zone-a", "hub", (WantedChannel("transfer", "transfer", "ics20-1"),)
        )
        self.settings = RelayerSettings((), (path,), None, None, poll_interval_ns)
        chains = {"zone-a": self.a, "hub": self.b}
        self.adapters = daemon.Adapters(chains, MemoryJournal(), bus, SystemClock())

    async def run(self) -> None:
        await daemon.run(self.settings, self.adapters)

    def tick(self) -> None:
        for chain in (self.a, self.b):
            chain.clock.advance(1)
            chain.tick()

    @property
    def is_open(self) -> bool:
        ends = [*self.a.state.channels.values(), *self.b.state.channels.values()]
        return [end.state for end in ends] == [ChannelState.OPEN] * 2

    async def until(self, reached, between=None) -> None:
        while not reached():
            self.tick()
            if between is not None:
                await between()
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("program", ["iotcore", "mosquitto"])
async def test_the_relayer_is_woken_by_a_block_and_reports(program) -> None:
    """
    With an interval of an hour only messages wake it; its reports reach a subscriber.
    """
    port = free_port()
    bus = MqttBus(f"mqtt://127.0.0.1:{port}")
    relaying = Relaying(bus, NEVER_NS)
    with broker(port, program):
        async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as group:
            connecting = group.create_task(bus.run())
            await bus.connected.wait()
            async with aiomqtt.Client("127.0.0.1", port) as client:
                await client.subscribe("isthmus/relayer/#")
                running = group.create_task(relaying.run())

                async def announce():
                    height = relaying.b.height
                    await client.publish("isthmus/chain/hub/block", encode_block_message(height, 0))

                await relaying.until(lambda: relaying.is_open, announce)
                packet = relaying.a.send("channel-0")
                await relaying.until(lambda: relaying.a.state.acknowledged, announce)
                reports = {}
                async for message in client.messages:
                    event = str(message.topic).rpartition("/")[2]
                    reports[event] = (str(message.topic), json.loads(message.payload))
                    if event == "packet.acknowledged":
                        break
            running.cancel()
            connecting.cancel()

    assert reports["handshake.stepped"][0] == "isthmus/relayer/a-hub/handshake.stepped"
    topic, received = reports["packet.received"]
    assert topic == "isthmus/relayer/a-hub/packet.received"
    assert received["sequence"] == packet.sequence


async def test_garbage_does_not_wake() -> None:
    """
    Whoever floods the topic with nonsense does not make the relayer ask the chains.
    """
    port = free_port()
    bus = MqttBus(f"mqtt://127.0.0.1:{port}")
    with broker(port):
        async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as group:
            connecting = group.create_task(bus.run())
            await bus.connected.wait()
            waiting = group.create_task(bus.wait(NEVER_NS))
            async with aiomqtt.Client("127.0.0.1", port) as client:
                await client.subscribe("isthmus/chain/+/block")
                for topic, payload in GARBAGE:
                    if "/chain//" not in topic:
                        await client.publish(topic, payload, qos=1)
                await client.publish("isthmus/chain/last/block", b"garbage too", qos=1)
                async for message in client.messages:
                    if str(message.topic) == "isthmus/chain/last/block":
                        break
                woken_by_garbage = waiting.done()
                # Its queue is in the broker's order: when this one wakes, the others were read.
                for height in (1, 1, 1, 1, 2):
                    message = encode_block_message(height, 0)
                    await client.publish("isthmus/chain/hub/block", message, qos=1)
                await waiting
                while bus.wakes < 2:
                    await bus.wait(NEVER_NS)
            connecting.cancel()

    assert not woken_by_garbage
    assert bus.wakes == 2, "each height wakes once, whoever of the validators tells it"


async def test_a_block_that_came_during_work_is_not_slept_through() -> None:
    """
    A wait that begins after the message returns at once.
    """
    port = free_port()
    bus = MqttBus(f"mqtt://127.0.0.1:{port}")
    with broker(port):
        async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as group:
            connecting = group.create_task(bus.run())
            await bus.connected.wait()
            await bus.wait(1)
            async with aiomqtt.Client("127.0.0.1", port) as client:
                await client.publish("isthmus/chain/hub/block", encode_block_message(5, 0), qos=1)
            await group.create_task(_until_woken(bus))
            await bus.wait(NEVER_NS)
            connecting.cancel()


async def _until_woken(bus: MqttBus) -> None:
    """Wait as another task: its waits are its own."""
    while not bus.wakes:
        await bus.wait(NEVER_NS)


async def test_the_relayer_goes_on_when_the_broker_is_killed() -> None:
    """
    kill -9 of the broker between two packets: it polls, and takes to the next broker again.
    """
    port = free_port()
    bus = MqttBus(f"mqtt://127.0.0.1:{port}")
    relaying = Relaying(bus, SECOND // 50)
    async with asyncio.timeout(2 * DEADLINE_S), asyncio.TaskGroup() as group:
        connecting = group.create_task(bus.run())
        with broker(port) as process:
            await bus.connected.wait()
            running = group.create_task(relaying.run())
            await relaying.until(lambda: relaying.is_open)
            process.kill()
            process.wait()
            relaying.a.send("channel-0")
            await relaying.until(lambda: len(relaying.a.state.acknowledged) == 1)
        await relaying.until(lambda: not bus.connected.is_set())
        with broker(port):
            await bus.connected.wait()
            relaying.a.send("channel-0")
            await relaying.until(lambda: len(relaying.a.state.acknowledged) == 2)
        running.cancel()
        connecting.cancel()


async def test_a_node_tells_of_each_block_that_it_commits(tmp_path) -> None:
    """
    A real node with a broker's URL, and a subscriber that hears consecutive heights.
    """
    port = free_port()
    home = tmp_path / "node"
    write_home(
        home,
        moniker="x",
        chain_id="solo-1",
        app="kvstore",
        denom="stake",
        prefix="isthmus",
        now=TimestampNs(time.time_ns()),
    )
    app_toml = home / "config" / "app.toml"
    app_toml.write_text(app_toml.read_text().replace("enable = true", "enable = false"))
    config = home / "config" / "config.toml"
    text = config.read_text()
    for known in ("26656", "26657"):
        text = text.replace(f":{known}", f":{free_port()}")
    config.write_text(text)
    with broker(port):
        async with asyncio.timeout(2 * DEADLINE_S), asyncio.TaskGroup() as group:
            probe = MqttBus(f"mqtt://127.0.0.1:{port}")
            probing = group.create_task(probe.run())
            await probe.connected.wait()
            async with aiomqtt.Client("127.0.0.1", port) as client:
                await client.subscribe("isthmus/chain/solo-1/block")
                node = build_node(home, Overrides(mqtt_url=f"mqtt://127.0.0.1:{port}"))
                running = group.create_task(node.run())
                heights = []
                async for message in client.messages:
                    heights.append(decode_block_message(str(message.topic), message.payload)[1])
                    if len(heights) == 2:
                        break
            running.cancel()
            probing.cancel()

    assert heights[1] == heights[0] + 1


async def test_an_announcer_without_a_broker_forgets() -> None:
    """
    Blocks that nobody can be told of are not kept: a node's memory does not grow.
    """
    announcer = BlockAnnouncer(f"mqtt://127.0.0.1:{free_port()}", ChainId("x-1"))
    for _ in range(3):
        announcer.bus.offer("topic", b"x")

    assert announcer.bus.queued == 0


def test_the_protocol_s_page_lists_every_report() -> None:
    """
    Whoever subscribes finds each event that the relayer sends, and none that is gone.
    """
    page = (Path(__file__).parents[2] / "docs" / "protocol" / "mqtt.md").read_text()
    kinds = ("delivery", "progress", "alert")
    listed = re.findall(rf"^\| `([a-z._]+)` \| (?:{'|'.join(kinds)}) \|", page, re.MULTILINE)

    assert sorted(listed) == sorted(worker._LOGGED)
    assert WAKE_TOPIC in page
    assert str(mqtt.MAX_BLOCK_MESSAGE_BYTES) == "1024"
