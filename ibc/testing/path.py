"""Two chains joined: clients, a connection and a channel, and the relaying of packets."""

from collections.abc import Iterable
from dataclasses import dataclass

from chainkit.primitives.heights import Height, parse_height
from chainkit.primitives.types import ChannelId, ClientId, PortId, Sequence, TimestampNs
from chainkit.runtime.events import Event
from chainkit.wire.codec import decode_known
from chainkit.wire.proto.ibc.core.channel.v1 import channel_pb2
from chainkit.wire.proto.ibc.core.channel.v1 import tx_pb2 as channel_tx
from chainkit.wire.proto.ibc.core.client.v1 import tx_pb2 as client_tx
from chainkit.wire.proto.ibc.core.commitment.v1 import commitment_pb2
from chainkit.wire.proto.ibc.core.connection.v1 import connection_pb2
from chainkit.wire.proto.ibc.core.connection.v1 import tx_pb2 as connection_tx
from ibc.ics02_client.codec import any_to_proto, height_to_proto
from ibc.ics03_connection.versions import DEFAULT_VERSION
from ibc.ics04_channel.codec import packet_to_proto
from ibc.ics04_channel.messages import Outcome
from ibc.ics04_channel.types import Order, Packet
from ibc.testing.chain import TestChain

_MAX_BYTES = 65_536


@dataclass
class Endpoint:
    """One side of a path; mutable because the handshakes fill it in."""

    chain: TestChain
    port_id: PortId
    version: str
    client_id: ClientId = ClientId("")
    connection_id: str = ""
    channel_id: ChannelId = ChannelId("")

    def signer(self) -> str:
        """Return the relayer's address here."""
        return self.chain.text(self.chain.account("relayer"))


