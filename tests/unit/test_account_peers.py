"""An account node's sockets under peers that say nothing, ask without reading, or flood it."""

import asyncio
from dataclasses import replace

import pytest

from chainkit.commitments.database import MemoryDatabase
from chainkit.formats.ethereum.addresses import format_address
from chainkit.formats.ethereum.transactions import encode_transaction
from parachains.account import node as limits
from parachains.account import wire
from parachains.account.gossip import PeerBrokeRule
from parachains.account.node import AccountNode
from parachains.account.settings import AccountSettings
from tests.account_network import VALIDATORS
from tests.account_worlds import BOB, EVM_CHAIN_ID, GENESIS_TIME, AccountWorld, User

DEADLINE_S = 20


class Host:
    """Databases in memory, no RPC, no broker."""

    def database(self, _path):
        return MemoryDatabase()

    async def serve_sessions(self, *_):
        await asyncio.Event().wait()

    def announcer(self, *_):
        return lambda *_: None


SETTINGS = AccountSettings(
    chain_id="account-1", evm_chain_id=EVM_CHAIN_ID, denom="wei", address_prefix="acct",
    p2p_port=0, rpc_port=0, validator_key=VALIDATORS[0].key.hex(),
    validators=(format_address(VALIDATORS[1].address),), genesis_time=GENESIS_TIME, base_fee=7,
    light_clients=(), applications=(),
)  # fmt: skip


class Peers:
    """A node that follows a chain that stands still, and the test's connections to it."""

    def __init__(self, node, port):
        self.node, self.port, self.writers = node, port, []

    async def connect(self):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writers.append(writer)
        return reader, writer

    async def greet(self):
        """Connect and say what a peer says first; return both streams."""
        reader, writer = await self.connect()
        status = replace(self.node.gossip.status(7), head=0)
        writer.write(wire.encode_frame(wire.STATUS, wire.encode_status(status)))
        assert (await heard(reader))[0] == wire.STATUS
        return reader, writer

    async def until(self, condition):
        while not condition():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0)


def run(tmp_path, scenario):
    """Run a scenario beside a node."""

    async def within():
        listening = asyncio.get_running_loop().create_future()
        start_server = asyncio.start_server

        async def listen(*args):
            server = await start_server(*args)
            listening.set_result(server.sockets[0].getsockname()[1])
            return server

        node = AccountNode(tmp_path, SETTINGS, Host(), (), ())
        async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as group:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(asyncio, "start_server", listen)
                task = group.create_task(node.run())
                peers = Peers(node, await listening)
            try:
                await scenario(peers)
            finally:
                for writer in peers.writers:
                    writer.close()
                task.cancel()

    asyncio.run(within())


async def heard(reader):
    """The next message."""
    code, size = wire.decode_frame(await reader.readexactly(wire.FRAME_BYTES))
    return code, await reader.readexactly(size)


async def left(reader):
    """Return when the node has closed the connection."""
    try:
        while await reader.read(65_536):
            pass
    except ConnectionResetError:
        pass


def test_a_stranger_that_does_not_greet_is_let_go(tmp_path, monkeypatch) -> None:
    """A half-open connection has its place for the handshake's time only."""
    monkeypatch.setattr(limits, "HANDSHAKE_TIMEOUT_S", 0.1)

    async def scenario(peers):
        reader, _ = await peers.connect()
        await left(reader)
        assert peers.node.peer_count() == 0

    run(tmp_path, scenario)


def test_strangers_have_so_many_places(tmp_path, monkeypatch) -> None:
    """One more than fit is refused at once, and a place that is free again is given again."""
    monkeypatch.setattr(limits, "MAX_STRANGERS", 3)

    async def scenario(peers):
        waiting = [await peers.connect() for _ in range(3)]
        for reader, _ in waiting:
            assert (await heard(reader))[0] == wire.STATUS
        refused, _ = await peers.connect()
        assert await refused.read(1) == b""
        waiting[0][1].close()
        await peers.until(lambda: peers.node._strangers < 3)
        await peers.greet()

    run(tmp_path, scenario)


