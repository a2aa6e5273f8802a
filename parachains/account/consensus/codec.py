"""Messages in Besu's encoding, and the hashes that are signed.

A payload is signed over Keccak-256 of the list of its code and itself. A proposal's payload
and a round change carry an empty string where newer forks have a block access list.

Spec:
    Besu 26, ``qbft/core/payload`` and ``messagewrappers``; ``QbftPayload.hashForSignature``.
"""

from collections.abc import Callable
from typing import TypeVar

from chainkit.formats.ethereum.bft_extra_data import recover_seal
from chainkit.formats.ethereum.fields import (
    read_fields,
    read_hash,
    read_list,
    read_sized,
    read_uint,
)
from chainkit.formats.ethereum.limits import MAX_BLOCK_BYTES, SEAL_BYTES
from chainkit.formats.ethereum.signatures import recover_address
from chainkit.primitives.keccak import keccak256
from chainkit.primitives.types import Address, BlockHeight, Hash32, Round
from chainkit.wire.rlp import RlpItem, decode, encode, encode_list, encode_uint
from parachains.account.consensus.blocks import decode_proposed_block
from parachains.account.consensus.errors import ForeignSeal, MalformedQbftMessage
from parachains.account.consensus.limits import MAX_QBFT_VALIDATORS, MAX_ROUND
from parachains.account.consensus.messages import (
    Code,
    Commit,
    CommitDraft,
    CommitPayload,
    Draft,
    Message,
    Payload,
    Prepare,
    PreparedRound,
    PreparePayload,
    Proposal,
    ProposalDraft,
    ProposalPayload,
    RoundChange,
    RoundChangeDraft,
    RoundChangePayload,
    SealableBlock,
    Signed,
)

BlockDecoder = Callable[[bytes], SealableBlock]
Signer = Callable[[Hash32], bytes]
"""Return the 65-byte signature over a digest."""

MAX_MESSAGE_BYTES = MAX_BLOCK_BYTES + 512 * MAX_QBFT_VALIDATORS
"""A block, a round change and a prepare of each validator."""

_MAX_DEPTH = 12
_HEIGHT_BYTES = 8
_ROUND_BYTES = 4
_NO_ACCESS_LIST = encode(b"")
_NOTHING = encode(())


# --- out -------------------------------------------------------------------------------


def code_of(payload: Payload) -> Code:
    """Return the code of a payload's kind."""
    match payload:
        case ProposalPayload():
            return Code.PROPOSAL
        case PreparePayload():
            return Code.PREPARE
        case CommitPayload():
            return Code.COMMIT
        case RoundChangePayload():
            return Code.ROUND_CHANGE


def encode_payload(payload: Payload) -> bytes:
    """Return the RLP of a payload."""
    parts = [encode(encode_uint(payload.height)), encode(encode_uint(payload.round))]
    match payload:
        case ProposalPayload():
            parts += [payload.block.encode(), _NO_ACCESS_LIST]
        case PreparePayload():
            parts.append(encode(payload.digest))
        case CommitPayload():
            parts += [encode(payload.digest), encode(payload.seal)]
        case RoundChangePayload(prepared=None):
            parts.append(_NOTHING)
        case RoundChangePayload(prepared=PreparedRound(round=round_, digest=digest)):
            parts.append(encode((encode_uint(round_), digest)))
        case RoundChangePayload():
            raise AssertionError(payload)
    return encode_list(parts)


def signing_hash(payload: Payload) -> Hash32:
    """Return what a validator signs of a payload."""
    code = encode(encode_uint(code_of(payload)))
    return keccak256(encode_list([code, encode_payload(payload)]))


def _encode_signed(signed: Signed[Payload]) -> bytes:
    return encode_list([encode_payload(signed.payload), encode(signed.signature)])


def _encode_all(
    all_signed: tuple[Signed[PreparePayload], ...] | tuple[Signed[RoundChangePayload], ...],
) -> bytes:
    return encode_list(
        [_encode_signed(Signed(s.payload, s.author, s.signature)) for s in all_signed]
    )


def encode_message(message: Message) -> tuple[Code, bytes]:
    """Return the code and the data of a message."""
    signed = message.signed
    head = _encode_signed(Signed(signed.payload, signed.author, signed.signature))
    match message:
        case Proposal():
            lists = [_encode_all(message.round_changes), _encode_all(message.prepares)]
            data = encode_list([head, encode_list(lists)])
        case RoundChange():
            block = message.block.encode() if message.block is not None else _NOTHING
            data = encode_list([head, block, _NO_ACCESS_LIST, _encode_all(message.prepares)])
        case Prepare() | Commit():
            data = head
    return code_of(signed.payload), data


def sign_draft(draft: Draft, author: Address, sign: Signer) -> Message:
    """Return the signed message of a draft; ``sign`` has the key of ``author``."""
    match draft:
        case ProposalDraft():
            return Proposal(
                _signed(draft.payload, author, sign), draft.round_changes, draft.prepares
            )
        case PreparePayload():
            return Prepare(_signed(draft, author, sign))
        case CommitDraft():
            seal = sign(draft.digest)
            payload = CommitPayload(draft.height, draft.round, draft.digest, seal)
            return Commit(_signed(payload, author, sign))
        case RoundChangeDraft():
            return RoundChange(_signed(draft.payload, author, sign), draft.block, draft.prepares)


