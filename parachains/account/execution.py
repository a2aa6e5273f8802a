"""Transactions and calls on a world: what they change, what they cost, what they log.

Spec:
    Yellow Paper, section 6; EIP-658, 1559, 2929, 2930, 3529.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from chainkit.formats.ethereum.receipts import make_receipt
from chainkit.formats.ethereum.transactions import transaction_type
from chainkit.formats.ethereum.types import LegacyTransaction, Log, Receipt, Transaction
from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.timestamps import NS_PER_SECOND
from chainkit.primitives.types import Address, BlockHeight, ChainId, TimestampNs
from chainkit.runtime.context import Context, ExecutionMode
from chainkit.runtime.errors import OutOfGas
from chainkit.runtime.events import Event, EventLog
from chainkit.runtime.gas import GasMeter
from chainkit.runtime.store import Overlay, ReadStore
from parachains.account.checks import check_fee, check_form, check_funds, check_nonce
from parachains.account.contracts.contract import Call, Contracts
from parachains.account.contracts.machine import (
    TRANSIENT,
    logs_of,
    refund,
    revert,
    warm_account,
    warm_slot,
)
from parachains.account.errors import GasLimitReached, InsufficientFunds, Reverted
from parachains.account.fees import MAX_REFUND_QUOTIENT, effective_gas_price, intrinsic_gas
from parachains.account.world import World


@dataclass(frozen=True, slots=True)
class ChainRules:
    """What is the same in every block of a chain."""

    chain_id: ChainId
    """The name that IBC's modules run under: its heights have revision 0."""
    evm_chain_id: int
    """EIP-155's number of the chain."""
    contracts: Contracts


@dataclass(frozen=True, slots=True)
class BlockEnvironment:
    """What transactions know of the block they are in."""

    number: int
    timestamp: int
    """UNIX seconds."""
    coinbase: Address
    gas_limit: int
    base_fee: int
    """Wei for a unit of gas, which are burnt."""


