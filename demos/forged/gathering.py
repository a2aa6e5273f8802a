"""Gathers real bytes of two chains: packets on their way, late and answered, proofs and headers.

Nothing here is forged. Every message goes through public RPC, and what the chains answered
is what the forgeries start from.
"""

from collections.abc import Sequence as Items
from dataclasses import dataclass

from chainkit.primitives.errors import OperationFailed
from chainkit.primitives.heights import Height, chain_revision
from chainkit.primitives.timestamps import seconds_to_ns
from chainkit.primitives.types import (
    BlockHeight,
    ChannelId,
    ClientId,
    Denom,
    DurationNs,
    Sequence,
    TimestampNs,
)
from demos.forged.codec import transfer
from demos.forged.values import Absences, Evidence, Headers, Proven
from demos.forged.world import AMOUNT, LONG_NS, PORT, SHORT_NS, NotDone, World
from ibc.ics02_client.port import AnyValue
from ibc.ics03_connection.types import ConnectionState
from ibc.ics04_channel.types import ChannelState, IdentifiedChannel, Order, Packet
from ibc.ics24_host import paths
from light_clients.tendermint.codec import decode_client_message
from light_clients.tendermint.types import ClientHeader
from parachains.sdk.relaying import ConnectionInfo, HostedClient, NewClient, ProvenValue, TxOutcome
from parachains.zone.client import ZoneClient
from relayer import codec
from relayer.views import InitChannel, InitConnection, ReceivePacket, Side, WantedChannel

MEDIUM_NS = seconds_to_ns(40)
"""Long enough for a packet to be relayed at once, short enough to wait for its timeout."""
EXPIRING_NS = seconds_to_ns(30)
"""The trusting period of the client that is to expire."""
_HEADERS_AFTER = 3
"""The skipping header is so far above the trusted one."""


@dataclass(frozen=True, slots=True)
class End:
    """One chain of an open channel: who acts there, and the names that it has for it all."""

    client: ZoneClient
    denom: Denom
    channel_id: ChannelId
    connection: ConnectionInfo

    @property
    def client_id(self) -> ClientId:
        """The client here of the other chain."""
        return self.connection.end.client_id

    @property
    def revision(self) -> int:
        """The chain's revision."""
        return chain_revision(self.client.chain_id)


async def end_of(client: ZoneClient, denom: Denom, channel_id: ChannelId) -> End:
    """Return an end of an open transfer channel.

    Raises:
        OperationFailed: There is no such channel.
    """
    for connection in await client.connections():
        for channel in await client.channels(connection.connection_id):
            if (channel.port_id, channel.channel_id) == (PORT, channel_id):
                return End(client, denom, channel_id, connection)
    raise OperationFailed(f"no channel {channel_id} on {client.chain_id}")


