"""Gathers real bytes of a DAG chain: packets, proofs, and headers in their places.

Nothing here is forged. Every message goes through public RPC.
"""

from dataclasses import dataclass

from chainkit.formats.ghostdag.blocks import DagBlock
from chainkit.formats.ghostdag.dag import Dag
from chainkit.primitives.types import BlockHeight, ChannelId, Denom
from demos.forged.exchange import Exchange, HostEnd
from demos.forged.ghostdag_values import GhostdagEvidence
from demos.forged.values import Proven
from demos.forged.world import World
from ibc.ics24_host import paths
from light_clients.ghostdag.codec import decode_anchor, decode_client_state
from light_clients.ghostdag.types import NS_PER_MS, ClientState
from parachains.dag.client import DagClient
from parachains.sdk.relaying import HostedClient, ProvenValue
from relayer import codec

NEW_SCORES = 4
"""Blue scores by which true headers go on above those that the client has."""


@dataclass(frozen=True, slots=True)
class DagEnd:
    """The DAG chain."""

    client: DagClient
    denom: Denom
    channel_id: ChannelId


class GhostdagGathering:
    """One gathering between a host and a DAG chain."""

    def __init__(self, world: World, host: HostEnd, source: DagEnd) -> None:
        self._world = world
        self._host = host
        self._source = source
        self._exchange = Exchange(world, host, source)

    async def gather(self) -> GhostdagEvidence:
        """Return the evidence; takes some blocks more than the finality depth.

        Raises:
            OperationFailed: A chain does not answer, or refuses a true message.
        """
        host, source = self._host, self._source
        fresh = await self._exchange.send_to_host()
        unreceived = await self._exchange.send_to_source()
        sent = await source.client.packet_entry("send_packet", source.channel_id, fresh.sequence)
        assert sent is not None, "a committed packet has no event"
        await self._world.wait_for_height(source.client, BlockHeight(sent.blue_score))
        await self._world.wait_for_time(source.client, unreceived.timeout_timestamp)
        hosted, client = await self._update_client()
        final = BlockHeight(client.latest_height.revision_height)
        await self._world.wait_for_height(source.client, BlockHeight(final + NEW_SCORES))
        dag = await self._dag()
        known = tuple(block for block in dag if dag.is_ancestor(block.hash, client.tip))
        own = await source.client.rpc.sink()
        later = tuple(
            block.header
            for block in dag
            if not dag.is_ancestor(block.hash, client.tip) and dag.is_ancestor(block.hash, own)
        )
        commitment = paths.packet_commitment(
            fresh.source_port, fresh.source_channel, fresh.sequence
        )
        receipt = paths.packet_receipt(
            unreceived.destination_port, unreceived.destination_channel, unreceived.sequence
        )
        return GhostdagEvidence(
            host_signer=host.signer,
            client_id=hosted.client_id,
            client=client,
            blocks=known,
            now_ms=(await host.client.status()).time // NS_PER_MS,
            fresh=Proven(fresh, await source.client.prove(commitment, final)),
            shallow=await self._shallow(commitment, known, client),
            unreceived=Proven(unreceived, await source.client.prove(receipt, final)),
            update=later,
        )

    async def _dag(self) -> Dag:
        """Return the node's blocks in their places, as far down as new ones are judged by."""
        state, anchor = await self._source.client.rpc.new_client(1)
        client = decode_client_state(state)
        return Dag(client.parameters, decode_anchor(anchor).blocks, client.genesis)

    async def _shallow(
        self, path: bytes, known: tuple[DagBlock, ...], client: ClientState
    ) -> tuple[ProvenValue, ...]:
        """Return proofs under the chain blocks from the newest final one to the client's tip."""
        by_hash = {block.hash: block for block in known}
        heights = []
        block = by_hash[client.tip]
        while block.order.blue_score > client.latest_height.revision_height:
            heights.append(BlockHeight(block.order.blue_score))
            assert block.order.selected_parent is not None
            block = by_hash[block.order.selected_parent]
        return tuple([await self._source.client.prove(path, each) for each in reversed(heights)])

    async def _update_client(self) -> tuple[HostedClient, ClientState]:
        """Bring the host's client of the source to its newest final block."""
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
        hosted = await self._exchange.hosted()
        return hosted, decode_client_state(hosted.state)
