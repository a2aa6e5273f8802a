"""The real relayer between a DAG chain and a zone: headers, proofs, coins home, a fork shown."""

from dataclasses import replace

import pytest

from chainkit.primitives.amounts import Coin
from chainkit.primitives.errors import MalformedMessage, OperationFailed
from chainkit.primitives.heights import Height
from chainkit.primitives.types import ChannelId, Denom, PortId
from chainkit.runtime.errors import InvalidAddress
from ibc.ics02_client.port import AnyValue
from ibc.ics04_channel.types import ChannelState
from ibc.ics20_transfer.denoms import TracedDenom
from ibc.ics20_transfer.state import escrow_address
from light_clients.ghostdag.codec import decode_client_state, encode_client_state
from parachains.dag.drawing import window_from_json
from parachains.dag.user import QUERIES, draw_answer
from parachains.sdk.relaying import AccountSequenceWrong, TxRefused
from parachains.sdk.users import Delegate, NotOffered, PacketKey, PacketStep, Send
from tests.dag_relayed import DEPTH, FUNDS, NATIVE, RELAYER, SAM, Joined

PORT, CHANNEL = PortId("transfer"), ChannelId("channel-0")
ESCROW = escrow_address(PORT, CHANNEL)
AMOUNT = 250_000


@pytest.fixture
async def joined():
    opened = Joined()
    await opened.settle()
    assert opened.failures() == []
    for chain in opened.chains:
        channels = await chain.client().channels("connection-0")
        assert [channel.end.state for channel in channels] == [ChannelState.OPEN]
    return opened


async def test_coins_go_over_and_come_home(joined) -> None:
    """Coins into escrow, vouchers on the zone by the DAG client's proof; back: paid out exactly."""
    dag, ann = joined.dag, joined.zone.users["ann"].address
    sent = await joined.from_dag(SAM, ann, NATIVE, AMOUNT)
    assert dag.balance(ESCROW) == AMOUNT
    assert dag.balance(SAM.address) == FUNDS - AMOUNT - 1
    await joined.settle()
    vouchers = {d: a for d, a in (await joined.zone_balances(ann)).items() if d[:4] == "ibc/"}
    assert list(vouchers.values()) == [AMOUNT]

    user = dag.user()
    key = PacketKey(PORT, CHANNEL, 1)
    assert await user.packets_sent_by(sent.tx_hash) == (key,)
    for step, expected in (
        (PacketStep.SENT, 1),
        (PacketStep.ACKNOWLEDGED, 1),
        (PacketStep.TIMED_OUT, 0),
    ):
        assert len(await user.packet_events(step, key, (PORT, CHANNEL))) == expected
    (event,) = await user.packet_events(PacketStep.SENT, key, (PORT, CHANNEL))
    assert (event.tx_hash, event.packet.sequence) == (sent.tx_hash, 1)

    await joined.from_zone(dag.text(SAM), next(iter(vouchers)), AMOUNT)
    await joined.from_zone(dag.text(SAM), "stone", 700)
    await joined.settle()
    assert joined.failures() == []
    assert dag.balance(ESCROW) == 0
    assert dag.balance(SAM.address) == FUNDS - 1
    voucher = TracedDenom("stone").arrived_by(PORT, CHANNEL).local_denom()
    told = await user.ask("balances", {"address": dag.text(SAM)})
    assert {each["denom"]: int(each["amount"]) for each in told["balances"]} == {
        NATIVE: FUNDS - 1,
        voucher: 700,
    }
    assert len({node.root for node in dag.nodes}) == 1


async def test_timeouts_are_proven_both_ways(joined) -> None:
    """Absence under a final block refunds on the zone; chain time past the timeout refunds here."""
    dag, ann = joined.dag, joined.zone.users["ann"].address
    before = (await joined.zone_balances(ann))["stone"]
    await joined.from_zone(dag.text(SAM), "stone", 700, timeout_s=2)
    await joined.from_dag(SAM, ann, NATIVE, AMOUNT, timeout_s=2)
    for _ in range(4):
        for chain in joined.chains:
            chain.block()
    assert (await joined.zone_balances(ann))["stone"] == before - 700
    await joined.settle()

    assert joined.failures() == []
    assert (await joined.zone_balances(ann))["stone"] == before
    assert dag.balance(ESCROW) == 0
    assert dag.balance(SAM.address) == FUNDS - 1


