"""What a node of the DAG chain lets go, and that a crash at any write loses nothing."""

from dataclasses import replace

import pytest

from chainkit.commitments.database import MemoryDatabase
from chainkit.formats.ghostdag.errors import BelowWindow, UnknownParent
from chainkit.primitives.heights import Height
from chainkit.runtime.context import Context, ExecutionMode
from chainkit.runtime.store import MemoryStore, Overlay
from light_clients.ghostdag.client import LIGHT_CLIENT
from parachains.dag import proving
from parachains.dag.blocks import Block
from parachains.dag.errors import BodyPruned
from parachains.dag.index import transaction
from tests.dag_worlds import ALICE, BOB, Node, parallel, parameters, pay
from tests.dags import PARAMETERS

DAG = replace(PARAMETERS, timestamp_tolerance_ms=10_000_000)
"""Pruning depth 30 in steps of 10; rules reach back over 44 blue scores."""

FIRST = pay(ALICE, BOB, 5, 0)


@pytest.fixture(scope="module")
def grown():
    """Two miners, 140 blue scores in pairs, all blocks in the order in which they came."""
    nodes = [Node(number, chain=parameters(dag=DAG)) for number in range(2)]
    made = parallel(nodes, [FIRST])
    for _ in range(69):
        made += parallel(nodes)
    return nodes, made


def follower(made, *, archive):
    """A node that heard of the blocks."""
    node = Node(2, chain=parameters(dag=DAG), archive=archive)
    node.hear(*made)
    return node


def test_memory_and_bodies_follow_the_pruning_point(grown) -> None:
    """Headers stay on disk; memory holds what rules ask; old bodies and outcomes go."""
    (first, _), made = grown
    pruned, archive = follower(made, archive=False), follower(made, archive=True)

    assert pruned.root == archive.root == first.root
    assert len(pruned.chain.dag) == len(archive.chain.dag) < 120
    assert pruned.chain.store.count == len(made) + 1
    old, young = made[1].header.hash, made[-1].header.hash
    with pytest.raises(BodyPruned):
        pruned.chain.body(old)
    assert pruned.chain.body(young) == archive.chain.body(young)
    assert archive.chain.body(old) == made[1].body
    assert transaction(archive.chain.database, FIRST.id)["accepted"]
    assert transaction(pruned.chain.database, FIRST.id) is None
    assert pruned.chain.find(old).header == made[1].header


@pytest.mark.parametrize("archive", [True, False])
def test_a_pruned_node_goes_on_where_it_stopped(grown, archive) -> None:
    """It opens with the same part in memory, tip and state, and mines what others take."""
    _, made = grown
    node = follower(made, archive=archive)
    before = {block.hash for block in node.chain.dag}, node.chain.tip, node.root
    node.open()

    assert ({block.hash for block in node.chain.dag}, node.chain.tip, node.root) == before
    block = node.mined()
    node.hear(block)
    other = follower([*made, block], archive=True)
    assert other.root == node.root
    assert other.chain.tip.hash == block.header.hash


def test_a_client_from_genesis_is_brought_up_by_a_pruned_node(grown) -> None:
    """Every header is served, far below what is in memory, and judged by the light client."""
    _, made = grown
    node = follower(made[:1], archive=False)
    state, anchor = proving.new_client(node.chain, 4)
    known = node.chain.tip.hash
    node.hear(*made[1:])
    store = MemoryStore()
    ctx = Context(
        chain_id="hub-1",
        height=7,
        time=(node.now + 5_000) * 1_000_000,
        mode=ExecutionMode.DELIVER,
        overlay=Overlay(lambda _name: MemoryStore()),
    )
    LIGHT_CLIENT.initialize(ctx, store, state, anchor)
    for message in proving.updates(node.chain, known):
        LIGHT_CLIENT.verify_client_message(ctx, store, message)
        LIGHT_CLIENT.update_state(ctx, store, message)

    final = proving.final_score(node.chain, 4)
    assert LIGHT_CLIENT.latest_height(store) == Height(0, final)
    part = proving.updates(node.chain, known, until_score=20)
    whole = proving.updates(node.chain, known)
    assert len(part[0].value) < len(whole[0].value)


def test_a_branch_from_above_the_pruning_point_is_judged(grown) -> None:
    """What its windows and its pruning point reach back to is still in memory."""
    _, made = grown
    node, late = follower(made, archive=False), Node(3, chain=parameters(dag=DAG))
    point = node.chain.find(node.chain.tip.header.pruning_point).order.blue_score
    late.hear(*(block for block in made if block.header.blue_score <= point + 2))
    branch = [late.mine() for _ in range(12)]

    assert all(change.is_new for change in node.hear(*branch))
    assert node.chain.tip.order.blue_score >= late.chain.tip.order.blue_score


@pytest.mark.parametrize(("taken", "private_blocks"), [(80, 100), (140, 160)])
def test_no_chain_without_our_pruning_point_is_followed(grown, taken, private_blocks) -> None:
    """A heavier branch from genesis does not undo what was pruned; far below, it is refused."""
    _, made = grown
    node = follower(made[:taken], archive=False)
    tip = node.chain.tip
    private = Node(3, chain=parameters(dag=DAG))
    branch = [private.mine() for _ in range(private_blocks)]
    assert private.chain.tip.order.blue_work > tip.order.blue_work
    refusals = set()
    for block in branch:
        try:
            node.hear(block)
        except (UnknownParent, BelowWindow) as error:
            refusals.add(type(error))

    assert node.chain.tip == tip
    assert bool(refusals) == (node.chain.dag.root != node.chain.dag.genesis)


class Died(BaseException):
    """The process ended here."""


class DyingDatabase(MemoryDatabase):
    """Its process ends at a write: before it, or after it."""

    def __init__(self):
        super().__init__()
        self.left = None

    def write(self, changes):
        if self.left is not None:
            self.left -= 1
            if self.left == 0:
                raise Died
        super().write(changes)
        if self.left is not None:
            self.left -= 1
            if self.left == 0:
                raise Died


def test_a_crash_at_any_write_loses_nothing(grown) -> None:
    """Ended before or after each write of thirty blocks that prune and reorganise, it catches up."""
    _, made = grown
    split = [Node(number, chain=parameters(dag=DAG)) for number in range(2)]
    for node in split:
        node.hear(*made[:76])
    ours = [split[0].mine() for _ in range(2)]
    theirs = [split[1].mine() for _ in range(4)]
    blocks = [*ours, *theirs]
    split[0].hear(*theirs)
    blocks += [split[0].mine() for _ in range(6)]
    want = split[0].root
    begun = DyingDatabase()
    Node(2, database=begun, chain=parameters(dag=DAG), archive=False).hear(*made[:76])
    point, ended = 0, 0
    while True:
        point += 1
        database = DyingDatabase()
        database.write(dict(begun.iterate(b"", None)))
        node = Node(2, database=database, chain=parameters(dag=DAG), archive=False)
        database.left = point
        try:
            node.hear(*blocks)
        except Died:
            ended += 1
        else:
            break
        finally:
            database.left = None
        node.open()
        node.hear(*blocks)
        assert node.root == want, point
        assert node.chain.tip == split[0].chain.tip
        assert Block(node.chain.tip.header, node.chain.body(node.chain.tip.hash)) == blocks[-1]
    assert ended > 30
