"""IBC v2: transfers between clients without channels, and what hostile peers try."""

from dataclasses import dataclass, replace

import pytest

from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.types import Address, ClientId
from chainkit.runtime.context import ExecutionMode
from chainkit.wire.codec import decode_known
from chainkit.wire.proto.ibc.core.channel.v2 import query_pb2, tx_pb2
from chainkit.wire.proto.ibc.core.client.v1 import tx_pb2 as client_v1
from chainkit.wire.proto.ibc.core.client.v2 import config_pb2
from chainkit.wire.proto.ibc.core.client.v2 import query_pb2 as client_query
from chainkit.wire.proto.ibc.core.client.v2 import tx_pb2 as client_tx
from ibc.errors import InvalidRequest, InvalidType, Unauthorized
from ibc.ics02_client.codec import any_to_proto, height_to_proto
from ibc.ics02_client.port import Status
from ibc.ics04_channel.acknowledgement import ResultAcknowledgement, encode_acknowledgement
from ibc.ics04_channel.errors import InvalidRoute, RedundantTransaction
from ibc.ics04_channel.messages import Outcome
from ibc.ics20_transfer.denoms import Hop, TracedDenom
from ibc.ics20_transfer.errors import InvalidDenom
from ibc.ics20_transfer.state import escrow_address
from ibc.ics24_host.paths import packet_commitment_v2
from ibc.ics26_routing.port import Admission
from ibc.testing.light_client import MISBEHAVIOUR_URL
from ibc.testing.path import Endpoint, Path
from ibc.v2.codec import (
    acknowledgement_v2_to_proto,
    decode_acknowledgement_v2,
    decode_packet_v2,
    packet_v2_to_proto,
)
from ibc.v2.errors import (
    CounterpartyNotFound,
    InvalidAcknowledgementV2,
    InvalidCounterparty,
    InvalidPacketV2,
    InvalidPayload,
    InvalidTimeoutV2,
    TimeoutElapsedV2,
    TimeoutNotReachedV2,
)
from ibc.v2.types import REFUSED, AcknowledgementV2, PacketV2, Payload
from tests.unit.ibc_worlds import SECOND, address, new_chain, transfer_message

ACCEPTED = AcknowledgementV2((encode_acknowledgement(ResultAcknowledgement(b"\x01")),))
ENCODINGS = ("application/json", "application/x-protobuf", "application/x-solidity-abi")
HOUR = 3_600


def register(end: Endpoint, other: Endpoint, signer: str = "relayer") -> None:
    chain = end.chain
    chain.execute(
        client_tx.MsgRegisterCounterparty(
            client_id=end.client_id,
            counterparty_merkle_prefix=[b"ibc", b""],
            counterparty_client_id=other.client_id,
            signer=address(chain, signer),
        )
    )


@dataclass
class World:
    """Two chains whose clients know each other; mutable, as the chains are."""

    path: Path

    def transfer(self, end: Endpoint, sender, receiver, denom, amount, **more) -> PacketV2:
        """Send by MsgTransfer over the client; return the packet."""
        end.channel_id = end.client_id
        encoding = more.pop("encoding", "")
        message = transfer_message(
            end, sender, address(self.path.other(end).chain, receiver), denom, amount,
            timeout_ns=more.pop("timeout_ns", HOUR * SECOND), **more,
        )  # fmt: skip
        message.encoding = encoding
        _, events = end.chain.execute(message)
        return sent(events)[0]

    def recv_message(self, end: Endpoint, packet: PacketV2) -> tx_pb2.MsgRecvPacket:
        proof, height = self.path.update(end)
        return tx_pb2.MsgRecvPacket(
            packet=packet_v2_to_proto(packet),
            proof_commitment=proof,
            proof_height=height_to_proto(height),
            signer=end.signer(),
        )

    def recv(self, end: Endpoint, packet: PacketV2) -> tuple[Outcome, list[AcknowledgementV2]]:
        data, events = end.chain.execute(self.recv_message(end, packet))
        answer = decode_known(tx_pb2.MsgRecvPacketResponse, data, max_bytes=100)
        return Outcome(answer.result), written(events)

    def ack_message(self, end, packet, answer) -> tx_pb2.MsgAcknowledgement:
        proof, height = self.path.update(end)
        return tx_pb2.MsgAcknowledgement(
            packet=packet_v2_to_proto(packet),
            acknowledgement=acknowledgement_v2_to_proto(answer),
            proof_acked=proof,
            proof_height=height_to_proto(height),
            signer=end.signer(),
        )

    def acknowledge(self, end: Endpoint, packet: PacketV2, answer: AcknowledgementV2) -> Outcome:
        data, _ = end.chain.execute(self.ack_message(end, packet, answer))
        return Outcome(decode_known(tx_pb2.MsgAcknowledgementResponse, data, max_bytes=100).result)

    def timeout_message(self, end: Endpoint, packet: PacketV2) -> tx_pb2.MsgTimeout:
        proof, height = self.path.update(end)
        return tx_pb2.MsgTimeout(
            packet=packet_v2_to_proto(packet),
            proof_unreceived=proof,
            proof_height=height_to_proto(height),
            signer=end.signer(),
        )

    def time_out(self, end: Endpoint, packet: PacketV2) -> Outcome:
        data, _ = end.chain.execute(self.timeout_message(end, packet))
        return Outcome(decode_known(tx_pb2.MsgTimeoutResponse, data, max_bytes=100).result)


