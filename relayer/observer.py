"""What a path looks like now: questions to both chains, put together into a view.

The clients and connections of a path are found on the chains, not remembered: a client
counts only if what it keeps is what the chain that it tracks really has at that height. One
that did so once and does not now has followed a branch that its chain left: a fork, to be
shown to it.
"""

from collections.abc import Iterator
from collections.abc import Sequence as Items
from dataclasses import dataclass, field, replace

from chainkit.primitives.errors import OperationFailed
from chainkit.primitives.heights import Height
from chainkit.primitives.types import BlockHeight, ClientId, Sequence, TimestampNs
from ibc.ics02_client.port import AnyValue
from ibc.ics03_connection.types import ConnectionState
from ibc.ics04_channel.types import ChannelState, IdentifiedChannel, Packet
from ibc.v2.types import AcknowledgementV2, PacketV2
from parachains.sdk.relaying import ChainStatus, ClientInfo, ConnectionInfo, HostedClient
from relayer.limits import MAX_FORK_DEPTH, MAX_PACKETS_PER_CHANNEL
from relayer.planner import counterpart
from relayer.ports import ChainClient
from relayer.views import (
    ClientFork,
    ClientView,
    EndView,
    OutgoingPacket,
    OutgoingPacketV2,
    PathView,
    Side,
)

_PROGRESS = {ConnectionState.OPEN: 0, ConnectionState.TRYOPEN: 1, ConnectionState.INIT: 2}


EventKey = tuple[Side, str, str, Sequence]
ClientKey = tuple[Side, ClientId, str]
"""A client where it is, with its newest height."""


class ChainIsBehind(OperationFailed):
    """A client knows more of a chain than the chain's node does; it is asked again later."""

    def __init__(self, *, chain_id: str, client_id: str, height: Height) -> None:
        super().__init__(f"{chain_id} is behind height {height}, which client {client_id} keeps")


@dataclass(slots=True)
class _Memory:
    """What one look asked that rarely changes. Mutable: a look fills it."""

    packets: dict[EventKey, Packet] = field(default_factory=dict)
    acknowledgements: dict[EventKey, bytes] = field(default_factory=dict)
    packets_v2: dict[tuple[Side, ClientId, Sequence], PacketV2] = field(default_factory=dict)
    answers_v2: dict[tuple[Side, ClientId, Sequence], AcknowledgementV2] = field(
        default_factory=dict
    )
    kept: dict[ClientKey, AnyValue] = field(default_factory=dict)
    """What clients keep of their newest height."""
    strangers: set[ClientKey] = field(default_factory=set)
    """Clients that never kept what the chain has."""


