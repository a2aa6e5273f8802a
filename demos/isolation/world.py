"""A hub and its zones in one process, a block of the hub at a time.

The packet layer, the bank's ports, forwarding and the rules of integrity levels are the
product's own; consensus and its signatures are stood in for by ``ibc.testing``. A block of the
hub has room for some messages only, in the order in which they came, so that who floods it
takes room from the others.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from google.protobuf.message import Message

from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.heights import ZERO_HEIGHT
from chainkit.runtime.context import ExecutionMode
from chainkit.runtime.events import Event
from chainkit.wire.proto.cosmos.base.v1beta1 import coin_pb2
from chainkit.wire.proto.ibc.applications.transfer.v1 import tx_pb2
from chainkit.wire.proto.ibc.core.channel.v1 import tx_pb2 as channel_tx
from chainkit.wire.proto.ibc.core.client.v1 import client_pb2
from chainkit.wire.proto.ibc.core.client.v1 import tx_pb2 as client_tx
from ibc.forward.module import APPLICATION as TRANSFER
from ibc.ics02_client.assurance import Assurance, Finality, Verification
from ibc.ics02_client.clients import Clients
from ibc.ics02_client.codec import any_to_proto, height_to_proto
from ibc.ics03_connection.connections import Connections
from ibc.ics04_channel.channels import Channels
from ibc.ics04_channel.codec import packet_to_proto
from ibc.ics04_channel.types import Packet
from ibc.ics20_transfer.application import PORT_ID
from ibc.ics20_transfer.denoms import extract_denom
from ibc.ics20_transfer.packet_data import decode_transfer_data
from ibc.ics26_routing.remotes import Remotes
from ibc.testing.chain import PREFIX, TestChain
from ibc.testing.ledger import TestLedger
from ibc.testing.light_client import TestLightClient
from ibc.testing.path import Endpoint, Path, sent_packets, written_acknowledgements
from integrity.contents import READERS
from integrity.flood import FloodGate
from integrity.guard import IntegrityGuard
from integrity.lot_keeper import LotKeeper
from integrity.messages import BindChain
from integrity.module import IntegrityModule
from integrity.monitor import Monitor
from integrity.store import IntegrityStore, open_store

T = TypeVar("T")

ROOM = 12
"""The messages that fit in a block of the hub."""
EPOCH_BLOCKS = 5
STALE_EPOCHS = 2
QUOTA = 8
"""The packets of a zone in an epoch."""
FLOOD_EPOCHS = 2
FUNDED = 1_000_000
TIMEOUT_NS = 10**15
SOUND = ("control", "capture", "economic", "change_control", "watch")


class SureClient(TestLightClient):
    """As sure as a client of a BFT chain, so that the zones have a level to lose."""

    assurance = Assurance(Verification.FULL_HEADER, Finality.ACCOUNTABLE)


@dataclass(frozen=True, slots=True)
class Brought:
    """A message for the hub, and what its relayer does when a block has taken it."""

    zone: str
    message: Message
    taken: Callable[[Sequence[Event]], None]


@dataclass
class Zone:
    """A zone and what its honest relayer has not brought yet. Mutable."""

    name: str
    chain: TestChain
    path: Path
    waiting: list[Packet] = field(default_factory=list)
    """Sent to the hub, not taken by a block."""
    onward: list[Packet] = field(default_factory=list)
    """Sent by the hub, not received here."""
    answers: list[tuple[Packet, bytes]] = field(default_factory=list)
    """Of packets that were received here, for the hub."""
    is_live: bool = True
    denies: bool = False
    """Whether it takes what the hub sends and its state says that it never came."""
    denied: list[Packet] = field(default_factory=list)
    delivered: int = 0
    """Packets of this zone's users that arrived where they were to."""


