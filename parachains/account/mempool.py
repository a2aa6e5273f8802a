"""Transactions that wait: a queue for each sender, replaced and evicted by what they pay.

A sender's transactions run without gaps from the account's nonce; those after a gap wait too,
and are the first to go when the pool is full. Refusals are go-ethereum's.
"""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from chainkit.formats.ethereum.transactions import transaction_hash
from chainkit.formats.ethereum.types import Transaction
from chainkit.primitives.types import Address, Hash32
from parachains.account.checks import check_form, check_funds
from parachains.account.errors import (
    AlreadyKnown,
    NonceTooLow,
    PoolFull,
    ReplacementUnderpriced,
    TransactionRefused,
    Underpriced,
)
from parachains.account.fees import effective_tip, fee_cap, tip_cap
from parachains.account.limits import (
    MAX_POOL_TRANSACTIONS,
    MAX_POOL_TRANSACTIONS_PER_SENDER,
    PRICE_BUMP_PERCENT,
)
from parachains.account.world import AccountState

_PERCENT = 100


@dataclass(frozen=True, slots=True)
class Pooled:
    """A transaction that waits, with what was computed once."""

    transaction: Transaction
    hash: Hash32
    sender: Address


@dataclass(frozen=True, slots=True)
class PoolRules:
    """What the pool holds transactions to."""

    chain_id: int
    gas_limit: int
    minimum_tip: int = 1
    """Wei for a unit of gas; a transaction that offers less is underpriced."""
    capacity: int = MAX_POOL_TRANSACTIONS
    per_sender: int = MAX_POOL_TRANSACTIONS_PER_SENDER


AccountOf = Callable[[Address], AccountState]
"""Accounts as of the newest block."""


class Mempool:
    """The waiting transactions of one node; mutable, bounded by its rules."""

    def __init__(self, rules: PoolRules, account_of: AccountOf) -> None:
        self._rules = rules
        self._account_of = account_of
        self._queues: dict[Address, dict[int, Pooled]] = {}
        self._by_hash: dict[Hash32, Pooled] = {}

    def __len__(self) -> int:
        """How many wait."""
        return len(self._by_hash)

    def get(self, wanted: bytes) -> Transaction | None:
        """Return a waiting transaction by its hash, or None."""
        found = self._by_hash.get(Hash32(wanted))
        return None if found is None else found.transaction

    def all(self) -> tuple[Transaction, ...]:
        """Return every waiting transaction, by sender and nonce."""
        return tuple(
            self._queues[sender][nonce].transaction
            for sender in sorted(self._queues)
            for nonce in sorted(self._queues[sender])
        )

    def next_nonce(self, sender: Address) -> int:
        """Return the nonce after those of the sender that wait without a gap."""
        nonce = self._account_of(sender).nonce
        queue = self._queues.get(sender, {})
        while nonce in queue:
            nonce += 1
        return nonce

    def add(self, transaction: Transaction) -> Hash32:
        """Take a transaction and return its hash.

        Raises:
            TransactionRefused: The subclass names the rule; the pool is as it was.
        """
        found = transaction_hash(transaction)
        if found in self._by_hash:
            raise AlreadyKnown("already known")
        rules = self._rules
        sender = check_form(transaction, chain_id=rules.chain_id, gas_limit=rules.gas_limit)
        if tip_cap(transaction) < rules.minimum_tip:
            raise Underpriced(
                f"transaction underpriced: gas tip cap {tip_cap(transaction)}, "
                f"minimum needed {rules.minimum_tip}"
            )
        account = self._account_of(sender)
        if transaction.nonce < account.nonce:
            raise NonceTooLow(
                f"nonce too low: next nonce {account.nonce}, tx nonce {transaction.nonce}"
            )
        check_funds(transaction, account)
        pooled = Pooled(transaction, found, sender)
        queue = self._queues.get(sender, {})
        replaced = queue.get(transaction.nonce)
        if replaced is not None:
            _check_replacement(replaced.transaction, transaction)
            self._remove(replaced)
        elif len(queue) >= rules.per_sender:
            raise PoolFull(f"txpool is full: {len(queue)} transactions of the sender wait")
        elif len(self._by_hash) >= rules.capacity:
            self._make_room(transaction)
        self._queues.setdefault(sender, {})[transaction.nonce] = pooled
        self._by_hash[found] = pooled
        return found

    def _make_room(self, transaction: Transaction) -> None:
        """Drop the cheapest transaction that no other of its sender follows.

        Raises:
            PoolFull: Every one pays at least as much.
        """
        last = [queue[max(queue)] for _, queue in sorted(self._queues.items())]
        victim = min(
            last, key=lambda each: (self._is_ready(each), fee_cap(each.transaction), each.hash)
        )
        if fee_cap(victim.transaction) >= fee_cap(transaction):
            raise PoolFull("txpool is full")
        self._remove(victim)

    def _is_ready(self, pooled: Pooled) -> bool:
        """Return whether no transaction is missing before one."""
        return pooled.transaction.nonce < self.next_nonce(pooled.sender)

    def _remove(self, pooled: Pooled) -> None:
        del self._by_hash[pooled.hash]
        queue = self._queues[pooled.sender]
        del queue[pooled.transaction.nonce]
        if not queue:
            del self._queues[pooled.sender]

    def in_block_order(self, base_fee: int) -> Iterator[Transaction]:
        """Yield what a block should try: by tip, each sender's by nonce.

        A sender's queue ends at a gap, or where it does not pay the base fee.
        """
        waiting: list[tuple[int, bytes, int]] = []

        def offer(sender: Address, nonce: int) -> None:
            pooled = self._queues.get(sender, {}).get(nonce)
            if pooled is not None and fee_cap(pooled.transaction) >= base_fee:
                tip = effective_tip(pooled.transaction, base_fee)
                heapq.heappush(waiting, (-tip, sender, nonce))

        for sender in sorted(self._queues):
            offer(sender, self._account_of(sender).nonce)
        while waiting:
            _, sender_bytes, nonce = heapq.heappop(waiting)
            sender = Address(sender_bytes)
            yield self._queues[sender][nonce].transaction
            offer(sender, nonce + 1)

    def drop(self, transaction: Transaction) -> None:
        """Forget a transaction that a block refused; nothing happens where it is gone."""
        pooled = self._by_hash.get(transaction_hash(transaction))
        if pooled is not None:
            self._remove(pooled)

    def after_block(self) -> None:
        """Forget what a block has made useless: used nonces, and what cannot be paid any more."""
        for pooled in list(self._by_hash.values()):
            account = self._account_of(pooled.sender)
            if pooled.transaction.nonce < account.nonce:
                self._remove(pooled)
                continue
            try:
                check_funds(pooled.transaction, account)
            except TransactionRefused:
                self._remove(pooled)


def _check_replacement(old: Transaction, new: Transaction) -> None:
    """Refuse a replacement that does not raise both fee and tip by a tenth."""
    for price in (fee_cap, tip_cap):
        if price(new) * _PERCENT < price(old) * (_PERCENT + PRICE_BUMP_PERCENT):
            raise ReplacementUnderpriced("replacement transaction underpriced")
        if price(new) <= price(old):
            raise ReplacementUnderpriced("replacement transaction underpriced")
