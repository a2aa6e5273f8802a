"""A header in its place in the DAG, and the port through which the rules see a DAG."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from chainkit.formats.ghostdag.headers import Header
from chainkit.primitives.types import Hash32


@dataclass(frozen=True, slots=True)
class Order:
    """What GHOSTDAG says of a block, from its parents alone."""

    selected_parent: Hash32 | None
    """The parent with the most blue work, then the greatest hash; genesis has none."""
    blues: tuple[Hash32, ...]
    """Blue blocks of the merge set in order, the selected parent first."""
    reds: tuple[Hash32, ...]
    """Red blocks of the merge set in order."""
    blue_anticone_sizes: Mapping[Hash32, int]
    """Of each block whose blue anticone changed with this block, its new size."""
    blue_score: int
    blue_work: int


@dataclass(frozen=True, slots=True)
class DagBlock:
    """A header whose place is known."""

    hash: Hash32
    header: Header
    order: Order
    median_time_ms: int
    """The past median time: what the header's own time had to be after."""
    chain_time_ms: int
    """The running maximum of past median times along the selected chain: never goes back."""

    @property
    def sort_key(self) -> tuple[int, Hash32]:
        """What blocks are ordered by: blue work, then hash as bytes."""
        return self.order.blue_work, self.hash

    @property
    def merge_set(self) -> tuple[Hash32, ...]:
        """The blocks that it brings into the order, unordered, the selected parent first."""
        return self.order.blues + self.order.reds


class DagView(Protocol):
    """A DAG, or the part of one from a block of its selected chain on (the root)."""

    @property
    def root(self) -> Hash32:
        """The lowest block of the selected chain that is kept; genesis, where all is."""
        ...

    @property
    def genesis(self) -> Hash32:
        """The first block of all; it counts in no window."""
        ...

    def find(self, block: Hash32) -> DagBlock | None:
        """Return a block, or None where it is not kept."""
        ...

    def is_above_root(self, block: Hash32) -> bool:
        """Return whether a block that is kept has the root in its past, or is it."""
        ...

    def is_ancestor(self, ancestor: Hash32, block: Hash32) -> bool:
        """Return whether one block is in the past of another, or is it; both are kept."""
        ...

    def is_chain_ancestor(self, ancestor: Hash32, block: Hash32) -> bool:
        """Return whether one block is on the selected chain of another, or is it."""
        ...
