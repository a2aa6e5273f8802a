"""Is one block in the past of another? Answered without walking the DAG.

Blocks form a tree by selected parent. Each has an interval of integers that holds those of
its subtree and, as its last, its own number; so ancestry in the tree is one comparison.
What a block merges besides gets the block into its *future covering set*: few blocks whose
subtrees hold all of its future. A block is then in the past of another one if the tree says
so, or one of the set is the other's tree ancestor; the set is sorted by interval, so that a
binary search finds it.

Blocks are numbered in the order in which they are added; number 0 is the origin, above
which every block is whose selected parent is not kept. Where an interval has no room for
one more child, the smallest subtree that has room to spare is numbered anew: each side
branch gets room by its size, and the heaviest branch, where blocks are added, the rest.

``Reachability`` is the compiled extension where it was built, else its Python twin below;
the two are compared in the tests.

Spec:
    rusty-kaspa ``processes/reachability/`` has the same structure with other rules of room.
"""

from collections.abc import Sequence
from typing import Protocol

SPACE_END = 1 << 62
"""Intervals lie in 1 to this number, so that sums of two fit 64 bits."""

SLACK = 1 << 12
"""Room for each block of a side branch, and in each block for later children."""

SPARE = SLACK << 1
"""A subtree is numbered anew in an interval of this many times its size."""

FIRST_CHILD_SHIFT = 5
"""A first child leaves 1/32 of the room to later ones."""

LATER_CHILD_SHIFT = 3
"""A later child takes 1/8 of the room."""

ORIGIN = 0


class ReachabilityIndex(Protocol):
    """What both twins offer; blocks are numbers that :meth:`add` returned."""

    def add(self, tree_parent: int, merged: Sequence[int]) -> int:
        """Add a block above its selected parent that merges others; return its number."""
        ...

    def is_chain_ancestor(self, ancestor: int, block: int) -> bool:
        """Return whether one block is on the other's selected chain, or is it."""
        ...

    def is_ancestor(self, ancestor: int, block: int) -> bool:
        """Return whether one block is in the other's past, or is it."""
        ...

    def interval(self, block: int) -> tuple[int, int]:
        """Return a block's interval, both ends included."""
        ...

    def __len__(self) -> int:
        """Return the number of blocks, the origin counted in."""
        ...


class PythonReachability:
    """The readable twin. Mutable: it is an index over a DAG that grows."""

    __slots__ = ("_children", "_end", "_future", "_parent", "_start")

    def __init__(self) -> None:
        self._start, self._end = [1], [SPACE_END]
        self._parent = [-1]
        self._children: list[list[int]] = [[]]
        self._future: list[list[int]] = [[]]

    def add(self, tree_parent: int, merged: Sequence[int]) -> int:
        """Add a block above its selected parent that merges others; return its number.

        Raises:
            IndexError: One of them was not added before.
        """
        block = len(self._start)
        if not 0 <= tree_parent < block or not all(0 < other < block for other in merged):
            raise IndexError("a block is added after its parents")
        self._parent.append(tree_parent)
        self._children.append([])
        self._future.append([])
        start, end = self._room(tree_parent)
        first = not self._children[tree_parent]
        self._children[tree_parent].append(block)
        room = end - start + 1
        self._start.append(start)
        self._end.append(end)
        if room <= 0:
            self._make_room(tree_parent)
        else:
            taken = room - (room >> FIRST_CHILD_SHIFT) if first else room >> LATER_CHILD_SHIFT
            self._end[block] = start + max(taken, 1) - 1
        for other in merged:
            self._cover(other, block)
        return block

    def is_chain_ancestor(self, ancestor: int, block: int) -> bool:
        """Return whether one block is on the other's selected chain, or is it."""
        return self._start[ancestor] <= self._end[block] <= self._end[ancestor]

    def is_ancestor(self, ancestor: int, block: int) -> bool:
        """Return whether one block is in the other's past, or is it."""
        if self.is_chain_ancestor(ancestor, block):
            return True
        future = self._future[ancestor]
        at = self._position(future, block)
        return at > 0 and self.is_chain_ancestor(future[at - 1], block)

    def interval(self, block: int) -> tuple[int, int]:
        """Return a block's interval, both ends included."""
        return self._start[block], self._end[block]

    def __len__(self) -> int:
        """Return the number of blocks, the origin counted in."""
        return len(self._start)

    def _room(self, block: int) -> tuple[int, int]:
        """Return the interval behind the last child; the last number is the block's own."""
        children = self._children[block]
        start = self._end[children[-1]] + 1 if children else self._start[block]
        return start, self._end[block] - 1

    def _position(self, future: list[int], block: int) -> int:
        """Return how many of ``future`` start at or before the block's own number."""
        low, high, own = 0, len(future), self._end[block]
        while low < high:
            middle = (low + high) // 2
            if self._start[future[middle]] <= own:
                low = middle + 1
            else:
                high = middle
        return low

    def _cover(self, other: int, block: int) -> None:
        """Put a new block into the future covering set of one that it merges."""
        future = self._future[other]
        at = self._position(future, block)
        if at == 0 or not self.is_chain_ancestor(future[at - 1], block):
            future.insert(at, block)

    def _make_room(self, block: int) -> None:
        """Number anew the smallest subtree around ``block`` that has room to spare."""
        sizes: dict[int, int] = {}
        self._measure(block, sizes)
        while self._parent[block] >= 0:
            if self._end[block] - self._start[block] + 1 >= SPARE * sizes[block]:
                break
            block = self._parent[block]
            self._measure(block, sizes)
        self._renumber(block, sizes)

    def _measure(self, root: int, sizes: dict[int, int]) -> None:
        """Fill in the sizes of the subtree, each block after its children."""
        order = [root]
        for block in order:
            order.extend(child for child in self._children[block] if child not in sizes)
        for block in reversed(order):
            sizes[block] = 1 + sum(sizes[child] for child in self._children[block])

    def _renumber(self, root: int, sizes: dict[int, int]) -> None:
        """Share out the interval of ``root`` among its subtree; the order of children stays."""
        stack = [root]
        for block in stack:
            children = self._children[block]
            if not children:
                continue
            heaviest = max(children, key=lambda child: sizes[child])
            used = SLACK * (sizes[block] - sizes[heaviest])
            spare = self._end[block] - self._start[block] + 1 - used
            start = self._start[block]
            for child in children:
                share = spare if child == heaviest else SLACK * sizes[child]
                self._start[child], self._end[child] = start, start + share - 1
                start += share
            stack.extend(children)


def _fastest() -> type[ReachabilityIndex]:
    try:
        from chainkit.formats.ghostdag._reachability import (  # noqa: PLC0415 - it may be absent
            Reachability as Compiled,
        )
    except ImportError:
        return PythonReachability
    compiled: type[ReachabilityIndex] = Compiled
    return compiled


Reachability: type[ReachabilityIndex] = _fastest()
"""The twin that is used."""
