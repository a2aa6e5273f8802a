"""A kind of chain in memory, found by an entry point as anybody's would be: for the command line.

``install(folder, monkeypatch)`` puts a distribution with the kind ``fake`` on the path;
``Net(home)`` is a network of such chains.
"""

from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from chainkit.primitives.heights import Height
from chainkit.primitives.types import BlockHeight, ChainId, Sequence, TimestampNs
from chainkit.sigverify.secp256k1 import public_key_of, secp256k1_address
from ibc.ics02_client.port import AnyValue
from ibc.ics03_connection.types import ConnectionCounterparty, ConnectionEnd, ConnectionState
from ibc.ics04_channel.types import (
    ChannelCounterparty,
    ChannelEnd,
    ChannelState,
    IdentifiedChannel,
    Order,
    Packet,
)
from isthmus.accounts import derive_account
from isthmus.homes import AccountPlace, ChainPlace, NetPlace, NodePlace
from parachains.sdk.kinds import NodeHealth, WrittenNode
from parachains.sdk.relaying import (
    ChainStatus,
    ClientInfo,
    ConnectionInfo,
    HostedClient,
    SignedTx,
    TxOutcome,
)
from parachains.sdk.users import NotOffered, PacketEvent, PacketKey, PacketStep, QueryForm

SECOND = 10**9
T0 = 1_700_000_000 * SECOND
HASH = "AB" * 32
_CHAINS: dict[str, "FakeChain"] = {}


@dataclass
class FakeChain:
    """A chain: what tests put in is what its user tells."""

    name: str
    height: int = 10
    time: int = T0
    clients_: list = field(default_factory=list)
    connections_: list = field(default_factory=list)
    channels_: dict = field(default_factory=dict)
    commitments_: dict = field(default_factory=dict)
    received: set = field(default_factory=set)
    events: list = field(default_factory=list)
    refusals: list = field(default_factory=list)
    outcomes: list = field(default_factory=list)
    intents: list = field(default_factory=list)
    sent_by: dict = field(default_factory=dict)
    signer_key: bytes = b""
    gas_price: int = 0
    away: Exception | None = None

    @property
    def chain_id(self) -> ChainId:
        return ChainId(f"{self.name}-1")

    async def status(self) -> ChainStatus:
        if self.away is not None:
            raise self.away
        self.height += 1
        return ChainStatus(BlockHeight(self.height), TimestampNs(self.time))

    async def time_at(self, height: Height) -> TimestampNs:
        return TimestampNs(T0 - 5 * SECOND)

    def read_client(self, state: AnyValue) -> ClientInfo | None:
        if state.value.decode() != self.chain_id:
            return None
        frozen = state.type_url.endswith("frozen")
        return ClientInfo(self.chain_id, Height(1, 7), 100 * SECOND, is_frozen=frozen)

    async def clients(self):
        return tuple(self.clients_)

    async def connections(self):
        return tuple(self.connections_)

    async def channels(self, connection_id):
        return tuple(self.channels_.get(connection_id, ()))

    async def commitments(self, port, channel):
        return tuple(self.commitments_.get(channel, ()))

    async def unreceived(self, port, channel, sequences):
        return frozenset(each for each in sequences if (channel, each) not in self.received)

    async def sign(self, messages):
        return SignedTx(HASH, messages[0].value, Sequence(0))

    async def broadcast(self, tx):
        if self.refusals:
            raise self.refusals.pop(0)

    async def outcome(self, tx_hash):
        return self.outcomes.pop(0) if self.outcomes else None


def _sketch(answer):
    return f"<svg>{answer['asked']['address']}</svg>\n"


class FakeUser:
    """A chain as people see it."""

    queries = (
        QueryForm("echo", "Says what was asked.", "echo alice", ("address", "more?")),
        QueryForm("sketch", "Can be drawn.", "sketch alice --svg", ("address",), _sketch),
    )

    def __init__(self, chain: FakeChain) -> None:
        self.client = chain

    async def message(self, intent):
        self.client.intents.append(intent)
        return AnyValue("/fake.Msg", b"message")

    async def ask(self, name, arguments):
        if name not in {"echo", "sketch"}:
            raise NotOffered(chain_id=self.client.chain_id, what=f"query {name!r}")
        return {"asked": dict(arguments)}

    async def packets_sent_by(self, tx_hash):
        if tx_hash not in self.client.sent_by:
            raise NotOffered(chain_id=self.client.chain_id, what=f"tx ({tx_hash}) not found")
        return self.client.sent_by[tx_hash]

    async def packet_events(self, step, key, counterparty):
        return tuple(event for event, of in self.client.events if event.step is step and of == key)