PayloadT = TypeVar("PayloadT", ProposalPayload, PreparePayload, CommitPayload, RoundChangePayload)


def _signed(payload: PayloadT, author: Address, sign: Signer) -> Signed[PayloadT]:
    return Signed(payload, author, sign(signing_hash(payload)))


# --- in --------------------------------------------------------------------------------


def decode_message(
    code: int, data: bytes, decode_block: BlockDecoder = decode_proposed_block
) -> Message:
    """Return the message, with the author of every payload in it.

    Args:
        code: Besu's message code.
        data: The message.
        decode_block: Of the RLP of one block.

    Raises:
        MalformedMessage: Another shape, or a number out of range; the class names the rule.
        EthereumRuleBroken: A signature that no key makes, or with a high s.
        ForeignSeal: A commit's seal is not its author's.
    """
    item = decode(data, max_bytes=MAX_MESSAGE_BYTES, max_depth=_MAX_DEPTH)
    match code:
        case Code.PROPOSAL:
            return _read_proposal(item, decode_block)
        case Code.PREPARE:
            return Prepare(_read_prepare(item))
        case Code.COMMIT:
            return Commit(_read_commit(item))
        case Code.ROUND_CHANGE:
            return _read_round_change(item, decode_block)
        case _:
            raise MalformedQbftMessage(f"no message has code {code}")


def _read_proposal(item: RlpItem, decode_block: BlockDecoder) -> Proposal:
    head, lists = read_fields(item, 2, "proposal")
    payload_item, signature = read_fields(head, 2, "signed proposal")
    height, round_, block, access_list = read_fields(payload_item, 4, "proposal payload")
    _no_access_list(access_list)
    payload = ProposalPayload(*_read_view(height, round_), decode_block(encode(block)))
    round_changes, prepares = read_fields(lists, 2, "justification")
    return Proposal(
        _with_author(payload, signature),
        tuple(_read_round_change_payload(each) for each in _read_few(round_changes)),
        tuple(_read_prepare(each) for each in _read_few(prepares)),
    )


def _read_round_change(item: RlpItem, decode_block: BlockDecoder) -> RoundChange:
    head, block, access_list, prepares = read_fields(item, 4, "round change")
    _no_access_list(access_list)
    return RoundChange(
        _read_round_change_payload(head),
        None if block == () else decode_block(encode(block)),
        tuple(_read_prepare(each) for each in _read_few(prepares)),
    )


def _read_prepare(item: RlpItem) -> Signed[PreparePayload]:
    payload_item, signature = read_fields(item, 2, "signed prepare")
    height, round_, digest = read_fields(payload_item, 3, "prepare payload")
    payload = PreparePayload(*_read_view(height, round_), read_hash(digest, "digest"))
    return _with_author(payload, signature)


def _read_commit(item: RlpItem) -> Signed[CommitPayload]:
    payload_item, signature = read_fields(item, 2, "signed commit")
    height, round_, digest_item, seal_item = read_fields(payload_item, 4, "commit payload")
    digest = read_hash(digest_item, "digest")
    seal = read_sized(seal_item, SEAL_BYTES, "seal")
    signed = _with_author(CommitPayload(*_read_view(height, round_), digest, seal), signature)
    if recover_seal(digest, seal) != signed.author:
        raise ForeignSeal("the commit's seal is not its author's over its digest")
    return signed


def _read_round_change_payload(item: RlpItem) -> Signed[RoundChangePayload]:
    payload_item, signature = read_fields(item, 2, "signed round change")
    height, round_, prepared_item = read_fields(payload_item, 3, "round change payload")
    prepared = None
    if prepared_item != ():
        prepared_round, digest = read_fields(prepared_item, 2, "prepared round")
        prepared = PreparedRound(_read_round(prepared_round), read_hash(digest, "digest"))
    return _with_author(RoundChangePayload(*_read_view(height, round_), prepared), signature)


def _read_view(height: RlpItem, round_: RlpItem) -> tuple[BlockHeight, Round]:
    number = read_uint(height, "height", _HEIGHT_BYTES)
    if number >> 63:
        raise MalformedQbftMessage("a height has 63 bits")
    return BlockHeight(number), _read_round(round_)


def _read_round(item: RlpItem) -> Round:
    number = read_uint(item, "round", _ROUND_BYTES)
    if number > MAX_ROUND:
        raise MalformedQbftMessage(f"a round is at most {MAX_ROUND}")
    return Round(number)


def _no_access_list(item: RlpItem) -> None:
    if item != b"":
        raise MalformedQbftMessage("a block access list, which London does not have")


def _read_few(item: RlpItem) -> tuple[RlpItem, ...]:
    items = read_list(item, "justification")
    if len(items) > MAX_QBFT_VALIDATORS:
        raise MalformedQbftMessage(f"a justification has at most {MAX_QBFT_VALIDATORS} messages")
    return items


def _with_author(payload: PayloadT, signature_item: RlpItem) -> Signed[PayloadT]:
    signature = read_sized(signature_item, SEAL_BYTES, "signature")
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
    return Signed(payload, recover_address(signing_hash(payload), signature[64], r, s), signature)
