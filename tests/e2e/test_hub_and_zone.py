"""The hub's and a zone's applications, used through ``isthmusd`` and its RPC only."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from chainkit.runtime.errors import InvalidHeight
from chainkit.wire.proto.cosmos.bank.v1beta1 import query_pb2 as bank_query
from chainkit.wire.proto.cosmos.bank.v1beta1 import tx_pb2 as bank_tx
from chainkit.wire.proto.cosmos.gov.v1 import gov_pb2
from chainkit.wire.proto.cosmos.gov.v1 import query_pb2 as gov_query
from chainkit.wire.proto.cosmos.gov.v1 import tx_pb2 as gov_tx
from chainkit.wire.proto.cosmos.staking.v1beta1 import tx_pb2 as staking_tx
from isthmus.config import ChainSpec
from relay_chain.node.config import PruningConfig, read_config, write_config
from relay_chain.node.limits import PRUNE_EVERY_BLOCKS
from tests.e2e.network import Chain, RpcRefused, Wallet, make_chain, running, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

HUB = ChainSpec(
    name="hub",
    kind="hub",
    validators=2,
    denom="uisth",
    timeout_commit_ms=100,
    genesis={"gov": {"voting_seconds": 4, "min_deposit": [{"denom": "uisth", "amount": "500"}]}},
)
KEEP_STATES = 60
ZONE = ChainSpec(name="zone", denom="utok", timeout_commit_ms=20, keep_states=KEEP_STATES)
KEEP_BLOCKS = 60


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """A hub of two validators."""
    chain = make_chain(tmp_path_factory.mktemp("hub") / "net", HUB)
    with running(chain.nodes):
        wait_until(lambda: min(n.height() for n in chain.nodes) >= 2, seconds=60, what="height 2")
        yield chain


@pytest.fixture(scope="module")
def zone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """A zone of one validator that prunes states and blocks."""
    chain = make_chain(tmp_path_factory.mktemp("zone") / "net", ZONE)
    path = chain.nodes[0].paths.config
    config = read_config(path)
    pruning = replace(config.pruning, keep_blocks=KEEP_BLOCKS)
    assert pruning == PruningConfig(keep_blocks=KEEP_BLOCKS, keep_states=KEEP_STATES)
    write_config(path, replace(config, pruning=pruning))
    with running(chain.nodes):
        wait_until(lambda: chain.nodes[0].height() >= 2, seconds=60, what="height 2")
        yield chain


def give(sender: Wallet, receiver: Wallet, amount: int) -> int:
    """Send tokens; return the height of the block that did it."""
    found = sender.send(
        bank_tx.MsgSend(
            from_address=sender.address,
            to_address=receiver.address,
            amount=[sender.coin(amount)],
        )
    )
    assert found["tx_result"]["code"] == 0, found["tx_result"]["log"]
    return int(found["height"])


@pytest.mark.parametrize("name", ["hub", "zone"])
def test_tokens_go_from_one_account_to_another(name: str, request: pytest.FixtureRequest) -> None:
    """
    After the transfer's block both balances show it; at the height before they do not.
    """
    chain: Chain = request.getfixturevalue(name)
    alice, bob = chain.wallet(0), chain.wallet(1)
    before = alice.balance(), bob.balance()
    height = give(alice, bob, 1_234)

    assert (alice.balance(), bob.balance()) == (before[0] - 1_234, before[1] + 1_234)
    assert bob.balance(height) == before[1] + 1_234
    assert bob.balance(height - 1) == before[1]


def test_more_than_the_balance_is_refused_by_name(hub: Chain) -> None:
    """
    The block holds the refusal, with the SDK's code, and nobody's balance moved.
    """
    alice, bob = hub.wallet(0), hub.wallet(1)
    before = alice.balance(), bob.balance()
    found = alice.send(
        bank_tx.MsgSend(
            from_address=alice.address, to_address=bob.address, amount=[alice.coin(10**15)]
        )
    )

    assert (found["tx_result"]["codespace"], found["tx_result"]["code"]) == ("sdk", 5)
    assert (alice.balance(), bob.balance()) == before


def test_a_delegation_changes_the_set_two_heights_later(hub: Chain) -> None:
    """
    Five more units of stake at H: the validator's power is 10 up to H + 1, and 15 from
    H + 2, on every node; and the header of H + 1 names the next set.
    """
    alice, operator = hub.wallet(0), hub.operator(0)
    node = hub.nodes[0]
    address = node.address()
    found = alice.send(
        staking_tx.MsgDelegate(
            delegator_address=alice.address,
            validator_address=operator.operator,
            amount=alice.coin(5_000_000),
        )
    )
    height = int(found["height"])
    wait_until(lambda: min(n.height() for n in hub.nodes) >= height + 3, seconds=60, what="H + 3")

    assert found["tx_result"]["code"] == 0
    for each in hub.nodes:
        powers = [each.validators(height + n)[address] for n in range(4)]
        assert powers == [10, 10, 15, 15]
    headers = [node.block(height + n)["header"] for n in range(3)]
    assert headers[1]["next_validators_hash"] == headers[2]["validators_hash"]
    assert headers[1]["validators_hash"] != headers[2]["validators_hash"]


def test_a_text_proposal_passes(hub: Chain) -> None:
    """
    Submitted, voted for by all the stake and decided when its time is over; the deposit
    comes back.
    """
    alice, node = hub.wallet(0), hub.nodes[0]
    voters = [hub.operator(index) for index in range(2)]
    for voter in voters:
        give(alice, voter, 1_000)
    before = alice.balance()
    submitted = alice.send(
        gov_tx.MsgSubmitProposal(
            proposer=alice.address,
            initial_deposit=[alice.coin(500)],
            title="A name for the hub",
            summary="Let it be Isthmus.",
        )
    )
    assert submitted["tx_result"]["code"] == 0, submitted["tx_result"]["log"]
    attributes = {
        a["key"]: a["value"]
        for event in submitted["tx_result"]["events"]
        if event["type"] == "submit_proposal"
        for a in event["attributes"]
    }
    number = int(attributes["proposal_id"])
    assert alice.balance() == before - 500
    for voter in voters:
        cast = voter.send(
            gov_tx.MsgVote(proposal_id=number, voter=voter.address, option=gov_pb2.VOTE_OPTION_YES)
        )
        assert cast["tx_result"]["code"] == 0, cast["tx_result"]["log"]

    def proposal() -> gov_pb2.Proposal:
        answer = node.ask(
            "/cosmos.gov.v1.Query/Proposal",
            gov_query.QueryProposalRequest(proposal_id=number),
            gov_query.QueryProposalResponse,
        )
        return answer.proposal

    wait_until(
        lambda: proposal().status != gov_pb2.PROPOSAL_STATUS_VOTING_PERIOD,
        seconds=60,
        what="the end of the vote",
    )
    assert proposal().status == gov_pb2.PROPOSAL_STATUS_PASSED
    assert int(proposal().final_tally_result.yes_count) >= 20_000_000
    assert alice.balance() == before


def test_states_are_pruned_and_asking_for_them_is_refused_by_name(zone: Chain) -> None:
    """
    Sixty states are kept: the balance at an older height is refused with the SDK's code for
    it, by query and by proof; the recent ones answer.
    """
    alice, bob, node = zone.wallet(0), zone.wallet(1), zone.nodes[0]
    height = give(alice, bob, 7)
    wait_until(lambda: node.height() > height + KEEP_STATES, seconds=90, what="as many more blocks")

    with pytest.raises(RpcRefused, match=f"height {height} is not kept"):
        bob.balance(height)
    request = bank_query.QueryBalanceRequest(address=bob.address, denom="utok")
    for path, data in (
        ("/cosmos.bank.v1beta1.Query/Balance", request.SerializeToString()),
        ("/store/bank/key", b"any"),
    ):
        answer = node.rpc("abci_query", path=path, data=data.hex(), height=str(height), prove=True)
        assert answer["response"]["code"] == InvalidHeight.code
        assert answer["response"]["codespace"] == InvalidHeight.codespace
        assert not answer["response"]["value"]
    assert bob.balance(node.height() - 2) > 0


def test_blocks_are_pruned_and_asking_for_them_is_refused_by_name(zone: Chain) -> None:
    """
    Blocks below the kept ones are gone, and RPC says which is the lowest.
    """
    node = zone.nodes[0]

    def lowest() -> int:
        return int(node.rpc("status")["sync_info"]["earliest_block_height"])

    wait_until(lambda: lowest() > 1, seconds=120, what="pruned blocks")
    kept = node.height() - lowest()

    assert KEEP_BLOCKS <= kept <= KEEP_BLOCKS + PRUNE_EVERY_BLOCKS
    for method in ("block", "commit", "header", "block_results", "validators"):
        with pytest.raises(RpcRefused, match="height 1 is not available, lowest height is"):
            node.rpc(method, height="1")
    assert node.block(lowest())["header"]["height"]
