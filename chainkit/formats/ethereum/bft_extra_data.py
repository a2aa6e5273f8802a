"""What Besu's two BFT consensuses keep in a header's extra data: values and shared fields.

Spec:
    Besu ``consensus/common/bft``: ``BftExtraData``, ``Vote``, ``SECPSignature``.
"""

from dataclasses import dataclass

from chainkit.formats.ethereum.errors import MalformedExtraData, MalformedSeal
from chainkit.formats.ethereum.limits import (
    MAX_EXTRA_DATA_BYTES,
    MAX_QBFT_VALIDATORS,
    SEAL_BYTES,
    VANITY_BYTES,
)
from chainkit.formats.ethereum.signatures import recover_any_s
from chainkit.primitives.types import Address, Hash32
from chainkit.sigverify.secp256k1 import ORDER
from chainkit.wire.rlp import RlpItem, decode

ADD_VOTE = b"\xff"
_ADDRESS_BYTES = 20
_MAX_DEPTH = 2
_MAX_ITEMS = 2 * MAX_QBFT_VALIDATORS + 16


@dataclass(frozen=True, slots=True)
class ValidatorVote:
    """A proposer's vote to add ``recipient`` to the validators or to drop it."""

    recipient: Address
    add: bool


@dataclass(frozen=True, slots=True)
class QbftExtraData:
    """The extra data of a header sealed by QBFT or IBFT 2."""

    vanity: bytes
    """32 bytes that mean nothing."""
    validators: tuple[Address, ...]
    """Who may seal this block, in order."""
    vote: ValidatorVote | None
    round: int
    """Of the proposal that was committed, from 0."""
    seals: tuple[bytes, ...]
    """65 bytes each: r, s, recovery id 0 or 1."""


def decode_extra_item(data: bytes) -> tuple[RlpItem, ...]:
    """Return the five fields as they stand.

    Raises:
        MalformedRlp: It is no canonical RLP.
        MalformedExtraData: It is no list of five.
    """
    item = decode(data, max_bytes=MAX_EXTRA_DATA_BYTES, max_items=_MAX_ITEMS, max_depth=_MAX_DEPTH)
    if isinstance(item, bytes) or len(item) != 5:
        raise MalformedExtraData("extra data is no list of five fields")
    return item


def read_vanity(item: RlpItem) -> bytes:
    """Return the 32 bytes, or refuse."""
    if not isinstance(item, bytes) or len(item) != VANITY_BYTES:
        raise MalformedExtraData("vanity is not 32 bytes")
    return item


def read_validators(item: RlpItem) -> tuple[Address, ...]:
    """Return the addresses in order, or refuse; whether one is there twice is not checked."""
    if isinstance(item, bytes) or len(item) > MAX_QBFT_VALIDATORS:
        raise MalformedExtraData(f"validators are no list of at most {MAX_QBFT_VALIDATORS}")
    return tuple(map(_read_address, item))


def _read_address(item: RlpItem) -> Address:
    if not isinstance(item, bytes) or len(item) != _ADDRESS_BYTES:
        raise MalformedExtraData("an address is not 20 bytes")
    return Address(item)


def read_vote(item: RlpItem, drop_vote: bytes) -> ValidatorVote:
    """Return the vote; ``drop_vote`` is the string that means drop."""
    if isinstance(item, bytes) or len(item) != 2:
        raise MalformedExtraData("a vote is no list of two fields")
    if item[1] not in {ADD_VOTE, drop_vote}:
        raise MalformedExtraData("a vote is neither to add nor to drop")
    return ValidatorVote(_read_address(item[0]), item[1] == ADD_VOTE)


def vote_item(vote: ValidatorVote, drop_vote: bytes) -> RlpItem:
    """Return the list that stands for a vote."""
    return (vote.recipient, ADD_VOTE if vote.add else drop_vote)


def read_seals(item: RlpItem) -> tuple[bytes, ...]:
    """Return the seals in order, or refuse; who made them is not checked."""
    if isinstance(item, bytes) or len(item) > MAX_QBFT_VALIDATORS:
        raise MalformedExtraData(f"seals are no list of at most {MAX_QBFT_VALIDATORS}")
    return tuple(map(_read_seal, item))


def _read_seal(item: RlpItem) -> bytes:
    if not isinstance(item, bytes) or len(item) != SEAL_BYTES:
        raise MalformedSeal("a seal is not 65 bytes")
    r, s = int.from_bytes(item[:32], "big"), int.from_bytes(item[32:64], "big")
    if not (0 < r < ORDER and 0 < s < ORDER):
        raise MalformedSeal("a seal's r or s is out of range")
    if item[64] > 1:
        raise MalformedSeal(f"a seal's recovery id is {item[64]}, not 0 or 1")
    return item


def recover_seal(digest: Hash32, seal: bytes) -> Address:
    """Return who made a seal; a high s counts, as in Besu: seals are told apart by address.

    Raises:
        MalformedSeal: It is not 65 bytes of numbers in range.
        InvalidSignature: No key makes it.
    """
    _read_seal(seal)
    r, s = int.from_bytes(seal[:32], "big"), int.from_bytes(seal[32:64], "big")
    return recover_any_s(digest, seal[64], r, s)
