"""A DAG in memory: what a node keeps, with the index that answers ancestry at once."""

from collections.abc import Iterable, Iterator

from chainkit.formats.ghostdag.blocks import DagBlock, DagView, Order
from chainkit.formats.ghostdag.headers import Header
from chainkit.formats.ghostdag.order import known, order_of
from chainkit.formats.ghostdag.parameters import DagParameters
from chainkit.formats.ghostdag.reachability import ORIGIN, Reachability
from chainkit.formats.ghostdag.rules import check_alone, genesis_block, place
from chainkit.formats.ghostdag.windows import WindowCache
from chainkit.primitives.types import Hash32


class Dag:
    """Blocks in their places, all that is kept of a chain; mutable, it grows block by block.

    Starts with the blocks that :func:`kept_above` chose, the root first; genesis alone is
    the simplest such start.
    """

    def __init__(
        self, parameters: DagParameters, blocks: Iterable[DagBlock], genesis: Hash32
    ) -> None:
        self.parameters = parameters
        self._genesis = genesis
        self._blocks: dict[Hash32, DagBlock] = {}
        self._numbers: dict[Hash32, int] = {}
        self._reachability = Reachability()
        self._windows = WindowCache()
        self._tips: dict[Hash32, None] = {}
        for block in blocks:
            self.add(block)
        self._root = next(iter(self._blocks))

    @classmethod
    def from_genesis(cls, parameters: DagParameters, genesis: Header) -> "Dag":
        """Return the DAG of a chain that begins.

        Raises:
            WrongGenesis: The header is none of a first block.
        """
        return cls(parameters, (genesis_block(genesis),), genesis.hash)

    @property
    def root(self) -> Hash32:
        """The lowest block of the selected chain that is kept."""
        return self._root

    @property
    def genesis(self) -> Hash32:
        """The first block of all."""
        return self._genesis

    @property
    def tips(self) -> tuple[Hash32, ...]:
        """The blocks without children, in the order in which they came."""
        return tuple(self._tips)

    @property
    def selected_tip(self) -> DagBlock:
        """The tip with the most blue work, then the greatest hash."""
        return max((self._blocks[tip] for tip in self._tips), key=lambda block: block.sort_key)

    def __len__(self) -> int:
        """Return the number of blocks."""
        return len(self._blocks)

    def __iter__(self) -> Iterator[DagBlock]:
        """Yield the blocks, parents before children."""
        return iter(self._blocks.values())

    def find(self, block: Hash32) -> DagBlock | None:
        """Return a block, or None where it is not kept."""
        return self._blocks.get(block)

    def is_above_root(self, block: Hash32) -> bool:
        """Return whether a block that is kept has the root in its past, or is it."""
        return self.is_ancestor(self._root, block)

    def is_ancestor(self, ancestor: Hash32, block: Hash32) -> bool:
        """Return whether one block is in the past of another, or is it; both are kept."""
        return self._reachability.is_ancestor(self._numbers[ancestor], self._numbers[block])

    def is_chain_ancestor(self, ancestor: Hash32, block: Hash32) -> bool:
        """Return whether one block is on the selected chain of another, or is it."""
        return self._reachability.is_chain_ancestor(self._numbers[ancestor], self._numbers[block])

    def insert(self, header: Header, now_ms: int) -> DagBlock:
        """Check a header by every rule and add it; one that is there already is returned.

        Raises:
            GhostdagRuleBroken: It is refused; nothing changes.
        """
        there = self._blocks.get(header.hash)
        if there is not None:
            return there
        check_alone(header, self.parameters, now_ms)
        return self.insert_in_place(header)

    def insert_in_place(self, header: Header) -> DagBlock:
        """Add a header whose version, clock and work are judged elsewhere.

        Raises:
            GhostdagRuleBroken: It breaks a rule of its place; nothing changes.
        """
        block = place(self, header, self.parameters, self._windows)
        self.add(block)
        return block

    def order_above(self, parents: tuple[Hash32, ...]) -> Order:
        """Return the order of a block that would have these parents.

        Raises:
            GhostdagRuleBroken: It would merge too much.
        """
        p = self.parameters
        return order_of(self, parents, p.k, p.merge_set_limit)

    @property
    def windows(self) -> WindowCache:
        """The windows of the last blocks, for who builds the next one."""
        return self._windows

    def add(self, block: DagBlock) -> None:
        """Add a block whose place is known; its parents, as far as kept, are there."""
        selected = block.order.selected_parent
        number = ORIGIN if selected is None else self._numbers.get(selected, ORIGIN)
        merged = [
            self._numbers[other]
            for other in block.merge_set
            if other != selected and other in self._numbers
        ]
        self._numbers[block.hash] = self._reachability.add(number, merged)
        self._blocks[block.hash] = block
        for parent in block.header.parents:
            self._tips.pop(parent, None)
        self._tips[block.hash] = None


def selected_chain(view: DagView, start: Hash32) -> Iterator[DagBlock]:
    """Yield a block and the selected chain below it as far as it is kept, highest first."""
    block: DagBlock | None = known(view, start)
    while block is not None:
        yield block
        below = block.order.selected_parent
        block = None if below is None else view.find(below)


def ordered_merge_set(view: DagView, block: DagBlock) -> tuple[DagBlock, ...]:
    """Return what a block brings into the order, first first: the selected parent, then by key."""
    merged = [known(view, other) for other in block.merge_set]
    return (*merged[:1], *sorted(merged[1:], key=lambda other: other.sort_key))


def future_of(ordered: Iterable[DagBlock], root: Hash32) -> set[Hash32]:
    """Return the root and the blocks that have it in their past; parents come before children."""
    future = {root}
    for block in ordered:
        if not future.isdisjoint(block.header.parents):
            future.add(block.hash)
    return future


def kept_above(blocks: Iterable[DagBlock], root: Hash32) -> dict[Hash32, DagBlock]:
    """Return the blocks that must be kept to judge blocks whose selected chain holds ``root``.

    They are the root, its future, and what that future merges from beside it; the root
    first, parents before children.
    """
    ordered = sorted(blocks, key=lambda block: block.sort_key)
    future = future_of(ordered, root)
    past: set[Hash32] = set()
    keep = set(future)
    for block in reversed(ordered):
        if block.hash == root or block.hash in past:
            past.update(block.header.parents)
        elif block.hash in keep:
            keep.update(block.header.parents)
    chosen = {block.hash: block for block in ordered if block.hash in keep - past}
    return {root: chosen.pop(root), **chosen}
