"""A connected peer: the shell around one multiplexed connection."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence

from chainkit.primitives.timestamps import NS_PER_SECOND
from chainkit.primitives.types import DurationNs, TimestampNs
from relay_chain.consensus.messages import PeerId
from relay_chain.node.p2p.errors import ConnectionLost
from relay_chain.node.p2p.handshake import Greeted, read_some
from relay_chain.node.p2p.limits import (
    MESSAGE_COST_BYTES,
    PING_INTERVAL_NS,
    PONG_TIMEOUT_NS,
    RECEIVE_BYTES_PER_SECOND,
    SEND_BYTES_PER_SECOND,
    SEND_TIMEOUT_NS,
    WRITE_TIMEOUT_NS,
)
from relay_chain.node.p2p.multiplex import (
    ChannelDescriptor,
    ChannelState,
    MultiplexConnection,
    RateLimiter,
)
from relay_chain.node.p2p.node_info import NodeInfo
from relay_chain.node.p2p.secret_connection import Received

Deliver = Callable[[int, "Peer", bytes], Awaitable[None]]


def seconds(duration: DurationNs) -> float:
    """Return a duration as asyncio wants it."""
    return duration / NS_PER_SECOND


def monotonic_ns() -> TimestampNs:
    """Return the time of the clock that the connections run by."""
    return TimestampNs(time.monotonic_ns())


class Peer:
    """A peer that was greeted. Mutable: it owns a socket.

    Messages to it wait in a queue for each channel. When one is full, ``try_send`` drops
    the message and says so, and ``send`` waits for room.
    """

    def __init__(
        self,
        greeted: Greeted,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        channels: tuple[ChannelDescriptor, ...],
        *,
        is_outbound: bool,
        is_persistent: bool,
        address: str,
        send_rate: int = SEND_BYTES_PER_SECOND,
        receive_rate: int = RECEIVE_BYTES_PER_SECOND,
    ) -> None:
        self.id: PeerId = greeted.node_info.id
        self.node_info: NodeInfo = greeted.node_info
        self.is_outbound = is_outbound
        self.is_persistent = is_persistent
        self.address = address
        self._send_rate = send_rate
        self._receive_rate = receive_rate
        self.connected_at = monotonic_ns()
        self.bytes_sent = 0
        self.bytes_received = 0
        self._secret = greeted.secret
        self._early = greeted.early
        self._reader = reader
        self._writer = writer
        self._connection = MultiplexConnection(channels, self.connected_at)
        shared = set(greeted.node_info.channels)
        self._channels = frozenset(channel.id for channel in channels if channel.id in shared)
        self._work = asyncio.Event()
        self._room = asyncio.Event()
        self._stopped = asyncio.Event()
        self._reason: Exception = ConnectionLost("stopped")

    def __repr__(self) -> str:
        return f"Peer({self.id} at {self.address})"

    def has_channel(self, channel_id: int) -> bool:
        """Return whether both sides serve a channel."""
        return channel_id in self._channels

    def channel_states(self) -> tuple[ChannelState, ...]:
        """Return how full each channel to it is."""
        return self._connection.states()

    def has_room(self, channel_id: int) -> bool:
        """Return whether ``try_send`` would queue a message now."""
        return channel_id in self._channels and self._connection.has_room(channel_id)

    def try_send(self, channel_id: int, message: bytes) -> bool:
        """Queue a message; False, and nothing sent, if the queue is full or the peer gone."""
        if channel_id not in self._channels or self._stopped.is_set():
            return False
        queued = self._connection.try_send(channel_id, message)
        if queued:
            self._work.set()
        return queued

    async def send(self, channel_id: int, message: bytes) -> bool:
        """Queue a message, waiting up to ten seconds for room; False if there was none."""
        if channel_id not in self._channels:
            return False
        try:
            async with asyncio.timeout(seconds(SEND_TIMEOUT_NS)):
                while not self._connection.has_room(channel_id):
                    if self._stopped.is_set():
                        return False
                    self._room.clear()
                    await self._room.wait()
        except TimeoutError:
            return False
        return self.try_send(channel_id, message)

    def disconnect(self, reason: Exception) -> None:
        """End the connection; the first reason given is the one reported."""
        if not self._stopped.is_set():
            self._reason = reason
            self._stopped.set()
            self._room.set()

    async def run(
        self, deliver: Deliver, served: Sequence[Coroutine[object, object, None]]
    ) -> None:
        """Serve the connection until it ends, with ``served`` beside it; always raises.

        Raises:
            BaseExceptionGroup: Why the connection ended: ``RuleBroken``,
                ``OperationFailed``, or a defect of ours.
        """
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._read(deliver))
                group.create_task(self._write())
                group.create_task(self._keep_alive())
                group.create_task(self._wait_for_stop())
                for coroutine in served:
                    group.create_task(coroutine)
        finally:
            self._stopped.set()
            self._room.set()
            self._writer.close()

    async def _read(self, deliver: Deliver) -> None:
        limiter = RateLimiter(self._receive_rate, monotonic_ns())
        await self._deliver_all(self._early, deliver)
        self._early = b""
        while True:
            # A silent peer is found out by its missing pong long before this.
            async with asyncio.timeout(seconds(DurationNs(PING_INTERVAL_NS + 2 * PONG_TIMEOUT_NS))):
                data = await read_some(self._reader)
            self.bytes_received += len(data)
            messages = 0
            for event in self._secret.receive(data):
                if isinstance(event, Received):
                    messages += await self._deliver_all(event.data, deliver)
            cost = max(len(data), messages * MESSAGE_COST_BYTES)
            wait = limiter.take(cost, monotonic_ns())
            if wait:
                await asyncio.sleep(seconds(wait))

    async def _deliver_all(self, plaintext: bytes, deliver: Deliver) -> int:
        """Hand over the messages that some plaintext completes; return how many."""
        count = 0
        for received in self._connection.receive(plaintext):
            await deliver(received.channel_id, self, received.message)
            count += 1
        self._work.set()
        return count

    async def _write(self) -> None:
        limiter = RateLimiter(self._send_rate, monotonic_ns())
        while True:
            batch = self._connection.next_batch()
            if not batch:
                self._work.clear()
                await self._work.wait()
                continue
            self._room.set()
            await self._write_out(self._secret.seal(batch))
            wait = limiter.take(len(batch), monotonic_ns())
            if wait:
                await asyncio.sleep(seconds(wait))

    async def _write_out(self, data: bytes) -> None:
        self._writer.write(data)
        self.bytes_sent += len(data)
        try:
            async with asyncio.timeout(seconds(WRITE_TIMEOUT_NS)):
                await self._writer.drain()
        except TimeoutError as error:
            raise ConnectionLost("peer does not read") from error
        except OSError as error:
            raise ConnectionLost(f"connection broke: {error}") from error

    async def _keep_alive(self) -> None:
        while True:
            now = monotonic_ns()
            self._connection.tick(now)
            self._work.set()
            wait = DurationNs(max(0, self._connection.next_tick() - now))
            await asyncio.sleep(seconds(wait))

    async def _wait_for_stop(self) -> None:
        await self._stopped.wait()
        with contextlib.suppress(TimeoutError, OSError):
            async with asyncio.timeout(1):
                await self._writer.drain()
        raise self._reason
