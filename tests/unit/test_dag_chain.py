"""The DAG chain's ledger: what is accepted, what is only included, and whose state counts."""

from dataclasses import replace

import pytest

from chainkit.formats.ghostdag import errors as rules
from chainkit.modules.bank import balance_key
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.heights import Height
from chainkit.runtime.context import Context, ExecutionMode
from chainkit.runtime.store import MemoryStore, Overlay
from chainkit.wire.codec import encode
from chainkit.wire.proto.isthmus.dag.v1 import dag_pb2
from ibc.ics02_client.delays import host_height
from ibc.ics02_client.port import Status
from light_clients.ghostdag.client import LIGHT_CLIENT
from light_clients.ghostdag.store import read_client_state
from parachains.dag import errors, proving
from parachains.dag.blocks import Block
from parachains.dag.limits import MAX_BLOCK_GAS
from parachains.dag.mining import search
from parachains.dag.parameters import dag_parameters
from parachains.dag.transactions import BlockBody, decode_body, decode_transaction
from tests import dag_worlds
from tests.dag_worlds import (
    ALICE,
    BOB,
    CAROL,
    DAVE,
    FUNDS,
    MINERS,
    NATIVE,
    REWARD,
    Node,
    parallel,
    pay,
    tell,
)

DEPTH = 6


def test_a_payment_takes_effect_in_the_block_that_merges_it() -> None:
    """Its own block's state is without it; the next block's has it, fee and reward included."""
    node = Node()
    node.mine(pay(ALICE, BOB, 100, 0, fee=3))
    assert node.balance(BOB) == FUNDS
    node.mine()

    assert node.balance(BOB) == FUNDS + 100
    assert node.balance(ALICE) == FUNDS - 103
    assert node.balance(MINERS[0]) == REWARD + 3
    assert node.supply() == 2 * FUNDS + REWARD


def test_a_double_spend_in_parallel_blocks_is_credited_once() -> None:
    """LC-D-conflict: the first in order wins, the loser is included but not accepted."""
    a, b = Node(0), Node(1)
    parallel([a, b], [pay(ALICE, CAROL, 9_000, 0)], [pay(ALICE, DAVE, 9_000, 0)])
    merging = a.mined()
    change = a.hear(merging)[0]
    b.hear(merging)
    outcomes = change.connected[-1].outcomes

    assert [outcome.accepted for outcome in outcomes] == [True, False]
    assert outcomes[1].codespace == "dag"
    assert "sequence 0, the account is at 1" in outcomes[1].log
    assert sorted((a.balance(CAROL), a.balance(DAVE))) == [0, 9_000]
    assert len(merging.header.parents) == 2
    assert a.root == b.root == merging.header.utxo_commitment
    first = next(x for x in merging.header.parents if x == a.chain.tip.order.selected_parent)
    assert outcomes[0].block == first


def test_the_same_transaction_in_two_blocks_counts_once() -> None:
    """Two miners that took one transaction from their mempools pay nobody twice."""
    nodes = [Node(0), Node(1)]
    payment = pay(ALICE, BOB, 5, 0)
    parallel(nodes, [payment], [payment])
    nodes[0].mine()

    assert nodes[0].balance(BOB) == FUNDS + 5


@pytest.mark.parametrize("seed", range(4))
def test_the_state_does_not_depend_on_arrival(seed) -> None:
    """Nodes that hear of the same blocks in other orders have the same state and tip."""
    nodes = [Node(number) for number in range(3)]
    for turn in range(6):
        parallel(nodes, [pay(ALICE, BOB, turn + 1, turn)], [pay(BOB, ALICE, 2, turn)], [])
    last = nodes[0].mined()
    nodes[0].hear(last)
    blocks = [Block(block.header, nodes[0].chain.body(block.hash)) for block in nodes[0].chain.dag][
        1:
    ]
    late = Node(3)
    left = blocks if seed % 2 else blocks[::-1]
    while left:
        waiting = []
        for block in left:
            try:
                late.hear(block)
            except rules.UnknownParent:
                waiting.append(block)
        left = waiting[seed:] + waiting[:seed]

    assert late.chain.tip == nodes[0].chain.tip
    assert late.root == nodes[0].root == last.header.utxo_commitment
    reds = sum(len(block.order.reds) for block in late.chain.dag)
    assert late.supply() == 2 * FUNDS + REWARD * (late.chain.tip.order.blue_score - 1)
    assert reds == 0


