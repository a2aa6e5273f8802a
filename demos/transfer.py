"""``isthmus demo transfer``: a token goes over the hub to another chain by proof, and comes home.

The network starts with no client, connection or channel; the relayer opens them. The first
packet's memo makes the hub forward it. A reader process that shares no code with the
ledgers checks the supply at every height and counts what the chains verified. Which chains
the token passes is the route's: ``isthmus demo transfer-zones`` is the same between zones.
"""

import asyncio
import functools
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from chainkit.primitives.amounts import Coin
from chainkit.primitives.errors import OperationFailed
from chainkit.primitives.types import ChannelId, Denom, TimestampNs
from demos import miners
from demos.ledgers import PORT, balance, balance_supply, count_hops, escrowed, short, voucher
from demos.network import Channel, Network, run_scenario
from demos.reading import read_verdict, supply_reader
from demos.routes import COIN_TO_ZONE, HUB, ZONE_TO_ZONE, Route
from demos.story import Story
from isthmus.cli.output import Output
from parachains.sdk.relaying import TxOutcome
from parachains.sdk.users import Transfer

AMOUNT = 1_000_000
TIMEOUT_S = 600
MAX_MINING_SHARE = 0.1
HANDSHAKE_PROOFS = 6
"""Try, ack and confirm, of a connection and of a channel."""


class TransferRefused(OperationFailed):
    """A block refused the demo's own transaction."""

    def __init__(self, *, chain: str, outcome: TxOutcome) -> None:
        super().__init__(f"{chain} refused the transfer: {outcome.log}")
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class Report:
    """The demo's result; its fields are those of the JSON line."""

    route: tuple[str, ...]
    """The chains that the token passed."""
    delivered: bool
    returned: bool
    supply_conserved: bool
    supply_checked_at_heights: int
    supply_violations: tuple[str, ...]
    hops: int
    proofs_verified: int
    headers_verified: int
    fee_paid: int
    """What the first transaction cost its sender, in base units."""
    seconds_to_ready: float
    seconds_to_first_delivery: float
    seconds_to_ready_limit: float
    seconds_to_first_delivery_limit: float
    block_seconds: Mapping[str, float]
    """Measured mean time between blocks, by chain."""
    timeout_commit_seconds: Mapping[str, float]
    """Configured wait after a commit, of the chains that commit by votes."""
    mining_share: float
    """Of one core, all miners together, since their first 102 blocks: templates and search."""
    miner_process_share: float | None
    """The same of all that their processes do; None where the system does not tell."""

    def failures(self) -> tuple[str, ...]:
        """Return what does not hold; empty when the demo succeeded."""
        # Two paths were opened by proofs; each hop proves its packet and its acknowledgement.
        least_proofs = 2 * HANDSHAKE_PROOFS + 2 * 2 * self.hops
        checks = (
            (self.delivered, "the token did not arrive"),
            (self.returned, "the token did not come home"),
            (self.supply_conserved, f"the supply changed: {'; '.join(self.supply_violations)}"),
            (self.hops == 2, f"the token made {self.hops} hops, expected 2"),
            (
                self.proofs_verified >= least_proofs,
                f"{self.proofs_verified} proofs were verified, expected {least_proofs} or more",
            ),
        )
        return tuple(text for holds, text in checks if not holds)

    def slow_parts(self) -> tuple[str, ...]:
        """Return what took longer than it does on two idle cores; a busy machine is no failure."""
        checks = (
            ("ready", self.seconds_to_ready, self.seconds_to_ready_limit),
            ("delivered", self.seconds_to_first_delivery, self.seconds_to_first_delivery_limit),
        )
        slow = [
            f"{what} after {took} s, expected under {limit} s"
            for what, took, limit in checks
            if took >= limit
        ]
        if self.mining_share > MAX_MINING_SHARE:
            slow.append(f"mining took {self.mining_share} of a core, expected {MAX_MINING_SHARE}")
        return tuple(slow)


@dataclass(frozen=True, slots=True)
class Leg:
    """One journey over the hub: from where, as what, to whom, and what it must show there."""

    start: str
    sender: str
    channel: ChannelId
    denom: str
    onward: ChannelId
    """The hub's channel to the last chain."""
    end: str
    receiver: str
    denom_at_end: str
    via_denom: str
    """The hub's name for the token."""


