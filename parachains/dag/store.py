"""A node's blocks on disk: headers in their places for good, bodies until they are pruned.

Keys: ``h/`` and a number -> a header in its place, in the order in which they came; ``n/``
and a hash -> that number; ``b/`` and a hash -> a body; ``c/`` and a place -> a block of the
selected chain; ``u/`` and a blue score -> its place there; ``root`` and ``low`` -> where the
part begins that is kept in memory; ``bodies`` -> the first place whose bodies are kept.
"""

from collections.abc import Iterable, Iterator

from chainkit.formats.ghostdag.blocks import DagBlock
from chainkit.primitives.types import Hash32
from light_clients.ghostdag.codec import decode_block, encode_block
from parachains.sdk.undo import UndoDatabase

_HEADER = b"h/"
_NUMBER = b"n/"
_BODY = b"b/"
_CHAIN = b"c/"
_SCORE = b"u/"
_ROOT = b"root"
_LOW = b"low"
_BODIES = b"bodies"
_NUMBER_BYTES = 8

Changes = dict[bytes, bytes | None]


def _key(prefix: bytes, number: int) -> bytes:
    return prefix + number.to_bytes(_NUMBER_BYTES, "big")


def _end(prefix: bytes) -> bytes:
    return prefix[:-1] + bytes([prefix[-1] + 1])


class BlockStore:
    """What is read and written of blocks; mutable, it counts the headers."""

    def __init__(self, database: UndoDatabase) -> None:
        self._database = database
        self.count = self._after_last(_HEADER)
        """How many headers there are; the next one's number."""

    def _after_last(self, prefix: bytes) -> int:
        for key, _ in self._database.iterate(prefix, _end(prefix), reverse=True):
            return int.from_bytes(key[len(prefix) :], "big") + 1
        return 0

    # --- headers and bodies -------------------------------------------------------------

    def keep(self, block: DagBlock, body: bytes) -> None:
        """Write a header in its place, and its body, at once."""
        self._database.write(self._header_changes(block) | {_BODY + block.hash: body})
        self.count += 1

    def _header_changes(self, block: DagBlock) -> Changes:
        number = self.count.to_bytes(_NUMBER_BYTES, "big")
        return {_HEADER + number: encode_block(block), _NUMBER + block.hash: number}

    def genesis_changes(self, genesis: DagBlock) -> Changes:
        """Return the writes of the first block, a part of the first state's write."""
        return self._header_changes(genesis) | self.chain_changes(genesis, 0)

    def number_of(self, block: Hash32) -> int | None:
        """Return the number of a header that was ever kept."""
        data = self._database.get(_NUMBER + block)
        return None if data is None else int.from_bytes(data, "big")

    def header(self, number: int) -> DagBlock | None:
        """Return a header by number."""
        data = self._database.get(_key(_HEADER, number))
        return None if data is None else decode_block(data)

    def find(self, block: Hash32) -> DagBlock | None:
        """Return a header by hash."""
        number = self.number_of(block)
        return None if number is None else self.header(number)

    def headers_from(self, number: int) -> Iterator[DagBlock]:
        """Yield the headers from a number on: parents before children."""
        pairs = self._database.iterate(_key(_HEADER, number), _end(_HEADER))
        return (decode_block(data) for _, data in pairs)

    def body(self, block: Hash32) -> bytes | None:
        """Return a body, or None where it is pruned or was never there."""
        return self._database.get(_BODY + block)

    # --- the selected chain -------------------------------------------------------------

    def chain_changes(self, block: DagBlock, place: int) -> Changes:
        """Return the writes by which a block joins the selected chain."""
        number = place.to_bytes(_NUMBER_BYTES, "big")
        return {_CHAIN + number: block.hash, _key(_SCORE, block.order.blue_score): number}

    def chain_length(self) -> int:
        """Return how many blocks the selected chain has."""
        return self._after_last(_CHAIN)

    def chain_hash(self, place: int) -> Hash32 | None:
        """Return the block of the selected chain at a place."""
        data = self._database.get(_key(_CHAIN, place))
        return None if data is None else Hash32(data)

    def chain_from(self, place: int) -> list[Hash32]:
        """Return the selected chain from a place on."""
        pairs = self._database.iterate(_key(_CHAIN, place), _end(_CHAIN))
        return [Hash32(data) for _, data in pairs]

    def place_at(self, blue_score: int) -> int | None:
        """Return the place of the chain's block with exactly this blue score."""
        data = self._database.get(_key(_SCORE, blue_score))
        return None if data is None else int.from_bytes(data, "big")

    def place_below(self, blue_score: int) -> int | None:
        """Return the place of the chain's highest block with at most this blue score."""
        end = _key(_SCORE, blue_score + 1)
        for _, data in self._database.iterate(_SCORE, end, reverse=True):
            return int.from_bytes(data, "big")
        return None

    # --- what is let go -----------------------------------------------------------------

    def root(self) -> Hash32 | None:
        """Return where the part in memory begins; None for the first block."""
        data = self._database.get(_ROOT)
        return None if data is None else Hash32(data)

    def low(self) -> int:
        """Return the lowest number of a header in memory."""
        data = self._database.get(_LOW)
        return 0 if data is None else int.from_bytes(data, "big")

    def bodies_from(self) -> int:
        """Return the first place of the selected chain whose merge set's bodies are kept."""
        data = self._database.get(_BODIES)
        return 0 if data is None else int.from_bytes(data, "big")

    def move_root(self, root: Hash32, low: int, without: Iterable[Hash32]) -> None:
        """Note where the part in memory begins now, and drop the bodies ``without``."""
        changes: Changes = {_ROOT: root, _LOW: low.to_bytes(_NUMBER_BYTES, "big")}
        changes.update((_BODY + block, None) for block in without)
        self._database.write(changes)

    def drop_bodies(self, blocks: Iterable[Hash32], upto: int, more: Changes) -> None:
        """Drop bodies, and note the first place whose bodies are kept, in one write."""
        changes: Changes = {_BODIES: upto.to_bytes(_NUMBER_BYTES, "big"), **more}
        changes.update((_BODY + block, None) for block in blocks)
        self._database.write(changes)