class FakeKind:
    """The kind."""

    name = "fake"
    summary = "a chain in memory"
    queries = FakeUser.queries

    def write_chain(self, folder, plan, ports):
        nodes = []
        for index in range(len(plan.seeds)):
            home = folder / f"node{index}"
            home.mkdir(parents=True)
            nodes.append(WrittenNode(f"{plan.name}-{index}", home, "", next(ports), next(ports)))
        return tuple(nodes)

    def node_command(self, home):
        return ("tests.fake_chain", str(home))

    async def node_health(self, transport):
        await transport.call("health", {})
        return NodeHealth(7, 1, is_catching_up=False)

    def account_address(self, private_key):
        return secp256k1_address(public_key_of(private_key))

    def client(self, access, transport):
        return _CHAINS[access.chain_id]

    def user(self, access, transport):
        chain = _CHAINS[access.chain_id]
        chain.signer_key = access.private_key
        chain.gas_price = access.gas_price_millionths
        return FakeUser(chain)


CHAIN_KIND = FakeKind()


def install(folder: Path, monkeypatch, points: str = "") -> None:
    """Put a distribution on the path that offers the kind ``fake``, and ``points`` beside."""
    info = folder / "someones_chain-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: someones-chain\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        points or "[isthmus.chain_kinds]\nfake = tests.fake_chain:CHAIN_KIND\n"
    )
    monkeypatch.syspath_prepend(str(folder))
    # A busy machine must not add a line to what a test reads.
    monkeypatch.setattr("isthmus.cli.patience.PATIENCE_S", 600.0)


class Net:
    """zone-a <-> hub <-> zone-b, each a fake, as a home folder on disk."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.chains = {name: FakeChain(name) for name in ("hub", "zone-a", "zone-b")}
        _CHAINS.clear()
        _CHAINS.update({chain.chain_id: chain for chain in self.chains.values()})
        accounts = [derive_account(name, index) for index, name in enumerate(("alice", "bob"))]
        place = NetPlace(
            chains=tuple(
                ChainPlace(
                    name,
                    "fake",
                    f"{name}-1",
                    "ucoin",
                    "isthmus",
                    (NodePlace(f"{name}-0", f"{name}/node0", "", 1, 2),),
                )
                for name in self.chains
            ),
            accounts=tuple(
                AccountPlace(
                    each.name,
                    each.private_key.hex(),
                    {name: each.bech32("isthmus") for name in self.chains},
                )
                for each in accounts
            ),
            relayer_home="relayer",
            broker_port=3,
        )
        home.mkdir(exist_ok=True)
        (home / "net.json").write_bytes(msgspec.json.encode(place))
        self.join("zone-a", "channel-0", "hub", "channel-1")
        self.join("hub", "channel-2", "zone-b", "channel-0")

    def join(self, a: str, channel_a: str, b: str, channel_b: str) -> None:
        """Open a channel between two chains."""
        for here, own, there, other in ((a, channel_a, b, channel_b), (b, channel_b, a, channel_a)):
            chain = self.chains[here]
            number = len(chain.clients_)
            client = f"fake-{number}"
            state = AnyValue("/fake.ClientState", f"{there}-1".encode())
            chain.clients_.append(HostedClient(client, state))
            end = ConnectionEnd(
                client, (), ConnectionState.OPEN, ConnectionCounterparty("c", "c", b"ibc"), 0
            )
            chain.connections_.append(ConnectionInfo(f"connection-{number}", end))
            channel = ChannelEnd(
                ChannelState.OPEN,
                Order.UNORDERED,
                ChannelCounterparty("transfer", other),
                (f"connection-{number}",),
                "ics20-1",
            )
            chain.channels_[f"connection-{number}"] = [IdentifiedChannel("transfer", own, channel)]

    def happened(
        self,
        chain: str,
        step: PacketStep,
        key: PacketKey,
        *,
        acknowledgement: bytes = b"",
        caused: tuple[PacketKey, ...] = (),
        timeout: int = T0 + 60 * SECOND,
    ) -> None:
        """Let a chain tell of a packet's step."""
        packet = Packet(
            key.sequence,
            key.port_id,
            key.channel_id,
            "transfer",
            "channel-x",
            b"{}",
            Height(0, 0),
            TimestampNs(timeout),
        )
        event = PacketEvent(
            step, BlockHeight(9), TimestampNs(T0), HASH, packet, acknowledgement, caused
        )
        self.chains[chain].events.append((event, key))


def included(code: int = 0, log: str = "") -> TxOutcome:
    """Return a transaction in a block."""
    return TxOutcome(HASH, BlockHeight(12), code, "sdk" if code else "", log)
