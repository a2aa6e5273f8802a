"""Quorums and turns, as Besu has them."""

import pytest

from chainkit.primitives.types import Address, Round
from parachains.account.consensus.validators import (
    proposer_at,
    quorum_of,
    weak_quorum_of,
)

A, B, C, D = (Address(bytes([n]) * 20) for n in (2, 4, 6, 8))
NEW = Address(bytes([5]) * 20)
SET = (A, B, C, D)


def test_quorums_are_two_thirds_rounded_up_and_a_third_plus_one() -> None:
    """
    Besu's ``BftHelpers``; two quorums always have a correct validator in common.
    """
    assert [quorum_of(n) for n in range(1, 11)] == [1, 2, 2, 3, 4, 4, 5, 6, 6, 7]
    assert [weak_quorum_of(n) for n in range(1, 11)] == [1, 1, 1, 2, 2, 2, 3, 3, 3, 4]
    for count in range(1, 100):
        faulty = (count - 1) // 3
        assert 2 * quorum_of(count) - count > faulty
        assert weak_quorum_of(count) > faulty
        assert quorum_of(count) <= count - faulty


@pytest.mark.parametrize(
    ("parent", "round_", "expected"),
    [
        (A, 0, B),
        (D, 0, A),
        (D, 1, B),
        (C, 5, A),
        (Address(bytes(20)), 0, A),
        (Address(bytes(20)), 2, C),
        (Address(bytes([5]) * 20), 0, C),
        (Address(bytes([5]) * 20), 1, D),
        (Address(bytes([9]) * 20), 0, A),
        (Address(bytes([9]) * 20), 4, A),
    ],
)
def test_the_turn_goes_around_from_the_parents_maker(
    parent: Address, round_: int, expected: Address
) -> None:
    """
    ``BftProposerSelector``: the next after the maker, one further each round; a maker that left
    is followed by whoever would come after it.
    """
    assert proposer_at(SET, parent, Round(round_)) == expected
