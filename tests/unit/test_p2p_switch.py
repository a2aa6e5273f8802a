"""Two switches over real sockets, and peers that misbehave."""

import asyncio
import contextlib
from dataclasses import dataclass, field

import pytest

from chainkit.primitives.errors import RuleBroken
from relay_chain.node.p2p import peer as peer_module
from relay_chain.node.p2p.address import PeerAddress
from relay_chain.node.p2p.errors import (
    ConnectionLost,
    IncompatiblePeer,
    SelfConnection,
    UnknownChannel,
    WrongPeer,
)
from relay_chain.node.p2p.fields import bytes_field, delimited, message_field, varint_field
from relay_chain.node.p2p.handshake import greet
from relay_chain.node.p2p.limits import MESSAGE_COST_BYTES
from relay_chain.node.p2p.multiplex import ChannelDescriptor, RateLimiter
from relay_chain.node.p2p.node_info import NodeInfo
from relay_chain.node.p2p.node_key import NodeKey
from relay_chain.node.p2p.switch import Switch, SwitchConfig


@dataclass
class Recorder:
    """A reactor that keeps what it gets and refuses the message b"bad"."""

    channels: tuple[ChannelDescriptor, ...] = (ChannelDescriptor(0x30, 1, 4, 300_000),)
    received: asyncio.Queue = field(default_factory=asyncio.Queue)
    added: asyncio.Queue = field(default_factory=asyncio.Queue)
    removed: asyncio.Queue = field(default_factory=asyncio.Queue)

    def peer_added(self, peer):
        self.added.put_nowait(peer)

    def peer_removed(self, peer, reason):
        self.removed.put_nowait((peer.id, reason))

    async def receive(self, channel_id, peer, message):
        if message == b"bad":
            raise RuleBroken("bad message")
        if message == b"defect":
            raise AssertionError("our own defect")
        self.received.put_nowait((channel_id, peer.id, message))

    async def serve_peer(self, peer):
        await asyncio.Event().wait()

    async def run(self, peers):
        await asyncio.Event().wait()


def info_of(key, network="test"):
    return NodeInfo(key.id, "tcp://127.0.0.1:1", network, "0.38.0", b"\x30", "m")


def make(number, network="test", **config):
    key, reactor = NodeKey(bytes([number]) * 32), Recorder()
    return Switch(key, info_of(key, network), [reactor], SwitchConfig(**config)), reactor, key


@contextlib.asynccontextmanager
async def running(*switches):
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        tasks = [group.create_task(switch.run()) for switch in switches]
        for switch in switches:
            await switch.wait_listening()
        yield
        for task in tasks:
            task.cancel()


async def dial_raw(switch, key, info=None):
    reader, writer = await asyncio.open_connection("127.0.0.1", switch.listen_port)
    greeted = await greet(reader, writer, key, info or info_of(key), None)
    return reader, writer, greeted


async def test_two_switches_connect_and_exchange_messages():
    """One dials the other; small and large messages arrive both ways, in order."""
    a, in_a, key_a = make(1)
    async with running(a):
        address = PeerAddress(key_a.id, "127.0.0.1", a.listen_port)
        b, in_b, key_b = make(2, persistent_peers=(address,))
        async with running(b):
            peer_of_b, peer_of_a = await in_a.added.get(), await in_b.added.get()
            messages = [b"one", bytes(250_000), b"three"]
            for message in messages:
                assert await peer_of_b.send(0x30, message)
                assert await peer_of_a.send(0x30, message)
            for message in messages:
                assert await in_a.received.get() == (0x30, key_b.id, message)
                assert await in_b.received.get() == (0x30, key_a.id, message)
            assert a.broadcast(0x30, b"all") == 1
            assert (await in_b.received.get())[2] == b"all"
            assert not peer_of_b.is_outbound
            assert peer_of_a.is_persistent


async def test_each_peer_is_held_to_the_configured_rates(monkeypatch):
    """What is read and what is written of each peer are counted by the settings' rates."""
    rates = set()

    class Recording(RateLimiter):
        def __init__(self, bytes_per_second, now):
            rates.add(bytes_per_second)
            super().__init__(bytes_per_second, now)

    monkeypatch.setattr(peer_module, "RateLimiter", Recording)
    a, in_a, key_a = make(1, send_rate=70_001, receive_rate=70_002)
    async with running(a):
        address = PeerAddress(key_a.id, "127.0.0.1", a.listen_port)
        b, in_b, _ = make(2, persistent_peers=(address,), send_rate=70_003, receive_rate=70_004)
        async with running(b):
            assert await (await in_a.added.get()).send(0x30, b"one")
            await in_b.received.get()

    assert rates == {70_001, 70_002, 70_003, 70_004}


