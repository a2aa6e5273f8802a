"""DAG chains as a kind: homes that describe one chain, and what a description may not say."""

from dataclasses import replace

import pytest

from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.types import ChainId, Denom, TimestampNs
from chainkit.sigverify.ed25519 import ed25519_address, public_key_from_seed
from parachains.dag.kind import CHAIN_KIND
from parachains.dag.settings import chain_parameters, read_settings
from parachains.sdk.kinds import ChainPlan

SEEDS = tuple(bytes([number]) * 32 for number in (1, 2, 3))
PLAN = ChainPlan(
    name="braid",
    chain_id=ChainId("braid-1"),
    denom=Denom("knot"),
    address_prefix="braid",
    timeout_propose_ms=1_000,
    timeout_commit_ms=500,
    keep_states=0,
    genesis_time=TimestampNs(1_700_000_000_123_456_789),
    seeds=SEEDS,
    operators=(),
    funded=((CHAIN_KIND.account_address(bytes([9]) * 32), 700),),
    light_clients=("07-tendermint",),
    applications=("transfer",),
    genesis={},
)


def written(tmp_path, **genesis):
    plan = replace(PLAN, genesis={"dag": genesis} if genesis else {})
    nodes = CHAIN_KIND.write_chain(tmp_path, plan, iter(range(20_000, 20_100)))
    return [read_settings(node.home) for node in nodes]


def test_all_homes_describe_one_chain(tmp_path) -> None:
    """
    Genesis and parameters are the same; keys, ports and shares each node's own.
    """
    found = written(tmp_path)
    chains = [chain_parameters(each) for each in found]

    assert chains[0] == chains[1] == chains[2]
    assert chains[0].genesis_time_ms == 1_700_000_000_123
    assert dict(chains[0].balances) == {PLAN.funded[0][0]: 700}
    assert len({each.miner_key for each in found}) == 3
    assert len({port for each in found for port in (each.p2p_port, each.rpc_port)}) == 6
    assert sum(each.mining_share_millionths for each in found) in range(999_997, 1_000_001)
    assert [each.archive for each in found] == [True, False, False]
    assert [len(each.peers) for each in found] == [0, 1, 2]
    assert found[0].finality_depth == 12
    assert CHAIN_KIND.parts_of(tmp_path / "node0") == (("07-tendermint",), ("transfer",))


def test_a_description_changes_the_chain(tmp_path) -> None:
    """
    Interval, depth and reward are those that [chains.genesis.dag] says.
    """
    found = written(tmp_path, interval_ms=250, finality_depth=30, reward=5)[0]

    assert (found.interval_ms, found.finality_depth, found.reward) == (250, 30, 5)
    assert chain_parameters(found).dag.target_time_ms == 250


@pytest.mark.parametrize(
    "genesis",
    [
        {"dag": {"blocks": 1}},
        {"dag": {"interval_ms": "fast"}},
        {"dag": {"interval_ms": 1}},
        {"dag": {"reward": -1}},
        {"dag": []},
        {"bank": {}},
    ],
)
def test_a_wrong_description_is_refused(tmp_path, genesis) -> None:
    """
    An unknown key, another type, a number out of its range, another module.
    """
    plan = replace(PLAN, genesis=genesis)

    with pytest.raises(MalformedMessage):
        CHAIN_KIND.write_chain(tmp_path, plan, iter(range(20_000, 20_100)))


def test_an_account_is_its_ed25519_key() -> None:
    """
    The same 32 bytes have another address than on the other kinds.
    """
    seed = bytes([9]) * 32

    assert CHAIN_KIND.account_address(seed) == ed25519_address(public_key_from_seed(seed))


async def test_a_node_that_answers_otherwise_is_told(tmp_path) -> None:
    """
    Its health is read by the methods that every kind's nodes have.
    """

    class Transport:
        def __init__(self):
            self.answers = {
                "status": {"sync_info": {"latest_block_height": "7", "catching_up": False}},
                "net_info": {"n_peers": "2"},
            }

        async def call(self, method, params):
            assert params == {}
            return self.answers[method]

    transport = Transport()
    health = await CHAIN_KIND.node_health(transport)
    assert (health.height, health.peers, health.is_catching_up) == (7, 2, False)
    transport.answers["net_info"] = []
    with pytest.raises(MalformedMessage):
        await CHAIN_KIND.node_health(transport)
