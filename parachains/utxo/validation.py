"""Bitcoin's rules of spending, as Core checks them when it connects a block.

Spec:
    Bitcoin Core ``validation.cpp`` (ConnectBlock), ``consensus/tx_verify.cpp``;
    BIP-30, BIP-68, BIP-113, BIP-141.
"""

from collections.abc import Callable

from chainkit.formats.bitcoin.blocks import (
    Block,
    check_block,
    check_block_in_context,
    legacy_sigops,
)
from chainkit.formats.bitcoin.errors import BitcoinRuleBroken
from chainkit.formats.bitcoin.header_chain import ChainPoint
from chainkit.formats.bitcoin.interpreter import verify_script
from chainkit.formats.bitcoin.limits import (
    COINBASE_MATURITY,
    LOCKTIME_THRESHOLD,
    MAX_BLOCK_SIGOPS_COST,
    MAX_MONEY,
    SEQUENCE_FINAL,
    SEQUENCE_LOCKTIME_DISABLE_FLAG,
    SEQUENCE_LOCKTIME_GRANULARITY,
    SEQUENCE_LOCKTIME_MASK,
    SEQUENCE_LOCKTIME_TYPE_FLAG,
    WITNESS_SCALE_FACTOR,
)
from chainkit.formats.bitcoin.script import (
    ScriptEndsEarly,
    as_witness_program,
    count_sigops,
    instructions,
    is_p2sh,
    is_push_only,
    is_unspendable,
)
from chainkit.formats.bitcoin.script_errors import CONSENSUS_FLAGS, ScriptFailed, ScriptFlag
from chainkit.formats.bitcoin.sighash import SighashData
from chainkit.formats.bitcoin.signature_checks import SpendContext
from chainkit.formats.bitcoin.transactions import OutPoint, Transaction
from parachains.utxo.coins import Coin, CoinSource, CoinView
from parachains.utxo.parameters import UtxoParameters

MedianTimeAt = Callable[[int], int]
"""Median time past of the active chain's block at a height, in UNIX seconds."""


def is_final(tx: Transaction, height: int, cutoff: int) -> bool:
    """Return whether it may stand at ``height``; ``cutoff`` is the parent's median time."""
    if tx.lock_time == 0:
        return True
    limit = height if tx.lock_time < LOCKTIME_THRESHOLD else cutoff
    return tx.lock_time < limit or all(i.sequence == SEQUENCE_FINAL for i in tx.inputs)


def spent_coins(tx: Transaction, source: CoinSource) -> tuple[Coin, ...]:
    """Return what a transaction spends.

    Raises:
        BitcoinRuleBroken: An output is not there, or spent.
    """
    coins = []
    for tx_input in tx.inputs:
        coin = source.coin(tx_input.previous_output)
        if coin is None:
            raise BitcoinRuleBroken("bad-txns-inputs-missingorspent")
        coins.append(coin)
    return tuple(coins)


def check_values(tx: Transaction, coins: tuple[Coin, ...], height: int) -> int:
    """Return the fee in satoshis.

    Raises:
        BitcoinRuleBroken: A coinbase is too young, or more goes out than comes in.
    """
    total = 0
    for coin in coins:
        if coin.is_coinbase and height - coin.height < COINBASE_MATURITY:
            raise BitcoinRuleBroken("bad-txns-premature-spend-of-coinbase")
        total += coin.output.value
        if not 0 <= coin.output.value <= MAX_MONEY or total > MAX_MONEY:
            raise BitcoinRuleBroken("bad-txns-inputvalues-outofrange")
    fee = total - sum(output.value for output in tx.outputs)
    if fee < 0:
        raise BitcoinRuleBroken("bad-txns-in-belowout")
    return fee


def check_sequence_locks(
    tx: Transaction, coins: tuple[Coin, ...], height: int, cutoff: int, median_at: MedianTimeAt
) -> None:
    """Check relative lock times (BIP-68).

    Raises:
        BitcoinRuleBroken: An input is not old enough.
    """
    if tx.version < 2:
        return
    for tx_input, coin in zip(tx.inputs, coins, strict=True):
        sequence = tx_input.sequence
        if sequence & SEQUENCE_LOCKTIME_DISABLE_FLAG:
            continue
        amount = sequence & SEQUENCE_LOCKTIME_MASK
        if sequence & SEQUENCE_LOCKTIME_TYPE_FLAG:
            since = median_at(max(coin.height - 1, 0))
            if cutoff < since + (amount << SEQUENCE_LOCKTIME_GRANULARITY):
                raise BitcoinRuleBroken("bad-txns-nonfinal", "a relative time lock has not passed")
        elif height < coin.height + amount:
            raise BitcoinRuleBroken("bad-txns-nonfinal", "a relative height lock has not passed")


