"""``python -m fuzz``: every target for a while; exit code 1 with what broke, if anything did."""

import argparse
import json
import resource
import sys
import time
import traceback
from collections.abc import Sequence

from fuzz import corpus
from fuzz.check import Crash, fuzz, targets

MEMORY_LIMIT_BYTES = 2 * 2**30
"""Of address space: an input that asks for more ends in a MemoryError."""


def _keep(crash: Crash) -> None:
    """Add the input to the corpus: from now on every run begins with it."""
    path = corpus.path_of(crash.target.name)
    stored = json.loads(path.read_text()) if path.exists() else {"seeds": []}
    entry = corpus.to_json(crash.value)
    known = stored.get("crashers", [])
    if entry not in known:
        corpus.save(crash.target.name, stored["seeds"], [*known, entry])


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="for each target")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--only", default="", help="targets whose names contain this")
    parser.add_argument("--keep", action="store_true", help="add what crashed to the corpus")
    given = parser.parse_args(arguments)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))
    sys.set_int_max_str_digits(4_300)
    print(f"seed {given.seed}", flush=True)
    crashes = []
    for target in targets():
        if given.only not in target.name:
            continue
        end = time.monotonic() + given.seconds
        tally, crash = fuzz(target, given.seed, lambda _, end=end: time.monotonic() < end)
        print(
            f"{target.name:<72} {tally.tried:>8} tried {tally.accepted:>7} accepted"
            f" {tally.slowest_s * 1000:>7.1f} ms the slowest" + (" CRASHED" if crash else ""),
            flush=True,
        )
        if crash is not None:
            crashes.append(crash)
            if given.keep:
                _keep(crash)
    for crash in crashes:
        print(f"\n--- {crash.target.name} did not survive {str(crash.value)[:300]!r}")
        traceback.print_exception(crash.error, limit=-4)
    print(f"\n{len(crashes)} of the targets crashed" if crashes else "no target crashed")
    return 1 if crashes else 0


if __name__ == "__main__":
    sys.exit(main())