def test_a_greeting_is_small(tmp_path) -> None:
    """A stranger cannot make the node wait for 16 MiB."""

    async def scenario(peers):
        reader, writer = await peers.connect()
        writer.write(wire.encode_frame(wire.STATUS, bytes(wire.MAX_STATUS_BYTES + 1)))
        await left(reader)
        assert peers.node.peer_count() == 0

    run(tmp_path, scenario)


@pytest.mark.parametrize("half", [b"", wire.MAGIC + b"\x01\x00"], ids=["nothing", "half a message"])
def test_a_peer_that_falls_silent_is_gone(tmp_path, monkeypatch, half) -> None:
    """Its machine may have died without a word: its place is free after a while."""
    monkeypatch.setattr(limits, "MAX_SILENCE_S", 0.2)

    async def scenario(peers):
        reader, writer = await peers.greet()
        writer.write(half)
        await left(reader)
        assert peers.node.peer_count() == 0

    run(tmp_path, scenario)


def test_a_peer_hears_that_the_node_is_there(tmp_path, monkeypatch) -> None:
    """On a chain that stands still the head is told again and again: nobody takes it for dead."""
    monkeypatch.setattr(limits, "HEARTBEAT_S", 0.05)

    async def scenario(peers):
        reader, _ = await peers.greet()
        assert [(await heard(reader))[0] for _ in range(3)] == [wire.NEW_HEAD] * 3

    run(tmp_path, scenario)


def test_a_peer_that_asks_and_does_not_read_is_dropped(tmp_path, monkeypatch) -> None:
    """Answers wait up to a number of bytes, not up to what the peer asked for."""
    monkeypatch.setattr(limits, "MAX_QUEUED_BYTES", 100_000)
    monkeypatch.setattr(limits, "COST_OF_BLOCKS", 0)
    queued = []

    async def scenario(peers):
        node = peers.node
        await peers.greet()
        await peers.until(node.peer_count)
        (peer,) = node._peers.values()
        large = bytes(50_000)
        for _ in range(1_000):
            node._put(peer, wire.BLOCKS, large)
            queued.append(peer.queued_bytes)
        await peers.until(lambda: not node.peer_count())

    run(tmp_path, scenario)
    assert 50_000 < max(queued) <= 100_000


def test_blocks_are_asked_for_at_a_rate(tmp_path, monkeypatch) -> None:
    """Each request counts as many messages: a peer cannot keep the node busy with small questions."""
    monkeypatch.setattr(limits, "MAX_MESSAGES_PER_SECOND", 1_000)
    monkeypatch.setattr(limits, "COST_OF_BLOCKS", 400)

    async def scenario(peers):
        reader, writer = await peers.greet()
        ask = wire.encode_frame(wire.GET_BLOCKS, wire.encode_range((0, 1)))
        writer.write(ask * 3)
        await left(reader)

    run(tmp_path, scenario)
    peer = limits._Peer(1, None, None, float("inf"))
    limits._count(peer, 400)
    limits._count(peer, 400)
    with pytest.raises(PeerBrokeRule):
        limits._count(peer, 400)


def test_transactions_that_nobody_pays_for_are_taken_at_a_rate(tmp_path, monkeypatch) -> None:
    """Each costs the recovery of its sender: a peer that sends many of them is dropped."""
    monkeypatch.setattr(limits, "MAX_MESSAGES_PER_SECOND", 100)
    wallet = AccountWorld()
    poor = [wallet.sign(User(500 + n), BOB.address, value=1, nonce=0) for n in range(26)]
    frames = [
        wire.encode_frame(wire.TRANSACTIONS, wire.encode_items([encode_transaction(each)]))
        for each in poor
    ]

    async def scenario(peers):
        reader, writer = await peers.greet()
        writer.write(b"".join(frames))
        await left(reader)
        assert len(peers.node.pool) == 0

    run(tmp_path, scenario)
    assert limits.COST_OF_REFUSED * len(poor) > 100 > 2 * len(poor)
