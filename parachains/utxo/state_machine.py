"""IBC on a UTXO chain: carriers run in block order; the state's root stands in the coinbase."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from chainkit.commitments.database import KeyValueDatabase
from chainkit.commitments.multistore import MultiStore
from chainkit.formats.bitcoin.header_chain import ChainPoint
from chainkit.formats.bitcoin.script import as_witness_program
from chainkit.formats.bitcoin.sighash import SIGHASH_ALL
from chainkit.formats.bitcoin.transactions import OutPoint, Transaction
from chainkit.primitives.amounts import Coin as Lot
from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.heights import without_revision
from chainkit.primitives.timestamps import NS_PER_SECOND
from chainkit.primitives.types import Address, BlockHeight, ChainId, Denom, TimestampNs
from chainkit.runtime.addresses import format_address
from chainkit.runtime.context import Context, ExecutionMode
from chainkit.runtime.events import Event, EventLog
from chainkit.runtime.gas import GasMeter
from chainkit.runtime.messages import MessageRoute, MessageRouter, QueryRoute
from chainkit.runtime.module import Module
from chainkit.runtime.store import MemoryStore, Overlay
from ibc.ics02_client.port import AnyValue, LightClient
from ibc.ics26_routing.module import ibc_modules
from ibc.ics26_routing.port import ApplicationFactory
from parachains.utxo import ledger
from parachains.utxo.codec import Carrier, find_carrier
from parachains.utxo.coins import Coin
from parachains.utxo.errors import CarrierRefused
from parachains.utxo.limits import MAX_BLOCK_GAS, MAX_CARRIER_GAS

_NO_OWNER = Address(b"")


@dataclass(frozen=True, slots=True)
class CarrierResult:
    """What a carrier did: its events and gas."""

    txid: bytes
    events: tuple[Event, ...]
    gas_used: int


def owner_of(tx: Transaction, spent: tuple[Coin, ...]) -> Address:
    """Return who speaks in a carrier: the key of input 0, which signs all inputs and outputs.

    Raises:
        CarrierRefused: Input 0 spends no P2WPKH output, or does not sign everything.
    """
    program = as_witness_program(spent[0].output.script_pubkey)
    if program is None or program[0] != 0 or len(program[1]) != 20:
        raise CarrierRefused("carrier-owner", "input 0 spends no P2WPKH output")
    witness = tx.inputs[0].witness
    if not witness or witness[0][-1:] != bytes([SIGHASH_ALL]):
        raise CarrierRefused("carrier-owner", "input 0 is not signed with SIGHASH_ALL")
    return Address(program[1])


class BlockRun:
    """One block's, template's or mempool's run over a committed state; mutable."""

    def __init__(self, machine: "StateMachine", ctx: Context) -> None:
        self._machine = machine
        self._ctx = ctx
        self._gas_left = MAX_BLOCK_GAS

    def transaction(self, tx: Transaction, spent: tuple[Coin, ...]) -> CarrierResult | None:
        """Run what a transaction carries; None where it touches neither IBC nor lots.

        Raises:
            CarrierRefused: It breaks a rule; nothing of it stays.
        """
        carrier = find_carrier(tx)
        store = self._ctx.overlay.store(ledger.STORE_NAME)
        if carrier is None:
            if not ledger.touches_ledger(store, tx, spent):
                return None
            carrier = Carrier(())
        owner = owner_of(tx, spent) if carrier.messages else _NO_OWNER
        limit = min(MAX_CARRIER_GAS, self._gas_left)
        ctx = self._ctx.with_gas(GasMeter(limit)).with_events(EventLog())
        try:
            with ctx.savepoint():
                ledger.begin(ctx, tuple(i.previous_output for i in tx.inputs), owner)
                self._machine.run_messages(ctx, carrier, owner)
                ledger.settle(ctx, tx, spent, carrier, self._machine.native)
        except CarrierRefused:
            raise
        except RuleBroken as error:
            raise _refused(error) from error
        self._gas_left -= ctx.gas.consumed
        return CarrierResult(tx.txid, ctx.events.all(), ctx.gas.consumed)

    def lots_on(self, point: OutPoint) -> tuple[Lot, ...]:
        """Return the foreign tokens that lie on an output at this point of the run."""
        return ledger.lots_on(self._ctx.overlay.store(ledger.STORE_NAME), point)

    def preview(
        self, messages: tuple[AnyValue, ...], owner: Address, inputs: tuple[OutPoint, ...]
    ) -> ledger.Preview:
        """Return what messages would take and owe; the state stays as it is.

        Raises:
            CarrierRefused: A message would be refused.
        """
        ctx = self._ctx.with_gas(GasMeter(MAX_CARRIER_GAS)).with_events(EventLog())
        with ctx.savepoint() as savepoint:
            ledger.begin(ctx, inputs, owner)
            try:
                self._machine.run_messages(ctx, Carrier(messages), owner)
            except CarrierRefused:
                raise
            except RuleBroken as error:
                raise _refused(error) from error
            found = ledger.preview(ctx)
            savepoint.discard()
        return found

    def changes(self) -> dict[str, dict[bytes, bytes | None]]:
        """Return what the state's stores are written by this run."""
        changes = self._ctx.overlay.changes()
        changes.pop(ledger.TRANSIENT, None)
        return changes


