"""Many seeds: run them, count the rare branches, shrink what fails."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from relay_chain.simulator.dice import plan_of_seed
from relay_chain.simulator.invariants import InvariantBroken
from relay_chain.simulator.plan import Kind, Plan, Quality
from relay_chain.simulator.world import Simulation

RARE_BRANCHES = (
    "round>=3",
    "decided in round>=3",
    "round skipped (L55)",
    "locked block prevoted again",
    "left lock by proof (L29)",
    "lock replaced (L38)",
    "nil polka while locked",
    "CometBFT node unlocked by a polka",
    "block fetched after a polka",
    "equivocation reported",
    "bad signature refused",
    "restart",
    "replay compared",
    "unsynced WAL entries lost",
    "synced WAL entries lost",
    "bit flipped in the WAL",
    "corrupt WAL refused",
    "WAL behind the key: no vote at this height",
    "crash before the end-of-height mark",
    "earlier timeout not scheduled",
    "gossip answered",
    "message dropped",
    "message duplicated",
    "message late",
    "message lost in a partition",
    "message lost in an asymmetric partition",
    "slow clock: vote as late as its block",
    "decided by a changed set",
    "decided without a node that left the set",
    "decided with real signatures",
)
"""A swarm that never took one of these proved less than it claims.

Not among them: a refusal by the key, since replay leaves it almost nothing to refuse.
"""

MARGIN = 5
"""How often 200 seeds must take each, so that a change of dice loses none unnoticed."""

TRACE_LINES = 60


@dataclass(frozen=True, slots=True)
class Result:
    """One seed's outcome."""

    seed: int
    heights: int
    events: int
    digest: str
    counters: Counter[str]
    failure: str | None


def run_plan(plan: Plan) -> Result:
    """Run a plan and every check on it; a broken invariant becomes the result's failure."""
    simulation = Simulation(plan)
    failure = None
    try:
        simulation.run().watcher.check_accountability()
    except AssertionError as error:
        # A failed assertion of the machine is a finding as much as a broken invariant.
        name = error.invariant if isinstance(error, InvariantBroken) else "assertion"
        failure = f"{name} | {error!r}"
    watcher = simulation.watcher
    heights = max(watcher.decisions, default=0)
    digest = simulation.digest()
    return Result(plan.seed, heights, simulation.events, digest, watcher.counters, failure)


def run_seeds(seeds: Iterable[int]) -> Iterator[Result]:
    """Yield each seed's result."""
    for seed in seeds:
        yield run_plan(plan_of_seed(seed))


def _invariant(failure: str | None) -> str:
    return (failure or "").split(" | ")[0]


def shrink(plan: Plan) -> Plan:
    """Return a smaller plan that breaks the same invariant: fewer faults, fewer kinds.

    Each step leaves one thing out and keeps the result if it still fails.
    """
    wanted = _invariant(run_plan(plan).failure)
    assert wanted
    shrunk = True
    while shrunk:
        shrunk = False
        for candidate in _smaller(plan):
            if _invariant(run_plan(candidate).failure) == wanted:
                plan, shrunk = candidate, True
                break
    return plan


def _smaller(plan: Plan) -> Iterator[Plan]:
    for position in range(len(plan.faults)):
        faults = plan.faults[:position] + plan.faults[position + 1 :]
        yield replace(plan, faults=faults)
    for index, kind in enumerate(plan.kinds):
        if kind is not Kind.CORRECT:
            kinds = (*plan.kinds[:index], Kind.CORRECT, *plan.kinds[index + 1 :])
            yield replace(plan, kinds=kinds)
    for position, (time, fault) in enumerate(plan.faults):
        if isinstance(fault, Quality) and fault != Quality(delay_ns=fault.delay_ns):
            calm = (time, Quality(delay_ns=fault.delay_ns))
            faults = (*plan.faults[:position], calm, *plan.faults[position + 1 :])
            yield replace(plan, faults=faults)


def explain(seed: int) -> str:
    """Return a failing seed's shrunk plan and the last events before the failure."""
    plan = shrink(plan_of_seed(seed))
    simulation = Simulation(plan)
    simulation.trace = []
    try:
        simulation.run().watcher.check_accountability()
    except AssertionError as error:
        failure = repr(error)
    else:
        failure = "it passed when traced: the run is not deterministic"
    lines = [
        f"seed {seed} fails: {failure}",
        f"  validators {[kind.value for kind in plan.kinds]} with powers {plan.powers}",
        *(f"  fault at {time / 1e9:.3f} s: {fault}" for time, fault in plan.faults),
        f"  the last {TRACE_LINES} of {len(simulation.trace)} events:",
        *(f"  {line}" for line in simulation.trace[-TRACE_LINES:]),
    ]
    return "\n".join(lines)
