"""``isthmus demo versions``: a transfer of IBC v1 and one of v2 side by side, there and home.

One relayer serves one path: a channel on a connection for v1, the same two clients for v2. The
token has a name of its own by either way, and each way home ends in the right escrow.
"""

import asyncio
from dataclasses import asdict, dataclass
from pathlib import Path

from chainkit.primitives.types import ChannelId, ClientId
from demos.journeys import Spokes, open_spokes, settle, there_and_back, travel
from demos.ledgers import balance_of_escrow
from demos.network import Channel, Network, run_scenario
from demos.routes import HUB, HUB_CHAIN
from demos.story import Story
from isthmus.cli.output import Output
from isthmus.config import ChainSpec, NetSpec, PathEndSpec

ZONE = "zone"
SPEC = NetSpec(
    chains=(HUB_CHAIN, ChainSpec(name=ZONE, kind="zone", denom="utok")),
    paths=(PathEndSpec(a=ZONE, b=HUB, ibc_v2=True),),
)


@dataclass(frozen=True, slots=True)
class Report:
    """The demo's result; its fields are those of the JSON line."""

    v1_delivered: bool
    v1_returned: bool
    v2_delivered: bool
    v2_returned: bool
    escrow_left: int
    """What the zone still holds for both ways after everything came home."""
    packets_pending: int
    """Packets of v2 that no acknowledgement has finished, on both chains."""

    def failures(self) -> tuple[str, ...]:
        """Return what does not hold; empty when the demo succeeded."""
        checks = (
            (self.v1_delivered and self.v1_returned, "v1's token did not go and come home"),
            (self.v2_delivered and self.v2_returned, "v2's token did not go and come home"),
            (self.escrow_left == 0, f"{self.escrow_left} base units were left in escrow"),
            (self.packets_pending == 0, f"{self.packets_pending} packets of v2 are unfinished"),
        )
        return tuple(text for holds, text in checks if not holds)


class VersionsDemo:
    """A demo that the command line finds."""

    summary = "a transfer of IBC v1 and one of v2 go side by side between a zone and the hub"

    def run(self, home: Path | None, output: Output) -> bool:
        """Run it; print the report, then what does not hold; return whether all does."""
        with Story() as story:
            report = run_scenario(play, spec=SPEC, home=home, say=story.say, name="versions")
        failures = report.failures()
        for failure in failures:
            output.progress(f"FAILED: {failure}")
        output.result(asdict(report), lambda: describe(report))
        return not failures


DEMO = VersionsDemo()


def describe(report: Report) -> str:
    """Return the report as people read it."""
    return (
        "v1 over a channel and v2 between the two clients: both delivered, both home, "
        f"{report.escrow_left} left in escrow, {report.packets_pending} packets unfinished"
    )


async def play(net: Network) -> Report:
    """Send both tokens at once, then both home at once."""
    (by_channel,) = (await open_spokes(net, (ZONE,))).values()
    net.say(f"v1: the relayer opened {ZONE} {by_channel.on_a} <-> {by_channel.on_b} hub")
    by_clients = await counterparties(net)
    net.say(f"v2: {ZONE} {by_clients.on_a} and hub {by_clients.on_b} belong to each other")
    denom = net.chain(ZONE).denom
    v1 = there_and_back(ZONE, HUB, denom, {ZONE: by_channel}, sender="alice", receiver="bob")
    v2 = there_and_back(ZONE, HUB, denom, {ZONE: by_clients}, sender="bob", receiver="alice")

    out = await asyncio.gather(travel(net, v1[0]), travel(net, v2[0]))
    net.say("both arrived on the hub, each under a name of its own")
    back = await asyncio.gather(travel(net, v1[1]), travel(net, v2[1]))
    net.say("both are home")
    spokes: Spokes = {ZONE: by_channel}
    await settle(net, spokes)
    await net.wait_until(
        "waiting for the acknowledgements of v2", lambda: none_pending(net, by_clients)
    )
    left = [
        await balance_of_escrow(net, ZONE, lane.on_a, denom) for lane in (by_channel, by_clients)
    ]
    return Report(
        v1_delivered=out[0][0],
        v1_returned=back[0][0],
        v2_delivered=out[1][0],
        v2_returned=back[1][0],
        escrow_left=sum(left),
        packets_pending=await pending(net, by_clients),
    )


async def counterparties(net: Network) -> Channel:
    """Return the two clients once each chain says that they belong to each other."""

    async def look() -> Channel | None:
        zone, hub = await net.client(ZONE), await net.client(HUB)
        for hosted in await zone.clients():
            there = await zone.counterparty(hosted.client_id)
            if there is not None and await hub.counterparty(there) == hosted.client_id:
                return Channel(ChannelId(hosted.client_id), ChannelId(there))
        return None

    return await net.wait_until("waiting for the relayer to register the counterparties", look)


async def pending(net: Network, lane: Channel) -> int:
    """Return how many packets of v2 wait for their acknowledgement."""
    zone = await (await net.client(ZONE)).commitments_v2(ClientId(lane.on_a))
    hub = await (await net.client(HUB)).commitments_v2(ClientId(lane.on_b))
    return len(zone) + len(hub)


async def none_pending(net: Network, lane: Channel) -> bool | None:
    """Return True once nothing of v2 is under way, None before."""
    return True if await pending(net, lane) == 0 else None
