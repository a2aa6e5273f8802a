"""The multiplexed connection (CometBFT p2p/conn, "MConnection"): plaintext in, messages out.

Messages of several channels are cut into packets and share one stream. The next packet is
of the channel that sent least for its priority. Time is an argument; the shell is ``peer``.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.timestamps import NS_PER_SECOND
from chainkit.primitives.types import DurationNs, TimestampNs
from relay_chain.node.p2p.errors import MalformedFrame, MessageTooLong, PongOverdue, UnknownChannel
from relay_chain.node.p2p.fields import (
    DelimitedReader,
    bytes_field,
    delimited,
    message_field,
    read_fields,
    varint_field,
)
from relay_chain.node.p2p.limits import (
    MAX_PACKET_BYTES,
    MAX_PACKET_PAYLOAD_BYTES,
    MAX_SEND_BATCH_BYTES,
    MAX_SEND_QUEUE_BYTES,
    PING_INTERVAL_NS,
    PONG_TIMEOUT_NS,
)

PING = delimited(message_field(1, b""))
PONG = delimited(message_field(2, b""))
PEX_CHANNEL = 0x00
"""A node without peer exchange drops unread what peers send there."""

_DECAY_INTERVAL_NS = 2 * NS_PER_SECOND


@dataclass(frozen=True, slots=True)
class ChannelDescriptor:
    """What a reactor asks for one of its channels."""

    id: int
    priority: int
    send_queue_messages: int
    """When so many messages wait, ``try_send`` answers False and ``send`` waits."""
    max_message_bytes: int


@dataclass(frozen=True, slots=True)
class ChannelState:
    """How full a channel of one connection is."""

    id: int
    priority: int
    capacity: int
    """Messages that its queue holds."""
    waiting: int
    recently_sent: int
    """Bytes, the older ones counted less."""


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """A whole message of a channel."""

    channel_id: int
    message: bytes


class _Channel:
    """A channel of one connection: messages that wait, and the one being received."""

    def __init__(self, descriptor: ChannelDescriptor) -> None:
        assert descriptor.priority > 0
        self.descriptor = descriptor
        self.waiting: deque[bytes] = deque()
        self.waiting_bytes = 0
        self.sent_of_first = 0
        self.recently_sent = 0.0
        self._received: list[bytes] = []
        self._received_bytes = 0
        self._head = varint_field(1, descriptor.id)

    def has_room(self) -> bool:
        """Return whether one more message may wait; one alone may be of any size."""
        if len(self.waiting) >= self.descriptor.send_queue_messages:
            return False
        return self.waiting_bytes < MAX_SEND_QUEUE_BYTES

    def queue(self, message: bytes) -> None:
        self.waiting.append(message)
        self.waiting_bytes += len(message)

    def ratio(self) -> float:
        return self.recently_sent / self.descriptor.priority

    def next_packet(self) -> bytes:
        message = self.waiting[0]
        end = self.sent_of_first + MAX_PACKET_PAYLOAD_BYTES
        chunk = message[self.sent_of_first : end]
        last = end >= len(message)
        if last:
            self.waiting.popleft()
            self.waiting_bytes -= len(message)
        self.sent_of_first = 0 if last else end
        body = self._head + varint_field(2, int(last)) + bytes_field(3, chunk)
        packet = delimited(message_field(3, body))
        self.recently_sent += len(packet)
        return packet

    def receive(self, data: bytes, *, last: bool) -> bytes | None:
        limit = self.descriptor.max_message_bytes
        self._received_bytes += len(data)
        if self._received_bytes > limit:
            raise MessageTooLong(
                channel_id=self.descriptor.id, size=self._received_bytes, limit=limit
            )
        self._received.append(data)
        if not last:
            return None
        message = b"".join(self._received)
        self._received.clear()
        self._received_bytes = 0
        return message


class MultiplexConnection:
    """One side of a multiplexed connection. Mutable: it owns queues and timers.

    Args:
        channels: The channels that this node serves.
        now: The current time of a monotonic clock, as in every later call.
    """

    def __init__(
        self,
        channels: tuple[ChannelDescriptor, ...],
        now: TimestampNs,
        *,
        ping_interval: DurationNs = PING_INTERVAL_NS,
        pong_timeout: DurationNs = PONG_TIMEOUT_NS,
    ) -> None:
        assert pong_timeout < ping_interval
        self._channels = {channel.id: _Channel(channel) for channel in channels}
        self._reader = DelimitedReader()
        self._ping_interval = ping_interval
        self._pong_timeout = pong_timeout
        self._next_ping = now + ping_interval
        self._pong_due: int | None = None
        self._next_decay = now + _DECAY_INTERVAL_NS
        self._control = bytearray()
        self._owes_pong = False

    def try_send(self, channel_id: int, message: bytes) -> bool:
        """Queue a message; False, and nothing queued, when the channel's queue is full."""
        assert message, "an empty message cannot be told from none"
        channel = self._channels[channel_id]
        if not channel.has_room():
            return False
        channel.queue(message)
        return True

    def states(self) -> tuple[ChannelState, ...]:
        """Return how full each channel is."""
        return tuple(
            ChannelState(
                number,
                channel.descriptor.priority,
                channel.descriptor.send_queue_messages,
                len(channel.waiting),
                int(channel.recently_sent),
            )
            for number, channel in sorted(self._channels.items())
        )

    def has_room(self, channel_id: int) -> bool:
        """Return whether ``try_send`` would queue a message now."""
        return self._channels[channel_id].has_room()

    def next_batch(self, max_bytes: int = MAX_SEND_BATCH_BYTES) -> bytes:
        """Return packets to send, about ``max_bytes`` at most; empty when nothing waits."""
        batch = self._control
        self._control = bytearray()
        if self._owes_pong:
            batch += PONG
            self._owes_pong = False
        while len(batch) < max_bytes:
            ready = [channel for channel in self._channels.values() if channel.waiting]
            if not ready:
                break
            batch += min(ready, key=_Channel.ratio).next_packet()
        return bytes(batch)

    def receive(self, plaintext: bytes) -> Iterator[MessageReceived]:
        """Take plaintext and yield the messages that it completes.

        Raises:
            PeerError: A packet does not decode, names an unknown channel, or makes its
                message too long.
        """
        self._reader.feed(plaintext)
        while (packet := self._reader.next_message(MAX_PACKET_BYTES)) is not None:
            message = self._receive_packet(packet)
            if message is not None:
                yield message

    def tick(self, now: TimestampNs) -> None:
        """Let time pass: queue a ping when one is due, and forget what was sent long ago.

        Raises:
            PongOverdue: The last ping was not answered in time.
        """
        if self._pong_due is not None and now >= self._pong_due:
            raise PongOverdue
        if now >= self._next_ping:
            self._control += PING
            self._next_ping = now + self._ping_interval
            self._pong_due = now + self._pong_timeout
        if now >= self._next_decay:
            self._next_decay = now + _DECAY_INTERVAL_NS
            for channel in self._channels.values():
                channel.recently_sent *= 0.8

    def next_tick(self) -> TimestampNs:
        """Return when ``tick`` has something to do next."""
        times = [self._next_ping, self._next_decay]
        return TimestampNs(min(times if self._pong_due is None else [*times, self._pong_due]))

    def _receive_packet(self, packet: bytes) -> MessageReceived | None:
        try:
            fields = tuple(read_fields(packet))
        except MalformedMessage as error:
            raise MalformedFrame("packet does not decode") from error
        match fields:
            case ((1, b""),):
                self._owes_pong = True
                return None
            case ((2, b""),):
                self._pong_due = None
                return None
            case ((3, bytes() as body),):
                return self._receive_message_packet(body)
            case _:
                raise MalformedFrame("packet is no ping, pong or message")

    def _receive_message_packet(self, body: bytes) -> MessageReceived | None:
        channel_id, last, data = _decode_message_packet(body)
        channel = self._channels.get(channel_id)
        if channel is None:
            if channel_id == PEX_CHANNEL:
                return None
            raise UnknownChannel(channel_id=channel_id)
        message = channel.receive(data, last=last)
        return None if message is None else MessageReceived(channel_id, message)