async def test_a_lost_persistent_peer_is_dialled_again():
    """After the connection breaks, the dialling side comes back by itself."""
    a, in_a, key_a = make(1)
    async with running(a):
        address = PeerAddress(key_a.id, "127.0.0.1", a.listen_port)
        b, in_b, _ = make(2, persistent_peers=(address,))
        async with running(b):
            (await in_a.added.get()).disconnect(ConnectionLost("test"))
            _, reason = await in_b.removed.get()
            again = await in_a.added.get()

            assert isinstance(reason, ConnectionLost)
            assert again.id == b.node_info.id


async def test_two_nodes_that_dial_each_other_end_with_one_connection():
    """Both keep the same one, and it works."""
    a, _in_a, key_a = make(1)
    b, in_b, key_b = make(2)
    async with running(a, b):
        pa = PeerAddress(key_a.id, "127.0.0.1", a.listen_port)
        pb = PeerAddress(key_b.id, "127.0.0.1", b.listen_port)
        async with asyncio.TaskGroup() as group:
            dials = [
                group.create_task(a._keep_dialling(pb)),
                group.create_task(b._keep_dialling(pa)),
            ]
            while not await _hello(a, b, in_b):
                pass
            assert len(a.peers()) == len(b.peers()) == 1
            for dial in dials:
                dial.cancel()


async def _hello(a, b, in_b):
    """Whether a message went over within a moment."""
    for peer in a.peers():
        peer.try_send(0x30, b"hello")
    try:
        async with asyncio.timeout(0.2):
            return (await in_b.received.get())[2] == b"hello" and bool(b.peers())
    except TimeoutError:
        return False


async def test_a_peer_that_breaks_a_rule_is_dropped_and_banned():
    """Its connection ends with the rule as the reason, and the next one is refused."""
    a, in_a, _ = make(1)
    async with running(a):
        b, _, key_b = make(
            2, persistent_peers=(PeerAddress(a.node_info.id, "127.0.0.1", a.listen_port),)
        )
        async with running(b):
            await in_a.added.get()
            b.broadcast(0x30, b"bad")
            peer_id, reason = await in_a.removed.get()
            assert peer_id == key_b.id
            assert str(reason) == "bad message"
        _, writer, greeted = await dial_raw(a, key_b)
        reader = _
        assert greeted.node_info.id == a.node_info.id
        assert await reader.read() == b""  # refused at once: nothing but the end
        writer.close()
        assert in_a.added.empty()


async def test_a_wrong_channel_ends_the_connection():
    """A packet for a channel that nobody serves is the peer's fault."""
    a, in_a, _ = make(1)
    key = NodeKey(bytes([9]) * 32)
    async with running(a):
        _, writer, greeted = await dial_raw(a, key)
        body = varint_field(1, 0x55) + varint_field(2, 1) + bytes_field(3, b"x")
        writer.write(greeted.secret.seal(delimited(message_field(3, body))))
        peer_id, reason = await in_a.removed.get()
        writer.close()

        assert peer_id == key.id
        assert isinstance(reason, UnknownChannel)


@pytest.mark.parametrize(
    "garbage", [b"GET / HTTP/1.1\r\n\r\n", bytes(5000), b"\x22\x0a\x20" + bytes(32)]
)
async def test_garbage_instead_of_a_handshake_is_closed(garbage):
    """The socket is closed, no peer appears, and the switch goes on."""
    a, in_a, _ = make(1)
    async with running(a):
        reader, writer = await asyncio.open_connection("127.0.0.1", a.listen_port)
        writer.write(garbage)
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()
        _, good, _ = await dial_raw(a, NodeKey(bytes([9]) * 32))
        await in_a.added.get()
        good.close()


async def test_wrong_key_network_and_self_are_refused():
    """The dialled id must answer, on the same network, and be somebody else."""
    a, _, key_a = make(1)
    stranger = NodeKey(bytes([9]) * 32)
    async with running(a):
        for key, info, expected, error in [
            (stranger, info_of(stranger), "ab" * 20, WrongPeer),
            (stranger, info_of(stranger, "other"), None, IncompatiblePeer),
            (key_a, info_of(key_a), None, SelfConnection),
        ]:
            reader, writer = await asyncio.open_connection("127.0.0.1", a.listen_port)
            with pytest.raises(error):
                await greet(reader, writer, key, info, expected)
            writer.close()
        assert a.peers() == ()


