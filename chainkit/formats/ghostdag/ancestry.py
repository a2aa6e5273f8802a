"""Ancestry by search, for a view that builds no index: what a light client uses.

The search goes from a block to its parents in descending order of blue work, and an
ancestor has less blue work than what is above it; so it ends at the one that is asked for,
and goes on from there with the next question.
"""

from collections.abc import Callable
from heapq import heappop, heappush

from chainkit.formats.ghostdag.blocks import DagBlock
from chainkit.primitives.types import Hash32


class _Past:
    """The part of a block's past that is searched; mutable, it grows with the questions."""

    __slots__ = ("_find", "_queue", "_seen")

    def __init__(self, find: Callable[[Hash32], DagBlock | None], start: DagBlock) -> None:
        self._find = find
        self._seen = {start.hash}
        self._queue: list[tuple[int, bytes, DagBlock]] = []
        self._push(start)

    def _push(self, block: DagBlock) -> None:
        heappush(self._queue, (-block.order.blue_work, block.hash, block))

    def holds(self, ancestor: DagBlock) -> bool:
        """Return whether a block is in this past, or is its start."""
        while self._queue and -self._queue[0][0] > ancestor.order.blue_work:
            block = heappop(self._queue)[2]
            for parent in block.header.parents:
                found = None if parent in self._seen else self._find(parent)
                if found is not None:
                    self._seen.add(parent)
                    self._push(found)
        return ancestor.hash in self._seen


class Ancestry:
    """Answers over the blocks that ``find`` returns; what it does not is below all of them."""

    __slots__ = ("_find", "_pasts")

    def __init__(self, find: Callable[[Hash32], DagBlock | None]) -> None:
        self._find = find
        self._pasts: dict[Hash32, _Past] = {}

    def is_ancestor(self, ancestor: Hash32, block: Hash32) -> bool:
        """Return whether one block is in the past of another, or is it."""
        past = self._pasts.get(block)
        if past is None:
            past = self._pasts[block] = _Past(self._find, self._known(block))
        return past.holds(self._known(ancestor))

    def is_chain_ancestor(self, ancestor: Hash32, block: Hash32) -> bool:
        """Return whether one block is on the selected chain of another, or is it."""
        wanted, at = self._known(ancestor), self._known(block)
        while at.order.blue_work > wanted.order.blue_work:
            below = at.order.selected_parent
            found = None if below is None else self._find(below)
            if found is None:
                return False
            at = found
        return at.hash == ancestor

    def _known(self, block: Hash32) -> DagBlock:
        found = self._find(block)
        assert found is not None
        return found
