"""What gathering on any chain has in common: true messages done, and packets sent."""

from dataclasses import dataclass
from typing import Protocol

from chainkit.primitives.types import ChannelId, Denom, DurationNs, Sequence, TimestampNs
from demos.forged.codec import transfer
from demos.forged.world import AMOUNT, LONG_NS, PORT, SHORT_NS, NotDone, World
from ibc.ics02_client.port import AnyValue
from ibc.ics04_channel.types import Packet
from parachains.sdk.relaying import HostedClient
from relayer.ports import ChainClient


@dataclass(frozen=True, slots=True)
class HostEnd:
    """The chain that is to be lied to; ``signer`` is who will lie, ``client`` signs here."""

    client: ChainClient
    denom: Denom
    channel_id: ChannelId
    signer: str


class SourceEnd(Protocol):
    """The chain that is to be lied about."""

    @property
    def client(self) -> ChainClient:
        """Signs there."""
        ...

    @property
    def denom(self) -> Denom:
        """The chain's own token."""
        ...

    @property
    def channel_id(self) -> ChannelId:
        """Its end of the channel."""
        ...


class Exchange:
    """Packets between a host and a source."""

    def __init__(self, world: World, host: HostEnd, source: SourceEnd) -> None:
        self._world = world
        self._host = host
        self._source = source

    async def do(self, what: str, client: ChainClient, *messages: AnyValue) -> None:
        """Have true messages done.

        Raises:
            NotDone: They were refused.
        """
        outcome = await self._world.deliver(client, *messages)
        if outcome.code:
            raise NotDone(what=what, outcome=outcome)

    async def send_to_host(self) -> Packet:
        """Return a packet of the source that is long on its way."""
        return await self._send(self._source, self._host.client, self._host.signer, LONG_NS)

    async def send_to_source(self) -> Packet:
        """Return a packet of the host that will soon be late."""
        receiver = self._source.client.signer
        return await self._send(self._host, self._source.client, receiver, SHORT_NS)

    async def _send(
        self, end: SourceEnd, other: ChainClient, receiver: str, lifetime: DurationNs
    ) -> Packet:
        timeout = TimestampNs((await other.status()).time + lifetime)
        client, channel = end.client, end.channel_id
        message = transfer(channel, client.signer, receiver, end.denom, AMOUNT, timeout)
        before = set(await client.commitments(PORT, channel))
        await self.do("a transfer", client, message)
        (sequence,) = set(await client.commitments(PORT, channel)) - before
        packet = await client.sent_packet(PORT, channel, Sequence(sequence))
        assert packet is not None, "a committed packet has no event"
        return packet

    async def hosted(self) -> HostedClient:
        """Return the host's client of the source."""
        return next(
            each
            for each in await self._host.client.clients()
            if self._source.client.read_client(each.state) is not None
        )
