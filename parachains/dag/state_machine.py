"""The ledger: what a merge set does to the state, in order.

The state in a block's header is that after its merge set: the transactions of its selected
parent first, then of the others in the order of blue work, then hash. Its own are not in
it; they come with the first block that merges it. Of two transactions with one account
and sequence the first in this order is accepted; the other stays in its block and does
nothing. Time and height are the block's: chain time, and blue score.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chainkit.commitments.database import KeyValueDatabase
from chainkit.commitments.multistore import MultiStore
from chainkit.formats.ghostdag.hashing import ZERO_HASH
from chainkit.modules.auth import AuthModule
from chainkit.modules.bank import BankModule
from chainkit.primitives.amounts import Coin
from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.heights import without_revision
from chainkit.primitives.types import Address, BlockHeight, Hash32, TimestampNs
from chainkit.runtime.addresses import format_address, module_address
from chainkit.runtime.ante import Account
from chainkit.runtime.context import Context, ExecutionMode
from chainkit.runtime.events import Event, EventLog
from chainkit.runtime.gas import GAS_TX_SIZE_PER_BYTE, GasMeter
from chainkit.runtime.messages import MessageRoute, MessageRouter, QueryRoute
from chainkit.runtime.module import Module
from chainkit.runtime.store import Overlay
from ibc.ics02_client.port import LightClient
from ibc.ics26_routing.module import ibc_modules
from ibc.ics26_routing.port import ApplicationFactory
from parachains.dag.errors import NotAccepted, WrongSigner
from parachains.dag.limits import GAS_TRANSACTION
from parachains.dag.parameters import ChainParameters
from parachains.dag.transactions import BlockBody, Transaction, accepted_root

MINT = "mint"
MODULE_ACCOUNTS = (MINT, "gov", "transfer")
NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class MergedBlock:
    """A block of a merge set."""

    hash: Hash32
    body: BlockBody
    is_blue: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a transaction in a merged block."""

    id: Hash32
    block: Hash32
    """The block that holds it."""
    sender: Address
    sequence: int
    accepted: bool
    """Whether it paid its fee; a refusal after that leaves the fee and the sequence."""
    code: int = 0
    codespace: str = ""
    log: str = ""
    gas_used: int = 0
    events: tuple[Event, ...] = ()
    responses: tuple[bytes, ...] = ()
    """Of each message, where all ran."""


class MergeRun:
    """A merge set's run over a committed state; mutable, nothing of it is kept by itself."""

    def __init__(self, ctx: Context, outcomes: tuple[Outcome, ...]) -> None:
        self._ctx = ctx
        self.outcomes = outcomes
        self.sequences = {o.sender: o.sequence + 1 for o in outcomes if o.accepted}
        """The next sequence of each account that had a transaction accepted."""
        self.root: Hash32 | None = None
        """The root of the state after it, once computed."""

    @property
    def ctx(self) -> Context:
        """The state after the run, to read; valid until another block is committed."""
        return self._ctx

    @property
    def accepted(self) -> tuple[Hash32, ...]:
        """The ids of what was accepted, in order."""
        return tuple(outcome.id for outcome in self.outcomes if outcome.accepted)

    @property
    def accepted_root(self) -> Hash32:
        """What the header of a block with this merge set must name."""
        return accepted_root(self.accepted)

    def changes(self) -> dict[str, dict[bytes, bytes | None]]:
        """Return what the run writes, by store."""
        return self._ctx.overlay.changes()