def sent(events) -> list[PacketV2]:
    return [
        decode_packet_v2(bytes.fromhex(event.get("encoded_packet_hex")))
        for event in events
        if event.type == "send_packet"
    ]


def written(events) -> list[AcknowledgementV2]:
    return [
        decode_acknowledgement_v2(bytes.fromhex(event.get("encoded_acknowledgement_hex")))
        for event in events
        if event.type == "write_acknowledgement"
    ]


def make_world(middleware=()) -> World:
    a, b = new_chain("zone-a"), new_chain("hub-1", middleware)
    path = Path(Endpoint(a, "transfer", "ics20-1"), Endpoint(b, "transfer", "ics20-1"))
    path.create_clients()
    register(path.a, path.b)
    register(path.b, path.a)
    a.fund("alice", "uatom", 1_000)
    return World(path)


@pytest.fixture
def world():
    return make_world()


def voucher(end: Endpoint, base: str = "uatom") -> str:
    return str(TracedDenom(base, (Hop("transfer", end.client_id),)).local_denom())


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_token_goes_and_comes_home(world, encoding) -> None:
    """In each encoding: escrowed and minted, burned and released; both answered, once."""
    a, b = world.path.a, world.path.b
    packet = world.transfer(a, "alice", "bob", "uatom", 100, encoding=encoding)

    assert world.recv(b, packet) == (Outcome.SUCCESS, [ACCEPTED])
    assert world.recv(b, packet) == (Outcome.NOOP, [])
    assert world.acknowledge(a, packet, ACCEPTED) is Outcome.SUCCESS
    assert world.acknowledge(a, packet, ACCEPTED) is Outcome.NOOP
    assert b.chain.balance("bob", voucher(b)) == 100
    escrow = escrow_address("transfer", a.client_id)
    assert a.chain.ledger.balance(a.chain.context(), escrow, "uatom") == 100

    back = world.transfer(b, "bob", "carol", voucher(b), 60, encoding=encoding)
    assert world.recv(a, back) == (Outcome.SUCCESS, [ACCEPTED])
    assert a.chain.balance("carol", "uatom") == 60
    assert b.chain.supply(voucher(b)) == 40


def test_a_refusal_answers_for_all_payloads_and_refunds(world) -> None:
    """One payload that is refused undoes the others; the sender gets all back."""
    a, b = world.path.a, world.path.b
    good = world.transfer(a, "alice", "bob", "uatom", 1).payloads[0]
    bad = replace(good, value=good.value.replace(address(b.chain, "bob").encode(), b"nobody"))
    message = tx_pb2.MsgSendPacket(
        source_client=a.client_id,
        timeout_timestamp=a.chain.time // SECOND + HOUR,
        payloads=[packet_v2_to_proto(two_payloads(good, bad)).payloads[i] for i in (0, 1)],
        signer=address(a.chain, "alice"),
    )
    _, events = a.chain.execute(message)
    (packet,) = sent(events)

    assert a.chain.balance("alice", "uatom") == 997
    assert world.recv(b, packet) == (Outcome.SUCCESS, [REFUSED])
    assert b.chain.balance("bob", voucher(b)) == 0
    assert world.acknowledge(a, packet, REFUSED) is Outcome.SUCCESS
    assert a.chain.balance("alice", "uatom") == 999


