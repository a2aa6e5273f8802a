"""Many seeds: run them, count the rare branches, tell what failed."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from parachains.account.simulation.plan import Plan, plan_of_seed
from parachains.account.simulation.world import Simulation
from relay_chain.simulator.invariants import InvariantBroken

RARE_BRANCHES = (
    "round>=3",
    "decided in round>=3",
    "round skipped",
    "round change after a commit",
    "one block sealed in two rounds",
    "equivocation reported",
    "bad signature refused",
    "badly sealed block refused",
    "sealed block imported",
    "early messages redelivered",
    "restart",
    "replay compared",
    "WAL entries lost",
    "synced WAL entries lost",
    "WAL behind the key: follows without signing",
    "crash between block and next height",
    "message dropped",
    "message duplicated",
    "message late",
    "message lost in a partition",
    "message lost in an asymmetric partition",
    "refused: DuplicateAuthor",
    "refused: InvalidRoundChange",
    "refused: TooFewPrepares",
    "refused: TooFewRoundChanges",
    "refused: UnknownAuthor",
    "refused: WrongBlock",
    "refused: WrongProposer",
    "decided by a changed set",
    "validator voted out",
    "validator voted in",
    "votes forgotten at an epoch's end",
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
    """Run a plan; a broken invariant becomes the result's failure."""
    simulation = Simulation(plan)
    failure = None
    try:
        simulation.run()
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


def explain(seed: int) -> str:
    """Return a failing seed's plan and the last events before the failure."""
    plan = plan_of_seed(seed)
    simulation = Simulation(plan)
    simulation.trace = []
    try:
        simulation.run()
    except AssertionError as error:
        failure = repr(error)
    else:
        failure = "it passed when traced: the run is not deterministic"
    lines = [
        f"seed {seed} fails: {failure}",
        f"  validators {[kind.value for kind in plan.kinds]}, absences {plan.absences}",
        *(f"  fault at {time / 1e9:.3f} s: {fault}" for time, fault in plan.faults),
        f"  the last {TRACE_LINES} of {len(simulation.trace)} events:",
        *(f"  {line}" for line in simulation.trace[-TRACE_LINES:]),
    ]
    return "\n".join(lines)