class Path:
    """Two ends and the honest relayer between them."""

    def __init__(self, a: Endpoint, b: Endpoint, order: Order = Order.UNORDERED) -> None:
        self.a = a
        self.b = b
        self.order = order

    def open(self) -> "Path":
        """Make clients, connection and channel."""
        self.create_clients()
        self.open_connection()
        self.open_channel()
        return self

    def other(self, end: Endpoint) -> Endpoint:
        """Return the opposite end."""
        return self.b if end is self.a else self.a

    def create_clients(self) -> None:
        """Make a client of each chain on the other."""
        for end in (self.a, self.b):
            other = self.other(end).chain
            header = other.headers[other.commit().revision_height]
            message = client_tx.MsgCreateClient(
                client_state=any_to_proto(header.client_state()),
                consensus_state=any_to_proto(header.consensus_state()),
                signer=end.signer(),
            )
            events = end.chain.execute(message)[1]
            end.client_id = ClientId(_value(events, "create_client", "client_id"))

    def update(self, end: Endpoint) -> tuple[bytes, Height]:
        """Commit the other chain's block, tell the client at ``end``; return proof and height."""
        other = self.other(end).chain
        height = other.commit()
        message = client_tx.MsgUpdateClient(
            client_id=end.client_id,
            client_message=any_to_proto(other.headers[height.revision_height].message()),
            signer=end.signer(),
        )
        end.chain.execute(message)
        return other.proofs[height.revision_height], height

    def open_connection(self) -> None:
        """Do the four steps of ICS-03."""
        a, b = self.a, self.b
        prefix = commitment_pb2.MerklePrefix(key_prefix=b"ibc")
        version = connection_pb2.Version(
            identifier=DEFAULT_VERSION.identifier, features=DEFAULT_VERSION.features
        )
        events = a.chain.execute(
            connection_tx.MsgConnectionOpenInit(
                client_id=a.client_id,
                counterparty=connection_pb2.Counterparty(client_id=b.client_id, prefix=prefix),
                signer=a.signer(),
            )
        )[1]
        a.connection_id = _value(events, "connection_open_init", "connection_id")
        proof, height = self.update(b)
        events = b.chain.execute(
            connection_tx.MsgConnectionOpenTry(
                client_id=b.client_id,
                counterparty=connection_pb2.Counterparty(
                    client_id=a.client_id, connection_id=a.connection_id, prefix=prefix
                ),
                counterparty_versions=[version],
                proof_init=proof,
                proof_height=height_to_proto(height),
                signer=b.signer(),
            )
        )[1]
        b.connection_id = _value(events, "connection_open_try", "connection_id")
        proof, height = self.update(a)
        a.chain.execute(
            connection_tx.MsgConnectionOpenAck(
                connection_id=a.connection_id,
                counterparty_connection_id=b.connection_id,
                version=version,
                proof_try=proof,
                proof_height=height_to_proto(height),
                signer=a.signer(),
            )
        )
        proof, height = self.update(b)
        b.chain.execute(
            connection_tx.MsgConnectionOpenConfirm(
                connection_id=b.connection_id,
                proof_ack=proof,
                proof_height=height_to_proto(height),
                signer=b.signer(),
            )
        )

    def open_channel(self) -> None:
        """Do the four steps of ICS-04."""
        a, b = self.a, self.b
        order = channel_pb2.Order.ValueType(self.order.value)
        events = a.chain.execute(
            channel_tx.MsgChannelOpenInit(
                port_id=a.port_id,
                channel=channel_pb2.Channel(
                    state=channel_pb2.STATE_INIT,
                    ordering=order,
                    counterparty=channel_pb2.Counterparty(port_id=b.port_id),
                    connection_hops=[a.connection_id],
                    version=a.version,
                ),
                signer=a.signer(),
            )
        )[1]
        a.channel_id = ChannelId(_value(events, "channel_open_init", "channel_id"))
        self.finish_channel()

    def finish_channel(self) -> None:
        """Do the three steps of ICS-04 after the first, which the chain of ``a`` has done."""
        a, b = self.a, self.b
        end = a.chain.core.channels.require(a.chain.context(), a.port_id, a.channel_id)
        order = channel_pb2.Order.ValueType(end.ordering.value)
        version = end.version
        proof, height = self.update(b)
        events = b.chain.execute(
            channel_tx.MsgChannelOpenTry(
                port_id=b.port_id,
                channel=channel_pb2.Channel(
                    state=channel_pb2.STATE_TRYOPEN,
                    ordering=order,
                    counterparty=channel_pb2.Counterparty(
                        port_id=a.port_id, channel_id=a.channel_id
                    ),
                    connection_hops=[b.connection_id],
                ),
                counterparty_version=version,
                proof_init=proof,
                proof_height=height_to_proto(height),
                signer=b.signer(),
            )
        )[1]
        b.channel_id = ChannelId(_value(events, "channel_open_try", "channel_id"))
        proof, height = self.update(a)
        a.chain.execute(
            channel_tx.MsgChannelOpenAck(
                port_id=a.port_id,
                channel_id=a.channel_id,
                counterparty_channel_id=b.channel_id,
                counterparty_version=b.chain.core.channels.require(
                    b.chain.context(), b.port_id, b.channel_id
                ).version,
                proof_try=proof,
                proof_height=height_to_proto(height),
                signer=a.signer(),
            )
        )
        proof, height = self.update(b)
        b.chain.execute(
            channel_tx.MsgChannelOpenConfirm(
                port_id=b.port_id,
                channel_id=b.channel_id,
                proof_ack=proof,
                proof_height=height_to_proto(height),
                signer=b.signer(),
            )
        )

    def end_of(self, chain: TestChain, channel_id: ChannelId) -> Endpoint | None:
        """Return the end that has this channel on this chain, if it is of this path."""
        return next(
            (e for e in (self.a, self.b) if e.chain is chain and e.channel_id == channel_id), None
        )

    def recv_message(self, end: Endpoint, packet: Packet) -> channel_tx.MsgRecvPacket:
        """Return the message that delivers a packet at ``end``, with a fresh proof."""
        proof, height = self.update(end)
        return channel_tx.MsgRecvPacket(
            packet=packet_to_proto(packet),
            proof_commitment=proof,
            proof_height=height_to_proto(height),
            signer=end.signer(),
        )

    def recv(self, end: Endpoint, packet: Packet) -> tuple[Outcome, tuple[Event, ...]]:
        """Deliver a packet at ``end``."""
        response, events = end.chain.execute(self.recv_message(end, packet))
        decoded = decode_known(channel_tx.MsgRecvPacketResponse, response, max_bytes=_MAX_BYTES)
        return Outcome(decoded.result), events

    def ack_message(
        self, end: Endpoint, packet: Packet, acknowledgement: bytes
    ) -> channel_tx.MsgAcknowledgement:
        """Return the message that answers a packet of ``end``, with a fresh proof."""
        proof, height = self.update(end)
        return channel_tx.MsgAcknowledgement(
            packet=packet_to_proto(packet),
            acknowledgement=acknowledgement,
            proof_acked=proof,
            proof_height=height_to_proto(height),
            signer=end.signer(),
        )

    def acknowledge(
        self, end: Endpoint, packet: Packet, acknowledgement: bytes
    ) -> tuple[Outcome, tuple[Event, ...]]:
        """Answer a packet of ``end``."""
        response, events = end.chain.execute(self.ack_message(end, packet, acknowledgement))
        decoded = decode_known(
            channel_tx.MsgAcknowledgementResponse, response, max_bytes=_MAX_BYTES
        )
        return Outcome(decoded.result), events

    def timeout_message(
        self, end: Endpoint, packet: Packet, next_sequence_recv: int = 1
    ) -> channel_tx.MsgTimeout:
        """Return the message that times a packet of ``end`` out, with a fresh proof."""
        proof, height = self.update(end)
        return channel_tx.MsgTimeout(
            packet=packet_to_proto(packet),
            proof_unreceived=proof,
            proof_height=height_to_proto(height),
            next_sequence_recv=next_sequence_recv,
            signer=end.signer(),
        )

    def time_out(
        self, end: Endpoint, packet: Packet, next_sequence_recv: int = 1
    ) -> tuple[Outcome, tuple[Event, ...]]:
        """Time a packet of ``end`` out."""
        message = self.timeout_message(end, packet, next_sequence_recv)
        response, events = end.chain.execute(message)
        decoded = decode_known(channel_tx.MsgTimeoutResponse, response, max_bytes=_MAX_BYTES)
        return Outcome(decoded.result), events


