"""DAG nodes in one process that talk through their gossip machines; a test moves the messages."""

from parachains.dag.gossip import Gossip
from parachains.dag.mempool import Mempool
from tests.dag_worlds import Node, parameters


class TalkingNode(Node):
    """A node with a mempool and gossip."""

    def __init__(self, miner=0, *, clock=None, **parts):
        self.clock = clock
        self.heard = []
        super().__init__(miner, **parts)

    def open(self):
        super().open()
        self.mempool = Mempool(self.chain, salt=bytes([self.miner.seed[-1]]))
        self.gossip = Gossip(
            self.chain, self.mempool, lambda: self.clock.ms, lambda *told: self.heard.append(told)
        )

    def next_block(self, *, after_ms=0):
        """Mine what waits, at the clock's time; told to nobody."""
        _, run = self.chain.pending()
        chosen = self.mempool.select(run.sequences)
        return self.mined(
            *chosen, after_ms=self.clock.ms + after_ms - self.chain.tip.header.timestamp
        )


class Clock:
    """One time for all."""

    def __init__(self, ms):
        self.ms = ms


class Network:
    """Nodes and links; messages are delivered in order, until there are none or step by step."""

    def __init__(self, count, *, chain=None, archive=True, **parts):
        self.chain = chain or parameters()
        self.clock = Clock(self.chain.genesis_time_ms + 1_000)
        self.parts = {"archive": archive, **parts}
        self.nodes = [self.make(number) for number in range(count)]
        self.links = {}
        self.queue = []
        self.dropped = []
        self.delivered = 0

    def make(self, number, **changes):
        parts = {**self.parts, **changes}
        return TalkingNode(number % 4, clock=self.clock, chain=self.chain, **parts)

    def add(self, **changes):
        self.nodes.append(self.make(len(self.nodes), **changes))
        return len(self.nodes) - 1

    def connect(self, a, b):
        """Peers are numbered as nodes are."""
        self.links[frozenset((a, b))] = True
        self.post(a, self.nodes[a].gossip.peer_added(b))
        self.post(b, self.nodes[b].gossip.peer_added(a))

    def connect_all(self):
        for a in range(len(self.nodes)):
            for b in range(a):
                self.connect(a, b)
        self.run()

    def disconnect(self, a, b):
        if self.links.pop(frozenset((a, b)), None):
            self.queue = [each for each in self.queue if {each[0], each[1]} != {a, b}]
            self.post(a, self.nodes[a].gossip.peer_removed(b))
            self.post(b, self.nodes[b].gossip.peer_removed(a))

    def post(self, sender, messages):
        for peer, kind, payload in messages:
            if frozenset((sender, peer)) in self.links:
                self.queue.append((sender, peer, kind, payload))

    def step(self, at=0):
        """Deliver the message at a place in the queue; a link keeps its order."""
        sender, receiver, kind, payload = self.queue[at]
        for earlier in range(at):
            if self.queue[earlier][:2] == (sender, receiver):
                return self.step(earlier)
        del self.queue[at]
        self.delivered += 1
        self.post(receiver, self.nodes[receiver].gossip.receive(sender, kind, payload))
        return None

    def run(self, most=50_000):
        for _ in range(most):
            if not self.queue:
                return
            self.step()
        raise AssertionError("the network does not come to rest")

    def submit(self, at, block):
        self.post(at, self.nodes[at].gossip.submit_block(block))

    def send(self, at, *transactions):
        node = self.nodes[at]
        refusals = node.mempool.add_all(transactions)
        taken = [tx for tx, no in zip(transactions, refusals, strict=True) if no is None]
        self.post(at, node.gossip.announce_transactions(taken))
        return refusals
