"""QBFT's extra data as Besu writes it, and the two hashes of a sealed header.

Validators sign the header with its round but without seals; the block's hash leaves out the
round as well, so that a block sealed in two rounds, or by two sets of seals, is one block.

We take only what Besu writes: its decoder also takes a drop vote of one zero byte and fields
after the seals, and then hashes what it would have written.

Spec:
    Besu ``consensus/qbft``: ``QbftExtraDataCodec``; ``consensus/common/bft``:
    ``BftBlockHashing``.
"""

from dataclasses import replace

from chainkit.formats.ethereum.bft_extra_data import (
    QbftExtraData,
    ValidatorVote,
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
from chainkit.formats.ethereum.limits import MAX_ROUND, SEAL_BYTES, VANITY_BYTES
from chainkit.formats.ethereum.signatures import sign_digest
from chainkit.formats.ethereum.types import Header
from chainkit.primitives.types import Address, Hash32
from chainkit.wire.rlp import RlpItem, decode_uint, encode, encode_uint

__all__ = [
    "QBFT_MIX_HASH",
    "QbftExtraData",
    "ValidatorVote",
    "block_hash",
    "decode_extra_data",
    "encode_extra_data",
    "hash_without_round_and_seals",
    "make_seal",
    "recover_seals",
    "seal_hash",
    "with_extra_data",
]

QBFT_MIX_HASH = Hash32(
    bytes.fromhex("63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365")
)
"""Besu ``BftHelpers.EXPECTED_MIX_HASH``: "ctical byzantine fault tolerance"."""

_DROP_VOTE = b""
_ROUND_BYTES = 4


def encode_extra_data(extra: QbftExtraData) -> bytes:
    """Return Besu's RLP: always five fields; no vote is an empty list."""
    assert len(extra.vanity) == VANITY_BYTES
    assert 0 <= extra.round <= MAX_ROUND
    assert all(len(seal) == SEAL_BYTES for seal in extra.seals)
    vote: RlpItem = () if extra.vote is None else vote_item(extra.vote, _DROP_VOTE)
    return encode((extra.vanity, extra.validators, vote, encode_uint(extra.round), extra.seals))


def decode_extra_data(data: bytes) -> QbftExtraData:
    """Return the extra data; duplicates and strangers among the seals are not looked for.

    Raises:
        MalformedRlp: It is no canonical RLP, or the round has a leading zero.
        MalformedExtraData: It has another shape.
        MalformedSeal: A seal is not 65 bytes, or has numbers that no signature has.
    """
    vanity, validators, vote, round_item, seals = decode_extra_item(data)
    if not isinstance(round_item, bytes):
        raise MalformedExtraData("the round is a list")
    round_number = decode_uint(round_item, max_bytes=_ROUND_BYTES)
    if round_number > MAX_ROUND:
        raise MalformedExtraData(f"round {round_number} is above {MAX_ROUND}")
    return QbftExtraData(
        vanity=read_vanity(vanity),
        validators=read_validators(validators),
        vote=None if vote == () else read_vote(vote, _DROP_VOTE),
        round=round_number,
        seals=read_seals(seals),
    )


def with_extra_data(header: Header, extra: QbftExtraData) -> Header:
    """Return the header with other extra data."""
    return replace(header, extra_data=encode_extra_data(extra))


def seal_hash(header: Header) -> Hash32:
    """Return what commit seals sign: the header's hash with its seals left out.

    Raises:
        MalformedMessage: The extra data is refused.
    """
    extra = decode_extra_data(header.extra_data)
    return header_hash(with_extra_data(header, replace(extra, seals=())))


def hash_without_round_and_seals(header: Header) -> Hash32:
    """Return the header's hash with no seals and round 0: what its content alone decides.

    Raises:
        MalformedMessage: The extra data is refused.
    """
    extra = decode_extra_data(header.extra_data)
    return header_hash(with_extra_data(header, replace(extra, round=0, seals=())))


def block_hash(header: Header) -> Hash32:
    """Return the block's hash, by which the next header names it.

    That of the genesis block is over its extra data as they are.

    Raises:
        MalformedMessage: The extra data is refused.
    """
    return hash_without_round_and_seals(header) if header.number else header_hash(header)


def make_seal(private_key: bytes, digest: Hash32) -> bytes:
    """Return the 65-byte seal of a 32-byte private key over ``seal_hash(header)``."""
    y_parity, r, s = sign_digest(private_key, digest)
    return r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes((y_parity,))


def recover_seals(header: Header) -> tuple[Address, ...]:
    """Return who made each seal, in their order.

    Raises:
        MalformedMessage: The extra data is refused.
        InvalidSignature: No key makes a seal.
    """
    extra = decode_extra_data(header.extra_data)
    digest = header_hash(with_extra_data(header, replace(extra, seals=())))
    return tuple(recover_seal(digest, seal) for seal in extra.seals)
