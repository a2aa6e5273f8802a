"""What the client keeps and takes."""

from dataclasses import dataclass

from chainkit.formats.ghostdag.blocks import DagBlock
from chainkit.formats.ghostdag.headers import Header
from chainkit.formats.ghostdag.parameters import DagParameters
from chainkit.primitives.heights import Height
from chainkit.primitives.timestamps import NS_PER_SECOND
from chainkit.primitives.types import Hash32, TimestampNs

CLIENT_TYPE = "isthmus-ghostdag"
MAX_FINALITY_DEPTH = 10_000
MAX_RETAINED_DEPTH = 100_000
MAX_ANCHOR_RECORDS = 20_000
MAX_HEADERS_PER_MESSAGE = 1_024
"""What is behind further takes several messages."""

PRUNE_STEP = 64
"""Blue scores by which the root moves at a time: headers are pruned in bulk."""

NS_PER_MS = NS_PER_SECOND // 1_000


@dataclass(frozen=True, slots=True)
class ClientState:
    """The rules of the chain, and where the client is in it."""

    chain_id: str
    parameters: DagParameters
    finality_depth: int
    """Blue scores that a block of the selected chain lies below the tip when it is final: d."""
    retained_depth: int
    """Blue scores below the final block down to which headers are kept: what the rules reach
    back, and as far as a branch below the final block shall be judged rather than refused."""
    genesis: Hash32
    root: Hash32
    """The lowest block of the selected chain that is kept."""
    tip: Hash32
    """The heaviest block."""
    latest_height: Height
    """Blue score of the newest final block, revision 0."""
    frozen: bool


@dataclass(frozen=True, slots=True)
class ConsensusState:
    """A final block of the selected chain."""

    chain_time_ms: int
    """The running maximum of past median times along the selected chain."""
    state_root: Hash32
    """The header's ``utxo_commitment``: the state after the block's merge set."""
    block_hash: Hash32

    @property
    def timestamp(self) -> TimestampNs:
        """The chain's time for every timeout, in nanoseconds."""
        return TimestampNs(self.chain_time_ms * NS_PER_MS)


@dataclass(frozen=True, slots=True)
class Anchor:
    """The blocks that a client starts from, the root first; trusted by whoever makes it."""

    blocks: tuple[DagBlock, ...]


@dataclass(frozen=True, slots=True)
class Headers:
    """Headers, parents before children."""

    headers: tuple[Header, ...]
