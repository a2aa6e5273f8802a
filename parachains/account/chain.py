"""The blocks of one node: stored with their state in one atomic write, found by number or hash.

Blocks are final, so the chain only grows; what a node stores has its seals.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from chainkit.commitments.database import KeyValueDatabase
from chainkit.formats.ethereum.blocks import decode_block, encode_block
from chainkit.formats.ethereum.headers import decode_header
from chainkit.formats.ethereum.qbft import block_hash, decode_extra_data
from chainkit.formats.ethereum.receipts import decode_receipt, encode_receipt
from chainkit.formats.ethereum.transactions import transaction_hash
from chainkit.formats.ethereum.types import Block, Header, Receipt
from chainkit.primitives.types import BlockHeight, Hash32
from chainkit.wire.rlp import decode, encode, read_prefix
from parachains.account.consensus.votes import (
    VoteTally,
    count_vote,
    decode_tally,
    encode_tally,
)
from parachains.account.errors import BlockRefused
from parachains.account.flat import height_key
from parachains.account.genesis import Genesis
from parachains.account.ledger import Ledger, LedgerBlock

_BLOCK = b"b/"
_RECEIPTS = b"r/"
_HASH = b"h/"
_TRANSACTION = b"t/"
_GENESIS = b"genesis"
_TALLY = b"tally"
_INDEX_BYTES = 4
RECENT_BLOCKS = 32
"""Blocks that are not read from the disk again."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a transaction is."""

    number: int
    index: int


@dataclass(frozen=True, slots=True)
class StoredBlock:
    """A block of the chain with its hash."""

    block: Block
    hash: Hash32

    @property
    def header(self) -> Header:
        """Its header, with seals."""
        return self.block.header


