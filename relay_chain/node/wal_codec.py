"""Consensus inputs as entries of the write-ahead log.

One byte of kind, then fields: integers as 8 bytes big-endian, byte strings with a 4-byte
length. Votes, proposals and blocks keep their protobuf bytes.
"""

from enum import Enum
from typing import TypeVar

from chainkit.formats.tendermint.block_codec import decode_block, encode_block
from chainkit.formats.tendermint.codec import (
    decode_proposal,
    decode_vote,
    encode_proposal,
    encode_vote,
)
from chainkit.formats.tendermint.types import BlockId, PartSetHeader, VoteType
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.types import BlockHeight, Round
from relay_chain.consensus.messages import (
    SELF,
    BlockBuilt,
    BlockReceived,
    MajorityClaimed,
    PeerId,
    ProposalReceived,
    Step,
    TimeoutFired,
    TxsAvailable,
    VoteReceived,
    WalEntry,
)

E = TypeVar("E", bound=Enum)


def _number(value: int) -> bytes:
    return value.to_bytes(8, "big", signed=True)


def _data(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value


def _block_id(value: BlockId) -> bytes:
    parts = value.part_set_header
    return _data(value.hash) + _number(parts.total) + _data(parts.hash)


def entry_name(entry: WalEntry) -> str:
    """Return what an entry is about, in a word or two."""
    match entry:
        case ProposalReceived():
            return "own_proposal" if entry.peer_id == SELF else "proposal"
        case VoteReceived():
            name = entry.vote.type.name.lower()
            return f"own_{name}" if entry.peer_id == SELF else name
        case BlockReceived():
            return "block"
        case BlockBuilt():
            return "own_block"
        case MajorityClaimed():
            return "claim"
        case TimeoutFired():
            return f"timeout_{entry.step.name.lower()}"
        case TxsAvailable():
            return "txs"


def encode_entry(entry: WalEntry) -> bytes:
    """Return the bytes of an entry."""
    match entry:
        case ProposalReceived():
            return b"\x01" + _data(entry.peer_id.encode()) + _data(encode_proposal(entry.proposal))
        case VoteReceived():
            return b"\x02" + _data(entry.peer_id.encode()) + _data(encode_vote(entry.vote))
        case BlockReceived():
            return b"".join(
                (
                    b"\x03" + _data(entry.peer_id.encode()) + _number(entry.height),
                    _number(entry.valid) + _block_id(entry.block_id),
                    _data(encode_block(entry.block)),
                )
            )
        case BlockBuilt():
            where = _number(entry.height) + _number(entry.round)
            return b"\x04" + where + _block_id(entry.block_id) + _data(encode_block(entry.block))
        case MajorityClaimed():
            where = _number(entry.height) + _number(entry.round) + _number(entry.type)
            return b"\x05" + _data(entry.peer_id.encode()) + where + _block_id(entry.block_id)
        case TimeoutFired():
            return b"\x06" + _number(entry.height) + _number(entry.round) + _number(entry.step)
        case TxsAvailable():
            return b"\x07" + _number(entry.height)


class _Reader:
    """A position in an entry; mutable: it moves."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._offset = 1

    def _take(self, size: int) -> bytes:
        taken = self._data[self._offset : self._offset + size]
        if len(taken) != size:
            raise MalformedMessage("write-ahead log entry ends early")
        self._offset += size
        return taken

    def number(self) -> int:
        return int.from_bytes(self._take(8), "big", signed=True)

    def member(self, kind: type[E]) -> E:
        value = self.number()
        try:
            return kind(value)
        except ValueError as error:
            raise MalformedMessage(f"no {kind.__name__} {value} in a log entry") from error

    def data(self) -> bytes:
        return self._take(int.from_bytes(self._take(4), "big"))

    def height(self) -> BlockHeight:
        return BlockHeight(self.number())

    def round(self) -> Round:
        return Round(self.number())

    def peer(self) -> PeerId:
        return PeerId(self.data().decode("ascii", errors="replace"))

    def block_id(self) -> BlockId:
        name = self.data()
        total = self.number()
        return BlockId(name, PartSetHeader(total, self.data()))


def decode_entry(data: bytes) -> WalEntry:
    """Return the entry that :func:`encode_entry` wrote.

    Raises:
        MalformedMessage: The bytes are of no entry: the log is of another program.
    """
    read = _Reader(data)
    match data[0] if data else 0:
        case 1:
            peer = read.peer()
            return ProposalReceived(decode_proposal(read.data()), peer)
        case 2:
            peer = read.peer()
            return VoteReceived(decode_vote(read.data()), peer)
        case 3:
            peer, height, valid = read.peer(), read.height(), bool(read.number())
            block_id = read.block_id()
            return BlockReceived(height, block_id, decode_block(read.data()), valid, peer)
        case 4:
            height, round_, block_id = read.height(), read.round(), read.block_id()
            return BlockBuilt(height, round_, block_id, decode_block(read.data()))
        case 5:
            peer, height, round_ = read.peer(), read.height(), read.round()
            return MajorityClaimed(height, round_, read.member(VoteType), read.block_id(), peer)
        case 6:
            return TimeoutFired(read.height(), read.round(), read.member(Step))
        case 7:
            return TxsAvailable(read.height())
        case kind:
            raise MalformedMessage(f"write-ahead log entry of kind {kind}")
