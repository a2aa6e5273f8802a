"""Which transactions and blocks emitted what: ``tx_search`` and ``block_search``.

Written in the same database write as the state after the block, so the index never lags
behind it. An equality condition is one ordered range of positions; several of one event
type are intersected by seeking, and every candidate is then judged by the whole query on
its stored events, so the index may only ever be too wide.

Keys: ``iT<tx hash>`` height and index; ``iA<16 bytes of digest><height><index><event>`` per
attribute of a transaction's event; ``iB<digest><height><event>`` of a block's own event.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from chainkit.commitments.database import prefix_end
from chainkit.formats.tendermint.hashing import tx_hash
from chainkit.formats.tendermint.types import Block
from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.types import BlockHeight
from chainkit.runtime.events import Event
from relay_chain.node.block_store import BlockStore
from relay_chain.node.event_query import Condition, Operator, Query, matches
from relay_chain.node.limits import MAX_SEARCH_RESULTS, MAX_SEARCH_SCANNED
from relay_chain.node.ports import ChainDatabase, FinalizeBlockResult, TxResult
from relay_chain.node.state_store import StateStore

_TX = b"iT"
_TX_EVENT = b"iA"
_BLOCK_EVENT = b"iB"
_DIGEST = 16
_POSITION = 16
"""Bytes of height (8), index of the transaction (4), index of the event (4)."""


class SearchTooBroad(RuleBroken):
    """The query matches, or makes the node look at, more than it is willing to."""

    def __init__(self, *, limit: int) -> None:
        super().__init__(f"query is too broad: over {limit} candidates; add conditions")
        self.limit = limit


@dataclass(frozen=True, slots=True)
class IndexedTx:
    """A transaction with what it did."""

    hash: bytes
    height: BlockHeight
    index: int
    tx: bytes
    result: TxResult


def tx_tags(height: BlockHeight, digest: bytes) -> Event:
    """Return the event that carries ``tx.hash`` and ``tx.height``."""
    return Event("tx", (("hash", digest.hex().upper()), ("height", str(height))))


def block_tags(height: BlockHeight) -> Event:
    """Return the event that carries ``block.height``."""
    return Event("block", (("height", str(height)),))


def _digest(tag: str, value: str) -> bytes:
    return hashlib.sha256(tag.encode() + b"\0" + value.encode()).digest()[:_DIGEST]


def _attribute_keys(prefix: bytes, events: tuple[Event, ...], position: bytes) -> Iterator[bytes]:
    for number, event in enumerate(events):
        where = position + number.to_bytes(4, "big")
        for key, value in event.attributes:
            yield prefix + _digest(f"{event.type}.{key}", value) + where


def index_changes(block: Block, result: FinalizeBlockResult) -> dict[bytes, bytes]:
    """Return the entries of a block, for the write that saves its state."""
    height = block.header.height
    at = height.to_bytes(8, "big")
    changes = dict.fromkeys(_attribute_keys(_BLOCK_EVENT, result.events, at + bytes(4)), b"")
    for index, (tx, outcome) in enumerate(zip(block.txs, result.tx_results, strict=True)):
        where = at + index.to_bytes(4, "big")
        changes[_TX + tx_hash(tx)] = where
        changes |= dict.fromkeys(_attribute_keys(_TX_EVENT, outcome.events, where), b"")
    return changes


def _number(condition: Condition) -> int | None:
    if isinstance(condition.value, Decimal):
        return int(condition.value)
    if isinstance(condition.value, str) and condition.value.isdecimal():
        return int(condition.value)
    return None


def height_bounds(query: Query, tag: str, low: int, high: int) -> tuple[int, int]:
    """Return the heights that the conditions on ``tag`` leave of ``low`` to ``high``."""
    for condition in query.conditions:
        number = _number(condition)
        if condition.tag != tag or number is None:
            continue
        match condition.operator:
            case Operator.EQUALS:
                low, high = max(low, number), min(high, number)
            case Operator.GREATER | Operator.AT_LEAST:
                low = max(low, number)
            case Operator.LESS | Operator.AT_MOST:
                high = min(high, number)
            case Operator.CONTAINS | Operator.EXISTS:
                pass
    return low, high


class EventIndex:
    """Searches over the stored blocks and results."""

    def __init__(self, database: ChainDatabase, blocks: BlockStore, states: StateStore) -> None:
        self._database = database
        self._blocks = blocks
        self._states = states

    def tx(self, digest: bytes) -> IndexedTx | None:
        """Return the transaction with this hash; None if unknown or pruned."""
        where = self._database.get(_TX + digest)
        if where is None:
            return None
        height = BlockHeight(int.from_bytes(where[:8], "big"))
        return self._load(height, int.from_bytes(where[8:12], "big"))

    def _load(self, height: BlockHeight, index: int) -> IndexedTx | None:
        block, result = self._blocks.block(height), self._states.result(height)
        if block is None or result is None:
            return None
        tx = block.txs[index]
        return IndexedTx(tx_hash(tx), height, index, tx, result.tx_results[index])

    def search_txs(self, query: Query) -> tuple[IndexedTx, ...]:
        """Return the transactions that match, oldest first.

        Raises:
            SearchTooBroad: Over ``MAX_SEARCH_SCANNED`` candidates or ``MAX_SEARCH_RESULTS``
                matches.
        """
        named = next(
            (c for c in query.conditions if c.tag == "tx.hash" and isinstance(c.value, str)), None
        )
        found: list[IndexedTx] = []
        if named is not None and named.operator is Operator.EQUALS:
            try:
                one = self.tx(bytes.fromhex(str(named.value)))
            except ValueError:
                return ()
            candidates = iter(() if one is None else ((one.height, one.index),))
        else:
            candidates = self._tx_candidates(query)
        for scanned, (height, index) in enumerate(candidates):
            if scanned >= MAX_SEARCH_SCANNED or len(found) >= MAX_SEARCH_RESULTS:
                raise SearchTooBroad(limit=min(MAX_SEARCH_SCANNED, MAX_SEARCH_RESULTS))
            item = self._load(height, index)
            if item is None:
                continue
            events = (
                *item.result.events,
                tx_tags(item.height, item.hash),
                Event("tm", (("event", "Tx"),)),
            )
            if matches(query, events):
                found.append(item)
        return tuple(found)

    def search_blocks(self, query: Query) -> tuple[BlockHeight, ...]:
        """Return the heights of the blocks whose own events match, oldest first.

        Raises:
            SearchTooBroad: As :meth:`search_txs`.
        """
        found: list[BlockHeight] = []
        for scanned, height in enumerate(self._block_candidates(query)):
            if scanned >= MAX_SEARCH_SCANNED or len(found) >= MAX_SEARCH_RESULTS:
                raise SearchTooBroad(limit=min(MAX_SEARCH_SCANNED, MAX_SEARCH_RESULTS))
            result = self._states.result(height)
            if result is None or self._blocks.meta(height) is None:
                continue
            events = (*result.events, block_tags(height), Event("tm", (("event", "NewBlock"),)))
            if matches(query, events):
                found.append(height)
        return tuple(found)

    def _tx_candidates(self, query: Query) -> Iterator[tuple[BlockHeight, int]]:
        low, high = height_bounds(query, "tx.height", self._blocks.base(), self._blocks.height())
        prefixes = _equalities(_TX_EVENT, query)
        if prefixes:
            last = b""
            for position in self._intersect(prefixes, low, high):
                if position[:12] != last:
                    last = position[:12]
                    height = BlockHeight(int.from_bytes(position[:8], "big"))
                    yield height, int.from_bytes(position[8:12], "big")
            return
        for number in range(max(low, 1), high + 1):
            meta = self._blocks.meta(BlockHeight(number))
            for index in range(meta.num_txs if meta else 0):
                yield BlockHeight(number), index

    def _block_candidates(self, query: Query) -> Iterator[BlockHeight]:
        low, high = height_bounds(query, "block.height", self._blocks.base(), self._blocks.height())
        prefixes = _equalities(_BLOCK_EVENT, query)
        if prefixes:
            last = 0
            for position in self._intersect(prefixes, low, high):
                height = int.from_bytes(position[:8], "big")
                if height != last:
                    last = height
                    yield BlockHeight(height)
            return
        yield from (BlockHeight(number) for number in range(max(low, 1), high + 1))

    def _seek(self, prefix: bytes, position: bytes) -> bytes | None:
        rows = self._database.iterate(prefix + position, prefix_end(prefix))
        return next((key[len(prefix) :] for key, _ in rows), None)

    def _intersect(self, prefixes: list[bytes], low: int, high: int) -> Iterator[bytes]:
        """Yield the positions that stand under all of ``prefixes``, in order."""
        position = max(low, 0).to_bytes(8, "big") + bytes(8)
        while True:
            furthest = position
            for prefix in prefixes:
                found = self._seek(prefix, furthest)
                if found is None or int.from_bytes(found[:8], "big") > high:
                    return
                furthest = max(furthest, found)
            if all(self._seek(prefix, furthest) == furthest for prefix in prefixes):
                yield furthest
                furthest = (int.from_bytes(furthest, "big") + 1).to_bytes(_POSITION, "big")
            position = furthest

    def prune(self, base: BlockHeight, retain_height: BlockHeight) -> None:
        """Delete the entries of blocks from ``base`` to below ``retain_height``.

        On disk together with the next write, as the blocks themselves.
        """
        for number in range(max(base, 1), retain_height):
            height = BlockHeight(number)
            block, result = self._blocks.block(height), self._states.result(height)
            if block is not None and result is not None:
                self._database.write_later(dict.fromkeys(index_changes(block, result)))


def _equalities(prefix: bytes, query: Query) -> list[bytes]:
    """Return the index ranges of the text equalities on one event type: the longest such list."""
    types: dict[str, list[bytes]] = {}
    for condition in query.conditions:
        whole = condition.event_type in {"tx", "tm", "block"}
        if condition.operator is Operator.EQUALS and isinstance(condition.value, str) and not whole:
            digest = _digest(condition.tag, condition.value)
            types.setdefault(condition.event_type, []).append(prefix + digest)
    return max(types.values(), key=len, default=[])