def test_a_split_heals_into_one_state() -> None:
    """Two halves that made their own payments agree after they hear of each other."""
    a, b = Node(0), Node(1)
    for turn in range(5):
        a.mine(pay(ALICE, CAROL, 10, turn))
        b.mine(pay(ALICE, DAVE, 10, turn))
    before = a.chain.tip.hash, b.chain.tip.hash
    a.mine()
    tell(a, b)
    tell(b, a)
    healed = a.mined()
    a.hear(healed)
    b.hear(healed)

    assert before[1] != b.chain.tip.hash
    assert a.root == b.root
    assert a.balance(CAROL) + a.balance(DAVE) == 50
    assert a.balance(ALICE) == FUNDS - 55
    fresh = Node(2)
    tell(b, fresh)
    assert fresh.root == a.root


def test_a_reorganisation_takes_back_what_it_must() -> None:
    """The state after moving to a heavier branch is that of a node that never saw the other."""
    a, b = Node(0), Node(1)
    a.mine(pay(ALICE, CAROL, 10, 0))
    a.mine()
    for turn in range(4):
        b.mine(pay(ALICE, DAVE, 7, turn))
    blocks = [Block(x.header, b.chain.body(x.hash)) for x in b.chain.dag][1:]
    changes = a.hear(*blocks)
    gone = [block for change in changes for block in change.disconnected]

    assert len(gone) == 2
    assert a.chain.tip == b.chain.tip
    assert a.root == b.root
    assert a.balance(CAROL) == 0
    assert a.balance(DAVE) == b.balance(DAVE) == 21


def forged(node, **changes):
    """A block with work whose header lies."""
    block = node.mined()
    header = search(replace(block.header, **changes), 0, 1 << 20)
    return Block(header, block.body)


@pytest.mark.parametrize("field", ["utxo_commitment", "accepted_id_merkle_root"])
def test_a_block_with_a_wrong_state_carries_no_chain(field) -> None:
    """It is heavier and has work; nobody follows it, and it is merged once others outweigh it."""
    honest, other = Node(0), Node(1)
    parallel([honest, other])
    lie = forged(honest, **{field: b"\x66" * 32})
    change = honest.hear(lie)[0]
    other.hear(lie)

    assert change.disqualified == (lie.header.hash,)
    assert honest.chain.is_disqualified(lie.header.hash)
    assert honest.chain.tip.hash != lie.header.hash
    for _ in range(4):
        other.hear(honest.mine())
    assert honest.chain.tip.header.hash != lie.header.hash
    assert honest.chain.dag.is_ancestor(lie.header.hash, honest.chain.tip.hash)
    assert not honest.chain.dag.is_chain_ancestor(lie.header.hash, honest.chain.tip.hash)
    assert honest.root == other.root


def test_what_is_built_on_a_wrong_state_carries_none_either() -> None:
    """A whole branch above a lie is disqualified with it."""
    honest = Node(0)
    honest.mine()
    liar = Node(1)
    tell(honest, liar)
    lie = forged(liar, utxo_commitment=b"\x66" * 32)
    branch = [lie]
    liar.hear(lie)
    for _ in range(3):
        virtual = liar.chain._checked([branch[-1].header.hash])
        header = virtual.header(
            1, timestamp_ms=liar.now + 5_000, transactions_root=lie.body.root,
            accepted_root=lie.header.accepted_id_merkle_root, state_root=bytes(32),
        )  # fmt: skip
        branch.append(Block(search(header, 0, 1 << 20), lie.body))
        liar.hear(branch[-1])
    honest.mine()
    honest.mine()
    tip = honest.chain.tip
    changes = honest.hear(*branch)

    assert [len(change.disqualified) for change in changes if change.disqualified] == [3]
    assert all(honest.chain.is_disqualified(block.header.hash) for block in branch)
    assert honest.chain.tip == tip
    late = Node(2)
    tell(honest, late)
    assert late.chain.tip == honest.chain.tip


def refused_body(transactions, match, **changes):
    node = Node()
    block = node.mined()
    body = BlockBody(MINERS[0].address, tuple(transactions))
    root = changes.get("root", body.root)
    header = search(replace(block.header, hash_merkle_root=root), 0, 1 << 20)
    with pytest.raises(errors.InvalidBody, match=match):
        node.hear(Block(header, body))
    assert len(node.chain.dag) == 1


