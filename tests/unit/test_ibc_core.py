"""Handshakes, ordered channels, closing, re-entrancy, redundant relays and queries."""

from dataclasses import replace

import pytest

from chainkit.primitives.errors import RuleBroken
from chainkit.runtime.context import ExecutionMode
from chainkit.runtime.errors import KeyNotFound, OutOfGas
from chainkit.runtime.gas import GasMeter
from chainkit.wire.proto.cosmos.base.query.v1beta1 import pagination_pb2
from chainkit.wire.proto.ibc.core.channel.v1 import channel_pb2
from chainkit.wire.proto.ibc.core.channel.v1 import query_pb2 as channel_query
from chainkit.wire.proto.ibc.core.channel.v1 import tx_pb2 as channel_tx
from chainkit.wire.proto.ibc.core.client.v1 import query_pb2 as client_query
from chainkit.wire.proto.ibc.core.client.v1 import tx_pb2 as client_tx
from chainkit.wire.proto.ibc.core.connection.v1 import query_pb2 as connection_query
from chainkit.wire.proto.isthmus.datagram.v1 import datagram_pb2
from ibc.errors import Unauthorized
from ibc.ics02_client.codec import any_to_proto, height_to_proto
from ibc.ics02_client.errors import ClientNotFound, InvalidHeader, RouteNotFound
from ibc.ics02_client.port import AnyValue
from ibc.ics04_channel.codec import packet_to_proto
from ibc.ics04_channel.errors import (
    InvalidChannelState,
    PacketReceived,
    PacketSequenceOutOfOrder,
    RedundantTransaction,
)
from ibc.ics04_channel.messages import Outcome
from ibc.ics04_channel.types import Order
from ibc.testing.path import Endpoint, Path, sent_packets, written_acknowledgements
from tests.unit.ibc_worlds import (
    SECOND,
    address,
    datagram_path,
    new_chain,
    send,
    send_datagram,
    transfer_message,
    transfer_path,
    two_chains,
)


def datagrams(order=Order.ORDERED) -> Path:
    return datagram_path(new_chain("zone-a"), new_chain("zone-b"), order)


def received(chain) -> list[bytes]:
    answer = chain.query(
        "/isthmus.datagram.v1.Query/Received",
        datagram_pb2.QueryReceivedRequest(),
        datagram_pb2.QueryReceivedResponse,
    )
    return [each.datagram.data for each in answer.datagrams]


def test_an_ordered_channel_takes_packets_in_order():
    """The second packet is refused before the first, and each is taken once."""
    path = datagrams()
    first, second = (send_datagram(path.a, data) for data in (b"one", b"two"))
    with pytest.raises(PacketSequenceOutOfOrder):
        path.recv(path.b, second)
    for packet in (first, second):
        assert path.recv(path.b, packet)[0] is Outcome.SUCCESS
    assert path.recv(path.b, first)[0] is Outcome.NOOP
    assert received(path.b.chain) == [b"one", b"two"]

    acknowledgement = b'{"result":"AQ=="}'
    with pytest.raises(PacketSequenceOutOfOrder):
        path.acknowledge(path.a, second, acknowledgement)
    for packet in (first, second):
        assert path.acknowledge(path.a, packet, acknowledgement)[0] is Outcome.SUCCESS


def test_a_timeout_closes_an_ordered_channel():
    """No later packet may overtake one that was given up."""
    path = datagrams()
    packet = send_datagram(path.a, b"late", 5 * SECOND)
    path.b.chain.commit(20)
    outcome, events = path.time_out(path.a, packet, 1)

    assert outcome is Outcome.SUCCESS
    assert "channel_close" in [event.type for event in events]
    with pytest.raises(InvalidChannelState):
        send_datagram(path.a, b"more")


def test_a_received_packet_of_an_ordered_channel_cannot_time_out():
    """The proof of the next sequence shows that it arrived; a lie about it is not proven."""
    path = datagrams()
    packet = send_datagram(path.a, b"in time", 30 * SECOND)
    path.recv(path.b, packet)
    path.b.chain.commit(60)
    with pytest.raises(PacketReceived):
        path.time_out(path.a, packet, 2)
    with pytest.raises(RuleBroken):
        path.time_out(path.a, packet, 1)


