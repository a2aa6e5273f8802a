"""Transactions that wait for a block: fee order, replacement, bounds.

Spec:
    Bitcoin Core ``txmempool.h`` and ``validation.cpp`` (MemPoolAccept); BIP-125.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from chainkit.formats.bitcoin.errors import BitcoinRuleBroken
from chainkit.formats.bitcoin.limits import SEQUENCE_FINAL
from chainkit.formats.bitcoin.script_errors import STANDARD_FLAGS
from chainkit.formats.bitcoin.transactions import OutPoint, Transaction, check_transaction
from parachains.utxo.chain import Chain
from parachains.utxo.coins import Coin, CoinView
from parachains.utxo.validation import apply_transaction, check_transaction_in_chain

MAX_MEMPOOL_WEIGHT = 40_000_000
MAX_STANDARD_WEIGHT = 1_700_000
MAX_ANCESTORS = 25
MAX_REPLACED = 100
MINIMUM_FEE_RATE = 1
"""Satoshis a virtual byte."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A waiting transaction."""

    tx: Transaction
    fee: int
    order: int
    """Place in the order of arrival, which decides between equal fee rates."""

    @property
    def virtual_size(self) -> int:
        """The size that fees are counted by (BIP-141)."""
        return -(-self.tx.weight // 4)

    @property
    def rate(self) -> tuple[int, int]:
        """Fee rate in thousandths of a satoshi a virtual byte, then earlier arrival."""
        return (self.fee * 1000 // self.virtual_size, -self.order)


class Mempool:
    """The waiting transactions of one node; mutable."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._entries: dict[bytes, Entry] = {}
        self._spenders: dict[OutPoint, bytes] = {}
        self._arrivals = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, txid: bytes) -> bool:
        return txid in self._entries

    def get(self, txid: bytes) -> Entry | None:
        """Return a waiting transaction, or None."""
        return self._entries.get(txid)

    def entries(self) -> tuple[Entry, ...]:
        """Return all, in the order of arrival."""
        return tuple(self._entries.values())

    def spender_of(self, point: OutPoint) -> bytes | None:
        """Return the waiting transaction that spends an output, or None."""
        return self._spenders.get(point)

    def weight(self) -> int:
        """Return the weight of all."""
        return sum(entry.tx.weight for entry in self._entries.values())

    def add(self, tx: Transaction) -> Entry:
        """Check a transaction against chain and mempool and keep it.

        Raises:
            BitcoinRuleBroken: With Bitcoin Core's reject reason, or the rule that a carrier breaks.
        """
        if tx.txid in self._entries:
            raise BitcoinRuleBroken("txn-already-in-mempool")
        check_transaction(tx)
        if tx.is_coinbase:
            raise BitcoinRuleBroken("coinbase")
        if tx.weight > MAX_STANDARD_WEIGHT:
            raise BitcoinRuleBroken("tx-size")
        replaced = self._conflicts(tx)
        entry = self._check(tx, replaced)
        self._check_replacement(entry, replaced)
        self._remove(replaced)
        self._arrivals += 1
        self._entries[tx.txid] = entry
        for tx_input in tx.inputs:
            self._spenders[tx_input.previous_output] = tx.txid
        self._evict()
        if tx.txid not in self._entries:
            raise BitcoinRuleBroken("mempool full")
        return entry

    def _conflicts(self, tx: Transaction) -> frozenset[bytes]:
        """Return those that cannot stand beside ``tx``, and their descendants."""
        direct = {
            spender
            for tx_input in tx.inputs
            if (spender := self._spenders.get(tx_input.previous_output)) is not None
        }
        for txid in direct:
            if all(i.sequence >= SEQUENCE_FINAL - 1 for i in self._entries[txid].tx.inputs):
                raise BitcoinRuleBroken("txn-mempool-conflict")
        return self._with_descendants(direct)

    def _with_descendants(self, txids: Iterable[bytes]) -> frozenset[bytes]:
        found: set[bytes] = set()
        pending = list(txids)
        while pending:
            txid = pending.pop()
            if txid in found:
                continue
            found.add(txid)
            for index in range(len(self._entries[txid].tx.outputs)):
                spender = self._spenders.get(OutPoint(txid, index))
                if spender is not None:
                    pending.append(spender)
        return frozenset(found)

    def _ancestors(self, tx: Transaction, without: frozenset[bytes]) -> list[Entry]:
        """Return the waiting transactions that ``tx`` builds on, parents first."""
        found: dict[bytes, Entry] = {}
        pending = [i.previous_output.txid for i in tx.inputs]
        while pending:
            txid = pending.pop()
            entry = self._entries.get(txid)
            if entry is None or txid in found:
                continue
            if txid in without:
                raise BitcoinRuleBroken("bad-txns-spends-conflicting-tx")
            found[txid] = entry
            pending.extend(i.previous_output.txid for i in entry.tx.inputs)
        if len(found) >= MAX_ANCESTORS:
            raise BitcoinRuleBroken("too-long-mempool-chain")
        return sorted(found.values(), key=lambda entry: entry.order)

    def _check(self, tx: Transaction, replaced: frozenset[bytes]) -> Entry:
        """Check ``tx`` in the next block after its ancestors, its carrier too."""
        chain = self._chain
        parent = chain.tip
        height = parent.height + 1
        view = chain.coin_view()
        run = chain.machine.begin_block(parent)
        for ancestor in self._ancestors(tx, replaced):
            coins, _ = self._check_one(ancestor.tx, view, height)
            run.transaction(ancestor.tx, coins)
            apply_transaction(ancestor.tx, view, height)
        coins, fee = self._check_one(tx, view, height)
        run.transaction(tx, coins)
        entry = Entry(tx, fee, self._arrivals)
        if fee < MINIMUM_FEE_RATE * entry.virtual_size:
            raise BitcoinRuleBroken("min relay fee not met", f"{fee} for {entry.virtual_size}")
        return entry

    def _check_one(
        self, tx: Transaction, view: CoinView, height: int
    ) -> tuple[tuple[Coin, ...], int]:
        chain = self._chain
        return check_transaction_in_chain(
            tx, view, height, chain.tip.median_time_past, chain.median_at, STANDARD_FLAGS
        )

    def _check_replacement(self, entry: Entry, replaced: frozenset[bytes]) -> None:
        """Check what a replacement pays (BIP-125 rules 3 to 5)."""
        if not replaced:
            return
        if len(replaced) > MAX_REPLACED:
            raise BitcoinRuleBroken("too many potential replacements")
        old = [self._entries[txid] for txid in replaced]
        fees = sum(item.fee for item in old)
        if entry.fee < fees + MINIMUM_FEE_RATE * entry.virtual_size:
            raise BitcoinRuleBroken("insufficient fee", f"{entry.fee} replaces {fees}")
        if any(entry.rate[0] <= item.rate[0] for item in old):
            raise BitcoinRuleBroken("insufficient fee", "the fee rate is not higher")

    def _remove(self, txids: Iterable[bytes]) -> None:
        for txid in txids:
            entry = self._entries.pop(txid)
            for tx_input in entry.tx.inputs:
                self._spenders.pop(tx_input.previous_output, None)

    def _evict(self) -> None:
        """Drop the cheapest, with what builds on it, while there is too much."""
        while self.weight() > MAX_MEMPOOL_WEIGHT:
            cheapest = min(self._entries.values(), key=lambda entry: entry.rate)
            self._remove(self._with_descendants([cheapest.tx.txid]))

    def drop(self, txids: Iterable[bytes]) -> None:
        """Drop transactions that no block can hold any more, with what builds on them."""
        self._remove(self._with_descendants(txid for txid in txids if txid in self._entries))

    def after_change(
        self, disconnected: Iterable[Transaction], connected: Iterable[Transaction]
    ) -> None:
        """Follow the active chain: take back what left it, drop what it holds or forbids."""
        waiting = [entry.tx for entry in self.entries()]
        mined = {tx.txid for tx in connected}
        self._entries.clear()
        self._spenders.clear()
        for tx in (*disconnected, *waiting):
            if tx.txid in mined or tx.is_coinbase:
                continue
            try:
                self.add(tx)
            except BitcoinRuleBroken:
                continue

    def in_block_order(self) -> tuple[Transaction, ...]:
        """Return the transactions by fee rate, each after those that it builds on."""
        chosen: dict[bytes, Transaction] = {}
        for entry in sorted(self._entries.values(), key=lambda e: e.rate, reverse=True):
            for ancestor in self._ancestors(entry.tx, frozenset()):
                chosen.setdefault(ancestor.tx.txid, ancestor.tx)
            chosen.setdefault(entry.tx.txid, entry.tx)
        return tuple(chosen.values())
