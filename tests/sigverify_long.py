"""The long comparison: ``python -m tests.sigverify_long``.

100,000 crafted signatures through the oracle and every compiled engine, alone and in batches,
then every single bit of keys, messages and signatures of a batch of 100 flipped.
"""

import argparse
import os
import random
import sys
from concurrent.futures import ProcessPoolExecutor

from chainkit.sigverify import _reference as reference
from chainkit.sigverify import engines
from tests.sigverify_cases import COMPILED, crafted, good_items, judge

BATCH = 100


def compare(seed):
    """One batch of crafted cases; returns how many were valid."""
    rng = random.Random(seed)
    items = [crafted(rng) for _ in range(BATCH)]
    expected = [reference.verify(*item) for item in items]
    for name in COMPILED:
        keys = engines.load(name).Keys(50)
        for cache in (None, keys, keys):
            assert judge(name, items, cache) == expected, (seed, name)
        if name != "ifma-emulated":
            assert [judge(name, [item])[0] for item in items] == expected, (seed, name)
    return sum(expected)


def flip(place):
    """Every bit of one item of a good batch of 100; that item alone must be refused."""
    batch = list(good_items(BATCH))
    key, message, signature = batch[place]
    whole = key + message + signature
    flipped = 0
    for bit in range(8 * len(whole)):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        data = bytes(changed)
        batch[place] = (data[:32], data[32:-64], data[-64:])
        for name in COMPILED:
            if name == "ifma-emulated" and bit % 16 != place % 16:
                continue
            expected = [index != place for index in range(BATCH)]
            assert judge(name, batch) == expected, (place, bit, name)
        flipped += 1
    return flipped


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000)
    arguments = parser.parse_args()
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        seeds = range(-(-arguments.cases // BATCH))
        valid = sum(pool.map(compare, seeds))
        print(
            f"{len(seeds) * BATCH} crafted signatures, {valid} valid: oracle = "
            f"{' = '.join(COMPILED)}, alone, in batches and from warm keys",
            flush=True,
        )
        bits = sum(pool.map(flip, range(BATCH)))
        print(f"{bits} flipped bits in a batch of {BATCH}: each refused, and nothing else")
    return 0


if __name__ == "__main__":
    sys.exit(main())
