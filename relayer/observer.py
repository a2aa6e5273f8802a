"""What a path looks like now: questions to both chains, put together into a view.

The clients and connections of a path are found on the chains, not remembered: a client
counts only if what it keeps is what the chain that it tracks really had at that height.
"""

from dataclasses import dataclass, field

from chainkit.primitives.heights import chain_revision
from chainkit.primitives.types import ClientId, Sequence
from ibc.ics03_connection.types import ConnectionState
from ibc.ics04_channel.types import ChannelState, IdentifiedChannel, Packet
from parachains.sdk.relaying import ConnectionInfo, HostedClient
from relayer.limits import MAX_PACKETS_PER_CHANNEL
from relayer.planner import counterpart
from relayer.ports import ChainClient
from relayer.views import ClientView, EndView, OutgoingPacket, PathView, Side

_PROGRESS = {ConnectionState.OPEN: 0, ConnectionState.TRYOPEN: 1, ConnectionState.INIT: 2}


EventKey = tuple[Side, str, str, Sequence]


@dataclass(slots=True)
class _Memory:
    """What one look asked that never changes once it is final. Mutable: a look fills it."""

    packets: dict[EventKey, Packet] = field(default_factory=dict)
    acknowledgements: dict[EventKey, bytes] = field(default_factory=dict)
    honest: set[tuple[Side, ClientId, str]] = field(default_factory=set)
    """Clients whose newest state was found to be the tracked chain's, with its height."""


class Observer:
    """Looks at one path. Mutable: it remembers what the last look asked.

    What the look before did not ask is forgotten, so that the memory is bounded by what is
    under way: ``MAX_PACKETS_PER_CHANNEL`` packets of each channel.
    """

    def __init__(self, a: ChainClient, b: ChainClient) -> None:
        self._chains = {Side.A: a, Side.B: b}
        self._known = _Memory()
        self._asked = _Memory()
        self._clients: dict[Side, ClientId] = {}

    async def observe(self) -> PathView:
        """Return both ends as they are now."""
        self._known, self._asked = self._asked, _Memory()
        ends = {side: await self._bare_end(side) for side in Side}
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
            ends[side] = EndView(
                end.status, end.revision, end.client, connection, channels, end.outgoing
            )
        return PathView(
            a=await self._with_packets(Side.A, ends), b=await self._with_packets(Side.B, ends)
        )

    def client_id(self, side: Side) -> ClientId | None:
        """Return the client of the path on one chain as the last look found it."""
        return self._clients.get(side)

    async def _bare_end(self, side: Side) -> EndView:
        host = self._chains[side]
        return EndView(
            status=await host.status(),
            revision=chain_revision(host.chain_id),
            client=await self._client(side),
            connection=None,
            channels=(),
            outgoing=(),
        )

    async def _client(self, side: Side) -> ClientView | None:
        """Return the oldest usable client here that tracks the other chain, else a broken one."""
        source = self._chains[side.other]
        broken: ClientView | None = None
        for hosted in sorted(await self._chains[side].clients(), key=_age_of):
            info = source.read_client(hosted.state)
            if info is None or not await self._is_honest(side, hosted):
                continue
            view = ClientView(
                client_id=hosted.client_id,
                latest_height=info.latest_height,
                latest_time=await source.time_at(info.latest_height),
                trusting_period_ns=info.trusting_period_ns,
                is_frozen=info.is_frozen,
            )
            if not info.is_frozen:
                return view
            broken = broken or view
        return broken

    async def _is_honest(self, side: Side, hosted: HostedClient) -> bool:
        """Return whether the client keeps what the tracked chain really had."""
        host, source = self._chains[side], self._chains[side.other]
        info = source.read_client(hosted.state)
        if info is None:
            return False
        key = (side, hosted.client_id, str(info.latest_height))
        if key not in self._known.honest:
            kept = await host.hosted_consensus_state(hosted.client_id, info.latest_height)
            if kept != await source.consensus_state(info.latest_height):
                return False
        self._asked.honest.add(key)
        return True

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
        return EndView(
            end.status, end.revision, end.client, end.connection, end.channels, tuple(outgoing)
        )

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
