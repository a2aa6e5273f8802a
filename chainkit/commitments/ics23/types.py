"""The messages of ``cosmos.ics23.v1`` as values. Batch and compressed proofs have none: refused."""

from dataclasses import dataclass
from enum import IntEnum


class HashOp(IntEnum):
    """Which hash; the numbers are the protobuf enum's."""

    NO_HASH = 0
    SHA256 = 1
    SHA512 = 2
    KECCAK256 = 3
    RIPEMD160 = 4
    BITCOIN = 5
    SHA512_256 = 6
    BLAKE2B_512 = 7
    BLAKE2S_256 = 8
    BLAKE3 = 9


class LengthOp(IntEnum):
    """How the length of a key or value is written before it; the protobuf enum's numbers."""

    NO_PREFIX = 0
    VAR_PROTO = 1
    VAR_RLP = 2
    FIXED32_BIG = 3
    FIXED32_LITTLE = 4
    FIXED64_BIG = 5
    FIXED64_LITTLE = 6
    REQUIRE_32_BYTES = 7
    REQUIRE_64_BYTES = 8


@dataclass(frozen=True, slots=True)
class LeafOp:
    """How a key and a value become the hash of a leaf."""

    hash: HashOp = HashOp.NO_HASH
    prehash_key: HashOp = HashOp.NO_HASH
    prehash_value: HashOp = HashOp.NO_HASH
    length: LengthOp = LengthOp.NO_PREFIX
    prefix: bytes = b""


@dataclass(frozen=True, slots=True)
class InnerOp:
    """How the hash of a child becomes the hash of its parent: hash(prefix, child, suffix)."""

    hash: HashOp = HashOp.NO_HASH
    prefix: bytes = b""
    suffix: bytes = b""


@dataclass(frozen=True, slots=True)
class ExistenceProof:
    """The way from a key and its value up to the root; ``path`` starts at the leaf."""

    key: bytes
    value: bytes
    leaf: LeafOp | None
    path: tuple[InnerOp, ...] = ()


@dataclass(frozen=True, slots=True)
class NonExistenceProof:
    """The neighbours of a key that is absent; one is None at an edge of the tree."""

    key: bytes
    left: ExistenceProof | None
    right: ExistenceProof | None


CommitmentProof = ExistenceProof | NonExistenceProof


@dataclass(frozen=True, slots=True)
class InnerSpec:
    """The shape of a tree's inner nodes; sizes in bytes."""

    child_order: tuple[int, ...]
    child_size: int
    min_prefix_length: int
    max_prefix_length: int
    empty_child: bytes = b""
    hash: HashOp = HashOp.SHA256


@dataclass(frozen=True, slots=True)
class ProofSpec:
    """Everything that a verifier must fix before it looks at a proof."""

    leaf_spec: LeafOp | None
    inner_spec: InnerSpec | None
    max_depth: int = 0
    """Most inner operations; 0 means 128."""
    min_depth: int = 0
    prehash_key_before_comparison: bool = False
    """Order keys by their hash when looking for neighbours."""
