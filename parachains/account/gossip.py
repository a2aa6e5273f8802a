"""What a node tells its peers, as a machine without I/O: messages in, messages out.

Validators need not all be connected: a validator's message for this height or a near one that
the machine did not refuse is passed on to the peers that do not have it yet. A peer whose head is
higher is asked for the blocks between, one request at a time.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from chainkit.formats.ethereum.blocks import decode_block, encode_block
from chainkit.formats.ethereum.transactions import decode_transaction, encode_transaction
from chainkit.formats.ethereum.types import Transaction
from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.keccak import keccak256
from chainkit.primitives.types import Address, Hash32
from parachains.account import wire
from parachains.account.chain import Chain, StoredBlock
from parachains.account.consensus.blocks import decode_proposed_block
from parachains.account.consensus.codec import decode_message, encode_message
from parachains.account.consensus.limits import MAX_FUTURE_HEIGHTS
from parachains.account.consensus.messages import Message, PeerId
from parachains.account.engine import Engine
from parachains.account.errors import AlreadyKnown, TransactionRefused
from parachains.account.limits import MAX_KNOWN_MESSAGES, MAX_PASSED_ON
from parachains.account.mempool import Mempool

Out = tuple[int, int, bytes]
"""A message to a peer: its number, the code, the payload."""


class PeerBrokeRule(RuleBroken):
    """A peer must be dropped."""

    codespace = "account"
    code = 30


@dataclass(slots=True)
class PeerState:
    """What is known of a peer; mutable."""

    head: int
    asked: bool = False
    """Whether blocks that it was asked for have not come yet."""
    refused: int = 0
    """Transactions of it that the pool refused and did not know, since this was last asked."""
    known: "Recent" = field(default_factory=lambda: Recent(MAX_KNOWN_MESSAGES))
    """Consensus messages that it sent, or was sent."""


class Recent:
    """The last of many hashes; mutable."""

    __slots__ = ("_hashes", "_limit")

    def __init__(self, limit: int) -> None:
        self._hashes: dict[Hash32, None] = {}
        self._limit = limit

    def add(self, item: Hash32) -> bool:
        """Remember a hash; return whether it is new."""
        if item in self._hashes:
            return False
        self._hashes[item] = None
        if len(self._hashes) > self._limit:
            del self._hashes[next(iter(self._hashes))]
        return True


class Gossip:
    """One node's conversation with all its peers; mutable."""

    def __init__(
        self,
        chain: Chain,
        pool: Mempool,
        engine: Engine,
        heard: Callable[[Hash32], None],
    ) -> None:
        """Begin without peers.

        Args:
            chain: Of the node.
            pool: Of the node.
            engine: Takes consensus messages and sealed blocks.
            heard: Told of each transaction that is new to the pool.
        """
        self._chain = chain
        self._pool = pool
        self._engine = engine
        self._heard = heard
        self._peers: dict[int, PeerState] = {}
        self._seen = Recent(MAX_KNOWN_MESSAGES)
        self._view = (0, 0)
        self._passed_on: Counter[Address] = Counter()

    @property
    def peers(self) -> int:
        """How many peers there are."""
        return len(self._peers)

    def highest_known(self) -> int:
        """Return the highest head that a peer has told of."""
        return max((peer.head for peer in self._peers.values()), default=0)

    def status(self, nonce: int) -> wire.Status:
        """Return this node's greeting."""
        return wire.Status(
            wire.PROTOCOL_VERSION,
            self._chain.ledger.identity.evm_chain_id,
            self._chain.genesis.hash,
            self._chain.head.header.number,
            nonce,
        )

    def peer_added(self, peer: int, status: wire.Status) -> list[Out]:
        """Take a peer in after its greeting: tell it what waits, ask for what it has more.

        Raises:
            PeerBrokeRule: It is on another chain.
        """
        own = self.status(0)
        if (status.version, status.chain_id, status.genesis) != (
            own.version,
            own.chain_id,
            own.genesis,
        ):
            raise PeerBrokeRule("peer is on another chain")
        self._peers[peer] = PeerState(status.head)
        waiting = [encode_transaction(each) for each in self._pool.all()]
        size = wire.MAX_TRANSACTIONS_PER_MESSAGE
        parts = (waiting[at : at + size] for at in range(0, len(waiting), size))
        told: list[Out] = [(peer, wire.TRANSACTIONS, wire.encode_items(part)) for part in parts]
        return told + self._ask(peer)

    def peer_removed(self, peer: int) -> None:
        """Forget a peer."""
        self._peers.pop(peer, None)

    def receive(self, peer: int, code: int, payload: bytes) -> list[Out]:
        """Return what a message of a peer is answered with.

        Raises:
            PeerBrokeRule: The peer must be dropped, for this reason.
        """
        try:
            if code in wire.CONSENSUS_CODES:
                return self._on_consensus(peer, code, payload)
            match code:
                case wire.NEW_HEAD:
                    self._peers[peer].head = wire.decode_number(payload)
                    return self._ask(peer)
                case wire.GET_BLOCKS:
                    return self._give(peer, *wire.decode_range(payload))
                case wire.BLOCKS:
                    return self._take(peer, payload)
                case wire.TRANSACTIONS:
                    return self._on_transactions(peer, payload)
                case _:
                    return []
        except PeerBrokeRule:
            raise
        except RuleBroken as error:
            raise PeerBrokeRule(f"message {code:#x}: {error}") from error

    def _on_consensus(self, peer: int, code: int, payload: bytes) -> list[Out]:
        """Hand a message to the machine, and pass it on where it is new.

        What came from another peer before is not looked at again; what one peer sends again is, as
        it was sent again because it may have come too early.
        """
        name = keccak256(bytes((code,)) + payload)
        is_first_of_peer = self._peers[peer].known.add(name)
        if not self._seen.add(name) and is_first_of_peer:
            return []
        message = decode_message(code, payload, decode_proposed_block)
        if not self._engine.receive(message, PeerId(str(peer))) or not self._is_fit(message):
            return []
        return [
            (number, code, payload)
            for number, state in self._peers.items()
            if state.known.add(name)
        ]

    def _is_fit(self, message: Message) -> bool:
        """Return whether to pass a message on: so many of each validator in one round of ours."""
        author, height = message.signed.author, message.signed.payload.height
        near = range(self._engine.height, self._engine.height + MAX_FUTURE_HEIGHTS + 1)
        if height not in near or author not in self._engine.validators:
            return False
        if self._view != self._engine.view:
            self._view = self._engine.view
            self._passed_on.clear()
        self._passed_on[author] += 1
        return self._passed_on[author] <= MAX_PASSED_ON

    def take_refused(self, peer: int) -> int:
        """Return how many transactions of a peer were refused since this was last asked.

        Each took the recovery of its sender, and only a funded one pays for that.
        """
        refused, self._peers[peer].refused = self._peers[peer].refused, 0
        return refused

    def _ask(self, peer: int) -> list[Out]:
        """Ask a peer for the blocks after our head, if it has some and owes none."""
        state, first = self._peers[peer], self._chain.head.header.number + 1
        if state.asked or state.head < first:
            return []
        state.asked = True
        count = min(state.head + 1 - first, wire.MAX_BLOCKS_PER_MESSAGE)
        return [(peer, wire.GET_BLOCKS, wire.encode_range((first, count)))]

    def _give(self, peer: int, first: int, count: int) -> list[Out]:
        found: list[bytes] = []
        size = 0
        for stored in self._chain.blocks(first, first + count - 1):
            encoded = encode_block(stored.block)
            size += len(encoded)
            if found and size > wire.MAX_BLOCKS_BYTES:
                break
            found.append(encoded)
        return [(peer, wire.BLOCKS, wire.encode_items(found))]

    def _take(self, peer: int, payload: bytes) -> list[Out]:
        state = self._peers[peer]
        if not state.asked:
            raise PeerBrokeRule("blocks that nobody asked for")
        state.asked = False
        taken = 0
        for encoded in wire.decode_items(payload, wire.MAX_BLOCKS_PER_MESSAGE):
            block = decode_block(encoded)
            # Ours may have been decided meanwhile.
            if block.header.number == self._chain.head.header.number + 1:
                self._engine.import_block(block)
                taken += 1
        return self._ask(peer) if taken else []

    def _on_transactions(self, peer: int, payload: bytes) -> list[Out]:
        fresh: list[bytes] = []
        for encoded in wire.decode_items(payload, wire.MAX_TRANSACTIONS_PER_MESSAGE):
            transaction = decode_transaction(encoded)
            try:
                self._heard(self._pool.add(transaction))
            except AlreadyKnown:
                continue
            except TransactionRefused:
                # Another node's pool may differ; that alone is no reason to drop a peer.
                self._peers[peer].refused += 1
                continue
            fresh.append(encoded)
        if not fresh:
            return []
        told = wire.encode_items(fresh)
        return [(each, wire.TRANSACTIONS, told) for each in self._peers if each != peer]

    def announce_transaction(self, transaction: Transaction) -> list[Out]:
        """Tell peers of a transaction that the pool took from a client."""
        told = wire.encode_items([encode_transaction(transaction)])
        return [(peer, wire.TRANSACTIONS, told) for peer in self._peers]

    def announce_block(self, stored: StoredBlock) -> list[Out]:
        """Tell peers of a new head."""
        told = wire.encode_number(stored.header.number)
        return [(peer, wire.NEW_HEAD, told) for peer in self._peers]

    def broadcast(self, message: Message) -> list[Out]:
        """Send a consensus message of this node to all."""
        code, payload = encode_message(message)
        name = keccak256(bytes((code,)) + payload)
        self._seen.add(name)
        for state in self._peers.values():
            state.known.add(name)
        return [(peer, code, payload) for peer in self._peers]