class World:
    """The hub, its zones and a mempool. Mutable: time passes by :meth:`block`."""

    def __init__(self, names: Sequence[str], *, gated: bool = True) -> None:
        """``gated`` is whether the mempool has the gate against floods."""
        ledger = TestLedger()
        clients = Clients((SureClient(),))
        guard = IntegrityGuard(Remotes(Channels(Connections(clients))), READERS)
        keeper = LotKeeper(guard, ledger)
        self.hub = TestChain("hub-1", (TRANSFER,), (guard,), ledger, keeper)
        self.gate = FloodGate(guard) if gated else None
        self.module = IntegrityModule(Monitor(clients), self.hub.core, PREFIX, ledger)
        self.zones = {name: self._zone(name) for name in names}
        sound = [{"axis": axis, "score": 10**9} for axis in SOUND]
        chains = [{"name": name, "operator": name, "declared": sound} for name in ("hub", *names)]
        params = {
            "epoch_blocks": EPOCH_BLOCKS,
            "stale_epochs": STALE_EPOCHS,
            "packets_per_epoch": QUOTA,
            "flood_epochs": FLOOD_EPOCHS,
            "profile": "laptop",
        }
        self.module.init_genesis(self.hub.context(), {"params": params, "chains": chains})
        gov = ledger.module_address("gov")
        for zone in self.zones.values():
            self.module.bind(self.hub.context(), BindChain(gov, zone.name, zone.path.a.client_id))
        self.blocks = 0
        self.extra: list[Brought] = []
        """What a hostile relayer brings; it comes first."""
        self.refused = 0
        """Messages that the mempool did not take."""

    def _zone(self, name: str) -> Zone:
        chain = TestChain(f"{name}-1", (TRANSFER,))
        chain.fund("user", f"u{name}", FUNDED)
        here, there = (Endpoint(each, PORT_ID, "ics20-1") for each in (self.hub, chain))
        return Zone(name, chain, Path(here, there).open())

    @property
    def store(self) -> IntegrityStore:
        """What the hub knows now."""
        return open_store(self.hub.context())

    def level(self, name: str) -> int:
        """Return a chain's level."""
        chain = self.store.chain(name)
        assert chain is not None, "genesis described it"
        return chain.level.level

    def isolated(self, name: str) -> str:
        """Return why a chain is cut off; empty if it is not."""
        chain = self.store.chain(name)
        assert chain is not None, "genesis described it"
        return chain.isolated

    def voucher(self, origin: str, zone: str) -> str:
        """Return a zone's name for another's token that came over the hub."""
        there, here = self.zones[zone].path.b, self.zones[origin].path.a
        trace = f"transfer/{there.channel_id}/transfer/{here.channel_id}/u{origin}"
        return str(extract_denom(trace).local_denom())

    def held(self, origin: str, zone: str) -> int:
        """Return what the ledger of zones says that a zone holds of another's token."""
        here = self.zones[origin].path.a
        denom = extract_denom(f"transfer/{here.channel_id}/u{origin}").local_denom()
        return self.store.zone(self.zones[zone].path.a.channel_id, denom).held

    def send(
        self, origin: str, target: str, amount: int, denom: str = "", timeout_ns: int = 0
    ) -> Packet:
        """Let a zone's user send to a zone's user; return the packet to the hub."""
        zone, there = self.zones[origin], self.zones[target]
        forward: dict[str, object] = {
            "receiver": there.chain.text(there.chain.account("user")),
            "port": "transfer",
            "channel": there.path.a.channel_id,
        }
        if timeout_ns:
            forward["timeout"] = timeout_ns
        message = tx_pb2.MsgTransfer(
            source_port="transfer",
            source_channel=zone.path.b.channel_id,
            token=coin_pb2.Coin(denom=denom or f"u{origin}", amount=str(amount)),
            sender=zone.chain.text(zone.chain.account("user")),
            receiver=self.hub.text(self.hub.account("hop")),
            timeout_height=height_to_proto(ZERO_HEIGHT),
            timeout_timestamp=zone.chain.time + TIMEOUT_NS,
            memo=json.dumps({"forward": forward}),
        )
        _, events = zone.chain.execute(message)
        [packet] = sent_packets(events)
        zone.waiting.append(packet)
        return packet

    # --- a block of the hub -------------------------------------------------------------

    def block(self) -> None:
        """Make a block of each live zone, then one of the hub, and relay."""
        brought = self.extra
        self.extra = []
        for zone in self.zones.values():
            if zone.is_live:
                brought += self._bring(zone)
        for each in self._admitted(brought)[:ROOM]:
            try:
                _, events = self.hub.execute(each.message)
            except RuleBroken:
                continue
            each.taken(events)
            self._note(events)
        self.hub.commit()
        self.module.begin_block(self.hub.context())
        self.blocks += 1
        for zone in self.zones.values():
            if zone.is_live:
                self._deliver(zone)

    def update(self, zone: Zone) -> tuple[bytes, client_pb2.Height] | None:
        """Make a block of a zone and tell the hub's client; None if the client is frozen."""
        height = zone.chain.commit()
        header = zone.chain.headers[height.revision_height]
        message = client_tx.MsgUpdateClient(
            client_id=zone.path.a.client_id,
            client_message=any_to_proto(header.message()),
            signer=zone.path.a.signer(),
        )
        try:
            self.hub.execute(message)
        except RuleBroken:
            return None
        return zone.chain.proofs[height.revision_height], height_to_proto(height)

    def _bring(self, zone: Zone) -> list[Brought]:
        """Return what a zone's relayer has for the hub: answers first, then packets."""
        updated = self.update(zone)
        if updated is None:
            return []
        proof, height = updated
        found = []
        for packet, answer in zone.answers:
            answering = channel_tx.MsgAcknowledgement(
                packet=packet_to_proto(packet),
                acknowledgement=answer,
                proof_acked=proof,
                proof_height=height,
                signer=zone.path.a.signer(),
            )
            found.append(Brought(zone.name, answering, _removing(zone.answers, (packet, answer))))
        for packet in zone.denied:
            absent = channel_tx.MsgTimeout(
                packet=packet_to_proto(packet),
                proof_unreceived=proof,
                proof_height=height,
                next_sequence_recv=1,
                signer=zone.path.a.signer(),
            )
            found.append(Brought(zone.name, absent, _removing(zone.denied, packet)))
        for packet in zone.waiting:
            message = self.receive(zone, packet, proof, height)
            found.append(Brought(zone.name, message, _removing(zone.waiting, packet)))
        return found

    def receive(
        self, zone: Zone, packet: Packet, proof: bytes, height: client_pb2.Height
    ) -> Message:
        """Return the message that brings a packet to the hub."""
        return channel_tx.MsgRecvPacket(
            packet=packet_to_proto(packet),
            proof_commitment=proof,
            proof_height=height,
            signer=zone.path.a.signer(),
        )

    def _admitted(self, brought: Sequence[Brought]) -> list[Brought]:
        """Return what the mempool takes, in the order in which it came."""
        ctx = self.hub.context(ExecutionMode.CHECK)
        taken = []
        with ctx.savepoint() as checking:
            for each in brought:
                message = (self.hub.decode(each.message),)
                try:
                    with ctx.savepoint():
                        if self.gate is not None:
                            self.gate.ante(ctx, message)
                        self.hub.core.ante(ctx, message)
                except RuleBroken:
                    self.refused += 1
                    continue
                taken.append(each)
            checking.discard()
        return taken

    def _note(self, events: Sequence[Event]) -> None:
        """Hand what the hub sent and answered to the zones' relayers."""
        by_channel = {zone.path.a.channel_id: zone for zone in self.zones.values()}
        for packet in sent_packets(events):
            by_channel[packet.source_channel].onward.append(packet)
        for packet, answer in written_acknowledgements(events):
            zone = by_channel[packet.destination_channel]
            if answer.startswith(b'{"result"'):
                zone.delivered += 1

    def _deliver(self, zone: Zone) -> None:
        """Bring a zone the hub's last block and the packets in it."""
        height = max(self.hub.headers)
        end = zone.path.b
        zone.chain.execute(
            client_tx.MsgUpdateClient(
                client_id=end.client_id,
                client_message=any_to_proto(self.hub.headers[height].message()),
                signer=end.signer(),
            )
        )
        for packet in zone.onward:
            if zone.denies:
                self._deny(zone, packet)
                continue
            message = channel_tx.MsgRecvPacket(
                packet=packet_to_proto(packet),
                proof_commitment=self.hub.proofs[height],
                proof_height=height_to_proto(self.hub.headers[height].height),
                signer=end.signer(),
            )
            _, events = zone.chain.execute(message)
            zone.answers += written_acknowledgements(events)
        zone.onward.clear()

    def _deny(self, zone: Zone, packet: Packet) -> None:
        """Give the zone's user the vouchers, and prove to the hub that nothing came."""
        data = decode_transfer_data(packet.data)
        arrived = extract_denom(data.denom).arrived_by(
            packet.destination_port, packet.destination_channel
        )
        zone.chain.fund("user", arrived.local_denom(), int(data.amount))
        while zone.chain.time <= packet.timeout_timestamp:
            zone.chain.commit()
        zone.denied.append(packet)


def _removing(things: list[T], thing: T) -> Callable[[Sequence[Event]], None]:
    """Return what takes a thing off a relayer's list once a block has it."""

    def taken(_: Sequence[Event]) -> None:
        things.remove(thing)

    return taken
