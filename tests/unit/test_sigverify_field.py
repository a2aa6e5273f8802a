"""Field arithmetic in lanes at the limits of its limbs, against plain integers."""

import random

import pytest

from chainkit.sigverify import engines
from chainkit.sigverify._reference import P
from tests.sigverify_cases import COMPILED, or_skipped

EDGES = (0, 1, 18, 19, 2**50 - 1, 2**50, 2**50 + 1, 2**51 - 20, 2**51 - 19, 2**51 - 1)
VECTORS = [name for name in COMPILED if name != "portable"]


def _limbs(rng, lanes):
    return [
        rng.choice(EDGES) if rng.random() < 0.7 else rng.randrange(2**51) for _ in range(5 * lanes)
    ]


@pytest.mark.parametrize("name", or_skipped(VECTORS))
def test_extreme_limbs(name):
    """Products, squares, sums and differences are right where the bounds are tight."""
    module = engines.load(name)
    lanes = 4 if name == "avx2" else 8
    rng = random.Random(11)
    for _ in range(2_000):
        a, b = _limbs(rng, lanes), _limbs(rng, lanes)
        found = module.lanes_arithmetic(a, b)
        for lane in range(lanes):
            x, y = (sum(v[lanes * k + lane] << 51 * k for k in range(5)) for v in (a, b))
            expected = [x * y % P, x * x % P, (y - x) % P, (x + y) ** 2 % P]
            assert [row[lane] % P for row in found] == expected


@pytest.mark.parametrize("name", or_skipped(COMPILED))
def test_halved_scalars(name):
    """u = v h modulo L with both short, at the ends of the range too."""
    module = engines.load(name)
    order = 2**252 + 27742317777372353535851937790883648493
    rng = random.Random(12)
    edges = [0, 1, 2, order - 1, order - 2, order // 2, 2**252]
    edges += [2**k + step for k in (125, 126, 127) for step in (-1, 0, 1)]
    for h in edges + [rng.randrange(order) for _ in range(500)]:
        u, v = module.halved(h.to_bytes(32, "little"))
        assert (u - v * h) % order == 0
        assert v != 0
        assert max(u, abs(v)) < 2**127
    with pytest.raises(ValueError, match="below the order"):
        module.halved(order.to_bytes(32, "little"))
