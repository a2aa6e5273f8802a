"""The relayer over two small chains: handshakes, packets, failures, and death after any line."""

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainkit.primitives.errors import OperationFailed
from chainkit.primitives.heights import Height
from ibc.ics02_client.port import AnyValue
from ibc.ics04_channel.types import ChannelState, Order
from parachains.sdk.relaying import TxRedundant
from relayer import submitter
from relayer.submitter import Submitter
from relayer.views import PathSpec, WantedChannel
from relayer.worker import PathWorker
from tests.relaying import SECOND, FakeBus, MemoryJournal, two_chains

TRANSFER = WantedChannel("transfer", "transfer", "ics20-1")
ORDERED = WantedChannel("transfer", "transfer", "ordered-1", Order.ORDERED)


class Relay:
    """A relayer on two fake chains that can be killed and started again."""

    def __init__(self, channel=TRANSFER):
        self.clock, self.a, self.b = two_chains()
        self.journal = MemoryJournal()
        self.bus = FakeBus()
        self.spec = PathSpec("a-hub", "zone-a", "hub", (channel,))
        self.start()

    def start(self):
        submitters = [Submitter(chain, self.journal, self.clock) for chain in (self.a, self.b)]
        self.worker = PathWorker(
            self.spec, *submitters, journal=self.journal, bus=self.bus, clock=self.clock
        )

    def round(self):
        did = asyncio.run(self.worker.round())
        self.clock.advance(1)
        self.a.tick()
        self.b.tick()
        return did

    def rounds(self, limit=40):
        idle = 0
        for _ in range(limit):
            idle = 0 if self.round() else idle + 1
            if idle == 3:
                return
        pytest.fail("the relayer does not come to rest")

    def ready(self):
        self.rounds()
        return self


def names_of(tx):
    return [url.rpartition(".")[2] for url in tx]


def names(chain):
    return [name for tx in chain.transactions for name in names_of(tx)]


def test_everything_is_opened_from_nothing() -> None:
    """
    Clients, a connection and the wanted channel come up, each step once.
    """
    relay = Relay().ready()

    assert [end.state for end in relay.a.state.channels.values()] == [ChannelState.OPEN]
    assert [end.state for end in relay.b.state.channels.values()] == [ChannelState.OPEN]
    steps = [name for name in names(relay.a) + names(relay.b) if name != "MsgUpdateClient"]
    assert sorted(steps) == sorted(
        ["MsgCreateClient"] * 2
        + [f"MsgConnectionOpen{step}" for step in ("Init", "Try", "Ack", "Confirm")]
        + [f"MsgChannelOpen{step}" for step in ("Init", "Try", "Ack", "Confirm")]
    )
    assert not relay.a.refusals + relay.b.refusals


def test_a_channel_does_not_wait_for_the_block_after_its_connection() -> None:
    """
    The step that opens a connection end and the channel's step on it are one transaction.
    """
    relay = Relay().ready()

    assert [names_of(tx) for tx in relay.a.transactions] == [
        ["MsgCreateClient"],
        ["MsgConnectionOpenInit"],
        ["MsgUpdateClient", "MsgConnectionOpenAck", "MsgChannelOpenInit"],
        ["MsgUpdateClient", "MsgChannelOpenAck"],
    ]
    assert [names_of(tx) for tx in relay.b.transactions] == [
        ["MsgCreateClient"],
        ["MsgUpdateClient", "MsgConnectionOpenTry"],
        ["MsgUpdateClient", "MsgConnectionOpenConfirm", "MsgChannelOpenTry"],
        ["MsgUpdateClient", "MsgChannelOpenConfirm"],
    ]


def test_a_channel_does_not_run_ahead_of_its_connection() -> None:
    """
    While the step that opens the connection can't be proven yet, the channel's step waits too.
    """
    relay = Relay()
    while not any("MsgConnectionOpenTry" in names_of(tx) for tx in relay.b.transactions):
        relay.round()
    del relay.b.history[relay.b.height]
    relay.b.height -= 1
    asyncio.run(relay.worker.round())

    assert "MsgChannelOpenInit" not in names(relay.a)
    relay.rounds()
    assert ["MsgUpdateClient", "MsgConnectionOpenAck", "MsgChannelOpenInit"] in [
        names_of(tx) for tx in relay.a.transactions
    ]