class Chain:
    """One node's chain; mutable, it owns the database and the ledger's state."""

    def __init__(self, database: KeyValueDatabase, ledger: Ledger, genesis: Genesis) -> None:
        """Open the chain, making its first block where there is none.

        Raises:
            BlockRefused: The database holds another chain's first block.
        """
        self.ledger = ledger
        self._database = database
        self._recent: dict[int, StoredBlock] = {}
        self.suggested_tip: tuple[int, int] | None = None
        """The tip that clients are told to offer, with the height that it was found at."""
        self.epoch_length = genesis.epoch_length
        self.tally = VoteTally(tuple(sorted(genesis.validators)))
        """Who decides the next block, and the votes so far."""
        if ledger.state.height < 0:
            self._write(ledger.genesis(genesis), {_GENESIS: genesis.fingerprint()})
        if database.get(_GENESIS) != genesis.fingerprint():
            raise BlockRefused("genesis", "the database holds another chain")
        first, head = self.at(0), self.at(ledger.state.height)
        assert first is not None
        self.genesis = first
        assert head is not None
        self.head: StoredBlock = head
        kept = database.get(_TALLY)
        assert kept is not None
        self.tally = decode_tally(kept)

    def _write(
        self, made: LedgerBlock, more: Mapping[bytes, bytes | None] | None = None
    ) -> StoredBlock:
        block = made.block
        number, found = block.header.number, block_hash(block.header)
        tally = self._tally_after(block.header)
        receipts = tuple(encode_receipt(each.receipt) for each in made.executed)
        writes: dict[bytes, bytes | None] = {
            **made.state.writes,
            **(more or {}),
            height_key(_BLOCK, number): encode_block(block),
            height_key(_RECEIPTS, number): encode(receipts),
            _HASH + found: number.to_bytes(8, "big"),
            _TALLY: encode_tally(tally),
        }
        for index, transaction in enumerate(block.transactions):
            place = number.to_bytes(8, "big") + index.to_bytes(_INDEX_BYTES, "big")
            writes[_TRANSACTION + transaction_hash(transaction)] = place
        self._database.write(writes)
        self.ledger.state.committed(made.state)
        self.tally = tally
        stored = self._recent[number] = StoredBlock(block, found)
        self._recent.pop(number - RECENT_BLOCKS, None)
        return stored

    def _tally_after(self, header: Header) -> VoteTally:
        if not header.number:
            return self.tally
        vote = decode_extra_data(header.extra_data).vote
        height, maker = BlockHeight(header.number), header.beneficiary
        return count_vote(self.tally, height, maker, vote, epoch_length=self.epoch_length)

    def append(self, made: LedgerBlock, sealed: Block | None = None) -> StoredBlock:
        """Store the next block and its state; ``sealed`` is the same block with its seals.

        Raises:
            OperationFailed: The disk refused; nothing was written.
        """
        if sealed is not None:
            assert block_hash(sealed.header) == block_hash(made.block.header)
            made = LedgerBlock(sealed, made.executed, made.state)
        assert made.block.header.number == self.head.header.number + 1
        self.head = self._write(made)
        return self.head

    def add_seals(self, sealed: Block) -> None:
        """Store the newest block again with more seals; its hash stays.

        Raises:
            OperationFailed: The disk refused; nothing was written.
        """
        assert block_hash(sealed.header) == self.head.hash
        number = sealed.header.number
        self._database.write({height_key(_BLOCK, number): encode_block(sealed)})
        self.head = self._recent[number] = StoredBlock(sealed, self.head.hash)

    def at(self, number: int) -> StoredBlock | None:
        """Return the block at a number, or None."""
        found = self._recent.get(number)
        if found is not None:
            return found
        data = self._block_data(number)
        if data is None:
            return None
        block = decode_block(data)
        return StoredBlock(block, block_hash(block.header))

    def _block_data(self, number: int) -> bytes | None:
        # A client may ask for any number of 256 bits.
        is_height = 0 <= number < 1 << 64
        return self._database.get(height_key(_BLOCK, number)) if is_height else None

    def number_of(self, wanted: bytes) -> int | None:
        """Return the number of the block with a hash, or None."""
        data = self._database.get(_HASH + wanted)
        return None if data is None else int.from_bytes(data, "big")

    def receipts(self, number: int) -> tuple[Receipt, ...]:
        """Return the receipts of a block of the chain."""
        data = self._database.get(height_key(_RECEIPTS, number))
        items = () if data is None else decode(data, max_bytes=len(data))
        return tuple(decode_receipt(item) for item in items if isinstance(item, bytes))

    def place_of(self, wanted: bytes) -> Place | None:
        """Return where the transaction with a hash is, or None."""
        data = self._database.get(_TRANSACTION + wanted)
        if data is None:
            return None
        return Place(int.from_bytes(data[:8], "big"), int.from_bytes(data[8:], "big"))

    def headers(self, first: int, last: int) -> Iterator[Header]:
        """Yield the headers from ``first`` to ``last`` that are there, without their bodies."""
        for number in range(max(first, 0), min(last, self.head.header.number) + 1):
            recent = self._recent.get(number)
            if recent is not None:
                yield recent.header
                continue
            data = self._block_data(number)
            assert data is not None
            yield _header_in(data)

    def blocks(self, first: int, last: int) -> Iterator[StoredBlock]:
        """Yield the blocks from ``first`` to ``last`` that are there."""
        for number in range(max(first, 0), min(last, self.head.header.number) + 1):
            found = self.at(number)
            assert found is not None
            yield found


def _header_in(data: bytes) -> Header:
    """Return the header of an encoded block of ours, the rest left unread."""
    _, first, end = read_prefix(data, 0, len(data))
    _, _, stop = read_prefix(data, first, end)
    return decode_header(data[first:stop])


def receipt_gas(receipts: Sequence[Receipt], index: int) -> int:
    """Return the gas that one transaction of a block used."""
    before = receipts[index - 1].cumulative_gas_used if index else 0
    return receipts[index].cumulative_gas_used - before