def two_payloads(*payloads: Payload) -> PacketV2:
    return PacketV2(1, ClientId("07-test-0"), ClientId("07-test-1"), 1, payloads)


def test_two_payloads_are_received_together(world) -> None:
    """Each has its own answer."""
    a, b = world.path.a, world.path.b
    one = world.transfer(a, "alice", "bob", "uatom", 2).payloads[0]
    message = tx_pb2.MsgSendPacket(
        source_client=a.client_id,
        timeout_timestamp=a.chain.time // SECOND + HOUR,
        payloads=list(packet_v2_to_proto(two_payloads(one, one)).payloads),
        signer=address(a.chain, "alice"),
    )
    (packet,) = sent(a.chain.execute(message)[1])
    answers = AcknowledgementV2(ACCEPTED.app_acknowledgements * 2)

    assert world.recv(b, packet) == (Outcome.SUCCESS, [answers])
    assert world.acknowledge(a, packet, answers) is Outcome.SUCCESS
    assert b.chain.balance("bob", voucher(b)) == 4


def test_a_late_packet_is_refunded(world) -> None:
    """It is refused there, proven unreceived, and paid back once."""
    a, b = world.path.a, world.path.b
    packet = world.transfer(a, "alice", "bob", "uatom", 100, timeout_ns=10 * SECOND)
    with pytest.raises(TimeoutNotReachedV2):
        world.time_out(a, packet)
    b.chain.commit(20)

    with pytest.raises(TimeoutElapsedV2):
        world.recv(b, packet)
    assert world.time_out(a, packet) is Outcome.SUCCESS
    assert world.time_out(a, packet) is Outcome.NOOP
    assert a.chain.balance("alice", "uatom") == 1_000


def test_a_received_packet_does_not_time_out(world) -> None:
    """Its receipt stands against the proof of absence."""
    a, b = world.path.a, world.path.b
    packet = world.transfer(a, "alice", "bob", "uatom", 100, timeout_ns=10 * SECOND)
    world.recv(b, packet)
    b.chain.commit(20)

    with pytest.raises(RuleBroken):
        world.time_out(a, packet)
    assert a.chain.balance("alice", "uatom") == 900


def altered(packet: PacketV2) -> list[PacketV2]:
    payload = packet.payloads[0]
    return [
        replace(packet, sequence=packet.sequence + 1),
        replace(packet, timeout_timestamp=packet.timeout_timestamp + 1),
        replace(packet, payloads=(payload, payload)),
        replace(packet, payloads=(replace(payload, value=payload.value + b" "),)),
        replace(packet, payloads=(replace(payload, version="ics20-2"),)),
        replace(packet, payloads=(replace(payload, encoding=ENCODINGS[1]),)),
        replace(packet, payloads=(replace(payload, source_port="other"),)),
        replace(packet, payloads=(replace(payload, destination_port="other"),)),
    ]


def test_another_packet_has_no_proof(world) -> None:
    """Whatever field is altered, neither receive nor answer nor timeout takes it."""
    a, b = world.path.a, world.path.b
    packet = world.transfer(a, "alice", "bob", "uatom", 100, timeout_ns=30 * SECOND)
    for other in altered(packet):
        with pytest.raises(RuleBroken):
            world.recv(b, other)
    world.recv(b, packet)
    for other in altered(packet)[1:]:
        with pytest.raises(InvalidPacketV2):
            world.acknowledge(a, other, ACCEPTED)
    with pytest.raises(RuleBroken):
        world.acknowledge(a, packet, REFUSED)
    assert a.chain.balance("alice", "uatom") == 900


def test_bytes_cannot_move_between_fields(world) -> None:
    """The commitment hashes each field first, so no two packets share one."""
    a, b = world.path.a, world.path.b
    packet = world.transfer(a, "alice", "bob", "uatom", 100)
    payload = packet.payloads[0]
    moved = replace(payload, version="ics20-1a", encoding=payload.encoding[1:])
    with pytest.raises(RuleBroken):
        world.recv(b, replace(packet, payloads=(moved,)))


def test_only_who_made_a_client_registers_its_counterparty_once() -> None:
    """Another account, a second time, a client that is not there: refused."""
    a, b = new_chain("zone-a"), new_chain("hub-1")
    path = Path(Endpoint(a, "transfer", "ics20-1"), Endpoint(b, "transfer", "ics20-1"))
    path.create_clients()
    with pytest.raises(Unauthorized):
        register(path.a, path.b, "mallory")
    register(path.a, path.b)
    with pytest.raises(InvalidRequest):
        register(path.a, path.b)
    path.a.client_id = ClientId("07-test-99")
    with pytest.raises(RuleBroken, match="not found"):
        register(path.a, path.b)