def test_packets_are_received_and_acknowledged_both_ways_in_one_transaction_each() -> None:
    """
    Ten packets one way and one the other; the client's update rides with them.
    """
    relay = Relay().ready()
    before = len(relay.b.transactions)
    for _ in range(10):
        relay.a.send("channel-0")
    relay.b.send("channel-0")
    relay.a.tick()
    relay.rounds()

    assert [p.sequence for p in relay.b.state.received] == list(range(1, 11))
    assert len(relay.a.state.acknowledged) == 10
    assert len(relay.a.state.received) == len(relay.b.state.acknowledged) == 1
    first = [url.rpartition(".")[2] for url in relay.b.transactions[before]]
    assert first == ["MsgUpdateClient"] + ["MsgRecvPacket"] * 10


def test_a_late_packet_is_timed_out_and_not_received() -> None:
    """
    By height and by time: the sender gets its refund, the destination nothing.
    """
    relay = Relay().ready()
    relay.a.send("channel-0", timeout_height=Height(0, relay.b.height))
    relay.a.send("channel-0", timeout=relay.clock.now() - SECOND)
    relay.rounds()

    assert [p.sequence for p in relay.a.state.timed_out] == [1, 2]
    assert not relay.b.state.received


def test_a_number_at_the_end_of_a_name_is_a_revision_only_where_clients_say_so() -> None:
    """
    A chain whose blocks are known by number alone may be called anything: its heights have
    revision 0, so a packet for a height that passed is timed out.
    """
    relay = Relay()
    relay.b.chain_id = "b-7"
    relay.ready()
    relay.a.send("channel-0", timeout_height=Height(1, relay.b.height))
    relay.rounds()
    assert [p.sequence for p in relay.a.state.timed_out] == []

    relay.a.send("channel-0", timeout_height=Height(0, relay.b.height))
    relay.rounds()
    assert 2 in [p.sequence for p in relay.a.state.timed_out]


def test_an_ordered_channel_closes_after_a_timeout_on_both_ends() -> None:
    """
    In-flight packets end too: with the channel closed, they time out on close.
    """
    relay = Relay(ORDERED).ready()
    relay.a.send("channel-0", timeout=relay.clock.now() - SECOND)
    relay.a.send("channel-0")
    relay.rounds()

    assert [p.sequence for p in relay.a.state.timed_out] == [1, 2]
    assert relay.a.state.channels["transfer", "channel-0"].state is ChannelState.CLOSED
    assert relay.b.state.channels["transfer", "channel-0"].state is ChannelState.CLOSED


def test_a_packet_to_a_closed_channel_is_timed_out_on_close() -> None:
    """
    The destination closed its end: no timeout need pass.
    """
    relay = Relay().ready()
    relay.a.send("channel-0")
    key = ("transfer", "channel-0")
    relay.b.set_channel(*key, replace(relay.b.state.channels[key], state=ChannelState.CLOSED))
    relay.b.tick()
    relay.b.tick()
    relay.rounds()

    assert [p.sequence for p in relay.a.state.timed_out] == [1]


def test_old_packets_are_cleared_at_start() -> None:
    """
    Packets sent while no relayer ran are found by asking, not by having listened.
    """
    relay = Relay().ready()
    for _ in range(70):
        relay.a.send("channel-0")
    relay.start()
    relay.rounds()

    assert len(relay.b.state.received) == len(relay.a.state.acknowledged) == 70


