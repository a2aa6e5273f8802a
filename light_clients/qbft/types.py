"""What the client keeps and takes."""

from dataclasses import dataclass

from chainkit.formats.ethereum.bft_extra_data import QbftExtraData
from chainkit.formats.ethereum.types import Header
from chainkit.primitives.heights import Height
from chainkit.primitives.timestamps import NS_PER_SECOND
from chainkit.primitives.types import Address, DurationNs, Hash32, TimestampNs

CLIENT_TYPE = "isthmus-qbft"


@dataclass(frozen=True, slots=True)
class ClientState:
    """Which chain it is, how long its validators are trusted, and where the client is."""

    chain_id: str
    """A name: no header holds it, so validators' keys serve one chain alone."""
    ibc_address: Address
    """The account whose storage is the chain's IBC state."""
    trusting_period: DurationNs
    """How long after its time a header's validators vouch for a later one."""
    max_clock_drift: DurationNs
    latest_height: Height
    """Revision 0 and the number of the newest block."""
    frozen: bool = False


@dataclass(frozen=True, slots=True)
class ConsensusState:
    """What is kept of a verified header."""

    seconds: int
    """The header's time, in UNIX seconds."""
    state_root: Hash32
    block_hash: Hash32
    """Of the header without its round and seals."""
    validators: tuple[Address, ...]
    """Who sealed the block, ascending."""

    @property
    def timestamp(self) -> TimestampNs:
        """The header's time in nanoseconds."""
        return TimestampNs(self.seconds * NS_PER_SECOND)


@dataclass(frozen=True, slots=True)
class SealedHeader:
    """A header with its extra data read, and the stored height that it is trusted from."""

    header: Header
    extra: QbftExtraData
    block_hash: Hash32
    trusted_height: Height

    @property
    def height(self) -> Height:
        """Revision 0 and the block's number."""
        return Height(0, self.header.number)

    @property
    def timestamp(self) -> TimestampNs:
        """The header's time in nanoseconds."""
        return TimestampNs(self.header.timestamp * NS_PER_SECOND)

    def consensus_state(self) -> ConsensusState:
        """Return what is kept of it."""
        header = self.header
        return ConsensusState(
            header.timestamp, header.state_root, self.block_hash, self.extra.validators
        )


@dataclass(frozen=True, slots=True)
class Misbehaviour:
    """Two headers of one height that cannot both be of an honest chain."""

    header_1: SealedHeader
    header_2: SealedHeader


ClientMessage = SealedHeader | Misbehaviour


@dataclass(frozen=True, slots=True)
class MembershipProof:
    """The nodes of EIP-1186, each list from its root on."""

    account_nodes: tuple[bytes, ...]
    storage_nodes: tuple[bytes, ...]
