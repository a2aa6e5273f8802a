"""Gathers real bytes of a chain with proof of work: packets, proofs, headers, and a bought output.

Nothing here is forged. Every message goes through public RPC.
"""

from dataclasses import dataclass

from chainkit.formats.bitcoin.blocks import Block, decode_block
from chainkit.formats.bitcoin.encoding import display_hash
from chainkit.formats.bitcoin.transactions import TxOutput
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.heights import Height
from chainkit.primitives.timestamps import NS_PER_SECOND
from chainkit.primitives.types import BlockHeight, ChannelId, Denom
from demos.forged.bitcoin_values import Bait, BitcoinEvidence
from demos.forged.exchange import Exchange, HostEnd
from demos.forged.values import Proven
from demos.forged.world import World
from ibc.ics04_channel.types import Packet
from ibc.ics24_host import paths
from light_clients.bitcoin.codec import (
    decode_anchor,
    decode_client_state,
    decode_headers,
    decode_membership_proof,
)
from light_clients.bitcoin.proofs import commitment_script, committed_root
from light_clients.bitcoin.types import ClientState
from parachains.sdk.relaying import HostedClient
from parachains.utxo.client import UtxoClient
from parachains.utxo.rpc import Rpc, RpcTransport
from parachains.utxo.wallet import Key, Spendable, build_transaction
from relayer import codec

NEW_HEADERS = 3
"""So many true headers follow those that the client has."""
_FEE_RATE = 2


@dataclass(frozen=True, slots=True)
class UtxoEnd:
    """The chain with proof of work."""

    client: UtxoClient
    transport: RpcTransport
    key: Key
    denom: Denom
    channel_id: ChannelId


class BitcoinGathering:
    """One gathering between a host and a UTXO chain."""

    def __init__(self, world: World, host: HostEnd, source: UtxoEnd) -> None:
        self._world = world
        self._host = host
        self._source = source
        self._exchange = Exchange(world, host, source)
        self._rpc = Rpc(source.transport)

    async def gather(self) -> BitcoinEvidence:
        """Return the evidence; takes some twenty blocks.

        Raises:
            OperationFailed: A chain does not answer, or refuses a true message.
        """
        host, source = self._host, self._source
        fresh = await self._exchange.send_to_host()
        unreceived = await self._exchange.send_to_source()
        bait = await self._buy_bait(fresh)
        await self._world.wait_for_height(source.client, BlockHeight(bait.height))
        await self._world.wait_for_time(source.client, unreceived.timeout_timestamp)
        hosted, client = await self._update_client()
        trusted = client.latest_height
        final = BlockHeight(trusted.revision_height)
        tip_height = BlockHeight(final + client.confirmations - 1)
        await self._world.wait_for_height(source.client, BlockHeight(tip_height + NEW_HEADERS))
        _, anchor = await self._rpc.new_client(tip_height, client.confirmations)
        tip = decode_anchor(anchor).point
        assert tip.header.hash == client.tip, "the client follows another branch"
        last = BlockHeight(tip_height + NEW_HEADERS - client.confirmations + 1)
        (update,) = await source.client.updates(Height(0, tip_height), last)
        commitment = paths.packet_commitment(
            fresh.source_port, fresh.source_channel, fresh.sequence
        )
        receipt = paths.packet_receipt(
            unreceived.destination_port, unreceived.destination_channel, unreceived.sequence
        )
        return BitcoinEvidence(
            host_signer=host.signer,
            client_id=hosted.client_id,
            client=client,
            tip=tip,
            now=(await host.client.status()).time // NS_PER_SECOND,
            fresh=Proven(fresh, await source.client.prove(commitment, final)),
            shallow=tuple(
                [
                    await source.client.prove(commitment, BlockHeight(height))
                    for height in range(final + 1, tip_height + 1)
                ]
            ),
            unreceived=Proven(unreceived, await source.client.prove(receipt, final)),
            update=decode_headers(update),
            bait=bait,
        )

    async def _buy_bait(self, fresh: Packet) -> Bait:
        """Pay for an output like a commitment to a state that holds the packet."""
        source = self._source
        path = paths.packet_commitment(fresh.source_port, fresh.source_channel, fresh.sequence)
        _, tip = await self._rpc.status()
        state, _ = await self._rpc.new_client(tip.height, 1)
        tag = decode_client_state(state).commitment_tag
        proof = decode_membership_proof((await source.client.prove(path, tip.height)).proof)
        first = (await self._block(tip.height)).transactions[0]
        root = committed_root(first, tag)
        assert root is not None, "a block of the chain commits to no state"
        coins = [Spendable(c.point, c.output) for c in await self._rpc.unspent(source.key.script)]
        output = TxOutput(0, commitment_script(tag, root))
        tx = build_transaction(source.key, coins, [output], fee_rate=_FEE_RATE)
        await self._rpc.send(tx.encoded)
        taken = await self._world.wait_for_outcome(source.client, display_hash(tx.txid))
        block = await self._block(taken.height)
        index = [each.txid for each in block.transactions].index(tx.txid)
        return Bait(taken.height, block.transactions, index, proof.merkle_proof)

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

    async def _block(self, height: int) -> Block:
        transport = self._source.transport
        name = await transport.call("getblockhash", {"height": height})
        raw = await transport.call("getblock", {"blockhash": name, "verbosity": 0})
        if not isinstance(raw, str):
            raise MalformedMessage("a block is a text of hex digits")
        return decode_block(bytes.fromhex(raw))