async def test_a_fork_below_the_final_block_is_shown_to_the_client(joined) -> None:
    """Its newest final block left the chain: the relayer brings the headers, and it freezes."""
    dag, ann = joined.dag, joined.zone.users["ann"].address
    zone_client = joined.zone.client()
    dag.is_cut = True
    client = dag.client(SAM)
    message = joined.message(client.signer, ann, NATIVE, AMOUNT)
    await client.broadcast(await client.sign((message,)))
    for _ in range(DEPTH + 4):
        dag.block_of(0)
    for _ in range(4):
        for worker in joined.workers:
            await worker.round()
        joined.zone.block()
    assert any(denom.startswith("ibc/") for denom in await joined.zone_balances(ann))
    for _ in range(DEPTH + 6):
        dag.block_of(1)
    dag.heal()
    dag.block()
    for _ in range(6):
        for worker in joined.workers:
            await worker.round()
        for chain in joined.chains:
            chain.block()

    (hosted,) = await zone_client.clients()
    assert client.read_client(hosted.state).is_frozen
    assert "client.fork_reported" in [event for event, _ in joined.journal.notes]


async def test_what_the_chain_has_not_is_no_consensus_state(joined) -> None:
    """A score that is skipped, or above the tip, has none: a client that keeps one is forked."""
    client = joined.dag.client()
    chain = joined.dag.chain
    scores = {
        chain.dag.find(each).order.blue_score
        for each in (chain.chain_hash(place) for place in range(chain.tip_place + 1))
    }
    skipped = min(set(range(max(scores))) - scores)
    nothing = await client.consensus_state(Height(0, skipped))
    assert nothing.value == b""
    assert await client.consensus_state(Height(0, max(scores) + 9)) == nothing
    assert (await client.consensus_state(Height(0, min(scores - {0})))).value
    with pytest.raises(OperationFailed, match="blue score"):
        await client.time_at(Height(0, skipped))


async def test_only_a_client_of_this_chain_is_read(joined) -> None:
    """Another chain's, another kind's, and what does not decode are none of ours."""
    client = joined.dag.client()
    (hosted,) = await joined.zone.client().clients()
    state = decode_client_state(hosted.state)
    strange = encode_client_state(replace(state, chain_id="other-1"))
    (tendermint,) = await client.clients()

    assert client.read_client(hosted.state).chain_id == client.chain_id
    assert client.read_client(strange) is None
    assert client.read_client(tendermint.state) is None
    assert client.read_client(AnyValue(hosted.state.type_url, b"\xff")) is None
    assert await client.fork_evidence(strange, Height(0, 1)) == ()
    assert await client.fork_evidence(hosted.state, Height(0, 1)) != ()


async def test_what_the_node_refuses_has_its_reason(joined) -> None:
    """A used sequence, a message that fails, and what this chain does not offer."""
    dag = joined.dag
    client, user = dag.client(SAM), dag.user()
    coins = (Coin(NATIVE, 10),)
    pay = await user.message(Send(dag.text(RELAYER), coins))
    first, second = await client.sign((pay,)), await client.sign((pay, pay))
    await client.broadcast(first)
    await client.broadcast(first)
    for _ in range(3):
        dag.block()
    assert (await client.outcome(first.tx_hash)).code == 0
    assert await client.outcome(second.tx_hash) is None
    with pytest.raises(AccountSequenceWrong):
        await client.broadcast(second)
    too_much = await user.message(Send(dag.text(RELAYER), (Coin(NATIVE, 10 * FUNDS),)))
    with pytest.raises(TxRefused):
        await client.sign((too_much,))
    with pytest.raises(NotOffered):
        await user.message(Delegate("someone", Coin(Denom(NATIVE), 1)))
    with pytest.raises(InvalidAddress):
        await user.message(Send("nowhere", coins))


async def test_every_question_has_an_answer(joined) -> None:
    """Those of the list are answered; others, and arguments of another form, are refused."""
    dag = joined.dag
    user = dag.user()
    sent = await joined.from_dag(SAM, joined.zone.users["ann"].address, NATIVE, AMOUNT)
    told = {
        "tx": await user.ask("tx", {"hash": sent.tx_hash}),
        "block": await user.ask("block", {}),
        "info": await user.ask("info", {}),
        "mempool": await user.ask("mempool", {}),
        "dag": await user.ask("dag", {"blocks": "20"}),
    }
    assert {form.name for form in QUERIES} == {*told, "balances"}
    assert told["tx"]["status"] == "accepted"
    score = told["tx"]["blueScore"]
    assert (await user.ask("block", {"height": str(score)}))["header"]["blueScore"] == score
    assert (await user.ask("block", {"height": told["info"]["sink"]})) == told["block"]
    assert told["mempool"] == {"entries": []}
    assert len(window_from_json(told["dag"]).blocks) == 20
    assert draw_answer(told["dag"]).startswith("<svg")
    for name, arguments in (
        ("block", {"height": "x"}), ("dag", {"blocks": "501"}), ("dag", {"blocks": "0"}),
        ("dag", {"blocks": "a"}),
    ):  # fmt: skip
        with pytest.raises(MalformedMessage):
            await user.ask(name, arguments)
    with pytest.raises(NotOffered):
        await user.ask("validators", {})
    with pytest.raises(OperationFailed):
        await user.ask("tx", {"hash": "00" * 32})