def _decode_message_packet(body: bytes) -> tuple[int, bool, bytes]:
    channel_id, last, data = 0, 0, b""
    try:
        for number, value in read_fields(body):
            match number, value:
                case 1, int():
                    channel_id = value
                case 2, int():
                    last = value
                case 3, bytes():
                    data = value
                case _:
                    raise MalformedFrame(f"packet has field {number}")
    except MalformedMessage as error:
        raise MalformedFrame("packet does not decode") from error
    if len(data) > MAX_PACKET_PAYLOAD_BYTES:
        raise MalformedFrame(f"packet carries {len(data)} bytes")
    return channel_id, bool(last), data


class RateLimiter:
    """A token bucket that holds one second's worth. Mutable: it counts. Rate 0 has no limit."""

    def __init__(self, bytes_per_second: int, now: TimestampNs) -> None:
        self._rate = bytes_per_second
        self._full_at = int(now)
        """When the bucket will be full again, if nothing more is taken."""

    def take(self, size: int, now: TimestampNs) -> DurationNs:
        """Count ``size`` bytes and return how long to wait before the next are welcome."""
        if self._rate == 0:
            return DurationNs(0)
        cost = size * NS_PER_SECOND // self._rate
        self._full_at = max(self._full_at, int(now)) + cost
        return DurationNs(max(0, self._full_at - now - NS_PER_SECOND))
