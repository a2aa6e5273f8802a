"""The long comparison: ``python -m tests.sigverify_long``.

100,000 signatures that hypothesis crafts, through the plain engine, the oracle and every compiled
engine, alone, in batches and from warm keys; then every single bit of keys, messages and
signatures of a batch of 100 flipped, each in every engine; and one batch of a million entries, in
bounded memory. Prints as it goes.
"""

import argparse
import os
import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from chainkit.sigverify import _reference as reference
from chainkit.sigverify import ed25519, engines
from chainkit.sigverify.verified import VerifiedSignatures
from tests.sigverify_cases import COMPILED, crafted, good_items, judge

CASES_EACH = 20
EXAMPLES = 100
FLIPPED = 100
MESSAGE_BYTES = 120
"""As the sign-bytes of a vote."""

EMULATED_EVERY = 64
"""The emulated engine takes twenty times as long: it sees this share of the bits."""


def compare(worker):
    """Judge ``EXAMPLES`` batches of crafted signatures; return how many, and how many valid."""
    cases, valid = 0, 0

    @seed(worker)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.randoms(use_true_random=False))
    def examples(rng):
        nonlocal cases, valid
        items = [crafted(rng) for _ in range(CASES_EACH)]
        expected = [reference.verify(*item) for item in items]
        assert judge("python", items) == expected
        for name in COMPILED:
            keys = engines.load(name).Keys(50)
            for cache in (None, keys, keys):
                assert judge(name, items, cache) == expected, name
            if name != "ifma-emulated":
                assert [judge(name, [item])[0] for item in items] == expected, name
        cases += len(items)
        valid += sum(expected)

    examples()
    return cases, valid


def flip(place):
    """Every bit of one item of a good batch of 100: that item alone must be refused."""
    batch = list(good_items(FLIPPED, MESSAGE_BYTES))
    key, message, signature = batch[place]
    whole = key + message + signature
    expected = [index != place for index in range(FLIPPED)]
    warm = {name: engines.load(name).Keys(4 * FLIPPED) for name in COMPILED}
    for bit in range(8 * len(whole)):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        data = bytes(changed)
        batch[place] = (data[:32], data[32:-64], data[-64:])
        for name in COMPILED:
            if name != "ifma-emulated" or bit % EMULATED_EVERY == place % EMULATED_EVERY:
                assert judge(name, batch, warm[name]) == expected, (place, bit, name)
    return 8 * len(whole)


def million(entries):
    """Judge one batch of so many entries, every 1,009th bad; return the seconds and the MB it took.

    They are references to 100 signatures, so what is measured is what verifying adds: a verdict
    and a reference each, and the scratch of a chunk.
    """
    good = good_items(FLIPPED, MESSAGE_BYTES)
    bad = (good[0][0], b"another message", good[0][2])
    items = tuple(bad if k % 1_009 == 0 else good[k % FLIPPED] for k in range(entries))
    before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    verdicts = ed25519.verify_items(items, remembered=VerifiedSignatures(64))
    took = time.monotonic() - begun
    added = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert len(verdicts) == entries
    assert all(verdict == (k % 1_009 != 0) for k, verdict in enumerate(verdicts))
    assert added < 64 * entries / 1_000_000 + 64, f"{added:.0f} MB"
    return took, added


def run_all(pool, work, count, report):
    """Yield the results of ``work`` for 0 to count - 1, telling how far it is."""
    waiting = [pool.submit(work, number) for number in range(count)]
    begun, told = time.monotonic(), time.monotonic()
    for done, future in enumerate(as_completed(waiting), 1):
        yield future.result()
        if time.monotonic() - told > report:
            told = time.monotonic()
            print(f"  {work.__name__}: {done} of {count} in {told - begun:.0f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--flipped", type=int, default=FLIPPED, help="members to flip the bits of")
    parser.add_argument("--entries", type=int, default=1_000_000, help="of the largest batch")
    parser.add_argument("--report", type=float, default=30, metavar="SECONDS")
    arguments = parser.parse_args()
    begun = time.monotonic()
    with ProcessPoolExecutor(1) as alone:
        took, added = alone.submit(million, arguments.entries).result()
    print(
        f"one batch of {arguments.entries} entries, {engines.engine().NAME}: {took:.1f} s, "
        f"{added:.0f} MB more",
        flush=True,
    )
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        workers = -(-arguments.cases // (CASES_EACH * EXAMPLES))
        counts = list(run_all(pool, compare, workers, arguments.report))
        cases, valid = (sum(column) for column in zip(*counts, strict=True))
        if cases < arguments.cases:
            sys.exit(f"only {cases} cases were made")
        print(
            f"{cases} crafted signatures, {valid} valid: oracle = python = "
            f"{' = '.join(COMPILED)}, alone, in batches and from warm keys; "
            f"{time.monotonic() - begun:.0f} s",
            flush=True,
        )
        bits = sum(run_all(pool, flip, arguments.flipped, arguments.report))
    print(
        f"{bits} flipped bits in a batch of {FLIPPED}: each refused by every engine, and nothing "
        f"else; {time.monotonic() - begun:.0f} s in all"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
