"""``python -m parachains.account.simulation --seeds N``: the swarm by hand."""

import argparse
import sys
import time
from collections import Counter

from parachains.account.simulation.swarm import MARGIN, RARE_BRANCHES, explain, run_seeds

_PROGRESS_EVERY_S = 2.0
_MAY_MISS_BELOW = 200
"""So few seeds need not take every rare branch."""


def main(arguments: list[str] | None = None) -> int:
    """Run seeds and say how it went; return 1 where one failed or a branch was missed."""
    parser = argparse.ArgumentParser(
        prog="python -m parachains.account.simulation", description=__doc__
    )
    parser.add_argument("--seeds", type=int, default=200, help="how many seeds to run")
    parser.add_argument("--start", type=int, default=0, help="the first seed")
    options = parser.parse_args(arguments)
    begun = said = time.monotonic()
    counters: Counter[str] = Counter()
    failed: list[int] = []
    heights = 0
    seeds = range(options.start, options.start + options.seeds)
    for done, result in enumerate(run_seeds(seeds), 1):
        counters.update(result.counters)
        heights += result.heights
        if result.failure is not None:
            failed.append(result.seed)
            _say(explain(result.seed))
        if time.monotonic() - said > _PROGRESS_EVERY_S:
            said = time.monotonic()
            _say(f"{done}/{len(seeds)} seeds, {heights} heights, {len(failed)} failed")
    for name, times in sorted(counters.items()):
        _say(f"{times:10} {name}")
    missed = [name for name in RARE_BRANCHES if counters[name] < MARGIN]
    elapsed = time.monotonic() - begun
    _say(f"{len(seeds)} seeds, {heights} heights in {elapsed:.1f} s; failed: {failed or 'none'}")
    if missed:
        _say(f"taken less than {MARGIN} times: {', '.join(missed)}")
    return 1 if failed or (missed and len(seeds) >= _MAY_MISS_BELOW) else 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
