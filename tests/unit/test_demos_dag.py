"""The demos with a DAG: each figure of their reports can be wrong, and a replay tells no lies."""

from dataclasses import asdict, replace

import pytest

from demos import dag_conflict, six_pairs
from demos.dag_conflict import Branch
from demos.reorg.dag_replay import NotReplayed, replay
from demos.reorg.replay import Source
from demos.six_pairs import CHAINS, Pair
from parachains.dag.errors import InvalidBody
from parachains.dag.mempool import Mempool
from parachains.dag.service import Service
from parachains.dag.settings import DagSettings, chain_parameters
from tests.dag_worlds import ALICE, BOB, CHAIN_ID, NATIVE, PREFIX, Node, parallel, pay
from tests.dags import START_MS

NAMES = [chain.name for chain in CHAINS]
PAIRS = tuple(
    Pair(start, end, 1_000 + number, arrived=True, acknowledged=True)
    for number, (start, end) in enumerate(
        (start, end) for start in NAMES for end in NAMES if start != end
    )
)
SIX = six_pairs.Report(
    delivered=6, pairs=PAIRS, supply_conserved=True, seconds_to_ready=50.0, seconds=90.0
)
WINNER = Branch("aa", "bb", "bob", "blue", is_chain=True, accepted=True, credited=600)
LOSER = Branch("cc", "dd", "alice", "blue", is_chain=False, accepted=False, credited=0)
CONFLICT = dag_conflict.Report(
    branches=(WINNER, LOSER), amount=600, parallel=True, credited=1, spent=600, escrowed=600,
    vouchers=600, refused_again=True, answer="sequence 0 was used", seconds_to_ready=30.0,
    seconds=60.0,
)  # fmt: skip


def test_reports_in_which_all_holds_have_no_failure() -> None:
    """
    The figures of a good run are good; the last line that a person reads is the claim.
    """
    assert SIX.failures() == CONFLICT.failures() == ()
    assert six_pairs.describe(SIX).splitlines()[-1] == "delivered: 6"
    assert dag_conflict.describe(CONFLICT).splitlines()[-1] == "credited: 1"
    assert asdict(SIX)["pairs"][0]["arrived"] is True


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"delivered": 5}, "5 pairs delivered, expected 6"),
        ({"supply_conserved": False}, "escrow and vouchers differ"),
        ({"pairs": (replace(PAIRS[0], arrived=False), *PAIRS[1:])}, "not received as it was sent"),
        ({"pairs": (*PAIRS[:5], replace(PAIRS[5], acknowledged=False))}, "not acknowledged"),
    ],
)
def test_each_wrong_figure_of_the_six_pairs_fails_the_demo(changes, text) -> None:
    """
    A pair that is not delivered is named.
    """
    (failure,) = replace(SIX, **changes).failures()

    assert text in failure


@pytest.mark.parametrize("wrong", ["arrived", "acknowledged"])
def test_a_pair_is_delivered_if_both_hold(wrong) -> None:
    """
    Receipt without its proof at the sender is no delivery, nor the reverse.
    """
    assert PAIRS[0].is_delivered
    assert not replace(PAIRS[0], **{wrong: False}).is_delivered


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"parallel": False}, "not parallel"),
        ({"branches": (WINNER, replace(LOSER, colour="unmerged"))}, "not merged"),
        ({"branches": (WINNER, replace(LOSER, accepted=True))}, "2 of the two transfers"),
        ({"credited": 2}, "2 receivers were credited"),
        (
            {"branches": (replace(WINNER, credited=0), replace(LOSER, credited=600))},
            "what was credited is not what was accepted",
        ),
        ({"branches": (replace(WINNER, credited=599), LOSER)}, "another amount"),
        ({"spent": 1_200}, "1200 spent"),
        ({"escrowed": 1_200}, "1200 in escrow"),
        ({"vouchers": 1_200}, "1200 vouchers"),
        ({"refused_again": False}, "took the loser's transaction again"),
    ],
)
def test_each_wrong_figure_of_the_conflict_fails_the_demo(changes, text) -> None:
    """
    Whatever a double spend shows that must not be is told.
    """
    failures = replace(CONFLICT, **changes).failures()

    assert any(text in failure for failure in failures)


# --- the replay --------------------------------------------------------------------------

SETTINGS = DagSettings(
    chain_id=CHAIN_ID, denom=NATIVE, address_prefix=PREFIX, genesis_time_ms=START_MS,
    interval_ms=1_000, reward=50,
    balances=tuple((key.address.hex(), "10000") for key in (ALICE, BOB)),
    p2p_port=0, rpc_port=0, miner_key="01" * 32, light_clients=(), applications=(),
)  # fmt: skip


class Told(Source):
    """A node that answers from a chain in memory; ``change`` may spoil a block."""

    def __init__(self, node, change=lambda blocks: blocks):
        self.methods = Service(node.chain, Mempool(node.chain), lambda _: None, 3).methods()
        self.change = change

    def call(self, method, **params):
        function, _ = self.methods[method]
        return self.change(function(**params))


@pytest.fixture(scope="module")
def nodes():
    """Two nodes that mined in parallel, with a payment among the blocks."""
    chain = chain_parameters(SETTINGS)
    found = [Node(number, chain=chain) for number in range(2)]
    parallel(found)
    parallel(found, [pay(ALICE, BOB, 70, 0)], [pay(ALICE, BOB, 90, 0)])
    parallel(found)
    return found


def test_a_replay_computes_what_the_node_has(nodes) -> None:
    """
    State root and coins come from the blocks alone: genesis, and a reward a blue block.
    """
    chain = nodes[0].chain
    found = replay(Told(nodes[0]), SETTINGS, chain.tip.hash.hex(), "channel-0")

    assert found.root == found.committed_root == nodes[0].root.hex()
    assert found.height == chain.tip.order.blue_score
    assert found.coins == found.coins_mined == nodes[0].supply()
    assert found.coins > 20_000
    assert found.escrowed == 0


def test_a_replay_takes_no_block_that_breaks_a_rule(nodes) -> None:
    """
    A body that is not the header's is refused; without a block the tip is not reached.
    """
    tip = nodes[0].chain.tip.hash.hex()

    def swapped(blocks):
        return [blocks[0] | {"body": blocks[-1]["body"]}, *blocks[1:]] if blocks else blocks

    def short(blocks):
        return [] if len(blocks) < 2 else blocks[:-2]

    with pytest.raises(InvalidBody):
        replay(Told(nodes[0], swapped), SETTINGS, tip, "channel-0")
    with pytest.raises(NotReplayed):
        replay(Told(nodes[0], short), SETTINGS, tip, "channel-0")
