"""The play: a validator and the relayer die at each write point under transfers; then two die.

In the end the chains are asked: what became of every transfer, whether the four validators
have one chain, and whether anybody signed twice.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec

from chainkit.primitives.errors import OperationFailed
from demos.crash.counting import PacketEvent, Tally, events_of, tally
from demos.crash.lives import (
    Pause,
    Points,
    die_at_each,
    distinct,
    no_pause,
    record,
    whole_round,
)
from demos.crash.supply import holdings
from demos.crash.traffic import END, HUB, ORIGIN, Traffic, flowing
from demos.crash.validators import ChainCheck, blocks_of, compare, has_voted
from demos.network import Network, run_scenario
from isthmus.cli.output import Output
from isthmus.config import NetSpec
from isthmus.homes import NodePlace

RELAYER = "relayer"
STILL_BLOCKS = 8
"""Blocks of zone-a during which the hub, with two of four validators, must stand still."""
SLASHING_WINDOW = 100_000
"""Blocks over which the hub counts missed votes: more than the demo makes."""
MISSED_BLOCKS = 2
"""Blocks that a validator misses before a life in which it must fetch one."""
ON_BLOCKS = 3
"""Blocks that the hub must make after the validators came back."""


@dataclass(frozen=True, slots=True)
class Wait:
    """The time in which two of four validators were down."""

    height: int
    blocks_elsewhere: int
    went_on_to: int


@dataclass(frozen=True, slots=True)
class Report:
    """The demo's result; its fields are those of the JSON line."""

    lost: int
    duplicated: int
    transfers: int
    details: tuple[str, ...]
    supply_conserved: bool
    holdings: Mapping[str, int]
    write_points: Mapping[str, int]
    kills: int
    blocks_compared: int
    blocks_that_differ: int
    double_signs: int
    waited_at_height: int
    waited_blocks_elsewhere: int
    went_on_to_height: int
    seconds: float

    def failures(self) -> tuple[str, ...]:
        """Return what does not hold; empty when the demo succeeded."""
        checks = (
            (self.transfers > 0, "no transfer was submitted"),
            (self.lost == 0, f"{self.lost} transfers were lost"),
            (self.duplicated == 0, f"{self.duplicated} deliveries too many"),
            (self.supply_conserved, f"the supply is not conserved: {dict(self.holdings)}"),
            (all(self.write_points.values()), "a process has no write points"),
            (self.blocks_compared > 0, "no block was compared"),
            (self.blocks_that_differ == 0, f"{self.blocks_that_differ} blocks differ"),
            (self.double_signs == 0, f"evidence of {self.double_signs} double signs"),
            (
                self.waited_blocks_elsewhere >= STILL_BLOCKS,
                "the hub was not seen to wait for a quorum",
            ),
            (
                self.went_on_to_height >= self.waited_at_height + ON_BLOCKS,
                "the hub did not go on",
            ),
        )
        return tuple(text for holds, text in checks if not holds)


class CrashDemo:
    """The demo that the command line finds."""

    summary = "kill -9 at every write point of a validator and of the relayer: nothing is lost"

    def run(self, home: Path | None, output: Output) -> bool:
        """Run it; print the report, then what does not hold; return whether all does."""
        spec = patient_network()
        report = run_scenario(play, spec=spec, home=home, say=output.progress, name="crash")
        failures = report.failures()
        for failure in failures:
            output.progress(f"FAILED: {failure}")
        output.result(asdict(report), lambda: describe(report))
        return not failures


def patient_network() -> NetSpec:
    """Return the default network, whose hub does not jail a validator that is mostly down.

    With the default window of 100 blocks the hub rightly removes one that dies all the time
    from its validators, and then it has no votes to write down.
    """
    spec = NetSpec()
    slashing = {"params": {"signed_blocks_window": SLASHING_WINDOW}}
    chains = tuple(
        msgspec.structs.replace(chain, genesis={**chain.genesis, "slashing": slashing})
        if chain.name == HUB
        else chain
        for chain in spec.chains
    )
    return msgspec.structs.replace(spec, chains=chains)


async def play(net: Network) -> Report:
    """Kill, restart and count on a running network.

    Raises:
        OperationFailed: Something did not come in time, or a process ended in another way.
    """
    try:
        return await kill_and_count(net)
    except ExceptionGroup as group:
        raise first_of(group) from group


