"""Crafted ed25519 signatures on which rules differ, and every engine that can run here.

Keys and R are (multiples of the base point) + (points of small order), in canonical and
non-canonical encodings, with s that satisfies the cofactored equation, or nearly.
"""

import hashlib
import random
from functools import cache

import pytest

from chainkit.sigverify import _reference as reference
from chainkit.sigverify import engines
from chainkit.sigverify.ed25519 import public_key_from_seed, sign

TESTED = [
    name for name in (*engines.FASTEST_FIRST, "ifma-emulated") if engines.load(name) is not None
]
COMPILED = [name for name in TESTED if name != "python"]


def or_skipped(names):
    """The engines as parameters; where there are none, one that says so and is skipped."""
    missing = pytest.mark.skip(reason="no such compiled engine was built here")
    return names or [pytest.param("no compiled engine", marks=missing)]


def judge(name, items, keys=None):
    """The engine's verdicts on the items as one batch."""
    verdicts = bytearray(len(items))
    engines.load(name).verify_range(tuple(items), 0, len(items), verdicts, keys)
    return [bool(verdict) for verdict in verdicts]


@cache
def good_items(count=24, size=None):
    """Ordinary signatures with distinct keys and messages, of many sizes where none is given."""
    items = []
    for index in range(count):
        seed = hashlib.sha256(b"good %d" % index).digest()
        message = hashlib.shake_128(seed).digest(index * 37 % 400 if size is None else size)
        items.append((public_key_from_seed(seed), message, sign(seed, message)))
    return items


def mixed(item, rng, size=19):
    """The item among good ones at a random place, and that place."""
    items = list(good_items()[:size])
    place = rng.randrange(size + 1)
    items.insert(place, item)
    return items, place


def verdicts_everywhere(item, rng=None):
    """What the oracle and every engine say: alone, with a warm key, and among good signatures."""
    rng = rng or random.Random(repr(item))
    found = {reference.verify(*item)}
    for name in TESTED:
        keys = engines.load(name).Keys(8)
        found.update(judge(name, [item], keys) + judge(name, [item, item], keys))
        items, place = mixed(item, rng)
        verdicts = judge(name, items, keys)
        found.add(verdicts.pop(place))
        assert verdicts == [True] * len(verdicts), name
    return found


def encodings(point):
    """Every 32 bytes that decode to the point: y or y + p, and x = 0 with either sign."""
    inverse = pow(point[2], -1, reference.P)
    x, y = point[0] * inverse % reference.P, point[1] * inverse % reference.P
    signs = (0, 1) if x == 0 else (x & 1,)
    ys = [y] + ([y + reference.P] if y + reference.P < 2**255 else [])
    return [(y | sign << 255).to_bytes(32, "little") for y in ys for sign in signs]


def multiply(scalar, point):
    result = reference.IDENTITY
    while scalar:
        if scalar & 1:
            result = reference.add(result, point)
        point, scalar = reference.double(point), scalar >> 1
    return result


@cache
def torsion():
    """The eight points of small order."""
    for y in range(2, 100):
        point = reference.decompress(y.to_bytes(32, "little"))
        if point is None:
            continue
        generator = multiply(reference.L, point)
        if not reference.is_identity(multiply(4, generator)):
            return [multiply(k, generator) for k in range(8)]
    raise AssertionError


@cache
def small_order_encodings():
    """All 14 encodings of the 8 points of small order."""
    return sorted({data for point in torsion() for data in encodings(point)})


@cache
def known_points():
    """Scalars with their multiples of the base point."""
    scalars = [0, 1, 2, reference.L - 1]
    scalars += [int.from_bytes(hashlib.sha256(b"%d" % k).digest(), "little") for k in range(12)]
    return [(k % reference.L, multiply(k % reference.L, reference.BASE)) for k in scalars]


def crafted(rng):
    """One signature whose A and R may have small-order parts and odd encodings."""
    a, a_point = rng.choice(known_points())
    r, r_point = rng.choice(known_points())
    key = rng.choice(encodings(reference.add(a_point, rng.choice(torsion()))))
    nonce = rng.choice(encodings(reference.add(r_point, rng.choice(torsion()))))
    if rng.randrange(4) == 0:  # of small order alone: most odd encodings are among these
        a, key = 0, rng.choice(small_order_encodings())
    if rng.randrange(4) == 0:
        r, nonce = 0, rng.choice(small_order_encodings())
    message = rng.randbytes(rng.choice((0, 1, 47, 48, 63, 64, 111, 112, 120, 300)))
    h = int.from_bytes(hashlib.sha512(nonce + key + message).digest(), "little")
    s = (r + h * a) % reference.L
    match rng.randrange(8):
        case 0:
            s = (s + 1) % reference.L
        case 1 if s + reference.L < 2**256:
            s += reference.L
        case 2:
            message += b"x"
        case 3:
            key = rng.randbytes(32)
        case 4:
            nonce = rng.randbytes(32)
        case _:
            pass
    return key, message, nonce + s.to_bytes(32, "little")
