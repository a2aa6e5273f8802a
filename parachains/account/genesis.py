"""The first block: accounts, the native contracts, IBC's first state, QBFT's validators."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from chainkit.commitments.patricia_trie import EMPTY_ROOT
from chainkit.formats.ethereum.limits import VANITY_BYTES
from chainkit.formats.ethereum.qbft import QBFT_MIX_HASH, QbftExtraData, encode_extra_data
from chainkit.formats.ethereum.types import (
    EMPTY_BLOOM,
    EMPTY_OMMERS_HASH,
    ZERO_ADDRESS,
    ZERO_NONCE,
    Block,
    Header,
)
from chainkit.primitives.keccak import keccak256
from chainkit.primitives.types import Address, Hash32
from chainkit.wire.rlp import encode, encode_uint
from parachains.account.consensus.votes import DEFAULT_EPOCH_LENGTH
from parachains.account.fees import INITIAL_BASE_FEE

DIFFICULTY = 1
"""Besu's QBFT: every block has it."""

DEFAULT_GAS_LIMIT = 30_000_000


@dataclass(frozen=True, slots=True)
class Genesis:
    """What a chain begins with; every node of it has the same."""

    timestamp: int
    """UNIX seconds."""
    validators: tuple[Address, ...]
    balances: Sequence[tuple[Address, int]] = field(default=())
    """Accounts and what they hold, in wei."""
    gas_limit: int = DEFAULT_GAS_LIMIT
    base_fee: int = INITIAL_BASE_FEE
    epoch_length: int = DEFAULT_EPOCH_LENGTH
    """Blocks after which votes that decided nothing are forgotten."""

    def fingerprint(self) -> Hash32:
        """Return a hash by which a node knows its own first block again."""
        balances = tuple((address, encode_uint(held)) for address, held in self.balances)
        numbers = (self.timestamp, self.gas_limit, self.base_fee, self.epoch_length)
        return keccak256(encode((tuple(map(encode_uint, numbers)), self.validators, balances)))


def genesis_block(genesis: Genesis, state_root: Hash32) -> Block:
    """Return block 0 on a state."""
    extra = QbftExtraData(
        vanity=bytes(VANITY_BYTES),
        validators=tuple(sorted(genesis.validators)),
        vote=None,
        round=0,
        seals=(),
    )
    header = Header(
        parent_hash=Hash32(bytes(32)),
        ommers_hash=EMPTY_OMMERS_HASH,
        beneficiary=ZERO_ADDRESS,
        state_root=state_root,
        transactions_root=EMPTY_ROOT,
        receipts_root=EMPTY_ROOT,
        logs_bloom=EMPTY_BLOOM,
        difficulty=DIFFICULTY,
        number=0,
        gas_limit=genesis.gas_limit,
        gas_used=0,
        timestamp=genesis.timestamp,
        extra_data=encode_extra_data(extra),
        mix_hash=QBFT_MIX_HASH,
        nonce=ZERO_NONCE,
        base_fee_per_gas=genesis.base_fee,
    )
    return Block(header, ())