class StateMachine:
    """The chain's modules and their committed state; mutable, it owns the stores.

    Each block of the selected chain is a version: genesis the first.
    """

    def __init__(
        self,
        database: KeyValueDatabase,
        parameters: ChainParameters,
        *,
        light_clients: Sequence[LightClient] = (),
        applications: Sequence[ApplicationFactory] = (),
    ) -> None:
        self.parameters = parameters
        self._database = database
        self.auth = AuthModule(parameters.address_prefix)
        self.bank = BankModule(self.auth, module_accounts=MODULE_ACCOUNTS)
        joined = ibc_modules(
            self.bank, light_clients, applications, account_prefix=parameters.address_prefix
        )
        self._modules: tuple[Module, ...] = (self.auth, self.bank, *joined)
        self._router = MessageRouter(
            route for module in self._modules for route in module.message_routes()
        )
        self._store_names = tuple(
            sorted({name for module in self._modules for name in module.store_names})
        )
        self.stores = MultiStore(database, self._store_names)

    def query_routes(self) -> tuple[QueryRoute, ...]:
        """Return the queries of the chain's modules."""
        return tuple(route for module in self._modules for route in module.query_routes())

    def reopen(self) -> None:
        """Read the committed state again after the database went back to an earlier block."""
        self.stores = MultiStore(self._database, self._store_names)

    def genesis_run(self) -> MergeRun:
        """Return the run that writes the state before the first block."""
        ctx = self._context(0, self.parameters.genesis_time_ms, self.stores.store)
        balances = [
            {
                "address": format_address(self.parameters.address_prefix, address),
                "coins": [{"denom": self.parameters.native, "amount": str(amount)}],
            }
            for address, amount in sorted(self.parameters.balances.items())
        ]
        for module in self._modules:
            module.init_genesis(ctx, {"balances": balances} if module is self.bank else {})
        return MergeRun(ctx, ())

    def run(
        self, merged: Sequence[MergedBlock], *, blue_score: int, chain_time_ms: int
    ) -> MergeRun:
        """Run a merge set, in order, over the state of its selected parent, which is committed."""
        ctx = self._context(blue_score, chain_time_ms, self.stores.store)
        for module in self._modules:
            module.begin_block(ctx)
        outcomes: list[Outcome] = []
        for block in merged:
            outcomes += [self._transaction(ctx, tx, block) for tx in block.body.transactions]
            if block.is_blue and self.parameters.reward:
                self._reward(ctx, block.body.miner)
        return MergeRun(ctx, tuple(outcomes))

    def simulate(self, run: MergeRun, before: Sequence[Transaction], tx: Transaction) -> Outcome:
        """Return what a transaction would do after a run and some others; nothing stays.

        Neither its signature nor its sequence counts: it takes the account's next one.
        """
        holder = MergedBlock(ZERO_HASH, BlockBody(tx.sender, ()), is_blue=False)
        with run.ctx.savepoint() as savepoint:
            for other in before:
                self._transaction(run.ctx, other, holder)
            account = self.auth.account(run.ctx, tx.sender)
            if account is not None:
                tx = replace(tx, sequence=account.sequence)
            outcome = self._transaction(run.ctx, tx, holder)
            savepoint.discard()
        return outcome

    def root_after(self, run: MergeRun) -> Hash32:
        """Return the root of the state after a run; the working state is left as committed."""
        if run.root is None:
            try:
                self.write_with_root(run)
            finally:
                self.stores.rollback()
        assert run.root is not None
        return run.root

    def write_with_root(self, run: MergeRun) -> Hash32:
        """Write a run into the working state, to be committed or rolled back; return its root."""
        self.write(run)
        if run.root is None:
            run.root = self.stores.working_hash()
        return run.root

    def write(self, run: MergeRun) -> None:
        """Write a run into the working state, to be committed."""
        for name, changes in run.changes().items():
            store = self.stores.store(name)
            for key, value in changes.items():
                if value is None:
                    store.delete(key)
                else:
                    store.set(key, value)

    def context_at(self, version: int, blue_score: int, chain_time_ms: int) -> Context:
        """Return a committed state, to answer queries."""
        return self._context(blue_score, chain_time_ms, self.stores.at(version).store)

    def _context(self, blue_score: int, chain_time_ms: int, base: Callable[[str], Any]) -> Context:
        return Context(
            chain_id=without_revision(self.parameters.chain_id),
            height=BlockHeight(blue_score),
            time=TimestampNs(chain_time_ms * NS_PER_MS),
            mode=ExecutionMode.DELIVER,
            overlay=Overlay(base),
        )

    def _reward(self, ctx: Context, miner: Address) -> None:
        coin = Coin(self.parameters.native, self.parameters.reward)
        self.bank.mint(ctx, MINT, coin)
        self.bank.send(ctx, module_address(MINT), miner, coin)

    def _transaction(self, base: Context, tx: Transaction, block: MergedBlock) -> Outcome:
        """Run one transaction: first what makes it count, then its messages."""
        gas = GasMeter(tx.gas_limit)
        ctx = base.with_gas(gas).with_events(EventLog())
        try:
            with ctx.savepoint():
                self._accept(ctx, tx, block.body.miner)
        except RuleBroken as error:
            return _refused(tx, block, error, accepted=False, gas_used=gas.consumed)
        paid = ctx.events.all()
        try:
            with ctx.savepoint():
                responses = self._run_messages(ctx, tx)
        except RuleBroken as error:
            return _refused(tx, block, error, accepted=True, gas_used=gas.consumed, events=paid)
        return Outcome(
            tx.id,
            block.hash,
            tx.sender,
            tx.sequence,
            accepted=True,
            gas_used=gas.consumed,
            events=ctx.events.all(),
            responses=responses,
        )

    def _accept(self, ctx: Context, tx: Transaction, miner: Address) -> None:
        """Take sequence and fee.

        Raises:
            NotAccepted: The account has another sequence, or there is no such account.
            RuleBroken: It cannot pay.
        """
        ctx.gas.consume(GAS_TRANSACTION + GAS_TX_SIZE_PER_BYTE * len(tx.encode()), "txSize")
        account = self.auth.account(ctx, tx.sender)
        if account is None:
            raise NotAccepted("there is no such account")
        if account.sequence != tx.sequence:
            raise NotAccepted(f"sequence {tx.sequence}, the account is at {account.sequence}")
        if tx.fee:
            self.bank.send(ctx, tx.sender, miner, Coin(self.parameters.native, tx.fee))
            account = self.auth.account(ctx, tx.sender) or account
        self.auth.save(ctx, Account(account.address, account.number, account.sequence + 1))

    def _run_messages(self, ctx: Context, tx: Transaction) -> tuple[bytes, ...]:
        """Run the messages in order, all signed by the sender; return their responses.

        Raises:
            WrongSigner: A message wants another signer.
            RuleBroken: A message is refused.
        """
        responses = []
        for index, packed in enumerate(tx.messages):
            route: MessageRoute[Any] = self._router.route(packed.type_url)
            message = route.decode(packed.value)
            if any(signer != tx.sender for signer in route.signers(message)):
                raise WrongSigner(f"message {index} is not the sender's")
            mark = ctx.events.mark()
            responses.append(route.handle(ctx, message))
            sender = format_address(self.parameters.address_prefix, tx.sender)
            action = Event("message", (("action", packed.type_url), ("sender", sender)))
            for event in (action, *ctx.events.cut(mark)):
                ctx.emit(event.with_attribute("msg_index", str(index)))
        return tuple(responses)


def _refused(
    tx: Transaction,
    block: MergedBlock,
    error: RuleBroken,
    *,
    accepted: bool,
    gas_used: int,
    events: tuple[Event, ...] = (),
) -> Outcome:
    return Outcome(
        id=tx.id,
        block=block.hash,
        sender=tx.sender,
        sequence=tx.sequence,
        accepted=accepted,
        code=error.code,
        codespace=error.codespace,
        log=str(error),
        gas_used=gas_used,
        events=events,
    )
