"""Rate limits: what a window lets through, what comes back, and who may set them."""

import json

import pytest

from chainkit.primitives.errors import MalformedMessage, RuleBroken
from chainkit.wire.codec import encode
from chainkit.wire.proto.ibc.applications.rate_limiting.v1 import (
    query_pb2,
    rate_limiting_pb2,
    tx_pb2,
)
from ibc.addresses import format_address
from ibc.errors import InvalidRequest, Unauthorized
from ibc.ics04_channel.messages import Outcome
from ibc.ics20_transfer.denoms import extract_denom
from ibc.ics20_transfer.port import NO_LABELS
from ibc.rate_limiting import codec, state
from ibc.rate_limiting import module as limits_module
from ibc.rate_limiting.errors import (
    DenomIsBlacklisted,
    LimitedChannelNotFound,
    QuotaExceeded,
    RateLimitAlreadyExists,
    RateLimitNotFound,
    TooManyRateLimits,
    ZeroChannelValue,
)
from ibc.rate_limiting.limiter import RateLimiter
from ibc.rate_limiting.messages import PointAtRateLimit, SetRateLimit
from ibc.rate_limiting.module import APPLICATION as RATE_LIMITED
from ibc.rate_limiting.quotas import Direction, Flow, LimitedPath, Quota, RateLimit
from ibc.rate_limiting.state import HOUR_NS
from ibc.testing.path import sent_packets, written_acknowledgements
from tests.unit.ibc_worlds import SECOND, address, new_chain, send, transfer_path

SERVICE = "/ibc.applications.rate_limiting.v1.Query/"
HOURS = 6


def limited_path(percent_send=10, percent_receive=20, denom="uatom", supply=1_000):
    """A chain with a limit on one token, and its channel to another without."""
    a, b = new_chain("zone-a", applications=(RATE_LIMITED,)), new_chain("hub-1")
    path = transfer_path(a, b)
    a.fund("alice", "uatom", supply)
    if percent_send or percent_receive:
        a.execute(add(path.a, denom, percent_send, percent_receive))
    return path


def gov(chain):
    return chain.text(chain.ledger.module_address("gov"))


def add(end, denom="uatom", percent_send=10, percent_receive=20, **more):
    fields = {
        "signer": gov(end.chain),
        "denom": denom,
        "channel_or_client_id": end.channel_id,
        "max_percent_send": str(percent_send),
        "max_percent_recv": str(percent_receive),
        "duration_hours": HOURS,
    }
    return tx_pb2.MsgAddRateLimit(**(fields | more))


def point(cls, end, denom="uatom"):
    return cls(signer=gov(end.chain), denom=denom, channel_or_client_id=end.channel_id)


def flow_of(end, denom="uatom"):
    """(inflow, outflow, channel value) by the chain's own query."""
    request = query_pb2.QueryRateLimitRequest(denom=denom, channel_or_client_id=end.channel_id)
    found = end.chain.query(SERVICE + "RateLimit", request, query_pb2.QueryRateLimitResponse)
    flow = found.rate_limit.flow
    return int(flow.inflow), int(flow.outflow), int(flow.channel_value)


def pay(path, amount, **more):
    return send(path.a, "alice", address(path.b.chain, "bob"), "uatom", amount, **more)


def home(path, amount):
    """Send the voucher back to alice; return the packet."""
    voucher = extract_denom(f"transfer/{path.b.channel_id}/uatom").local_denom()
    return send(path.b, "bob", address(path.a.chain, "alice"), voucher, amount)


def deliver(path, packet):
    _, events = path.recv(path.b, packet)
    path.acknowledge(path.a, packet, written_acknowledgements(events)[0][1])


def counted(chain):
    """How many packets are counted, both ways."""
    rows = chain.context().store(state.STORE_NAME)
    return sum(
        1 for prefix in (b"send/", b"receive/") for _ in rows.iterate(prefix, prefix + b"\xff")
    )


# --- quotas -------------------------------------------------------------------------------


def test_what_leaves_is_at_most_a_share_of_the_supply():
    """Up to the share it goes; one more is refused, nothing is counted, and the coins stay."""
    path = limited_path(percent_send=10)
    pay(path, 60)
    pay(path, 40)
    with pytest.raises(
        QuotaExceeded, match=r"Net Outflow: 101, Channel Value: 1000, Threshold: 10%"
    ):
        pay(path, 1)

    assert flow_of(path.a) == (0, 100, 1_000)
    chain = path.a.chain
    assert chain.ledger.balance(chain.context(), chain.account("alice"), "uatom") == 900