def test_a_packet_of_another_client_is_not_received(world) -> None:
    """Only the registered counterparty's packets, though the same chain proves them."""
    a, b = world.path.a, world.path.b
    packet = world.transfer(a, "alice", "bob", "uatom", 100)
    with pytest.raises(InvalidCounterparty):
        world.recv(b, replace(packet, source_client=ClientId("07-other-7")))
    with pytest.raises(CounterpartyNotFound):
        world.recv(b, replace(packet, destination_client=ClientId("07-other-8")))


def test_sending_checks_the_timeout(world) -> None:
    """Past, over a day away, or by height: nothing is sent and nothing taken."""
    a = world.path.a
    for timeout_ns, refusal in (
        (-SECOND, TimeoutElapsedV2),
        (0, TimeoutElapsedV2),
        (25 * HOUR * SECOND, InvalidTimeoutV2),
    ):
        with pytest.raises(refusal):
            world.transfer(a, "alice", "bob", "uatom", 1, timeout_ns=timeout_ns)
    with pytest.raises(InvalidRequest):
        world.transfer(
            a, "alice", "bob", "uatom", 1, timeout_height=world.path.b.chain.own_height()
        )
    with pytest.raises(InvalidType):
        world.transfer(a, "alice", "bob", "uatom", 1, encoding="text/plain")
    assert a.chain.balance("alice", "uatom") == 1_000


def send_payload(world: World, payload: Payload, signer: str = "alice") -> PacketV2:
    a = world.path.a
    message = tx_pb2.MsgSendPacket(
        source_client=a.client_id,
        timeout_timestamp=a.chain.time // SECOND + HOUR,
        payloads=packet_v2_to_proto(two_payloads(payload)).payloads,
        signer=address(a.chain, signer),
    )
    return sent(a.chain.execute(message)[1])[0]


def test_nobody_sends_for_another(world) -> None:
    """MsgSendPacket with a payload of alice's, signed by mallory."""
    payload = world.transfer(world.path.a, "alice", "bob", "uatom", 1).payloads[0]
    with pytest.raises(Unauthorized):
        send_payload(world, payload, "mallory")
    for changed, refusal in (
        (replace(payload, source_port="datagram"), InvalidRoute),
        (replace(payload, destination_port="datagram"), InvalidPacketV2),
    ):
        with pytest.raises(refusal):
            send_payload(world, changed)


def test_a_base_with_a_slash_does_not_go(world) -> None:
    """Without channels nothing tells a hop from a slash in the base."""
    a = world.path.a
    a.chain.fund("alice", "factory/alice/gold", 5)
    with pytest.raises(InvalidDenom):
        world.transfer(a, "alice", "bob", "factory/alice/gold", 5)


def test_a_memo_that_asks_to_forward_is_refused(world) -> None:
    """The tokens come back; they are not given to the middle instead."""
    a, b = world.path.a, world.path.b
    memo = '{"forward":{"receiver":"x","port":"transfer","channel":"channel-0"}}'
    packet = world.transfer(a, "alice", "bob", "uatom", 100, memo=memo)

    assert world.recv(b, packet) == (Outcome.SUCCESS, [REFUSED])
    world.acknowledge(a, packet, REFUSED)
    assert a.chain.balance("alice", "uatom") == 1_000


def test_only_allowed_relayers_relay(world) -> None:
    """For a client that lists some: packets, answers and updates."""
    a, b = world.path.a, world.path.b
    allow = client_tx.MsgUpdateClientConfig(
        client_id=b.client_id,
        config=config_pb2.Config(allowed_relayers=[address(b.chain, "carol")]),
        signer=address(b.chain, "mallory"),
    )
    with pytest.raises(Unauthorized):
        b.chain.execute(allow)
    packet = world.transfer(a, "alice", "bob", "uatom", 100)
    message = world.recv_message(b, packet)
    allow.signer = b.signer()
    b.chain.execute(allow)

    with pytest.raises(Unauthorized):
        b.chain.execute(message)
    update = client_v1.MsgUpdateClient(
        client_id=b.client_id,
        client_message=any_to_proto(a.chain.headers[a.chain.commit().revision_height].message()),
        signer=b.signer(),
    )
    with pytest.raises(Unauthorized):
        b.chain.execute(update)
    message.signer = address(b.chain, "carol")
    assert written(b.chain.execute(message)[1]) == [ACCEPTED]


