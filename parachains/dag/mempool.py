"""Transactions that wait for the selected chain to accept them: by account and sequence.

Being in a block is not enough: of two parallel blocks one may come first and leave the
other's transactions without effect, so they stay until they are accepted or their sequence
is used. Blocks take the best fee for gas first, an account's own in the order of its
sequences; between equal fees each miner has an order of its own, so that parallel blocks
hold different transactions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from heapq import heapify, heappop, heappush

from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.types import Address, Hash32
from parachains.dag.chain import ChainChange, DagChain
from parachains.dag.errors import BodyPruned, TransactionRefused, WrongSignature
from parachains.dag.limits import (
    MAX_BLOCK_GAS,
    MAX_BLOCK_TRANSACTIONS,
    MAX_BODY_BYTES,
    MAX_MEMPOOL_BYTES,
    MAX_MEMPOOL_TRANSACTIONS,
    MAX_TRANSACTION_BYTES,
    MAX_WAITING_PER_ACCOUNT,
)
from parachains.dag.transactions import Transaction, signatures_of

RATE_SCALE = 1_000_000
REPLACEMENT_PERCENT = 110
"""What a replacement pays of the fee that it replaces, at least."""

ROOM_PERCENT = 95
"""Down to how much of a limit is evicted at a time."""

BODY_OVERHEAD_BYTES = 64
"""The miner's address, and what a field takes beside a transaction."""

_FIELD_BYTES = 8


@dataclass(frozen=True, slots=True)
class Entry:
    """A waiting transaction."""

    tx: Transaction
    size: int
    tie: int
    """Decides between equal fees: of this node's own choosing."""

    @property
    def rate(self) -> int:
        """Fee for a million gas."""
        return self.tx.fee * RATE_SCALE // max(self.tx.gas_limit, 1)


