"""Peer exchange: the address book's bounds, the reactor's manners, and two hops on loopback."""

import asyncio
import contextlib
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainkit.primitives.errors import MalformedMessage, RuleBroken
from relay_chain.node.p2p.address import PeerAddress
from relay_chain.node.p2p.address_book import AddressBook, is_dialable
from relay_chain.node.p2p.limits import (
    MAX_BOOK_ADDRESSES,
    MAX_BOOK_ADDRESSES_OF_SOURCE,
    MAX_DIAL_ATTEMPTS,
    REDIAL_BOOK_FIRST_NS,
)
from relay_chain.node.p2p.node_info import NodeInfo
from relay_chain.node.p2p.node_key import NodeKey
from relay_chain.node.p2p.switch import Switch, SwitchConfig
from relay_chain.node.reactors import pex as pex_module
from relay_chain.node.reactors.limits import (
    MAX_PEX_ADDRESSES,
    PEX_CHANNEL,
    PEX_FREE_REQUESTS,
    PEX_REQUEST_PERIOD_NS,
)
from relay_chain.node.reactors.pex import PexReactor, RequestTooSoon, UnsolicitedAddresses
from relay_chain.node.reactors.pex_messages import (
    PexAddrs,
    PexRequest,
    decode_pex_message,
    encode_pex_message,
)

OWN = "00" * 20


def peer_id(number):
    return number.to_bytes(20, "big").hex()


def address(number, host="127.0.0.1", port=26656):
    return PeerAddress(peer_id(number), host, port)


def book(*, strict=False):
    return AddressBook(OWN, strict=strict)


@dataclass
class FakePeer:
    id: str
    is_outbound: bool = False
    address: str = "127.0.0.1:50000"
    sent: list = field(default_factory=list)
    listen: str = "tcp://0.0.0.0:26656"

    @property
    def node_info(self):
        return NodeInfo(self.id, self.listen, "test", "0.38.0", b"\x00", "m")

    def try_send(self, channel, message):
        assert channel == PEX_CHANNEL
        self.sent.append(decode_pex_message(message))
        return True


@dataclass
class FakePeers:
    connected: tuple = ()
    dialled: list = field(default_factory=list)

    def peers(self):
        return self.connected

    def dial(self, address, *, keep):
        assert not keep
        self.dialled.append(address)
        return True


async def until(condition):
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - the switch tells nobody of its peers
            await asyncio.sleep(0.01)


def reactor(*, seeds=(), outbound=10, strict=False):
    return PexReactor(book(strict=strict), seeds=seeds, max_outbound=outbound)


# --- messages -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message", [PexRequest(), PexAddrs(()), PexAddrs((address(1), address(2)))]
)
def test_a_message_comes_back_as_it_was_sent(message):
    """What is encoded is decoded again; a request is CometBFT's two bytes."""
    assert decode_pex_message(encode_pex_message(message)) == message
    assert encode_pex_message(PexRequest()).hex() == "0a00"


@pytest.mark.parametrize(
    "addresses",
    [
        [PeerAddress("xx", "1.2.3.4", 1)],
        [address(1, host="")],
        [address(1, host="1" * 46)],
        [address(1, port=0)],
        [address(1, port=65_536)],
        [address(number) for number in range(MAX_PEX_ADDRESSES + 1)],
    ],
    ids=["id", "no host", "long host", "no port", "port", "too many"],
)
def test_an_address_that_is_none_is_refused(addresses):
    """A list with one address that cannot be, or with too many, is no message."""
    with pytest.raises(MalformedMessage):
        decode_pex_message(encode_pex_message(PexAddrs(tuple(addresses))))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_a_broken_rule(data):
    """The decoder is total."""
    with contextlib.suppress(RuleBroken):
        decode_pex_message(data)


# --- the book -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "strict", "loose"),
    [
        ("8.8.8.8", True, True),
        ("127.0.0.1", False, True),
        ("10.0.0.1", False, True),
        ("0.0.0.0", False, False),
        ("224.0.0.1", False, False),
        ("example.org", False, False),
    ],
)
def test_hearsay_is_dialled_only_at_addresses(host, strict, loose):
    """Names, and addresses of nobody, are not dialled; a strict book takes public ones only."""
    assert is_dialable(host, strict=True) is strict
    assert is_dialable(host, strict=False) is loose


def test_one_peer_fills_a_small_part_of_the_book():
    """However much one peer tells, others find room; and the book as a whole is bounded."""
    ours = book()
    taken = sum(ours.add(address(number), peer_id(1)) for number in range(100, 400))
    for source in range(2, 40):
        for number in range(100):
            ours.add(address(1_000 * source + number), peer_id(source))

    assert taken == MAX_BOOK_ADDRESSES_OF_SOURCE
    assert len(ours) == MAX_BOOK_ADDRESSES
    assert ours.is_full
    assert not ours.add(address(5), peer_id(50))


def test_hearsay_replaces_no_address():
    """A peer's address is changed by the peer itself and by nobody else."""
    ours = book()
    assert ours.add(address(1), peer_id(1))
    assert not ours.add(address(1, host="127.0.0.9"), peer_id(2))
    assert ours.addresses() == (address(1),)
    assert ours.add(address(1, host="127.0.0.9"), peer_id(1))
    assert ours.addresses() == (address(1, host="127.0.0.9"),)
    assert not ours.add(PeerAddress(OWN, "127.0.0.1", 1), peer_id(2))


