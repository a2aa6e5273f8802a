"""The chain's rules over its state: genesis, building a block, judging one. No I/O of its own."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chainkit.commitments.database import KeyValueDatabase
from chainkit.formats.ethereum.blocks import receipts_root, transactions_root
from chainkit.formats.ethereum.qbft import QBFT_MIX_HASH, block_hash
from chainkit.formats.ethereum.receipts import join_blooms
from chainkit.formats.ethereum.types import (
    EMPTY_OMMERS_HASH,
    ZERO_ADDRESS,
    ZERO_NONCE,
    Block,
    Header,
    Transaction,
)
from chainkit.primitives.heights import without_revision
from chainkit.primitives.types import Address, ChainId, Denom
from chainkit.runtime.gas import GasMeter
from chainkit.runtime.messages import MessageRouter, QueryRouter
from chainkit.runtime.module import Module
from ibc.ics02_client.port import LightClient
from ibc.ics24_host.paths import STORE_NAME
from ibc.ics26_routing.module import ibc_modules
from ibc.ics26_routing.port import ApplicationFactory
from parachains.account.addresses import (
    FACTORY_ADDRESS,
    HASH_LOCK_ADDRESS,
    IBC_ADDRESS,
    store_address,
)
from parachains.account.contracts.contract import NativeContract, contracts_of
from parachains.account.contracts.erc20 import ERC20
from parachains.account.contracts.factory import FACTORY
from parachains.account.contracts.hash_lock import HASH_LOCK
from parachains.account.contracts.ibc import IbcContract
from parachains.account.contracts.ledger import AccountLedger
from parachains.account.errors import BlockRefused, GasLimitReached, TransactionRefused
from parachains.account.execution import (
    BlockEnvironment,
    BlockRun,
    ChainRules,
    Executed,
    context_of,
)
from parachains.account.fees import GAS_TRANSACTION, next_base_fee
from parachains.account.genesis import DIFFICULTY, Genesis, genesis_block
from parachains.account.limits import GAS_LIMIT_BOUND_DIVISOR, MINIMUM_GAS_LIMIT
from parachains.account.state import PreparedState, StateDatabase
from parachains.account.world import AccountState, World

_STORE_CODE = NativeContract("isthmus/store/1", ())
"""What system accounts of stores have: no method, so that nobody can call them."""


@dataclass(frozen=True, slots=True)
class ChainIdentity:
    """Which chain it is."""

    chain_id: ChainId
    """IBC's name of it; a number at its end is no revision."""
    evm_chain_id: int
    native: Denom
    address_prefix: str
    """Of addresses in IBC's packets and messages, as bech32."""


@dataclass(frozen=True, slots=True)
class LedgerBlock:
    """A block with what it did, not committed yet."""

    block: Block
    executed: tuple[Executed, ...]
    state: PreparedState


