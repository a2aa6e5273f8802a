"""A DAG chain's ledger: bodies judged with their signatures, merge sets executed, by block rate.

Two miners in parallel, each block full of signed payments of its own accounts. A block is
judged (root, sizes, signatures in one batch) and executed once it is merged. Of two parallel
blocks the second to come may win, so that a merge set is undone and another one executed.
One processor, processor time; the signatures are new to the node.
"""

import time
from dataclasses import replace

from benchmarks.report import Row
from chainkit.formats.ghostdag.proof_of_work import target_of
from parachains.dag.blocks import Block
from parachains.dag.mining import search
from parachains.dag.parameters import dag_parameters
from parachains.dag.transactions import check_body, decode_body
from tests.dag_worlds import ALICE, CHAIN_ID, Key, Node, parameters, pay

BLOCKS = 12
PAYMENTS = 100
EASIEST = target_of(0x2100FFFF)
INTERVALS_MS = (1_000, 200)


def measure(blocks: int = BLOCKS, payments: int = PAYMENTS) -> list[Row]:
    """Return rows for bodies, and for whole blocks at one and at five a second."""
    rows = [_bodies(payments)]
    for interval_ms in INTERVALS_MS:
        rows += _blocks(blocks, payments, interval_ms)
    return rows


def _bodies(payments: int) -> Row:
    chain = parameters(dag=dag_parameters(max_target=EASIEST))
    node = Node(chain=chain)
    block = node.mined(*(pay(ALICE, ALICE, 1, sequence) for sequence in range(payments)))
    raw = block.body.encode()
    began = time.process_time()
    check_body(decode_body(raw), block.header.hash_merkle_root, CHAIN_ID)
    seconds = time.process_time() - began
    return Row("transactions decoded and judged", payments / seconds, "transactions/s", "one body")


def _blocks(blocks: int, payments: int, interval_ms: int) -> list[Row]:
    """Connect the same blocks to a node that has not seen them."""
    users = [Key(number) for number in range(1_000, 1_000 + 2 * payments)]
    dag = dag_parameters(interval_ms, EASIEST)
    chain = replace(parameters(dag=dag), balances={user.address: 1_000_000 for user in users})
    miners = [Node(0, chain=chain), Node(1, chain=chain)]
    made: list[Block] = []
    for turn in range(blocks // 2):
        pair = []
        for lane, node in enumerate(miners):
            mine = users[lane * payments : (lane + 1) * payments]
            txs = [pay(user, users[0], 1, turn) for user in mine]
            template, _ = node.chain.template(
                node.miner.address, txs, chain.genesis_time_ms + (turn + 1) * 2 * interval_ms
            )
            header = search(template.header, 0, 1 << 20)
            assert header is not None
            pair.append(Block(header, template.body))
        made += pair
        for node in miners:
            node.hear(*pair)
    last = miners[0].mined(after_ms=interval_ms)
    fresh = Node(2, chain=chain)
    now = last.header.timestamp
    raw = [(block.header, block.body.encode()) for block in made]
    began = time.process_time()
    accepted: set[bytes] = set()
    for header, body in [*raw, (last.header, last.body.encode())]:
        change = fresh.chain.accept_block(Block(header, decode_body(body)), now)
        accepted |= {o.id for joined in change.connected for o in joined.outcomes if o.accepted}
    seconds = time.process_time() - began
    merged = sum(len(b.merge_set) > 1 for b in fresh.chain.dag)
    rate = 1_000 // interval_ms
    note = f"k {dag.k}, {payments} payments a block, {merged} of {len(made) + 1} merge two"
    return [
        Row(
            f"payments accepted, {rate} blocks a second",
            len(accepted) / seconds,
            "transactions/s",
            note,
        ),
        Row(f"blocks connected, {rate} blocks a second", len(raw) / seconds, "blocks/s"),
    ]