def check_scripts(
    tx: Transaction, coins: tuple[Coin, ...], flags: ScriptFlag = CONSENSUS_FLAGS
) -> None:
    """Check that every input's script allows the spend.

    Raises:
        BitcoinRuleBroken: One does not; the interpreter's name of the failure is in the reason.
    """
    data = SighashData(tx, tuple(coin.output for coin in coins))
    for index, (tx_input, coin) in enumerate(zip(tx.inputs, coins, strict=True)):
        spend = SpendContext(data, index)
        try:
            verify_script(
                tx_input.script_sig, coin.output.script_pubkey, tx_input.witness, spend, flags
            )
        except ScriptFailed as error:
            raise BitcoinRuleBroken(
                f"mandatory-script-verify-flag-failed ({error.reason})", f"input {index}"
            ) from error


def _last_push(script: bytes) -> bytes:
    last = b""
    try:
        for instruction in instructions(script):
            last = instruction.data or b""
    except ScriptEndsEarly:
        return b""
    return last


def _witness_sigops(program: tuple[int, bytes] | None, witness: tuple[bytes, ...]) -> int:
    if program is None or program[0] != 0:
        return 0
    if len(program[1]) == 20:
        return 1
    return count_sigops(witness[-1], accurate=True) if len(program[1]) == 32 and witness else 0


def sigops_cost(tx: Transaction, coins: tuple[Coin, ...]) -> int:
    """Return a transaction's cost in signature operations (BIP-141)."""
    cost = legacy_sigops(tx) * WITNESS_SCALE_FACTOR
    for tx_input, coin in zip(tx.inputs, coins, strict=False):
        script = coin.output.script_pubkey
        if is_p2sh(script):
            redeem = _last_push(tx_input.script_sig)
            cost += count_sigops(redeem, accurate=True) * WITNESS_SCALE_FACTOR
            script = redeem if is_push_only(tx_input.script_sig) else b""
        cost += _witness_sigops(as_witness_program(script), tx_input.witness)
    return cost


def apply_transaction(tx: Transaction, view: CoinView, height: int) -> None:
    """Spend the inputs and add the outputs that can ever be spent."""
    if not tx.is_coinbase:
        for tx_input in tx.inputs:
            view.spend(tx_input.previous_output)
    for index, output in enumerate(tx.outputs):
        if not is_unspendable(output.script_pubkey):
            view.add(OutPoint(tx.txid, index), Coin(output, height, tx.is_coinbase))


def check_transaction_in_chain(
    tx: Transaction,
    source: CoinSource,
    height: int,
    cutoff: int,
    median_at: MedianTimeAt,
    flags: ScriptFlag = CONSENSUS_FLAGS,
) -> tuple[tuple[Coin, ...], int]:
    """Return what a transaction would spend at ``height``, and its fee.

    Raises:
        BitcoinRuleBroken: With Bitcoin Core's reject reason.
    """
    if not is_final(tx, height, cutoff):
        raise BitcoinRuleBroken("bad-txns-nonfinal")
    coins = spent_coins(tx, source)
    fee = check_values(tx, coins, height)
    check_sequence_locks(tx, coins, height, cutoff, median_at)
    check_scripts(tx, coins, flags)
    return coins, fee


def connect_transactions(
    block: Block,
    parent: ChainPoint,
    view: CoinView,
    parameters: UtxoParameters,
    median_at: MedianTimeAt,
) -> tuple[tuple[Coin, ...], ...]:
    """Apply a block's transactions to ``view``; return what each spends, the coinbase nothing.

    Raises:
        BitcoinRuleBroken: With Bitcoin Core's reject reason; the view is then of no use.
    """
    height = parent.height + 1
    cutoff = parent.median_time_past
    check_block(block)
    check_block_in_context(block, height)
    if any(not is_final(tx, height, cutoff) for tx in block.transactions):
        raise BitcoinRuleBroken("bad-txns-nonfinal")
    fees = cost = 0
    spent: list[tuple[Coin, ...]] = []
    for tx in block.transactions:
        if any(view.coin(OutPoint(tx.txid, at)) for at in range(len(tx.outputs))):
            raise BitcoinRuleBroken("bad-txns-BIP30")
        coins: tuple[Coin, ...] = ()
        if not tx.is_coinbase:
            coins, fee = check_transaction_in_chain(tx, view, height, cutoff, median_at)
            fees += fee
        cost += sigops_cost(tx, coins)
        if cost > MAX_BLOCK_SIGOPS_COST:
            raise BitcoinRuleBroken("bad-blk-sigops")
        apply_transaction(tx, view, height)
        spent.append(coins)
    created = sum(output.value for output in block.transactions[0].outputs)
    if created > parameters.subsidy(height) + fees:
        raise BitcoinRuleBroken("bad-cb-amount")
    return tuple(spent)
