"""Tokens on outputs: the port that ICS-20 moves tokens through, for a chain without accounts.

While a carrier transaction runs, a transient store holds what it brings (lots on the
outputs it spends) and what its messages owe (payouts). Messages move tokens between the
transaction and *internal* accounts (escrows, modules), which are numbers in the state. At
the end :func:`settle` holds the transaction's own inputs and outputs against that record:

* the chain's own coin in escrow is an output to one fixed script that Bitcoin lets anyone
  spend; the sum of such outputs changes by exactly what messages deposit and release;
* every payout is an output of the transaction, in order, from ``first_payout`` on;
* foreign tokens are *lots* on outpoints; what a spent outpoint carried is burnt, escrowed
  or assigned to outputs, to the last unit.
"""

from dataclasses import dataclass

from chainkit.formats.bitcoin.script import is_unspendable, p2wpkh, p2wsh_of, witness_program
from chainkit.formats.bitcoin.transactions import OutPoint, Transaction
from chainkit.primitives.amounts import Coin
from chainkit.primitives.types import Address, Denom
from chainkit.runtime.addresses import module_address
from chainkit.runtime.context import Context
from chainkit.runtime.store import KVStore, ReadStore, prefix_end
from parachains.utxo.codec import (
    Carrier,
    Payout,
    decode_lots,
    decode_payout,
    encode_lots,
    encode_payout,
)
from parachains.utxo.coins import Coin as UnspentCoin
from parachains.utxo.errors import CarrierRefused, InsufficientFunds
from parachains.utxo.limits import LOT_OUTPUT_VALUE, MAX_LOTS_PER_OUTPUT

STORE_NAME = "lots"
TRANSIENT = "transaction"
ESCROW_WITNESS = b"\x51"
ESCROW_SCRIPT = p2wsh_of(ESCROW_WITNESS)
_OWNER = b"owner"
_BROUGHT = b"brought/"
_DEPOSITED = b"deposited"
_RELEASED = b"released"
_PAYOUT = b"payout/"
_BLOCKED = tuple(module_address(name) for name in ("transfer", "gov", "mint"))


def output_script_of(receiver: Address) -> bytes:
    """Return the script that pays an address: a key hash of 20 bytes or a script hash of 32."""
    return p2wpkh(receiver) if len(receiver) == 20 else witness_program(0, receiver)


def _read(store: KVStore, key: bytes) -> int:
    return int.from_bytes(store.get(key) or b"", "big")


