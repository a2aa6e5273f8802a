"""Two small chains for the relayer: IBC's rules without proofs, one block a transaction or tick.

A chain keeps its history by height, so that a proof of height h shows the state of h, and a
message is judged as ibc-go judges it: right state, right proof height, once only.
"""

import json
from copy import deepcopy
from dataclasses import dataclass, field

from chainkit.primitives.heights import ZERO_HEIGHT, Height
from chainkit.primitives.types import TimestampNs
from chainkit.wire.proto.ibc.core.channel.v1 import tx_pb2 as channel_tx
from chainkit.wire.proto.ibc.core.client.v1 import tx_pb2 as client_tx
from chainkit.wire.proto.ibc.core.connection.v1 import tx_pb2 as connection_tx
from ibc.ics02_client.port import AnyValue
from ibc.ics03_connection.codec import encode_connection
from ibc.ics03_connection.types import ConnectionCounterparty, ConnectionEnd, ConnectionState
from ibc.ics03_connection.versions import DEFAULT_VERSION
from ibc.ics04_channel.codec import encode_channel, packet_from_proto
from ibc.ics04_channel.types import (
    ChannelCounterparty,
    ChannelEnd,
    ChannelState,
    IdentifiedChannel,
    Order,
    Packet,
)
from ibc.ics24_host import paths
from parachains.sdk.relaying import (
    AccountSequenceWrong,
    ChainStatus,
    ClientInfo,
    ConnectionInfo,
    HostedClient,
    NewClient,
    ProvenValue,
    SignedTx,
    TxOutcome,
)

SECOND = 10**9
TYPES = {
    f"/{message.DESCRIPTOR.full_name}": message
    for module in (client_tx, connection_tx, channel_tx)
    for message in vars(module).values()
    if hasattr(message, "DESCRIPTOR") and hasattr(message, "FromString")
}


class Refused(Exception):
    pass


@dataclass
class State:
    clients: dict = field(default_factory=dict)
    connections: dict = field(default_factory=dict)
    channels: dict = field(default_factory=dict)
    store: dict = field(default_factory=dict)
    sent: dict = field(default_factory=dict)
    received: list = field(default_factory=list)
    acknowledged: list = field(default_factory=list)
    timed_out: list = field(default_factory=list)
    acks: dict = field(default_factory=dict)
    sequence: int = 0


