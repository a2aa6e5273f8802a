"""Blocks whose parents are not here yet: bounded in number and bytes, the oldest go first."""

from collections import OrderedDict

from chainkit.primitives.types import Hash32
from parachains.dag.blocks import Block
from parachains.dag.limits import MAX_ORPHAN_BYTES, MAX_ORPHANS


class Orphans:
    """Blocks that wait, by hash and by what they wait for; mutable."""

    def __init__(self) -> None:
        self._blocks: OrderedDict[Hash32, tuple[Block, int]] = OrderedDict()
        self._waiting: dict[Hash32, set[Hash32]] = {}
        self.size = 0
        """Bytes of all."""

    def __len__(self) -> int:
        return len(self._blocks)

    def __contains__(self, block: Hash32) -> bool:
        return block in self._blocks

    def add(self, block: Block) -> None:
        """Keep a block."""
        name = block.header.hash
        if name in self._blocks:
            return
        size = len(block.body.encode())
        self._blocks[name] = (block, size)
        self.size += size
        for parent in block.header.parents:
            self._waiting.setdefault(parent, set()).add(name)
        while len(self._blocks) > MAX_ORPHANS or self.size > MAX_ORPHAN_BYTES:
            self._forget(next(iter(self._blocks)))

    def _forget(self, name: Hash32) -> Block:
        block, size = self._blocks.pop(name)
        self.size -= size
        for parent in block.header.parents:
            children = self._waiting.get(parent)
            if children is not None:
                children.discard(name)
                if not children:
                    del self._waiting[parent]
        return block

    def take_children(self, parent: Hash32) -> list[Block]:
        """Return the blocks that waited for one, no longer kept, in the order of arrival."""
        waiting = self._waiting.get(parent, set())
        names = [name for name in self._blocks if name in waiting]
        return [self._forget(name) for name in names]
