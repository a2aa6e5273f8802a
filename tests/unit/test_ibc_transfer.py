"""ICS-20 over the whole stack: decode, core, callbacks, ledger."""

import json
from dataclasses import replace

import pytest

from chainkit.primitives.amounts import Coin
from chainkit.primitives.errors import MalformedMessage, RuleBroken
from chainkit.primitives.heights import Height
from chainkit.wire.proto.ibc.applications.transfer.v1 import denomtrace_query_pb2, query_pb2
from chainkit.wire.proto.ibc.core.channel.v1 import tx_pb2
from ibc.errors import IbcError, InvalidRequest, Unauthorized
from ibc.ics02_client.errors import ClientNotActive, FailedMembershipVerification
from ibc.ics04_channel.codec import packet_to_proto
from ibc.ics04_channel.errors import (
    InvalidAcknowledgement,
    InvalidPacket,
    TimeoutElapsed,
    TimeoutNotReached,
)
from ibc.ics04_channel.messages import Outcome
from ibc.ics20_transfer.denoms import extract_denom
from ibc.ics20_transfer.packet_data import (
    TransferData,
    decode_transfer_data,
    encode_transfer_data,
)
from ibc.ics20_transfer.state import escrow_address, total_escrow
from ibc.testing.path import written_acknowledgements
from tests.unit.ibc_worlds import SECOND, address, send, transfer_message, two_chains

OK = b'{"result":"AQ=="}'


def voucher(path) -> str:
    return extract_denom(f"transfer/{path.b.channel_id}/uatom").local_denom()


def deliver(path, packet, end=None):
    outcome, events = path.recv(end or path.b, packet)
    assert outcome is Outcome.SUCCESS
    return written_acknowledgements(events)[0][1], events


def test_a_token_goes_and_comes_home():
    """Escrow on the way out equals vouchers there; the way home releases it."""
    path = two_chains()
    a, b = path.a.chain, path.b.chain
    packet = send(path.a, "alice", address(b, "bob"), "uatom", 300)
    acknowledgement, _ = deliver(path, packet)
    path.acknowledge(path.a, packet, acknowledgement)

    assert acknowledgement == OK
    assert a.balance("alice", "uatom") == 700
    assert b.balance("bob", voucher(path)) == 300 == b.supply(voucher(path))
    assert total_escrow(a.context(), "uatom") == 300

    back = send(path.b, "bob", address(a, "carol"), voucher(path), 300)
    deliver(path, back, path.a)

    assert a.balance("carol", "uatom") == 300
    assert b.supply(voucher(path)) == 0 == total_escrow(a.context(), "uatom")


def test_a_gift_to_an_escrow_pays_for_no_vouchers_out_of_nothing():
    """The other chain sends back more than it got: refused, though the escrow has enough."""
    path = two_chains()
    a, b = path.a.chain, path.b.chain
    escrow = escrow_address("transfer", path.a.channel_id)
    packet = send(path.a, "alice", address(b, "bob"), "uatom", 10)
    path.recv(path.b, packet)
    a.ledger.send(a.context(), a.account("alice"), escrow, Coin("uatom", 5))
    voucher = extract_denom(f"transfer/{path.b.channel_id}/uatom").local_denom()
    b.fund("bob", voucher, 5)
    back = send(path.b, "bob", address(a, "alice"), voucher, 15)
    _, events = path.recv(path.a, back)

    ((_, answer),) = written_acknowledgements(events)
    assert b"error" in answer
    assert a.balance("alice", "uatom") == 985
    assert total_escrow(a.context(), "uatom") == 10


def test_a_packet_is_received_once():
    """A repeated packet is a no-op: no second mint, no second acknowledgement."""
    path = two_chains()
    packet = send(path.a, "alice", address(path.b.chain, "bob"), "uatom", 300)
    deliver(path, packet)
    outcome, events = path.recv(path.b, packet)

    assert outcome is Outcome.NOOP
    assert not events
    assert path.b.chain.supply(voucher(path)) == 300


@pytest.mark.parametrize(
    "change",
    [
        {"data": b"{}"},
        {"sequence": 2},
        {"timeout_timestamp": 2**63},
        {"timeout_height": Height(1, 10**9)},
    ],
)
def test_a_packet_that_was_not_sent_is_refused(change):
    """Every committed field is proven."""
    path = two_chains()
    packet = send(path.a, "alice", address(path.b.chain, "bob"), "uatom", 300)

    with pytest.raises(FailedMembershipVerification):
        path.recv(path.b, replace(packet, **change))


def test_a_packet_of_another_channel_is_refused():
    """A packet must come from the channel's counterparty."""
    path = two_chains()
    packet = send(path.a, "alice", address(path.b.chain, "bob"), "uatom", 300)

    with pytest.raises(InvalidPacket):
        path.recv(path.b, replace(packet, source_channel="channel-7"))