def test_a_poisoned_packet_does_not_hold_back_the_others() -> None:
    """
    The batch is halved until the bad one is alone; it is tried again later, ever more rarely.
    """
    relay = Relay().ready()
    relay.b.refuse = lambda name, m: name == "MsgRecvPacket" and m.packet.sequence == 3
    for _ in range(6):
        relay.a.send("channel-0")
    for _ in range(15):
        relay.round()

    assert [p.sequence for p in relay.b.state.received] == [1, 2, 4, 5, 6]
    failures = [detail for event, detail in relay.journal.notes if event == "action.failed"]
    assert 2 <= len(failures) <= 6
    assert all("MsgRecvPacket" in failure["reason"] for failure in failures)
    relay.b.refuse = lambda name, m: False
    relay.clock.advance(120)
    relay.rounds()
    assert len(relay.a.state.acknowledged) == 6


def test_a_client_is_refreshed_before_it_expires() -> None:
    """
    Two thirds into the trusting period, without any packet.
    """
    relay = Relay().ready()
    relay.clock.advance(2400)
    relay.a.tick()
    relay.b.tick()
    before = [max(chain.state.clients["07-fake-0"][1]) for chain in (relay.a, relay.b)]
    relay.rounds()

    after = [max(chain.state.clients["07-fake-0"][1]) for chain in (relay.a, relay.b)]
    assert all(new > old for old, new in zip(before, after, strict=True))


def test_a_frozen_client_is_reported_and_left_alone() -> None:
    """
    Nothing is submitted against it, and the operator is told why.
    """
    relay = Relay().ready()
    relay.b.state.clients["07-fake-0"][0]["frozen"] = True
    relay.b.tick()
    relay.a.send("channel-0")
    before = len(relay.b.transactions)
    for _ in range(5):
        relay.round()

    assert len(relay.b.transactions) == before
    assert any(
        event == "path.stuck" and "frozen" in detail["reason"]
        for event, detail in relay.journal.notes
    )


def test_a_forged_client_is_not_used() -> None:
    """
    A client that keeps another state than the chain had is no client of that chain.
    """
    relay = Relay()
    asyncio.run(_forge(relay))
    relay.ready()

    assert relay.b.state.connections["connection-0"].client_id == "07-fake-1"


async def _forge(relay):
    new = await relay.a.new_client(None)
    state = relay.a.read_client(new.client_state)
    relay.b.state.clients["07-fake-0"] = (
        {"chain": "zone-a", "height": state.latest_height.revision_height, "trusting": 10**15},
        {state.latest_height.revision_height: replace(new.consensus_state, value=b"forged")},
    )


def parted(relay, depth):
    """The relay after zone-a left its newest blocks, of which the hub's client keeps one."""
    relay.ready()
    relay.a.send("channel-0")
    relay.rounds()
    kept = max(relay.b.state.clients["07-fake-0"][1])
    relay.a.parted_at = kept - depth
    relay.a.tick()
    return kept


@pytest.mark.parametrize("depth", [1, 2, 3, 9])
def test_a_client_of_a_branch_that_was_left_is_shown_the_other_and_freezes(depth) -> None:
    """
    The evidence is asked from a height at which client and chain agree; no new client is made.
    """
    relay = Relay()
    kept = parted(relay, depth)
    for height in range(kept + 1):  # every height is kept, as by a client of work
        state = f"zone-a/{height}".encode()
        relay.b.state.clients["07-fake-0"][1][height] = AnyValue("/fake.state", state)
    for _ in range(8):
        relay.round()

    (asked,) = set(relay.a.asked_for_evidence)
    assert kept - 2 * depth < asked <= kept - depth
    assert relay.b.state.clients["07-fake-0"][0]["frozen"]
    assert list(relay.b.state.clients) == ["07-fake-0"]
    told = [event for event, _ in relay.journal.notes]
    assert told.count("client.fork_reported") == 1
    assert "path.stuck" in told


def test_evidence_that_does_not_freeze_is_not_paid_for_every_round() -> None:
    """
    A client that takes the headers and stays is shown them again later, each time later.
    """
    relay = Relay()
    relay.b.freezes = False
    parted(relay, 1)
    before = len(relay.b.transactions)
    for _ in range(60):
        relay.round()

    assert 3 <= len(relay.b.transactions) - before <= 7


