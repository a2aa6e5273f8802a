"""The reader of the token supply: a conserved history passes, every fabricated gain is told."""

import ast
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import demos
from chainkit.primitives.bech32 import encode_bech32
from chainkit.primitives.timestamps import format_rfc3339
from chainkit.wire.codec import encode, pack_any
from chainkit.wire.proto.cosmos.auth.v1beta1.auth_pb2 import BaseAccount, ModuleAccount
from chainkit.wire.proto.cosmos.auth.v1beta1.query_pb2 import QueryAccountsResponse
from chainkit.wire.proto.cosmos.bank.v1beta1.query_pb2 import QueryTotalSupplyResponse
from chainkit.wire.proto.cosmos.base.query.v1beta1.pagination_pb2 import PageResponse
from chainkit.wire.proto.cosmos.base.v1beta1.coin_pb2 import Coin
from demos.supply_equation import (
    Answered,
    Block,
    End,
    PacketId,
    Received,
    Sent,
    Settled,
    SupplyWatch,
    TimedOut,
    local_name,
)
from demos.supply_forms import (
    Facts,
    ReadFailed,
    addresses_of,
    coins_of,
    count_verified,
    escrow_account,
    events_of,
    time_ns,
)
from ibc.ics20_transfer.denoms import extract_denom
from ibc.ics20_transfer.state import escrow_address

STDLIB = set(sys.stdlib_module_names)
SECOND = 10**9
A_END = End("a", "transfer", "channel-0")
HUB_TO_A = End("hub", "transfer", "channel-1")
HUB_TO_B = End("hub", "transfer", "channel-0")
B_END = End("b", "transfer", "channel-0")
ON_HUB = local_name("transfer/channel-1/atok")
ON_B = local_name("transfer/channel-0/transfer/channel-1/atok")
OUT = PacketId(A_END, 1)
ON = PacketId(HUB_TO_B, 1)
BACK = PacketId(B_END, 1)
LAST = PacketId(HUB_TO_A, 1)
A_GENESIS = {"atok": 1000}


class Story:
    """Writes blocks of three chains; what a ledger holds stays until the story changes it."""

    def __init__(self):
        self.watch = SupplyWatch(["a", "hub", "b"])
        self.supply = {"a": dict(A_GENESIS), "hub": {"hubtok": 5}, "b": {"btok": 7}}
        self.escrow = {A_END: {}, HUB_TO_A: {}, HUB_TO_B: {}, B_END: {}}
        self.height = dict.fromkeys(self.supply, 0)
        self.now = 0
        self.held = None

    def block(self, chain, *facts, supply=None, **escrow):
        ends = {"a": A_END, "to_a": HUB_TO_A, "to_b": HUB_TO_B, "b": B_END}
        self.supply[chain].update(supply or {})
        for name, balances in escrow.items():
            self.escrow[ends[name]].update(balances)
        self.height[chain] += 1
        self.now += SECOND
        block = Block(
            chain,
            self.height[chain],
            self.now,
            facts,
            dict(self.supply[chain]),
            {end: dict(held) for end, held in self.escrow.items() if end.chain == chain},
            self.held,
        )
        self.held = None
        self.watch.add(block)

    def finish(self):
        for chain in self.supply:
            self.block(chain)
        self.watch.finish()
        return self.watch


@pytest.fixture
def story():
    made = Story()
    for chain in made.supply:
        made.block(chain)
    return made


def out(amount=100):
    return Sent(OUT, HUB_TO_A, "atok", amount)


def on(amount=100):
    return Sent(ON, B_END, "transfer/channel-1/atok", amount)


def go_out(story):
    story.block("a", out(), a={"atok": 100})
    story.block("hub", Received(OUT), on(), supply={ON_HUB: 100}, to_b={ON_HUB: 100})
    story.block("b", Received(ON), Answered(ON, accepted=True), supply={ON_B: 100})
    story.block("hub", Settled(ON), Answered(OUT, accepted=True))
    story.block("a", Settled(OUT))


def come_home(story):
    back = Sent(BACK, HUB_TO_B, "transfer/channel-0/transfer/channel-1/atok", 100)
    last = Sent(LAST, A_END, "transfer/channel-1/atok", 100)
    story.block("b", back, supply={ON_B: 0})
    story.block("hub", Received(BACK), last, supply={ON_HUB: 0}, to_b={ON_HUB: 0})
    story.block("a", Received(LAST), Answered(LAST, accepted=True), a={"atok": 0})
    story.block("hub", Settled(LAST), Answered(BACK, accepted=True))
    story.block("b", Settled(BACK))


def test_there_and_back_is_conserved_at_every_height(story):
    """All the way over two hops and home, escrow equals vouchers and what travels."""
    go_out(story)
    come_home(story)
    watch = story.finish()

    assert watch.violations == []
    assert watch.is_conserved
    assert watch.in_flight == 0
    assert watch.checks == sum(story.height.values())
    assert watch.heights == story.height


