"""An ordered channel between two applications, with the real client and real proofs.

Datagrams go from the zone to the hub; their timeouts are judged on the zone, where a claim
of the next sequence that the hub expects needs the hub's proof of it.
"""

import asyncio
from dataclasses import dataclass

import pytest

from chainkit.wire.codec import encode, type_url
from chainkit.wire.proto.ibc.core.channel.v1.tx_pb2 import MsgChannelCloseInit
from chainkit.wire.proto.isthmus.datagram.v1.datagram_pb2 import MsgSendDatagram
from demos.forged.judge import NO_OP, Judge
from demos.forged.values import Attempt, Kind, Verdict
from ibc.datagram.module import PORT_ID, VERSION
from ibc.ics02_client.port import AnyValue
from ibc.ics04_channel.types import ChannelState, Order
from ibc.ics24_host import paths
from parachains.zone.client import ZoneClient
from relayer import codec
from relayer.views import ReceivePacket, Side, TimeOutPacket, WantedChannel
from tests.linked_zones import World, join
from tests.relaying import SECOND
from tests.zones import InProcessZone

ORDERED = WantedChannel(PORT_ID, PORT_ID, VERSION, Order.ORDERED)
CHANNEL = "channel-0"
REFUSED = Verdict.REFUSED


@dataclass(frozen=True)
class Chain:
    zone: InProcessZone
    client: ZoneClient

    def judge(self, message):
        """What comes of a message in the chain's next block: refused and how, or not."""
        judge = Judge(
            self.zone.app,
            chain_id=self.zone.chain_id,
            key=self.zone.relayer_key,
            denom=self.zone.denom,
            time=self.zone.headers[self.zone.height].header.time + SECOND,
        )
        outcome = judge.judge(Attempt(Kind.PACKET_ALTERED, "ordered", message))
        return outcome.refusal if outcome.verdict is REFUSED else "accepted"


class Path:
    """The two chains with an ordered channel; messages are proven under a chain's last header."""

    def __init__(self):
        self.world: World = asyncio.run(join(ORDERED))
        hub, zone = self.world.zones["hub-1"], self.world.zones["zone-a-1"]
        self.hub, self.zone = Chain(hub, hub.client()), Chain(zone, zone.client())

    def send(self, count, seconds):
        now = self.hub.zone.clock.now()
        messages = [
            MsgSendDatagram(
                sender=self.zone.client.signer,
                source_channel=CHANNEL,
                data=b"%d" % number,
                timeout_timestamp=now + seconds * SECOND,
            )
            for number in range(count)
        ]
        self.do(self.zone, *(AnyValue(type_url(each), encode(each)) for each in messages))
        sequences = asyncio.run(self.zone.client.commitments(PORT_ID, CHANNEL))
        sent = [
            asyncio.run(self.zone.client.sent_packet(PORT_ID, CHANNEL, sequence))
            for sequence in sequences[-count:]
        ]
        return [packet for packet in sent if packet is not None]

    def do(self, chain, *messages):
        outcome = asyncio.run(self.world.deliver(chain.client, *messages))
        assert outcome.code == 0, outcome.log

    def updated(self, host, source):
        """Bring the host's client to the source's newest header and return its height."""
        self.world.tick()
        (hosted,) = asyncio.run(host.client.clients())
        known = source.client.read_client(hosted.state).latest_height
        height = source.zone.height
        for header in asyncio.run(source.client.updates(known, height)):
            self.do(host, codec.update_client(hosted.client_id, header, host.client.signer))
        return height

    def receive(self, packet, at):
        path = paths.packet_commitment(PORT_ID, CHANNEL, packet.sequence)
        proof = asyncio.run(self.zone.client.prove(path, at))
        action = ReceivePacket(Side.B, packet)
        return codec.receive_packet(action, proof, self.hub.client.signer)

    def time_out(self, packet, claimed, at, *, on_close=False):
        """MsgTimeout with the claim that the hub expects ``claimed`` next."""
        prove = self.hub.client.prove
        proof = asyncio.run(prove(paths.next_sequence_recv(PORT_ID, CHANNEL), at))
        closed = asyncio.run(prove(paths.channel(PORT_ID, CHANNEL), at)) if on_close else None
        action = TimeOutPacket(Side.A, packet, Order.ORDERED, is_on_close=on_close)
        return codec.time_out_packet(action, proof, closed, claimed, self.zone.client.signer)

    def channel_state(self, chain):
        (channel,) = asyncio.run(chain.client.channels("connection-0"))
        return channel.end.state


@pytest.fixture
def path():
    return Path()


def test_packets_are_received_in_order_and_once(path):
    """The second before the first and the first again do nothing, by proof or not."""
    first, second, third = path.send(3, 3_600)
    at = path.updated(path.hub, path.zone)
    assert path.hub.judge(path.receive(second, at)) == "channel/21 PacketSequenceOutOfOrder"
    path.do(path.hub, path.receive(first, at))

    assert path.hub.judge(path.receive(first, at)) == NO_OP
    assert path.hub.judge(path.receive(third, at)) == "channel/21 PacketSequenceOutOfOrder"
    assert path.hub.judge(path.receive(second, at)) == "accepted"


def test_a_received_packet_does_not_time_out(path):
    """
    The hub has received the first of two late packets: that it had not cannot be proven with
    its next sequence, nor with a lie about it; the second ends the channel.
    """
    first, second = path.send(2, 30)
    path.do(path.hub, path.receive(first, path.updated(path.hub, path.zone)))
    asyncio.run(path.world.wait_for_time(path.hub.client, second.timeout_timestamp))
    at = path.updated(path.zone, path.hub)

    assert path.zone.judge(path.time_out(first, 2, at)) == "channel/19 PacketReceived"
    assert path.zone.judge(path.time_out(first, 1, at)) == "commitment/2 InvalidProof"
    assert path.zone.judge(path.time_out(second, 1, at)) == "commitment/2 InvalidProof"
    assert path.zone.judge(path.time_out(second, 3, at)) == "channel/19 PacketReceived"
    path.do(path.zone, path.time_out(second, 2, at))
    assert path.channel_state(path.zone) is ChannelState.CLOSED
    assert path.zone.judge(path.time_out(second, 2, at)) == NO_OP


def test_a_close_ends_what_was_not_received_and_nothing_else(path):
    """
    A packet long before its timeout ends by the close of the other end, once that is proven;
    one that was received does not, and no packet is received after it.
    """
    first, second = path.send(2, 3_600)
    before = path.updated(path.hub, path.zone)
    path.do(path.hub, path.receive(first, before))
    at = path.updated(path.zone, path.hub)
    assert path.zone.judge(path.time_out(second, 2, at)) == "channel/39 TimeoutNotReached"
    early = path.time_out(second, 2, at, on_close=True)
    assert path.zone.judge(early) == "commitment/2 InvalidProof"
    close = MsgChannelCloseInit(port_id=PORT_ID, channel_id=CHANNEL, signer=path.hub.client.signer)
    path.do(path.hub, AnyValue(type_url(close), encode(close)))
    at = path.updated(path.zone, path.hub)

    received = path.time_out(first, 2, at, on_close=True)
    assert path.zone.judge(received) == "channel/19 PacketReceived"
    lie = path.time_out(first, 1, at, on_close=True)
    assert path.zone.judge(lie) == "commitment/2 InvalidProof"
    assert path.hub.judge(path.receive(second, before)) == "channel/5 InvalidChannelState"
    path.do(path.zone, path.time_out(second, 2, at, on_close=True))
    assert path.channel_state(path.zone) is ChannelState.CLOSED
