"""Ethereum's structures as values; the codecs are the modules beside this one.

Numbers are non-negative integers; ``Hash32`` is 32 bytes, ``Address`` 20.

Spec:
    Yellow Paper, section 4; EIP-155, 2718, 2930, 1559, 4895.
"""

from dataclasses import dataclass
from typing import TypeAlias

from chainkit.formats.ethereum.limits import BLOOM_BYTES, NONCE_BYTES
from chainkit.primitives.types import Address, Hash32

EMPTY_OMMERS_HASH = Hash32(
    bytes.fromhex("1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347")
)
"""Keccak-256 of the empty list: there are no ommers any more."""

EMPTY_CODE_HASH = Hash32(
    bytes.fromhex("c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470")
)
"""Keccak-256 of nothing: the code hash of an account without code."""

EMPTY_BLOOM = bytes(BLOOM_BYTES)
ZERO_ADDRESS = Address(bytes(20))
ZERO_NONCE = bytes(NONCE_BYTES)


@dataclass(frozen=True, slots=True)
class Header:
    """A block header: 15 fields, and those that later forks appended.

    An appended field is there only if all before it are; None means that the fork had not
    come. London's header, which our account chain uses, ends with ``base_fee_per_gas``.
    """

    parent_hash: Hash32
    ommers_hash: Hash32
    beneficiary: Address
    state_root: Hash32
    transactions_root: Hash32
    receipts_root: Hash32
    logs_bloom: bytes
    """256 bytes."""
    difficulty: int
    number: int
    gas_limit: int
    gas_used: int
    timestamp: int
    """UNIX seconds."""
    extra_data: bytes
    mix_hash: Hash32
    """``prev_randao`` after the merge."""
    nonce: bytes
    """8 bytes."""
    base_fee_per_gas: int | None = None
    """Wei; London (EIP-1559)."""
    withdrawals_root: Hash32 | None = None
    """Shanghai (EIP-4895)."""
    blob_gas_used: int | None = None
    excess_blob_gas: int | None = None
    """Both Cancun (EIP-4844)."""
    parent_beacon_block_root: Hash32 | None = None
    """Cancun (EIP-4788)."""
    requests_hash: Hash32 | None = None
    """Prague (EIP-7685)."""


@dataclass(frozen=True, slots=True)
class Log:
    """What a contract logged: up to four topics of 32 bytes, and data."""

    address: Address
    topics: tuple[Hash32, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a transaction did; ``cumulative_gas_used`` counts the block up to and with it.

    ``logs_bloom`` is the bloom of ``logs``; ``receipts.make_receipt`` computes it.
    """

    transaction_type: int
    """0 legacy, 1 access list, 2 dynamic fee."""
    status: int
    """1 succeeded, 0 failed (EIP-658)."""
    cumulative_gas_used: int
    logs_bloom: bytes
    logs: tuple[Log, ...]


@dataclass(frozen=True, slots=True)
class AccessEntry:
    """An address and slots of it that a transaction announces (EIP-2930)."""

    address: Address
    storage_keys: tuple[Hash32, ...]


@dataclass(frozen=True, slots=True)
class LegacyTransaction:
    """A transaction without type. Unsigned: ``r`` and ``s`` 0.

    ``chain_id`` is None before EIP-155: such a transaction can be replayed on other chains.
    """

    chain_id: int | None
    nonce: int
    gas_price: int
    gas_limit: int
    to: Address | None
    """None creates a contract."""
    value: int
    data: bytes
    y_parity: int = 0
    r: int = 0
    s: int = 0


@dataclass(frozen=True, slots=True)
class AccessListTransaction:
    """Type 1 (EIP-2930). Unsigned: ``r`` and ``s`` 0."""

    chain_id: int
    nonce: int
    gas_price: int
    gas_limit: int
    to: Address | None
    value: int
    data: bytes
    access_list: tuple[AccessEntry, ...] = ()
    y_parity: int = 0
    r: int = 0
    s: int = 0


@dataclass(frozen=True, slots=True)
class DynamicFeeTransaction:
    """Type 2 (EIP-1559). Unsigned: ``r`` and ``s`` 0."""

    chain_id: int
    nonce: int
    max_priority_fee_per_gas: int
    max_fee_per_gas: int
    gas_limit: int
    to: Address | None
    value: int
    data: bytes
    access_list: tuple[AccessEntry, ...] = ()
    y_parity: int = 0
    r: int = 0
    s: int = 0


Transaction: TypeAlias = LegacyTransaction | AccessListTransaction | DynamicFeeTransaction


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A withdrawal of the beacon chain (EIP-4895); ``amount`` in gwei."""

    index: int
    validator_index: int
    address: Address
    amount: int


@dataclass(frozen=True, slots=True)
class Block:
    """A header with its body; ``withdrawals`` is None before Shanghai. There are no ommers."""

    header: Header
    transactions: tuple[Transaction, ...]
    withdrawals: tuple[Withdrawal, ...] | None = None
