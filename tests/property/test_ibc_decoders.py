"""Any bytes decode to a value or are refused by name."""

import contextlib
import json

import hypothesis.strategies as st
import pytest
from hypothesis import given

from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.heights import Height
from ibc.datagram.codec import Datagram, decode_datagram, encode_datagram
from ibc.forward.memo import parse_forward_memo
from ibc.ics04_channel.acknowledgement import (
    ErrorAcknowledgement,
    RemoteError,
    ResultAcknowledgement,
    decode_acknowledgement,
    encode_acknowledgement,
)
from ibc.ics04_channel.codec import decode_packet, encode_packet
from ibc.ics04_channel.types import Packet
from ibc.ics20_transfer.packet_data import (
    TransferData,
    decode_transfer_data,
    encode_transfer_data,
)
from tests.unit.ibc_worlds import new_chain

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
)
CHAIN = new_chain("zone-a")
ROUTES = [
    route
    for name in CHAIN._messages.type_urls()
    if name.startswith("/i")
    for route in [CHAIN._messages.route(name)]
]


@given(st.sampled_from(ROUTES), st.binary(max_size=200))
def test_message_decoders_are_total(route, data):
    """No message's bytes raise anything but a refusal."""
    with contextlib.suppress(RuleBroken):
        route.decode(data)


@given(st.builds(TransferData, text, text, text, text, text))
def test_transfer_data_comes_back(data):
    """decode(encode(x)) == x."""
    assert decode_transfer_data(encode_transfer_data(data)) == data


@given(st.binary(max_size=100) | json_values.map(lambda value: json.dumps(value).encode()))
def test_data_decoders_are_total(data):
    """Packet data, datagrams, acknowledgements and memos are values or refused."""
    for decode in (decode_transfer_data, decode_datagram, decode_acknowledgement, decode_packet):
        with contextlib.suppress(RuleBroken):
            decode(data)
    with contextlib.suppress(RuleBroken):
        parse_forward_memo(data.decode(errors="replace"))


@given(st.binary(max_size=50))
def test_results_come_back(result):
    """decode(encode(x)) == x."""
    acknowledgement = ResultAcknowledgement(result)

    assert decode_acknowledgement(encode_acknowledgement(acknowledgement)) == acknowledgement


@given(st.integers(0, 2**32 - 1))
def test_errors_carry_a_code_only(code):
    """A refusal has one form, made of its code."""
    data = encode_acknowledgement(ErrorAcknowledgement(code))

    assert decode_acknowledgement(data) == RemoteError(
        f"ABCI code: {code}: error handling packet: see events for details"
    )


@given(st.binary(max_size=60))
def test_only_one_spelling_decodes(data):
    """What decodes as an acknowledgement encodes to the same bytes."""
    try:
        decoded = decode_acknowledgement(b'{"result":"' + data + b'"}')
    except RuleBroken:
        return
    if isinstance(decoded, ResultAcknowledgement):
        assert encode_acknowledgement(decoded) == b'{"result":"' + data + b'"}'


@given(st.integers(1, 2**64 - 1), st.binary(min_size=1, max_size=50), st.integers(1, 2**64 - 1))
def test_packets_come_back(sequence, data, timeout):
    """decode(encode(x)) == x."""
    packet = Packet(
        sequence, "transfer", "channel-0", "transfer", "channel-1", data, Height(1, 2), timeout
    )

    assert decode_packet(encode_packet(packet)) == packet


@given(text.filter(bool), st.binary(min_size=1, max_size=50))
def test_datagrams_come_back(sender, data):
    """decode(encode(x)) == x."""
    assert decode_datagram(encode_datagram(Datagram(sender, data))) == Datagram(sender, data)


@pytest.mark.parametrize("depth", [10, 100_000])
def test_deep_json_is_refused(depth):
    """Nesting cannot exhaust the stack."""
    memo = '{"forward":' * depth + "1" + "}" * depth
    with contextlib.suppress(RuleBroken):
        parse_forward_memo(memo[:32_000])
