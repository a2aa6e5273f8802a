"""A zone as people see it: messages, questions, and packets traced over real applications."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainkit.primitives.amounts import Coin
from chainkit.primitives.errors import MalformedMessage, OperationFailed
from chainkit.runtime.transaction import AnyMessage
from chainkit.runtime.tx_codec import build_tx
from chainkit.wire.proto.cosmos.bank.v1beta1 import tx_pb2 as bank_tx
from chainkit.wire.proto.cosmos.gov.v1 import tx_pb2 as gov_tx
from chainkit.wire.proto.cosmos.staking.v1beta1 import tx_pb2 as staking_tx
from chainkit.wire.proto.ibc.applications.transfer.v1 import tx_pb2 as transfer_tx
from isthmus.routes import address_packet, all_links, find_route
from isthmus.trace import PacketNotFound, PacketState, trace
from parachains.sdk.users import (
    Delegate,
    NotOffered,
    PacketKey,
    PacketStep,
    RawMessage,
    Send,
    SubmitProposal,
    Transfer,
    Undelegate,
    Vote,
)
from parachains.zone import user_codec
from parachains.zone.kind import CHAIN_KIND
from parachains.zone.packet_log import read_events
from parachains.zone.queries import CORE_QUERIES, STAKE_QUERIES
from parachains.zone.rpc import QueryFailed
from parachains.zone.user import ZoneUser
from relayer.submitter import Submitter
from tests.relaying import SECOND, FakeClock, MemoryJournal
from tests.unit.test_relayer_zones import Network
from tests.zones import InProcessZone

COIN = Coin("atoken", 5)


def solo() -> tuple[InProcessZone, ZoneUser]:
    zone = InProcessZone("solo-1", FakeClock(), prefix="zone", denom="atoken", users=["ann"])
    return zone, ZoneUser(zone.client(zone.users["ann"]), zone, CORE_QUERIES)


# --- messages ---------------------------------------------------------------------------


async def test_payments_and_transfers_are_cosmos_s_messages() -> None:
    """
    The sender is the account that signs, everything else what was wanted.
    """
    zone, user = solo()
    ann = zone.users["ann"].address
    sent = await user.message(Send("zone1x", (COIN, Coin("btoken", 1))))
    moved = await user.message(Transfer("transfer", "channel-3", COIN, "bob", 77, "memo"))

    payment = bank_tx.MsgSend.FromString(sent.value)
    packet = transfer_tx.MsgTransfer.FromString(moved.value)
    assert sent.type_url == "/cosmos.bank.v1beta1.MsgSend"
    assert (payment.from_address, payment.to_address, len(payment.amount)) == (ann, "zone1x", 2)
    assert (packet.sender, packet.receiver, packet.memo) == (ann, "bob", "memo")
    assert (packet.source_channel, packet.timeout_timestamp) == ("channel-3", 77)
    assert (packet.token.denom, packet.token.amount) == ("atoken", "5")


def test_stake_and_votes_are_cosmos_s_messages() -> None:
    """
    A proposal carries messages in their JSON form.
    """
    staked = user_codec.delegate("a", "v", COIN)
    taken = user_codec.undelegate("a", "v", COIN)
    inner = {"@type": "/cosmos.bank.v1beta1.MsgSend", "to_address": "b"}
    asked = user_codec.submit_proposal("a", "title", "sum", (COIN,), (inner,))
    voted = user_codec.vote("a", 3, "no_with_veto")

    assert staking_tx.MsgDelegate.FromString(staked.value).validator_address == "v"
    assert staking_tx.MsgUndelegate.FromString(taken.value).amount.amount == "5"
    proposal = gov_tx.MsgSubmitProposal.FromString(asked.value)
    assert (proposal.title, proposal.messages[0].type_url) == ("title", inner["@type"])
    assert gov_tx.MsgVote.FromString(voted.value).option == 4
    with pytest.raises(MalformedMessage, match="expected one of yes"):
        user_codec.vote("a", 3, "maybe")


async def test_a_chain_without_stake_says_so() -> None:
    """
    Before anything is signed.
    """
    _, user = solo()
    for intent in (Delegate("v", COIN), Undelegate("v", COIN)):
        with pytest.raises(NotOffered, match="solo-1 has no staking"):
            await user.message(intent)
    assert (await user.message(Vote(1, "yes"))).type_url == "/cosmos.gov.v1.MsgVote"
    assert (await user.message(SubmitProposal("t", "s", (COIN,)))).value


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({}, '"@type"'),
        ({"@type": 5}, '"@type"'),
        ({"@type": "/no.such.Msg"}, "no message type /no.such.Msg"),
        ({"@type": "/cosmos.bank.v1beta1.MsgSend", "moon": 1}, "moon"),
        ({"@type": "/cosmos.bank.v1beta1.MsgSend", "amount": 1}, "MsgSend"),
        ({"@type": "/cosmos.gov.v1.MsgVote", "proposal_id": "x"}, "MsgVote"),
    ],
)
async def test_a_message_that_is_none_is_refused(value, said) -> None:
    """
    The person reads which type or field is wrong.
    """
    _, user = solo()
    with pytest.raises(MalformedMessage, match=said):
        await user.message(RawMessage(value))


@given(st.binary(max_size=300))
def test_any_bytes_are_a_transaction_or_malformed(data) -> None:
    """
    What a node calls a transaction is its word only.
    """
    try:
        found = user_codec.tx_to_json(data)
    except MalformedMessage:
        return
    assert json.dumps(found)


def test_a_transaction_is_told_with_messages_that_nobody_knows() -> None:
    """
    A type without a schema is named, with its size.
    """
    send = user_codec.send("a", "b", (COIN,))
    data = build_tx(
        [AnyMessage(send.type_url, send.value), AnyMessage("/x.Unknown", b"123")],
        b"\x01" * 32,
        chain_id="solo-1",
        account_number=0,
        sequence=0,
        fee=(COIN,),
        gas_limit=9,
        memo="hi",
    )
    told = user_codec.tx_to_json(data)

    assert told["memo"] == "hi"
    assert told["messages"][0]["to_address"] == "b"
    assert told["messages"][1] == {"@type": "/x.Unknown", "bytes": 3}


# --- questions --------------------------------------------------------------------------


async def test_every_question_of_a_zone_is_answered_or_refused_by_the_chain() -> None:
    """
    Each form's path exists with the fields that the form fills in.
    """
    zone, user = solo()
    values = {
        "address": zone.users["ann"].address,
        "client": "07-tendermint-0",
        "port": "transfer",
        "channel": "channel-0",
        "denom": "ibc/" + "AB" * 32,
    }
    absent = set()
    for query in CORE_QUERIES:
        try:
            answer = await user.ask(query.form.name, values)
        except QueryFailed:
            absent.add(query.form.name)
        else:
            assert json.dumps(dict(answer))
    balances = (await user.ask("balances", values))["balances"]

    assert balances == [{"denom": "atoken", "amount": "1000000000"}]
    assert absent <= {"client-status", "denom", "commitments", "acknowledgements", "escrow"}
    assert {form.name for form in user.queries} == {form.name for form in CHAIN_KIND.queries}


@pytest.mark.parametrize("query", STAKE_QUERIES, ids=lambda query: query.form.name)
def test_every_question_of_the_hub_is_a_grpc_method(query) -> None:
    """
    Its request is one of the method's.
    """
    request, _ = user_codec.query_types(query.path)
    values = dict.fromkeys(query.form.arguments, "7")

    assert user_codec.request_from_json(query.request(values), request) is not None


@pytest.mark.parametrize(
    ("name", "arguments", "error", "said"),
    [
        ("moon", {}, NotOffered, "no query 'moon'"),
        ("grpc", {"method": "/no.such/Method"}, MalformedMessage, "no gRPC method"),
        ("grpc", {"method": "nonsense"}, MalformedMessage, "no gRPC method"),
        (
            "grpc",
            {"method": "/cosmos.bank.v1beta1.Query/Params", "request": "[]"},
            MalformedMessage,
            "JSON object",
        ),
        (
            "grpc",
            {"method": "/cosmos.bank.v1beta1.Query/Params", "request": '{"x": 1}'},
            MalformedMessage,
            "x",
        ),
        ("grpc", {"method": "/cosmos.gov.v1.Query/Proposals"}, QueryFailed, "gov"),
        ("block", {"height": "seven"}, MalformedMessage, "expected a number"),
        ("tx", {"hash": "zz"}, MalformedMessage, "64 hex digits"),
        ("tx", {"hash": "AB"}, MalformedMessage, "64 hex digits, got 2"),
    ],
)
async def test_a_wrong_question_is_refused(name, arguments, error, said) -> None:
    """
    By name, and before the chain is asked where that can be known.
    """
    _, user = solo()
    with pytest.raises(error, match=said):
        await user.ask(name, arguments)


# --- packets ----------------------------------------------------------------------------


def people(network: Network) -> dict[str, ZoneUser]:
    zones = {"zone-a": network.a, "hub": network.hub, "zone-b": network.b}
    return {name: ZoneUser(zone.client(), zone, CORE_QUERIES) for name, zone in zones.items()}


async def test_a_packet_is_traced_over_two_hops_while_it_goes() -> None:
    """
    The route is found on the chains, the memo carries it, and the trace follows: sent, then
    delivered at both hops, each step at the height that has it.
    """
    network = Network()
    users = people(network)
    await network.settle()
    route = find_route(await all_links(users), "zone-a", "zone-b", "transfer")
    receiver, memo = address_packet(route, network.b.users["bob"].address, timeout_ns=600 * SECOND)
    ann = network.a.client(network.a.users["ann"])
    intent = Transfer(
        "transfer",
        route[0].end.channel_id,
        COIN,
        receiver,
        network.clock.now() + 600 * SECOND,
        memo,
    )
    ann_user = ZoneUser(ann, network.a, CORE_QUERIES)
    outcome = await Submitter(ann, MemoryJournal(), network.clock).submit(
        (await ann_user.message(intent),), "transfer"
    )
    [key] = await users["zone-a"].packets_sent_by(outcome.tx_hash)
    before = await trace(users, "zone-a", key)
    await network.settle()
    after = await trace(users, "zone-a", key)

    assert [link.other_chain for link in route] == ["hub", "zone-b"]
    assert (before.state, before.destination, before.forwarded) == (PacketState.SENT, "hub", ())
    assert before.waits_for.startswith("the relayer to bring it to hub")
    assert (after.state, after.waits_for) == (PacketState.DELIVERED, "")
    [child] = after.forwarded
    assert (child.source, child.destination, child.state) == (
        "hub",
        "zone-b",
        PacketState.DELIVERED,
    )
    heights = [step.event.height for step in child.steps if step.chain == "hub"]
    assert heights == sorted(heights)
    assert after.steps[1].event.height == child.steps[0].event.height, "one message did both"
    assert all(step.event.tx_hash for step in (*after.steps, *child.steps))


async def test_a_packet_that_was_never_sent_is_not_found() -> None:
    """
    The channel is there, the sequence is not.
    """
    network = Network()
    await network.settle()
    users = people(network)
    [link] = [link for link in await all_links(users) if link.chain == "zone-a"]
    key = PacketKey("transfer", link.end.channel_id, 9)

    with pytest.raises(PacketNotFound, match="sent no packet"):
        await trace(users, "zone-a", key)
    with pytest.raises(OperationFailed):
        await users["zone-a"].packets_sent_by("AB" * 32)


def test_an_event_that_does_not_name_its_packet_is_malformed() -> None:
    """
    A node's events are read as hostile.
    """
    whole = {
        "packet_src_port": "transfer",
        "packet_src_channel": "channel-0",
        "packet_sequence": "1",
        "packet_dst_port": "transfer",
        "packet_dst_channel": "channel-1",
    }
    [event] = read_events([("send_packet", whole), ("other", {})])
    assert (event.step, event.destination) == (PacketStep.SENT, ("transfer", "channel-1"))

    for name in whole:
        with pytest.raises(MalformedMessage):
            read_events([("recv_packet", {k: v for k, v in whole.items() if k != name})])
    for sequence in ("one", "-1", "", "1" * 21, "1.0"):
        with pytest.raises(MalformedMessage):
            read_events([("recv_packet", {**whole, "packet_sequence": sequence})])
