"""What the client keeps and takes."""

from dataclasses import dataclass

from chainkit.formats.bitcoin.header_chain import ChainPoint
from chainkit.formats.bitcoin.headers import BlockHeader
from chainkit.formats.bitcoin.proof_of_work import ProofOfWorkRules
from chainkit.primitives.heights import Height
from chainkit.primitives.timestamps import NS_PER_SECOND
from chainkit.primitives.types import TimestampNs

CLIENT_TYPE = "isthmus-bitcoin"
MAX_CONFIRMATIONS = 1_000
MAX_RETAINED_DEPTH = 10_000
MAX_HEADERS_PER_MESSAGE = 2_016
"""A difficulty period of Bitcoin; what is behind further takes several messages."""

COMMITMENT_TAG_BYTES = 4


@dataclass(frozen=True, slots=True)
class ClientState:
    """The rules of the chain, and where the client is in it."""

    chain_id: str
    rules: ProofOfWorkRules
    confirmations: int
    """Blocks, itself counted in, that make a block final: k."""
    minimum_work: int
    """The least work of a header; easier ones are refused, whatever the retarget says."""
    commitment_tag: bytes
    retained_depth: int
    """Blocks below the final one whose headers are kept."""
    minimum_version: int
    frozen: bool
    tip: bytes
    """Hash of the heaviest header."""
    latest_height: Height
    """Height of the newest final block, revision 0."""


@dataclass(frozen=True, slots=True)
class ConsensusState:
    """A final block."""

    median_time_past: int
    """In UNIX seconds: the chain's time for every timeout (BIP-113)."""
    merkle_root: bytes
    block_hash: bytes

    @property
    def timestamp(self) -> TimestampNs:
        """The median time past in nanoseconds."""
        return TimestampNs(self.median_time_past * NS_PER_SECOND)


@dataclass(frozen=True, slots=True)
class Anchor:
    """The header that a client starts from, trusted by whoever makes the client."""

    point: ChainPoint


@dataclass(frozen=True, slots=True)
class Headers:
    """Consecutive headers."""

    headers: tuple[BlockHeader, ...]


@dataclass(frozen=True, slots=True)
class MembershipProof:
    """A coinbase under a block's merkle root, and proofs under the root that it commits to."""

    coinbase: bytes
    """The coinbase without witness."""
    transactions: int
    """Number of transactions in the block."""
    branch: tuple[bytes, ...]
    merkle_proof: bytes
    """The chained ICS-23 proofs (ibc.core.commitment.v1.MerkleProof)."""
