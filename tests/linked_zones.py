"""Two zones in this process with an open channel, and the bytes that forgeries start from.

The relayer's own code opens the channel; ``demos.forged`` gathers packets, proofs and headers
through the zones' RPC, as it does from a network of processes.
"""

import asyncio
from dataclasses import dataclass

from demos.forged.gathering import Gathering, end_of
from demos.forged.judge import Judge
from demos.forged.values import Evidence
from relayer.config import RelayerSettings
from relayer.daemon import Adapters, workers
from relayer.views import PathSpec, WantedChannel
from tests.relaying import SECOND, FakeBus, FakeClock, MemoryJournal
from tests.zones import InProcessZone

START = 1_700_000_000 * SECOND
TRANSFER = WantedChannel("transfer", "transfer", "ics20-1")


@dataclass(frozen=True)
class Linked:
    """The hub, which is lied to, a zone of three validators, and the true bytes."""

    hub: InProcessZone
    zone: InProcessZone
    evidence: Evidence

    def forger(self):
        """The forger's client of the hub: neither a relayer nor the creator of anything."""
        return self.hub.client(self.hub.users["forger"])

    def judge(self, *, later_s: int = 1) -> Judge:
        """A judge on the hub's state, in a block some seconds after its last."""
        return Judge(
            self.hub.app,
            chain_id=self.hub.chain_id,
            key=self.hub.users["forger"],
            denom=self.hub.denom,
            time=self.hub.headers[self.hub.height].header.time + later_s * SECOND,
        )


class World:
    """What gathering needs: a transaction is a block, and waiting makes blocks on both chains."""

    def __init__(self, *zones):
        self.zones = {zone.chain_id: zone for zone in zones}

    async def deliver(self, client, *messages):
        tx = await client.sign(messages)
        await client.broadcast(tx)
        return await self.wait_for_outcome(client, tx.tx_hash)

    async def wait_for_outcome(self, client, tx_hash):
        return await client.outcome(tx_hash)

    async def wait_for_time(self, client, time):
        zone = self.zones[client.chain_id]
        while zone.headers[zone.height].header.time <= time:
            self.tick()

    async def wait_for_height(self, client, height):
        while self.zones[client.chain_id].height < height:
            self.tick()

    def tick(self):
        for zone in self.zones.values():
            zone.block()


async def join(wanted: WantedChannel) -> World:
    """``hub-1`` and ``zone-a-1`` with one open channel, ``channel-0`` on both."""
    clock = FakeClock(START)
    zone = InProcessZone("zone-a-1", clock, prefix="zone", denom="atoken", validators=3)
    hub = InProcessZone("hub-1", clock, prefix="isthmus", denom="stake", users=["forger"])
    paths = (PathSpec("zone-hub", zone.chain_id, hub.chain_id, (wanted,)),)
    chains = {each.chain_id: each.client() for each in (zone, hub)}
    adapters = Adapters(chains, MemoryJournal(), FakeBus(), clock)
    (worker,) = workers(RelayerSettings((), paths, None, None), adapters)
    world = World(zone, hub)
    while await worker.round() or not await hub.client().channels("connection-0"):
        world.tick()
    return world


async def _link() -> Linked:
    world = await join(TRANSFER)
    hub, zone = world.zones["hub-1"], world.zones["zone-a-1"]
    ends = [
        await end_of(client, denom, "channel-0")
        for client, denom in (
            (hub.client(hub.users["forger"]), hub.denom),
            (zone.client(), zone.denom),
        )
    ]
    return Linked(hub, zone, await Gathering(world, *ends).gather())


def linked_zones() -> Linked:
    return asyncio.run(_link())