@dataclass(frozen=True, slots=True)
class Message:
    """A call as the dispatcher sees it; nobody has checked that the sender can pay."""

    sender: Address
    to: Address
    value: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a call: ``error`` is None if it succeeded."""

    output: bytes
    error: Reverted | OutOfGas | None
    gas_used: int
    """Before the refund."""
    refund: int
    events: tuple[Event, ...]

    @property
    def logs(self) -> tuple[Log, ...]:
        """What it logged; nothing if it failed."""
        return logs_of(self.events)


@dataclass(frozen=True, slots=True)
class Executed:
    """A transaction that is in a block."""

    transaction: Transaction
    sender: Address
    receipt: Receipt
    gas_used: int
    outcome: Outcome


def context_of(
    rules: ChainRules,
    block: BlockEnvironment,
    overlay: Overlay,
    gas: GasMeter,
    mode: ExecutionMode = ExecutionMode.DELIVER,
) -> Context:
    """Return what contracts and IBC's modules run in: host height and time are the block's."""
    return Context(
        chain_id=rules.chain_id,
        height=BlockHeight(block.number),
        time=TimestampNs(block.timestamp * NS_PER_SECOND),
        mode=mode,
        overlay=overlay,
        gas=gas,
        events=EventLog(),
        proposer_address=block.coinbase,
    )


def run_message(ctx: Context, contracts: Contracts, message: Message, intrinsic: int) -> Outcome:
    """Move the value, which the sender has, and run the receiver's code.

    A failure undoes both and what they logged.
    """
    world = World(ctx.overlay)
    output, error = b"", None
    earned = 0
    with ctx.savepoint() as savepoint:
        try:
            ctx.gas.consume(intrinsic, "intrinsic gas")
            world.move(message.sender, message.to, message.value)
            output = _run_code(ctx, contracts, message)
            earned = refund(ctx)
        except (Reverted, OutOfGas) as refusal:
            error = refusal
            savepoint.discard()
    limit = ctx.gas.limit
    used = ctx.gas.consumed
    if isinstance(error, OutOfGas) and limit is not None:
        used = limit
    return Outcome(output, error, used, earned, ctx.events.all())


def _run_code(ctx: Context, contracts: Contracts, message: Message) -> bytes:
    contract = contracts.by_code.get(World(ctx.overlay).account(message.to).code_hash)
    if contract is None:
        return b""
    try:
        return contract.run(Call(ctx, message.to, message.sender, message.value), message.data)
    except (Reverted, OutOfGas):
        raise
    except RuleBroken as error:
        raise revert(f"{error} (codespace {error.codespace}, code {error.code})") from error


def _warm_up(ctx: Context, sender: Address, transaction: Transaction) -> None:
    warm_account(ctx, sender)
    assert transaction.to is not None
    warm_account(ctx, transaction.to)
    if isinstance(transaction, LegacyTransaction):
        return
    for entry in transaction.access_list:
        warm_account(ctx, entry.address)
        for key in entry.storage_keys:
            warm_slot(ctx, entry.address, key)


class BlockRun:
    """One block's transactions, one after another; mutable: it is the block being made."""

    __slots__ = ("block", "executed", "gas_used", "overlay", "rules")

    def __init__(self, rules: ChainRules, block: BlockEnvironment, overlay: Overlay) -> None:
        self.rules = rules
        self.block = block
        self.overlay = overlay
        self.gas_used = 0
        self.executed: list[Executed] = []

    def run(self, transaction: Transaction) -> Executed:
        """Run a transaction and keep what it did; one that fails has paid and keeps its nonce.

        Raises:
            TransactionRefused: It cannot be in this block here; nothing changed.
        """
        block = self.block
        sender = check_form(
            transaction, chain_id=self.rules.evm_chain_id, gas_limit=block.gas_limit
        )
        if transaction.gas_limit > block.gas_limit - self.gas_used:
            raise GasLimitReached("gas limit reached")
        account = World(self.overlay).account(sender)
        check_nonce(transaction, account)
        check_fee(transaction, sender, block.base_fee)
        check_funds(transaction, account)
        overlay = Overlay(_layer(self.overlay))
        outcome = self._execute(overlay, sender, transaction)
        gas_used = outcome.gas_used - min(outcome.refund, outcome.gas_used // MAX_REFUND_QUOTIENT)
        self._settle(overlay, sender, transaction, gas_used)
        self._keep(overlay)
        self.gas_used += gas_used
        receipt = make_receipt(
            transaction_type=transaction_type(transaction),
            status=int(outcome.error is None),
            cumulative_gas_used=self.gas_used,
            logs=outcome.logs,
        )
        executed = Executed(transaction, sender, receipt, gas_used, outcome)
        self.executed.append(executed)
        return executed

    def _execute(self, overlay: Overlay, sender: Address, transaction: Transaction) -> Outcome:
        """Take the fee for all the gas, move the nonce on, and run."""
        world = World(overlay)
        price = effective_gas_price(transaction, self.block.base_fee)
        account = world.account(sender)
        paid = replace(
            account,
            nonce=account.nonce + 1,
            balance=account.balance - transaction.gas_limit * price,
        )
        world.set_account(sender, paid)
        ctx = context_of(self.rules, self.block, overlay, GasMeter(transaction.gas_limit))
        _warm_up(ctx, sender, transaction)
        assert transaction.to is not None
        message = Message(sender, transaction.to, transaction.value, transaction.data)
        return run_message(ctx, self.rules.contracts, message, intrinsic_gas(transaction))

    def _settle(
        self, overlay: Overlay, sender: Address, transaction: Transaction, gas_used: int
    ) -> None:
        """Give back what was not used, pay the proposer its tip; the base fee is burnt."""
        world = World(overlay)
        price = effective_gas_price(transaction, self.block.base_fee)
        world.add_balance(sender, (transaction.gas_limit - gas_used) * price)
        world.add_balance(self.block.coinbase, gas_used * (price - self.block.base_fee))

    def _keep(self, overlay: Overlay) -> None:
        for name, changed in overlay.changes().items():
            if name == TRANSIENT:
                continue
            store = self.overlay.store(name)
            for key, value in changed.items():
                if value is None:
                    store.delete(key)
                else:
                    store.set(key, value)


def _layer(below: Overlay) -> Callable[[str], ReadStore]:
    return below.store


def call_transaction(
    rules: ChainRules,
    block: BlockEnvironment,
    overlay: Overlay,
    sender: Address,
    transaction: Transaction,
) -> Outcome:
    """Run what stays out of every block (``eth_call``): nobody pays, and no nonce counts.

    ``overlay`` keeps what it writes.

    Raises:
        InsufficientFunds: The sender does not have the value.
    """
    assert transaction.to is not None
    balance = World(overlay).balance(sender)
    if balance < transaction.value:
        raise InsufficientFunds(
            f"insufficient funds for transfer: balance {balance}, value {transaction.value}"
        )
    gas = GasMeter(transaction.gas_limit)
    ctx = context_of(rules, block, overlay, gas, ExecutionMode.SIMULATE)
    _warm_up(ctx, sender, transaction)
    message = Message(sender, transaction.to, transaction.value, transaction.data)
    return run_message(ctx, rules.contracts, message, intrinsic_gas(transaction))
