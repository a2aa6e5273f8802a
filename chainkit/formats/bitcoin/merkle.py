"""Merkle roots, branches, and partial trees (BIP-37 ``merkleblock``, Core's ``gettxoutproof``).

Two traps of Bitcoin's tree are closed here: a repeated last pair gives a second block of
the same root (CVE-2012-2459), and a 64-byte transaction passes for an inner node
(CVE-2017-12842), so a branch counts only with the depth that the number of transactions
gives, and callers refuse 64-byte transactions.

Spec:
    Bitcoin Core ``consensus/merkle.cpp`` and ``merkleblock.cpp``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from chainkit.formats.bitcoin.encoding import Reader, encode_compact_size
from chainkit.formats.bitcoin.errors import MalformedBitcoin, WrongMerkleProof
from chainkit.formats.bitcoin.hashing import double_sha256
from chainkit.formats.bitcoin.headers import BlockHeader, read_header
from chainkit.formats.bitcoin.limits import (
    MAX_BLOCK_WEIGHT,
    MIN_TRANSACTION_BYTES,
    WITNESS_SCALE_FACTOR,
)

MAX_BLOCK_TRANSACTIONS = MAX_BLOCK_WEIGHT // WITNESS_SCALE_FACTOR // MIN_TRANSACTION_BYTES
INNER_NODE_BYTES = 64


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """Return the root over 32-byte leaves; 32 zero bytes for none."""
    return root_and_mutation(leaves)[0]


def root_and_mutation(leaves: Sequence[bytes]) -> tuple[bytes, bool]:
    """Return the root, and whether two equal neighbours allow another list of that root."""
    if not leaves:
        return bytes(32), False
    level = list(leaves)
    mutated = False
    while len(level) > 1:
        pairs = range(0, len(level) - 1, 2)
        mutated = mutated or any(level[index] == level[index + 1] for index in pairs)
        if len(level) % 2:
            level.append(level[-1])
        level = [
            double_sha256(level[index] + level[index + 1]) for index in range(0, len(level), 2)
        ]
    return level[0], mutated


def tree_depth(count: int) -> int:
    """Return the number of steps from a leaf to the root of ``count`` leaves (at least one)."""
    return (count - 1).bit_length()


def merkle_branch(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """Return the siblings from the leaf at ``index`` up to the root."""
    level = list(leaves)
    branch = []
    while len(level) > 1:
        if len(level) % 2:
            level.append(level[-1])
        branch.append(level[index ^ 1])
        level = [double_sha256(level[at] + level[at + 1]) for at in range(0, len(level), 2)]
        index >>= 1
    return tuple(branch)


def branch_root(leaf: bytes, index: int, branch: Sequence[bytes]) -> bytes:
    """Return the root that a branch leads to; proves nothing about the tree's depth or width."""
    node = leaf
    for sibling in branch:
        node = double_sha256(sibling + node if index & 1 else node + sibling)
        index >>= 1
    return node


def verify_branch(
    root: bytes, leaf: bytes, index: int, count: int, branch: Sequence[bytes]
) -> None:
    """Check that ``leaf`` is number ``index`` of ``count`` under ``root``.

    Raises:
        WrongMerkleProof: The index is outside, the depth is not that of ``count`` leaves, a
            sibling is a copy where none is due (or the other way round), or the root differs.
    """
    if not 0 <= index < count or count > MAX_BLOCK_TRANSACTIONS:
        raise WrongMerkleProof(f"index {index} is outside {count} transactions")
    if len(branch) != tree_depth(count) or any(len(node) != 32 for node in branch):
        raise WrongMerkleProof(f"branch is not {tree_depth(count)} hashes of 32 bytes")
    node = leaf
    width = count
    for sibling in branch:
        alone = index == width - 1 and width % 2 == 1
        if (sibling == node) != alone:
            raise WrongMerkleProof("a sibling repeats its neighbour, or a lone node does not")
        node = double_sha256(sibling + node if index & 1 else node + sibling)
        index >>= 1
        width = (width + 1) // 2
    if node != root:
        raise WrongMerkleProof("branch does not lead to the root")


