"""The account chain's blocks as the machine sees them: Ethereum's, with QBFT's hashes."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from chainkit.formats.ethereum.blocks import decode_block, encode_block
from chainkit.formats.ethereum.qbft import (
    block_hash,
    decode_extra_data,
    seal_hash,
    with_extra_data,
)
from chainkit.formats.ethereum.types import Block
from chainkit.primitives.types import Address, BlockHeight, Hash32, Round
from parachains.account.consensus.errors import MalformedQbftMessage


@dataclass(frozen=True, slots=True)
class EthereumBlock:
    """A block without seals. Made by ``of_block``: the hashes are computed once."""

    block: Block
    round: Round
    digest: Hash32 = field(compare=False)
    block_hash: Hash32 = field(compare=False)

    @property
    def height(self) -> BlockHeight:
        """Its number."""
        return BlockHeight(self.block.header.number)

    @property
    def coinbase(self) -> Address:
        """Who made it."""
        return self.block.header.beneficiary

    def with_round(self, round_: Round) -> "EthereumBlock":
        """Return the same block for another round."""
        if round_ == self.round:
            return self
        header = self.block.header
        extra = decode_extra_data(header.extra_data)
        changed = with_extra_data(header, replace(extra, round=round_))
        return EthereumBlock(
            replace(self.block, header=changed), round_, seal_hash(changed), self.block_hash
        )

    def encode(self) -> bytes:
        """Return the RLP of the block."""
        return encode_block(self.block)

    def sealed(self, seals: Sequence[bytes]) -> Block:
        """Return the block as it goes on the chain, with the seals of ``Decide``."""
        header = self.block.header
        extra = decode_extra_data(header.extra_data)
        sealed = with_extra_data(header, replace(extra, seals=tuple(seals)))
        return replace(self.block, header=sealed)


def of_block(block: Block) -> EthereumBlock:
    """Return the block for the machine; it has a number above 0.

    Raises:
        MalformedMessage: Its extra data is not QBFT's.
        MalformedQbftMessage: It is sealed already, or the genesis.
    """
    header = block.header
    extra = decode_extra_data(header.extra_data)
    if extra.seals or not header.number:
        raise MalformedQbftMessage("a block that is being decided has a number and no seals")
    return EthereumBlock(block, Round(extra.round), seal_hash(header), block_hash(header))


def decode_proposed_block(data: bytes) -> EthereumBlock:
    """Return the block in a message.

    Raises:
        RuleBroken: It is none; the class names the rule.
    """
    return of_block(decode_block(data))
