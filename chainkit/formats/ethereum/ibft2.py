"""IBFT 2's extra data as Besu writes it: QBFT's elder, for reading its chains.

The round has four bytes, no vote is the empty string, and what a hash leaves out is not in the
list at all.

Spec:
    Besu ``consensus/ibft``: ``IbftExtraDataCodec``; ``consensus/common/bft``:
    ``BftBlockHashing``.
"""

from dataclasses import replace

from chainkit.formats.ethereum.bft_extra_data import (
    QbftExtraData,
    decode_extra_item,
    read_seals,
    read_validators,
    read_vanity,
    read_vote,
    recover_seal,
    vote_item,
)
from chainkit.formats.ethereum.errors import MalformedExtraData
from chainkit.formats.ethereum.headers import header_hash
from chainkit.formats.ethereum.limits import MAX_ROUND
from chainkit.formats.ethereum.types import Header
from chainkit.primitives.types import Address, Hash32
from chainkit.wire.rlp import RlpItem, encode

_DROP_VOTE = b"\x00"
_ROUND_BYTES = 4


def _content(extra: QbftExtraData) -> tuple[RlpItem, ...]:
    vote: RlpItem = b"" if extra.vote is None else vote_item(extra.vote, _DROP_VOTE)
    return (extra.vanity, extra.validators, vote)


def encode_without_round_and_seals(extra: QbftExtraData) -> bytes:
    """Return what the block's hash is over: the list ends after the vote."""
    return encode(_content(extra))


def encode_without_seals(extra: QbftExtraData) -> bytes:
    """Return what seals sign: the list ends after the round."""
    return encode((*_content(extra), extra.round.to_bytes(_ROUND_BYTES, "big")))


def encode_extra_data(extra: QbftExtraData) -> bytes:
    """Return all five fields."""
    return encode((*_content(extra), extra.round.to_bytes(_ROUND_BYTES, "big"), extra.seals))


def decode_extra_data(data: bytes) -> QbftExtraData:
    """Return the extra data.

    Raises:
        MalformedRlp: It is no canonical RLP.
        MalformedExtraData: It has another shape; the round has four bytes.
        MalformedSeal: A seal is not 65 bytes, or has numbers that no signature has.
    """
    vanity, validators, vote, round_item, seals = decode_extra_item(data)
    if not isinstance(round_item, bytes) or len(round_item) != _ROUND_BYTES:
        raise MalformedExtraData("the round is not four bytes")
    round_number = int.from_bytes(round_item, "big")
    if round_number > MAX_ROUND:
        raise MalformedExtraData(f"round {round_number} is above {MAX_ROUND}")
    return QbftExtraData(
        vanity=read_vanity(vanity),
        validators=read_validators(validators),
        vote=None if vote == b"" else read_vote(vote, _DROP_VOTE),
        round=round_number,
        seals=read_seals(seals),
    )


def seal_hash(header: Header) -> Hash32:
    """Return what commit seals sign.

    Raises:
        MalformedMessage: The extra data is refused.
    """
    extra = decode_extra_data(header.extra_data)
    return header_hash(replace(header, extra_data=encode_without_seals(extra)))


def block_hash(header: Header) -> Hash32:
    """Return the block's hash; that of the genesis block is over its extra data as they are.

    Raises:
        MalformedMessage: The extra data is refused.
    """
    if not header.number:
        return header_hash(header)
    extra = decode_extra_data(header.extra_data)
    return header_hash(replace(header, extra_data=encode_without_round_and_seals(extra)))


def recover_seals(header: Header) -> tuple[Address, ...]:
    """Return who made each seal, in their order.

    Raises:
        MalformedMessage: The extra data is refused.
        InvalidSignature: No key makes a seal.
    """
    digest = seal_hash(header)
    seals = decode_extra_data(header.extra_data).seals
    return tuple(recover_seal(digest, seal) for seal in seals)
