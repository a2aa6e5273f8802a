"""Laws of GHOSTDAG and of its index, over random DAGs."""

import random
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from chainkit.formats.ghostdag.ancestry import Ancestry
from chainkit.formats.ghostdag.blocks import DagBlock
from chainkit.formats.ghostdag.dag import Dag, kept_above, selected_chain
from chainkit.formats.ghostdag.order import order_of
from chainkit.formats.ghostdag.reachability import PythonReachability, Reachability
from chainkit.formats.ghostdag.rules import genesis_block
from tests.dags import PARAMETERS, genesis

GENESIS = genesis()


@st.composite
def shapes(draw, most=40):
    """Parents of blocks 1, 2, ... by number; a parent may be any earlier block."""
    recent = draw(st.integers(1, 12))
    shape = []
    for number in range(1, draw(st.integers(1, most)) + 1):
        lowest = max(0, number - recent)
        shape.append(draw(st.sets(st.integers(lowest, number - 1), min_size=1, max_size=4)))
    return shape


def pasts_of(shape):
    """Of each block its past as bits, itself left out."""
    pasts = [0]
    for parents in shape:
        past = 0
        for parent in parents:
            past |= pasts[parent] | 1 << parent
        pasts.append(past)
    return pasts


def tidy(shape):
    """The same shape without redundant parents."""
    pasts = pasts_of(shape)
    return [
        {one for one in parents if not any(pasts[other] >> one & 1 for other in parents)}
        for parents in shape
    ]


def identity(number, salt):
    return random.Random(number * 1_000_003 + salt).randbytes(32)


def build(shape, order, k, salt=0):
    """A DAG with the blocks of ``shape`` added in an order; scores are not checked, nor headers."""
    first = genesis_block(GENESIS)
    first = DagBlock(identity(0, salt), first.header, first.order, 0, 0)
    dag = Dag(PARAMETERS, [first], first.hash)
    for number in order:
        parents = tuple(identity(parent, salt) for parent in sorted(shape[number - 1]))
        header = replace(GENESIS, parents_by_level=(parents,))
        place = order_of(dag, parents, k, 1_000)
        dag.add(DagBlock(identity(number, salt), header, place, 0, 0))
    return dag


def topological(shape, seed):
    """A random order in which every block comes after its parents."""
    rng = random.Random(seed)
    left, placed, order = set(range(1, len(shape) + 1)), {0}, []
    while left:
        ready = sorted(number for number in left if shape[number - 1] <= placed)
        chosen = rng.choice(ready)
        order.append(chosen)
        placed.add(chosen)
        left.remove(chosen)
    return order


@settings(max_examples=60)
@given(shapes(), st.integers(0, 5), st.integers(0, 1 << 32), st.integers(0, 1 << 32))
def test_order_does_not_depend_on_arrival(shape, k, one, other):
    """Every node that has the same blocks has the same order, however they came."""
    shape = tidy(shape)
    a = build(shape, topological(shape, one), k)
    b = build(shape, topological(shape, other), k)

    assert {block.hash: block.order for block in a} == {block.hash: block.order for block in b}
    assert a.selected_tip == b.selected_tip
    assert set(a.tips) == set(b.tips)


@settings(max_examples=60)
@given(shapes(), st.integers(0, 5), st.integers(0, 1 << 32))
def test_the_blue_set_is_a_k_cluster(shape, k, salt):
    """No blue block of any block's past has more than k blue blocks in its anticone."""
    shape = tidy(shape)
    pasts = pasts_of(shape)
    dag = build(shape, range(1, len(shape) + 1), k, salt)
    numbers = {identity(number, salt): number for number in range(len(shape) + 1)}
    for block in dag:
        blues = {
            numbers[blue]
            for chained in selected_chain(dag, block.hash)
            for blue in chained.order.blues
        }
        assert len(blues) == block.order.blue_score
        for blue in blues:
            beside = [
                other
                for other in blues - {blue}
                if not pasts[other] >> blue & 1 and not pasts[blue] >> other & 1
            ]
            assert len(beside) <= k


@settings(max_examples=60)
@given(shapes(), st.integers(0, 3))
def test_both_views_know_the_past(shape, k):
    """Reachability, and the search of the light client, equal the whole past."""
    shape = tidy(shape)
    pasts = pasts_of(shape)
    dag = build(shape, range(1, len(shape) + 1), k)
    searched = Ancestry(dag.find)
    for one in range(len(shape) + 1):
        for other in range(len(shape) + 1):
            expected = one == other or bool(pasts[other] >> one & 1)
            pair = identity(one, 0), identity(other, 0)
            on_chain = any(block.hash == pair[0] for block in selected_chain(dag, pair[1]))

            assert dag.is_ancestor(*pair) == expected
            assert searched.is_ancestor(*pair) == expected
            assert dag.is_chain_ancestor(*pair) == on_chain
            assert searched.is_chain_ancestor(*pair) == on_chain


@settings(max_examples=30)
@given(st.integers(0, 1 << 32), st.sampled_from([1, 3, 40, 4_000]))
def test_the_twins_agree(seed, recent):
    """Compiled and Python index have the same intervals, also after numbering anew."""
    rng = random.Random(seed)
    one, other = Reachability(), PythonReachability()
    for number in range(1, 600):
        parent = rng.randrange(max(0, number - recent), number)
        merged = {rng.randrange(1, number) for _ in range(rng.randrange(3)) if number > 1}
        assert one.add(parent, sorted(merged)) == other.add(parent, sorted(merged)) == number
    assert [one.interval(n) for n in range(600)] == [other.interval(n) for n in range(600)]
    for _ in range(600):
        pair = rng.randrange(600), rng.randrange(600)
        assert one.is_ancestor(*pair) == other.is_ancestor(*pair)


@settings(max_examples=40)
@given(shapes(), st.integers(1, 3), st.integers(0, 1 << 32), st.integers(1, 20))
def test_what_is_kept_gives_the_same_order(shape, k, salt, depth):
    """A DAG that starts at a block of the selected chain judges its future as the whole one."""
    shape = tidy(shape)
    whole = build(shape, range(1, len(shape) + 1), k, salt)
    chain = list(selected_chain(whole, whole.selected_tip.hash))
    root = chain[min(depth, len(chain) - 1)]
    kept = kept_above(whole, root.hash)
    part = Dag(PARAMETERS, kept.values(), whole.genesis)

    assert part.root == root.hash
    for block in kept.values():
        for parent in block.header.parents:
            assert parent in kept or whole.is_ancestor(parent, root.hash)
        for other in kept:
            assert part.is_ancestor(other, block.hash) == whole.is_ancestor(other, block.hash)
    tips = tuple(tip for tip in whole.tips if tip in kept)
    if len(chain) > depth + k + 1:
        assert order_of(part, tips, k, 1_000) == order_of(whole, tips, k, 1_000)