def sent_packets(events: Iterable[Event]) -> list[Packet]:
    """Return the packets that events say were sent."""
    return [_packet(event) for event in events if event.type == "send_packet"]


def written_acknowledgements(events: Iterable[Event]) -> list[tuple[Packet, bytes]]:
    """Return the packets and the answers that events say were written."""
    return [
        (_packet(event), bytes.fromhex(_attribute(event, "packet_ack_hex")))
        for event in events
        if event.type == "write_acknowledgement"
    ]


def _packet(event: Event) -> Packet:
    return Packet(
        Sequence(int(_attribute(event, "packet_sequence"))),
        PortId(_attribute(event, "packet_src_port")),
        ChannelId(_attribute(event, "packet_src_channel")),
        PortId(_attribute(event, "packet_dst_port")),
        ChannelId(_attribute(event, "packet_dst_channel")),
        bytes.fromhex(_attribute(event, "packet_data_hex")),
        parse_height(_attribute(event, "packet_timeout_height")),
        TimestampNs(int(_attribute(event, "packet_timeout_timestamp"))),
    )


def _attribute(event: Event, key: str) -> str:
    value = event.get(key)
    assert value is not None, f"{event.type} has no {key}"
    return value


def _value(events: Iterable[Event], kind: str, key: str) -> str:
    return next(_attribute(event, key) for event in events if event.type == kind)