async def test_a_node_info_under_another_id_is_refused():
    """The id in the node info must be the authenticated key's."""
    a, in_a, _ = make(1)
    liar = NodeKey(bytes([9]) * 32)
    async with running(a):
        reader, writer = await asyncio.open_connection("127.0.0.1", a.listen_port)
        await greet(reader, writer, liar, info_of(NodeKey(bytes([8]) * 32)), None)
        assert await reader.read() == b""
        writer.close()
        assert in_a.added.empty()


async def test_inbound_peers_are_limited_and_a_second_of_one_id_is_refused():
    """Beyond the limit, and for an id that is connected, the new connection is closed."""
    a, in_a, _ = make(1, max_inbound_peers=2)
    keys = [NodeKey(bytes([n]) * 32) for n in (5, 6, 7)]
    async with running(a):
        _, first, _ = await dial_raw(a, keys[0])
        await in_a.added.get()
        for key in (keys[0], keys[1], keys[2]):
            reader, writer, _ = await dial_raw(a, key)
            if key is keys[1]:
                await in_a.added.get()
                second = writer
                continue
            assert await reader.read() == b""
            writer.close()
        assert {peer.id for peer in a.peers()} == {keys[0].id, keys[1].id}
        first.close()
        second.close()


async def test_a_full_queue_drops_and_send_waits_for_room():
    """A peer that does not read fills its queue; ``try_send`` says so."""
    a, in_a, _ = make(1)
    async with running(a):
        _reader, writer, _ = await dial_raw(a, NodeKey(bytes([9]) * 32))
        peer = await in_a.added.get()
        accepted = 0
        while peer.try_send(0x30, bytes(200_000)):
            accepted += 1
            assert accepted <= 4
        assert accepted == 4
        assert not peer.try_send(0x77, b"no such channel")
        writer.close()


async def test_a_peer_that_never_reads_is_dropped(monkeypatch):
    """What waits for it is bounded, and after the time limit its connection ends with a reason."""
    monkeypatch.setattr(peer_module, "WRITE_TIMEOUT_NS", 200_000_000)
    a, in_a, _ = make(1, send_rate=0)
    async with running(a):
        reader, writer, _ = await dial_raw(a, NodeKey(bytes([9]) * 32))
        reader._transport.pause_reading()
        peer = await in_a.added.get()
        while in_a.removed.empty():
            await peer.send(0x30, bytes(250_000))
        _, reason = in_a.removed.get_nowait()
        writer.close()

    assert isinstance(reason, ConnectionLost)
    assert str(reason) == "peer does not read"


async def test_small_messages_count_for_more_than_their_bytes(monkeypatch):
    """A flood of tiny messages is slowed down as if each had half a kilobyte."""
    taken = []

    class Recording(RateLimiter):
        def take(self, size, now):
            taken.append(size)
            return super().take(size, now)

    monkeypatch.setattr(peer_module, "RateLimiter", Recording)
    a, in_a, _ = make(1)
    async with running(a):
        _, writer, greeted = await dial_raw(a, NodeKey(bytes([9]) * 32))
        body = varint_field(1, 0x30) + varint_field(2, 1) + bytes_field(3, b"x")
        writer.write(greeted.secret.seal(delimited(message_field(3, body)) * 2_000))
        for _ in range(2_000):
            await in_a.received.get()
        writer.close()
        await in_a.removed.get()

    assert sum(taken) >= 2_000 * MESSAGE_COST_BYTES


async def test_a_defect_of_ours_takes_the_switch_down():
    """An assertion in a reactor is not a peer's fault and is not hidden."""
    a, in_a, _ = make(1)

    async def provoke():
        async with running(a):
            _, writer, greeted = await dial_raw(a, NodeKey(bytes([9]) * 32))
            await in_a.added.get()
            body = varint_field(1, 0x30) + varint_field(2, 1) + bytes_field(3, b"defect")
            writer.write(greeted.secret.seal(delimited(message_field(3, body))))
            await in_a.removed.get()
            writer.close()
            await asyncio.Event().wait()

    with pytest.raises(BaseExceptionGroup) as caught:
        await provoke()

    assert caught.group_contains(AssertionError)


async def test_a_switch_stops_although_a_connection_swallows_the_cancellation(monkeypatch):
    """Python 3.11's TaskGroup does so when a child fails at the same moment."""
    a, _, key_a = make(1)
    async with running(a):
        b, _, _ = make(2, persistent_peers=(PeerAddress(key_a.id, "127.0.0.1", a.listen_port),))
        dialled = asyncio.Event()

        async def swallow(address):
            dialled.set()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()

        monkeypatch.setattr(b, "_dial", swallow)
        async with asyncio.timeout(5), running(b):
            await dialled.wait()