def test_without_evidence_nothing_is_sent_and_the_operator_is_told() -> None:
    """
    A fork that cannot be shown (yet) stops this side of the path and nothing else.
    """
    relay = Relay()
    relay.a.has_evidence = False
    parted(relay, 1)
    before = len(relay.b.transactions)
    relay.a.send("channel-0")
    relay.b.send("channel-0")
    for _ in range(8):
        relay.round()

    assert len(relay.b.transactions) == before
    assert len(relay.a.state.received) == 1
    assert any(
        event == "path.stuck" and "does not have" in detail["reason"]
        for event, detail in relay.journal.notes
    )


def test_a_stranger_s_client_of_a_height_to_come_holds_nothing_up() -> None:
    """
    Anybody may make a client of our chain at a height that it has not: it is none of ours.
    """
    relay = Relay()
    forged = AnyValue("/fake.state", b"forged")
    state = {"chain": "zone-a", "height": 10**6, "trusting": 10**15}
    relay.b.state.clients["07-fake-0"] = (state, {10**6: forged, 10**6 - 1: forged})
    relay.ready()

    assert relay.b.state.connections["connection-0"].client_id == "07-fake-1"


def test_a_node_that_is_behind_its_client_is_waited_for() -> None:
    """
    Where the client keeps a block that our node has not yet, nobody is accused.
    """
    relay = Relay().ready()
    client, kept = relay.b.state.clients["07-fake-0"]
    ahead = relay.a.height + 2
    kept[ahead] = AnyValue("/fake.state", f"zone-a/{ahead}".encode())
    kept[ahead - 4] = AnyValue("/fake.state", f"zone-a/{ahead - 4}".encode())
    client["height"] = ahead
    relay.b.tick()
    relay.round()

    assert relay.a.asked_for_evidence == []
    assert "is behind height" in relay.journal.notes[-1][1]["reason"]
    relay.rounds()
    relay.a.send("channel-0")
    relay.rounds()
    assert len(relay.b.state.received) == 1
    assert relay.a.asked_for_evidence == []


def test_a_wrong_account_sequence_is_asked_for_again() -> None:
    """
    Someone else used the account between signing and broadcast: signed again, done once.
    """
    relay = Relay().ready()
    relay.a.send("channel-0")
    sign = relay.b.sign

    async def sign_late(messages):
        relay.b.sign = sign
        tx = await sign(messages)
        relay.b.state.sequence += 1
        return tx

    relay.b.sign = sign_late
    relay.rounds()

    assert len(relay.b.state.received) == 1


def test_what_another_relayer_did_counts_as_done() -> None:
    """
    "packet messages are redundant" is no failure.
    """
    relay = Relay().ready()
    relay.a.send("channel-0")
    broadcast = relay.b.broadcast

    async def faster(tx):
        await broadcast(tx)
        raise TxRedundant(code=19, codespace="sdk", log="packet messages are redundant")

    relay.b.broadcast = faster
    relay.round()
    relay.b.broadcast = broadcast
    relay.rounds()

    assert len(relay.b.state.received) == len(relay.a.state.acknowledged) == 1
    assert not [event for event, _ in relay.journal.notes if event == "action.failed"]


def test_a_chain_that_is_down_is_waited_for_with_a_reason() -> None:
    """
    Ever longer, up to a minute, and the reason is said.
    """
    relay = Relay().ready()
    relay.b.down = OperationFailed("connection refused")
    relay.a.send("channel-0")
    for _ in range(20):
        relay.round()
    waits = [detail for event, detail in relay.journal.notes if event == "path.waits"]

    assert 3 <= len(waits) <= 6
    assert waits[0]["reason"] == "connection refused"
    assert waits[-1]["retry_in_ns"] > waits[0]["retry_in_ns"]
    relay.b.down = None
    relay.clock.advance(60)
    relay.rounds()
    assert len(relay.a.state.acknowledged) == 1


