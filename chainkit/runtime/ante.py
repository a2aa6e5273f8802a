"""What a transaction must pass before its messages run, in the SDK's order.

A refusal here leaves no trace in a block, not even the fee: the transaction is not its
signer's, or cannot pay.

Spec:
    Cosmos SDK x/auth/ante, ``NewAnteHandler``.
"""

import base64
from dataclasses import dataclass, replace
from typing import Protocol

from chainkit.primitives.amounts import Coin, format_coins
from chainkit.primitives.hashing import sha256
from chainkit.primitives.types import Address
from chainkit.runtime.addresses import format_address, parse_address
from chainkit.runtime.context import Context, ExecutionMode
from chainkit.runtime.errors import (
    InvalidGasLimit,
    InvalidPublicKey,
    MemoTooLarge,
    NotSupported,
    TxTimeoutHeight,
    Unauthorized,
    UnknownAddress,
    WrongSequence,
)
from chainkit.runtime.events import Event
from chainkit.runtime.fees import GasPrice, require_minimum_fee
from chainkit.runtime.gas import (
    GAS_SIMULATED_FEE,
    GAS_TX_SIZE_PER_BYTE,
    GAS_VERIFY_SECP256K1,
)
from chainkit.runtime.transaction import (
    SIGN_MODE_DIRECT,
    SignerInfo,
    Transaction,
    validate_basic,
)
from chainkit.runtime.tx_codec import sign_bytes
from chainkit.sigverify import secp256k1

FEE_COLLECTOR = "fee_collector"
MAX_TX_MEMO_CHARACTERS = 256
"""SDK auth ``MaxMemoCharacters``."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account; ``public_key`` is empty until its first transaction."""

    address: Address
    number: int
    sequence: int = 0
    public_key: bytes = b""
    module_name: str = ""


class AccountKeeper(Protocol):
    """Who keeps the accounts; ``chainkit.modules.auth`` fits it."""

    def account(self, ctx: Context, address: Address) -> Account | None:
        """Return the account at ``address``, or None."""
        ...

    def save(self, ctx: Context, account: Account) -> None:
        """Write an account that exists."""
        ...


class FeePayments(Protocol):
    """Who takes the fees; ``chainkit.modules.bank`` fits it."""

    def send_coins(
        self, ctx: Context, sender: Address, receiver: Address, coins: tuple[Coin, ...]
    ) -> None:
        """Move coins, or raise ``InsufficientFunds``."""
        ...

    def module_address(self, module: str) -> Address:
        """Return the account of a module."""
        ...


@dataclass(frozen=True, slots=True)
class AnteRules:
    """What the checks are made with; ``minimum_gas_prices`` is this node's own wish."""

    accounts: AccountKeeper
    fees: FeePayments
    address_prefix: str
    minimum_gas_prices: tuple[GasPrice, ...] = ()


def check_transaction(
    ctx: Context, rules: AnteRules, tx: Transaction, signers: tuple[Address, ...]
) -> None:
    """Take the fee, verify the signatures and advance the sequences.

    Args:
        ctx: With the transaction's own gas meter.
        rules: The keepers and this node's prices.
        tx: The decoded transaction.
        signers: Whoever must have signed, in order of first mention.

    Raises:
        RuleBroken: One of the SDK's errors; nothing of what was written may be kept.
    """
    max_gas = ctx.consensus_params.block_max_gas
    if 0 <= max_gas < tx.fee.gas_limit:
        raise InvalidGasLimit(f"tx gas limit {tx.fee.gas_limit} exceeds block max gas {max_gas}")
    if not (ctx.mode is ExecutionMode.SIMULATE and not tx.signatures):
        validate_basic(tx)
    if tx.timeout_height and ctx.height > tx.timeout_height:
        raise TxTimeoutHeight(f"block height: {ctx.height}, timeout height: {tx.timeout_height}")
    if len(tx.memo) > MAX_TX_MEMO_CHARACTERS:
        raise MemoTooLarge(
            f"maximum number of characters is {MAX_TX_MEMO_CHARACTERS} but received "
            f"{len(tx.memo)} characters"
        )
    ctx.gas.consume(GAS_TX_SIZE_PER_BYTE * tx.size, "txSize")
    _deduct_fee(ctx, rules, tx, signers)
    _verify_signatures(ctx, rules, tx, signers)