def test_a_list_of_relayers_silences_no_report_of_misbehaviour(world) -> None:
    """Whoever saw it may freeze the client, by MsgSubmitMisbehaviour."""
    a, b = world.path.a, world.path.b
    b.chain.execute(
        client_tx.MsgUpdateClientConfig(
            client_id=b.client_id,
            config=config_pb2.Config(allowed_relayers=[address(b.chain, "carol")]),
            signer=b.signer(),
        )
    )
    header = a.chain.headers[a.chain.commit().revision_height]
    b.chain.execute(
        client_v1.MsgSubmitMisbehaviour(
            client_id=b.client_id,
            misbehaviour=any_to_proto(header.message(MISBEHAVIOUR_URL)),
            signer=address(b.chain, "watcher"),
        )
    )
    clients = b.chain.core.channels.connections.clients

    assert clients.status(b.chain.context(), b.client_id) is Status.FROZEN


def test_answers_have_one_entry_for_each_payload(world) -> None:
    """Or the error alone; malformed ones are refused before any proof is looked at."""
    a, b = world.path.a, world.path.b
    packet = world.transfer(a, "alice", "bob", "uatom", 100)
    world.recv(b, packet)
    entry = ACCEPTED.app_acknowledgements[0]
    for entries in ((), (b"",), (entry, REFUSED.app_acknowledgements[0]), (entry, entry)):
        with pytest.raises(InvalidAcknowledgementV2):
            world.acknowledge(a, packet, AcknowledgementV2(entries))


def test_payloads_have_limits(world) -> None:
    """None, too many, too long, or with an empty field."""
    payload = world.transfer(world.path.a, "alice", "bob", "uatom", 1).payloads[0]
    for payloads in (
        (),
        (payload,) * 65,
        (replace(payload, value=bytes(262_145)),),
        (replace(payload, value=b""),),
        (replace(payload, version=" "),),
        (replace(payload, encoding=""),),
    ):
        with pytest.raises(InvalidPayload):
            world.path.a.chain.decode(
                tx_pb2.MsgSendPacket(
                    source_client=world.path.a.client_id,
                    timeout_timestamp=1,
                    payloads=packet_v2_to_proto(two_payloads(*payloads)).payloads,
                    signer=address(world.path.a.chain, "alice"),
                )
            )


class Rule:
    """Refuses 300, holds 301 once; hears what is sent and answered."""

    name = "numbers"

    def __init__(self) -> None:
        self.held = []
        self.sources = []
        self.heard = []

    def check_receive(self, ctx, source, packet, relayer):
        self.sources.append(source)
        if b'"amount":"300"' in packet.data:
            raise Unauthorized("not from there")
        if b'"amount":"301"' in packet.data and packet not in self.held:
            self.held.append(packet)
            return Admission.HOLD
        return Admission.DELIVER

    def hear_refusal(self, ctx, source, refusal):
        self.heard.append((source.client_id, refusal))

    def check_send(self, ctx, destination, port_id, data):
        if b'"amount":"7"' in data:
            raise Unauthorized("no sevens")

    def admit_acknowledgement(self, ctx, destination, packet, acknowledgement):
        return acknowledgement


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_rules_judge_payloads_in_every_encoding(encoding) -> None:
    """What v1's rules see is the same transfer, with the client of its chain."""
    rule = Rule()
    world = make_world((rule,))
    a, b = world.path.a, world.path.b
    packet = world.transfer(a, "alice", "bob", "uatom", 300, encoding=encoding)

    assert world.recv(b, packet) == (Outcome.SUCCESS, [REFUSED])
    assert rule.sources[0].client_id == b.client_id
    assert [client for client, _ in rule.heard] == [b.client_id]
    world.acknowledge(a, packet, REFUSED)
    assert a.chain.balance("alice", "uatom") == 1_000


