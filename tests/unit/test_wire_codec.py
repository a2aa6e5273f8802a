"""The codec writes Go's bytes and accepts one encoding only."""

import pytest
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.timestamps import NS_PER_SECOND
from chainkit.primitives.types import DurationNs, TimestampNs
from chainkit.wire.codec import (
    decode_known,
    decode_strict,
    duration_from_proto,
    duration_to_proto,
    encode,
    encode_delimited,
    pack_any,
    timestamp_from_proto,
    timestamp_to_proto,
    type_url,
    unpack_any,
)
from chainkit.wire.proto.cosmos.bank.v1beta1.tx_pb2 import MsgSend
from chainkit.wire.proto.cosmos.tx.v1beta1.tx_pb2 import ModeInfo, TxBody, TxRaw
from chainkit.wire.proto.ibc.core.channel.v1.tx_pb2 import MsgRecvPacket
from chainkit.wire.proto.ibc.core.client.v1.client_pb2 import Height
from chainkit.wire.proto.ibc.lightclients.tendermint.v1.tendermint_pb2 import (
    ClientState,
    ConsensusState,
)
from chainkit.wire.proto.tendermint.types.canonical_pb2 import CanonicalVote
from chainkit.wire.proto.tendermint.types.types_pb2 import Commit, CommitSig, Header

LIMIT = 4096
GO_ZERO_TIME = bytes.fromhex("0b088092b8c398feffffff01")


def test_an_unset_go_time_is_the_year_one() -> None:
    """
    CometBFT's own vector for an empty vote: types/vote_test.go, TestVoteSignBytesTestVectors.
    """
    assert encode_delimited(CanonicalVote()).hex() == "0d2a0b088092b8c398feffffff01"


def test_a_time_that_was_set_to_1970_stays_1970() -> None:
    """
    Only an unset time is Go's zero time; the epoch is a time like any other.
    """
    vote = CanonicalVote(timestamp=Timestamp())

    assert encode(vote).hex() == "2a00"
    assert decode_strict(CanonicalVote, encode(vote), max_bytes=LIMIT) == vote


def test_empty_values_that_go_writes_are_written() -> None:
    """
    An unfrozen client carries `32 00`, which ibc-go's self-client proofs compare.
    """
    state = encode(ClientState(latest_height=Height(revision_height=7)))

    assert state == bytes.fromhex("12001a0022002a0032003a021007")


def test_nested_and_repeated_values_are_filled_too() -> None:
    """
    Depth does not matter: elements of lists and unset values inside values are completed.
    """
    commit = encode(Commit(signatures=[CommitSig(), CommitSig()]))
    signature = b"\x1a" + GO_ZERO_TIME

    assert commit == b"\x1a\x02\x12\x00" + (b"\x22\x0d" + signature) * 2
    assert encode(MsgRecvPacket()) == bytes.fromhex("0a023a001a00")
    assert encode(Header()) == b"\x0a\x00\x22" + GO_ZERO_TIME + b"\x2a\x02\x12\x00"


def test_encoding_does_not_change_the_message() -> None:
    """
    A caller's message is not completed behind its back.
    """
    message = ClientState()
    encode(message)

    assert not message.HasField("frozen_height")


def test_types_that_contain_themselves_are_encoded() -> None:
    """
    A multi-signature's mode holds modes; looking for required fields ends.
    """
    mode = ModeInfo(multi=ModeInfo.Multi(mode_infos=[ModeInfo(single=ModeInfo.Single(mode=1))]))

    assert decode_strict(ModeInfo, encode(mode), max_bytes=LIMIT) == mode


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("unknown field", "08051800"),
        ("unknown field of type group", "08051b1c"),
        ("longer varint", "088500"),
        ("explicit zero", "0805" + "1000"),
        ("fields out of order", "1001" + "0805"),
        ("field twice", "08040805"),
        ("truncated", "0880"),
        ("wrong wire type", "0a00"),
    ],
)
def test_another_encoding_of_the_same_value_is_refused(name: str, data: str) -> None:
    """
    Hashed and signed messages have one encoding, or one value would have many hashes.
    """
    with pytest.raises(MalformedMessage):
        decode_strict(Height, bytes.fromhex(data), max_bytes=LIMIT)