def first_of(group: ExceptionGroup[Exception]) -> Exception:
    """Return the first failure of tasks that ran together: the others were cancelled by it."""
    failure = group.exceptions[0]
    return first_of(failure) if isinstance(failure, ExceptionGroup) else failure


async def kill_and_count(net: Network) -> Report:
    """Kill at every point, take the quorum away, and ask the chains what became of it all."""
    from_origin, to_end = await asyncio.gather(
        net.wait_for_channel(ORIGIN, HUB), net.wait_for_channel(HUB, END)
    )
    traffic = Traffic(net, from_origin, to_end)
    victim = net.chain(HUB).nodes[0]
    second = net.chain(HUB).nodes[1]
    async with flowing(traffic):
        points = await kill_at_each_point(net, victim)
        wait = await lose_the_quorum(net, victim, second)
    await settle(net, traffic)
    counted = await count(net, traffic)
    held = await holdings(net, traffic)
    checked = await compare_chains(net)
    return Report(
        lost=counted.lost,
        duplicated=counted.duplicated,
        transfers=counted.transfers,
        details=counted.details,
        supply_conserved=held.are_all(traffic.total),
        holdings=held.by_place,
        write_points={name: len(found.names) for name, found in points.items()},
        kills=sum(len(found.names) for found in points.values()) + 2,
        blocks_compared=checked.compared,
        blocks_that_differ=checked.different,
        double_signs=checked.with_evidence,
        waited_at_height=wait.height,
        waited_blocks_elsewhere=wait.blocks_elsewhere,
        went_on_to_height=wait.went_on_to,
        seconds=round(time.monotonic() - net.began_s, 1),
    )