@pytest.mark.parametrize("order", [Order.ORDERED, Order.UNORDERED])
def test_what_a_closed_channel_did_not_receive_times_out(order):
    """After the other end is closed a packet comes back before its timeout."""
    path = datagrams(order)
    packet = send_datagram(path.a, b"lost")
    close = channel_tx.MsgChannelCloseInit(
        port_id="datagram", channel_id=path.b.channel_id, signer=path.b.signer()
    )
    message = timeout_on_close(path, packet)
    with pytest.raises(RuleBroken):
        path.a.chain.execute(message)
    path.b.chain.execute(close)
    with pytest.raises(InvalidChannelState):
        path.recv(path.b, packet)
    response, _ = path.a.chain.execute(timeout_on_close(path, packet))
    again, _ = path.a.chain.execute(timeout_on_close(path, packet))

    assert response == b"\x08\x02"
    assert again == b"\x08\x01"


def timeout_on_close(path, packet) -> channel_tx.MsgTimeoutOnClose:
    proof, height = path.update(path.a)
    return channel_tx.MsgTimeoutOnClose(
        packet=packet_to_proto(packet),
        proof_unreceived=proof,
        proof_close=proof,
        proof_height=height_to_proto(height),
        next_sequence_recv=1,
        signer=path.a.signer(),
    )


def test_closing_is_confirmed_by_proof():
    """The other end closes when it is shown that this one is closed."""
    path = datagrams()
    proof, height = path.update(path.b)
    confirm = channel_tx.MsgChannelCloseConfirm(
        port_id="datagram",
        channel_id=path.b.channel_id,
        proof_init=proof,
        proof_height=height_to_proto(height),
        signer=path.b.signer(),
    )
    with pytest.raises(RuleBroken):
        path.b.chain.execute(confirm)
    path.a.chain.execute(
        channel_tx.MsgChannelCloseInit(
            port_id="datagram", channel_id=path.a.channel_id, signer=path.a.signer()
        )
    )
    proof, height = path.update(path.b)
    confirm.proof_init = proof
    confirm.proof_height.CopyFrom(height_to_proto(height))
    path.b.chain.execute(confirm)

    with pytest.raises(InvalidChannelState):
        send_datagram(path.b, b"x")


class Reentrant:
    """An application that submits the same message again inside each callback."""

    def __init__(self, inner, router_of):
        self._inner = inner
        self._router_of = router_of
        self.message = None
        self.outcomes = []

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def _again(self, ctx):
        message, self.message = self.message, None
        if message is None:
            return
        router = self._router_of()
        handler = {
            "RecvPacket": router.recv_packet,
            "AcknowledgePacket": router.acknowledge_packet,
            "TimeoutPacket": router.time_out_packet,
        }[type(message).__name__]
        self.outcomes.append(handler(ctx, message))

    def on_recv_packet(self, ctx, *rest):
        self._again(ctx)
        return self._inner.on_recv_packet(ctx, *rest)

    def on_acknowledgement_packet(self, ctx, *rest):
        self._again(ctx)
        self._inner.on_acknowledgement_packet(ctx, *rest)

    def on_timeout_packet(self, ctx, *rest):
        self._again(ctx)
        self._inner.on_timeout_packet(ctx, *rest)


def reentrant_world():
    path = two_chains()
    wrapped = []
    for end in (path.a, path.b):
        core = end.chain.core
        application = Reentrant(core.router.applications["transfer"], lambda core=core: core.router)
        core.router.applications["transfer"] = application
        wrapped.append(application)
    return path, *wrapped


