"""Gathers real bytes of a chain sealed by QBFT: packets, account and storage proofs, headers.

Nothing here is forged. Every message goes through public RPC.
"""

from dataclasses import dataclass

from chainkit.primitives.heights import Height
from chainkit.primitives.timestamps import NS_PER_SECOND
from chainkit.primitives.types import BlockHeight, ChannelId, Denom
from demos.forged.account_values import AccountEvidence
from demos.forged.exchange import Exchange, HostEnd
from demos.forged.values import Proven
from demos.forged.world import World
from ibc.ics24_host import paths
from light_clients.qbft.codec import decode_client_message
from light_clients.qbft.types import SealedHeader
from parachains.account.client import AccountClient
from relayer import codec

NEW_HEADERS = 3
"""The skipping header is so far above those that the client has."""


@dataclass(frozen=True, slots=True)
class AccountEnd:
    """The chain sealed by QBFT."""

    client: AccountClient
    denom: Denom
    channel_id: ChannelId


class AccountGathering:
    """One gathering between a host and an account chain."""

    def __init__(self, world: World, host: HostEnd, source: AccountEnd) -> None:
        self._world = world
        self._host = host
        self._source = source
        self._exchange = Exchange(world, host, source)

    async def gather(self) -> AccountEvidence:
        """Return the evidence; takes some ten blocks.

        Raises:
            OperationFailed: A chain does not answer, or refuses a true message.
        """
        source = self._source.client
        fresh = await self._exchange.send_to_host()
        unreceived = await self._exchange.send_to_source()
        await self._world.wait_for_time(source, unreceived.timeout_timestamp)
        trusted = await self._update_client()
        final = BlockHeight(trusted.revision_height)
        target = BlockHeight(final + NEW_HEADERS)
        await self._world.wait_for_height(source, target)
        commitment = paths.packet_commitment(
            fresh.source_port, fresh.source_channel, fresh.sequence
        )
        receipt = paths.packet_receipt(
            unreceived.destination_port, unreceived.destination_channel, unreceived.sequence
        )
        other, _ = await source.rpc.proof(source.address, bytes(32), final)
        return AccountEvidence(
            host_signer=self._host.signer,
            client_id=(await self._exchange.hosted()).client_id,
            now=(await self._host.client.status()).time // NS_PER_SECOND,
            adjacent=await self._header(trusted, BlockHeight(final + 1)),
            skipping=await self._header(trusted, target),
            fresh=Proven(fresh, await source.prove(commitment, final)),
            unreceived=Proven(unreceived, await source.prove(receipt, final)),
            other_account=other,
        )

    async def _update_client(self) -> Height:
        """Bring the host's client of the source to its newest block; return that height."""
        host, source = self._host, self._source
        hosted = await self._exchange.hosted()
        info = source.client.read_client(hosted.state)
        assert info is not None, "the client is of another chain"
        target = (await source.client.status()).height
        updates = await source.client.updates(info.latest_height, target)
        messages = [
            codec.update_client(hosted.client_id, each, host.client.signer) for each in updates
        ]
        await self._exchange.do("an update", host.client, *messages)
        return Height(0, target)

    async def _header(self, trusted: Height, target: BlockHeight) -> SealedHeader:
        (message,) = await self._source.client.updates(trusted, target)
        header = decode_client_message(message)
        assert isinstance(header, SealedHeader)
        return header
