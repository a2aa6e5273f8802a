"""A network of DAG nodes in any order of mining and hearing: one state, every coin accounted for."""

from hypothesis import given, settings
from hypothesis import strategies as st

from chainkit.formats.ghostdag import errors as rules
from parachains.dag.blocks import Block
from tests.dag_worlds import ALICE, BOB, CAROL, FUNDS, REWARD, Node, pay, tell

ACCOUNTS = (ALICE, BOB)


class Network:
    """Three nodes and what is under way to each."""

    def __init__(self):
        self.nodes = [Node(number) for number in range(3)]
        self.under_way = [[] for _ in self.nodes]
        self.sent = []

    def mine(self, miner, sender, sequence, amount):
        """A block with one payment, perhaps in conflict with others; told to nobody yet."""
        receiver = CAROL if amount % 2 else ACCOUNTS[1 - sender]
        payment = pay(ACCOUNTS[sender], receiver, amount, sequence)
        block = self.nodes[miner].mined(payment, after_ms=1_500)
        self.nodes[miner].hear(block)
        self.sent.append(payment)
        for number, waiting in enumerate(self.under_way):
            if number != miner:
                waiting.append(block)

    def hear(self, number, which):
        """One of the blocks under way arrives, whether or not its parents have."""
        waiting = self.under_way[number]
        if waiting:
            block = waiting[which % len(waiting)]
            try:
                self.nodes[number].hear(block)
            except rules.UnknownParent:
                return
            waiting.remove(block)

    def settle(self):
        """Everything arrives, and one more block merges it all."""
        for node in self.nodes:
            for other in self.nodes:
                if other is not node:
                    tell(other, node)
        # a block that can be merged no more stays aside; a chain above all tips decides the rest
        for _ in range(3):
            block = self.nodes[0].mined(after_ms=1_500)
            for node in self.nodes:
                node.hear(block)


steps = st.one_of(
    st.tuples(
        st.just("mine"), st.integers(0, 2), st.integers(0, 1), st.integers(0, 4), st.integers(1, 50)
    ),
    st.tuples(st.just("hear"), st.integers(0, 2), st.integers(0, 7)),
)


@settings(max_examples=25)
@given(st.lists(steps, min_size=5, max_size=40))
def test_all_nodes_come_to_one_state_and_no_coin_is_lost(history) -> None:
    """Whatever was mined where and heard when: same tip, same root, supply by the blue score."""
    network = Network()
    for name, *arguments in history:
        getattr(network, name)(*arguments)
    network.settle()
    one, *others = network.nodes
    replayed = Node(0)
    tell(one, replayed)

    for node in (*others, replayed):
        assert node.chain.tip == one.chain.tip
        assert node.root == one.root
    merged_blue = one.chain.tip.order.blue_score - 1
    assert one.supply() == 2 * FUNDS + REWARD * merged_blue
    held = sum(one.balance(key) for key in (ALICE, BOB, CAROL))
    earned = sum(one.balance(node.miner) for node in network.nodes)
    assert held + earned == one.supply()


@settings(max_examples=25)
@given(st.lists(steps, min_size=5, max_size=40))
def test_of_each_sequence_one_transaction_is_accepted(history) -> None:
    """Along the selected chain no account's sequence is taken twice, nor out of turn."""
    network = Network()
    for name, *arguments in history:
        getattr(network, name)(*arguments)
    network.settle()
    by_id = {payment.id: payment for payment in network.sent}
    node = Node(0)
    source = network.nodes[0].chain
    accepted = {}
    for block in source.dag:
        if block.hash == source.dag.genesis:
            continue
        change = node.chain.accept_block(
            Block(block.header, source.body(block.hash)), node.now + 10_000
        )
        for gone in change.disconnected:
            accepted.pop(gone)
        for joined in change.connected:
            accepted[joined.block.hash] = [o.id for o in joined.outcomes if o.accepted]
    taken = {ALICE.address: [], BOB.address: []}
    for ids in accepted.values():
        for one in ids:
            taken[by_id[one].sender].append(by_id[one].sequence)

    for sequences in taken.values():
        assert sequences == list(range(len(sequences)))
