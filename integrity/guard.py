"""The guard: asks the rules before any application of the hub sees a packet.

It fits ``RouterMiddleware``. The label of a packet is the least of its source's level and of
what its source's port was demoted to; where it is sent on to, the last hop's chain is the
destination, and the hub in between is the trusted subject that moves it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.hashing import sha256
from chainkit.primitives.types import Address, ChannelId, ClientId, PortId
from chainkit.runtime.context import Context
from chainkit.runtime.events import Event
from ibc.ics04_channel.acknowledgement import (
    ErrorAcknowledgement,
    RemoteError,
    ResultAcknowledgement,
    decode_acknowledgement,
    encode_acknowledgement,
)
from ibc.ics04_channel.errors import ChannelNotFound, InvalidAcknowledgement
from ibc.ics04_channel.types import Packet
from ibc.ics26_routing.port import Admission
from ibc.ics26_routing.remotes import RemotePort, Remotes
from integrity.axes import LOWEST, Level
from integrity.codec import dump_chain
from integrity.contents import DATA_FOR_THE_HUB, NO_HASHES, ContentReader, StoredHashes
from integrity.endorsement_store import open_endorsements
from integrity.endorsements import Endorsement
from integrity.errors import (
    ChainIsolated,
    QuotaExceeded,
    ReturnExcess,
    ReturnMemo,
    ReturnReceiver,
    SeveralPayloads,
)
from integrity.isolation import FRAUDS, INFLATED, cut_off, quota_used_up
from integrity.levels import LevelState, level_before_fall
from integrity.lifting import account_of, find_lift, need_of, use, words_of
from integrity.records import (
    HUB,
    ChainRecord,
    Contents,
    HeldPacket,
    PacketRecord,
    Params,
    Settings,
    Traffic,
)
from integrity.rules import Content, Delivery, Flow, judge
from integrity.store import IntegrityStore, open_store
from integrity.zones import came_home

ACCEPTED = ResultAcknowledgement(b"\x01")
REFUSED_CODE = 1
"""What an error of a lower chain is told as: its text and its code are its own data."""


@dataclass(frozen=True, slots=True)
class Ends:
    """The chain behind a channel of the hub, and its port there."""

    chain: ChainRecord
    port: str
    is_bound: bool = True
    """Whether the hub was told which chain it is."""
    record: bytes = b""
    """The chain as the store has it."""
    traffic: Traffic = Traffic()
    """Its packets against its quota."""


@dataclass(frozen=True, slots=True)
class IntegrityGuard:
    """Judges every packet that the hub receives, sends on or answers."""

    remotes: Remotes
    readers: Mapping[PortId, ContentReader]
    hashes: StoredHashes = NO_HASHES
    """The hashes that the hub's users stored: their preimages come from anywhere."""

    @property
    def name(self) -> str:
        """The rule's name."""
        return "integrity"

    def behind(self, store: IntegrityStore, remote: RemotePort) -> Ends:
        """Return the chain that a client follows; one that nobody bound is of level 0."""
        found = store.chain_and_traffic(remote.client_id)
        if found is None:
            return Ends(_unknown(remote.client_id), remote.port_id, is_bound=False)
        chain, record, traffic = found
        return Ends(chain, remote.port_id, record=record, traffic=traffic)

    def over(self, ctx: Context, store: IntegrityStore, port: PortId, channel: ChannelId) -> Ends:
        """Return the chain behind a channel.

        Raises:
            ChannelNotFound: There is no such channel.
        """
        remote = self.remotes.find(ctx, port, channel)
        if remote is None:
            raise ChannelNotFound(f"{port}/{channel}")
        return self.behind(store, remote)

    def check_receive(
        self, ctx: Context, source: RemotePort, packet: Packet, relayer: Address
    ) -> Admission:
        """Judge a packet by its lineage, its destination and the ledger of zones.

        Raises:
            IntegrityRefusal: By the rule that it names.
        """
        store = open_store(ctx)
        end = (packet.destination_port, packet.destination_channel, packet.sequence)
        # In v1, where no client stands for a channel, the receipt says that it is the first.
        is_v2 = str(packet.destination_channel) == source.client_id
        if is_v2 and store.packet(*end) is not None:
            raise SeveralPayloads
        ends = self.behind(store, source)
        reader = self.readers.get(packet.destination_port)
        contents = DATA_FOR_THE_HUB if reader is None else reader.read(packet)
        self._check_ledger(store, packet, contents)
        settings = store.settings()
        params = settings.params
        flow, destination = self._flow(ctx, store, settings, packet, ends, contents)
        if destination is None:
            # The application refuses a channel that does not exist.
            return Admission.DELIVER
        self._check_return(contents, flow)
        lift = self._lift(ctx, store, packet, ends, contents, flow)
        if lift is not None:
            flow = replace(flow, endorsed=lift.key.level)
        delivery = judge(flow)
        if delivery is Delivery.HOLD:
            self._hold(ctx, store, packet, ends, relayer)
            return Admission.HOLD
        self._count(ctx, store, params, ends)
        if delivery is not Delivery.DELIVER:
            store.lower_floor(destination.chain.name, destination.port, flow.label)
        words: tuple[str, ...] = ()
        if lift is not None:
            need = need_of(store, ends.chain, account_of(contents.sender))
            words = words_of(lift, need)
            use(ctx, open_endorsements(ctx), lift, "/".join(map(str, end)))
        self._note(ctx, store, packet, contents, ends, destination, flow, delivery, words)
        return Admission.DELIVER

    def check_send(
        self,
        ctx: Context,
        destination: RemotePort,
        port_id: PortId,
        data: bytes,  # noqa: ARG002 - assets are judged by their lots, data by the hub's level
    ) -> None:
        """Refuse to send to an isolated chain, and plain data above the hub's own level.

        What is sent on has been judged when it was received; tokens are judged as their lots
        are drawn.
        """
        store = open_store(ctx)
        chain = self.behind(store, destination).chain
        if chain.isolated:
            raise ChainIsolated(chain.isolated)
        if port_id not in self.readers:
            hub = hub_level(store)
            judge(Flow(hub, hub, chain.level.level, hub))

    def admit_acknowledgement(
        self,
        ctx: Context,
        destination: RemotePort,
        packet: Packet,  # noqa: ARG002 - the port's signature
        acknowledgement: bytes,
    ) -> bytes:
        """Let only protocol control bits rise: success or refused, nothing else.

        An answer of a chain at least as high as the hub passes as it is.
        """
        store = open_store(ctx)
        chain = self.behind(store, destination).chain
        if chain.level.level >= hub_level(store):
            return acknowledgement
        try:
            decoded = decode_acknowledgement(acknowledgement)
        except InvalidAcknowledgement:
            return acknowledgement
        match decoded:
            case ResultAcknowledgement():
                return encode_acknowledgement(ACCEPTED)
            case RemoteError():
                return encode_acknowledgement(ErrorAcknowledgement(REFUSED_CODE))
            case None:
                return acknowledgement

    def hear_refusal(self, ctx: Context, source: RemotePort, refusal: RuleBroken) -> None:
        """Cut off a zone whose own packet proves that it inflates.

        The light client has verified that the zone's state says so: no user and no relayer
        can make an honest zone send back more than it was sent.
        """
        if not isinstance(refusal, ReturnExcess):
            return
        store = open_store(ctx)
        chain = store.chain_of_client(source.client_id)
        if chain is not None and chain.isolated not in FRAUDS:
            store.set_chain(cut_off(ctx, store, chain, INFLATED, store.params()))
            store.convict(chain.name)

    def _flow(
        self,
        ctx: Context,
        store: IntegrityStore,
        settings: Settings,
        packet: Packet,
        source: Ends,
        contents: Contents,
    ) -> tuple[Flow, Ends | None]:
        """Return the question to the rules, and who is behind the last hop, if anybody."""
        hub = settings.hub or _unknown(ClientId(HUB))
        below = source.chain.floor(packet.source_port)
        state = source.chain.level
        was = level_before_fall(state, height=ctx.height, hold_blocks=settings.params.hold_blocks)
        destination: Ends | None
        if contents.onward_channel:
            port, channel = PortId(contents.onward_port), ChannelId(contents.onward_channel)
            remote = self.remotes.find(ctx, port, channel)
            destination = None if remote is None else self.behind(store, remote)
            policy = settings.policy(channel)
        else:
            destination = Ends(hub, packet.destination_port)
            policy = settings.policy(packet.destination_channel)
        wanted = LOWEST if destination is None else destination.chain.level.level
        if not contents.onward_channel:
            wanted = min(wanted, contents.port_level)
        isolated = source.chain.isolated or (
            "" if destination is None else destination.chain.isolated
        )
        flow = Flow(
            label=min(state.level, below),
            label_when_sent=min(was, below),
            destination=wanted,
            hub=hub.level.level,
            content=self._content(ctx, contents),
            mode=policy.mode,
            strict_equal=policy.strict_equal,
            isolated=isolated,
        )
        return flow, destination

    def _content(self, ctx: Context, contents: Contents) -> Content:
        """Return which exception a packet is, judged by what the hub itself knows."""
        if contents.goes_home and not contents.carries:
            return Content.RETURN
        if contents.preimage and self.hashes.is_open(ctx, sha256(contents.preimage)):
            return Content.PREIMAGE
        return Content.DATA

    def _lift(
        self,
        ctx: Context,
        store: IntegrityStore,
        packet: Packet,
        source: Ends,
        contents: Contents,
        flow: Flow,
    ) -> Endorsement | None:
        """Return the endorsement that a packet needs and has; None where its own label will do."""
        if flow.content is not Content.DATA or flow.label >= flow.destination:
            return None
        return find_lift(ctx, store, source.chain, packet, contents.sender, flow.destination)

    def _check_ledger(self, store: IntegrityStore, packet: Packet, contents: Contents) -> None:
        """Refuse a zone that sends back more than it holds, before the application runs."""
        if contents.comes_home:
            denom = contents.local_denom()
            came_home(store.zone(packet.destination_channel, denom), contents.amount)

    def _check_return(self, contents: Contents, flow: Flow) -> None:
        """Refuse what an asset that rises must not have with it."""
        if flow.label >= flow.destination or not contents.goes_home:
            return
        if contents.carries:
            raise ReturnMemo
        if not _is_plain(contents.receiver):
            raise ReturnReceiver(f"{contents.receiver[:64]!r}")

    def _count(self, ctx: Context, store: IntegrityStore, params: Params, source: Ends) -> None:
        """Count a packet against its zone's quota of the epoch."""
        if not source.is_bound:
            return
        epoch = params.epoch(ctx.height)
        traffic = source.traffic
        used = traffic.used(epoch)
        if used >= params.packets_per_epoch:
            raise QuotaExceeded(f"{used} packets in epoch {epoch}")
        chain, record = source.chain, source.record
        counted = Traffic(epoch, used + 1, traffic.full_epochs, traffic.full_epoch)
        if used + 1 == params.packets_per_epoch:
            chain, counted = quota_used_up(ctx, chain, counted, params)
            store.set_chain(chain)
            record = dump_chain(chain)
        store.set_traffic(chain.client_id, record, counted)

    def _hold(
        self, ctx: Context, store: IntegrityStore, packet: Packet, source: Ends, relayer: Address
    ) -> None:
        deadline = ctx.height + store.params().hold_blocks
        store.hold(HeldPacket(packet, source.chain.name, ctx.height, deadline, relayer))
        attributes = (
            ("source", source.chain.name),
            ("packet_dst_channel", str(packet.destination_channel)),
            ("packet_sequence", str(packet.sequence)),
            ("until_height", str(deadline)),
        )
        ctx.emit(Event("integrity_held", attributes))

    def _note(
        self,
        ctx: Context,
        store: IntegrityStore,
        packet: Packet,
        contents: Contents,
        source: Ends,
        destination: Ends,
        flow: Flow,
        delivery: Delivery,
        endorsers: tuple[str, ...],
    ) -> None:
        """Keep the packet's lineage."""
        ancestors: tuple[str, ...] = ()
        if contents.comes_home:
            pool = store.pool(packet.destination_channel, contents.local_denom())
            ancestors = tuple(sorted({lot.source for lot in pool} - {source.chain.name}))
        record = PacketRecord(
            source=source.chain.name,
            destination=destination.chain.name,
            label=flow.label,
            destination_level=flow.destination,
            height=ctx.height,
            port=packet.destination_port,
            channel=packet.destination_channel,
            sequence=packet.sequence,
            content=flow.content,
            delivery=delivery,
            denom=contents.denom,
            amount=contents.amount,
            receiver=contents.receiver,
            ancestors=ancestors,
            endorsed=flow.endorsed,
            endorsers=endorsers,
        )
        store.add_packet(record)


def hub_level(store: IntegrityStore) -> Level:
    """Return the hub's own level; 0 until genesis describes it."""
    hub = store.settings().hub
    return LOWEST if hub is None else hub.level.level


def _unknown(client_id: ClientId) -> ChainRecord:
    """Return what stands for a chain that nobody bound: of level 0."""
    return ChainRecord(str(client_id), "", "", LevelState(LOWEST), client_id=client_id)


def _is_plain(receiver: str) -> bool:
    """Return whether a receiver is an address and nothing more: letters and digits."""
    return receiver.isascii() and receiver.isalnum()
