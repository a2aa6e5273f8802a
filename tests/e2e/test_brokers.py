"""A node tells of its blocks on a real broker, which may be away for a while."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

from chainkit.primitives.types import DurationNs
from isthmus.adapters.mqtt import MqttBus
from isthmus.config import BrokerSpec, ChainSpec
from tests.e2e.network import free_ports, make_chain, running, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

A_MINUTE = DurationNs(60_000_000_000)
ZONE = ChainSpec(name="zone", denom="utok", timeout_commit_ms=200)


def absent(program: str) -> None:
    """Skip by name, or fail where everything must be there (``make interop``)."""
    reason = f"{program} is not installed"
    if os.environ.get("INTEROP") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def iotcore_command(port: int, folder: Path) -> list[str]:
    if find_spec("iotcore") is None:
        absent("iotcore")
    return [sys.executable, "-m", "isthmus.adapters.broker", str(port)]


def mosquitto_command(port: int, folder: Path) -> list[str]:
    program = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if program is None:
        absent("mosquitto")
    settings = folder / "mosquitto.conf"
    settings.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    return [str(program), "-c", str(settings)]


COMMANDS = {"iotcore": iotcore_command, "mosquitto": mosquitto_command}


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def broker(command: list[str], port: int) -> Iterator[None]:
    """The broker as a process, from when it listens until it is killed."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: is_open(port), seconds=60, what=f"{command[0]} to listen")
            yield
        finally:
            process.send_signal(signal.SIGKILL)


@pytest.mark.parametrize("name", sorted(COMMANDS))
async def test_blocks_are_told_on_a_broker(name: str, tmp_path: Path) -> None:
    """
    Each block wakes a listener long before its time. While the broker is away the node makes
    blocks as ever; when it is back, blocks wake again.
    """
    (port,) = free_ports(1)
    command = COMMANDS[name](port, tmp_path)
    url = f"mqtt://127.0.0.1:{port}"
    chain = make_chain(tmp_path / "net", ZONE, BrokerSpec(kind="external", url=url))
    (node,) = chain.nodes
    bus = MqttBus(url)
    with running([node]):
        async with asyncio.timeout(200), asyncio.TaskGroup() as group:
            listening = group.create_task(bus.run())
            with broker(command, port):
                for _ in range(3):
                    await bus.wait(A_MINUTE)
                assert bus.wakes >= 3
            height = node.height()
            wait_until(lambda: node.height() >= height + 5, seconds=60, what="blocks without it")
            woken = bus.wakes
            with broker(command, port):
                await bus.wait(A_MINUTE)
                await bus.wait(A_MINUTE)
                assert bus.wakes > woken
                listening.cancel()
    assert "mqtt.lost" in node.log_text()
