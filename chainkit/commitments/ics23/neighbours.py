"""Whether two paths lead to leaves next to each other, or one to an edge of the tree.

Spec:
    ICS-23, "Non-existence proofs"; cosmos/ics23 ``go/proof.go``, ``IsLeftNeighbor``.
"""

from collections.abc import Sequence

from chainkit.commitments.errors import InvalidProof
from chainkit.commitments.ics23.types import InnerOp, InnerSpec


class NotNeighbours(InvalidProof):
    """There may be a key between the two leaves, or beyond the one."""


def child_position(spec: InnerSpec, op: InnerOp) -> int:
    """Return at which position among its siblings ``op`` places the child, from 0.

    Raises:
        NotNeighbours: Prefix and suffix fit no position.
    """
    last = len(spec.child_order) - 1
    for position in range(last + 1):
        before = position * spec.child_size
        if (
            spec.min_prefix_length <= len(op.prefix) - before <= spec.max_prefix_length
            and len(op.suffix) == (last - position) * spec.child_size
        ):
            return position
    raise NotNeighbours("prefix and suffix fit no child of a node")


def is_left_most(spec: InnerSpec, path: Sequence[InnerOp]) -> bool:
    """Return whether no leaf can be left of the one at the end of ``path``."""
    return all(_has_only_empty_left(spec, op) for op in path)


def is_right_most(spec: InnerSpec, path: Sequence[InnerOp]) -> bool:
    """Return whether no leaf can be right of the one at the end of ``path``."""
    return all(_has_only_empty_right(spec, op) for op in path)


def are_neighbours(spec: InnerSpec, left: Sequence[InnerOp], right: Sequence[InnerOp]) -> bool:
    """Return whether ``right`` leads to the leaf next after ``left``'s.

    Both paths start at their leaf; they share their upper end.
    """
    shared = 0
    for mine, other in zip(reversed(left), reversed(right), strict=False):
        if (mine.prefix, mine.suffix) != (other.prefix, other.suffix):
            break
        shared += 1
    if shared in (len(left), len(right)):
        # One path would lie wholly on the other: no tree has a leaf above a leaf.
        return False
    left_split, right_split = left[-1 - shared], right[-1 - shared]
    return (
        child_position(spec, right_split) == child_position(spec, left_split) + 1
        and is_right_most(spec, left[: len(left) - 1 - shared])
        and is_left_most(spec, right[: len(right) - 1 - shared])
    )


def _has_only_empty_left(spec: InnerSpec, op: InnerOp) -> bool:
    position = child_position(spec, op)
    siblings = op.prefix[len(op.prefix) - position * spec.child_size :] if position else b""
    return _are_empty(spec, siblings, position)


def _has_only_empty_right(spec: InnerSpec, op: InnerOp) -> bool:
    position = child_position(spec, op)
    return _are_empty(spec, op.suffix, len(spec.child_order) - 1 - position)


def _are_empty(spec: InnerSpec, siblings: bytes, count: int) -> bool:
    """Return whether ``siblings`` is ``count`` times the placeholder of an empty subtree."""
    if count == 0:
        return True
    return len(spec.empty_child) == spec.child_size and siblings == spec.empty_child * count