def journeys(route: Route, base: str, from_a: Channel, to_b: Channel) -> tuple[Leg, Leg]:
    """Return the way out and the way home of the start's own token ``base``."""
    on_hub = f"{PORT}/{from_a.on_b}/{base}"
    on_b = f"{PORT}/{to_b.on_b}/{on_hub}"
    out = Leg(
        start=route.start,
        sender="alice",
        channel=from_a.on_a,
        denom=base,
        onward=to_b.on_a,
        end=route.end,
        receiver="bob",
        denom_at_end=voucher(on_b),
        via_denom=voucher(on_hub),
    )
    home = Leg(
        start=route.end,
        sender="bob",
        channel=to_b.on_b,
        denom=voucher(on_b),
        onward=from_a.on_b,
        end=route.start,
        receiver="alice",
        denom_at_end=base,
        via_denom=voucher(on_hub),
    )
    return out, home


class TransferDemo:
    """A demo that the command line finds: the play over one route."""

    def __init__(self, route: Route) -> None:
        self._route = route
        self.summary = route.summary

    def run(self, home: Path | None, output: Output) -> bool:
        """Run it; print the report, then what does not hold; return whether all does."""
        route = self._route
        with Story() as story:
            story.say(route.told)
            report = run_scenario(
                functools.partial(play, route),
                spec=route.spec,
                home=home,
                say=story.say,
                name="transfer",
            )
        failures = report.failures()
        for failure in failures:
            output.progress(f"FAILED: {failure}")
        for part in report.slow_parts():
            output.progress(f"slow: {part}")
        output.result(asdict(report), lambda: describe(report))
        return not failures


DEMO = TransferDemo(COIN_TO_ZONE)
ZONES_DEMO = TransferDemo(ZONE_TO_ZONE)


async def play(route: Route, net: Network) -> Report:
    """Send a token there and back over a running network."""
    start, end = route.start, route.end
    net.say("every chain makes blocks; none knows of another: no client, connection or channel")
    mined = await miners.taken(net)
    from_a, to_b = await asyncio.gather(
        net.wait_for_channel(start, HUB), net.wait_for_channel(HUB, end)
    )
    ready_s = time.monotonic() - net.began_s
    net.say(
        f"the relayer opened {start} {from_a.on_a} <-> {from_a.on_b} hub and "
        f"hub {to_b.on_a} <-> {to_b.on_b} {end}, every step proven on chain"
    )
    base = net.chain(start).denom
    out, back = journeys(route, base, from_a, to_b)
    before = await balance(net, start, "alice", base)

    sent_at = time.monotonic()
    delivered, fee = await travel(net, out)
    delivery_s = time.monotonic() - sent_at
    hops = await count_hops(net, end, out.denom_at_end)
    net.say(f"bob has it on {end} as {short(out.denom_at_end)}, {hops} hops from home")

    async with supply_reader(net) as reader:
        returned, _ = await travel(net, back)
        await settle(net, from_a, to_b, route)
        left = await escrowed(net, start, base)
        after = await balance(net, start, "alice", base)
        net.say(f"it is home: alice has {after} {base} again, {left} are left in escrow")
        verdict = await read_verdict(net, reader)
    mining = miners.share(mined, await miners.taken(net))
    return Report(
        route=(start, HUB, end, HUB, start),
        delivered=delivered,
        returned=returned and left == 0 and after == before - fee,
        supply_conserved=verdict.conserved and not verdict.packets_in_flight,
        supply_checked_at_heights=verdict.comparisons,
        supply_violations=verdict.violations,
        hops=hops,
        proofs_verified=sum(verdict.proofs_verified.values()),
        headers_verified=verdict.headers_verified,
        fee_paid=fee,
        seconds_to_ready=round(ready_s, 2),
        seconds_to_first_delivery=round(delivery_s, 2),
        seconds_to_ready_limit=route.max_seconds_to_ready,
        seconds_to_first_delivery_limit=route.max_seconds_to_first_delivery,
        block_seconds=verdict.block_seconds,
        timeout_commit_seconds={
            name: net.spec.chain(name).timeout_commit_ms / 1000 for name in route.voting
        },
        mining_share=mining.mining,
        miner_process_share=mining.processes,
    )