def test_packets_in_flight_count(story):
    """A history that ends while a token is on its way is conserved: the packet holds it."""
    story.block("a", out(), a={"atok": 100})
    watch = story.finish()

    assert watch.is_conserved
    assert watch.in_flight == 1


def test_a_refused_packet_is_in_flight_until_its_sender_is_refunded(story):
    """An error answer moves nothing; the refund empties the escrow again."""
    story.block("a", out(), a={"atok": 100})
    story.block("hub", Received(OUT), Answered(OUT, accepted=False))
    story.block("a", Settled(OUT), a={"atok": 0})
    watch = story.finish()

    assert watch.is_conserved
    assert watch.in_flight == 0


def test_a_forward_that_fails_is_undone_hop_by_hop(story):
    """The last chain refuses, the hub takes its vouchers back, the origin is refunded."""
    story.block("a", out(), a={"atok": 100})
    story.block("hub", Received(OUT), on(), supply={ON_HUB: 100}, to_b={ON_HUB: 100})
    story.block("b", Received(ON), Answered(ON, accepted=False))
    answer = Answered(OUT, accepted=False)
    story.block("hub", Settled(ON), answer, supply={ON_HUB: 0}, to_b={ON_HUB: 0})
    story.block("a", Settled(OUT), a={"atok": 0})

    assert story.finish().is_conserved


def test_a_timeout_refunds(story):
    """A packet that did not arrive in time is in flight until the refund."""
    story.block("a", out(), a={"atok": 100})
    story.block("a", TimedOut(OUT), a={"atok": 0})

    assert story.finish().is_conserved


def told(story, text):
    watch = story.finish()
    assert not watch.is_conserved
    assert any(text in violation for violation in watch.violations), watch.violations


def test_vouchers_out_of_nothing_are_told(story):
    """The hub mints one more than what arrived."""
    story.block("a", out(), a={"atok": 100})
    accepted = Answered(OUT, accepted=True)
    story.block("hub", Received(OUT), accepted, supply={ON_HUB: 101})

    told(story, "100 in escrow at a:transfer/channel-0, but 101 vouchers on hub and 0 in flight")


def test_an_inflation_that_is_taken_back_is_told(story):
    """One bad height is enough, although the end is balanced."""
    go_out(story)
    story.block("b", supply={ON_B: 150})
    story.block("b", supply={ON_B: 100})
    come_home(story)

    told(story, "after b@3")


def test_an_escrow_that_leaks_is_told(story):
    """Tokens are taken out of the escrow while their vouchers live on."""
    go_out(story)
    story.block("a", a={"atok": 99})

    told(story, "99 in escrow")


def test_a_native_supply_that_grows_is_told(story):
    """A chain mints its own token."""
    story.block("a", supply={"atok": 1001})

    told(story, "supply of atok on a went from 1000 to 1001")


def test_balances_out_of_nothing_are_told(story):
    """An account is credited and the supply does not know."""
    story.held = {"atok": 1001}
    story.block("a")

    told(story, "accounts on a hold {'atok': 1001}, of {'atok': 1000}")


def test_balances_that_make_up_the_supply_pass(story):
    """What all accounts hold is what there is."""
    story.held = {"atok": 1000}
    story.block("a")

    assert story.finish().is_conserved


def test_a_denomination_that_nobody_sent_is_told(story):
    """A voucher appears without any packet."""
    story.block("b", supply={"ibc/" + "AB" * 32: 1})

    told(story, f"supply of ibc/{'AB' * 32} on b went from 0 to 1")


def test_a_packet_that_was_never_sent_is_told(story):
    """The hub takes a packet, with its vouchers, that zone a did not send."""
    story.block("hub", Received(OUT), supply={ON_HUB: 100})

    told(story, "hub@2 stands on a packet or answer that no chain wrote")


def test_a_double_delivery_is_told(story):
    """One packet is received twice."""
    go_out(story)
    story.block("b", Received(ON), supply={ON_B: 200})

    told(story, "received after done")


def test_a_refund_of_a_delivered_packet_is_told(story):
    """The origin refunds although the token arrived."""
    go_out(story)
    story.block("a", TimedOut(OUT), a={"atok": 0})

    told(story, "done after done")


def test_a_height_that_is_left_out_is_told(story):
    """Nothing is conserved that was not read."""
    story.height["a"] += 1
    story.block("a")

    told(story, "a: block 3 read after 1")


def test_nothing_read_is_nothing_conserved():
    """An empty reading answers false."""
    watch = SupplyWatch(["a"])
    watch.finish()

    assert not watch.is_conserved


def test_blocks_are_ordered_by_what_they_stand_on(story):
    """A clock that is wrong does not make a packet arrive before it was sent."""
    story.now = 100 * SECOND
    sent = Block("a", 2, story.now, (out(),), A_GENESIS, {A_END: {"atok": 100}})
    early = Block(
        "hub", 2, 1, (Received(OUT), Answered(OUT, accepted=True)), {"hubtok": 5, ON_HUB: 100}, {}
    )
    story.watch.add(early)
    story.watch.add(replace(early, chain="b", facts=(), supply={"btok": 7}))
    story.watch.add(sent)
    story.watch.finish()

    assert story.watch.is_conserved


