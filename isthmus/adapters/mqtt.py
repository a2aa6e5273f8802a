"""MQTT wakes daemons and carries reports. It is no record: anything may be lost on it."""

import asyncio
from urllib.parse import urlsplit

import aiomqtt
import structlog

from chainkit.primitives.timestamps import NS_PER_SECOND
from chainkit.primitives.types import DurationNs

log = structlog.get_logger()

WAKE_TOPIC = "isthmus/chain/+/block"
"""Nodes tell here, with their chain's id and the height, that a block was committed."""

DEFAULT_PORT = 1883
RECONNECT_S = 2.0
MAX_QUEUED_REPORTS = 1_000
"""Reports that wait for the broker; over it, the newest are dropped."""


class PollingBus:
    """The bus where no broker is there: nothing wakes, every wait takes its time."""

    async def publish(self, topic: str, payload: bytes) -> None:
        """Drop the report: the journal has it."""

    async def wait(self, timeout_ns: DurationNs) -> None:
        """Wait for the whole time."""
        await asyncio.sleep(timeout_ns / NS_PER_SECOND)


class MqttBus:
    """A broker at a URL ``mqtt://[user:password@]host[:port]``. Mutable: it owns the connection.

    ``run`` keeps the connection; where the broker is away, ``wait`` polls and reports drop.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or "localhost"
        self._port = parts.port or DEFAULT_PORT
        self._user = parts.username
        self._password = parts.password
        self._woken = asyncio.Condition()
        self._wakes = 0
        self._reports: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(MAX_QUEUED_REPORTS)
        self.connected = asyncio.Event()

    async def publish(self, topic: str, payload: bytes) -> None:
        """Queue a report; dropped where the broker is away or slow."""
        if self.connected.is_set() and not self._reports.full():
            self._reports.put_nowait((topic, payload))

    async def wait(self, timeout_ns: DurationNs) -> None:
        """Return at the next block that a node tells of, or when the time is over."""
        try:
            async with asyncio.timeout(timeout_ns / NS_PER_SECOND), self._woken:
                seen = self._wakes
                await self._woken.wait_for(lambda: self._wakes != seen)
        except TimeoutError:
            return

    async def run(self) -> None:
        """Keep the connection until cancelled."""
        while True:
            try:
                await self._converse()
            except* aiomqtt.MqttError as group:
                reason = str(group.exceptions[0])
                log.warning("mqtt.lost", error=reason, retry_in_s=RECONNECT_S)
            self.connected.clear()
            await asyncio.sleep(RECONNECT_S)

    async def _converse(self) -> None:
        async with aiomqtt.Client(
            self._host, self._port, username=self._user, password=self._password
        ) as client:
            await client.subscribe(WAKE_TOPIC)
            self.connected.set()
            log.info("mqtt.connected", host=self._host, port=self._port)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._receive(client))
                group.create_task(self._send(client))

    async def _receive(self, client: aiomqtt.Client) -> None:
        async for _ in client.messages:
            async with self._woken:
                self._wakes += 1
                self._woken.notify_all()

    async def _send(self, client: aiomqtt.Client) -> None:
        while True:
            topic, payload = await self._reports.get()
            await client.publish(topic, payload)