def test_bodies_that_are_refused() -> None:
    """Another root, a signature of nobody, one twice, another chain, too much gas."""
    good = pay(ALICE, BOB, 1, 0)
    refused_body([good], "root", root=bytes(32))
    refused_body([good, replace(good, signature=bytes(64))], "twice")
    refused_body([good, replace(good, sequence=1)], "not signed")
    refused_body([replace(good, fee=2)], "not signed")
    refused_body([good, good], "twice")
    refused_body([pay(ALICE, BOB, 1, 0, chain_id="dag-2")], "not of the chain")
    refused_body([pay(ALICE, BOB, 1, 0, gas=MAX_BLOCK_GAS + 1)], "gas")


def test_what_cannot_pay_is_not_accepted_and_what_fails_later_pays() -> None:
    """No account, no coins for the fee, no gas: nothing happens. A refused message costs its fee."""
    node = Node()
    node.mine(
        pay(CAROL, BOB, 1, 0),
        pay(ALICE, BOB, 1, 0, fee=FUNDS + 1),
        pay(BOB, ALICE, 1, 0, gas=10),
        pay(ALICE, BOB, FUNDS * 2, 0, fee=7),
    )
    block = node.mined()
    outcomes = node.hear(block)[0].connected[0].outcomes

    assert [outcome.accepted for outcome in outcomes] == [False, False, False, True]
    assert [outcome.code > 0 for outcome in outcomes] == [True] * 4
    assert node.balance(ALICE) == FUNDS - 7
    assert node.balance(BOB) == FUNDS


def test_a_message_of_another_signer_is_refused() -> None:
    """Alice's signature moves nothing of Bob's."""
    theft = replace(pay(BOB, CAROL, 5_000, 0), public_key=ALICE.public_key, signature=b"")
    stolen = dag_worlds.signed(
        ALICE.seed, ALICE.public_key, theft.chain_id,
        sequence=0, fee=1, gas_limit=dag_worlds.GAS, messages=theft.messages,
    )  # fmt: skip
    node = Node()
    node.mine(stolen)
    outcomes = node.hear(node.mined())[0].connected[0].outcomes

    assert outcomes[0].accepted
    assert "not the sender's" in outcomes[0].log
    assert node.balance(BOB) == FUNDS


def test_a_node_goes_on_where_it_stopped() -> None:
    """Opened again over its database it has the same DAG, tip and state, and mines on."""
    node, other = Node(0), Node(1)
    for turn in range(4):
        parallel([node, other], [pay(ALICE, BOB, 1, turn)])
    tip, root = node.chain.tip, node.root
    node.open()

    assert node.chain.tip == tip
    assert node.root == root
    assert len(node.chain.dag) == len(other.chain.dag)
    other.hear(node.mine())
    assert node.root == other.root


def test_red_blocks_earn_fees_and_no_reward() -> None:
    """A miner that hid its blocks is paid for what its transactions pay, and makes no coins."""
    node, hidden = Node(0), Node(1)
    secret = hidden.mine(pay(ALICE, BOB, 1, 0, fee=5))
    for _ in range(6):
        node.mine()
    node.hear(secret)
    tip = node.mine()

    assert secret.header.hash in node.chain.dag.find(tip.header.hash).order.reds
    assert node.balance(MINERS[1]) == 5
    assert node.balance(BOB) == FUNDS + 1


def test_heights_have_revision_0() -> None:
    """Modules count heights as the light client does: revision 0 and the blue score."""
    node = Node()
    node.mine()
    tip = node.mine().header
    ctx = node.chain.machine.context_at(3, tip.blue_score, node.chain.tip.chain_time_ms)

    assert node.chain_parameters.chain_id == "dag-1"
    assert host_height(ctx) == Height(0, 2)
    assert ctx.time == node.chain.tip.chain_time_ms * 1_000_000


def test_encodings_are_one() -> None:
    """A transaction or body in other bytes than its own form is refused."""
    tx = pay(ALICE, BOB, 1, 0)
    body = BlockBody(MINERS[0].address, (tx,))

    assert decode_transaction(tx.encode()) == tx
    assert decode_body(body.encode()) == body
    for raw in (
        b"",
        tx.encode() + b"\x18\x01",
        encode(dag_pb2.Transaction(body=tx.body_bytes, signature=bytes(63))),
        encode(dag_pb2.Transaction(body=b"", signature=tx.signature)),
        encode(dag_pb2.Transaction(body=tx.body_bytes + b"\x20\x01", signature=tx.signature)),
    ):
        with pytest.raises(MalformedMessage):
            decode_transaction(raw)
    for raw in (b"", body.encode()[2:], encode(dag_pb2.BlockBody(miner=bytes(19)))):
        with pytest.raises(MalformedMessage):
            decode_body(raw)


