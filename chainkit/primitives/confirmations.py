"""How deep a block must lie under proof of work: computed off chain, a parameter on it.

Spec:
    Meni Rosenfeld, "Analysis of hashrate-based double-spending" (arXiv:1402.2009), section 4.
"""

from fractions import Fraction

from chainkit.primitives.errors import RuleBroken

MAX_DEPTH = 2_048
"""The deepest that is looked for: 45% of the work and one in a million need 1,191."""


class UnreachableDepth(RuleBroken):
    """No depth up to ``MAX_DEPTH`` is safe enough: the share is at or near one half."""

    code = 3


def double_spend_probability(share: Fraction, depth: int) -> Fraction:
    """Return the chance that an attacker replaces a block with ``depth`` confirmations.

    Exact. The block itself is the first confirmation, and the attacker has one block of his
    own before the race begins. ``share`` is his part of all work: 1 from one half on.
    """
    assert 0 <= share <= 1
    assert depth >= 0
    q, p = share.numerator, share.denominator - share.numerator
    if q >= p or depth == 0:
        return Fraction(1)
    whole = share.denominator
    p_all, q_all = p**depth, q**depth
    lost, ways, p_now, q_now, rest = 0, 1, 1, 1, whole**depth
    for m in range(depth + 1):
        lost += ways * (p_all * q_now - p_now * q_all) * rest
        ways = ways * (m + depth) // (m + 1)
        p_now, q_now, rest = p_now * p, q_now * q, rest // whole
    return 1 - Fraction(lost, whole ** (2 * depth))


def confirmations_needed(share: Fraction, probability: Fraction) -> int:
    """Return the least number of confirmations at which an attack succeeds at most so often.

    Raises:
        UnreachableDepth: There is none up to ``MAX_DEPTH``.
    """
    assert 0 < probability < 1
    if 2 * share >= 1:
        raise UnreachableDepth("with half of the work an attack always succeeds")
    low, high = 0, 1
    while double_spend_probability(share, high) > probability:
        if high >= MAX_DEPTH:
            raise UnreachableDepth(f"no depth up to {MAX_DEPTH} is enough")
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        if double_spend_probability(share, middle) > probability:
            low = middle
        else:
            high = middle
    return high
