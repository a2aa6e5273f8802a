"""Account nodes in one process under virtual time: real engines, gossip and databases."""

import heapq
import itertools
from collections import Counter

from chainkit.commitments.database import MemoryDatabase
from chainkit.primitives.timestamps import NS_PER_SECOND
from ibc.forward.module import APPLICATION
from parachains.account.chain import Chain
from parachains.account.engine import Engine, EngineSettings
from parachains.account.genesis import Genesis
from parachains.account.gossip import Gossip
from parachains.account.ledger import Ledger
from parachains.account.mempool import Mempool, PoolRules
from parachains.account.world import World
from tests.account_worlds import ANN, ETHER, EVM_CHAIN_ID, GENESIS_TIME, IDENTITY, SAM, User

DELAY_NS = 5_000_000
VALIDATORS = sorted((User(number) for number in range(101, 105)), key=lambda user: user.address)


class Node:
    """A node on a simulated network; its databases outlive it."""

    def __init__(self, network, number):
        self.network, self.number = network, number
        self.database, self.log = MemoryDatabase(), MemoryDatabase()
        self.invalid_peers = []
        self.open()

    def open(self):
        self.life = next(self.network.lives)
        ledger = Ledger(
            self.database,
            IDENTITY,
            light_clients=self.network.light_clients,
            applications=(APPLICATION,),
        )
        self.chain = Chain(self.database, ledger, self.network.genesis)
        rules = PoolRules(EVM_CHAIN_ID, self.chain.head.header.gas_limit)
        self.pool = Mempool(rules, self.account)
        settings = EngineSettings(VALIDATORS[self.number].key)
        self.engine = Engine(self.chain, self.pool, self.log, settings, self)
        self.gossip = Gossip(self.chain, self.pool, self.engine, lambda _: None)

    def account(self, address):
        return World(self.chain.ledger.state.overlay()).account(address)

    @property
    def height(self):
        return self.chain.head.header.number

    # --- the engine's ports ---

    def now_ns(self):
        return self.network.now

    def later(self, delay_ns, run):
        life = self.life
        self.network.at(delay_ns, lambda: life == self.life and run())

    def broadcast(self, message):
        self.tell(self.gossip.broadcast(message))

    def stored(self, block):
        self.tell(self.gossip.announce_block(block))

    def invalid(self, peer, error):
        self.invalid_peers.append((peer, error))

    def tell(self, messages):
        for peer, code, payload in messages:
            self.network.send(self.number, peer, code, payload)


class Network:
    """Up to four nodes, messages 5 ms under way.

    ``members`` are validators; ``links`` says who is connected, None that everybody is.
    """

    def __init__(
        self, count=4, light_clients=(), funded=(SAM, ANN), members=4, links=None, **genesis
    ):
        self.links = links
        self.sent = Counter()
        self.now = (GENESIS_TIME + 5) * NS_PER_SECOND
        self.light_clients = light_clients
        self.genesis = Genesis(
            GENESIS_TIME,
            tuple(user.address for user in VALIDATORS[:members]),
            tuple((user.address, 1_000 * ETHER) for user in funded),
            **genesis,
        )
        self.events, self.order, self.lives = [], itertools.count(), itertools.count()
        self.nodes = [Node(self, number) for number in range(4)]
        self.running = set()
        for number in range(count):
            self.start(number)

    def at(self, delay_ns, run):
        heapq.heappush(self.events, (self.now + delay_ns, next(self.order), run))

    def are_linked(self, one, other):
        return self.links is None or {one, other} in self.links

    def send(self, source, target, code, payload):
        self.sent[source, target, code] += 1

        def arrive():
            if {source, target} <= self.running and self.are_linked(source, target):
                node = self.nodes[target]
                node.tell(node.gossip.receive(source, code, payload))

        self.at(DELAY_NS, arrive)

    def start(self, number):
        """Connect a node to those that run, and start it."""
        node = self.nodes[number]
        for other in sorted(self.running):
            if not self.are_linked(number, other):
                continue
            self.nodes[other].tell(
                self.nodes[other].gossip.peer_added(number, node.gossip.status(0))
            )
            node.tell(node.gossip.peer_added(other, self.nodes[other].gossip.status(0)))
        self.running.add(number)
        node.engine.start()

    def kill(self, number):
        """Stop a node; what it had in memory is gone."""
        self.running.discard(number)
        for other in self.running:
            self.nodes[other].gossip.peer_removed(number)
        self.nodes[number].open()

    def submit(self, number, transaction):
        node = self.nodes[number]
        found = node.pool.add(transaction)
        node.tell(node.gossip.announce_transaction(transaction))
        return found

    def run(self, seconds):
        end = self.now + int(seconds * NS_PER_SECOND)
        while self.events and self.events[0][0] <= end:
            self.now, _, run = heapq.heappop(self.events)
            run()
        self.now = end

    def heights(self):
        return [node.height for node in self.nodes]