def test_a_dead_address_is_tried_ever_less_and_then_forgotten():
    """Attempts come after ever longer waits, each the double of the one before, and end."""
    ours = book()
    ours.add(address(1), peer_id(2))
    now = 0
    for attempt in range(1, MAX_DIAL_ATTEMPTS + 1):
        assert ours.next_to_dial((), now) == address(1)
        wait = REDIAL_BOOK_FIRST_NS << attempt
        assert ours.next_to_dial((), now + wait - 1) is None
        now += wait

    assert len(ours) == 0


def test_a_peer_that_misbehaved_takes_its_hearsay_along():
    """Who breaks a rule is forgotten, with all that only it told of."""
    ours = book()
    ours.add(address(1), peer_id(1))
    ours.add(address(2), peer_id(1))
    ours.add(address(3), peer_id(4))
    ours.misbehaved(peer_id(1))

    assert ours.addresses() == (address(3),)


# --- the reactor ----------------------------------------------------------------------------


async def test_a_dialled_peer_is_asked_and_what_it_tells_is_dialled():
    """We ask those whom we dialled; what they know is dialled, up to the wanted number."""
    ours = reactor(outbound=3)
    peer = FakePeer(peer_id(1), is_outbound=True)
    ours.peer_added(peer)
    assert peer.sent == [PexRequest()]
    told = PexAddrs(tuple(address(number) for number in range(2, 9)))
    await ours.receive(PEX_CHANNEL, peer, encode_pex_message(told))
    peers = FakePeers((peer,))
    ours._look(peers, 10**18)

    assert len(peers.dialled) == 2
    assert set(peers.dialled) <= set(told.addresses)


async def test_a_peer_is_not_asked_again_at_once():
    """An answer brings no new question: a peer asked too often would drop us."""
    ours = reactor()
    peer = FakePeer(peer_id(1), is_outbound=True)
    ours.peer_added(peer)
    await ours.receive(PEX_CHANNEL, peer, encode_pex_message(PexAddrs(())))
    ours._look(FakePeers((peer,)), 10**18)

    assert peer.sent == [PexRequest()]


async def test_addresses_that_nobody_asked_for_drop_the_peer():
    """A list that was not asked for, or a second one, is refused and not noted."""
    ours = reactor()
    peer = FakePeer(peer_id(1))
    ours.peer_added(peer)
    told = encode_pex_message(PexAddrs((address(7),)))

    with pytest.raises(UnsolicitedAddresses):
        await ours.receive(PEX_CHANNEL, peer, told)
    assert address(7) not in ours._book.addresses()


async def test_a_peer_that_asks_too_often_is_dropped(monkeypatch):
    """Two requests are free; after that one in ten seconds is answered."""
    clock = [10**18]
    monkeypatch.setattr(pex_module, "_now", lambda: clock[0])
    ours = reactor()
    peer = FakePeer(peer_id(1))
    ours.peer_added(peer)
    for _ in range(PEX_FREE_REQUESTS):
        await ours.receive(PEX_CHANNEL, peer, encode_pex_message(PexRequest()))
    clock[0] += PEX_REQUEST_PERIOD_NS
    await ours.receive(PEX_CHANNEL, peer, encode_pex_message(PexRequest()))
    assert len(peer.sent) == PEX_FREE_REQUESTS + 1
    clock[0] += PEX_REQUEST_PERIOD_NS - 1

    with pytest.raises(RequestTooSoon):
        await ours.receive(PEX_CHANNEL, peer, encode_pex_message(PexRequest()))


async def test_an_inbound_peer_is_known_by_the_machine_that_it_came_from():
    """A peer says on which port it listens; where is what we saw, and nobody is told of itself."""
    ours = reactor()
    peer = FakePeer(peer_id(1), address="127.0.0.5:51234", listen="tcp://8.8.8.8:777")
    ours.peer_added(peer)
    other = FakePeer(peer_id(2))
    ours.peer_added(other)
    for each in (peer, other):
        await ours.receive(PEX_CHANNEL, each, encode_pex_message(PexRequest()))

    assert other.sent == [PexAddrs((address(1, host="127.0.0.5", port=777),))]
    assert peer.sent == [PexAddrs((address(2),))]


def test_seeds_are_dialled_while_nobody_is_there():
    """Without a peer the seeds are dialled; with one they are not."""
    seed = address(9)
    ours = reactor(seeds=(seed,))
    alone, joined = FakePeers(), FakePeers((FakePeer(peer_id(1)),))
    ours.peer_added(joined.connected[0])
    ours._look(alone, 1)
    ours._look(joined, 10**18)

    assert seed in alone.dialled
    assert seed not in joined.dialled


async def test_a_node_finds_those_whom_its_only_peer_knows():
    """Of three nodes on loopback two dial the third, and end with a connection to each other."""
    keys = [NodeKey(bytes([number]) * 32) for number in range(3)]

    def node(key, peers=()):
        info = NodeInfo(key.id, "tcp://127.0.0.1:1", "test", "0.38.0", b"\x00", "m")
        pex = PexReactor(AddressBook(key.id, strict=False), seeds=(), max_outbound=5)
        return Switch(key, info, (pex,), SwitchConfig(persistent_peers=peers))

    async with asyncio.TaskGroup() as group:
        hub = node(keys[0])
        tasks = [group.create_task(hub.run())]
        at = PeerAddress(keys[0].id, "127.0.0.1", await hub.wait_listening())
        others = []
        for key in keys[1:]:
            switch = node(key, (at,))
            tasks.append(group.create_task(switch.run()))
            port = await switch.wait_listening()
            object.__setattr__(switch.node_info, "listen_address", f"tcp://127.0.0.1:{port}")
            others.append(switch)
            await until(lambda switch=switch: switch.peer(keys[0].id))
        await until(lambda: others[0].peer(keys[2].id))
        for task in tasks:
            task.cancel()