def test_a_callback_that_times_the_packet_out_again_finds_it_done():
    """The commitment is gone before the callback: one refund (ASA-2024-007)."""
    path, on_a, _ = reentrant_world()
    packet = send(path.a, "alice", "x", "uatom", 300, timeout_ns=5 * SECOND)
    path.b.chain.commit(10)
    message = path.timeout_message(path.a, packet)
    on_a.message = path.a.chain.decode(message)
    path.a.chain.execute(message)

    assert on_a.outcomes == [Outcome.NOOP]
    assert path.a.chain.balance("alice", "uatom") == 1_000
    assert path.a.chain.supply("uatom") == 1_000


def test_a_callback_that_acknowledges_again_finds_it_done():
    """The commitment is gone before the callback: one refund."""
    path, on_a, _ = reentrant_world()
    send(path.a, "alice", "keeps the escrow full", "uatom", 300)
    packet = send(path.a, "alice", "nobody", "uatom", 300)
    answer = written_acknowledgements(path.recv(path.b, packet)[1])[0][1]
    message = path.ack_message(path.a, packet, answer)
    on_a.message = path.a.chain.decode(message)
    path.a.chain.execute(message)

    assert on_a.outcomes == [Outcome.NOOP]
    assert path.a.chain.balance("alice", "uatom") == 700


def test_a_callback_that_receives_again_finds_it_done():
    """The receipt is there before the callback: one mint."""
    path, _, on_b = reentrant_world()
    packet = send(path.a, "alice", address(path.b.chain, "bob"), "uatom", 300)
    message = path.recv_message(path.b, packet)
    on_b.message = path.b.chain.decode(message)
    _, events = path.b.chain.execute(message)

    assert on_b.outcomes == [Outcome.NOOP]
    assert len(written_acknowledgements(events)) == 1


