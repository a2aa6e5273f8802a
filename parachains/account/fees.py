"""Gas and fees as numbers: intrinsic gas, the base fee's course, what a sender pays.

Spec:
    EIP-1559 (base fee), EIP-2028 (call data), EIP-2930 (access lists), EIP-3529 (refunds).
"""

from chainkit.formats.ethereum.types import DynamicFeeTransaction, LegacyTransaction, Transaction

GAS_TRANSACTION = 21_000
GAS_ZERO_BYTE = 4
GAS_NONZERO_BYTE = 16
GAS_ACCESS_ADDRESS = 2_400
GAS_ACCESS_SLOT = 1_900
ELASTICITY = 2
BASE_FEE_MAX_CHANGE_DENOMINATOR = 8
MAX_REFUND_QUOTIENT = 5
INITIAL_BASE_FEE = 1_000_000_000
"""Of the block after genesis where genesis names none: EIP-1559's 1 gwei."""


def intrinsic_gas(transaction: Transaction) -> int:
    """Return the gas that a transaction costs before it does anything."""
    zeros = transaction.data.count(0)
    gas = GAS_TRANSACTION + GAS_ZERO_BYTE * zeros
    gas += GAS_NONZERO_BYTE * (len(transaction.data) - zeros)
    if not isinstance(transaction, LegacyTransaction):
        for entry in transaction.access_list:
            gas += GAS_ACCESS_ADDRESS + GAS_ACCESS_SLOT * len(entry.storage_keys)
    return gas


def next_base_fee(base_fee: int, gas_used: int, gas_limit: int) -> int:
    """Return the base fee, in wei, of the block after one with these numbers."""
    target = gas_limit // ELASTICITY
    if gas_used == target:
        return base_fee
    change = base_fee * abs(gas_used - target) // target // BASE_FEE_MAX_CHANGE_DENOMINATOR
    return base_fee + max(change, 1) if gas_used > target else base_fee - change


def fee_cap(transaction: Transaction) -> int:
    """Return the most that the sender pays for a unit of gas, in wei."""
    if isinstance(transaction, DynamicFeeTransaction):
        return transaction.max_fee_per_gas
    return transaction.gas_price


def tip_cap(transaction: Transaction) -> int:
    """Return the most of it that goes to the proposer, in wei."""
    if isinstance(transaction, DynamicFeeTransaction):
        return transaction.max_priority_fee_per_gas
    return transaction.gas_price


def effective_tip(transaction: Transaction, base_fee: int) -> int:
    """Return what the proposer gets for a unit of gas; negative below the base fee."""
    return min(tip_cap(transaction), fee_cap(transaction) - base_fee)


def effective_gas_price(transaction: Transaction, base_fee: int) -> int:
    """Return what the sender pays for a unit of gas."""
    return base_fee + effective_tip(transaction, base_fee)


def most_it_costs(transaction: Transaction) -> int:
    """Return what the sender must have, in wei: all its gas at the highest price, and the value."""
    return transaction.gas_limit * fee_cap(transaction) + transaction.value
