"""The DAG that a client keeps, as the rules see it: read from the store as far as they ask."""

from chainkit.formats.ghostdag.ancestry import Ancestry
from chainkit.formats.ghostdag.blocks import DagBlock
from chainkit.formats.ghostdag.windows import WindowCache
from chainkit.primitives.types import Hash32
from chainkit.runtime.store import ReadStore
from light_clients.ghostdag import store as states
from light_clients.ghostdag.types import ClientState


class StoredDag:
    """A view of one moment with the new blocks of one message; what is read stays in memory."""

    def __init__(self, store: ReadStore, client: ClientState) -> None:
        self._store = store
        self._client = client
        self._blocks: dict[Hash32, DagBlock | None] = {}
        self._ancestry = Ancestry(self.find)
        self.windows = WindowCache()

    @property
    def root(self) -> Hash32:
        """The lowest block of the selected chain that is kept."""
        return self._client.root

    @property
    def genesis(self) -> Hash32:
        """The first block of all."""
        return self._client.genesis

    def find(self, block: Hash32) -> DagBlock | None:
        """Return a block, or None where it is not kept."""
        if block not in self._blocks:
            self._blocks[block] = states.find_block(self._store, block)
        return self._blocks[block]

    def is_above_root(self, block: Hash32) -> bool:
        """Return whether a block that is kept has the root in its past, or is it."""
        return not states.is_beside_root(self._store, block)

    def is_ancestor(self, ancestor: Hash32, block: Hash32) -> bool:
        """Return whether one block is in the past of another, or is it; both are kept."""
        return self._ancestry.is_ancestor(ancestor, block)

    def is_chain_ancestor(self, ancestor: Hash32, block: Hash32) -> bool:
        """Return whether one block is on the selected chain of another, or is it."""
        return self._ancestry.is_chain_ancestor(ancestor, block)

    def add(self, block: DagBlock) -> None:
        """Add a block of the message."""
        self._blocks[block.hash] = block
