"""Batch = single = oracle = every engine, on signatures made to divide them."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from chainkit.sigverify import _reference as reference
from chainkit.sigverify import engines
from tests.sigverify_cases import COMPILED, crafted, good_items, judge

CASES_EACH = 20


@settings(max_examples=100, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(0, 24))
def test_engines_agree_with_the_oracle(rng: random.Random, good: int) -> None:
    """2,000 crafted cases: the same verdict alone, in a batch, and from warm keys."""
    items = [crafted(rng) for _ in range(CASES_EACH)]
    expected = [reference.verify(*item) for item in items]
    batch = [(item, verdict) for item, verdict in zip(items, expected, strict=True)]
    batch += [(item, True) for item in good_items()[:good]]
    rng.shuffle(batch)
    for name in COMPILED or ["python"]:
        keys = engines.load(name).Keys(30)
        for _ in range(2):
            assert judge(name, [item for item, _ in batch], keys) == [v for _, v in batch]
        assert [judge(name, [item])[0] for item in items] == expected