class Gathering:
    """One gathering between two ends; ``host`` is the chain that is to be lied to."""

    def __init__(self, world: World, host: End, source: End) -> None:
        self._world = world
        self._host = host
        self._source = source

    async def gather(self) -> Evidence:
        """Return the evidence; takes about ``MEDIUM_NS`` of the chains' time.

        Raises:
            OperationFailed: A chain does not answer, or refuses a true message.
        """
        received, fresh, late = await self._send(self._source, (LONG_NS, LONG_NS, SHORT_NS))
        answered, unreceived, pending = await self._send(self._host, (MEDIUM_NS, SHORT_NS, LONG_NS))
        expired_id = await self._expiring_client()
        channel = await self._begin_channel()
        begun = await self._begin_connection()
        received_proof = await self._relay(self._source, self._host, received)
        await self._relay(self._host, self._source, answered)
        await self._world.wait_for_time(self._source.client, answered.timeout_timestamp)
        await self._world.wait_for_time(self._host.client, late.timeout_timestamp)
        trusted = await self._trusted()
        at = BlockHeight(trusted.revision_height)
        source = self._source.client
        answer = await source.acknowledgement(
            answered.destination_port, answered.destination_channel, answered.sequence
        )
        assert answer is not None, "the packet was received and not answered"
        headers = await self._headers(trusted)
        expired_header = await self._expired_header(expired_id, at)
        return Evidence(
            host_signer=self._host.client.signer,
            headers=headers,
            expired_client_id=expired_id,
            trusted=trusted,
            received=Proven(received, received_proof),
            fresh=Proven(fresh, await source.prove(_commitment(fresh), at)),
            late=Proven(late, await source.prove(_commitment(late), at)),
            answered=Proven(answered, await source.prove(_answer(answered), at), answer),
            unreceived=Proven(unreceived, await source.prove(_receipt(unreceived), at)),
            pending=Proven(pending, await source.prove(_receipt(pending), at)),
            absences=Absences(
                receipt=await source.prove(_receipt(answered), at),
                before=await source.prove(_commitment(fresh), at),
                other=await source.prove(_receipt(unreceived), at),
            ),
            channel=channel,
            channel_proof=await source.prove(paths.channel(PORT, channel.channel_id), at),
            open_channel=await source.prove(paths.channel(PORT, self._source.channel_id), at),
            connection=self._host.connection,
            begun_connection=begun,
            begun_proof=await source.prove(paths.connection(begun.connection_id), at),
            prefix=source.commitment_prefix,
            upgrade=await source.new_client(None),
            other_chain=await self._host_header(),
            expired_header=expired_header,
        )

    async def _do(self, what: str, end: End, *messages: AnyValue) -> TxOutcome:
        outcome = await self._world.deliver(end.client, *messages)
        if outcome.code:
            raise NotDone(what=what, outcome=outcome)
        return outcome

    async def _send(self, end: End, lifetimes: Items[DurationNs]) -> list[Packet]:
        """Send one packet for each lifetime, in one transaction."""
        other = self._source if end is self._host else self._host
        before = set(await end.client.commitments(PORT, end.channel_id))
        now = (await other.client.status()).time
        messages = [
            transfer(
                end.channel_id,
                end.client.signer,
                other.client.signer,
                end.denom,
                AMOUNT,
                TimestampNs(now + lifetime),
            )
            for lifetime in lifetimes
        ]
        await self._do("a transfer", end, *messages)
        sequences = sorted(set(await end.client.commitments(PORT, end.channel_id)) - before)
        return [await self._sent(end, sequence) for sequence in sequences]

    async def _sent(self, end: End, sequence: Sequence) -> Packet:
        packet = await end.client.sent_packet(PORT, end.channel_id, sequence)
        assert packet is not None, "a committed packet has no event"
        return packet

    async def _expiring_client(self) -> ClientId:
        """Make a client on the host that will soon be too old."""
        before = {hosted.client_id for hosted in await self._host.client.clients()}
        new: NewClient = await self._source.client.new_client(EXPIRING_NS)
        message = codec.create_client(new, self._host.client.signer)
        await self._do("a client", self._host, message)
        made = [h.client_id for h in await self._host.client.clients() if h.client_id not in before]
        return made[0]

    async def _begin_channel(self) -> IdentifiedChannel:
        """Begin a second channel on the source."""
        wanted = WantedChannel(PORT, PORT, "ics20-1", Order.UNORDERED)
        action = InitChannel(Side.A, self._source.connection, wanted)
        signer = self._source.client.signer
        await self._do("a channel", self._source, codec.channel_init(action, signer))
        begun = [
            channel
            for channel in await self._source.client.channels(self._source.connection.connection_id)
            if channel.end.state is ChannelState.INIT
        ]
        return begun[-1]

    async def _begin_connection(self) -> ConnectionInfo:
        """Begin a second connection on the source."""
        action = InitConnection(Side.A, self._source.client_id, self._host.client_id)
        prefix, signer = self._host.client.commitment_prefix, self._source.client.signer
        message = codec.connection_init(action, prefix, signer)
        await self._do("a connection", self._source, message)
        return next(
            connection
            for connection in await self._source.client.connections()
            if connection.end.state is ConnectionState.INIT
        )

    async def _relay(self, source: End, host: End, packet: Packet) -> ProvenValue:
        """Deliver a packet, and return the proof that it came with."""
        at = await self._newest_after(source)
        updates = await self._updates(source, host, at)
        proof = await source.client.prove(_commitment(packet), at)
        action = ReceivePacket(Side.B, packet)
        message = codec.receive_packet(action, proof, host.client.signer)
        await self._do("a packet", host, *updates, message)
        return proof

    async def _newest_after(self, end: End) -> BlockHeight:
        """Return a height above every block that has been seen of the chain."""
        height = BlockHeight((await end.client.status()).height + 1)
        await self._world.wait_for_height(end.client, height)
        return height

    async def _updates(self, source: End, host: End, at: BlockHeight) -> list[AnyValue]:
        known = await self._known(source, host, host.client_id)
        headers = await source.client.updates(known, at)
        return [codec.update_client(host.client_id, h, host.client.signer) for h in headers]

    async def _known(self, source: End, host: End, client_id: ClientId) -> Height:
        hosted: HostedClient = next(
            each for each in await host.client.clients() if each.client_id == client_id
        )
        info = source.client.read_client(hosted.state)
        assert info is not None, "the client is of another chain"
        return info.latest_height

    async def _trusted(self) -> Height:
        """Bring the host's client to a height under which all is proven that was done."""
        at = await self._newest_after(self._source)
        updates = await self._updates(self._source, self._host, at)
        await self._do("an update", self._host, *updates)
        return Height(self._source.revision, at)

    async def headers(self) -> Headers:
        """Return headers of the source that the host's client does not have yet."""
        return await self._headers(await self._trusted())

    async def _headers(self, trusted: Height) -> Headers:
        target = BlockHeight(trusted.revision_height + _HEADERS_AFTER)
        await self._world.wait_for_height(self._source.client, target)
        return Headers(
            self._host.client.signer,
            self._host.client_id,
            await self._header(trusted, BlockHeight(trusted.revision_height + 1)),
            await self._header(trusted, target),
        )

    async def _header(self, trusted: Height, target: BlockHeight) -> ClientHeader:
        (message,) = await self._source.client.updates(trusted, target)
        header = decode_client_message(message)
        assert isinstance(header, ClientHeader)
        return header

    async def _expired_header(self, client_id: ClientId, at: BlockHeight) -> ClientHeader:
        known = await self._known(self._source, self._host, client_id)
        time = await self._source.client.time_at(known)
        await self._world.wait_for_time(self._host.client, TimestampNs(time + EXPIRING_NS))
        return await self._header(known, at)

    async def _host_header(self) -> ClientHeader:
        """Return a header of the host's own chain, as its client elsewhere would get it."""
        height = (await self._host.client.status()).height
        trusted = Height(self._host.revision, height - 1)
        (message,) = await self._host.client.updates(trusted, height)
        header = decode_client_message(message)
        assert isinstance(header, ClientHeader)
        return header


def _commitment(packet: Packet) -> bytes:
    return paths.packet_commitment(packet.source_port, packet.source_channel, packet.sequence)


def _receipt(packet: Packet) -> bytes:
    return paths.packet_receipt(
        packet.destination_port, packet.destination_channel, packet.sequence
    )


def _answer(packet: Packet) -> bytes:
    return paths.packet_acknowledgement(
        packet.destination_port, packet.destination_channel, packet.sequence
    )