def test_a_held_packet_is_answered_later() -> None:
    """Delivered or refused, once; it cannot be received a second time."""
    rule = Rule()
    world = make_world((rule,))
    a, b = world.path.a, world.path.b
    packets = [world.transfer(a, "alice", "bob", "uatom", 301) for _ in range(2)]
    for packet in packets:
        assert world.recv(b, packet) == (Outcome.SUCCESS, [])
        assert world.recv(b, packet) == (Outcome.NOOP, [])
    delivered, refused = rule.held
    ctx = b.chain.context()
    b.chain.core.deliver_held(ctx, delivered, Address(bytes(20)))
    b.chain.core.router_v2.refuse_held(ctx, refused, "numbers")

    assert written(ctx.events.all()) == [ACCEPTED, REFUSED]
    with pytest.raises(InvalidAcknowledgementV2):
        b.chain.core.deliver_held(ctx, delivered, Address(bytes(20)))
    world.acknowledge(a, packets[1], REFUSED)
    assert b.chain.balance("bob", voucher(b)) == 301
    assert a.chain.balance("alice", "uatom") == 699


def test_rules_judge_what_is_sent() -> None:
    """Before anything is taken."""
    world = make_world((Rule(),))
    b = world.path.b
    b.chain.fund("bob", "ubtc", 50)
    with pytest.raises(Unauthorized):
        world.transfer(b, "bob", "carol", "ubtc", 7)
    assert b.chain.balance("bob", "ubtc") == 50


def test_queries_tell_the_state(world) -> None:
    """What relayers ask: counterparty, sequences, commitments, receipts, answers."""
    a, b = world.path.a, world.path.b
    packet = world.transfer(a, "alice", "bob", "uatom", 100)
    service = "/ibc.core.channel.v2.Query/"
    info = a.chain.query(
        "/ibc.core.client.v2.Query/CounterpartyInfo",
        client_query.QueryCounterpartyInfoRequest(client_id=a.client_id),
        client_query.QueryCounterpartyInfoResponse,
    )
    pending = a.chain.query(
        service + "PacketCommitments",
        query_pb2.QueryPacketCommitmentsRequest(client_id=a.client_id),
        query_pb2.QueryPacketCommitmentsResponse,
    )
    missing = query_pb2.QueryUnreceivedPacketsRequest(client_id=b.client_id, sequences=[1, 2])
    before = b.chain.query(
        service + "UnreceivedPackets", missing, query_pb2.QueryUnreceivedPacketsResponse
    )
    world.recv(b, packet)
    after = b.chain.query(
        service + "UnreceivedPackets", missing, query_pb2.QueryUnreceivedPacketsResponse
    )
    answers = b.chain.query(
        service + "PacketAcknowledgements",
        query_pb2.QueryPacketAcknowledgementsRequest(client_id=b.client_id),
        query_pb2.QueryPacketAcknowledgementsResponse,
    )
    following = a.chain.query(
        service + "NextSequenceSend",
        query_pb2.QueryNextSequenceSendRequest(client_id=a.client_id),
        query_pb2.QueryNextSequenceSendResponse,
    )

    assert info.counterparty_info.client_id == b.client_id
    assert [state.sequence for state in pending.commitments] == [1]
    assert list(before.sequences) == [1, 2]
    assert list(after.sequences) == [2]
    assert [state.sequence for state in answers.acknowledgements] == [1]
    assert following.next_sequence_send == 2


def test_relaying_again_is_kept_out_of_the_mempool(world) -> None:
    """A transaction of packets that others have relayed is redundant."""
    a, b = world.path.a, world.path.b
    packet = world.transfer(a, "alice", "bob", "uatom", 100)
    message = world.recv_message(b, packet)
    decoded = b.chain.decode(message)
    b.chain.core.ante(b.chain.context(ExecutionMode.CHECK), (decoded,))
    with pytest.raises(RedundantTransaction):
        b.chain.core.ante(b.chain.context(ExecutionMode.CHECK), (decoded,))


def test_the_commitment_is_gone_before_the_application_hears(world) -> None:
    """A callback that answers the same packet again finds it done (ASA-2024-007)."""
    a, b = world.path.a, world.path.b
    packet = world.transfer(a, "alice", "bob", "uatom", 100)
    world.recv(b, packet)
    seen = []

    class Nosy:
        def __getattr__(self, name):
            return getattr(inner, name)

        def on_acknowledge_payload(self, ctx, entry, acknowledgement, relayer):
            key = packet_commitment_v2(a.client_id, packet.sequence)
            seen.append(ctx.store("ibc").get(key))

    applications = a.chain.core.router_v2.applications
    inner = applications["transfer"]
    applications["transfer"] = Nosy()
    world.acknowledge(a, packet, ACCEPTED)
    assert seen == [None]
