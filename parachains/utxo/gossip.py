"""What a node says to its peers, as a machine without I/O: messages in, messages out.

Headers first: a peer's headers are checked and kept, then the missing blocks of the
heaviest chain are asked for in order, a bounded number at a time from each peer. A peer
that breaks a rule is named with its reason, to be dropped.
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from chainkit.formats.bitcoin.blocks import Block, decode_block
from chainkit.formats.bitcoin.errors import BitcoinRuleBroken
from chainkit.formats.bitcoin.header_chain import ChainPoint
from chainkit.formats.bitcoin.transactions import Transaction, decode_transaction
from chainkit.primitives.errors import RuleBroken
from parachains.utxo import wire
from parachains.utxo.chain import Chain, ChainChange, UnknownParent
from parachains.utxo.mempool import Mempool

MAX_BLOCKS_IN_FLIGHT = 16
MAX_KNOWN_PER_PEER = 5_000
MAX_REFUSED_KEPT = 5_000
_HARMLESS = frozenset({"time-too-new", "prev-blk-not-found"})
"""Refusals of blocks that say nothing of the peer: a clock, or a header not asked for yet."""

Out = tuple[int, str, bytes]
"""A message to a peer: its number, the command, the payload."""


class PeerBrokeRule(RuleBroken):
    """A peer must be dropped."""

    codespace = "utxo"
    code = 5


@dataclass(slots=True)
class PeerState:
    """What is known of a peer; mutable."""

    in_flight: set[bytes] = field(default_factory=set)
    known: OrderedDict[bytes, None] = field(default_factory=OrderedDict)
    best: ChainPoint | None = None
    """The heaviest header that it told us of, of several the last."""

    def note(self, name: bytes) -> bool:
        """Note that the peer knows something; return whether that is new."""
        if name in self.known:
            return False
        self.known[name] = None
        if len(self.known) > MAX_KNOWN_PER_PEER:
            self.known.popitem(last=False)
        return True


class Gossip:
    """One node's conversation with all its peers; mutable.

    ``changed`` is told of every change of the active chain, ours and from peers.
    """

    def __init__(
        self,
        chain: Chain,
        mempool: Mempool,
        now: Callable[[], int],
        changed: Callable[[ChainChange], None],
    ) -> None:
        self._chain = chain
        self._mempool = mempool
        self._now = now
        self._changed = changed
        self._peers: dict[int, PeerState] = {}
        self._refused: OrderedDict[bytes, None] = OrderedDict()

    @property
    def peers(self) -> int:
        """How many peers there are."""
        return len(self._peers)

    def peer_added(self, peer: int) -> list[Out]:
        """Greet a peer after the handshake: ask for its headers."""
        self._peers[peer] = PeerState()
        return [(peer, "getheaders", wire.encode_getheaders(self.locator()))]

    def peer_removed(self, peer: int) -> list[Out]:
        """Forget a peer; what it was asked for is asked of others."""
        self._peers.pop(peer, None)
        return self._ask_for_blocks()

    def locator(self) -> tuple[bytes, ...]:
        """Return hashes of the active chain, dense near the tip, thinning out to genesis."""
        hashes: list[bytes] = []
        height, step = self._chain.tip.height, 1
        while height > 0 and len(hashes) < wire.MAX_LOCATOR - 1:
            point = self._chain.at(height)
            assert point is not None
            hashes.append(point.header.hash)
            step = step * 2 if len(hashes) > 10 else 1
            height -= step
        hashes.append(self._chain.parameters.genesis.header.hash)
        return tuple(hashes)

    def receive(self, peer: int, command: str, payload: bytes) -> list[Out]:
        """Return what a message of a peer is answered with.

        Raises:
            PeerBrokeRule: The peer must be dropped, for this reason.
        """
        handler = {
            "inv": self._on_inventory,
            "getdata": self._on_getdata,
            "getheaders": self._on_getheaders,
            "headers": self._on_headers,
            "block": self._on_block,
            "tx": self._on_transaction,
            "notfound": self._on_not_found,
            "ping": self._on_ping,
        }.get(command)
        if handler is None:
            return []
        try:
            return handler(peer, payload)
        except PeerBrokeRule:
            raise
        except RuleBroken as error:
            raise PeerBrokeRule(f"{command}: {error}") from error

    def _on_ping(self, peer: int, payload: bytes) -> list[Out]:
        return [(peer, "pong", payload)]

    def _on_inventory(self, peer: int, payload: bytes) -> list[Out]:
        state = self._peers[peer]
        wanted: list[tuple[int, bytes]] = []
        out: list[Out] = []
        for kind, name in wire.decode_inventory(payload):
            state.note(name)
            if kind == wire.BLOCK and self._chain.point(name) is None:
                out = [(peer, "getheaders", wire.encode_getheaders(self.locator()))]
            unknown = name not in self._mempool and name not in self._refused
            if kind == wire.TX and unknown and self._chain.height_of(name) is None:
                wanted.append((kind, name))
        if wanted:
            out.append((peer, "getdata", wire.encode_inventory(wanted, witness=True)))
        return out

    def _on_getdata(self, peer: int, payload: bytes) -> list[Out]:
        out: list[Out] = []
        missing: list[tuple[int, bytes]] = []
        for kind, name in wire.decode_inventory(payload):
            block = self._chain.block(name) if kind == wire.BLOCK else None
            entry = self._mempool.get(name) if kind == wire.TX else None
            if block is not None:
                out.append((peer, "block", block.encoded))
            elif entry is not None:
                out.append((peer, "tx", entry.tx.encoded))
            else:
                missing.append((kind, name))
        if missing:
            out.append((peer, "notfound", wire.encode_inventory(missing)))
        return out

    def _on_not_found(self, peer: int, payload: bytes) -> list[Out]:
        """Ask others for what the peer does not have."""
        state = self._peers[peer]
        for _, name in wire.decode_inventory(payload):
            state.in_flight.discard(name)
            state.known.pop(name, None)
        return self._ask_for_blocks()

    def _on_getheaders(self, peer: int, payload: bytes) -> list[Out]:
        start = 0
        for name in wire.decode_getheaders(payload):
            point = self._chain.point(name)
            if point is not None and self._chain.is_active(point):
                start = point.height
                break
        last = min(self._chain.tip.height, start + wire.MAX_HEADERS)
        points = (self._chain.at(height) for height in range(start + 1, last + 1))
        headers = [point.header for point in points if point is not None]
        return [(peer, "headers", wire.encode_headers(headers))] if headers else []

    def _on_headers(self, peer: int, payload: bytes) -> list[Out]:
        headers = wire.decode_headers(payload)
        out: list[Out] = []
        for header in headers:
            try:
                point = self._chain.accept_header(header, self._now())
            except UnknownParent:
                return [(peer, "getheaders", wire.encode_getheaders(self.locator()))]
            except BitcoinRuleBroken as error:
                if error.reason in _HARMLESS:
                    break
                raise
            self._peers[peer].note(header.hash)
            best = self._peers[peer].best
            if best is None or point.chain_work >= best.chain_work:
                self._peers[peer].best = point
        if len(headers) == wire.MAX_HEADERS:
            locator = (headers[-1].hash, *self.locator())
            out.append((peer, "getheaders", wire.encode_getheaders(locator[: wire.MAX_LOCATOR])))
        return out + self._ask_for_blocks()

    def _missing_below(self, tip: ChainPoint) -> deque[bytes]:
        """Return the blocks from the active chain to ``tip`` that are not here, oldest first."""
        missing: deque[bytes] = deque()
        point: ChainPoint | None = tip
        while point is not None and not self._chain.is_active(point):
            if not self._chain.has_block(point.header.hash):
                missing.appendleft(point.header.hash)
            point = self._chain.point(point.header.previous_block)
        return missing

    def _ask_for_blocks(self) -> list[Out]:
        """Ask peers that know them for the missing blocks of heavier chains, oldest first.

        Not of the heaviest alone: its block may be withheld, and must not hold up another.
        """
        told = (state.best for state in self._peers.values() if state.best is not None)
        heavier = [p for p in told if p.chain_work > self._chain.tip.chain_work]
        tips = {tip.header.hash: tip for tip in (self._chain.heaviest_header(), *heavier)}
        missing: dict[bytes, None] = {}
        for tip in tips.values():
            missing |= dict.fromkeys(self._missing_below(tip))
        flying = {name for state in self._peers.values() for name in state.in_flight}
        asked: dict[int, list[tuple[int, bytes]]] = {}
        for name in missing:
            if name in flying:
                continue
            able = [
                (len(state.in_flight), peer)
                for peer, state in self._peers.items()
                if name in state.known and len(state.in_flight) < MAX_BLOCKS_IN_FLIGHT
            ]
            if not able:
                continue
            peer = min(able)[1]
            self._peers[peer].in_flight.add(name)
            asked.setdefault(peer, []).append((wire.BLOCK, name))
        return [
            (peer, "getdata", wire.encode_inventory(items, witness=True))
            for peer, items in asked.items()
        ]

    def _on_block(self, peer: int, payload: bytes) -> list[Out]:
        block = decode_block(payload)
        name = block.header.hash
        self._peers[peer].in_flight.discard(name)
        self._peers[peer].note(name)
        try:
            out = self.submit_block(block)
        except UnknownParent:
            return [(peer, "getheaders", wire.encode_getheaders(self.locator()))]
        except BitcoinRuleBroken as error:
            if error.reason in _HARMLESS:
                return self._ask_for_blocks()
            raise
        return out + self._ask_for_blocks()

    def submit_block(self, block: Block) -> list[Out]:
        """Take a block, a peer's or our own, and tell peers of a new tip.

        Raises:
            BitcoinRuleBroken: It, or what is connected with it, breaks a rule.
        """
        change = self._chain.accept_block(block, self._now())
        if not change.connected:
            return []
        connected = [tx for item in change.connected for tx in item.block.transactions]
        disconnected = [tx for item in reversed(change.disconnected) for tx in item.transactions]
        self._mempool.after_change(disconnected, connected)
        self._changed(change)
        tip = self._chain.tip.header
        return self._tell("headers", tip.hash, wire.encode_headers([tip]))

    def _on_transaction(self, peer: int, payload: bytes) -> list[Out]:
        tx = decode_transaction(payload)
        self._peers[peer].note(tx.txid)
        try:
            self._mempool.add(tx)
        except BitcoinRuleBroken:
            # Another node's mempool may differ from ours: no reason to drop a peer.
            self._refused[tx.txid] = None
            if len(self._refused) > MAX_REFUSED_KEPT:
                self._refused.popitem(last=False)
            return []
        return self.announce_transaction(tx)

    def announce_transaction(self, tx: Transaction) -> list[Out]:
        """Tell peers of a transaction that the mempool holds."""
        return self._tell("inv", tx.txid, wire.encode_inventory([(wire.TX, tx.txid)]))

    def _tell(self, command: str, name: bytes, payload: bytes) -> list[Out]:
        return [(peer, command, payload) for peer, state in self._peers.items() if state.note(name)]
