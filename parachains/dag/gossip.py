"""What a node says to its peers, as a machine without I/O: messages in, messages out.

A new block is announced by its header, which has work before anything of it is asked for.
Two nodes that meet exchange the headers that the other lacks, along the selected chain and
what lies unmerged above it; blocks are then fetched in order, a bounded number at a time
from each peer. What comes before its parents waits, bounded. A peer that breaks a rule is
named with its reason, to be dropped.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice

from chainkit.formats.ghostdag.errors import (
    BelowWindow,
    GhostdagRuleBroken,
    TimeTooNew,
    UnknownParent,
)
from chainkit.formats.ghostdag.headers import Header
from chainkit.formats.ghostdag.rules import check_alone
from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.types import Hash32
from parachains.dag import wire
from parachains.dag.blocks import Block
from parachains.dag.chain import ChainChange, DagChain
from parachains.dag.errors import BodyPruned, InvalidBody, PeerBrokeRule, WrongSignature
from parachains.dag.mempool import Mempool
from parachains.dag.orphans import Orphans
from parachains.dag.transactions import Transaction
from parachains.dag.wanted import Wanted
from parachains.dag.wire import Kind, Reason

MAX_BLOCKS_IN_FLIGHT = 16
MAX_LOOKED_THROUGH = 512
"""Wanted blocks that are looked through when more is asked for."""

MAX_KNOWN_PER_PEER = 8_192
MAX_REFUSED_KEPT = 8_192
MAX_ANSWER_BYTES = 8_388_608
"""Of blocks, for one request."""

FETCH_TIMEOUT_MS = 20_000
_FAR = 10
"""Steps of one block in a locator, before they double."""

Out = tuple[int, Kind, bytes]
"""A message to a peer: its number, its kind, the payload."""


class _Recent(OrderedDict[Hash32, None]):
    """The names noted last; mutable and bounded."""

    def note(self, name: Hash32, most: int) -> bool:
        """Note a name; return whether it is new."""
        if name in self:
            return False
        self[name] = None
        if len(self) > most:
            self.popitem(last=False)
        return True


@dataclass(slots=True)
class PeerState:
    """What is known of a peer; mutable."""

    blocks: _Recent = field(default_factory=_Recent)
    transactions: _Recent = field(default_factory=_Recent)
    in_flight: dict[Hash32, int] = field(default_factory=dict)
    """Blocks that it was asked for, and until when it may take."""
    asked_headers_ms: int | None = None
    """When it was asked for headers that it has not sent yet."""
    last_header: Hash32 | None = None
    """Above which it has more headers, once there is room for them."""
    is_pruned: bool = False
    """Whether it has dropped bodies that we lack."""


class Gossip:
    """One node's conversation with all its peers; mutable.

    ``changed`` is told of every block that was taken, ours and from peers.
    """

    def __init__(
        self,
        chain: DagChain,
        mempool: Mempool,
        now_ms: Callable[[], int],
        changed: Callable[[Block, ChainChange], None],
    ) -> None:
        self._chain = chain
        self._mempool = mempool
        self._now_ms = now_ms
        self._changed = changed
        self._peers: dict[int, PeerState] = {}
        self._wanted = Wanted()
        self._orphans = Orphans()
        self._refused = _Recent()

    @property
    def peers(self) -> int:
        """How many peers there are."""
        return len(self._peers)

    @property
    def is_synced(self) -> bool:
        """Whether a peer has told all its headers, and few blocks are on their way.

        One peer is enough, so that a silent one does not keep a node from mining.
        """
        told = [
            peer.asked_headers_ms is None and peer.last_header is None
            for peer in self._peers.values()
        ]
        return (any(told) or not told) and len(self._wanted) <= MAX_BLOCKS_IN_FLIGHT

    @property
    def lacks_pruned(self) -> bool:
        """Whether all peers have dropped bodies that we lack: no sync is possible from them."""
        return bool(self._peers) and all(peer.is_pruned for peer in self._peers.values())

    @property
    def held(self) -> tuple[int, int, int]:
        """How many blocks are wanted, how many wait for parents, and these ones' bytes."""
        return len(self._wanted), len(self._orphans), self._orphans.size

    # --- peers and time -----------------------------------------------------------------

    def peer_added(self, peer: int) -> list[Out]:
        """Greet a peer after the handshake: ask for its headers, tell what waits."""
        self._peers[peer] = PeerState()
        waiting = [entry.tx.id for entry in self._mempool.entries()][: wire.MAX_HASHES]
        out = [self._ask_headers(peer, self.locator())]
        if waiting:
            out.append((peer, Kind.TRANSACTION_IDS, wire.encode_transaction_ids(waiting)))
        return out

    def peer_removed(self, peer: int) -> list[Out]:
        """Forget a peer; what it was asked for is asked of others."""
        self._peers.pop(peer, None)
        self._forget_unknown_wanted()
        return self._ask_for_blocks()

    def tick(self) -> tuple[list[Out], dict[int, str]]:
        """Look at the clock: return messages, and peers to be dropped with the reason."""
        now = self._now_ms()
        stalled: dict[int, str] = {}
        for number, peer in self._peers.items():
            asked = peer.asked_headers_ms
            late = asked is not None and asked + FETCH_TIMEOUT_MS < now
            if late or any(until < now for until in peer.in_flight.values()):
                stalled[number] = "it does not send what it was asked for"
        return self._ask_for_blocks(), stalled

    def locator(self) -> tuple[Hash32, ...]:
        """Return hashes of the selected chain, dense near the tip, thinning out to genesis."""
        hashes: list[Hash32] = []
        place, step = self._chain.tip_place, 1
        while place > 0 and len(hashes) < wire.MAX_LOCATOR - 2:
            here = self._chain.chain_hash(place)
            assert here is not None
            hashes.append(here)
            step = step * 2 if len(hashes) > _FAR else 1
            place -= step
        return (*hashes, self._chain.dag.genesis)

    def _ask_headers(self, peer: int, locator: tuple[Hash32, ...]) -> Out:
        self._peers[peer].asked_headers_ms = self._now_ms()
        self._peers[peer].last_header = None
        return peer, Kind.GET_HEADERS, wire.encode_get_headers(locator)

    def receive(self, peer: int, kind: Kind, payload: bytes) -> list[Out]:
        """Return what a message of a peer is answered with.

        Raises:
            PeerBrokeRule: The peer must be dropped, for this reason.
        """
        handlers: dict[Kind, wire.Handler] = {
            Kind.GET_HEADERS: self._on_get_headers,
            Kind.HEADERS: self._on_headers,
            Kind.GET_BLOCKS: self._on_get_blocks,
            Kind.BLOCK: self._on_block,
            Kind.NOT_FOUND: self._on_not_found,
            Kind.TRANSACTION_IDS: self._on_transaction_ids,
            Kind.GET_TRANSACTIONS: self._on_get_transactions,
            Kind.TRANSACTIONS: self._on_transactions,
        }
        handler = handlers.get(kind)
        if handler is None:
            raise PeerBrokeRule("it greets twice")
        try:
            return handler(peer, payload)
        except PeerBrokeRule:
            raise
        except RuleBroken as error:
            raise PeerBrokeRule(f"{kind.name.lower()}: {error}") from error

    # --- headers ------------------------------------------------------------------------

    def _on_get_headers(self, peer: int, payload: bytes) -> list[Out]:
        start = 0
        for name in wire.decode_get_headers(payload):
            place = self._chain.place_of(name)
            if place is not None:
                start = place
                break
        headers: list[Header] = []
        ended = start
        for at, block in self._chain.headers_after(start):
            if at > ended and len(headers) >= wire.MAX_HEADERS // 2:
                return [_headers_to(peer, headers, more=True)]
            ended = at
            headers.append(block.header)
        headers += [block.header for block in self._chain.unmerged()]
        return [_headers_to(peer, headers[: wire.MAX_HEADERS])]

    def _on_headers(self, peer: int, payload: bytes) -> list[Out]:
        message = wire.decode_headers(payload)
        headers, state = message.headers, self._peers[peer]
        if message.is_answer:
            if state.asked_headers_ms is None:
                raise PeerBrokeRule("an answer that nobody asked for")
            state.asked_headers_ms = None
        for header in headers:
            name = header.hash
            state.blocks.note(name, MAX_KNOWN_PER_PEER)
            if name in self._wanted or name in self._orphans or self._chain.knows(name):
                continue
            if not self._wanted.has_room(peer):
                break
            if state.is_pruned and self._is_far(header):
                continue  # it has not got what lies between
            try:
                check_alone(header, self._chain.parameters.dag, self._now_ms())
            except TimeTooNew:
                continue
            self._wanted.add(name, peer)
        if message.more and headers:
            state.last_header = headers[-1].hash
        out: list[Out] = []
        is_idle = state.asked_headers_ms is None and not state.is_pruned
        if not message.is_answer and is_idle and any(map(self._is_far, headers)):
            out.append(self._ask_headers(peer, self.locator()))
        return out + self._ask_for_blocks()

    def _is_far(self, header: Header) -> bool:
        """Return whether a header has parents that are neither here nor on their way."""
        return any(
            not (parent in self._wanted or parent in self._orphans or self._chain.knows(parent))
            for parent in header.parents
        )

    def _continue_headers(self, peer: int) -> list[Out]:
        """Ask for more headers where a peer has them and there is room."""
        state = self._peers[peer]
        has_room = self._wanted.has_room(peer, wire.MAX_HEADERS)
        if state.last_header is None or not has_room or state.asked_headers_ms is not None:
            return []
        return [self._ask_headers(peer, (state.last_header, *self.locator()))]

    # --- blocks -------------------------------------------------------------------------

    def _forget_unknown_wanted(self) -> None:
        """Drop what no peer has any more."""
        peers = self._peers.items()
        self._wanted.settle(lambda name: [peer for peer, has in peers if name in has.blocks])

    def _ask_for_blocks(self) -> list[Out]:
        """Ask peers that know them for the wanted blocks, each teller's in its order."""
        flying = {name for state in self._peers.values() for name in state.in_flight}
        asked: dict[int, list[Hash32]] = {}
        until = self._now_ms() + FETCH_TIMEOUT_MS
        for name in islice(self._wanted.in_turn(), MAX_LOOKED_THROUGH):
            if name in flying:
                continue
            able = [
                (len(state.in_flight), peer)
                for peer, state in self._peers.items()
                if name in state.blocks and len(state.in_flight) < MAX_BLOCKS_IN_FLIGHT
            ]
            if able:
                peer = min(able)[1]
                self._peers[peer].in_flight[name] = until
                asked.setdefault(peer, []).append(name)
        out: list[Out] = [
            (peer, Kind.GET_BLOCKS, wire.encode_get_blocks(names)) for peer, names in asked.items()
        ]
        for peer in self._peers:
            out += self._continue_headers(peer)
        return out

    def _on_get_blocks(self, peer: int, payload: bytes) -> list[Out]:
        out: list[Out] = []
        missing: dict[Reason, list[Hash32]] = {}
        size = 0
        for name in wire.decode_get_blocks(payload):
            found = self._chain.find(name)
            if found is None:
                missing.setdefault(Reason.UNKNOWN, []).append(name)
                continue
            if size > MAX_ANSWER_BYTES:
                missing.setdefault(Reason.LATER, []).append(name)
                continue
            try:
                block = Block(found.header, self._chain.body(name))
            except BodyPruned:
                missing.setdefault(Reason.PRUNED, []).append(name)
                continue
            encoded = wire.encode_block(block)
            size += len(encoded)
            self._peers[peer].blocks.note(name, MAX_KNOWN_PER_PEER)
            out.append((peer, Kind.BLOCK, encoded))
        out += [
            (peer, Kind.NOT_FOUND, wire.encode_not_found(names, reason))
            for reason, names in missing.items()
        ]
        return out

    def _on_not_found(self, peer: int, payload: bytes) -> list[Out]:
        """Ask others for what the peer does not send."""
        names, reason = wire.decode_not_found(payload)
        state = self._peers[peer]
        for name in names:
            if state.in_flight.pop(name, None) is None:
                raise PeerBrokeRule("it says that it lacks what it was not asked for")
            if reason is not Reason.LATER:
                state.blocks.pop(name, None)
        if reason is Reason.UNKNOWN:
            raise PeerBrokeRule("it announced blocks that it does not have, or their children")
        if reason is Reason.PRUNED:
            state.is_pruned, state.last_header = True, None
            state.blocks.clear()
            self._forget_unknown_wanted()
        return self._ask_for_blocks()

    def _on_block(self, peer: int, payload: bytes) -> list[Out]:
        block = wire.decode_block(payload)
        name = block.header.hash
        state = self._peers[peer]
        if state.in_flight.pop(name, None) is None:
            raise PeerBrokeRule("a block that it was not asked for")
        state.blocks.note(name, MAX_KNOWN_PER_PEER)
        out: list[Out] = []
        try:
            out = self.submit_block(block)
        except UnknownParent:
            out = self._wait_for_parents(peer, block)
        except (BelowWindow, TimeTooNew):
            pass  # it says nothing of the peer
        except InvalidBody:
            raise  # another peer may have the right one
        except GhostdagRuleBroken:
            self._wanted.discard(name)
            raise
        self._wanted.discard(name)
        return out + self._ask_for_blocks()

    def _wait_for_parents(self, peer: int, block: Block) -> list[Out]:
        """Keep a block, and ask its peer for parents that are not on their way: it has them."""
        try:
            missing = self._chain.missing_parents(block)
        except UnknownParent:
            return []
        self._orphans.add(block)
        state = self._peers[peer]
        flying = {name for each in self._peers.values() for name in each.in_flight}
        asked = [
            name
            for name in missing
            if name not in self._orphans and name not in flying and name not in self._wanted
        ]
        until = self._now_ms() + FETCH_TIMEOUT_MS
        state.in_flight.update(dict.fromkeys(asked, until))
        return [(peer, Kind.GET_BLOCKS, wire.encode_get_blocks(asked))] if asked else []

    def submit_block(self, block: Block) -> list[Out]:
        """Take a block, a peer's or our own, and what waited for it; tell peers.

        Raises:
            GhostdagRuleBroken: Its header breaks a rule.
            InvalidBody: Its body does.
        """
        out = self._take(block)
        pending = [block.header.hash]
        while pending:
            for child in self._orphans.take_children(pending.pop()):
                try:
                    out += self._take(child)
                except UnknownParent:
                    self._orphans.add(child)
                except RuleBroken:
                    continue  # whoever sent it is not known any more
                else:
                    pending.append(child.header.hash)
        return out

    def _take(self, block: Block) -> list[Out]:
        change = self._chain.accept_block(block, self._now_ms())
        if not change.is_new:
            return []
        self._mempool.after_change(change)
        self._changed(block, change)
        if change.connected:
            self._refused.clear()
        name = block.header.hash
        payload = wire.encode_headers(wire.HeadersMessage((block.header,)))
        return [
            (peer, Kind.HEADERS, payload)
            for peer, state in self._peers.items()
            if state.blocks.note(name, MAX_KNOWN_PER_PEER)
        ]

    # --- transactions -------------------------------------------------------------------

    def _on_transaction_ids(self, peer: int, payload: bytes) -> list[Out]:
        state = self._peers[peer]
        unknown = []
        for name in wire.decode_transaction_ids(payload):
            state.transactions.note(name, MAX_KNOWN_PER_PEER)
            if name not in self._mempool and name not in self._refused:
                unknown.append(name)
        if not unknown:
            return []
        return [(peer, Kind.GET_TRANSACTIONS, wire.encode_get_transactions(unknown))]

    def _on_get_transactions(self, peer: int, payload: bytes) -> list[Out]:
        found = (self._mempool.get(name) for name in wire.decode_get_transactions(payload))
        out: list[Out] = []
        batch: list[Transaction] = []
        size = 0
        for tx in (tx for tx in found if tx is not None):
            size += len(tx.encode())
            if batch and (
                size > wire.MAX_BYTES[Kind.TRANSACTIONS] // 2 or len(batch) == wire.MAX_TRANSACTIONS
            ):
                out.append((peer, Kind.TRANSACTIONS, wire.encode_transactions(batch)))
                batch, size = [], len(tx.encode())
            batch.append(tx)
        if batch:
            out.append((peer, Kind.TRANSACTIONS, wire.encode_transactions(batch)))
        return out

    def _on_transactions(self, peer: int, payload: bytes) -> list[Out]:
        transactions = wire.decode_transactions(payload)
        for tx in transactions:
            self._peers[peer].transactions.note(tx.id, MAX_KNOWN_PER_PEER)
        fresh = [tx for tx in transactions if tx.id not in self._mempool]
        taken = []
        for tx, refusal in zip(fresh, self._mempool.add_all(fresh), strict=True):
            if isinstance(refusal, WrongSignature):
                raise refusal
            if refusal is None:
                taken.append(tx)
            else:
                # Another node's mempool may differ from ours: no reason to drop a peer.
                self._refused.note(tx.id, MAX_REFUSED_KEPT)
        return self.announce_transactions(taken)

    def announce_transactions(self, transactions: list[Transaction]) -> list[Out]:
        """Tell peers of transactions that the mempool holds."""
        out: list[Out] = []
        for peer, state in self._peers.items():
            new = [
                tx.id for tx in transactions if state.transactions.note(tx.id, MAX_KNOWN_PER_PEER)
            ]
            for at in range(0, len(new), wire.MAX_HASHES):
                ids = wire.encode_transaction_ids(new[at : at + wire.MAX_HASHES])
                out.append((peer, Kind.TRANSACTION_IDS, ids))
        return out


def _headers_to(peer: int, headers: list[Header], *, more: bool = False) -> Out:
    message = wire.HeadersMessage(tuple(headers), is_answer=True, more=more)
    return peer, Kind.HEADERS, wire.encode_headers(message)
