"""DAG chains that fit ``ibc.testing``'s paths: signed transactions, real headers, real proofs."""

from dataclasses import dataclass, replace

from chainkit.primitives.heights import Height
from chainkit.primitives.types import Address, Denom
from chainkit.wire.codec import encode, type_url
from ibc.forward.module import APPLICATION
from ibc.ics02_client.port import AnyValue
from ibc.ics24_host import paths
from ibc.ics24_host.paths import STORE_NAME
from ibc.testing.path import Endpoint, Path
from light_clients.ghostdag.client import LIGHT_CLIENT
from parachains.dag import proving
from parachains.dag.transactions import signed
from tests.dag_worlds import Key, Node, parameters
from tests.dags import PARAMETERS, START_MS

DEPTH = 2
FUNDS = 1_000_000
GAS = 20_000_000
FEE = 1
NAMES = ("relayer", "sam", "ann")
SOURCE = ("source_port", "source_channel", "sequence")
DESTINATION = ("destination_port", "destination_channel", "sequence")
CONNECTION_PROOFS = {
    "MsgConnectionOpenTry": "proof_init",
    "MsgConnectionOpenAck": "proof_try",
    "MsgConnectionOpenConfirm": "proof_ack",
}
CHANNEL_PROOFS = {
    "MsgChannelOpenTry": "proof_init",
    "MsgChannelOpenAck": "proof_try",
    "MsgChannelOpenConfirm": "proof_ack",
}
PACKET_PROOFS = {
    "MsgRecvPacket": ("proof_commitment", paths.packet_commitment, SOURCE),
    "MsgAcknowledgement": ("proof_acked", paths.packet_acknowledgement, DESTINATION),
    "MsgTimeout": ("proof_unreceived", paths.packet_receipt, DESTINATION),
}


class Refused(Exception):
    """A message was refused; the text is the outcome's."""


@dataclass
class Clock:
    """What time all chains have."""

    ms: int = START_MS


@dataclass(frozen=True)
class Told:
    """What a commit shows to the client on the other chain."""

    chain: "DagTestChain"
    client: tuple[AnyValue, AnyValue]
    update: AnyValue

    def client_state(self):
        return self.client[0]

    def consensus_state(self):
        self.chain.told = self.chain.node.chain.tip.hash
        return self.client[1]

    def message(self):
        return self.update


class DagTestChain:
    """Fits what ``ibc.testing.path`` uses of a ``TestChain``; two miners, blocks in parallel."""

    def __init__(self, name, clock):
        self.chain_id, self.clock, self.native = name, clock, Denom(f"u{name}")
        seeds = (sum(name.encode()) * 10 + number for number in range(len(NAMES)))
        self.users = dict(zip(NAMES, map(Key, seeds), strict=True))
        chain = parameters(
            chain_id=name,
            native=self.native,
            dag=replace(PARAMETERS, timestamp_tolerance_ms=600_000),
            balances={user.address: FUNDS for user in self.users.values()},
        )
        parts = {"light_clients": (LIGHT_CLIENT,), "applications": (APPLICATION,)}
        self.node, self.other = (Node(number, chain=chain, **parts) for number in range(2))
        self.headers, self.proofs = {}, {}
        self.told = self.node.chain.dag.genesis
        self.sequences = dict.fromkeys(self.users, 0)
        self.path = None
        self.round()

    def round(self, *transactions):
        """Two parallel blocks, one with the transactions; return what was merged with it."""
        self.clock.ms += 2_000
        after = self.clock.ms - self.node.chain.tip.header.timestamp
        blocks = [self.node.mined(*transactions, after_ms=after), self.other.mined(after_ms=after)]
        changes = [*self.node.hear(*blocks)]
        self.other.hear(*blocks)
        return changes

    def commit(self):
        """Mine until the state of now is final; return its height."""
        self.round()
        wanted = self.node.chain.tip.order.blue_score
        while proving.final_score(self.node.chain, DEPTH) < wanted:
            self.round()
        height = Height(0, proving.final_score(self.node.chain, DEPTH))
        client = proving.new_client(self.node.chain, DEPTH)
        (update,) = proving.updates(self.node.chain, self.told)
        self.headers[height.revision_height] = Told(self, client, update)
        self.proofs[height.revision_height] = b"filled in"
        return height

    def prove(self, key, height):
        return proving.prove(self.node.chain, (STORE_NAME.encode(), key), height.revision_height)

    @property
    def core(self):
        return next(m for m in self.node.chain.machine._modules if m.name == "ibc")

    def context(self):
        return self.node.chain.state()

    def account(self, name):
        return self.users[name].address

    def text(self, address):
        return next(user.text for user in self.users.values() if user.address == address)

    def send(self, message, name):
        user = self.users[name]
        tx = signed(
            user.seed,
            user.public_key,
            self.chain_id,
            sequence=self.sequences[name],
            fee=FEE,
            gas_limit=GAS,
            messages=(AnyValue(type_url(message), encode(message)),),
        )
        self.sequences[name] += 1
        changes = self.round(tx) + self.round()
        outcomes = [o for c in changes for b in c.connected for o in b.outcomes if o.id == tx.id]
        # where the selected chain changes between parallel blocks, the last one stands
        outcome = [o for o in outcomes if o.accepted][-1]
        if outcome.code:
            raise Refused(f"{outcome.codespace} {outcome.code}: {outcome.log}")
        return outcome

    def execute(self, message):
        """Run a message as a transaction of its signer; return its response and events."""
        if self.path is not None:
            message = self.path.filled(self, message)
        signer = getattr(message, "signer", "") or message.sender
        name = next(name for name, user in self.users.items() if user.text == signer)
        outcome = self.send(message, name)
        return outcome.responses[0], outcome.events

    def balance(self, address, denom):
        version = self.node.chain.machine.stores.version
        ctx = self.node.chain.machine.context_at(version, 0, 0)
        return self.node.chain.machine.bank.balance(ctx, Address(address), Denom(denom))

    def supply(self, denom):
        version = self.node.chain.machine.stores.version
        ctx = self.node.chain.machine.context_at(version, 0, 0)
        return self.node.chain.machine.bank.supply(ctx, Denom(denom))

    @property
    def time(self):
        return self.node.chain.tip.chain_time_ms * 1_000_000


class DagPath(Path):
    """The honest relayer between two DAG chains: every message gets the proof that it needs."""

    def __init__(self, a, b, port, version):
        super().__init__(Endpoint(a, port, version), Endpoint(b, port, version))
        a.path = b.path = self

    def update(self, end):
        other = self.other(end).chain
        proof, height = super().update(end)
        other.told = other.node.chain.tip.hash
        self._proven = other, height
        return proof, height

    def filled(self, chain, message):
        """The message with its proof in place of what the path put there."""
        end = self.a if chain is self.a.chain else self.b
        other = self.other(end)
        kind = type(message).__name__
        if kind in CONNECTION_PROOFS:
            key = paths.connection(other.connection_id)
        elif kind in CHANNEL_PROOFS:
            key = paths.channel(other.port_id, other.channel_id)
        elif kind in PACKET_PROOFS:
            of_packet, names = PACKET_PROOFS[kind][1:]
            key = of_packet(*(getattr(message.packet, name) for name in names))
        else:
            return message
        field = {**CONNECTION_PROOFS, **CHANNEL_PROOFS}.get(kind) or PACKET_PROOFS[kind][0]
        proven_on, height = self._proven
        setattr(message, field, proven_on.prove(key, height))
        return message
