"""Whether a transaction can be in a block: the checks before it runs, with geth's texts."""

from functools import lru_cache

from chainkit.formats.ethereum.addresses import format_address
from chainkit.formats.ethereum.errors import EthereumRuleBroken
from chainkit.formats.ethereum.transactions import sender
from chainkit.formats.ethereum.types import EMPTY_CODE_HASH, DynamicFeeTransaction, Transaction
from chainkit.primitives.types import Address
from parachains.account.errors import (
    CreationUnsupported,
    ExceedsBlockGasLimit,
    FeeCapTooLow,
    InsufficientFunds,
    IntrinsicGasTooLow,
    InvalidSender,
    NonceAtMaximum,
    NonceTooHigh,
    NonceTooLow,
    ReplayUnprotected,
    SenderNotUser,
    TipAboveFeeCap,
    WrongChain,
)
from parachains.account.fees import fee_cap, intrinsic_gas, most_it_costs
from parachains.account.limits import MAX_NONCE, REMEMBERED_SENDERS
from parachains.account.world import AccountState


@lru_cache(REMEMBERED_SENDERS)
def _sender_of(transaction: Transaction) -> Address:
    """Return who signed it; the pool, the block built and the block judged ask the same."""
    return sender(transaction)


def check_form(transaction: Transaction, *, chain_id: int, gas_limit: int) -> Address:
    """Return the sender of a transaction that is sound by itself.

    Args:
        transaction: What was sent.
        chain_id: EIP-155's number of this chain.
        gas_limit: Of a block.

    Raises:
        TransactionRefused: The subclass names the rule.
    """
    if transaction.chain_id is None:
        raise ReplayUnprotected("only replay-protected (EIP-155) transactions allowed over RPC")
    if transaction.chain_id != chain_id:
        raise WrongChain(
            f"invalid chain id for signer: have {transaction.chain_id} want {chain_id}"
        )
    if transaction.to is None:
        raise CreationUnsupported("contract creation is not supported: there is no EVM")
    if transaction.nonce > MAX_NONCE:
        raise NonceAtMaximum(f"nonce has max value: {transaction.nonce}")
    if transaction.gas_limit > gas_limit:
        raise ExceedsBlockGasLimit("exceeds block gas limit")
    if isinstance(transaction, DynamicFeeTransaction):
        tip, cap = transaction.max_priority_fee_per_gas, transaction.max_fee_per_gas
        if tip > cap:
            raise TipAboveFeeCap(
                "max priority fee per gas higher than max fee per gas: "
                f"maxPriorityFeePerGas: {tip}, maxFeePerGas: {cap}"
            )
    needed = intrinsic_gas(transaction)
    if transaction.gas_limit < needed:
        raise IntrinsicGasTooLow(
            f"intrinsic gas too low: gas {transaction.gas_limit}, minimum needed {needed}"
        )
    try:
        return _sender_of(transaction)
    except EthereumRuleBroken as error:
        raise InvalidSender(f"invalid sender: {error}") from error


def check_nonce(transaction: Transaction, account: AccountState) -> None:
    """Refuse a nonce that is not the account's next.

    Raises:
        NonceTooLow: It was used.
        NonceTooHigh: One before it was not.
    """
    if transaction.nonce < account.nonce:
        raise NonceTooLow(
            f"nonce too low: next nonce {account.nonce}, tx nonce {transaction.nonce}"
        )
    if transaction.nonce > account.nonce:
        raise NonceTooHigh(
            f"nonce too high: next nonce {account.nonce}, tx nonce {transaction.nonce}"
        )


def check_funds(transaction: Transaction, account: AccountState) -> None:
    """Refuse what the sender cannot pay for.

    Raises:
        SenderNotUser: The sender is a contract.
        InsufficientFunds: It holds less than gas and value can cost.
    """
    if account.code_hash != EMPTY_CODE_HASH:
        raise SenderNotUser("sender not an eoa")
    cost = most_it_costs(transaction)
    if account.balance < cost:
        raise InsufficientFunds(
            "insufficient funds for gas * price + value: "
            f"balance {account.balance}, tx cost {cost}, overshot {cost - account.balance}"
        )


def check_fee(transaction: Transaction, origin: Address, base_fee: int) -> None:
    """Refuse a fee below a block's base fee.

    Raises:
        FeeCapTooLow: It is.
    """
    if fee_cap(transaction) < base_fee:
        raise FeeCapTooLow(
            f"max fee per gas less than block base fee: address {format_address(origin)}, "
            f"maxFeePerGas: {fee_cap(transaction)}, baseFee: {base_fee}"
        )
