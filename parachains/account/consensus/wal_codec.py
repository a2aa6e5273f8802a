"""The WAL's entries as bytes; the file's framing is the shell's."""

from enum import IntEnum

from chainkit.formats.ethereum.fields import (
    read_fields,
    read_hash,
    read_list,
    read_string,
    read_uint,
)
from chainkit.primitives.types import BlockHeight, Hash32, Round
from chainkit.wire.rlp import RlpItem, decode, encode, encode_uint
from parachains.account.consensus.blocks import decode_proposed_block
from parachains.account.consensus.codec import (
    MAX_MESSAGE_BYTES,
    BlockDecoder,
    decode_message,
    encode_message,
)
from parachains.account.consensus.errors import MalformedQbftMessage
from parachains.account.consensus.messages import (
    SELF,
    BlockBuilt,
    BlockJudged,
    BlockTimeReached,
    MessageReceived,
    PeerId,
    RoundTimedOut,
    WalEntry,
)

MAX_ENTRY_BYTES = MAX_MESSAGE_BYTES + 64
SOMEBODY = PeerId("?")
"""Who sent a replayed message that this node did not: the log does not say."""


class EntryKind(IntEnum):
    """What an entry begins with."""

    BLOCK_TIME = 1
    TIMEOUT = 2
    MESSAGE = 3
    BUILT = 4
    JUDGED = 5


def encode_entry(entry: WalEntry) -> bytes:
    """Return the entry's bytes."""
    match entry:
        case BlockTimeReached():
            return _encode(EntryKind.BLOCK_TIME, encode_uint(entry.height))
        case RoundTimedOut():
            return _encode(EntryKind.TIMEOUT, encode_uint(entry.height), encode_uint(entry.round))
        case MessageReceived():
            code, data = encode_message(entry.message)
            return _encode(
                EntryKind.MESSAGE, encode_uint(code), data, encode_uint(entry.peer_id == SELF)
            )
        case BlockBuilt():
            view = (encode_uint(entry.height), encode_uint(entry.round))
            return _encode(EntryKind.BUILT, *view, entry.block.encode())
        case BlockJudged():
            verdict = encode_uint(entry.is_valid)
            return _encode(EntryKind.JUDGED, encode_uint(entry.height), entry.block_hash, verdict)


def _encode(kind: EntryKind, *fields: bytes) -> bytes:
    return encode((encode_uint(kind), *fields))


def decode_entry(data: bytes, decode_block: BlockDecoder = decode_proposed_block) -> WalEntry:
    """Return the entry that the bytes are.

    Raises:
        RuleBroken: They are none; the class names the rule.
    """
    item = decode(data, max_bytes=MAX_ENTRY_BYTES, max_items=8, max_depth=1)
    fields = read_list(item, "entry")
    if not fields:
        raise MalformedQbftMessage("an entry without a kind")
    kind = read_uint(fields[0], "kind", 1)
    match kind:
        case EntryKind.BLOCK_TIME:
            _, height = read_fields(item, 2, "block time")
            return BlockTimeReached(_height(height))
        case EntryKind.TIMEOUT:
            _, height, round_ = read_fields(item, 3, "timeout")
            return RoundTimedOut(_height(height), _round(round_))
        case EntryKind.MESSAGE:
            _, code, message, is_own = read_fields(item, 4, "message")
            decoded = decode_message(
                read_uint(code, "code", 1), read_string(message, "message"), decode_block
            )
            return MessageReceived(decoded, SELF if _flag(is_own) else SOMEBODY)
        case EntryKind.BUILT:
            _, height, round_, block = read_fields(item, 4, "built block")
            built = decode_block(read_string(block, "block"))
            return BlockBuilt(_height(height), _round(round_), built)
        case EntryKind.JUDGED:
            _, height, block_hash, is_valid = read_fields(item, 4, "verdict")
            digest = Hash32(read_hash(block_hash, "block hash"))
            return BlockJudged(_height(height), digest, _flag(is_valid))
        case _:
            raise MalformedQbftMessage(f"no entry has kind {kind}")


def _height(item: RlpItem) -> BlockHeight:
    return BlockHeight(read_uint(item, "height", 8))


def _round(item: RlpItem) -> Round:
    return Round(read_uint(item, "round", 4))


def _flag(item: RlpItem) -> bool:
    number = read_uint(item, "flag", 1)
    if number > 1:
        raise MalformedQbftMessage("a flag is 0 or 1")
    return number == 1
