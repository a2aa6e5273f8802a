"""``isthmus demo six-pairs``: between three kinds of ledgers, every directed pair, over the hub.

A UTXO chain, a chain of accounts and a DAG stand around the hub as equals. Each sends its own
token to each of the others: six packets to the hub, six that it forwards, and twelve
acknowledgements, all by proof. A pair counts as delivered when the receiver has the token and
the sender's chain has the proof of it.
"""

import asyncio
import time
from dataclasses import asdict, dataclass
from itertools import permutations
from pathlib import Path

from demos.journeys import Leg, Spokes, open_spokes, submit, there_and_back
from demos.ledgers import PORT, balance, balance_supply, escrowed
from demos.network import Network, run_scenario
from demos.routes import COIN, COIN_TOLD, HUB, VAULT, VAULT_TOLD, star
from demos.story import Story
from isthmus.cli.output import Output
from isthmus.config import ChainSpec
from isthmus.ports import ChainUser
from isthmus.trace import Hop, PacketState, trace
from parachains.sdk.users import PacketKey

BRAID = ChainSpec(
    name="braid",
    kind="dag",
    validators=2,
    denom="knot",
    genesis={"dag": {"interval_ms": 500}},
)
"""Two miners who together make two blocks a second, in parallel."""

BRAID_TOLD = (
    "braid has two miners who make two blocks a second in parallel, ordered by GHOSTDAG; the "
    "hub takes a block for final when 12 blue ones lie above it"
)
CHAINS = (COIN, VAULT, BRAID)
FIRST_AMOUNT = 1_000_000
"""Each pair has an amount of its own, so that none can pass for another."""

TIMEOUT_S = 240.0


@dataclass(frozen=True, slots=True)
class Pair:
    """One directed pair; its fields are those of the JSON line."""

    start: str
    end: str
    amount: int
    arrived: bool
    """The receiver has the amount, and no more."""
    acknowledged: bool
    """Both hops' senders hold a proven acknowledgement of success."""

    @property
    def is_delivered(self) -> bool:
        """Whether both hold."""
        return self.arrived and self.acknowledged


@dataclass(frozen=True, slots=True)
class Report:
    """The demo's result; its fields are those of the JSON line."""

    delivered: int
    """Directed pairs over which a packet and its acknowledgement went."""
    pairs: tuple[Pair, ...]
    supply_conserved: bool
    """In escrow at home lies what the hub and the receivers hold of each token."""
    seconds_to_ready: float
    seconds: float

    def failures(self) -> tuple[str, ...]:
        """Return what does not hold; empty when the demo succeeded."""
        wanted = len(CHAINS) * (len(CHAINS) - 1)
        checks = [
            (self.delivered == wanted, f"{self.delivered} pairs delivered, expected {wanted}"),
            (self.supply_conserved, "escrow and vouchers differ"),
            *(
                (pair.arrived, f"{pair.start} -> {pair.end}: not received as it was sent")
                for pair in self.pairs
            ),
            *(
                (pair.acknowledged, f"{pair.start} -> {pair.end}: not acknowledged")
                for pair in self.pairs
            ),
        ]
        return tuple(text for holds, text in checks if not holds)


class SixPairsDemo:
    """The demo that the command line finds."""

    summary = "UTXO, account and DAG chains send to one another over the hub, all six ways"

    def run(self, home: Path | None, output: Output) -> bool:
        """Run it; print the report, then what does not hold; return whether all does."""
        with Story() as story:
            for line in (COIN_TOLD, VAULT_TOLD, BRAID_TOLD):
                story.say(line)
            report = run_scenario(
                play, spec=star(*CHAINS), home=home, say=story.say, name="six-pairs"
            )
        failures = report.failures()
        for failure in failures:
            output.progress(f"FAILED: {failure}")
        output.result(asdict(report), lambda: describe(report))
        return not failures


DEMO = SixPairsDemo()


def pairs_of(net: Network, spokes: Spokes) -> tuple[Leg, ...]:
    """Return the way of each directed pair: the start's own token, from alice to bob."""
    names = [chain.name for chain in CHAINS]
    return tuple(
        there_and_back(start, end, net.chain(start).denom, spokes, amount=FIRST_AMOUNT + number)[0]
        for number, (start, end) in enumerate(permutations(names, 2))
    )


