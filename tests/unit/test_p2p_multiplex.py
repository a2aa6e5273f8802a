"""Packets, channels, priorities, limits and pings of the multiplexed connection."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay_chain.node.p2p.errors import (
    MalformedFrame,
    MessageTooLong,
    PeerError,
    PongOverdue,
    UnknownChannel,
)
from relay_chain.node.p2p.fields import bytes_field, delimited, message_field, varint_field
from relay_chain.node.p2p.limits import MAX_SEND_QUEUE_BYTES, PING_INTERVAL_NS, PONG_TIMEOUT_NS
from relay_chain.node.p2p.multiplex import (
    PING,
    PONG,
    ChannelDescriptor,
    MessageReceived,
    MultiplexConnection,
    RateLimiter,
)

CHANNELS = (ChannelDescriptor(0x20, 6, 3, 10_000), ChannelDescriptor(0x30, 1, 3, 5_000))


def connection():
    return MultiplexConnection(CHANNELS, 0)


def packet(channel, data, *, last=True):
    body = varint_field(1, channel) + varint_field(2, int(last)) + bytes_field(3, data)
    return delimited(message_field(3, body))


def receive(data):
    return list(connection().receive(data))


def test_a_packet_has_cometbfts_bytes():
    """Packet of channel 0x20 with "hi" as gogoproto writes it, behind its length."""
    side = connection()
    side.try_send(0x20, b"hi")

    assert side.next_batch().hex() == "0a1a08082010011a026869"


@given(
    st.lists(
        st.tuples(st.sampled_from([0x20, 0x30]), st.binary(min_size=1, max_size=4000)), max_size=6
    ),
    st.integers(1, 3000),
)
def test_messages_arrive_whole_and_in_order_of_their_channel(messages, step):
    """However packets interleave and bytes are cut, each channel's messages come as sent."""
    a, b = connection(), connection()
    sent = [(channel, data) for channel, data in messages if a.try_send(channel, data)]
    wire = b""
    while batch := a.next_batch(1500):
        wire += batch
    got = [m for at in range(0, len(wire), step) for m in b.receive(wire[at : at + step])]

    for channel in (0x20, 0x30):
        assert [m.message for m in got if m.channel_id == channel] == [
            data for c, data in sent if c == channel
        ]


def test_a_full_queue_refuses_and_keeps_what_it_has():
    """The fourth message of three is not queued; after sending there is room again."""
    side = connection()
    results = [side.try_send(0x20, b"x") for _ in range(4)]

    assert results == [True, True, True, False]
    assert not side.has_room(0x20)
    side.next_batch()
    assert side.has_room(0x20)


def test_a_queue_is_bounded_in_bytes_too():
    """Past its size a queue takes no more, however few messages it holds; one alone may be large."""
    side = connection()
    half = bytes(MAX_SEND_QUEUE_BYTES // 2 + 1)
    assert [side.try_send(0x20, half) for _ in range(3)] == [True, True, False]
    side.next_batch(len(half))
    assert not side.has_room(0x20)
    side.next_batch(len(half) + 100_000)
    assert side.has_room(0x20)


def test_the_higher_priority_gets_its_share():
    """Of two busy channels the one of priority 6 sends about six times as many packets."""
    channels = (ChannelDescriptor(1, 6, 1, 10**6), ChannelDescriptor(2, 1, 1, 10**6))
    side, other = MultiplexConnection(channels, 0), MultiplexConnection(channels, 0)
    side.try_send(1, bytes(60_000))
    side.try_send(2, bytes(60_000))
    done = []
    while batch := side.next_batch(1):
        done += [m.channel_id for m in other.receive(batch)]
        if done:
            break
    sent_of_second = side._channels[2].sent_of_first

    assert done == [1]
    assert 8_000 <= sent_of_second <= 12_000


def test_a_ping_is_answered_once_however_often_it_comes():
    """A flood of pings costs one pong a batch."""
    side = connection()
    list(side.receive(PING * 500))

    assert side.next_batch() == PONG
    assert side.next_batch() == b""


def test_a_peer_that_answers_no_ping_is_given_up():
    """The ping goes out on time; without a pong the connection ends, with one it lives."""
    side = connection()
    side.tick(PING_INTERVAL_NS - 1)
    assert side.next_batch() == b""
    side.tick(PING_INTERVAL_NS)
    assert side.next_batch() == PING
    side.tick(PING_INTERVAL_NS + PONG_TIMEOUT_NS - 1)
    with pytest.raises(PongOverdue):
        side.tick(PING_INTERVAL_NS + PONG_TIMEOUT_NS)
    list(side.receive(PONG))
    side.tick(PING_INTERVAL_NS + PONG_TIMEOUT_NS)

    assert side.next_tick() > PING_INTERVAL_NS


@pytest.mark.parametrize("channel", [0x21, 0xFF, 2**64 - 1])
def test_a_channel_that_is_not_served_is_refused(channel):
    """Also a negative channel id, which is a large varint."""
    with pytest.raises(UnknownChannel):
        receive(packet(channel, b"x"))


def test_peer_exchange_is_dropped_unread():
    """Packets of channel 0 neither end the connection nor take memory."""
    assert receive(packet(0, b"x", last=False) * 100 + packet(0x30, b"y")) == [
        MessageReceived(0x30, b"y")
    ]


def test_a_message_longer_than_its_channel_allows_is_refused_early():
    """The limit counts over packets, before the message is whole."""
    with pytest.raises(MessageTooLong):
        receive(packet(0x30, bytes(1000), last=False) * 6)


@pytest.mark.parametrize(
    "data",
    [
        delimited(b""),
        delimited(b"\x0a\x01x"),
        delimited(message_field(1, b"") * 2),
        delimited(message_field(4, b"")),
        delimited(varint_field(3, 7)),
        delimited(message_field(3, varint_field(4, 1))),
        delimited(message_field(3, bytes_field(1, b"x"))),
        delimited(message_field(3, b"\x1a\x05x")),
        packet(0x20, bytes(1025)),
        b"\xff\xff\xff\x7f",
        b"\xff\xff\xff\xff\xff\x01",
        b"\x80\x00",
    ],
)
def test_a_malformed_packet_is_refused_by_name(data):
    """Nothing, strange fields, wrong types, lying lengths and big packets."""
    with pytest.raises(MalformedFrame):
        receive(data)


@given(st.binary(max_size=300))
def test_any_bytes_are_messages_or_a_peer_error(data):
    """No input makes the receiver raise anything but a peer's error."""
    with contextlib.suppress(PeerError):
        receive(data)


def test_the_rate_limiter_waits_for_what_is_over_a_second():
    """One second's worth passes at once, then each byte costs its time; rate 0 has no limit."""
    limiter = RateLimiter(1000, 0)

    assert limiter.take(1000, 0) == 0
    assert limiter.take(500, 0) == 500_000_000
    assert limiter.take(1, 10_000_000_000) == 0
    assert RateLimiter(0, 0).take(10**9, 0) == 0
