"""Who decides: quorum, and whose turn it is.

Spec:
    Besu, ``BftHelpers``, ``BftProposerSelector`` (with the change of proposer each block,
    QBFT's default).
"""

from chainkit.primitives.types import Address, Round


def quorum_of(count: int) -> int:
    """Return how many of ``count`` validators decide: two thirds, rounded up."""
    assert count > 0
    return (2 * count + 2) // 3


def weak_quorum_of(count: int) -> int:
    """Return f + 1: among so many validators one is correct."""
    assert count > 0
    return (count - 1) // 3 + 1


def proposer_at(
    validators: tuple[Address, ...], parent_coinbase: Address, round_: Round
) -> Address:
    """Return whose turn a round is.

    The validator after the parent's maker, in ascending order and around the end, proposes
    in round 0; each round it is the next one's turn. A maker that left the set is followed
    by whoever would come after it.
    """
    assert round_ >= 0
    following = sum(address <= parent_coinbase for address in validators)
    return validators[(following + round_) % len(validators)]