def test_what_comes_home_makes_room_and_is_limited_too():
    """Both ways are netted; what would enter too much is refused by an error with the code."""
    path = limited_path(percent_send=100, percent_receive=20)
    deliver(path, pay(path, 600))
    outcome, _ = path.recv(path.a, home(path, 300))
    assert outcome is Outcome.SUCCESS
    assert flow_of(path.a) == (300, 600, 1_000)
    path.a.chain.execute(point(tx_pb2.MsgResetRateLimit, path.a))
    path.recv(path.a, home(path, 150))
    outcome, events = path.recv(path.a, home(path, 50))
    assert outcome is Outcome.SUCCESS
    outcome, events = path.recv(path.a, home(path, 1))
    answer = json.loads(written_acknowledgements(events)[0][1])

    assert answer == {"error": "ABCI code: 4: error handling packet: see events for details"}
    assert flow_of(path.a) == (200, 0, 1_000)


def test_one_channel_s_limit_is_not_another_s():
    """Identifiers that are prefixes of each other are apart (ibc-go #8767)."""
    limit = RateLimit(LimitedPath("uatom", "channel-1"), Quota(10, 10, 1), Flow(0, 0, 100))
    chain = new_chain("zone-a", applications=(RATE_LIMITED,))
    ctx = chain.context()
    other = LimitedPath("uatom", "channel-10")
    state.set_rate_limit(ctx, limit)
    state.set_rate_limit(ctx, RateLimit(other, limit.quota, limit.flow))
    for path in (limit.path, other):
        for direction in Direction:
            state.count(ctx, direction, path, 7, 5)
    state.count(ctx, Direction.SEND, LimitedPath("uatom2", "channel-1"), 7, 5)
    # Sequence 117 ends with "u": only what stands after the channel tells this from uatom.
    alike = LimitedPath("atom", "channel-10")
    state.count(ctx, Direction.SEND, alike, ord("u"), 5)
    state.forget_window(ctx, limit.path)

    assert state.take_counted(ctx, Direction.SEND, limit.path, 7, 5) == 0
    assert state.take_counted(ctx, Direction.SEND, other, 7, 5) == 5
    assert state.take_counted(ctx, Direction.RECEIVE, other, 7, 5) == 5
    assert state.take_counted(ctx, Direction.SEND, LimitedPath("uatom2", "channel-1"), 7, 9) == 5
    assert state.take_counted(ctx, Direction.SEND, alike, ord("u"), 5) == 5
    assert len(state.rate_limits(ctx)) == 2


def test_a_token_of_which_nothing_exists_is_not_held_back():
    """A share of nothing is no measure: the window lets it through, as ibc-go's does."""
    limit = RateLimit(LimitedPath("x", "channel-0"), Quota(1, 1, 1), Flow(0, 0, 0))

    assert limit.moved(Direction.SEND, 10**30).flow.outflow == 10**30


# --- what comes back ----------------------------------------------------------------------


def test_what_did_not_arrive_is_not_counted():
    """An error and a timeout take it back; an answer settles it; each only once."""
    path = limited_path(percent_send=10)
    lost = pay(path, 50, timeout_ns=5 * SECOND)
    refused = send(path.a, "alice", "nobody", "uatom", 30)
    arrived = pay(path, 20)
    assert flow_of(path.a) == (0, 100, 1_000)
    assert counted(path.a.chain) == 3
    deliver(path, arrived)
    deliver(path, refused)
    assert flow_of(path.a) == (0, 70, 1_000)
    path.b.chain.commit(6)
    path.time_out(path.a, lost)

    assert flow_of(path.a) == (0, 20, 1_000)
    assert counted(path.a.chain) == 0


def test_a_window_that_is_over_is_not_paid_back():
    """What was sent before a reset does not make room after it."""
    path = limited_path(percent_send=10)
    refused = send(path.a, "alice", "nobody", "uatom", 100)
    path.a.chain.execute(point(tx_pb2.MsgResetRateLimit, path.a))
    pay(path, 100)
    deliver(path, refused)

    assert flow_of(path.a) == (0, 100, 1_000)