class Mempool:
    """The waiting transactions of one node; mutable.

    Args:
        chain: Whose selected chain accepts them.
        salt: Makes this node's order of equal fees its own.
        minimum_fee: Of the chain's own coin, for any transaction.
    """

    def __init__(self, chain: DagChain, *, salt: bytes = b"", minimum_fee: int = 0) -> None:
        self._chain = chain
        self._salt = salt
        self.minimum_fee = minimum_fee
        self._entries: dict[Hash32, Entry] = {}
        self._accounts: dict[Address, dict[int, Entry]] = {}
        self._sequences: dict[Address, int] = {}
        """The next sequence at the tip, of each account that has something here."""
        self.size = 0
        """Bytes of all."""

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, tx: Hash32) -> bool:
        return tx in self._entries

    def get(self, tx: Hash32) -> Transaction | None:
        """Return a waiting transaction, or None."""
        entry = self._entries.get(tx)
        return None if entry is None else entry.tx

    def entries(self) -> tuple[Entry, ...]:
        """Return all, the best fee first."""
        return tuple(sorted(self._entries.values(), key=lambda e: (-e.rate, e.tie, e.tx.sequence)))

    def of(self, sender: Address) -> tuple[Transaction, ...]:
        """Return an account's, by sequence, without those after a gap."""
        waiting = self._accounts.get(sender, {})
        chosen: list[Transaction] = []
        at = self._sequences.get(sender, 0)
        while at in waiting:
            chosen.append(waiting[at].tx)
            at += 1
        return tuple(chosen)

    def next_sequence(self, sender: Address) -> int | None:
        """Return the sequence after all that an account has waiting; None without an account."""
        account = self._chain.machine.auth.account(self._chain.state(), sender)
        return None if account is None else account.sequence + len(self.of(sender))

    # --- in -----------------------------------------------------------------------------

    def add(self, tx: Transaction) -> None:
        """Check one transaction and keep it; one that is here already stays.

        Raises:
            WrongSignature: Its key did not sign it.
            TransactionRefused: It cannot be accepted, or there is no room for it.
        """
        refusal = self.add_all((tx,))[0]
        if refusal is not None:
            raise refusal

    def add_all(self, transactions: Sequence[Transaction]) -> list[RuleBroken | None]:
        """Keep what can be accepted, signatures verified in one batch; tell of each why not."""
        verdicts: list[RuleBroken | None] = [
            None if tx.id in self._entries else self._refusal_of_form(tx) for tx in transactions
        ]
        fresh = [
            (at, tx)
            for at, tx in enumerate(transactions)
            if verdicts[at] is None and tx.id not in self._entries
        ]
        signed = signatures_of([tx for _, tx in fresh], self._chain.verified)
        for (at, tx), is_valid in zip(fresh, signed, strict=True):
            try:
                if not is_valid:
                    raise WrongSignature(f"transaction {tx.id.hex()} is not signed by its key")
                self._keep(tx)
            except RuleBroken as error:
                verdicts[at] = error
        self._evict()
        for at, tx in fresh:
            if verdicts[at] is None and tx.id not in self._entries:
                verdicts[at] = TransactionRefused("the mempool is full of better fees")
        return verdicts

    def _refusal_of_form(self, tx: Transaction) -> TransactionRefused | None:
        """Return why a transaction cannot be in any block of this chain; or None."""
        if tx.chain_id != self._chain.parameters.chain_id:
            return TransactionRefused(f"it is of the chain {tx.chain_id!r}")
        if len(tx.encode()) > MAX_TRANSACTION_BYTES:
            return TransactionRefused(f"it has over {MAX_TRANSACTION_BYTES} bytes")
        if not 0 < tx.gas_limit <= MAX_BLOCK_GAS:
            return TransactionRefused(f"its gas is not 1 to {MAX_BLOCK_GAS}")
        if tx.fee < self.minimum_fee:
            return TransactionRefused(f"its fee is below {self.minimum_fee}")
        return None

    def _keep(self, tx: Transaction) -> None:
        """Take in a signed transaction.

        Raises:
            TransactionRefused: It cannot be accepted.
        """
        machine, ctx = self._chain.machine, self._chain.state()
        account = machine.auth.account(ctx, tx.sender)
        if account is None:
            raise TransactionRefused("there is no such account")
        if tx.sequence < account.sequence:
            raise TransactionRefused(
                f"sequence {tx.sequence} was used, the account is at {account.sequence}"
            )
        if tx.sequence >= account.sequence + MAX_WAITING_PER_ACCOUNT:
            raise TransactionRefused(
                f"sequence {tx.sequence} is too far ahead, the account is at {account.sequence}"
            )
        waiting = self._accounts.get(tx.sender, {})
        old = waiting.get(tx.sequence)
        if old is not None and tx.fee * 100 < max(old.tx.fee, 1) * REPLACEMENT_PERCENT:
            raise TransactionRefused(
                f"sequence {tx.sequence} is taken: a replacement pays {REPLACEMENT_PERCENT}% of "
                f"{old.tx.fee} or more"
            )
        fees = tx.fee + sum(e.tx.fee for e in waiting.values() if e is not old)
        if fees > machine.bank.balance(ctx, tx.sender, self._chain.parameters.native):
            raise TransactionRefused("the account cannot pay the fees of what it has waiting")
        if old is not None:
            self._drop(old.tx)
        tie = int.from_bytes(blake2b(self._salt + tx.sender, digest_size=8).digest(), "big")
        entry = Entry(tx, len(tx.encode()), tie)
        self._entries[tx.id] = entry
        self._accounts.setdefault(tx.sender, {})[tx.sequence] = entry
        self._sequences[tx.sender] = account.sequence
        self.size += entry.size

    def _drop(self, tx: Transaction) -> None:
        entry = self._entries.pop(tx.id)
        self.size -= entry.size
        waiting = self._accounts[tx.sender]
        del waiting[tx.sequence]
        if not waiting:
            del self._accounts[tx.sender], self._sequences[tx.sender]

    def _evict(self) -> None:
        """Where there is too much, drop the worst fees, of each account the last first."""
        if len(self) <= MAX_MEMPOOL_TRANSACTIONS and self.size <= MAX_MEMPOOL_BYTES:
            return
        count = MAX_MEMPOOL_TRANSACTIONS * ROOM_PERCENT // 100
        size = MAX_MEMPOOL_BYTES * ROOM_PERCENT // 100
        ends = [
            (waiting[max(waiting)].rate, sender, max(waiting))
            for sender, waiting in self._accounts.items()
        ]
        heapify(ends)
        while len(self) > count or self.size > size:
            _, sender, sequence = heappop(ends)
            self._drop(self._accounts[sender][sequence].tx)
            left = self._accounts.get(sender)
            if left:
                heappush(ends, (left[max(left)].rate, sender, max(left)))

    # --- with the chain -----------------------------------------------------------------

    def after_change(self, change: ChainChange) -> None:
        """Follow the selected chain: take back what left it, drop what it accepted or outran."""
        again: list[Transaction] = []
        for gone in change.disconnected:
            block = self._chain.find(gone)
            if block is None:
                continue
            for merged in block.merge_set:
                try:
                    again += self._chain.body(merged).transactions
                except BodyPruned:
                    continue
        touched = {o.sender for joined in change.connected for o in joined.outcomes}
        touched |= {tx.sender for tx in again}
        machine, ctx = self._chain.machine, self._chain.state()
        for sender in touched & self._accounts.keys():
            account = machine.auth.account(ctx, sender)
            sequence = 0 if account is None else account.sequence
            self._sequences[sender] = sequence
            for used in [e.tx for at, e in self._accounts[sender].items() if at < sequence]:
                self._drop(used)
        if again:
            self.add_all(again)

    def select(self, pending: Mapping[Address, int]) -> tuple[Transaction, ...]:
        """Return what the next block shall hold.

        Args:
            pending: The next sequences of accounts that the block's merge set moves on.
        """
        heads = []
        for sender, waiting in self._accounts.items():
            entry = waiting.get(pending.get(sender, self._sequences[sender]))
            if entry is not None:
                heads.append((-entry.rate, entry.tie, sender, entry.tx.sequence))
        heapify(heads)
        chosen: list[Transaction] = []
        gas, size = MAX_BLOCK_GAS, MAX_BODY_BYTES - BODY_OVERHEAD_BYTES
        while heads and len(chosen) < MAX_BLOCK_TRANSACTIONS:
            _, _, sender, sequence = heappop(heads)
            waiting = self._accounts[sender]
            entry = waiting[sequence]
            if entry.tx.gas_limit > gas or entry.size + _FIELD_BYTES > size:
                continue
            gas -= entry.tx.gas_limit
            size -= entry.size + _FIELD_BYTES
            chosen.append(entry.tx)
            following = waiting.get(sequence + 1)
            if following is not None:
                heappush(heads, (-following.rate, following.tie, sender, sequence + 1))
        return tuple(chosen)