# --- forms -------------------------------------------------------------------------------


def test_the_reader_shares_no_code_with_the_ledgers():
    """Everything that the reader imports is the standard library or the reader's own."""
    files = (Path(demos.__path__[0])).glob("supply_*.py")
    own = {f"demos.{path.stem}" for path in files}
    assert len(own) >= 6
    imported = set()
    for name in own:
        path = Path(demos.__path__[0]) / f"{name.removeprefix('demos.')}.py"
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module)

    assert {name for name in imported - own if name.partition(".")[0] not in STDLIB} == set()
    assert (
        ast.unparse(ast.parse((Path(demos.__path__[0]) / "__init__.py").read_text())).count(
            "import"
        )
        == 0
    )


def test_names_and_accounts_agree_with_the_chains():
    """What the reader works out by itself is what the chains use."""
    path = "transfer/channel-0/transfer/channel-1/atok"

    assert local_name(path) == extract_denom(path).local_denom()
    assert local_name("factory/x/atok") == "factory/x/atok"
    address = escrow_address("transfer", "channel-7")
    expected = encode_bech32("isthmus", address)
    assert escrow_account(End("a", "transfer", "channel-7"), "isthmus") == expected
    assert time_ns(format_rfc3339(1_700_000_000_000_000_001)) == 1_700_000_000_000_000_001


def test_coins_are_read_from_protobuf():
    """Amounts come out whole; a second page is refused instead of being left out."""
    response = QueryTotalSupplyResponse(supply=[Coin(denom="atok", amount=str(2**70))])

    assert coins_of(encode(response)) == {"atok": 2**70}
    response.pagination.CopyFrom(PageResponse(next_key=b"more"))
    with pytest.raises(ReadFailed, match="more denominations"):
        coins_of(encode(response))
    with pytest.raises(ReadFailed, match="cut short"):
        coins_of(b"\x0a\x05a")


def test_addresses_are_read_from_accounts_of_both_kinds():
    """A module's account has its address one level deeper."""
    base = BaseAccount(address="isthmus1user", sequence=7)
    module = ModuleAccount(base_account=BaseAccount(address="isthmus1module"), name="transfer")
    packed = [pack_any(base), pack_any(module)]
    response = QueryAccountsResponse(accounts=packed)

    assert addresses_of(encode(response)) == ["isthmus1user", "isthmus1module"]
    response.pagination.CopyFrom(PageResponse(next_key=b"more"))
    with pytest.raises(ReadFailed, match="more accounts"):
        addresses_of(encode(response))


def event(kind, **attributes):
    pairs = [{"key": key, "value": value, "index": True} for key, value in attributes.items()]
    return {"type": kind, "attributes": pairs}


def results(*events, code=0, ended=()):
    return {
        "txs_results": [{"code": code, "events": list(events)}],
        "finalize_block_events": list(ended),
    }


def test_only_accepted_transactions_count():
    """A proof counts where its transaction succeeded; a refused one and other events do not."""
    kinds = ("recv_packet", "acknowledge_packet", "connection_open_init", "update_client")
    found = [event(kind) for kind in kinds]

    assert count_verified(events_of(results(*found))) == {
        "recv_packet": 1,
        "acknowledge_packet": 1,
        "update_client": 1,
    }
    assert count_verified(events_of(results(*found, code=5))) == {}
    assert events_of({"txs_results": None, "finalize_block_events": None}) == []


def test_facts_name_the_chain_behind_the_channel():
    """The same packet has one name, from whichever chain's events it is read."""
    facts = Facts()
    facts.ends = {A_END: "hub", HUB_TO_A: "a"}
    where = {
        "packet_src_port": "transfer",
        "packet_src_channel": "channel-0",
        "packet_dst_port": "transfer",
        "packet_dst_channel": "channel-1",
        "packet_sequence": "1",
    }
    data = b'{"denom":"atok","amount":"100","sender":"x","receiver":"y"}'
    sent = event("send_packet", packet_data_hex=data.hex(), **where)
    answered = event("write_acknowledgement", packet_ack_hex=b'{"error":"x"}'.hex(), **where)
    other = event("send_packet", packet_src_port="datagram")

    assert facts.of("a", events_of(results(sent, other))) == (out(),)
    assert facts.of("hub", events_of(results(event("recv_packet", **where), answered))) == (
        Received(OUT),
        Answered(OUT, accepted=False),
    )
    assert facts.of("a", events_of(results(event("acknowledge_packet", **where)))) == (
        Settled(OUT),
    )
    assert facts.of("a", events_of(results(event("timeout_packet", **where)))) == (TimedOut(OUT),)
    with pytest.raises(ReadFailed, match="never opened"):
        facts.of("b", events_of(results(sent)))