class FakeChain:
    """Fits ChainClient. ``refuse`` makes one kind of message fail; ``lost`` drops broadcasts."""

    def __init__(self, name, clock):
        self.chain_id = name
        self.clock = clock
        self.signer = f"{name}-relayer"
        self.commitment_prefix = b"ibc"
        self.state = State()
        self.history = {0: State()}
        self.times = {0: 0}
        self.height = 0
        self.outcomes = {}
        self.refuse = lambda name, message: False
        self.refusals = []
        self.other = None
        self.trusting_period = 3600 * SECOND
        self.parted_at, self.branch = 10**9, "'"  # blocks above the height are of another branch
        self.has_evidence, self.asked_for_evidence = True, []
        self.freezes = True
        self.transactions = []
        self.down = None
        self.tick()
        self.tick()

    def tick(self):
        self.height += 1
        self.history[self.height] = deepcopy(self.state)
        self.times[self.height] = self.clock.now()

    # --- what users do ---

    def send(
        self, channel_id, timeout_height=ZERO_HEIGHT, timeout=10**18, port="transfer", data=b"x"
    ):
        end = self.state.channels[port, channel_id]
        assert end.state is ChannelState.OPEN
        sequence = 1 + max(
            (s for p, c, s in self.state.sent if (p, c) == (port, channel_id)), default=0
        )
        packet = Packet(
            sequence, port, channel_id, end.counterparty.port_id, end.counterparty.channel_id,
            data, timeout_height, TimestampNs(timeout),
        )  # fmt: skip
        self.state.sent[port, channel_id, sequence] = packet
        self.state.store[paths.packet_commitment(port, channel_id, sequence)] = b"commitment"
        self.tick()
        return packet

    def set_channel(self, port, channel_id, end):
        self.state.channels[port, channel_id] = end
        self.state.store[paths.channel(port, channel_id)] = encode_channel(end)

    def set_connection(self, connection_id, end):
        self.state.connections[connection_id] = end
        self.state.store[paths.connection(connection_id)] = encode_connection(end)

    # --- tracked ---

    async def status(self):
        if self.down:
            raise self.down
        return ChainStatus(self.height, self.times[self.height])

    async def time_at(self, height):
        return self.times[height.revision_height]

    async def new_client(self, trusting_period_ns):
        state = {
            "chain": self.chain_id,
            "height": self.height,
            "trusting": trusting_period_ns or self.trusting_period,
        }
        return NewClient(
            AnyValue("/fake", json.dumps(state).encode()),
            await self.consensus_state(Height(0, self.height)),
        )

    def read_client(self, state):
        values = json.loads(state.value)
        if values["chain"] != self.chain_id:
            return None
        return ClientInfo(
            self.chain_id,
            Height(0, values["height"]),
            values["trusting"],
            values.get("frozen", False),
        )

    async def consensus_state(self, height):
        branch = "" if height.revision_height <= self.parted_at else self.branch
        return AnyValue("/fake.state", f"{self.chain_id}/{height.revision_height}{branch}".encode())

    async def fork_evidence(self, state, agreed):
        self.asked_for_evidence.append(agreed.revision_height)
        return (AnyValue("/fake.header", b"fork"),) if self.has_evidence else ()

    async def updates(self, trusted, target):
        assert target > trusted.revision_height
        return (AnyValue("/fake.header", str(target).encode()),)

    async def prove(self, path, target):
        return ProvenValue(
            self.history[target - 1].store.get(path, b""), b"proof", Height(0, target)
        )

    # --- host ---

    async def clients(self):
        return tuple(
            HostedClient(name, AnyValue("/fake", json.dumps(state).encode()))
            for name, (state, _) in self.state.clients.items()
        )

    async def hosted_consensus_state(self, client_id, height):
        return self.state.clients[client_id][1].get(height.revision_height)

    async def consensus_heights(self, client_id):
        return tuple(Height(0, height) for height in self.state.clients[client_id][1])

    async def connections(self):
        return tuple(ConnectionInfo(name, end) for name, end in self.state.connections.items())

    async def channels(self, connection_id):
        return tuple(
            IdentifiedChannel(port, channel, end)
            for (port, channel), end in self.state.channels.items()
            if end.connection_hops == (connection_id,)
        )

    async def commitments(self, port, channel):
        return tuple(
            s
            for p, c, s in sorted(self.state.sent)
            if (p, c) == (port, channel) and paths.packet_commitment(p, c, s) in self.state.store
        )

    async def unreceived(self, port, channel, sequences):
        end = self.state.channels[port, channel]
        if end.ordering is Order.ORDERED:
            following = int.from_bytes(
                self.state.store.get(paths.next_sequence_recv(port, channel), b"\x01"), "big"
            )
            return frozenset(s for s in sequences if s >= following)
        return frozenset(
            s for s in sequences if paths.packet_receipt(port, channel, s) not in self.state.store
        )

    async def sent_packet(self, port, channel, sequence):
        return self.state.sent.get((port, channel, sequence))

    async def acknowledgement(self, port, channel, sequence):
        return self.state.acks.get((port, channel, sequence))

    async def sign(self, messages):
        body = {
            "sequence": self.state.sequence,
            "messages": [[m.type_url, m.value.hex()] for m in messages],
        }
        data = json.dumps(body).encode()
        return SignedTx(
            f"{self.chain_id}-{hash(data)}-{self.state.sequence}", data, self.state.sequence
        )

    async def broadcast(self, tx):
        body = json.loads(tx.data)
        if body["sequence"] != self.state.sequence:
            raise AccountSequenceWrong(
                code=32,
                codespace="sdk",
                log=f"account sequence mismatch, expected {self.state.sequence}, got {body['sequence']}",
            )
        before = deepcopy(self.state)
        code, log = 0, ""
        try:
            for url, value in body["messages"]:
                message = TYPES[url].FromString(bytes.fromhex(value))
                self.require(not self.refuse(url.rpartition(".")[2], message), url)
                self.execute(url.rpartition(".")[2], message)
        except Refused as error:
            code, log = 1, str(error)
            self.refusals.append(log)
            self.state = before
        self.state.sequence = before.sequence + 1
        self.tick()
        self.transactions.append([url for url, _ in body["messages"]])
        self.outcomes[tx.tx_hash] = TxOutcome(tx.tx_hash, self.height, code, "fake", log)

    async def outcome(self, tx_hash):
        return self.outcomes.get(tx_hash)

    # --- the rules ---

    def require(self, condition, reason):
        if not condition:
            raise Refused(reason)

    def proven(self, client_id, proof_height, path):
        target = proof_height.revision_height
        self.require(target in self.state.clients[client_id][1], f"no consensus state at {target}")
        return self.other.history[target - 1].store.get(path, b"")

    def client_of(self, channel_end):
        return self.state.connections[channel_end.connection_hops[0]].client_id

    def execute(self, name, m):
        getattr(self, f"do_{name}")(m)

    def do_MsgCreateClient(self, m):
        state = json.loads(m.client_state.value)
        kept = AnyValue(m.consensus_state.type_url, m.consensus_state.value)
        self.state.clients[f"07-fake-{len(self.state.clients)}"] = (state, {state["height"]: kept})

    def do_MsgUpdateClient(self, m):
        state, kept = self.state.clients[m.client_id]
        self.require(not state.get("frozen"), "client is frozen")
        if m.client_message.value == b"fork":
            state["frozen"] = self.freezes
            return
        height = int(m.client_message.value)
        age = self.clock.now() - self.other.times[state["height"]]
        self.require(age < state["trusting"], "client is expired")
        kept[height] = AnyValue("/fake.state", f"{self.other.chain_id}/{height}".encode())
        state["height"] = max(state["height"], height)

    def _new_connection(self, m, state, counterparty_connection):
        name = f"connection-{len(self.state.connections)}"
        counterparty = ConnectionCounterparty(
            m.counterparty.client_id, counterparty_connection, b"ibc"
        )
        self.set_connection(
            name, ConnectionEnd(m.client_id, (DEFAULT_VERSION,), state, counterparty, 0)
        )

    def do_MsgConnectionOpenInit(self, m):
        self._new_connection(m, ConnectionState.INIT, "")

    def do_MsgConnectionOpenTry(self, m):
        other = m.counterparty.connection_id
        expected = ConnectionEnd(
            m.counterparty.client_id,
            (DEFAULT_VERSION,),
            ConnectionState.INIT,
            ConnectionCounterparty(m.client_id, "", b"ibc"),
            0,
        )
        self.require(
            self.proven(m.client_id, m.proof_height, paths.connection(other))
            == encode_connection(expected),
            "no such init",
        )
        self._new_connection(m, ConnectionState.TRYOPEN, other)

    def _open_connection(self, m, own_state, other_id, other_state):
        end = self.state.connections[m.connection_id]
        self.require(end.state is own_state, f"connection is {end.state}")
        expected = ConnectionEnd(
            end.counterparty.client_id,
            (DEFAULT_VERSION,),
            other_state,
            ConnectionCounterparty(end.client_id, m.connection_id, b"ibc"),
            0,
        )
        self.require(
            self.proven(end.client_id, m.proof_height, paths.connection(other_id))
            == encode_connection(expected),
            "no such end",
        )
        counterparty = ConnectionCounterparty(end.counterparty.client_id, other_id, b"ibc")
        self.set_connection(
            m.connection_id,
            ConnectionEnd(end.client_id, end.versions, ConnectionState.OPEN, counterparty, 0),
        )

    def do_MsgConnectionOpenAck(self, m):
        self._open_connection(
            m, ConnectionState.INIT, m.counterparty_connection_id, ConnectionState.TRYOPEN
        )

    def do_MsgConnectionOpenConfirm(self, m):
        other = self.state.connections[m.connection_id].counterparty.connection_id
        self._open_connection(m, ConnectionState.TRYOPEN, other, ConnectionState.OPEN)

    def _new_channel(self, m, state):
        name = f"channel-{len(self.state.channels)}"
        channel = m.channel
        counterparty = ChannelCounterparty(
            channel.counterparty.port_id, channel.counterparty.channel_id
        )
        end = ChannelEnd(
            state,
            Order(channel.ordering),
            counterparty,
            tuple(channel.connection_hops),
            channel.version,
        )
        self.require(
            self.state.connections[end.connection_hops[0]].state is ConnectionState.OPEN,
            "connection not open",
        )
        self.set_channel(m.port_id, name, end)
        self.state.store[paths.next_sequence_recv(m.port_id, name)] = (1).to_bytes(8, "big")
        return end, name

    def _other_end(self, port, channel, end, proof_height, state, counterparty_channel):
        connection = self.state.connections[end.connection_hops[0]]
        expected = ChannelEnd(
            state,
            end.ordering,
            ChannelCounterparty(port, counterparty_channel),
            (connection.counterparty.connection_id,),
            end.version,
        )
        value = self.proven(
            connection.client_id, proof_height, paths.channel(end.counterparty.port_id, channel)
        )
        self.require(value == encode_channel(expected), f"other channel is not {state}")

    def do_MsgChannelOpenInit(self, m):
        self._new_channel(m, ChannelState.INIT)

    def do_MsgChannelOpenTry(self, m):
        end, _ = self._new_channel(m, ChannelState.TRYOPEN)
        self._other_end(
            m.port_id, end.counterparty.channel_id, end, m.proof_height, ChannelState.INIT, ""
        )

    def _move_channel(self, m, own_state, new_state, other_id, other_state, counterparty_channel):
        end = self.state.channels[m.port_id, m.channel_id]
        self.require(end.state is own_state, f"channel is {end.state}")
        self._other_end(m.port_id, other_id, end, m.proof_height, other_state, counterparty_channel)
        counterparty = ChannelCounterparty(end.counterparty.port_id, other_id)
        self.set_channel(
            m.port_id,
            m.channel_id,
            ChannelEnd(new_state, end.ordering, counterparty, end.connection_hops, end.version),
        )

    def do_MsgChannelOpenAck(self, m):
        self._move_channel(
            m,
            ChannelState.INIT,
            ChannelState.OPEN,
            m.counterparty_channel_id,
            ChannelState.TRYOPEN,
            m.channel_id,
        )

    def do_MsgChannelOpenConfirm(self, m):
        other = self.state.channels[m.port_id, m.channel_id].counterparty.channel_id
        self._move_channel(
            m, ChannelState.TRYOPEN, ChannelState.OPEN, other, ChannelState.OPEN, m.channel_id
        )

    def do_MsgChannelCloseConfirm(self, m):
        other = self.state.channels[m.port_id, m.channel_id].counterparty.channel_id
        self._move_channel(
            m, ChannelState.OPEN, ChannelState.CLOSED, other, ChannelState.CLOSED, m.channel_id
        )

    def do_MsgRecvPacket(self, m):
        packet = packet_from_proto(m.packet)
        port, channel, sequence = (
            packet.destination_port,
            packet.destination_channel,
            packet.sequence,
        )
        end = self.state.channels[port, channel]
        self.require(end.state is ChannelState.OPEN, "channel is not open")
        self.require(
            packet.timeout_height.is_zero()
            or self.height + 1 < packet.timeout_height.revision_height,
            "timed out",
        )
        self.require(
            not packet.timeout_timestamp or self.clock.now() < packet.timeout_timestamp, "timed out"
        )
        commitment = paths.packet_commitment(packet.source_port, packet.source_channel, sequence)
        self.require(self.proven(self.client_of(end), m.proof_height, commitment), "no commitment")
        if end.ordering is Order.ORDERED:
            following = paths.next_sequence_recv(port, channel)
            expected = int.from_bytes(self.state.store.get(following, b"\x01"), "big")
            if sequence < expected:
                return
            self.require(sequence == expected, "out of order")
            self.state.store[following] = (sequence + 1).to_bytes(8, "big")
        elif paths.packet_receipt(port, channel, sequence) in self.state.store:
            return
        else:
            self.state.store[paths.packet_receipt(port, channel, sequence)] = b"\x01"
        self.state.received.append(packet)
        self.state.acks[port, channel, sequence] = b"ack"
        self.state.store[paths.packet_acknowledgement(port, channel, sequence)] = b"hash"

    def _finish(self, packet, log):
        commitment = paths.packet_commitment(
            packet.source_port, packet.source_channel, packet.sequence
        )
        if commitment not in self.state.store:
            return False
        del self.state.store[commitment]
        log.append(packet)
        return True

    def do_MsgAcknowledgement(self, m):
        packet = packet_from_proto(m.packet)
        end = self.state.channels[packet.source_port, packet.source_channel]
        path = paths.packet_acknowledgement(
            packet.destination_port, packet.destination_channel, packet.sequence
        )
        self.require(
            self.proven(self.client_of(end), m.proof_height, path) and m.acknowledgement == b"ack",
            "no acknowledgement",
        )
        self._finish(packet, self.state.acknowledged)

    def _absent(self, packet, end, m):
        client = self.client_of(end)
        port, channel = packet.destination_port, packet.destination_channel
        if end.ordering is Order.ORDERED:
            value = (
                self.proven(client, m.proof_height, paths.next_sequence_recv(port, channel))
                or b"\x01"
            )
            self.require(int.from_bytes(value, "big") <= packet.sequence, "was received")
        else:
            self.require(
                not self.proven(
                    client, m.proof_height, paths.packet_receipt(port, channel, packet.sequence)
                ),
                "was received",
            )

    def do_MsgTimeout(self, m):
        packet = packet_from_proto(m.packet)
        end = self.state.channels[packet.source_port, packet.source_channel]
        height = m.proof_height.revision_height
        by_height = (
            not packet.timeout_height.is_zero() and height >= packet.timeout_height.revision_height
        )
        self.require(
            by_height or 0 < packet.timeout_timestamp <= self.other.times[height], "not timed out"
        )
        self._absent(packet, end, m)
        if self._finish(packet, self.state.timed_out) and end.ordering is Order.ORDERED:
            self.set_channel(
                packet.source_port,
                packet.source_channel,
                ChannelEnd(
                    ChannelState.CLOSED,
                    end.ordering,
                    end.counterparty,
                    end.connection_hops,
                    end.version,
                ),
            )

    def do_MsgTimeoutOnClose(self, m):
        packet = packet_from_proto(m.packet)
        end = self.state.channels[packet.source_port, packet.source_channel]
        self._other_end(
            packet.source_port,
            packet.destination_channel,
            end,
            m.proof_height,
            ChannelState.CLOSED,
            packet.source_channel,
        )
        self._absent(packet, end, m)
        self._finish(packet, self.state.timed_out)


class FakeClock:
    def __init__(self, now=1_000 * SECOND):
        self._now = now

    def now(self):
        return self._now

    def advance(self, seconds):
        self._now += int(seconds * SECOND)

    async def wait(self, duration_ns):
        self._now += duration_ns


class FakeBus:
    def __init__(self):
        self.published = []

    async def publish(self, topic, payload):
        self.published.append((topic, payload))

    async def wait(self, timeout_ns):
        return


class MemoryJournal:
    def __init__(self):
        self.rows = {}
        self.notes = []

    def submitted(self, submission):
        self.rows.setdefault(submission.tx_hash, [submission, None])

    def settled(self, tx_hash, *, code, log):
        self.rows[tx_hash][1] = code

    def unsettled(self, chain_id):
        return tuple(s for s, code in self.rows.values() if code is None and s.chain_id == chain_id)

    def note(self, path, event, detail):
        self.notes.append((event, json.loads(detail)))


def two_chains():
    clock = FakeClock()
    a, b = FakeChain("zone-a", clock), FakeChain("hub", clock)
    a.other, b.other = b, a
    return clock, a, b