async def play(net: Network) -> Report:
    """Send over all pairs of a running network."""
    spokes = await open_spokes(net, (chain.name for chain in CHAINS))
    ready_s = time.monotonic() - net.began_s
    net.say("the relayer opened a channel between each of the three and the hub, by proof")
    legs = pairs_of(net, spokes)
    # One account's transactions go one after another, those of the three chains at once.
    async with asyncio.TaskGroup() as group:
        sending = [
            group.create_task(_send(net, [leg for leg in legs if leg.start == chain.name]))
            for chain in CHAINS
        ]
    keys = {leg: key for task in sending for leg, key in task.result().items()}
    await _wait_for_acknowledgements(net, keys)
    users = {chain.name: await net.user(chain.name) for chain in net.place.chains}
    pairs = tuple([await _judge(net, users, leg, key) for leg, key in keys.items()])
    return Report(
        delivered=sum(pair.is_delivered for pair in pairs),
        pairs=pairs,
        supply_conserved=await _is_conserved(net, legs),
        seconds_to_ready=round(ready_s, 1),
        seconds=round(time.monotonic() - net.began_s, 1),
    )


async def _send(net: Network, legs: list[Leg]) -> dict[Leg, PacketKey]:
    """Send one after another what starts on a chain; return the packets."""
    keys = {}
    for leg in legs:
        outcome = await submit(net, leg)
        user = await net.user(leg.start)
        (keys[leg],) = await user.packets_sent_by(outcome.tx_hash)
    return keys


async def _wait_for_acknowledgements(net: Network, keys: dict[Leg, PacketKey]) -> None:
    """Wait until no chain waits for an acknowledgement of what it sent."""
    waiting: set[str] = set()

    async def look() -> bool | None:
        waiting.clear()
        for leg, key in keys.items():
            client = await net.client(leg.start)
            if key.sequence in await client.commitments(PORT, leg.channel):
                waiting.add(f"{leg.start} -> {leg.end}")
        return not waiting or None

    await net.wait_until(
        lambda: f"waiting for the proof of receipt: {', '.join(sorted(waiting))}",
        look,
        timeout_s=TIMEOUT_S,
    )


async def _judge(net: Network, users: dict[str, ChainUser], leg: Leg, key: PacketKey) -> Pair:
    """Return what became of one pair's packet, as the chains tell it."""
    hop: Hop = await trace(users, leg.start, key)
    hops = tuple(hop.hops())
    passed = [(each.source, each.destination) for each in hops]
    return Pair(
        start=leg.start,
        end=leg.end,
        amount=leg.amount,
        arrived=await balance(net, leg.end, leg.receiver, leg.denom_at_end) == leg.amount,
        acknowledged=passed == [(leg.start, HUB), (HUB, leg.end)]
        and all(each.state is PacketState.DELIVERED for each in hops),
    )


async def _is_conserved(net: Network, legs: tuple[Leg, ...]) -> bool:
    """Return whether each token's escrow at home is what the hub has, and what was received."""
    for chain in CHAINS:
        own = [leg for leg in legs if leg.start == chain.name]
        sent = sum(leg.amount for leg in own)
        at_home = await escrowed(net, chain.name, net.chain(chain.name).denom)
        via = own[0].via_denom
        assert via is not None
        if not at_home == await balance_supply(net, HUB, via) == sent:
            return False
    return True


def describe(report: Report) -> str:
    """Return the report for a person; its last line says how many pairs were delivered."""

    def mark(holds: bool) -> str:
        return "yes" if holds else "NO"

    rows = [
        f"  {pair.start:<6} -> hub -> {pair.end:<6} {pair.amount}  received {mark(pair.arrived)}, "
        f"acknowledged {mark(pair.acknowledged)}"
        for pair in report.pairs
    ]
    return "\n".join(
        [
            "",
            *rows,
            f"  supply conserved   {mark(report.supply_conserved)}",
            f"  ready after        {report.seconds_to_ready} s; all of it {report.seconds} s",
            f"delivered: {report.delivered}",
        ]
    )