def test_k_of_the_default_chain() -> None:
    """A block a second, two seconds of delay: k = 9."""
    assert dag_parameters().k == 9


# --- the chain and the client of it -------------------------------------------


def ctx_at(node):
    return Context(
        chain_id="hub-1",
        height=7,
        time=(node.now + 5_000) * 1_000_000,
        mode=ExecutionMode.DELIVER,
        overlay=Overlay(lambda _name: MemoryStore()),
    )


def follow(node, store):
    tip = read_client_state(store).tip
    for message in proving.updates(node.chain, tip):
        LIGHT_CLIENT.verify_client_message(ctx_at(node), store, message)
        assert not LIGHT_CLIENT.check_for_misbehaviour(ctx_at(node), store, message)
        LIGHT_CLIENT.update_state(ctx_at(node), store, message)


def client_of(node):
    store = MemoryStore()
    LIGHT_CLIENT.initialize(ctx_at(node), store, *proving.new_client(node.chain, DEPTH))
    return store


def test_the_client_proves_what_was_accepted_and_not_what_was_included() -> None:
    """LC-D-conflict, LC-D-merged-proof: of two payments of one coin, one is ever provable."""
    a, b = Node(0), Node(1)
    store = client_of(a)
    parallel([a, b], [pay(ALICE, CAROL, 9_000, 0)], [pay(ALICE, DAVE, 9_000, 0)])
    for _ in range(2 * DEPTH):
        b.hear(a.mine())
    follow(a, store)
    height = LIGHT_CLIENT.latest_height(store).revision_height
    assert height == proving.final_score(a.chain, DEPTH)
    credited = []
    for key in (CAROL, DAVE):
        path = (b"bank", balance_key(key.address, NATIVE))
        proof = proving.prove(a.chain, path, height)
        where = (ctx_at(a), store, Height(0, height), 0, 0, proof, path)
        if a.balance(key):
            LIGHT_CLIENT.verify_membership(*where, b"9000")
            credited.append(key)
        else:
            LIGHT_CLIENT.verify_non_membership(*where)

    assert len(credited) == 1


def test_the_client_follows_over_pruning_and_from_the_middle() -> None:
    """A client from genesis and one that starts late agree on what is final."""
    nodes = [Node(0), Node(1)]
    early = client_of(nodes[0])
    for turn in range(70):
        parallel(nodes)
        if turn % 10 == 9:
            follow(nodes[0], early)
    late = client_of(nodes[0])
    assert read_client_state(late).root != nodes[0].chain.dag.genesis
    for _ in range(5):
        parallel(nodes)
    nodes[0].mine()
    follow(nodes[0], early)
    follow(nodes[0], late)

    assert LIGHT_CLIENT.latest_height(early) == LIGHT_CLIENT.latest_height(late)
    assert LIGHT_CLIENT.status(ctx_at(nodes[0]), early) is Status.ACTIVE
    assert read_client_state(early).tip == nodes[0].chain.tip.hash


def test_only_heights_of_the_selected_chain_are_proven() -> None:
    """Where scores skip there is no block, and no proof."""
    nodes = [Node(0), Node(1)]
    parallel(nodes)
    nodes[0].mine()
    with pytest.raises(proving.NotOnChain):
        proving.prove(nodes[0].chain, (b"bank", b"x"), 2)
    with pytest.raises(proving.NotOnChain):
        proving.updates(nodes[0].chain, b"x" * 32)


def test_a_merge_set_is_executed_once_for_template_block_and_sibling() -> None:
    """Two blocks above the same parents have one run; the state is the same whichever leads."""
    nodes = [Node(0), Node(1)]
    parallel(nodes, [pay(ALICE, BOB, 1, 0)], [pay(BOB, ALICE, 1, 0)])
    machine = nodes[0].chain.machine
    runs = []
    whole = machine.run

    def counted(*args, **named):
        runs.append(1)
        return whole(*args, **named)

    machine.run = counted
    siblings = [node.mined() for node in nodes]
    nodes[0].hear(*sorted(siblings, key=lambda block: block.header.hash))
    nodes[1].hear(*siblings)
    assert len(runs) == 1
    assert nodes[0].root == nodes[1].root
    assert nodes[0].chain.pending(to_read=True)[1].ctx is not None
    assert len(runs) == 2