@pytest.mark.parametrize("receiver", ["", "nobody", "cosmos1qqqqqq"])
def test_a_bad_receiver_refunds_the_sender(receiver):
    """A receiver that is no address gets an error acknowledgement, and the sender the token."""
    path = two_chains()
    if not receiver:
        with pytest.raises(IbcError):
            path.a.chain.execute(transfer_message(path.a, "alice", receiver, "uatom", 5))
        return
    packet = send(path.a, "alice", receiver, "uatom", 300)
    acknowledgement, _ = deliver(path, packet)
    path.acknowledge(path.a, packet, acknowledgement)

    assert json.loads(acknowledgement) == {
        "error": "ABCI code: 5: error handling packet: see events for details"
    }
    assert path.a.chain.balance("alice", "uatom") == 1_000


def test_a_blocked_receiver_is_refused_without_a_trace():
    """
    A module's account takes no users' tokens; nothing of the application remains, and its
    events appear under the error prefix only (Huckleberry), while the core's two events
    carry the rule.
    """
    path = two_chains()
    b = path.b.chain
    packet = send(path.a, "alice", b.text(b.ledger.module_address("gov")), "uatom", 300)
    acknowledgement, events = deliver(path, packet)

    assert b'"error":"ABCI code: 2: ' in acknowledgement
    assert b.supply(voucher(path)) == 0
    names = [event.type for event in events]
    assert names[0] == "recv_packet"
    assert "write_acknowledgement" in names
    assert not {"transfer", "fungible_token_packet", "denomination"} & set(names)
    carried = [e.get("refused_by") for e in events if e.type in {names[0], "write_acknowledgement"}]
    assert carried == ["ibc/2", "ibc/2"]


def test_events_of_a_refused_receive_are_prefixed():
    """What the application did before it was refused is reported under the prefix only."""
    path = two_chains()
    b = path.b.chain
    real = b.core.router.applications["transfer"].inner.transfers.ledger

    class Failing:
        def __getattr__(self, name):
            return getattr(real, name)

        def send(self, ctx, sender, receiver, coin):
            real.send(ctx, sender, receiver, coin)
            raise Unauthorized("after the fact")

    transfers = b.core.router.applications["transfer"].inner.transfers
    object.__setattr__(transfers, "ledger", Failing())
    packet = send(path.a, "alice", address(b, "bob"), "uatom", 300)
    _, events = deliver(path, packet)
    names = [event.type for event in events]

    assert "ibccallbackerror-transfer" in names
    assert "ibccallbackerror-denomination" in names
    assert "transfer" not in names
    assert b.supply(voucher(path)) == 0


def test_a_receive_after_the_timeout_is_refused_and_refunded():
    """At or after the timeout the packet is refused (40) and the sender refunded by proof."""
    path = two_chains()
    a = path.a.chain
    packet = send(
        path.a, "alice", address(path.b.chain, "bob"), "uatom", 300, timeout_ns=5 * SECOND
    )
    with pytest.raises(TimeoutNotReached):
        path.time_out(path.a, packet)
    path.b.chain.commit(10)
    with pytest.raises(TimeoutElapsed) as refusal:
        path.recv(path.b, packet)
    outcome, _ = path.time_out(path.a, packet)

    assert refusal.value.code == 40
    assert outcome is Outcome.SUCCESS
    assert a.balance("alice", "uatom") == 1_000
    assert path.time_out(path.a, packet)[0] is Outcome.NOOP
    assert a.balance("alice", "uatom") == 1_000


def test_a_timeout_by_height_counts_the_receivers_blocks():
    """The packet can be received below the height and not at it."""
    path = two_chains()
    b = path.b.chain
    limit = Height(1, b.height + 3)
    first, second = (
        send(path.a, "alice", address(b, "bob"), "uatom", 5, timeout_ns=0, timeout_height=limit)
        for _ in range(2)
    )
    while b.height < limit.revision_height - 1:
        b.commit()
    deliver(path, first)
    b.commit()

    assert b.height == limit.revision_height
    with pytest.raises(TimeoutElapsed):
        path.recv(path.b, second)
    assert path.time_out(path.a, second)[0] is Outcome.SUCCESS
    with pytest.raises(RuleBroken):
        path.time_out(path.a, first)


def test_a_timed_out_send_is_refused_at_once():
    """A packet that the other chain is known to be past is not sent."""
    path = two_chains()
    with pytest.raises(TimeoutElapsed):
        path.a.chain.execute(
            transfer_message(
                path.a, "alice", "x", "uatom", 5, timeout_ns=0, timeout_height=Height(1, 1)
            )
        )


@pytest.mark.parametrize(
    "forged",
    [
        b'{"result":"AQ==" }',
        b'{"result":"AQ==","result":"AQ=="}',
        b'{"result": "AQ=="}',
        b'{"error":"x","result":"AQ=="}',
        b'{"result":"AR=="}',
        b'{"error":"\\u0061"}',
        b'{"error":1}',
    ],
)
def test_an_acknowledgement_must_encode_back(forged):
    """
    Bytes that decode but are not the one form are refused before the proof is asked
    (ISA-2025-001): two decoders would read them differently.
    """
    path = two_chains()
    packet = send(path.a, "alice", address(path.b.chain, "bob"), "uatom", 300)
    deliver(path, packet)

    with pytest.raises(InvalidAcknowledgement):
        path.acknowledge(path.a, packet, forged)


