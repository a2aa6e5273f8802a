"""``isthmus demo transfer``: a token goes over the hub to another chain by proof, and comes home.

The network starts with no client, connection or channel; the relayer opens them. The first
packet's memo makes the hub forward it. A reader process that shares no code with the
ledgers checks the supply at every height and counts what the chains verified. Which chains
the token passes is the route's: ``isthmus demo transfer-coin-zone`` ends at a zone, and
``isthmus demo transfer-zones`` is the same between zones, ``isthmus demo transfer-cometbft``
with CometBFT as the engine of every chain.
"""

import functools
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from demos import miners
from demos.journeys import open_spokes, settle, there_and_back, travel
from demos.ledgers import balance, count_hops, escrowed, short
from demos.network import Network, run_scenario
from demos.reading import read_verdict, supply_reader
from demos.routes import COIN_TO_VAULT, COIN_TO_ZONE, HUB, UNDER_COMETBFT, ZONE_TO_ZONE, Route
from demos.story import Story
from isthmus.cli.output import Output

MAX_MINING_SHARE = 0.1
HANDSHAKE_PROOFS = 6
"""Try, ack and confirm, of a connection and of a channel."""


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


class TransferDemo:
    """A demo that the command line finds: the play over one route."""

    def __init__(self, route: Route) -> None:
        self._route = route
        self.summary = route.summary

    def run(self, home: Path | None, output: Output) -> bool:
        """Run it; print the report, then what does not hold; return whether all does."""
        route = self._route
        with Story() as story:
            for line in route.told:
                story.say(line)
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


DEMO = TransferDemo(COIN_TO_VAULT)
COIN_ZONE_DEMO = TransferDemo(COIN_TO_ZONE)
ZONES_DEMO = TransferDemo(ZONE_TO_ZONE)
COMETBFT_DEMO = TransferDemo(UNDER_COMETBFT)


async def play(route: Route, net: Network) -> Report:
    """Send a token there and back over a running network."""
    start, end = route.start, route.end
    net.say("every chain makes blocks; none knows of another: no client, connection or channel")
    mined = await miners.taken(net)
    spokes = await open_spokes(net, (start, end))
    ready_s = time.monotonic() - net.began_s
    from_a, to_b = spokes[start], spokes[end]
    net.say(
        f"the relayer opened {start} {from_a.on_a} <-> {from_a.on_b} hub and "
        f"hub {to_b.on_b} <-> {to_b.on_a} {end}, every step proven on chain"
    )
    base = net.chain(start).denom
    out, back = there_and_back(start, end, base, spokes)
    before = await balance(net, start, "alice", base)

    sent_at = time.monotonic()
    delivered, fee = await travel(net, out)
    delivery_s = time.monotonic() - sent_at
    hops = await count_hops(net, end, out.denom_at_end)
    net.say(f"bob has it on {end} as {short(out.denom_at_end)}, {hops} hops from home")

    async with supply_reader(net) as reader:
        returned, _ = await travel(net, back)
        await settle(net, spokes)
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
