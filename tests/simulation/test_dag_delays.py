"""GHOSTDAG under delay: how much turns red, and how deep a balancing attacker reorganises.

Two halves of the network hear of their own blocks at once and of the other half's after the
delay bound D, the worst that the choice of k allows for. Blocks come at random, one a second.
"""

import random
from dataclasses import replace
from fractions import Fraction
from functools import cache

import pytest

from chainkit.formats.ghostdag.blocks import DagBlock
from chainkit.formats.ghostdag.dag import Dag, selected_chain
from chainkit.formats.ghostdag.order import order_of
from chainkit.formats.ghostdag.rules import genesis_block
from parachains.dag.parameters import (
    DELAY_BOUND_MS,
    DELAY_DEPTH,
    RED_SHARE,
    dag_parameters,
    finality_depth,
)
from tests.dags import PARAMETERS, genesis

BLOCKS = 1_500
MEAN_MS = 1_000
K = dag_parameters().k
GENESIS = genesis()


class Network:
    """Both halves' DAGs, what is under way between them, and the attacker's view of all."""

    def __init__(self, seed, k, attacker_share=0.0, delay_ms=DELAY_BOUND_MS):
        self.rng = random.Random(seed)
        self.k, self.share, self.delay_ms = k, attacker_share, delay_ms
        first = genesis_block(GENESIS)
        self.halves = [Dag(PARAMETERS, [first], first.hash) for _ in range(2)]
        self.under_way = []
        self.deepest = 0
        self.now = 0.0

    def mine(self):
        """Let time pass until the next block, and make it."""
        self.now += self.rng.expovariate(1 / MEAN_MS)
        due = [each for each in self.under_way if each[0] <= self.now]
        self.under_way = [each for each in self.under_way if each[0] > self.now]
        for _, half, block in sorted(due, key=lambda each: each[0]):
            self.hear(half, block)
        half = self.lighter() if self.rng.random() < self.share else self.rng.randrange(2)
        dag = self.halves[half]
        tips = sorted(dag.tips, key=lambda tip: dag.find(tip).sort_key, reverse=True)
        parents = tuple(tips[: PARAMETERS.max_parents])
        order = order_of(dag, parents, self.k, 1_000)
        header = replace(GENESIS, parents_by_level=(parents,))
        block = DagBlock(self.rng.randbytes(32), header, order, 0, 0)
        self.hear(half, block)
        self.under_way.append((self.now + self.delay_ms, 1 - half, block))

    def lighter(self):
        """The half whose chain has less work: the attacker helps it, to keep both alive."""
        return int(self.halves[1].selected_tip.sort_key < self.halves[0].selected_tip.sort_key)

    def hear(self, half, block):
        """A half hears of a block; how deep its selected chain changes is noted."""
        dag = self.halves[half]
        before = dag.selected_tip
        dag.add(block)
        after = dag.selected_tip
        if not dag.is_chain_ancestor(before.hash, after.hash):
            fork = next(
                each
                for each in selected_chain(dag, before.hash)
                if dag.is_chain_ancestor(each.hash, after.hash)
            )
            depth = before.order.blue_score - fork.order.blue_score
            self.deepest = max(self.deepest, depth)

    def run(self, blocks):
        for _ in range(blocks):
            self.mine()
        for _, half, block in self.under_way:
            self.hear(half, block)
        self.under_way = []
        return self


def red_share(dag):
    chain = list(selected_chain(dag, dag.selected_tip.hash))
    reds = sum(len(block.order.reds) for block in chain)
    return reds / (reds + chain[0].order.blue_score)


@cache
def deepest_by_delay_alone():
    return max(Network(seed, K).run(BLOCKS).deepest for seed in range(2))


@pytest.mark.parametrize("seed", range(2))
def test_few_honest_blocks_turn_red(seed) -> None:
    """With k by the formula at most the share that it was computed for; with a small k far more."""
    right = Network(seed, K).run(BLOCKS)
    small = Network(seed, 1).run(BLOCKS)

    assert red_share(right.halves[0]) <= RED_SHARE
    assert red_share(small.halves[0]) > 5 * RED_SHARE
    parallel = sum(len(block.header.parents) > 1 for block in right.halves[0])
    assert parallel > BLOCKS // 4


@pytest.mark.parametrize("seed", range(2))
def test_both_halves_end_with_one_order(seed) -> None:
    """After the last block has arrived everywhere, order and selected chain are the same."""
    network = Network(seed, K, attacker_share=0.2).run(BLOCKS)
    one, other = network.halves

    assert {block.hash: block.order for block in one} == {b.hash: b.order for b in other}
    assert one.selected_tip == other.selected_tip


@pytest.mark.parametrize("share", [0.1, 0.2, 0.3])
def test_a_balancing_attacker_stays_above_finality(share) -> None:
    """LC-D-split: who mines on the lighter half keeps both alive, and never down to finality.

    Delay alone does most of it, so that Rosenfeld's depth is not enough by itself.
    """
    depth = finality_depth(Fraction(str(share)), Fraction(1, 10**6))
    deepest = max(Network(seed, K, share).run(BLOCKS).deepest for seed in range(2))
    alone = deepest_by_delay_alone()

    assert 0 < alone <= deepest + 5
    assert alone < DELAY_DEPTH
    assert deepest < depth


def test_without_delay_the_selected_chain_hardly_changes() -> None:
    """The depth comes from the delay: at a tenth of a second it is two or three blue scores."""
    network = Network(1, K, attacker_share=0.3, delay_ms=100).run(BLOCKS)

    assert network.deepest < 5
