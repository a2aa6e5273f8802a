"""``python -m relay_chain.simulator --seeds N``: the swarm by hand."""

import argparse
import sys
import time
from collections import Counter

from relay_chain.simulator.forks import run_forks
from relay_chain.simulator.plan import calm_plan
from relay_chain.simulator.swarm import MARGIN, RARE_BRANCHES, explain, run_seeds
from relay_chain.simulator.world import Simulation

_PROGRESS_EVERY_S = 2.0
_MAY_MISS_BELOW = 200
"""So few seeds need not take every rare branch."""


def main(arguments: list[str] | None = None) -> int:
    """Run seeds and say how it went; return 1 where one failed or a branch was missed."""
    parser = argparse.ArgumentParser(prog="python -m relay_chain.simulator", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many seeds to run")
    parser.add_argument("--start", type=int, default=0, help="the first seed")
    parser.add_argument("--speed", action="store_true", help="only measure simulated blocks/s")
    parser.add_argument("--forks", type=int, default=0, help="only so many hostile networks")
    options = parser.parse_args(arguments)
    if options.forks:
        return _forks(options.start, options.forks)
    if options.speed:
        _say(f"{measure_speed():.0f} simulated blocks/s, 4 validators, stub signatures")
        return 0
    return _swarm(options.start, options.seeds)


def measure_speed(heights: int = 2_000) -> float:
    """Return decided heights per second of processor time: four calm validators, stub keys."""
    simulation = Simulation(calm_plan(0))
    begun = time.process_time()
    simulation.run(heights=heights)
    return heights / (time.process_time() - begun)


def _swarm(start: int, count: int) -> int:
    begun = said = time.monotonic()
    counters: Counter[str] = Counter()
    failed: list[int] = []
    heights = 0
    for done, result in enumerate(run_seeds(range(start, start + count)), 1):
        counters.update(result.counters)
        heights += result.heights
        if result.failure is not None:
            failed.append(result.seed)
            _say(explain(result.seed))
        if time.monotonic() - said > _PROGRESS_EVERY_S:
            said = time.monotonic()
            rate = heights / (said - begun)
            _say(f"{done}/{count} seeds, {heights} heights, {rate:.0f}/s, {len(failed)} failed")
    for name, times in sorted(counters.items()):
        _say(f"{times:10} {name}")
    missed = [name for name in RARE_BRANCHES if counters[name] < MARGIN]
    elapsed = time.monotonic() - begun
    _say(f"{count} seeds, {heights} heights in {elapsed:.1f} s; failed: {failed or 'none'}")
    if missed:
        _say(f"taken less than {MARGIN} times: {', '.join(missed)}")
    return 1 if failed or (missed and count >= _MAY_MISS_BELOW) else 0


def _forks(start: int, count: int) -> int:
    """Run networks with just too many hostile; return 1 where a fork is not proven."""
    begun = said = time.monotonic()
    counters: Counter[str] = Counter()
    failed: list[int] = []
    for done, result in enumerate(run_forks(range(start, start + count)), 1):
        counters.update(result.counters)
        if result.failure is not None:
            failed.append(result.seed)
            _say(f"seed {result.seed} fails: {result.failure}")
        if time.monotonic() - said > _PROGRESS_EVERY_S:
            said = time.monotonic()
            _say(f"{done}/{count} networks, {len(failed)} failed")
    for name, times in sorted(counters.items()):
        _say(f"{times:10} {name}")
    _say(f"{count} networks in {time.monotonic() - begun:.1f} s; failed: {failed or 'none'}")
    return 1 if failed else 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