def test_a_forged_acknowledgement_is_refused():
    """A well-formed answer that was not given is not proven."""
    path = two_chains()
    packet = send(path.a, "alice", address(path.b.chain, "bob"), "uatom", 300)
    deliver(path, packet)
    forged = b'{"error":"ABCI code: 2: error handling packet: see events for details"}'

    with pytest.raises(FailedMembershipVerification):
        path.acknowledge(path.a, packet, forged)
    assert path.a.chain.balance("alice", "uatom") == 700


def test_a_misbehaving_chain_is_frozen_out():
    """After misbehaviour nothing is proven by the client or sent through it."""
    path = two_chains()
    a, b = path.a.chain, path.b.chain
    packet = send(path.a, "alice", address(b, "bob"), "uatom", 300)
    message = path.recv_message(path.b, packet)
    header = a.headers[a.height - 1].message("/isthmus.testing.v1.Misbehaviour")
    b.core.channels.connections.clients.update(b.context(), path.b.client_id, header)

    with pytest.raises(ClientNotActive):
        b.execute(message)


def test_users_cannot_close_a_transfer_channel():
    """A closed channel would strand what is in flight."""
    path = two_chains()
    with pytest.raises(InvalidRequest):
        path.a.chain.execute(
            tx_pb2.MsgChannelCloseInit(
                port_id="transfer", channel_id=path.a.channel_id, signer=path.a.signer()
            )
        )


def test_packet_data_is_gos_bytes():
    """Field order, left-out memo and escapes are those of Go's encoding."""
    data = TransferData("transfer/channel-0/uatomtom", "1", "s", "r")

    assert encode_transfer_data(data) == (
        b'{"denom":"transfer/channel-0/uatomtom","amount":"1","sender":"s","receiver":"r"}'
    )
    marked = replace(data, memo='<&>"\n\u2028é')
    assert encode_transfer_data(marked).endswith(
        b'"memo":"\\u003c\\u0026\\u003e\\"\\n\\u2028\xc3\xa9"}'
    )
    assert decode_transfer_data(encode_transfer_data(marked)) == marked


@pytest.mark.parametrize(
    "data",
    [
        b"\xff",
        b"[]",
        b"{",
        b'{"denom":1}',
        b"[" * 100_000,
        b'{"denom":"a","denom":"b"}',
        b'"\\ud800"',
    ],
)
def test_binary_packet_data_is_refused_by_name(data):
    """No bytes of a packet raise anything but a refusal."""
    with pytest.raises(RuleBroken):
        decode_transfer_data(data)


def test_queries_answer():
    """Readers find the trace, the escrow account and its total."""
    path = two_chains()
    a, b = path.a.chain, path.b.chain
    deliver(path, send(path.a, "alice", address(b, "bob"), "uatom", 300))
    service = "/ibc.applications.transfer.v1.Query/"
    denoms = b.query(
        service + "Denoms", query_pb2.QueryDenomsRequest(), query_pb2.QueryDenomsResponse
    )
    one = b.query(
        service + "Denom",
        query_pb2.QueryDenomRequest(hash=voucher(path)),
        query_pb2.QueryDenomResponse,
    )
    total = a.query(
        service + "TotalEscrowForDenom",
        query_pb2.QueryTotalEscrowForDenomRequest(denom="uatom"),
        query_pb2.QueryTotalEscrowForDenomResponse,
    )
    escrow = a.query(
        service + "EscrowAddress",
        query_pb2.QueryEscrowAddressRequest(port_id="transfer", channel_id=path.a.channel_id),
        query_pb2.QueryEscrowAddressResponse,
    )

    trace = b.query(
        service + "DenomTrace",
        denomtrace_query_pb2.QueryDenomTraceRequest(hash=voucher(path).removeprefix("ibc/")),
        denomtrace_query_pb2.QueryDenomTraceResponse,
    )

    assert trace.denom_trace.base_denom == "uatom"
    assert trace.denom_trace.path == f"transfer/{path.b.channel_id}"
    assert denoms.denoms[0] == one.denom
    assert one.denom.base == "uatom"
    assert total.amount.amount == "300"
    assert escrow.escrow_address == a.text(escrow_address("transfer", path.a.channel_id))


def test_a_whole_balance_can_be_sent():
    """ibc-go's UnboundedSpendLimit sends all."""
    path = two_chains()
    packet = send(path.a, "alice", address(path.b.chain, "bob"), "uatom", 2**256 - 1)

    assert decode_transfer_data(packet.data).amount == "1000"
    with pytest.raises((MalformedMessage, IbcError)):
        path.a.chain.execute(transfer_message(path.a, "alice", "x", "uatom", 2**256))


def test_a_packet_proto_keeps_every_field():
    """Nothing is lost between the dataclass and the protobuf."""
    path = two_chains()
    packet = send(path.a, "alice", address(path.b.chain, "bob"), "uatom", 300)
    proto = packet_to_proto(packet)

    assert proto.sequence == 1
    assert proto.data == packet.data
