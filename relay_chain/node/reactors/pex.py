"""The peer exchange reactor: tells peers of peers, and dials those that it was told of."""

import asyncio
import random
import time
from dataclasses import dataclass

import structlog

from chainkit.primitives.errors import MalformedMessage, RuleBroken
from chainkit.primitives.types import TimestampNs
from relay_chain.consensus.messages import PeerId
from relay_chain.node.p2p.address import PeerAddress, parse_host_port
from relay_chain.node.p2p.address_book import AddressBook
from relay_chain.node.p2p.multiplex import ChannelDescriptor
from relay_chain.node.p2p.peer import Peer
from relay_chain.node.p2p.reactor import Peers
from relay_chain.node.reactors.limits import (
    MAX_PEX_ADDRESSES,
    MAX_PEX_MESSAGE_BYTES,
    PEX_CHANNEL,
    PEX_FREE_REQUESTS,
    PEX_PERIOD_NS,
    PEX_QUEUE_MESSAGES,
    PEX_REQUEST_PERIOD_NS,
)
from relay_chain.node.reactors.pex_messages import (
    PexAddrs,
    PexRequest,
    decode_pex_message,
    encode_pex_message,
)
from relay_chain.node.reactors.waiting import wait_for_flag


class PexError(RuleBroken):
    """A peer broke a rule of peer exchange."""

    codespace = "pex"


class UnsolicitedAddresses(PexError):
    """Addresses came that were not asked for: they are to fill the book."""

    code = 2

    def __init__(self, *, count: int) -> None:
        super().__init__(f"{count} addresses were not asked for")
        self.count = count


class RequestTooSoon(PexError):
    """A peer asks so often that the answers are what it wants."""

    code = 3

    def __init__(self) -> None:
        super().__init__("addresses were asked for again too soon")


@dataclass(slots=True)
class _Known:
    """What passed between a peer and us; mutable, as it goes on."""

    is_asked: bool = False
    ask_at: TimestampNs = TimestampNs(0)
    """When it may be asked again: sooner it would drop us."""
    requests: int = 0
    last_request: TimestampNs = TimestampNs(0)


class PexReactor:
    """Channel 0x00. Mutable: it keeps the address book.

    Args:
        book: Addresses heard of.
        seeds: Dialled while nobody else is known.
        max_outbound: How many peers this node dials.
    """

    channels = (ChannelDescriptor(PEX_CHANNEL, 1, PEX_QUEUE_MESSAGES, MAX_PEX_MESSAGE_BYTES),)

    def __init__(
        self, book: AddressBook, *, seeds: tuple[PeerAddress, ...], max_outbound: int
    ) -> None:
        self._book = book
        self._seeds = seeds
        self._max_outbound = max_outbound
        self._known: dict[PeerId, _Known] = {}
        self._work = asyncio.Event()
        self._log = structlog.get_logger()

    def peer_added(self, peer: Peer) -> None:
        """Note where a peer can be reached; ask one that we dialled whom it knows."""
        self._known[peer.id] = _Known()
        address = _address_of(peer)
        if address is not None:
            self._book.add(address, peer.id)
        self._book.connected(peer.id)
        if peer.is_outbound:
            self._ask(peer)

    def peer_removed(self, peer: Peer, reason: Exception) -> None:
        """Forget a peer, and its address if it broke a rule."""
        self._known.pop(peer.id, None)
        if isinstance(reason, PexError | MalformedMessage):
            self._book.misbehaved(peer.id)
        self._work.set()

    async def serve_peer(self, peer: Peer) -> None:
        """Peers are served as they ask."""

    async def receive(self, channel_id: int, peer: Peer, message: bytes) -> None:  # noqa: ARG002
        """Answer a request, or take an answer into the book.

        Raises:
            RuleBroken: The message does not decode, was not asked for, or comes too often.
        """
        known = self._known[peer.id]
        match decode_pex_message(message):
            case PexRequest():
                self._count_request(known)
                answer = PexAddrs(self._selection(peer.id))
                peer.try_send(PEX_CHANNEL, encode_pex_message(answer))
            case PexAddrs(addresses):
                if not known.is_asked:
                    raise UnsolicitedAddresses(count=len(addresses))
                known.is_asked = False
                taken = sum(self._book.add(address, peer.id) for address in addresses)
                self._log.debug("pex.addresses_taken", peer=peer.id, taken=taken)
                self._work.set()

    async def run(self, peers: Peers) -> None:
        """Look for more peers now and then, and when one is gone or addresses came."""
        while True:
            self._look(peers, _now())
            await wait_for_flag(self._work, PEX_PERIOD_NS)

    def _look(self, peers: Peers, now: TimestampNs) -> None:
        connected = peers.peers()
        missing = self._max_outbound - sum(peer.is_outbound for peer in connected)
        ids = {peer.id for peer in connected}
        for _ in range(max(0, missing)):
            address = self._book.next_to_dial(ids, now)
            if address is None:
                break
            ids.add(address.id)
            peers.dial(address, keep=False)
        if not connected:
            for seed in self._seeds:
                peers.dial(seed, keep=False)
        elif missing > 0 and not self._book.is_full:
            self._ask(random.choice(connected))

    def _ask(self, peer: Peer) -> None:
        known, now = self._known.get(peer.id), _now()
        if known is None or known.is_asked or now < known.ask_at:
            return
        known.is_asked = peer.try_send(PEX_CHANNEL, encode_pex_message(PexRequest()))
        known.ask_at = TimestampNs(now + PEX_PERIOD_NS)

    def _count_request(self, known: _Known) -> None:
        now = _now()
        known.requests += 1
        too_soon = now < known.last_request + PEX_REQUEST_PERIOD_NS
        if known.requests > PEX_FREE_REQUESTS and too_soon:
            raise RequestTooSoon
        known.last_request = now

    def _selection(self, asker: PeerId) -> tuple[PeerAddress, ...]:
        addresses = [address for address in self._book.addresses() if address.id != asker]
        return tuple(random.sample(addresses, min(len(addresses), MAX_PEX_ADDRESSES)))


def _now() -> TimestampNs:
    return TimestampNs(time.monotonic_ns())


def _address_of(peer: Peer) -> PeerAddress | None:
    """Return where a peer says that it listens, on the machine that it was seen on."""
    try:
        host, _ = parse_host_port(peer.address)
        _, port = parse_host_port(peer.node_info.listen_address)
    except MalformedMessage:
        return None
    return PeerAddress(peer.id, host, port)