class Observer:
    """Looks at one path. Mutable: it remembers what the last look asked.

    What the look before did not ask is forgotten, so that the memory is bounded by what is
    under way: ``MAX_PACKETS_PER_CHANNEL`` packets of each channel.
    """

    def __init__(self, a: ChainClient, b: ChainClient, *, has_v2: bool = False) -> None:
        self._chains = {Side.A: a, Side.B: b}
        self._has_v2 = has_v2
        self._known = _Memory()
        self._asked = _Memory()
        self._clients: dict[Side, ClientId] = {}

    async def observe(self) -> PathView:
        """Return both ends as they are now."""
        self._known, self._asked = self._asked, _Memory()
        statuses = {side: await self._chains[side].status() for side in Side}
        ends = {side: await self._bare_end(side, statuses) for side in Side}
        self._clients = {
            side: end.client.client_id for side, end in ends.items() if end.client is not None
        }
        a, b = choose_connections(*await self._candidates(ends))
        chosen = {Side.A: a, Side.B: b}
        for side, connection in chosen.items():
            channels: tuple[IdentifiedChannel, ...] = ()
            if connection is not None:
                channels = await self._chains[side].channels(connection.connection_id)
            end = ends[side]
            ends[side] = replace(end, connection=connection, channels=channels)
        if self._has_v2:
            ends = {side: await self._with_packets_v2(side, ends) for side in Side}
        return PathView(
            a=await self._with_packets(Side.A, ends), b=await self._with_packets(Side.B, ends)
        )

    def forget(self) -> None:
        """Ask everything again at the next look: what was remembered proved wrong."""
        self._known, self._asked = _Memory(), _Memory()

    def client_id(self, side: Side) -> ClientId | None:
        """Return the client of the path on one chain as the last look found it."""
        return self._clients.get(side)

    async def _bare_end(self, side: Side, statuses: dict[Side, ChainStatus]) -> EndView:
        client, forks = await self._client(side, statuses[side.other].height)
        return EndView(
            status=statuses[side],
            client=client,
            connection=None,
            channels=(),
            outgoing=(),
            forks=forks,
        )

    async def _client(
        self, side: Side, newest: BlockHeight
    ) -> tuple[ClientView | None, tuple[ClientFork, ...]]:
        """Return the oldest usable client here that tracks the other chain, else a broken one.

        With the clients on the way to it that followed another branch and are not frozen;
        ``newest`` is the tracked chain's height.
        """
        source = self._chains[side.other]
        broken: ClientView | None = None
        forks: list[ClientFork] = []
        for hosted in sorted(await self._chains[side].clients(), key=_age_of):
            info = source.read_client(hosted.state)
            agreed = None if info is None else await self._agreed(side, hosted, info, newest)
            if info is None or agreed is None:
                continue
            is_forked = agreed != info.latest_height
            is_usable = not info.is_frozen and not is_forked
            view = ClientView(
                client_id=hosted.client_id,
                latest_height=info.latest_height,
                latest_time=await source.time_at(agreed) if is_usable else TimestampNs(0),
                trusting_period_ns=info.trusting_period_ns,
                is_frozen=info.is_frozen,
                is_forked=is_forked,
            )
            if is_usable:
                return view, tuple(forks)
            broken = broken or view
            if not info.is_frozen:
                forks.append(ClientFork(hosted.client_id, hosted.state, agreed))
        return broken, tuple(forks)

    async def _agreed(
        self, side: Side, hosted: HostedClient, info: ClientInfo, newest: BlockHeight
    ) -> Height | None:
        """Return a height at which a client keeps what the tracked chain has, its newest if so.

        None where there is none within ``MAX_FORK_DEPTH``: the client is a stranger's.

        Raises:
            ChainIsBehind: Its newest height is one that the chain's node has not yet.
        """
        host, source = self._chains[side], self._chains[side.other]
        key = (side, hosted.client_id, str(info.latest_height))
        is_known = info.latest_height.revision_height <= newest
        if is_known:
            kept = self._known.kept.get(key)
            if kept is None:
                kept = await host.hosted_consensus_state(hosted.client_id, info.latest_height)
            if kept == await source.consensus_state(info.latest_height):
                self._asked.kept[key] = kept
                return info.latest_height
        if key not in self._known.strangers:
            kept_heights = await host.consensus_heights(hosted.client_id)
            for height in _below(info.latest_height, newest, kept_heights):
                kept = await host.hosted_consensus_state(hosted.client_id, height)
                if kept is not None and kept == await source.consensus_state(height):
                    if not is_known:
                        raise ChainIsBehind(
                            chain_id=source.chain_id,
                            client_id=hosted.client_id,
                            height=info.latest_height,
                        )
                    return height
        self._asked.strangers.add(key)
        return None

    async def _candidates(
        self, ends: dict[Side, EndView]
    ) -> tuple[tuple[ConnectionInfo, ...], tuple[ConnectionInfo, ...]]:
        a, b = ends[Side.A].client, ends[Side.B].client
        if a is None or b is None:
            return (), ()
        of_a = await self._connections(Side.A, a.client_id, b.client_id)
        return of_a, await self._connections(Side.B, b.client_id, a.client_id)

    async def _connections(
        self, side: Side, own: ClientId, other: ClientId
    ) -> tuple[ConnectionInfo, ...]:
        return tuple(
            connection
            for connection in await self._chains[side].connections()
            if connection.end.client_id == own and connection.end.counterparty.client_id == other
        )

    async def _with_packets(self, side: Side, ends: dict[Side, EndView]) -> EndView:
        end = ends[side]
        outgoing: list[OutgoingPacket] = []
        for channel in end.channels:
            other = counterpart(ends[side.other], channel)
            if channel.end.counterparty.channel_id and other is not None:
                outgoing += await self._outgoing(side, channel, other)
        return replace(end, outgoing=tuple(outgoing))

    async def _outgoing(
        self, side: Side, channel: IdentifiedChannel, other: IdentifiedChannel
    ) -> list[OutgoingPacket]:
        sender, receiver = self._chains[side], self._chains[side.other]
        sequences = await sender.commitments(channel.port_id, channel.channel_id)
        sequences = sequences[:MAX_PACKETS_PER_CHANNEL]
        if not sequences:
            return []
        missing = await receiver.unreceived(other.port_id, other.channel_id, sequences)
        found: list[OutgoingPacket] = []
        for sequence in sequences:
            packet = await self._packet(side, channel, sequence)
            if packet is None:
                continue
            is_received = sequence not in missing
            acknowledgement = None
            if is_received:
                acknowledgement = await self._acknowledgement(side.other, other, sequence)
            found.append(
                OutgoingPacket(
                    packet=packet,
                    ordering=channel.end.ordering,
                    is_received=is_received,
                    acknowledgement=acknowledgement,
                    is_destination_closed=other.end.state is ChannelState.CLOSED,
                )
            )
        return found

    async def _with_packets_v2(self, side: Side, ends: dict[Side, EndView]) -> EndView:
        """Return an end with what IBC v2 has of its client."""
        end, there = ends[side], ends[side.other].client
        if end.client is None or there is None:
            return end
        sender, receiver = self._chains[side], self._chains[side.other]
        own = end.client.client_id
        counterparty = await sender.counterparty(own)
        if counterparty != there.client_id:
            return replace(end, counterparty=counterparty)
        sequences = (await sender.commitments_v2(own))[:MAX_PACKETS_PER_CHANNEL]
        missing: frozenset[Sequence] = frozenset()
        if sequences:
            if await receiver.counterparty(there.client_id) != own:
                return replace(end, counterparty=counterparty)
            missing = await receiver.unreceived_v2(there.client_id, sequences)
        found: list[OutgoingPacketV2] = []
        for sequence in sequences:
            packet = await self._packet_v2(side, own, sequence)
            if packet is not None:
                is_received = sequence not in missing
                acknowledgement = None
                if is_received:
                    acknowledgement = await self._answer_v2(side.other, there.client_id, sequence)
                found.append(OutgoingPacketV2(packet, is_received, acknowledgement))
        return replace(end, counterparty=counterparty, outgoing_v2=tuple(found))

    async def _packet_v2(
        self, side: Side, client_id: ClientId, sequence: Sequence
    ) -> PacketV2 | None:
        key = (side, client_id, sequence)
        packet = self._known.packets_v2.get(key)
        if packet is None:
            packet = await self._chains[side].sent_packet_v2(client_id, sequence)
        if packet is not None:
            self._asked.packets_v2[key] = packet
        return packet

    async def _answer_v2(
        self, side: Side, client_id: ClientId, sequence: Sequence
    ) -> AcknowledgementV2 | None:
        key = (side, client_id, sequence)
        written = self._known.answers_v2.get(key)
        if written is None:
            written = await self._chains[side].acknowledgement_v2(client_id, sequence)
        if written is not None:
            self._asked.answers_v2[key] = written
        return written

    async def _packet(
        self, side: Side, channel: IdentifiedChannel, sequence: Sequence
    ) -> Packet | None:
        key = (side, str(channel.port_id), str(channel.channel_id), sequence)
        packet = self._known.packets.get(key)
        if packet is None:
            packet = await self._chains[side].sent_packet(
                channel.port_id, channel.channel_id, sequence
            )
        if packet is not None:
            self._asked.packets[key] = packet
        return packet

    async def _acknowledgement(
        self, side: Side, channel: IdentifiedChannel, sequence: Sequence
    ) -> bytes | None:
        key = (side, str(channel.port_id), str(channel.channel_id), sequence)
        written = self._known.acknowledgements.get(key)
        if written is None:
            written = await self._chains[side].acknowledgement(
                channel.port_id, channel.channel_id, sequence
            )
        if written is not None:
            self._asked.acknowledgements[key] = written
        return written


