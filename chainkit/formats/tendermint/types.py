"""The values of CometBFT 0.38 as frozen dataclasses (spec/core/data_structures).

Protobuf forms are in ``codec``; hashes in ``hashing``; rules in the modules named after
them. Field order and names follow the specification.
"""

from dataclasses import dataclass
from enum import IntEnum

from chainkit.primitives.records import record
from chainkit.primitives.timestamps import GO_ZERO_TIME_NS
from chainkit.primitives.types import Address, BlockHeight, ChainId, Round, TimestampNs, VotingPower

BLOCK_PROTOCOL_VERSION = 11
"""CometBFT 0.38 ``version.BlockProtocol``."""


class VoteType(IntEnum):
    """Signed message type of a vote (``tendermint.types.SignedMsgType``)."""

    PREVOTE = 1
    PRECOMMIT = 2


class BlockIdFlag(IntEnum):
    """What a validator's signature in a commit is for."""

    ABSENT = 1
    COMMIT = 2
    NIL = 3


@dataclass(frozen=True, slots=True)
class PartSetHeader:
    """How many parts a block has, and the root over them."""

    total: int = 0
    hash: bytes = b""


@dataclass(frozen=True, slots=True)
class BlockId:
    """A block's header hash and its part set; all empty means nil."""

    hash: bytes = b""
    part_set_header: PartSetHeader = PartSetHeader()

    def __hash__(self) -> int:
        """Return the hash of the header hash alone: equal ids have equal ones, and it is cheap."""
        return hash(self.hash)

    def is_nil(self) -> bool:
        """Return whether this names no block."""
        return not self.hash and self.part_set_header == PartSetHeader()


NIL_BLOCK_ID = BlockId()


@record
class Vote:
    """A validator's prevote or precommit for a block or for nil."""

    type: VoteType
    height: BlockHeight
    round: Round
    block_id: BlockId
    timestamp: TimestampNs
    validator_address: Address
    validator_index: int
    signature: bytes = b""
    extension: bytes = b""
    extension_signature: bytes = b""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposer's signed offer of a block; ``pol_round`` is -1 without a proof of lock."""

    height: BlockHeight
    round: Round
    pol_round: Round
    block_id: BlockId
    timestamp: TimestampNs
    signature: bytes = b""


@record
class CommitSig:
    """One validator's place in a commit, at its index in the validator set."""

    block_id_flag: BlockIdFlag
    validator_address: Address = Address(b"")
    timestamp: TimestampNs = GO_ZERO_TIME_NS
    signature: bytes = b""


ABSENT_SIG = CommitSig(BlockIdFlag.ABSENT)


@dataclass(frozen=True, slots=True)
class Commit:
    """The precommits that decided a block: one place for each validator of the set."""

    height: BlockHeight
    round: Round
    block_id: BlockId
    signatures: tuple[CommitSig, ...]


@dataclass(frozen=True, slots=True)
class Header:
    """A block's header; its hash is the Merkle root of the fields' encodings."""

    chain_id: ChainId
    height: BlockHeight
    time: TimestampNs
    last_block_id: BlockId
    last_commit_hash: bytes
    data_hash: bytes
    validators_hash: bytes
    next_validators_hash: bytes
    consensus_hash: bytes
    app_hash: bytes
    last_results_hash: bytes
    evidence_hash: bytes
    proposer_address: Address
    version_block: int = BLOCK_PROTOCOL_VERSION
    version_app: int = 0


@record
class Validator:
    """A validator of a set; ``public_key`` is a raw 32-byte ed25519 key."""

    address: Address
    public_key: bytes
    voting_power: VotingPower
    proposer_priority: int = 0


@dataclass(frozen=True, slots=True)
class ValidatorSet:
    """Validators by voting power (greatest first), then address, and whose turn it is."""

    validators: tuple[Validator, ...]
    proposer: Validator | None = None


@dataclass(frozen=True, slots=True)
class DuplicateVoteEvidence:
    """Two votes of one validator for one height, round and type, for different blocks."""

    vote_a: Vote
    vote_b: Vote
    total_voting_power: VotingPower
    validator_power: VotingPower
    timestamp: TimestampNs


@dataclass(frozen=True, slots=True)
class SignedHeader:
    """A header and the commit that decided it."""

    header: Header
    commit: Commit


@dataclass(frozen=True, slots=True)
class LightBlock:
    """What a light client needs of one height."""

    signed_header: SignedHeader
    validator_set: ValidatorSet


@dataclass(frozen=True, slots=True)
class LightClientAttackEvidence:
    """A light block that conflicts with the chain, and who signed it."""

    conflicting_block: LightBlock
    common_height: BlockHeight
    byzantine_validators: tuple[Validator, ...]
    total_voting_power: VotingPower
    timestamp: TimestampNs


Evidence = DuplicateVoteEvidence | LightClientAttackEvidence


@dataclass(frozen=True, slots=True)
class Block:
    """A whole block; ``last_commit`` is None only in encodings that leave it out."""

    header: Header
    txs: tuple[bytes, ...]
    evidence: tuple[Evidence, ...]
    last_commit: Commit | None


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a block's encoding with its proof into the part set's root."""

    index: int
    data: bytes
    proof_total: int
    proof_index: int
    proof_leaf_hash: bytes
    proof_aunts: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ConsensusParams:
    """Parameters that consensus enforces; only ``block_*`` enter the header's hash."""

    block_max_bytes: int = 4_194_304
    block_max_gas: int = -1
    evidence_max_age_blocks: int = 100_000
    evidence_max_age_duration_ns: int = 172_800_000_000_000
    evidence_max_bytes: int = 1_048_576
    public_key_types: tuple[str, ...] = ("ed25519",)
    app_version: int = 0
    vote_extensions_enable_height: int = 0
