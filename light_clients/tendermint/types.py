"""The values of ``ibc.lightclients.tendermint.v1``."""

from dataclasses import dataclass

from chainkit.commitments.ics23 import ProofSpec
from chainkit.formats.tendermint.types import SignedHeader, ValidatorSet
from chainkit.formats.tendermint.verify_commit import TrustLevel
from chainkit.primitives.heights import ZERO_HEIGHT, Height, chain_revision
from chainkit.primitives.types import ChainId, DurationNs, TimestampNs

CLIENT_TYPE = "07-tendermint"
FROZEN_HEIGHT = Height(0, 1)
"""What ibc-go writes when it freezes a client, whatever the misbehaviour's height."""

SENTINEL_ROOT = b"sentinel_root"
"""Root of the first consensus state after an upgrade: nothing can be proven under it."""


@dataclass(frozen=True, slots=True)
class ClientState:
    """What a client trusts, and how far."""

    chain_id: ChainId
    trust_level: TrustLevel
    trusting_period: DurationNs
    unbonding_period: DurationNs
    max_clock_drift: DurationNs
    latest_height: Height
    proof_specs: tuple[ProofSpec, ...]
    upgrade_path: tuple[str, ...] = ()
    frozen_height: Height = ZERO_HEIGHT
    allow_update_after_expiry: bool = False
    """Deprecated and not read; kept, since the bytes are proven."""
    allow_update_after_misbehaviour: bool = False
    """The same."""

    def is_frozen(self) -> bool:
        """Return whether misbehaviour was proven."""
        return not self.frozen_height.is_zero()


@dataclass(frozen=True, slots=True)
class ConsensusState:
    """What is kept of a header: when, under which root, and who signs the next."""

    timestamp: TimestampNs
    root: bytes
    next_validators_hash: bytes


@dataclass(frozen=True, slots=True)
class ClientHeader:
    """A header with all that is needed to trust it because of ``trusted_height``'s state."""

    signed_header: SignedHeader
    validator_set: ValidatorSet
    trusted_height: Height
    trusted_validators: ValidatorSet

    @property
    def height(self) -> Height:
        """The header's height, in the revision that its chain id names."""
        header = self.signed_header.header
        return Height(chain_revision(header.chain_id), header.height)

    @property
    def timestamp(self) -> TimestampNs:
        """The header's time."""
        return self.signed_header.header.time

    def consensus_state(self) -> ConsensusState:
        """Return what a client keeps of the header."""
        header = self.signed_header.header
        return ConsensusState(header.time, header.app_hash, header.next_validators_hash)


@dataclass(frozen=True, slots=True)
class Misbehaviour:
    """Two headers that cannot both be of one honest chain, the higher first."""

    client_id: str
    header_1: ClientHeader
    header_2: ClientHeader


ClientMessage = ClientHeader | Misbehaviour