async def travel(net: Network, leg: Leg) -> tuple[bool, int]:
    """Send the token over the hub; return whether it arrived whole, and what sending cost."""
    had = await balance(net, leg.start, leg.sender, leg.denom)
    before = await balance(net, leg.end, leg.receiver, leg.denom_at_end)
    via_before = await balance_supply(net, HUB, leg.via_denom)
    await submit(net, leg)
    fee = had - AMOUNT - await balance(net, leg.start, leg.sender, leg.denom)
    where = ["on its way to the hub"]

    async def look() -> int | None:
        now = await balance(net, leg.end, leg.receiver, leg.denom_at_end)
        if now > before:
            return now
        if await balance_supply(net, HUB, leg.via_denom) != via_before:
            where[0] = "proven to the hub, which forwarded it"
        return None

    reached = await net.wait_until(lambda: f"waiting for the token on {leg.end}: {where[0]}", look)
    return reached - before == AMOUNT, fee


async def submit(net: Network, leg: Leg) -> None:
    """Send the token on its way; return when a block of the first chain holds the packet.

    Raises:
        TransferRefused: The block refused it.
    """
    forward = {
        "receiver": net.account(leg.receiver).addresses[leg.end],
        "port": PORT,
        "channel": leg.onward,
    }
    intent = Transfer(
        port_id=PORT,
        channel_id=leg.channel,
        coin=Coin(Denom(leg.denom), AMOUNT),
        receiver=net.account("relayer").addresses[HUB],
        timeout_timestamp=TimestampNs(time.time_ns() + TIMEOUT_S * 10**9),
        memo=json.dumps({"forward": forward}, separators=(",", ":")),
    )
    net.say(f"{leg.sender} sends {AMOUNT} {short(leg.denom)} from {leg.start} to {leg.end}")
    outcome = await net.do(leg.start, leg.sender, intent)
    if outcome.code != 0:
        raise TransferRefused(chain=leg.start, outcome=outcome)
    net.say(f"{leg.start} committed the packet in block {outcome.height}")


async def settle(net: Network, from_a: Channel, to_b: Channel, route: Route) -> None:
    """Wait until every packet's acknowledgement is back where it was sent from, for good.

    A block of a chain without finality counts when it is as deep as clients of it demand.
    """
    ends = (
        (route.start, from_a.on_a),
        (HUB, from_a.on_b),
        (HUB, to_b.on_a),
        (route.end, to_b.on_b),
    )

    async def acknowledged() -> bool | None:
        for chain, channel in ends:
            if await (await net.client(chain)).commitments(PORT, channel):
                return None
        return True

    await net.wait_until("waiting for the last acknowledgement to come back", acknowledged)
    for chain in net.place.chains:
        client = await net.client(chain.name)
        tip = max(node.height for node in await net.reader.chain_status(chain))

        async def final() -> bool | None:
            return (await client.status()).height >= tip or None  # noqa: B023 - awaited at once

        await net.wait_until(f"waiting for block {tip} of {chain.name} to be final", final)


def describe(report: Report) -> str:
    """Return the report for a person."""

    def mark(holds: bool) -> str:
        return "yes" if holds else "NO"

    blocks = ", ".join(f"{name} {seconds} s" for name, seconds in report.block_seconds.items())
    lines = [
        ("delivered", f"{mark(report.delivered)}, over {report.hops} hops"),
        ("came home", f"{mark(report.returned)}: {' -> '.join(report.route)}"),
        (
            "supply conserved",
            (
                f"{mark(report.supply_conserved)}, compared at {report.supply_checked_at_heights} "
                "heights by another process"
            ),
        ),
        (
            "verified on chain",
            f"{report.proofs_verified} proofs, {report.headers_verified} headers",
        ),
        ("ready after", f"{report.seconds_to_ready} s, channels opened by the relayer"),
        (
            "first delivery",
            f"{report.seconds_to_first_delivery} s from submission to {report.route[2]}",
        ),
        ("block times", blocks),
    ]
    if report.mining_share:
        text = f"{report.mining_share:.1%} of one core, all miners together"
        if report.miner_process_share is not None:
            text += f"; {report.miner_process_share:.1%} with validating, proving and answering"
        lines.append(("mining", text))
    return "\n".join(["", *(f"  {name:<18} {text}" for name, text in lines)])