class Ledger:
    """The rules and the state of one node's chain; mutable, it owns the state."""

    def __init__(
        self,
        database: KeyValueDatabase,
        identity: ChainIdentity,
        *,
        light_clients: Sequence[LightClient],
        applications: Sequence[ApplicationFactory],
        keep_states: int = 0,
    ) -> None:
        self.identity = identity
        self.token_ledger = AccountLedger(identity.native)
        self._modules: tuple[Module, ...] = ibc_modules(
            self.token_ledger,
            light_clients,
            applications,
            account_prefix=identity.address_prefix,
        )
        self.messages = MessageRouter(
            route for module in self._modules for route in module.message_routes()
        )
        self.queries = QueryRouter(
            route for module in self._modules for route in module.query_routes()
        )
        names = sorted({name for module in self._modules for name in module.store_names})
        accounts = {
            name: IBC_ADDRESS if name == STORE_NAME else store_address(name) for name in names
        }
        deployed: dict[Address, NativeContract] = {
            **dict.fromkeys(accounts.values(), _STORE_CODE),
            IBC_ADDRESS: IbcContract(self).contract,
            FACTORY_ADDRESS: FACTORY,
            HASH_LOCK_ADDRESS: HASH_LOCK,
        }
        self.rules = ChainRules(
            without_revision(identity.chain_id),
            identity.evm_chain_id,
            contracts_of(deployed, ERC20),
        )
        self.state = StateDatabase(database, keep_states=keep_states, store_accounts=accounts)

    def genesis(self, genesis: Genesis) -> LedgerBlock:
        """Return block 0.

        Raises:
            RuleBroken: A module refuses its first state.
        """
        overlay = self.state.overlay()
        world = World(overlay)
        for address, contract in sorted(self.rules.contracts.deployed.items()):
            world.set_account(address, AccountState(1, 0, contract.code_hash))
        for address, balance in genesis.balances:
            world.add_balance(address, balance)
        block = BlockEnvironment(
            0, genesis.timestamp, ZERO_ADDRESS, genesis.gas_limit, genesis.base_fee
        )
        ctx = context_of(self.rules, block, overlay, GasMeter())
        for module in self._modules:
            module.init_genesis(ctx, {})
        state = self.state.prepare(overlay)
        return LedgerBlock(genesis_block(genesis, state.root), (), state)

    def next_environment(
        self, parent: Header, *, timestamp: int, coinbase: Address
    ) -> BlockEnvironment:
        """Return what the block after ``parent`` would be; it keeps the parent's gas limit."""
        assert parent.base_fee_per_gas is not None
        base_fee = next_base_fee(parent.base_fee_per_gas, parent.gas_used, parent.gas_limit)
        return BlockEnvironment(parent.number + 1, timestamp, coinbase, parent.gas_limit, base_fee)

    def begin(self, block: BlockEnvironment) -> BlockRun:
        """Start a run on the newest state; what modules do before transactions is done."""
        overlay = self.state.overlay()
        ctx = context_of(self.rules, block, overlay, GasMeter())
        for module in self._modules:
            module.begin_block(ctx)
        return BlockRun(self.rules, block, overlay)

    def build(
        self,
        parent: Header,
        transactions: Iterable[Transaction],
        *,
        timestamp: int,
        coinbase: Address,
        extra_data: bytes,
    ) -> tuple[LedgerBlock, tuple[tuple[Transaction, TransactionRefused], ...]]:
        """Return a block of those transactions that fit, in their order, and the refused ones.

        One that only this block has no room for is skipped without being refused.
        """
        run = self.begin(self.next_environment(parent, timestamp=timestamp, coinbase=coinbase))
        refused: list[tuple[Transaction, TransactionRefused]] = []
        for transaction in transactions:
            if run.block.gas_limit - run.gas_used < GAS_TRANSACTION:
                break
            try:
                run.run(transaction)
            except GasLimitReached:
                continue
            except TransactionRefused as refusal:
                refused.append((transaction, refusal))
        return self._finish(parent, run, extra_data), tuple(refused)

    def _finish(self, parent: Header, run: BlockRun, extra_data: bytes) -> LedgerBlock:
        """Return the block that a run makes."""
        ctx = context_of(self.rules, run.block, run.overlay, GasMeter())
        for module in self._modules:
            module.end_block(ctx)
        state = self.state.prepare(run.overlay)
        transactions = tuple(each.transaction for each in run.executed)
        receipts = tuple(each.receipt for each in run.executed)
        header = Header(
            parent_hash=block_hash(parent),
            ommers_hash=EMPTY_OMMERS_HASH,
            beneficiary=run.block.coinbase,
            state_root=state.root,
            transactions_root=transactions_root(transactions),
            receipts_root=receipts_root(receipts),
            logs_bloom=join_blooms(receipt.logs_bloom for receipt in receipts),
            difficulty=DIFFICULTY,
            number=run.block.number,
            gas_limit=run.block.gas_limit,
            gas_used=run.gas_used,
            timestamp=run.block.timestamp,
            extra_data=extra_data,
            mix_hash=QBFT_MIX_HASH,
            nonce=ZERO_NONCE,
            base_fee_per_gas=run.block.base_fee,
        )
        return LedgerBlock(Block(header, transactions), tuple(run.executed), state)

    def judge(self, parent: Header, block: Block) -> LedgerBlock:
        """Run a block on the newest state, which is its parent's, and hold it to its header.

        Extra data (validators, vote, round, seals) are the consensus' matter.

        Raises:
            BlockRefused: The header or a transaction breaks a rule, or a root is another.
        """
        header = block.header
        check_header(parent, header)
        if block.withdrawals is not None:
            raise BlockRefused("withdrawals", "this chain has none")
        assert header.base_fee_per_gas is not None
        run = self.begin(
            BlockEnvironment(
                header.number,
                header.timestamp,
                header.beneficiary,
                header.gas_limit,
                header.base_fee_per_gas,
            )
        )
        for index, transaction in enumerate(block.transactions):
            try:
                run.run(transaction)
            except TransactionRefused as refusal:
                raise BlockRefused(f"transaction {index}", str(refusal)) from refusal
        found = self._finish(parent, run, header.extra_data)
        for name, expected, value in _differences(found.block.header, header):
            raise BlockRefused(name, f"have {_shown(value)}, want {_shown(expected)}")
        return replace(found, block=block)


def check_header(parent: Header, header: Header) -> None:
    """Check what a header's fields say by themselves and against its parent's.

    Raises:
        BlockRefused: With the name of the field.
    """
    assert parent.base_fee_per_gas is not None
    wanted: tuple[tuple[str, Any, Any], ...] = (
        ("number", header.number, parent.number + 1),
        ("parent hash", header.parent_hash, block_hash(parent)),
        ("ommers hash", header.ommers_hash, EMPTY_OMMERS_HASH),
        ("difficulty", header.difficulty, DIFFICULTY),
        ("mix hash", header.mix_hash, QBFT_MIX_HASH),
        ("nonce", header.nonce, ZERO_NONCE),
        (
            "base fee",
            header.base_fee_per_gas,
            next_base_fee(parent.base_fee_per_gas, parent.gas_used, parent.gas_limit),
        ),
        ("withdrawals root", header.withdrawals_root, None),
    )
    for name, value, expected in wanted:
        if value != expected:
            raise BlockRefused(name, f"have {_shown(value)}, want {_shown(expected)}")
    if header.timestamp <= parent.timestamp:
        raise BlockRefused("timestamp", f"{header.timestamp} is not after {parent.timestamp}")
    if header.gas_limit < MINIMUM_GAS_LIMIT:
        raise BlockRefused("gas limit", f"{header.gas_limit} is below {MINIMUM_GAS_LIMIT}")
    bound = parent.gas_limit // GAS_LIMIT_BOUND_DIVISOR
    if abs(header.gas_limit - parent.gas_limit) >= bound:
        raise BlockRefused("gas limit", f"{header.gas_limit} is too far from {parent.gas_limit}")


def _differences(expected: Header, header: Header) -> Iterator[tuple[str, Any, Any]]:
    """Yield the fields that execution decides and that are others: name, wanted, had."""
    for name in ("gas_used", "logs_bloom", "receipts_root", "transactions_root", "state_root"):
        wanted, value = getattr(expected, name), getattr(header, name)
        if wanted != value:
            yield name.replace("_", " "), wanted, value


def _shown(value: object) -> str:
    return f"0x{value.hex()}" if isinstance(value, bytes) else str(value)