def test_out_of_gas_is_no_answer():
    """The relayer's own limit refuses the transaction; the packet stays unreceived."""
    path = two_chains()
    packet = send(path.a, "alice", address(path.b.chain, "bob"), "uatom", 300)
    message = path.b.chain.decode(path.recv_message(path.b, packet))
    b = path.b.chain
    meter = GasMeter()
    with b.context().with_gas(meter).savepoint() as savepoint:
        b.core.router.recv_packet(b.context().with_gas(meter), message)
        savepoint.discard()
    for limit in range(meter.consumed // 2, meter.consumed, meter.consumed // 17):
        ctx = b.context().with_gas(GasMeter(limit))
        with pytest.raises(OutOfGas), ctx.savepoint():
            b.core.router.recv_packet(ctx, message)
    assert b.core.router.recv_packet(b.context(), message) is Outcome.SUCCESS


def test_redundant_relays_stay_out_of_the_mempool():
    """A transaction whose packets are all relayed is refused (22); one new packet admits it."""
    path = two_chains()
    b = path.b.chain
    packets = [send(path.a, "alice", address(b, "bob"), "uatom", 1) for _ in range(2)]
    messages = [b.decode(path.recv_message(path.b, packet)) for packet in packets]
    ante = b.core.ante
    ante(b.context(), tuple(messages))
    b.core.router.recv_packet(b.context(), messages[0])
    check = b.context(ExecutionMode.CHECK)
    with check.savepoint() as savepoint:
        ante(check, tuple(messages))
        with pytest.raises(RedundantTransaction) as refusal:
            ante(check, tuple(messages))
        ante(check, (*messages, object()))
        savepoint.discard()
    with pytest.raises(RedundantTransaction):
        ante(b.context(ExecutionMode.RECHECK), (messages[0],))
    ante(b.context(ExecutionMode.RECHECK), (messages[1],))

    assert str(refusal.value) == "packet messages are redundant"


def test_ante_sees_the_header_before_the_packet():
    """An update in the same transaction proves the packet after it, in CHECK too."""
    path = two_chains()
    a, b = path.a.chain, path.b.chain
    packet = send(path.a, "alice", address(b, "bob"), "uatom", 1)
    height = a.commit()
    update = client_tx.MsgUpdateClient(
        client_id=path.b.client_id,
        client_message=any_to_proto(a.headers[height.revision_height].message()),
        signer=path.b.signer(),
    )
    recv = channel_tx.MsgRecvPacket(
        packet=packet_to_proto(packet),
        proof_commitment=a.proofs[height.revision_height],
        proof_height=height_to_proto(height),
        signer=path.b.signer(),
    )
    messages = (b.decode(update), b.decode(recv))
    b.core.ante(b.context(ExecutionMode.CHECK), messages)
    with pytest.raises(RedundantTransaction):
        b.core.ante(b.context(ExecutionMode.RECHECK), messages)


def test_unknown_clients_and_forged_headers_are_refused():
    """Nothing is created or updated by bytes that no light client verifies."""
    path = two_chains()
    b = path.b.chain
    header = path.a.chain.headers[1]
    forged = header.message()
    forged = replace(forged, value=bytes(32) + forged.value[32:])
    clients = b.core.channels.connections.clients
    with pytest.raises(InvalidHeader):
        clients.update(b.context(), path.b.client_id, forged)
    with pytest.raises(ClientNotFound):
        clients.update(b.context(), "99-test-7", header.message())
    with pytest.raises(RouteNotFound):
        clients.create(b.context(), AnyValue("/x", b""), AnyValue("/y", b""), b.account("r"))


def test_a_frozen_client_is_recovered_by_the_authority_only():
    """Governance revives a client by an active one that is ahead."""
    path = two_chains()
    a, b = path.a.chain, path.b.chain
    frozen = path.b.client_id
    header = a.headers[a.height - 1].message("/isthmus.testing.v1.Misbehaviour")
    clients = b.core.channels.connections.clients
    clients.update(b.context(), frozen, header)
    a.commit(3)
    path.create_clients()
    message = client_tx.MsgRecoverClient(
        subject_client_id=frozen,
        substitute_client_id=path.b.client_id,
        signer=path.b.signer(),
    )
    with pytest.raises(Unauthorized):
        b.execute(message)
    message.signer = b.text(b.ledger.module_address("gov"))
    b.execute(message)

    assert clients.status(b.context(), frozen).value == "Active"


def test_handshakes_need_proofs():
    """A step that the other chain has not prepared is refused."""
    a, b = new_chain("zone-a"), new_chain("zone-b")
    path = Path(Endpoint(a, "transfer", "ics20-1"), Endpoint(b, "transfer", "ics20-1"))
    path.create_clients()
    path.open_connection()
    proof, height = path.update(path.b)
    message = channel_tx.MsgChannelOpenTry(
        port_id="transfer",
        channel=channel_pb2.Channel(
            state=channel_pb2.STATE_TRYOPEN,
            ordering=channel_pb2.ORDER_UNORDERED,
            counterparty=channel_pb2.Counterparty(port_id="transfer", channel_id="channel-0"),
            connection_hops=[path.b.connection_id],
        ),
        counterparty_version="ics20-1",
        proof_init=proof,
        proof_height=height_to_proto(height),
        signer=path.b.signer(),
    )
    before = b.snapshot()
    with pytest.raises(RuleBroken):
        b.execute(message)

    assert b.snapshot() == before


@pytest.mark.parametrize("version", ["ics20-2", "isthmus-datagram-1"])
def test_an_application_refuses_another_version(version):
    """A channel opens with a version that its application speaks."""
    a, b = new_chain("zone-a"), new_chain("zone-b")
    with pytest.raises(RuleBroken):
        Path(Endpoint(a, "transfer", version), Endpoint(b, "transfer", version)).open()


def test_lists_are_paged():
    """Every list is cut by limit and goes on at its key."""
    a, b = new_chain("zone-a"), new_chain("zone-b")
    for _ in range(3):
        transfer_path(a, b)
    service = "/ibc.core.client.v1.Query/ClientStates"
    seen, key = [], b""
    while True:
        page = pagination_pb2.PageRequest(limit=2, key=key)
        answer = a.query(
            service,
            client_query.QueryClientStatesRequest(pagination=page),
            client_query.QueryClientStatesResponse,
        )
        seen += [state.client_id for state in answer.client_states]
        key = answer.pagination.next_key
        if not key:
            break
    total = a.query(
        "/ibc.core.channel.v1.Query/Channels",
        channel_query.QueryChannelsRequest(
            pagination=pagination_pb2.PageRequest(limit=2, count_total=True, reverse=True)
        ),
        channel_query.QueryChannelsResponse,
    )
    heights = a.query(
        "/ibc.core.client.v1.Query/ConsensusStateHeights",
        client_query.QueryConsensusStateHeightsRequest(client_id="99-test-0"),
        client_query.QueryConsensusStateHeightsResponse,
    )

    assert seen == ["99-test-0", "99-test-1", "99-test-2"]
    assert [channel.channel_id for channel in total.channels] == ["channel-2", "channel-1"]
    assert total.pagination.total == 3
    assert len(heights.consensus_state_heights) >= 3


def test_packet_queries_tell_what_is_to_relay():
    """Commitments, unreceived packets and open acknowledgements are what a relayer needs."""
    path = two_chains()
    a, b = path.a.chain, path.b.chain
    packets = [send(path.a, "alice", address(b, "bob"), "uatom", 1) for _ in range(11)]
    answer = written_acknowledgements(path.recv(path.b, packets[1])[1])[0][1]
    of_a = {"port_id": "transfer", "channel_id": path.a.channel_id}
    of_b = {"port_id": "transfer", "channel_id": path.b.channel_id}
    service = "/ibc.core.channel.v1.Query/"
    q = channel_query
    committed = a.query(
        service + "PacketCommitments",
        q.QueryPacketCommitmentsRequest(**of_a),
        q.QueryPacketCommitmentsResponse,
    )
    unreceived = b.query(
        service + "UnreceivedPackets",
        q.QueryUnreceivedPacketsRequest(**of_b, packet_commitment_sequences=range(1, 12)),
        q.QueryUnreceivedPacketsResponse,
    )
    acknowledged = b.query(
        service + "PacketAcknowledgements",
        q.QueryPacketAcknowledgementsRequest(**of_b, packet_commitment_sequences=range(1, 12)),
        q.QueryPacketAcknowledgementsResponse,
    )
    path.acknowledge(path.a, packets[1], answer)
    open_ones = a.query(
        service + "UnreceivedAcks",
        q.QueryUnreceivedAcksRequest(**of_a, packet_ack_sequences=[1, 2]),
        q.QueryUnreceivedAcksResponse,
    )

    assert sorted(state.sequence for state in committed.commitments) == list(range(1, 12))
    assert list(unreceived.sequences) == [1, *range(3, 12)]
    assert [state.sequence for state in acknowledged.acknowledgements] == [2]
    assert list(open_ones.sequences) == [1]
    assert committed.height.revision_height == a.height


def test_absent_things_are_not_found():
    """Relayers tell "not there" from a failure by the error."""
    path = two_chains()
    with pytest.raises(KeyNotFound):
        path.a.chain.query(
            "/ibc.core.connection.v1.Query/ClientConnections",
            connection_query.QueryClientConnectionsRequest(client_id="99-test-9"),
            connection_query.QueryClientConnectionsResponse,
        )


def test_a_datagram_needs_no_other_package():
    """Port, message and query come from the application's folder alone."""
    path = datagrams(Order.UNORDERED)
    packet = send_datagram(path.a, b"\x00\xff plain")
    path.recv(path.b, packet)
    _, events = path.b.chain.execute(
        datagram_pb2.MsgSendDatagram(
            sender=address(path.b.chain, "bob"),
            source_channel=path.b.channel_id,
            data=b"back",
            timeout_timestamp=path.b.chain.time + SECOND * 1000,
        )
    )

    assert received(path.b.chain) == [b"\x00\xff plain"]
    assert len(sent_packets(events)) == 1


def test_a_refused_message_leaves_nothing():
    """A transfer that cannot be paid changes no store."""
    path = two_chains()
    before = path.a.chain.snapshot()
    with pytest.raises(RuleBroken):
        path.a.chain.execute(transfer_message(path.a, "alice", "x", "uatom", 1_001))

    assert path.a.chain.snapshot() == before