def _deduct_fee(
    ctx: Context, rules: AnteRules, tx: Transaction, signers: tuple[Address, ...]
) -> None:
    if ctx.is_checking():
        require_minimum_fee(rules.minimum_gas_prices, tx.fee.amount, tx.fee.gas_limit)
    if tx.fee.granter:
        raise NotSupported("fee grants are not enabled")
    payer = signers[0]
    if tx.fee.payer:
        payer = parse_address(rules.address_prefix, tx.fee.payer)
        if payer not in signers:
            raise Unauthorized("the fee payer has not signed")
    if rules.accounts.account(ctx, payer) is None:
        raise UnknownAddress(
            f"fee payer address: {format_address(rules.address_prefix, payer)} does not exist"
        )
    if tx.fee.amount:
        collector = rules.fees.module_address(FEE_COLLECTOR)
        rules.fees.send_coins(ctx, payer, collector, tx.fee.amount)
    elif ctx.mode is ExecutionMode.SIMULATE:
        ctx.gas.consume(GAS_SIMULATED_FEE, "a fee that is not known yet")
    text = format_address(rules.address_prefix, payer)
    ctx.emit(Event("tx", (("fee", format_coins(tx.fee.amount)), ("fee_payer", text))))


def _verify_signatures(
    ctx: Context, rules: AnteRules, tx: Transaction, signers: tuple[Address, ...]
) -> None:
    if len(tx.signer_infos) != len(signers):
        raise Unauthorized(
            f"invalid number of signer;  expected: {len(signers)}, got {len(tx.signer_infos)}"
        )
    signatures = tx.signatures or (b"",) * len(signers)
    for address, info, signature in zip(signers, tx.signer_infos, signatures, strict=True):
        account = _signing_account(ctx, rules, address, info)
        ctx.gas.consume(GAS_VERIFY_SECP256K1, "ante verify: secp256k1")
        if ctx.mode in {ExecutionMode.CHECK, ExecutionMode.DELIVER}:
            _verify(ctx, tx, account, info, signature)
        rules.accounts.save(ctx, replace(account, sequence=account.sequence + 1))
        text = format_address(rules.address_prefix, address)
        ctx.emit(Event("tx", (("acc_seq", f"{text}/{info.sequence}"),)))
        ctx.emit(Event("tx", (("signature", base64.b64encode(signature).decode()),)))


def _signing_account(ctx: Context, rules: AnteRules, address: Address, info: SignerInfo) -> Account:
    """Return the signer's account with its key, sequence checked."""
    account = rules.accounts.account(ctx, address)
    if account is None:
        text = format_address(rules.address_prefix, address)
        raise UnknownAddress(f"account {text} does not exist")
    key = account.public_key or info.public_key
    if not key and ctx.mode is not ExecutionMode.SIMULATE:
        raise InvalidPublicKey("the account has no key yet, and the transaction carries none")
    if key and (secp256k1.secp256k1_address(key) != address or info.public_key not in {b"", key}):
        raise InvalidPublicKey("pubKey does not match signer address")
    if info.sequence != account.sequence:
        raise WrongSequence(
            f"account sequence mismatch, expected {account.sequence}, got {info.sequence}"
        )
    return replace(account, public_key=key)


def _verify(
    ctx: Context, tx: Transaction, account: Account, info: SignerInfo, signature: bytes
) -> None:
    if info.mode != SIGN_MODE_DIRECT:
        raise NotSupported(f"sign mode {info.mode}; only SIGN_MODE_DIRECT is")
    document = sign_bytes(tx.body_bytes, tx.auth_info_bytes, ctx.chain_id, account.number)
    if not secp256k1.verify_remembered(account.public_key, sha256(document), signature):
        raise Unauthorized(
            f"signature verification failed; please verify account number ({account.number}), "
            f"sequence ({account.sequence}) and chain-id ({ctx.chain_id})"
        )
