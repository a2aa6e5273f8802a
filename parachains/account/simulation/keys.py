"""The blocks and the signatures of a run: stubs that nobody forges, or real ones."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from chainkit.formats.ethereum.bft_extra_data import (
    ValidatorVote,
    read_vote,
    recover_seal,
    vote_item,
)
from chainkit.formats.ethereum.fields import read_address, read_fields, read_hash, read_uint
from chainkit.formats.ethereum.qbft import make_seal
from chainkit.formats.ethereum.signatures import address_of
from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.types import Address, BlockHeight, Hash32, Round, TimestampNs
from chainkit.wire.rlp import decode, encode, encode_uint
from parachains.account.consensus.codec import decode_message, encode_message
from parachains.account.consensus.messages import (
    Commit,
    CommitPayload,
    Message,
    Proposal,
    RoundChange,
)

SEAL_BYTES = 65


@dataclass(frozen=True, slots=True)
class SimBlock:
    """A small block with what the protocol looks at."""

    height: BlockHeight
    coinbase: Address
    round: Round
    parent: Hash32
    timestamp: TimestampNs
    number: int
    """Which of the run's blocks it is."""
    is_sound: bool
    """Whether its content would execute."""
    vote: ValidatorVote | None
    block_hash: Hash32
    digest: Hash32

    def with_round(self, round_: Round) -> "SimBlock":
        """Return the same block for another round."""
        if round_ == self.round:
            return self
        return make_block(
            self.height,
            self.coinbase,
            round_,
            self.parent,
            self.timestamp,
            self.number,
            is_sound=self.is_sound,
            vote=self.vote,
        )

    def encode(self) -> bytes:
        """Return its RLP, for the runs whose messages travel as bytes."""
        return encode(
            (
                encode_uint(self.height),
                self.coinbase,
                encode_uint(self.round),
                self.parent,
                encode_uint(self.timestamp),
                encode_uint(self.number),
                encode_uint(self.is_sound),
                () if self.vote is None else vote_item(self.vote, b""),
            )
        )


def make_block(
    height: BlockHeight,
    coinbase: Address,
    round_: Round,
    parent: Hash32,
    timestamp: TimestampNs,
    number: int,
    *,
    is_sound: bool,
    vote: ValidatorVote | None,
) -> SimBlock:
    """Return a block with its hashes."""
    content = f"{height} {coinbase.hex()} {parent.hex()} {timestamp} {number} {is_sound} {vote}"
    block_hash = Hash32(sha256(content.encode()).digest())
    digest = Hash32(sha256(block_hash + round_.to_bytes(8)).digest())
    return SimBlock(
        height, coinbase, round_, parent, timestamp, number, is_sound, vote, block_hash, digest
    )


def read_sim_block(data: bytes) -> SimBlock:
    """Return the block that was encoded."""
    items = read_fields(decode(data), 8, "block")
    height, coinbase, round_, parent, time, number, is_sound, vote = items
    return make_block(
        BlockHeight(read_uint(height, "height")),
        read_address(coinbase, "coinbase"),
        Round(read_uint(round_, "round")),
        read_hash(parent, "parent"),
        TimestampNs(read_uint(time, "timestamp")),
        read_uint(number, "number"),
        is_sound=read_uint(is_sound, "is sound") == 1,
        vote=None if vote == () else read_vote(vote, b""),
    )


class Keys(Protocol):
    """The keys of all validators of a run, and how a message travels."""

    def address(self, number: int) -> Address:
        """Return the address of the validator made as the ``number``-th."""
        ...

    def sign(self, number: int, digest: Hash32) -> bytes:
        """Return 65 bytes by a validator's key."""
        ...

    def seal_author(self, digest: Hash32, seal: bytes) -> Address | None:
        """Return who made a seal; None if nobody did."""
        ...

    def carry(self, message: Message) -> Message | None:
        """Return the message as its recipient decodes it; None if it is refused there."""
        ...


class StubKeys:
    """A signature is the signer's name and what it signed: cheap, and nobody forges one."""

    def address(self, number: int) -> Address:
        """Return a name of 20 bytes."""
        return Address(bytes([number + 1]) * 20)

    def sign(self, number: int, digest: Hash32) -> bytes:
        """Return the stub."""
        return self.address(number) + digest + bytes(SEAL_BYTES - 52)

    def seal_author(self, digest: Hash32, seal: bytes) -> Address | None:
        """Return the name in the stub."""
        return Address(seal[:20]) if seal[20:52] == digest else None

    def carry(self, message: Message) -> Message | None:
        """Return the message itself, if every author in it is who signed."""
        all_signed: list[tuple[Address, bytes]] = [
            (message.signed.author, message.signed.signature)
        ]
        if isinstance(message, Proposal):
            all_signed += [(each.author, each.signature) for each in message.round_changes]
        if isinstance(message, Proposal | RoundChange):
            all_signed += [(each.author, each.signature) for each in message.prepares]
        if any(signature[:20] != author for author, signature in all_signed):
            return None
        if isinstance(message, Commit) and not self._has_own_seal(message.signed.payload, message):
            return None
        return message

    def _has_own_seal(self, payload: CommitPayload, message: Commit) -> bool:
        return self.seal_author(payload.digest, payload.seal) == message.signed.author


class Secp256k1Keys:
    """Real keys; every message is encoded and decoded on its way."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def _key(self, number: int) -> bytes:
        return sha256(f"key {number} of QBFT run {self._seed}".encode()).digest()

    def address(self, number: int) -> Address:
        """Return the key's address."""
        return address_of(self._key(number))

    def sign(self, number: int, digest: Hash32) -> bytes:
        """Return the signature."""
        return make_seal(self._key(number), digest)

    def seal_author(self, digest: Hash32, seal: bytes) -> Address | None:
        """Return whose signature it is."""
        try:
            return recover_seal(digest, seal)
        except RuleBroken:
            return None

    def carry(self, message: Message) -> Message | None:
        """Return what the bytes decode to."""
        code, data = encode_message(message)
        try:
            return decode_message(code, data, read_sim_block)
        except RuleBroken:
            return None