def test_a_forwarded_token_that_comes_back_is_not_counted():
    """The hop counts what enters and leaves, and takes both back when the last hop refuses."""
    a, hub, b = (
        new_chain("zone-a"),
        new_chain("hub-1", applications=(RATE_LIMITED,)),
        new_chain("zone-b"),
    )
    first, second = transfer_path(a, hub), transfer_path(hub, b)
    a.fund("alice", "uatom", 1_000)
    deliver(first, send(first.a, "alice", address(hub, "carol"), "uatom", 400))
    voucher = extract_denom(f"transfer/{first.b.channel_id}/uatom").local_denom()
    for end in (first.b, second.a):
        hub.execute(add(end, voucher, 50, 50))
    hop = {"receiver": "nobody", "port": "transfer", "channel": second.a.channel_id}
    packet = send(first.a, "alice", "pfm", "uatom", 100, memo=json.dumps({"forward": hop}))
    _, events = first.recv(first.b, packet)
    assert flow_of(first.b, voucher) == (100, 0, 400)
    assert flow_of(second.a, voucher) == (0, 100, 400)
    onward = sent_packets(events)[0]
    _, events = second.recv(second.b, onward)
    second.acknowledge(second.a, onward, written_acknowledgements(events)[0][1])

    assert flow_of(first.b, voucher) == (0, 0, 400)
    assert flow_of(second.a, voucher) == (0, 0, 400)
    assert counted(hub) == 0


# --- time ---------------------------------------------------------------------------------


def test_windows_begin_when_their_hours_are_over():
    """By the clock of the blocks, an hour a block at most; shares are of the new supply."""
    path = limited_path(percent_send=10)
    chain = path.a.chain
    limiter = RateLimiter(chain.ledger, NO_LABELS)
    limiter.begin_hour(chain.context())
    start = state.hour_epoch(chain.context())
    assert start.start % HOUR_NS == 0
    assert start.number == start.start // HOUR_NS % 24
    pay(path, 100)
    chain.fund("carol", "uatom", 1_000)
    hours = 0
    while flow_of(path.a)[1]:
        chain.time = type(chain.time)(start.start + (hours + 1) * HOUR_NS)
        limiter.begin_hour(chain.context())
        assert state.hour_epoch(chain.context()).number == start.number + hours
        chain.time = type(chain.time)(chain.time + 1)
        limiter.begin_hour(chain.context())
        hours += 1

    assert (start.number + hours) % HOURS == 0
    assert 1 <= hours <= HOURS
    assert flow_of(path.a) == (0, 0, 2_000)
    assert counted(chain) == 0


# --- governance ---------------------------------------------------------------------------


def test_only_governance_sets_limits():
    """Each of the four messages is refused from anybody else."""
    path = limited_path()
    user = path.a.chain.text(path.a.chain.account("alice"))
    update = tx_pb2.MsgUpdateRateLimit(**fields_of(add(path.a)) | {"signer": user})
    messages = [add(path.a, signer=user), update]
    for cls in (tx_pb2.MsgRemoveRateLimit, tx_pb2.MsgResetRateLimit):
        message = point(cls, path.a)
        message.signer = user
        messages.append(message)
    for message in messages:
        with pytest.raises(Unauthorized):
            path.a.chain.execute(message)


def fields_of(message):
    return {field.name: value for field, value in message.ListFields()}


def test_a_limit_is_changed_and_removed():
    """An update begins a window with the new quota; a removed limit limits nothing."""
    path = limited_path(percent_send=10)
    pay(path, 100)
    chain = path.a.chain
    quota = fields_of(add(path.a)) | {"max_percent_send": "5", "max_percent_recv": "0"}
    chain.execute(tx_pb2.MsgUpdateRateLimit(**quota))
    assert flow_of(path.a) == (0, 0, 1_000)
    pay(path, 50)
    with pytest.raises(QuotaExceeded):
        pay(path, 1)
    chain.execute(point(tx_pb2.MsgRemoveRateLimit, path.a))
    pay(path, 800)

    assert counted(chain) == 0
    for message in (
        tx_pb2.MsgUpdateRateLimit(**quota),
        point(tx_pb2.MsgRemoveRateLimit, path.a),
        point(tx_pb2.MsgResetRateLimit, path.a),
    ):
        with pytest.raises(RateLimitNotFound):
            chain.execute(message)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"max_percent_send": "101"}, InvalidRequest),
        ({"max_percent_send": "-1"}, InvalidRequest),
        ({"max_percent_send": "010"}, InvalidRequest),
        ({"max_percent_recv": ""}, InvalidRequest),
        ({"max_percent_recv": "1.5"}, InvalidRequest),
        ({"max_percent_send": "0", "max_percent_recv": "0"}, InvalidRequest),
        ({"duration_hours": 0}, InvalidRequest),
        ({"channel_or_client_id": "channel"}, InvalidRequest),
        ({"channel_or_client_id": ""}, InvalidRequest),
        ({"channel_or_client_id": "channel-77"}, LimitedChannelNotFound),
        ({"channel_or_client_id": "07-tendermint-77"}, LimitedChannelNotFound),
        ({"denom": "unknown"}, ZeroChannelValue),
        ({"denom": "ibc/x"}, RuleBroken),
        ({"denom": ""}, RuleBroken),
        ({}, RateLimitAlreadyExists),
    ],
)
def test_what_is_no_limit_is_refused(fields, error):
    """Each rule of ibc-go's ``ValidateBasic`` and keeper, by its own refusal."""
    path = limited_path()
    with pytest.raises(error):
        path.a.chain.execute(add(path.a, **fields))


