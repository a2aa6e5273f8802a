"""A header, its bytes and its hash.

The bytes are those that Kaspa hashes. They are self-delimiting and one header has only
one form, so they are what we store and send, too; Kaspa's own wire form is protobuf.

Spec:
    rusty-kaspa ``consensus/core/src/hashing/header.rs``, ``hashing/mod.rs``.
"""

from dataclasses import dataclass
from functools import cached_property

from chainkit.formats.ghostdag.errors import MalformedHeader
from chainkit.formats.ghostdag.hashing import BLOCK_HASH, keyed_hash
from chainkit.formats.ghostdag.limits import (
    HASH_BYTES,
    MAX_BLUE_WORK_BYTES,
    MAX_HEADER_BYTES,
    MAX_LEVELS,
    MAX_PARENTS_A_LEVEL,
)
from chainkit.primitives.types import Hash32


@dataclass(frozen=True)
class Header:
    """A block's header. No slots: the hash is computed once and kept."""

    version: int
    """16 bits."""
    parents_by_level: tuple[tuple[Hash32, ...], ...]
    """Level 0 are the block's parents; our own chains have no other level."""
    hash_merkle_root: Hash32
    """Root of the block's transactions."""
    accepted_id_merkle_root: Hash32
    """Root of the transactions that its merge set brings into effect, in order."""
    utxo_commitment: Hash32
    """Kaspa: the unspent outputs after the merge set. Our chains: the state root then."""
    timestamp: int
    """In milliseconds since 1970, 64 bits."""
    bits: int
    """The target in compact form, 32 bits."""
    nonce: int
    """64 bits."""
    daa_score: int
    """64 bits: blocks of the past that the difficulty counts."""
    blue_score: int
    """64 bits: blue blocks in the past."""
    blue_work: int
    """192 bits: the work of the blue blocks in the past."""
    pruning_point: Hash32

    @property
    def parents(self) -> tuple[Hash32, ...]:
        """The direct parents: those of level 0."""
        return self.parents_by_level[0] if self.parents_by_level else ()

    @cached_property
    def hash(self) -> Hash32:
        """BLAKE2b-256 of the encoding, keyed ``BlockHash``."""
        return keyed_hash(BLOCK_HASH, self.encode())

    def encode(self) -> bytes:
        """Return the bytes that are hashed; integers are little-endian, blue work is not."""
        parts = [self.version.to_bytes(2, "little"), _uint64(len(self.parents_by_level))]
        for level in self.parents_by_level:
            parts.append(_uint64(len(level)))
            parts.extend(level)
        work = self.blue_work.to_bytes((self.blue_work.bit_length() + 7) // 8, "big")
        parts += [
            self.hash_merkle_root,
            self.accepted_id_merkle_root,
            self.utxo_commitment,
            _uint64(self.timestamp),
            self.bits.to_bytes(4, "little"),
            _uint64(self.nonce),
            _uint64(self.daa_score),
            _uint64(self.blue_score),
            _uint64(len(work)),
            work,
            self.pruning_point,
        ]
        return b"".join(parts)


def _uint64(value: int) -> bytes:
    return value.to_bytes(8, "little")


class _Reader:
    """The bytes of one header and how far they are read: a cursor, hence mutable."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, count: int) -> bytes:
        """Return the next bytes.

        Raises:
            MalformedHeader: There are fewer.
        """
        end = self._at + count
        if end > len(self._data):
            raise MalformedHeader(f"the header ends at byte {len(self._data)}, within a field")
        part, self._at = self._data[self._at : end], end
        return part

    def number(self, size: int) -> int:
        """Return the next little-endian integer."""
        return int.from_bytes(self.take(size), "little")

    def count(self, most: int, what: str) -> int:
        """Return the next 64-bit count.

        Raises:
            MalformedHeader: It is above ``most``.
        """
        value = self.number(8)
        if value > most:
            raise MalformedHeader(f"{value} {what}, more than {most}")
        return value

    def hash(self) -> Hash32:
        """Return the next hash."""
        return Hash32(self.take(HASH_BYTES))

    @property
    def rest(self) -> int:
        """Bytes that are not read."""
        return len(self._data) - self._at


def decode_header(data: bytes) -> Header:
    """Return the header in exactly ``data``.

    Raises:
        MalformedHeader: Too long, cut, followed by more, a count above its limit, or blue
            work with leading zeros.
    """
    if len(data) > MAX_HEADER_BYTES:
        raise MalformedHeader(f"{len(data)} bytes, more than {MAX_HEADER_BYTES}")
    reader = _Reader(data)
    version = reader.number(2)
    levels = tuple(
        tuple(reader.hash() for _ in range(reader.count(MAX_PARENTS_A_LEVEL, "parents")))
        for _ in range(reader.count(MAX_LEVELS, "levels"))
    )
    header = Header(
        version=version,
        parents_by_level=levels,
        hash_merkle_root=reader.hash(),
        accepted_id_merkle_root=reader.hash(),
        utxo_commitment=reader.hash(),
        timestamp=reader.number(8),
        bits=reader.number(4),
        nonce=reader.number(8),
        daa_score=reader.number(8),
        blue_score=reader.number(8),
        blue_work=_blue_work(reader.take(reader.count(MAX_BLUE_WORK_BYTES, "bytes of blue work"))),
        pruning_point=reader.hash(),
    )
    if reader.rest:
        raise MalformedHeader(f"{reader.rest} bytes follow the header")
    return header


def _blue_work(data: bytes) -> int:
    if data.startswith(b"\0"):
        raise MalformedHeader("blue work has leading zeros")
    return int.from_bytes(data, "big")