def test_an_empty_value_left_out_is_refused_where_go_writes_it() -> None:
    """
    Go re-encodes the missing value, so its hash would differ from the sender's.
    """
    with pytest.raises(MalformedMessage):
        decode_strict(ConsensusState, b"", max_bytes=LIMIT)


def test_decode_known_takes_any_order_but_no_unknown_field() -> None:
    """
    A signed transaction may be encoded by any library, but hides nothing from us.
    """
    body = TxBody(memo="hi", messages=[pack_any(MsgSend(from_address="a"))])
    data = encode(body)
    reordered = data[-4:] + data[:-4]

    assert decode_known(TxBody, reordered, max_bytes=LIMIT) == body
    for hidden in (data + b"\x32\x00", b"\x0a\x02\x1a\x00" + data):
        with pytest.raises(MalformedMessage):
            decode_known(TxBody, hidden, max_bytes=LIMIT)


def test_text_must_be_utf8() -> None:
    """
    A string field that is not text is refused, not replaced.
    """
    with pytest.raises(MalformedMessage):
        decode_known(TxBody, b"\x12\x01\xff", max_bytes=LIMIT)


def test_deep_nesting_is_refused_and_not_followed() -> None:
    """
    Ten thousand levels cost an error, not the stack.
    """
    data = b""
    for _ in range(10_000):
        inner = b"\x12" + _length(data) + data
        data = b"\x12" + _length(inner) + inner
        if len(data) > 60_000:
            break

    with pytest.raises(MalformedMessage):
        decode_known(ModeInfo, data, max_bytes=100_000)


def _length(data: bytes) -> bytes:
    size, out = len(data), bytearray()
    while size >= 128:
        out.append(size % 128 + 128)
        size //= 128
    return bytes([*out, size])


def test_a_message_over_its_limit_is_refused_unread() -> None:
    """
    The limit holds for the bytes, before they are parsed.
    """
    data = encode(TxRaw(body_bytes=bytes(10)))

    assert decode_strict(TxRaw, data, max_bytes=len(data)).body_bytes == bytes(10)
    with pytest.raises(MalformedMessage):
        decode_strict(TxRaw, data, max_bytes=len(data) - 1)


def test_any_names_its_type_and_gives_only_that() -> None:
    """
    The type URL is a slash and the standard's name; another one is refused.
    """
    packed = pack_any(Height(revision_height=5))

    assert type_url(ClientState) == "/ibc.lightclients.tendermint.v1.ClientState"
    assert packed.type_url == "/ibc.core.client.v1.Height"
    assert unpack_any(packed, Height).revision_height == 5
    for wrong in (
        Any(type_url="/ibc.core.client.v1.Params", value=packed.value),
        Any(type_url="type.googleapis.com/ibc.core.client.v1.Height", value=packed.value),
        Any(type_url=packed.type_url, value=packed.value + b"\x18\x00"),
    ):
        with pytest.raises(MalformedMessage):
            unpack_any(wrong, Height)


def test_times_and_durations_are_checked() -> None:
    """
    Each has one protobuf form; what Go can't hold is refused.
    """
    time = TimestampNs(-1)
    length = DurationNs(-NS_PER_SECOND - 5)

    assert timestamp_from_proto(timestamp_to_proto(time)) == time
    assert timestamp_to_proto(time) == Timestamp(seconds=-1, nanos=999_999_999)
    assert duration_from_proto(duration_to_proto(length)) == length
    assert duration_to_proto(length) == Duration(seconds=-1, nanos=-5)
    for bad_time in (Timestamp(nanos=-1), Timestamp(nanos=10**9), Timestamp(seconds=253402300800)):
        with pytest.raises(MalformedMessage):
            timestamp_from_proto(bad_time)
    for bad in (
        Duration(seconds=1, nanos=-1),
        Duration(nanos=10**9),
        Duration(seconds=9_223_372_037),
    ):
        with pytest.raises(MalformedMessage):
            duration_from_proto(bad)