def test_chains_that_start_up_are_asked_at_every_poll() -> None:
    """
    A relayer that comes up before its chains does not sleep through their first blocks.
    """
    relay = Relay()
    relay.b.down = OperationFailed("connection refused")
    for _ in range(20):
        relay.round()
    relay.b.down = None

    assert relay.round(), "it acts as soon as the chain answers"
    waits = [detail["reason"] for event, detail in relay.journal.notes if event == "path.waits"]
    assert waits == ["connection refused"], "told once"


class Killed(BaseException):
    """kill -9: nothing catches it."""


def _run_with_kill(kill_at, channel):
    relay = Relay(channel)
    reached = 0

    def reach(name):
        nonlocal reached
        reached += 1
        if reached == kill_at:
            raise Killed

    original = submitter.reach
    submitter.reach = reach
    try:
        sent = False
        for _ in range(90):
            try:
                did = relay.round()
            except Killed:
                relay.start()
                continue
            is_open = [e.state for e in relay.a.state.channels.values()] == [ChannelState.OPEN]
            if is_open and not sent and not did:
                for _ in range(3):
                    relay.a.send("channel-0")
                sent = True
            if sent and len(relay.a.state.acknowledged) == 3:
                break
    finally:
        submitter.reach = original
    return relay, reached


@pytest.mark.parametrize("channel", [TRANSFER, ORDERED])
def test_death_at_any_write_loses_and_repeats_nothing(channel) -> None:
    """
    Killed once at each point in turn and started again: every packet arrives exactly once,
    and no second client, connection or channel is made.
    """
    _, points = _run_with_kill(0, channel)
    assert points > 40
    for kill_at in range(1, points + 1):
        relay, _ = _run_with_kill(kill_at, channel)
        assert [p.sequence for p in relay.b.state.received] == [1, 2, 3], kill_at
        assert [p.sequence for p in relay.a.state.acknowledged] == [1, 2, 3], kill_at
        assert not relay.a.state.timed_out
        for chain in (relay.a, relay.b):
            made = (chain.state.clients, chain.state.connections, chain.state.channels)
            assert [len(things) for things in made] == [1, 1, 1], kill_at


@settings(max_examples=25)
@given(st.lists(st.sampled_from("aAbBtk.r"), max_size=14), st.sampled_from([TRANSFER, ORDERED]))
def test_every_packet_ends_exactly_once_whatever_happens_meanwhile(events, channel) -> None:
    """
    Sends, timeouts, refusals and deaths in any order: received and acknowledged, or timed out.
    """
    relay = Relay(channel).ready()
    for event in events:
        a_open = relay.a.state.channels["transfer", "channel-0"].state is ChannelState.OPEN
        b_open = relay.b.state.channels["transfer", "channel-0"].state is ChannelState.OPEN
        match event:
            case "a" if a_open:
                relay.a.send("channel-0")
            case "A" if a_open:
                relay.a.send("channel-0", timeout=relay.clock.now() + 3 * SECOND)
            case "b" if b_open:
                relay.b.send("channel-0")
            case "B" if b_open:
                relay.b.send("channel-0", timeout_height=Height(0, relay.a.height + 3))
            case "t":
                relay.clock.advance(5)
            case "k":
                relay.start()
            case "r":
                relay.b.refuse = lambda name, m: name == "MsgRecvPacket"
                relay.round()
                relay.b.refuse = lambda name, m: False
            case _:
                relay.round()
    relay.clock.advance(120)
    relay.rounds(80)

    for sender, receiver in ((relay.a, relay.b), (relay.b, relay.a)):
        received = {p.sequence for p in receiver.state.received}
        acknowledged = {p.sequence for p in sender.state.acknowledged}
        timed_out = {p.sequence for p in sender.state.timed_out}
        assert len(received) == len(receiver.state.received)
        assert len(timed_out) == len(sender.state.timed_out)
        assert not received & timed_out
        assert acknowledged == received
        assert acknowledged | timed_out == {sequence for _, _, sequence in sender.state.sent}