@dataclass(frozen=True, slots=True)
class MerkleBlock:
    """A header with a partial tree that proves some transactions of its block."""

    header: BlockHeader
    total: int
    """Number of transactions in the block."""
    hashes: tuple[bytes, ...]
    flags: tuple[bool, ...]

    def encode(self) -> bytes:
        """Return the bytes that ``gettxoutproof`` gives."""
        packed = bytearray((len(self.flags) + 7) // 8)
        for position, flag in enumerate(self.flags):
            packed[position // 8] |= flag << position % 8
        return b"".join(
            (
                self.header.encode(),
                self.total.to_bytes(4, "little"),
                encode_compact_size(len(self.hashes)),
                *self.hashes,
                encode_compact_size(len(packed)),
                bytes(packed),
            )
        )


def decode_merkle_block(data: bytes) -> MerkleBlock:
    """Return the merkle block in exactly ``data``.

    Raises:
        MalformedBitcoin: The bytes are no merkle block.
    """
    reader = Reader(data)
    header = read_header(reader)
    total = reader.unsigned(4)
    count = reader.compact_size(reader.remaining() // 32)
    hashes = tuple(reader.take(32) for _ in range(count))
    packed = reader.sized_bytes()
    reader.finish()
    if total > MAX_BLOCK_TRANSACTIONS:
        raise MalformedBitcoin(f"{total} transactions do not fit a block")
    flags = tuple(bool(packed[at // 8] >> at % 8 & 1) for at in range(len(packed) * 8))
    return MerkleBlock(header, total, hashes, flags)


def build_merkle_block(
    header: BlockHeader, txids: Sequence[bytes], wanted: frozenset[bytes]
) -> MerkleBlock:
    """Return the proof of the transactions ``wanted`` among the block's ``txids``."""
    levels = [list(txids)]
    marks = [[txid in wanted for txid in txids]]
    while len(levels[-1]) > 1:
        below, flags = levels[-1], marks[-1]
        width = (len(below) + 1) // 2
        padded = [*below, below[-1]] if len(below) % 2 else below
        levels.append([double_sha256(padded[2 * at] + padded[2 * at + 1]) for at in range(width)])
        marks.append([any(flags[2 * at : 2 * at + 2]) for at in range(width)])
    hashes: list[bytes] = []
    bits: list[bool] = []

    def descend(level: int, at: int) -> None:
        bits.append(marks[level][at])
        if level == 0 or not marks[level][at]:
            hashes.append(levels[level][at])
            return
        descend(level - 1, 2 * at)
        if 2 * at + 1 < len(levels[level - 1]):
            descend(level - 1, 2 * at + 1)

    descend(len(levels) - 1, 0)
    bits.extend([False] * (-len(bits) % 8))
    return MerkleBlock(header, len(txids), tuple(hashes), tuple(bits))


def extract_matches(block: MerkleBlock) -> tuple[tuple[int, bytes], ...]:
    """Return (index, txid) of the proven transactions, after checking them against the header.

    Raises:
        WrongMerkleProof: The partial tree is of the wrong shape, has hashes or bits left over,
            repeats a subtree, or does not lead to the header's root.
    """
    if block.total == 0 or block.total > MAX_BLOCK_TRANSACTIONS:
        raise WrongMerkleProof("number of transactions is out of range")
    if len(block.hashes) > block.total or len(block.flags) < len(block.hashes):
        raise WrongMerkleProof("more hashes than transactions or bits")
    walk = _Extraction(block)
    root = walk.descend(len(walk.widths) - 1, 0)
    walk.finish()
    if root != block.header.merkle_root:
        raise WrongMerkleProof("partial tree does not lead to the header's root")
    return tuple(walk.matches)


class _Extraction:
    """One walk over a partial tree, counting the hashes and bits that it takes."""

    def __init__(self, block: MerkleBlock) -> None:
        self._hashes = block.hashes
        self._flags = block.flags
        self._hashes_used = 0
        self._flags_used = 0
        self.matches: list[tuple[int, bytes]] = []
        self.widths = [block.total]
        while self.widths[-1] > 1:
            self.widths.append((self.widths[-1] + 1) // 2)

    def _take_flag(self) -> bool:
        if self._flags_used == len(self._flags):
            raise WrongMerkleProof("ran out of bits")
        self._flags_used += 1
        return self._flags[self._flags_used - 1]

    def _take_hash(self) -> bytes:
        if self._hashes_used == len(self._hashes):
            raise WrongMerkleProof("ran out of hashes")
        self._hashes_used += 1
        return self._hashes[self._hashes_used - 1]

    def descend(self, level: int, at: int) -> bytes:
        """Return the hash of the node ``at`` on ``level``, 0 being the leaves."""
        flag = self._take_flag()
        if level == 0 or not flag:
            node = self._take_hash()
            if flag:
                self.matches.append((at, node))
            return node
        left = self.descend(level - 1, 2 * at)
        if 2 * at + 1 >= self.widths[level - 1]:
            return double_sha256(left + left)
        right = self.descend(level - 1, 2 * at + 1)
        if left == right:
            raise WrongMerkleProof("a subtree repeats its neighbour (CVE-2012-2459)")
        return double_sha256(left + right)

    def finish(self) -> None:
        """Refuse hashes, or bytes of bits, that nobody took."""
        bytes_used = (self._flags_used + 7) // 8
        if self._hashes_used != len(self._hashes) or bytes_used != len(self._flags) // 8:
            raise WrongMerkleProof("hashes or bits are left over")