def test_a_client_of_v2_can_be_limited_and_limits_are_bounded(monkeypatch):
    """The second name of a path may be a client's; past the bound no more are added."""
    path = limited_path()
    client = path.a.client_id
    path.a.chain.execute(add(path.a, channel_or_client_id=client))
    monkeypatch.setattr(limits_module, "MAX_RATE_LIMITS", 2)
    path.a.chain.fund("alice", "uosmo", 5)
    with pytest.raises(TooManyRateLimits):
        path.a.chain.execute(add(path.a, "uosmo"))
    response = path.a.chain.query(
        SERVICE + "RateLimitsByChannelOrClientID",
        query_pb2.QueryRateLimitsByChannelOrClientIDRequest(channel_or_client_id=client),
        query_pb2.QueryRateLimitsByChannelOrClientIDResponse,
    )

    assert [limit.path.channel_or_client_id for limit in response.rate_limits] == [client]


def test_a_token_on_the_blacklist_does_not_cross():
    """It neither leaves nor enters, limit or none; genesis says which."""
    path = limited_path(percent_send=0, percent_receive=0)
    deliver(path, pay(path, 100))
    back = home(path, 40)
    chain = path.a.chain
    state.blacklist(chain.context(), "uatom")
    with pytest.raises(DenomIsBlacklisted):
        pay(path, 1)
    _, events = path.recv(path.a, back)
    denied = chain.query(
        SERVICE + "AllBlacklistedDenoms",
        query_pb2.QueryAllBlacklistedDenomsRequest(),
        query_pb2.QueryAllBlacklistedDenomsResponse,
    )

    assert b'"ABCI code: 7:' in written_acknowledgements(events)[0][1]
    assert list(denied.denoms) == ["uatom"]


def test_queries_show_every_limit():
    """All, one that there is and one that there is not, and nobody on a whitelist."""
    path = limited_path()
    ask = path.a.chain.query
    found = ask(
        SERVICE + "AllRateLimits",
        query_pb2.QueryAllRateLimitsRequest(),
        query_pb2.QueryAllRateLimitsResponse,
    ).rate_limits
    assert [(limit.path.denom, limit.quota.max_percent_send) for limit in found] == [
        ("uatom", "10")
    ]
    missing = ask(
        SERVICE + "RateLimit",
        query_pb2.QueryRateLimitRequest(denom="uosmo", channel_or_client_id="channel-0"),
        query_pb2.QueryRateLimitResponse,
    )
    assert not missing.HasField("rate_limit")
    of_chain = ask(
        SERVICE + "RateLimitsByChainID",
        query_pb2.QueryRateLimitsByChainIDRequest(chain_id="hub-1"),
        query_pb2.QueryRateLimitsByChainIDResponse,
    )
    assert not of_chain.rate_limits  # the test's light client tells no name
    nobody = ask(
        SERVICE + "AllWhitelistedAddresses",
        query_pb2.QueryAllWhitelistedAddressesRequest(),
        query_pb2.QueryAllWhitelistedAddressesResponse,
    )
    assert not nobody.address_pairs


def test_messages_are_read():
    """The signer is an address of this chain, and the path a token and a channel or client."""
    signer = format_address(bytes(20), "isthmus")
    fields = {"signer": signer, "denom": "uatom", "channel_or_client_id": "07-tendermint-3"}
    quota = {"max_percent_send": "100", "max_percent_recv": "0", "duration_hours": 24}
    path = LimitedPath("uatom", "07-tendermint-3")
    for decode, cls in (
        (codec.decode_add_rate_limit, tx_pb2.MsgAddRateLimit),
        (codec.decode_update_rate_limit, tx_pb2.MsgUpdateRateLimit),
    ):
        message = decode(encode(cls(**fields, **quota)), "isthmus")
        assert message == SetRateLimit(bytes(20), path, Quota(100, 0, 24))
    for decode, cls in (
        (codec.decode_remove_rate_limit, tx_pb2.MsgRemoveRateLimit),
        (codec.decode_reset_rate_limit, tx_pb2.MsgResetRateLimit),
    ):
        assert decode(encode(cls(**fields)), "isthmus") == PointAtRateLimit(bytes(20), path)
    with pytest.raises(MalformedMessage):
        codec.decode_rate_limit(encode(rate_limiting_pb2.RateLimit()))