def _refused(error: RuleBroken) -> CarrierRefused:
    text = f"{error} (codespace {error.codespace}, code {error.code})"
    return CarrierRefused("carrier-message", text)


class StateMachine:
    """The chain's IBC modules and their committed state; mutable, it owns the stores."""

    def __init__(
        self,
        database: KeyValueDatabase,
        *,
        chain_id: ChainId,
        native: Denom,
        address_prefix: str,
        light_clients: Sequence[LightClient],
        applications: Sequence[ApplicationFactory],
    ) -> None:
        self.chain_id = chain_id
        self.native = native
        self.address_prefix = address_prefix
        self._database = database
        self._modules: tuple[Module, ...] = ibc_modules(
            ledger.UtxoLedger(native), light_clients, applications, account_prefix=address_prefix
        )
        self._router = MessageRouter(
            route for module in self._modules for route in module.message_routes()
        )
        names = {name for module in self._modules for name in module.store_names}
        self._store_names = tuple(sorted({*names, ledger.STORE_NAME}))
        self.stores = MultiStore(database, self._store_names)

    def query_routes(self) -> tuple[QueryRoute, ...]:
        """Return the queries of the chain's modules."""
        return tuple(route for module in self._modules for route in module.query_routes())

    def reopen(self) -> None:
        """Read the committed state again after the database went back to an earlier block."""
        self.stores = MultiStore(self._database, self._store_names)

    def _context(self, height: int, seconds: int, base: Callable[[str], Any]) -> Context:
        transient = MemoryStore()

        def store(name: str) -> Any:
            return transient if name == ledger.TRANSIENT else base(name)

        return Context(
            chain_id=without_revision(self.chain_id),
            height=BlockHeight(height),
            time=TimestampNs(seconds * NS_PER_SECOND),
            mode=ExecutionMode.DELIVER,
            overlay=Overlay(store),
        )

    def begin_block(self, parent: ChainPoint) -> BlockRun:
        """Start a run of the block after ``parent``, at the parent's median time past.

        The first block writes the modules' genesis.
        """
        ctx = self._context(parent.height + 1, parent.median_time_past, self.stores.store)
        if self.stores.version == 0:
            for module in self._modules:
                module.init_genesis(ctx, {})
        for module in self._modules:
            module.begin_block(ctx)
        return BlockRun(self, ctx)

    def root_after(self, run: BlockRun) -> bytes:
        """Return the root of the state after a run; the working state is left as committed."""
        self.write(run)
        try:
            return self.stores.working_hash()
        finally:
            self.stores.rollback()

    def write(self, run: BlockRun) -> None:
        """Write a run into the working state, to be committed."""
        for name, changes in run.changes().items():
            store = self.stores.store(name)
            for key, value in changes.items():
                if value is None:
                    store.delete(key)
                else:
                    store.set(key, value)

    def query_context(self, height: int, seconds: int) -> Context:
        """Return the state at a committed height, to answer queries."""
        return self._context(height, seconds, self.stores.at(height).store)

    def run_messages(self, ctx: Context, carrier: Carrier, owner: Address) -> None:
        """Run a carrier's messages in order, each signed by the owner.

        Raises:
            CarrierRefused: A message wants another signer.
            RuleBroken: A message is refused.
        """
        for index, packed in enumerate(carrier.messages):
            route: MessageRoute[Any] = self._router.route(packed.type_url)
            message = route.decode(packed.value)
            if any(signer != owner for signer in route.signers(message)):
                raise CarrierRefused("carrier-owner", f"message {index} is not of input 0's owner")
            mark = ctx.events.mark()
            route.handle(ctx, message)
            sender = format_address(self.address_prefix, owner)
            action = Event("message", (("action", packed.type_url), ("sender", sender)))
            for event in (action, *ctx.events.cut(mark)):
                ctx.emit(event.with_attribute("msg_index", str(index)))
