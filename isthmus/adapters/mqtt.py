"""MQTT wakes daemons and carries reports. It is no record: anything may be lost on it.

Topics and payloads are in docs/protocol/mqtt.md.
"""

import asyncio
import contextlib
import json
import re
from collections.abc import Sequence
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

import aiomqtt
import structlog

from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.timestamps import NS_PER_SECOND
from chainkit.primitives.types import BlockHeight, ChainId, DurationNs
from relay_chain.node.event_bus import BlockPublished, Published

log = structlog.get_logger()

WAKE_TOPIC = "isthmus/chain/+/block"
"""Nodes tell here, with their chain's id and the height, that a block was committed."""

DEFAULT_PORT = 1883
RECONNECT_S = 2.0
MAX_QUEUED_REPORTS = 1_000
"""Reports that wait for the broker; over it, the newest are dropped."""

MAX_QUEUED_MESSAGES = 1_000
"""Messages that came and were not read; over it, the newest are dropped: one wakes as well."""

MAX_CHAINS = 1_000
"""Chains whose last height is kept; over it, all are forgotten and wake once more."""

MAX_BLOCK_MESSAGE_BYTES = 1_024
_BLOCK_TOPIC = re.compile(r"isthmus/chain/([^/+#\s]{1,50})/block")


class BadBrokerUrl(RuleBroken):
    """The broker's URL is not one."""

    def __init__(self, *, url: str) -> None:
        # A URL may hold a password, so it is not repeated.
        super().__init__(
            f"mqtt url: expected mqtt://[user:password@]host[:port], got {len(url)} characters"
        )


def block_topic(chain_id: ChainId) -> str:
    """Return where the nodes of a chain tell of its blocks."""
    return f"isthmus/chain/{chain_id}/block"


def encode_block_message(height: BlockHeight, tx_count: int) -> bytes:
    """Return the payload that tells of a committed block."""
    return json.dumps({"height": height, "txs": tx_count}).encode()


def decode_block_message(topic: str, payload: object) -> tuple[ChainId, BlockHeight] | None:
    """Return whose block of which height a message tells of, or None for anything else."""
    match = _BLOCK_TOPIC.fullmatch(topic)
    if match is None or not isinstance(payload, bytes):
        return None
    if len(payload) > MAX_BLOCK_MESSAGE_BYTES:
        return None
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    height = value.get("height") if isinstance(value, dict) else None
    if not isinstance(height, int) or isinstance(height, bool) or height < 1:
        return None
    return ChainId(match[1]), BlockHeight(height)


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

    Args:
        url: The broker's.
        topics: What wakes; none for one who only reports.

    Attributes:
        connected: Set while the broker is there.
        wakes: How many messages have woken.

    Raises:
        BadBrokerUrl: The URL is not of that form.
    """

    def __init__(self, url: str, topics: Sequence[str] = (WAKE_TOPIC,)) -> None:
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise BadBrokerUrl(url=url) from error
        if parts.scheme != "mqtt" or not parts.hostname:
            raise BadBrokerUrl(url=url)
        self._host = parts.hostname
        self._port = port or DEFAULT_PORT
        self._user = parts.username
        self._password = parts.password
        self._topics = tuple(topics)
        self._woken = asyncio.Condition()
        self.wakes = 0
        self._seen: WeakKeyDictionary[asyncio.Task[object], int] = WeakKeyDictionary()
        self._last_heights: dict[ChainId, BlockHeight] = {}
        self._reports: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(MAX_QUEUED_REPORTS)
        self.connected = asyncio.Event()

    @property
    def queued(self) -> int:
        """How many reports wait for the broker."""
        return self._reports.qsize()

    async def publish(self, topic: str, payload: bytes) -> None:
        """Queue a report; dropped where the broker is away or slow."""
        self.offer(topic, payload)

    def offer(self, topic: str, payload: bytes) -> None:
        """Queue a report without waiting; dropped where the broker is away or slow."""
        if self.connected.is_set() and not self._reports.full():
            self._reports.put_nowait((topic, payload))

    async def wait(self, timeout_ns: DurationNs) -> None:
        """Return at the next block that a node tells of, or when the time is over.

        A block since this task's last wait counts: what came while it worked is not lost.
        """
        task = asyncio.current_task()
        assert task is not None
        seen = self._seen.get(task, self.wakes)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_ns / NS_PER_SECOND), self._woken:
                await self._woken.wait_for(lambda: self.wakes != seen)
        self._seen[task] = self.wakes

    async def run(self) -> None:
        """Keep the connection until cancelled."""
        told = False
        while True:
            try:
                await self._converse()
            except* aiomqtt.MqttError as group:
                reason = str(group.exceptions[0])
                if self.connected.is_set() or not told:
                    log.warning("mqtt.lost", error=reason, retry_in_s=RECONNECT_S)
                    told = True
            self.connected.clear()
            await asyncio.sleep(RECONNECT_S)

    async def _converse(self) -> None:
        async with aiomqtt.Client(
            self._host,
            self._port,
            username=self._user,
            password=self._password,
            max_queued_incoming_messages=MAX_QUEUED_MESSAGES,
        ) as client:
            for topic in self._topics:
                await client.subscribe(topic)
            self.connected.set()
            log.info("mqtt.connected", host=self._host, port=self._port)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._receive(client))
                group.create_task(self._send(client))

    async def _receive(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            found = decode_block_message(str(message.topic), message.payload)
            if found is None:
                log.debug("mqtt.message_ignored", topic=str(message.topic)[:100])
            elif self._is_new(*found):
                async with self._woken:
                    self.wakes += 1
                    self._woken.notify_all()

    def _is_new(self, chain_id: ChainId, height: BlockHeight) -> bool:
        """Return whether this is not the last height told of the chain: every validator tells it.

        Another height is new even if it is lower: a lie of a large one must not silence.
        """
        if self._last_heights.get(chain_id) == height:
            return False
        if len(self._last_heights) >= MAX_CHAINS:
            self._last_heights.clear()
        self._last_heights[chain_id] = height
        return True

    async def _send(self, client: aiomqtt.Client) -> None:
        while True:
            topic, payload = await self._reports.get()
            await client.publish(topic, payload)


class BlockAnnouncer:
    """Tells of each block that this node commits. Mutable: it owns a connection."""

    def __init__(self, url: str, chain_id: ChainId) -> None:
        self.bus = MqttBus(url, topics=())
        self._topic = block_topic(chain_id)

    def published(self, item: Published) -> None:
        """Hear what the node's event bus has; blocks are told on."""
        payload = item.payload
        if isinstance(payload, BlockPublished):
            self.tell(payload.block.header.height, len(payload.block.txs))

    def tell(self, height: BlockHeight, tx_count: int) -> None:
        """Tell of a block; dropped where the broker is away."""
        self.bus.offer(self._topic, encode_block_message(height, tx_count))

    async def run(self) -> None:
        """Keep the connection until cancelled."""
        await self.bus.run()
