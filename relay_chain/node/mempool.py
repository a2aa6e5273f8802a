"""Transactions that wait for a block: checked by the application, bounded, in order of arrival.

After each block its transactions leave and the others are checked again (``recheck``). A
cache of hashes keeps a transaction that was just committed, or refused, from being judged
again each time a peer sends it. Full means refused: nobody is evicted, so nobody can push
another's transaction out (priority: none).
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chainkit.formats.tendermint.hashing import tx_hash
from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.limits import MAX_TX_BYTES
from chainkit.primitives.types import BlockHeight
from chainkit.primitives.varint import encode_uvarint
from relay_chain.consensus.messages import SELF, PeerId
from relay_chain.node.config import MempoolConfig
from relay_chain.node.limits import MAX_TX_SENDERS
from relay_chain.node.lru import LruCache
from relay_chain.node.ports import Application, TxResult
from relay_chain.node.reactors.ports import MempoolEntry


class TxTooLarge(RuleBroken):
    """A transaction is over ``MAX_TX_BYTES``."""

    def __init__(self, *, size: int) -> None:
        super().__init__(f"Tx too large. Max size is {MAX_TX_BYTES}, but got {size}")
        self.size = size


class TxInCache(RuleBroken):
    """The transaction was seen already."""

    def __init__(self) -> None:
        super().__init__("tx already exists in cache")


class MempoolFull(RuleBroken):
    """There is no room for the transaction."""

    def __init__(self, *, count: int, size: int) -> None:
        super().__init__(f"mempool is full: number of txs {count}, total txs bytes {size}")
        self.count = count
        self.size = size


@dataclass(frozen=True, slots=True)
class _Waiting:
    entry: MempoolEntry
    gas_wanted: int


def proto_size(tx: bytes) -> int:
    """Return how many bytes a transaction takes in a block's encoding."""
    return 1 + len(encode_uvarint(len(tx))) + len(tx)


class Mempool:
    """The transactions of one node. Mutable: they come and go."""

    def __init__(
        self, config: MempoolConfig, application: Application, height: BlockHeight
    ) -> None:
        self._config = config
        self._application = application
        self._height = height
        self._cache: LruCache[bytes, bool] = LruCache(max(1, config.cache_size))
        self._txs: OrderedDict[bytes, _Waiting] = OrderedDict()
        self._by_position: dict[int, bytes] = {}
        self._bytes = 0
        self._last_position = 0
        self.on_added: Callable[[], None] = lambda: None
        """Called after a transaction entered."""

    def __len__(self) -> int:
        return len(self._txs)

    @property
    def total_bytes(self) -> int:
        """Bytes of all waiting transactions."""
        return self._bytes

    def add(self, tx: bytes, sender: PeerId = SELF) -> TxResult:
        """Let the application judge a transaction, and keep it if it is good.

        Raises:
            TxTooLarge: Over the limit.
            MempoolFull: No room.
            TxInCache: It was seen already; the sender is noted.
        """
        if len(tx) > MAX_TX_BYTES:
            raise TxTooLarge(size=len(tx))
        if (
            len(self._txs) >= self._config.size
            or self._bytes + len(tx) > self._config.max_txs_bytes
        ):
            raise MempoolFull(count=len(self._txs), size=self._bytes)
        name = tx_hash(tx)
        if name in self._cache or name in self._txs:
            self._note_sender(name, sender)
            raise TxInCache
        self._cache.put(name, True)
        result = self._application.check_tx(tx, recheck=False)
        if result.code != 0:
            self._cache.pop(name)
            return result
        self._last_position += 1
        senders = frozenset((sender,)) if sender != SELF else frozenset()
        entry = MempoolEntry(self._last_position, tx, self._height, senders)
        self._txs[name] = _Waiting(entry, result.gas_wanted)
        self._by_position[entry.position] = name
        self._bytes += len(tx)
        self.on_added()
        return result

    async def add_from_peer(self, tx: bytes, sender: PeerId) -> None:
        """Check a peer's transaction and keep it if it is good; never raises for a bad one."""
        try:
            self.add(tx, sender)
        except (TxTooLarge, MempoolFull, TxInCache):
            return

    def _note_sender(self, name: bytes, sender: PeerId) -> None:
        waiting = self._txs.get(name)
        if waiting is None or sender == SELF:
            return
        entry = waiting.entry
        if len(entry.senders) < MAX_TX_SENDERS:
            noted = MempoolEntry(entry.position, entry.tx, entry.height, entry.senders | {sender})
            self._txs[name] = _Waiting(noted, waiting.gas_wanted)

    def flush(self) -> None:
        """Forget all transactions, and that they were seen."""
        self._txs.clear()
        self._by_position.clear()
        self._cache.clear()
        self._bytes = 0

    def next_after(self, position: int) -> MempoolEntry | None:
        """Return the first waiting transaction with a greater position."""
        if position >= self._last_position:
            return None
        name = self._by_position.get(position + 1)
        if name is not None:
            return self._txs[name].entry
        return next((w.entry for w in self._txs.values() if w.entry.position > position), None)

    def reap(self, max_bytes: int, max_gas: int) -> tuple[bytes, ...]:
        """Return transactions for a block, oldest first; -1 means no limit."""
        chosen: list[bytes] = []
        size = gas = 0
        for waiting in self._txs.values():
            size += proto_size(waiting.entry.tx)
            gas += waiting.gas_wanted
            if (0 <= max_bytes < size) or (0 <= max_gas < gas):
                break
            chosen.append(waiting.entry.tx)
        return tuple(chosen)

    def first(self, count: int) -> tuple[bytes, ...]:
        """Return the oldest ``count`` transactions."""
        return tuple(
            waiting.entry.tx for _, waiting in zip(range(count), self._txs.values(), strict=False)
        )

    def update(
        self, height: BlockHeight, txs: Sequence[bytes], results: Sequence[TxResult]
    ) -> None:
        """Take out a block's transactions and check the others again."""
        self._height = height
        for tx, result in zip(txs, results, strict=True):
            name = tx_hash(tx)
            if result.code == 0:
                self._cache.put(name, True)
            else:
                self._cache.pop(name)
            self._remove(name)
        if self._config.recheck:
            for waiting_name, waiting in list(self._txs.items()):
                if self._application.check_tx(waiting.entry.tx, recheck=True).code != 0:
                    self._remove(waiting_name)
                    self._cache.pop(waiting_name)

    def _remove(self, name: bytes) -> None:
        waiting = self._txs.pop(name, None)
        if waiting is not None:
            del self._by_position[waiting.entry.position]
            self._bytes -= len(waiting.entry.tx)

    def clear(self) -> None:
        """Forget all transactions."""
        self._txs.clear()
        self._by_position.clear()
        self._cache.clear()
        self._bytes = 0
