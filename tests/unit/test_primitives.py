"""The primitives: each accepts what its specification allows and refuses the rest by name."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chainkit.primitives.bech32 import decode_bech32, encode_bech32
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.heights import Height, chain_revision, parse_height
from chainkit.primitives.limits import INT64_MAX, UINT64_MAX
from chainkit.primitives.timestamps import (
    GO_ZERO_TIME_NS,
    NS_PER_SECOND,
    format_rfc3339,
    join_timestamp,
    parse_rfc3339,
    split_timestamp,
)
from chainkit.primitives.types import ChainId, TimestampNs
from chainkit.primitives.varint import (
    decode_uvarint,
    decode_zigzag,
    encode_uvarint,
    encode_zigzag,
)

LAST_NS = 253_402_300_799 * NS_PER_SECOND + NS_PER_SECOND - 1
times = st.integers(GO_ZERO_TIME_NS, LAST_NS).map(TimestampNs)


@given(st.integers(0, UINT64_MAX))
@example(127)
@example(128)
@example(UINT64_MAX)
def test_a_varint_comes_back_and_says_where_it_ends(value: int) -> None:
    """decode(encode(x)) is x, whatever stands before and behind."""
    encoded = encode_uvarint(value)

    assert decode_uvarint(b"\xff" + encoded + b"\x00", 1) == (value, 1 + len(encoded))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "ends early"),
        (b"\x80", "ends early"),
        (b"\x80\x00", "not the shortest"),
        (b"\xff" * 9 + b"\x02", "over 64 bits"),
        (b"\xff" * 10 + b"\x01", "over 64 bits"),
    ],
)
def test_a_bad_varint_is_refused(data: bytes, reason: str) -> None:
    """Short, padded and oversized varints each have their reason."""
    with pytest.raises(MalformedMessage, match=reason):
        decode_uvarint(data)


@given(st.integers(-INT64_MAX - 1, INT64_MAX))
def test_zigzag_comes_back(value: int) -> None:
    """Signed integers survive, over the whole 64 bits."""
    assert decode_zigzag(encode_zigzag(value))[0] == value


@given(st.binary(max_size=12))
def test_any_bytes_are_a_canonical_varint_or_malformed(data: bytes) -> None:
    """The decoder is total, and what it accepts it would have written."""
    try:
        value, end = decode_uvarint(data)
    except MalformedMessage:
        return

    assert encode_uvarint(value) == data[:end]


@given(times)
@example(GO_ZERO_TIME_NS)
@example(TimestampNs(0))
@example(TimestampNs(-1))
def test_a_time_comes_back_from_its_text_and_its_parts(time: TimestampNs) -> None:
    """RFC 3339 text and (seconds, nanos) both carry every nanosecond of years 1 to 9999."""
    assert parse_rfc3339(format_rfc3339(time)) == time
    assert join_timestamp(*split_timestamp(time)) == time


def test_times_read_as_go_prints_them() -> None:
    """Zeros at the end of the fraction go, zones are understood, Go's zero time is year 1."""
    assert format_rfc3339(GO_ZERO_TIME_NS) == "0001-01-01T00:00:00Z"
    assert format_rfc3339(TimestampNs(1_500_000_000)) == "1970-01-01T00:00:01.5Z"
    assert parse_rfc3339("1970-01-01T02:00:01.5+02:00") == 1_500_000_000
    assert parse_rfc3339("1969-12-31T23:00:01-01:00") == 1_000_000_000


@pytest.mark.parametrize(
    "text",
    ["", "1970-01-01", "1970-02-30T00:00:00Z", "1970-01-01T00:00:00", "1970-01-01T25:00:00Z",
     "1970-01-01T00:00:00.1234567890Z", "0000-01-01T00:00:00Z", "1970-01-01T00:00:00Z\n",
     "9999-12-31T23:59:59-01:00", "١٩٧٠-01-01T00:00:00Z"],
)  # fmt: skip
def test_what_is_not_a_time_is_refused(text: str) -> None:
    """Other forms, dates that do not exist and years outside 1 to 9999 are malformed."""
    with pytest.raises(MalformedMessage):
        parse_rfc3339(text)


@pytest.mark.parametrize(
    ("seconds", "nanos"), [(0, -1), (0, NS_PER_SECOND), (1 << 40, 0), (-(1 << 40), 0)]
)
def test_a_timestamp_outside_its_range_is_refused(seconds: int, nanos: int) -> None:
    """Nanos and seconds outside what protobuf allows are malformed."""
    with pytest.raises(MalformedMessage):
        join_timestamp(seconds, nanos)


@pytest.mark.parametrize("text", ["0-0", "1-7", f"{UINT64_MAX}-{UINT64_MAX}"])
def test_a_height_comes_back_from_its_text(text: str) -> None:
    """``revision-height`` is the one form."""
    assert str(parse_height(text)) == text


@pytest.mark.parametrize(
    "text", ["", "1", "1-", "-1-2", "01-2", "1-02", "1-2-3", "1-2 ", f"{UINT64_MAX + 1}-1"]
)
def test_what_is_not_a_height_is_refused(text: str) -> None:
    """Leading zeros, signs and numbers over 64 bits are malformed."""
    with pytest.raises(MalformedMessage):
        parse_height(text)


def test_heights_order_by_revision_first() -> None:
    """A later revision is later whatever its height."""
    assert Height(1, 1) > Height(0, 9)
    assert Height(1, 1).next() == Height(1, 2)


@pytest.mark.parametrize(
    ("chain_id", "revision"),
    [
        ("hub-1", 1),
        ("zone-a-12", 12),
        ("hub", 0),
        ("hub-0", 0),
        ("hub-01", 0),
        ("-1", 0),
        ("a--1", 0),
    ],
)
def test_the_revision_of_a_chain_id_is_as_ibc_go_reads_it(chain_id: str, revision: int) -> None:
    """``name-N`` with N from 1 and no leading zero; everything else is revision 0."""
    assert chain_revision(ChainId(chain_id)) == revision


@given(st.sampled_from(["cosmos", "isthmus", "a1b"]), st.binary(max_size=64))
def test_bech32_comes_back(prefix: str, data: bytes) -> None:
    """Any data under any prefix survives; one changed character does not."""
    text = encode_bech32(prefix, data)

    assert decode_bech32(text) == (prefix, data)
    wrong = text[:-1] + ("q" if text[-1] != "q" else "p")
    with pytest.raises(MalformedMessage):
        decode_bech32(wrong)


def test_bech32_reads_upper_case() -> None:
    """BIP-173's valid string of an empty payload, in upper case."""
    prefix, data = decode_bech32("A12UEL5L")

    assert (prefix, data) == ("a", b"")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a1",
        "1nwldj5",
        "A12uEL5L",
        "x1b4n0q5v",
        "li1dgmt3",
        "de1lg7wt\xff",
        "10a06t8",
        "\x201nwldj5",
    ],
)
def test_bad_bech32_is_refused(text: str) -> None:
    """BIP-173's invalid strings are malformed."""
    with pytest.raises(MalformedMessage):
        decode_bech32(text)
