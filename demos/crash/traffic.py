"""Transfers from zone-a over the hub to zone-b, one after another, while processes die."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from chainkit.primitives.types import PortId
from chainkit.wire.codec import encode, type_url
from chainkit.wire.proto.cosmos.base.v1beta1.coin_pb2 import Coin
from chainkit.wire.proto.ibc.applications.transfer.v1.tx_pb2 import MsgTransfer
from demos.network import Channel, Network
from ibc.ics02_client.port import AnyValue
from parachains.sdk.relaying import TxOutcome

ORIGIN, HUB, END = "zone-a", "hub", "zone-b"
SENDER, RECEIVER = "alice", "bob"
PORT = PortId("transfer")
FIRST_AMOUNT = 1_001
PAUSE_BLOCKS = 3
"""Blocks of the origin between two transfers."""
POLL_S = 0.3
BLOCK_TIMEOUT_S = 60
TIMEOUT_S = 7_200
"""Far beyond the demo: a transfer that is late is late by a crash, and must still arrive."""


class TransferRefused(AssertionError):
    """The origin, which nobody kills, refused a transfer of the demo's own."""

    def __init__(self, *, outcome: TxOutcome) -> None:
        super().__init__(f"{ORIGIN} refused a transfer: {outcome.log}")


@dataclass(slots=True)
class Traffic:
    """What was submitted so far. Mutable: it grows while the network runs.

    Attributes:
        from_origin: Channel between the origin and the hub.
        to_end: Channel between the hub and the last chain.
        amounts: Of every transfer that was handed to the origin, each once.
    """

    net: Network
    from_origin: Channel
    to_end: Channel
    amounts: list[int] = field(default_factory=list)

    @property
    def total(self) -> int:
        """The sum of all transfers."""
        return sum(self.amounts)

    async def send(self) -> None:
        """Submit the next transfer and wait until a block of the origin holds it.

        Raises:
            TransferRefused: The block did nothing with it.
            TimeoutError: No block took it.
        """
        net = self.net
        client = await net.client(ORIGIN, SENDER)
        amount = FIRST_AMOUNT + len(self.amounts)
        forward = {
            "receiver": net.account(RECEIVER).addresses[END],
            "port": PORT,
            "channel": self.to_end.on_a,
            "timeout": f"{TIMEOUT_S}s",
        }
        message = MsgTransfer(
            source_port=PORT,
            source_channel=self.from_origin.on_a,
            token=Coin(denom=net.chain(ORIGIN).denom, amount=str(amount)),
            sender=client.signer,
            receiver=net.account("relayer").addresses[HUB],
            timeout_timestamp=time.time_ns() + TIMEOUT_S * 10**9,
            memo=json.dumps({"forward": forward}, separators=(",", ":")),
        )
        self.amounts.append(amount)
        tx = await client.sign((AnyValue(type_url(message), encode(message)),))
        await client.broadcast(tx)
        outcome = await client.outcome(tx.tx_hash)
        async with asyncio.timeout(BLOCK_TIMEOUT_S):
            while outcome is None:
                await asyncio.sleep(POLL_S)
                outcome = await client.outcome(tx.tx_hash)
        if outcome.code != 0:
            raise TransferRefused(outcome=outcome)

    async def keep_sending(self, stop: asyncio.Event) -> None:
        """Send until told to stop; silently, since others tell what is going on."""
        client = await self.net.client(ORIGIN, SENDER)
        while not stop.is_set():
            await self.send()
            height = (await client.status()).height
            target = height + PAUSE_BLOCKS
            while height < target and not stop.is_set():
                await asyncio.sleep(POLL_S)
                height = (await client.status()).height

    async def unfinished(self) -> int:
        """Return how many packets of all hops wait for their acknowledgement."""
        ends = ((ORIGIN, self.from_origin.on_a), (HUB, self.to_end.on_a))
        counts = [
            len(await (await self.net.client(chain)).commitments(PORT, channel))
            for chain, channel in ends
        ]
        return sum(counts)


@asynccontextmanager
async def flowing(traffic: Traffic) -> AsyncIterator[Traffic]:
    """Send until the block ends; the last transfer is in a block then."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(traffic.keep_sending(stop))
        try:
            yield traffic
        finally:
            stop.set()