async def kill_at_each_point(net: Network, victim: NodePlace) -> dict[str, Points]:
    """Record the points of a validator and of the relayer, then kill both at each of theirs."""
    pause = until_blocks_are_missed(net, victim)
    reached = await record(net, victim.name, whole_round, "until it has proposed", pause=pause)
    validator = distinct(net, victim.name, reached)
    await net.devnet.start(victim.name, may_end=False)
    relayer = distinct(net, RELAYER, await record_relayer(net))
    await net.devnet.stop(victim.name)
    net.say(
        f"{len(validator.names)} write points of {victim.name}, {len(relayer.names)} of the "
        "relayer; both die at each of theirs while transfers go on"
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(kill_and_bring_back(net, victim.name, validator, pause))
        group.create_task(kill_and_bring_back(net, RELAYER, relayer, no_pause))
    await wait_for_vote(net, victim)
    return {"validator": validator, "relayer": relayer}


async def kill_and_bring_back(net: Network, name: str, points: Points, pause: Pause) -> None:
    """Let a process die at each of its points, then start it for good."""
    await die_at_each(net, name, points, pause=pause)
    await net.devnet.start(name)


def until_blocks_are_missed(net: Network, node: NodePlace) -> Pause:
    """Return a pause that gives a validator blocks to fetch, where it is to die fetching."""
    witness = next(each for each in reversed(net.chain(HUB).nodes) if each is not node)

    async def pause(point: str) -> None:
        if not point.startswith("sync."):
            return
        goal = (await net.reader.node_status(witness)).height + MISSED_BLOCKS

        async def look() -> bool | None:
            return (await net.reader.node_status(witness)).height >= goal or None

        await net.wait_until(f"waiting for height {goal} on {HUB}, which {node.name} misses", look)

    return pause


async def record_relayer(net: Network) -> list[str]:
    """Return what the relayer reaches from its start until it has written to all three chains."""
    chains = [net.chain(name).chain_id for name in (ORIGIN, HUB, END)]
    wanted = {f"relayer.{chain}.after_settled" for chain in chains}
    return await record(net, RELAYER, wanted.issubset, "on every chain")


async def wait_for_vote(net: Network, node: NodePlace) -> None:
    """Wait until a validator that came back has voted for a block like the others."""
    others = [each for each in net.chain(HUB).nodes if each is not node]
    start = (await net.reader.node_status(others[-1])).height

    async def look() -> bool | None:
        return await has_voted(net, node, others[-1], since=start) or None

    await net.wait_until(f"waiting for {node.name} to vote after height {start}", look)
    net.say(f"{node.name} votes again")


# --- two of four -------------------------------------------------------------------------


async def lose_the_quorum(net: Network, first: NodePlace, second: NodePlace) -> Wait:
    """Kill two of four: the hub must wait; start them: it must go on.

    Raises:
        NotReady: It did not go on, or never stood still.
    """
    for node in (first, second):
        await net.devnet.stop(node.name, force=True)
    net.say(f"{first.name} and {second.name} killed: two of four validators are left")
    height, blocks = await watch_it_wait(net, (first, second))
    for node in (first, second):
        await net.devnet.start(node.name)
    goal = height + ON_BLOCKS
    await net.wait_for_height(HUB, goal)
    return Wait(height, blocks, goal)


async def watch_it_wait(net: Network, dead: tuple[NodePlace, ...]) -> tuple[int, int]:
    """Return the height at which the hub stood still, and for how many blocks of zone-a.

    A block whose votes were out before the kill may still be made: the count begins anew.
    """
    alive = [node for node in net.chain(HUB).nodes if node not in dead]
    zone = await net.client(ORIGIN)
    seen: list[int] = []
    began = [0]
    blocks = [0]

    async def look() -> bool | None:
        heights = [(await net.reader.node_status(node)).height for node in alive]
        now = (await zone.status()).height
        if seen != heights:
            seen[:], began[0] = heights, now
        blocks[0] = now - began[0]
        return blocks[0] >= STILL_BLOCKS or None

    def reason() -> str:
        height = max(seen, default=0)
        return (
            f"waiting for height {height + 1} on {HUB}, now {height}: 2 of 4 validators vote, more "
            f"than 2/3 are needed; {ORIGIN} made {blocks[0]} blocks since"
        )

    await net.wait_until(reason, look)
    net.say(f"the hub waited at height {max(seen)} for {blocks[0]} blocks of {ORIGIN}")
    return max(seen), blocks[0]


# --- the end -----------------------------------------------------------------------------


async def settle(net: Network, traffic: Traffic) -> None:
    """Wait until every packet is acknowledged on every hop."""
    left = [0]

    async def look() -> bool | None:
        left[0] = await traffic.unfinished()
        return left[0] == 0 or None

    await net.wait_until(
        lambda: f"waiting for {left[0]} acknowledgements to come home", look, timeout_s=180
    )


async def count(net: Network, traffic: Traffic) -> Tally:
    """Return what became of the transfers, from every block of both ends."""
    net.say(f"counting {len(traffic.amounts)} transfers in the blocks of {ORIGIN} and {END}")
    at_origin, at_end = await asyncio.gather(packets(net, ORIGIN), packets(net, END))
    return tally(traffic.amounts, at_origin, at_end)


async def packets(net: Network, chain: str) -> tuple[PacketEvent, ...]:
    """Return the packet events of all blocks of a chain."""
    node = net.chain(chain).nodes[0]
    last = (await net.reader.node_status(node)).height
    found: list[PacketEvent] = []
    for height in range(1, last + 1):
        answer = await net.reader.call(node, "block_results", {"height": str(height)})
        try:
            found += events_of(answer)
        except msgspec.ValidationError as error:
            raise OperationFailed(f"{node.name}: block_results of {height}: {error}") from error
    return tuple(found)


async def compare_chains(net: Network) -> ChainCheck:
    """Return whether all validators of the hub have the same blocks."""
    nodes = net.chain(HUB).nodes
    lowest = min([(await net.reader.node_status(node)).height for node in nodes])
    net.say(f"comparing {lowest} blocks of {len(nodes)} validators")
    return compare([await blocks_of(net, node, lowest) for node in nodes], lowest)


def describe(report: Report) -> str:
    """Return the report for a person."""
    points = ", ".join(f"{count} of the {name}" for name, count in report.write_points.items())
    lines = (
        ("lost", str(report.lost)),
        ("duplicated", str(report.duplicated)),
        ("transfers", f"{report.transfers}, each delivered and acknowledged once"),
        ("killed with -9", f"{report.kills} times; write points: {points}"),
        (
            "validators",
            f"{report.blocks_compared} blocks alike, {report.double_signs} double signs",
        ),
        (
            "two of four down",
            (
                f"waited at height {report.waited_at_height} for "
                f"{report.waited_blocks_elsewhere} blocks of {ORIGIN}, then went on"
            ),
        ),
        ("took", f"{report.seconds} s"),
    )
    return "\n".join(["", *(f"  {name:<18} {text}" for name, text in lines)])