def _write(store: KVStore, key: bytes, value: int) -> None:
    if value:
        store.set(key, value.to_bytes((value.bit_length() + 7) // 8, "big"))
    else:
        store.delete(key)


def _account_key(address: Address, denom: Denom) -> bytes:
    return b"account/" + bytes([len(address)]) + address + denom.encode()


def _lot_key(point: OutPoint) -> bytes:
    return b"lot/" + point.encode()


def lots_on(store: KVStore, point: OutPoint) -> tuple[Coin, ...]:
    """Return the foreign tokens that lie on an output."""
    data = store.get(_lot_key(point))
    return () if data is None else decode_lots(data)


class UtxoLedger:
    """ICS-20's port; all it knows is in the context's stores."""

    def __init__(self, native: Denom) -> None:
        self.native = native

    def module_address(self, module: str) -> Address:
        """Return the address of a module's own account."""
        return module_address(module)

    def is_blocked(self, address: Address) -> bool:
        """Return whether nobody may be paid at ``address``."""
        return address in _BLOCKED

    def send(self, ctx: Context, sender: Address, receiver: Address, coin: Coin) -> None:
        """Move tokens between the transaction and an internal account.

        Raises:
            InsufficientFunds: The sender has not so much.
        """
        transient = ctx.store(TRANSIENT)
        if sender == transient.get(_OWNER):
            self._take(ctx, coin)
            self._add(ctx, receiver, coin.denom, coin.amount)
            return
        self._add(ctx, sender, coin.denom, -coin.amount)
        if self.is_blocked(receiver):
            self._add(ctx, receiver, coin.denom, coin.amount)
            return
        if coin.denom == self.native:
            _write(transient, _RELEASED, _read(transient, _RELEASED) + coin.amount)
        count = sum(1 for _ in transient.iterate(_PAYOUT, prefix_end(_PAYOUT)))
        transient.set(_PAYOUT + count.to_bytes(4, "big"), encode_payout(Payout(receiver, coin)))

    def _take(self, ctx: Context, coin: Coin) -> None:
        """Take tokens that the transaction brings."""
        transient = ctx.store(TRANSIENT)
        if coin.denom == self.native:
            _write(transient, _DEPOSITED, _read(transient, _DEPOSITED) + coin.amount)
            return
        key = _BROUGHT + coin.denom.encode()
        brought = _read(transient, key)
        if brought < coin.amount:
            raise InsufficientFunds(
                f"the transaction brings {brought} {coin.denom}, {coin.amount} are wanted"
            )
        _write(transient, key, brought - coin.amount)

    def _add(self, ctx: Context, address: Address, denom: Denom, amount: int) -> None:
        store = ctx.store(STORE_NAME)
        key = _account_key(address, denom)
        balance = _read(store, key) + amount
        if balance < 0:
            raise InsufficientFunds(f"account {address.hex()} lacks {-balance} {denom}")
        _write(store, key, balance)

    def mint(self, ctx: Context, module: str, coin: Coin) -> None:
        """Make foreign tokens in a module's account."""
        self._add(ctx, module_address(module), coin.denom, coin.amount)
        self._change_supply(ctx, coin.denom, coin.amount)

    def burn(self, ctx: Context, module: str, coin: Coin) -> None:
        """Destroy foreign tokens of a module's account.

        Raises:
            InsufficientFunds: It has not so much.
        """
        self._add(ctx, module_address(module), coin.denom, -coin.amount)
        self._change_supply(ctx, coin.denom, -coin.amount)

    def _change_supply(self, ctx: Context, denom: Denom, amount: int) -> None:
        store = ctx.store(STORE_NAME)
        key = b"supply/" + denom.encode()
        _write(store, key, _read(store, key) + amount)

    def balance(self, ctx: Context, address: Address, denom: Denom) -> int:
        """Return what an internal account holds; for the transaction's owner what it brings."""
        transient = ctx.store(TRANSIENT)
        if address == transient.get(_OWNER):
            return _read(transient, _BROUGHT + denom.encode())
        return _read(ctx.store(STORE_NAME), _account_key(address, denom))

    def supply(self, ctx: Context, denom: Denom) -> int:
        """Return how much of a foreign token exists here; the own coin has a schedule."""
        return _read(ctx.store(STORE_NAME), b"supply/" + denom.encode())

    def set_denom_metadata(
        self,
        ctx: Context,
        denom: Denom,
        base: str,
        display_path: str,
    ) -> None:
        """Do nothing: ICS-20 keeps the trace, and this chain has no metadata of its own."""


@dataclass(frozen=True, slots=True)
class Holdings:
    """Everything that the ledger's state says."""

    supply: tuple[Coin, ...]
    """Of each foreign token."""
    accounts: tuple[tuple[Address, Coin], ...]
    """Of each internal account, the chain's own coin too."""
    lots: tuple[tuple[OutPoint, Coin], ...]
    """Foreign tokens on outputs."""


def holdings(store: ReadStore, limit: int) -> Holdings | None:
    """Return what the state says, or None where it has more than ``limit`` entries."""
    supply: list[Coin] = []
    accounts: list[tuple[Address, Coin]] = []
    lots: list[tuple[OutPoint, Coin]] = []
    for count, (key, value) in enumerate(store.iterate(b"", None), 1):
        if count > limit:
            return None
        kind, _, name = key.partition(b"/")
        if kind == b"lot":
            point = OutPoint(name[:32], int.from_bytes(name[32:], "little"))
            lots += ((point, coin) for coin in decode_lots(value))
            continue
        amount = int.from_bytes(value, "big")
        if kind == b"supply":
            supply.append(Coin(Denom(name.decode()), amount))
        else:
            size = name[0]
            address, denom = Address(name[1 : 1 + size]), Denom(name[1 + size :].decode())
            accounts.append((address, Coin(denom, amount)))
    return Holdings(tuple(supply), tuple(accounts), tuple(lots))


@dataclass(frozen=True, slots=True)
class Preview:
    """What messages would do to a transaction that carries them."""

    deposited: int
    """Satoshis that it must add to escrow."""
    released: int
    """Satoshis that it takes out of escrow."""
    payouts: tuple[Payout, ...]
    left: tuple[Coin, ...]
    """Foreign tokens of its inputs that it must assign to outputs."""


def preview(ctx: Context) -> Preview:
    """Return what the messages that ran since :func:`begin` did."""
    transient = ctx.store(TRANSIENT)
    return Preview(
        deposited=_read(transient, _DEPOSITED),
        released=_read(transient, _RELEASED),
        payouts=tuple(
            decode_payout(data) for _, data in transient.iterate(_PAYOUT, prefix_end(_PAYOUT))
        ),
        left=tuple(Coin(Denom(denom), amount) for denom, amount in sorted(_left(ctx).items())),
    )


def _left(ctx: Context) -> dict[str, int]:
    pairs = ctx.store(TRANSIENT).iterate(_BROUGHT, prefix_end(_BROUGHT))
    return {key[len(_BROUGHT) :].decode(): int.from_bytes(value, "big") for key, value in pairs}


def begin(ctx: Context, inputs: tuple[OutPoint, ...], owner: Address) -> None:
    """Note what a transaction brings; lots leave the outputs that it spends."""
    transient = ctx.store(TRANSIENT)
    for key, _ in list(transient.iterate(b"", None)):
        transient.delete(key)
    if owner:
        transient.set(_OWNER, owner)
    store = ctx.store(STORE_NAME)
    for point in inputs:
        for coin in lots_on(store, point):
            key = _BROUGHT + coin.denom.encode()
            _write(transient, key, _read(transient, key) + coin.amount)
        store.delete(_lot_key(point))


def touches_ledger(store: KVStore, tx: Transaction, spent: tuple[UnspentCoin, ...]) -> bool:
    """Return whether a transaction spends lots or escrow, or pays into escrow."""
    return (
        any(coin.output.script_pubkey == ESCROW_SCRIPT for coin in spent)
        or any(output.script_pubkey == ESCROW_SCRIPT for output in tx.outputs)
        or any(store.get(_lot_key(i.previous_output)) is not None for i in tx.inputs)
    )


def settle(
    ctx: Context, tx: Transaction, spent: tuple[UnspentCoin, ...], carrier: Carrier, native: Denom
) -> None:
    """Hold the transaction's inputs and outputs against what its messages did.

    Raises:
        CarrierRefused: ``escrow-unbalanced``, ``payout-missing`` or ``lot-unassigned``.
    """
    transient = ctx.store(TRANSIENT)
    before = sum(c.output.value for c in spent if c.output.script_pubkey == ESCROW_SCRIPT)
    after = sum(o.value for o in tx.outputs if o.script_pubkey == ESCROW_SCRIPT)
    wanted = _read(transient, _DEPOSITED) - _read(transient, _RELEASED)
    if after - before != wanted:
        raise CarrierRefused(
            "escrow-unbalanced", f"escrow changes by {after - before}, messages move {wanted}"
        )
    assigned: dict[int, list[Coin]] = {}
    _settle_payouts(ctx, tx, carrier, native, assigned)
    _settle_lots(ctx, tx, carrier, assigned)
    store = ctx.store(STORE_NAME)
    for index, coins in sorted(assigned.items()):
        if len(coins) > MAX_LOTS_PER_OUTPUT:
            raise CarrierRefused("lot-unassigned", f"over {MAX_LOTS_PER_OUTPUT} lots on an output")
        store.set(_lot_key(OutPoint(tx.txid, index)), encode_lots(tuple(coins)))


def _settle_payouts(
    ctx: Context,
    tx: Transaction,
    carrier: Carrier,
    native: Denom,
    assigned: dict[int, list[Coin]],
) -> None:
    debts = ctx.store(TRANSIENT).iterate(_PAYOUT, prefix_end(_PAYOUT))
    for index, (_, data) in enumerate(debts, carrier.first_payout):
        payout = decode_payout(data)
        output = tx.outputs[index] if index < len(tx.outputs) else None
        is_native = payout.coin.denom == native
        value = payout.coin.amount if is_native else LOT_OUTPUT_VALUE
        if output is None or output.script_pubkey != output_script_of(payout.receiver):
            raise CarrierRefused("payout-missing", f"output {index} does not pay the receiver")
        if output.value != value:
            raise CarrierRefused("payout-missing", f"output {index} is not of {value}")
        if not is_native:
            assigned.setdefault(index, []).append(payout.coin)


def _settle_lots(
    ctx: Context, tx: Transaction, carrier: Carrier, assigned: dict[int, list[Coin]]
) -> None:
    left = _left(ctx)
    for item in carrier.assignments:
        spendable = item.output < len(tx.outputs) and not is_unspendable(
            tx.outputs[item.output].script_pubkey
        )
        if not spendable or tx.outputs[item.output].script_pubkey == ESCROW_SCRIPT:
            raise CarrierRefused("lot-unassigned", f"output {item.output} can hold no lot")
        left[item.coin.denom] = left.get(item.coin.denom, 0) - item.coin.amount
        assigned.setdefault(item.output, []).append(item.coin)
    wrong = {denom: amount for denom, amount in left.items() if amount}
    if wrong:
        raise CarrierRefused("lot-unassigned", f"left over or too much: {sorted(wrong.items())}")
