"""GHOSTDAG: selected parent, merge set, and which of it is blue.

A merge set is the past of a block less the past of its selected parent. It is visited in
the order of blue work, then hash, which is a topological one. A candidate turns blue if
with it no blue block, itself included, has more than k blue blocks in its anticone.

Spec:
    eprint 2018/104, algorithms 3 and 4; rusty-kaspa ``processes/ghostdag/protocol.rs``,
    ``mergeset.rs``, ``ordering.rs``.
"""

from collections.abc import Sequence

from chainkit.formats.ghostdag.blocks import DagBlock, DagView, Order
from chainkit.formats.ghostdag.errors import BelowWindow, MergeSetTooBig
from chainkit.formats.ghostdag.proof_of_work import work_of
from chainkit.primitives.types import Hash32

GENESIS_ORDER = Order(None, (), (), {}, 0, 0)


def known(view: DagView, block: Hash32) -> DagBlock:
    """Return a block that the rules need.

    Raises:
        BelowWindow: It is not kept.
    """
    found = view.find(block)
    if found is None:
        raise BelowWindow(f"block {block.hex()} is below what is kept")
    return found


def selected_parent_of(view: DagView, parents: Sequence[Hash32]) -> DagBlock:
    """Return the parent with the most blue work; of equal ones that with the greater hash."""
    return max((known(view, parent) for parent in parents), key=lambda block: block.sort_key)


def merge_set_of(
    view: DagView, selected: Hash32, parents: Sequence[Hash32], limit: int
) -> list[DagBlock]:
    """Return what a block merges beside its selected parent, in order.

    Raises:
        MergeSetTooBig: More than ``limit`` blocks.
    """
    queue = [parent for parent in parents if parent != selected]
    merged = dict.fromkeys(queue)
    past: set[Hash32] = set()
    for block in queue:
        for parent in known(view, block).header.parents:
            if parent in merged or parent in past:
                continue
            if view.find(parent) is None or view.is_ancestor(parent, selected):
                # what is not kept lies below the root, which every selected chain holds
                past.add(parent)
                continue
            merged[parent] = None
            queue.append(parent)
        if len(queue) >= limit:
            raise MergeSetTooBig(f"over {limit} blocks in the merge set")
    return sorted((known(view, block) for block in merged), key=lambda block: block.sort_key)


def order_of(view: DagView, parents: Sequence[Hash32], k: int, merge_set_limit: int) -> Order:
    """Return the place of a block with these ``parents``, at least one, all kept.

    Raises:
        MergeSetTooBig: It merges more than the limit, its selected parent counted in.
        BelowWindow: It merges what can be judged no more.
    """
    selected = selected_parent_of(view, parents)
    colouring = _Colouring(view, selected, k)
    for candidate in merge_set_of(view, selected.hash, parents, merge_set_limit):
        colouring.colour(candidate.hash)
    blues = tuple(colouring.blues)
    work = sum(work_of(known(view, blue).header.bits) for blue in blues)
    return Order(
        selected_parent=selected.hash,
        blues=blues,
        reds=tuple(colouring.reds),
        blue_anticone_sizes=colouring.sizes,
        blue_score=selected.order.blue_score + len(blues),
        blue_work=selected.order.blue_work + work,
    )


class _Colouring:
    """The colours of one merge set while they are decided: mutable for that long."""

    __slots__ = ("_k", "_selected", "_view", "blues", "reds", "sizes")

    def __init__(self, view: DagView, selected: DagBlock, k: int) -> None:
        self._view, self._selected, self._k = view, selected, k
        self.blues = [selected.hash]
        self.reds: list[Hash32] = []
        self.sizes: dict[Hash32, int] = {selected.hash: 0}

    def colour(self, candidate: Hash32) -> None:
        """Put the next block of the merge set where it belongs."""
        anticone = self._blue_anticone(candidate)
        if anticone is None:
            self.reds.append(candidate)
            return
        self.blues.append(candidate)
        self.sizes[candidate] = len(anticone)
        for blue, size in anticone.items():
            self.sizes[blue] = size + 1

    def _blue_anticone(self, candidate: Hash32) -> dict[Hash32, int] | None:
        """Return the blue blocks beside the candidate with their sizes; None makes it red."""
        if len(self.blues) == self._k + 1:
            return None
        anticone: dict[Hash32, int] = {}
        if not self._extend(anticone, candidate, self.blues):
            return None
        chain_block = self._selected
        while not self._view.is_ancestor(chain_block.hash, candidate):
            # below a chain block that the candidate builds on, every blue is in its past
            if not self._extend(anticone, candidate, chain_block.order.blues):
                return None
            chain_block = _selected_parent(self._view, chain_block)
        return anticone

    def _extend(
        self, anticone: dict[Hash32, int], candidate: Hash32, blues: Sequence[Hash32]
    ) -> bool:
        """Add those of ``blues`` beside the candidate; return False if it cannot be blue."""
        for blue in blues:
            if self._view.is_ancestor(known(self._view, blue).hash, candidate):
                continue
            size = self._size(blue)
            anticone[blue] = size
            if len(anticone) > self._k or size == self._k:
                return False
        return True

    def _size(self, blue: Hash32) -> int:
        """Return the size of a blue block's blue anticone as far as it is decided."""
        size = self.sizes.get(blue)
        block = self._selected
        while size is None:
            size = block.order.blue_anticone_sizes.get(blue)
            if size is None:
                block = _selected_parent(self._view, block)
        return size


def _selected_parent(view: DagView, block: DagBlock) -> DagBlock:
    """Return the next block down the selected chain.

    Raises:
        BelowWindow: It is not kept.
    """
    if block.order.selected_parent is None:
        raise BelowWindow("the selected chain ends at genesis")
    return known(view, block.order.selected_parent)