def _below(latest: Height, newest: BlockHeight, kept: Items[Height]) -> Iterator[Height]:
    """Yield some of the kept heights that the chain has, from ``latest`` down.

    Twice as many are left out at each step, so that the evidence is at most twice too long;
    the lowest within ``MAX_FORK_DEPTH`` is the last.
    """
    top, bottom = min(latest.revision_height - 1, newest), latest.revision_height - MAX_FORK_DEPTH
    heights = sorted({each for each in kept if bottom <= each.revision_height <= top}, reverse=True)
    step = 1
    while step < len(heights):
        yield heights[step - 1]
        step *= 2
    yield from heights[-1:]


def _age_of(hosted: HostedClient) -> tuple[int, str]:
    digits = hosted.client_id.rpartition("-")[2]
    is_number = digits.isascii() and digits.isdecimal()
    return (int(digits) if is_number else 0, hosted.client_id)


def _rank(connection: ConnectionInfo) -> tuple[int, int, str]:
    digits = connection.connection_id.rpartition("-")[2]
    number = int(digits) if digits.isascii() and digits.isdecimal() else 0
    return (_PROGRESS.get(connection.end.state, 3), number, connection.connection_id)


def choose_connections(
    of_a: tuple[ConnectionInfo, ...], of_b: tuple[ConnectionInfo, ...]
) -> tuple[ConnectionInfo | None, ConnectionInfo | None]:
    """Return the two ends of the furthest, then oldest, attempt between two clients."""
    attempts: list[
        tuple[tuple[int, int, int, str], ConnectionInfo | None, ConnectionInfo | None]
    ] = []
    for own in of_a:
        other = _other_end(own, of_b)
        rank = min(_rank(own), _rank(other)) if other else _rank(own)
        attempts.append(((rank[0], 0 if other else 1, rank[1], "a"), own, other))
    for own in of_b:
        other = _other_end(own, of_a)
        if other is None:
            rank = _rank(own)
            attempts.append(((rank[0], 1, rank[1], "b"), None, own))
    if not attempts:
        return None, None
    _, a, b = min(attempts, key=lambda attempt: attempt[0])
    return a, b


def _other_end(
    own: ConnectionInfo, candidates: tuple[ConnectionInfo, ...]
) -> ConnectionInfo | None:
    named = own.end.counterparty.connection_id
    fitting = [
        candidate
        for candidate in candidates
        if (
            candidate.connection_id == named
            if named
            else candidate.end.counterparty.connection_id == own.connection_id
        )
    ]
    return min(fitting, key=_rank) if fitting else None
