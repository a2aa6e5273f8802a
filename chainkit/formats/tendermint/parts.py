"""A block's encoding cut into parts of 64 KiB, each with its proof into one root.

Spec:
    CometBFT spec/core/data_structures, "Part"; types, ``PartSet``.
"""

from chainkit.commitments.errors import InvalidProof
from chainkit.commitments.merkle import MerkleProof, proofs
from chainkit.formats.tendermint.errors import InvalidPart
from chainkit.formats.tendermint.types import Part, PartSetHeader
from chainkit.primitives.limits import BLOCK_PART_SIZE_BYTES, MAX_BLOCK_PARTS_COUNT

_HASH_SIZE = 32


def split_block(
    block_bytes: bytes, part_size: int = BLOCK_PART_SIZE_BYTES
) -> tuple[PartSetHeader, tuple[Part, ...]]:
    """Return the part set header of an encoded block, and its parts in order."""
    pieces = [
        block_bytes[start : start + part_size] for start in range(0, len(block_bytes), part_size)
    ]
    root, merkle_proofs = proofs(pieces)
    parts = tuple(
        Part(index, piece, proof.total, proof.index, proof.leaf_hash, proof.aunts)
        for index, (piece, proof) in enumerate(zip(pieces, merkle_proofs, strict=True))
    )
    return PartSetHeader(len(pieces), root), parts


def validate_part(part: Part) -> None:
    """Check a part's shape.

    Raises:
        InvalidPart: Too large, smaller than a middle part is, or another index or total in
            the proof than in the part (ASA-2025-002).
    """
    if len(part.data) > BLOCK_PART_SIZE_BYTES:
        raise InvalidPart(f"part of {len(part.data)} bytes, over {BLOCK_PART_SIZE_BYTES}")
    if part.index < part.proof_total - 1 and len(part.data) != BLOCK_PART_SIZE_BYTES:
        raise InvalidPart("a part before the last is not full")
    if part.index != part.proof_index:
        raise InvalidPart(f"part index {part.index} is not its proof's, {part.proof_index}")
    try:
        _proof(part).validate()
    except InvalidProof as error:
        raise InvalidPart("wrong Proof") from error


def _proof(part: Part) -> MerkleProof:
    return MerkleProof(part.proof_total, part.proof_index, part.proof_leaf_hash, part.proof_aunts)


class PartSet:
    """The parts of one block as they arrive, each checked against the header's root.

    Mutable, because it is a buffer that peers fill; bounded by the header's total.
    """

    __slots__ = ("_parts", "byte_size", "header")

    def __init__(self, header: PartSetHeader) -> None:
        """Start empty.

        Raises:
            InvalidPart: The header has no parts, too many, or a root of another size.
        """
        if not 0 < header.total <= MAX_BLOCK_PARTS_COUNT or len(header.hash) != _HASH_SIZE:
            raise InvalidPart(f"no block has {header.total} parts under {header.hash.hex()}")
        self.header = header
        self.byte_size = 0
        self._parts: list[Part | None] = [None] * header.total

    @classmethod
    def of_parts(cls, header: PartSetHeader, parts: tuple[Part, ...]) -> "PartSet":
        """Return a complete set of parts that this node made itself."""
        part_set = cls(header)
        for part in parts:
            part_set.add(part)
        return part_set

    def add(self, part: Part) -> bool:
        """Take a part; return whether it was new.

        Raises:
            InvalidPart: It is not of this set.
        """
        validate_part(part)
        if not 0 <= part.index < self.header.total or part.proof_total != self.header.total:
            raise InvalidPart(f"part {part.index} of {part.proof_total} in {self.header.total}")
        if self._parts[part.index] is not None:
            return False
        try:
            _proof(part).verify(self.header.hash, part.data)
        except InvalidProof as error:
            raise InvalidPart("error part set invalid proof") from error
        self._parts[part.index] = part
        self.byte_size += len(part.data)
        return True

    def get(self, index: int) -> Part | None:
        """Return the part at ``index``, if it is there."""
        return self._parts[index] if 0 <= index < self.header.total else None

    @property
    def count(self) -> int:
        """How many parts are there."""
        return sum(part is not None for part in self._parts)

    def bits(self) -> tuple[bool, ...]:
        """Return for each index whether the part is there."""
        return tuple(part is not None for part in self._parts)

    def is_complete(self) -> bool:
        """Return whether all parts are there."""
        return all(part is not None for part in self._parts)

    def assemble(self) -> bytes:
        """Return the block's encoding; all parts must be there."""
        assert self.is_complete()
        return b"".join(part.data for part in self._parts if part is not None)
