"""Which transactions and blocks emitted what: ``tx_search`` and ``block_search``.

A block is in the index before the state that reports it: a reader who sees a height finds all
that its transactions did. What power loss takes from the index is made again at start, from
the stored blocks and results; so is all of it where the index's file is gone.

An index database only proposes candidates. Where a query asks more than equality of texts,
each candidate is judged by the whole query on its stored events, so what is proposed may only
ever be too wide.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

import structlog

from chainkit.formats.tendermint.hashing import tx_hash
from chainkit.formats.tendermint.types import Block
from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.types import BlockHeight
from chainkit.runtime.events import Event
from relay_chain.node.block_store import BlockStore
from relay_chain.node.crash_points import reach
from relay_chain.node.event_query import Condition, Operator, Query, matches, value_matches
from relay_chain.node.limits import (
    MAX_INDEXED_VALUE_CHARS,
    MAX_SEARCH_RESULTS,
    MAX_SEARCH_SCANNED,
)
from relay_chain.node.ports import FinalizeBlockResult, TxResult
from relay_chain.node.state_store import StateStore

_log = structlog.get_logger()
_EXISTS = ""
"""The value under which an event is found by its type alone."""

Position = tuple[BlockHeight, int]
"""A height, and the index of a transaction in its block (0 for the block itself)."""


class SearchTooBroad(RuleBroken):
    """The query matches, or makes the node look at, more than it is willing to."""

    def __init__(self, *, limit: int) -> None:
        super().__init__(f"query is too broad: over {limit} candidates; add conditions")
        self.limit = limit


# --- the port ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """One attribute of one event; ``of_block`` says that no transaction emitted it."""

    of_block: bool
    index: int
    """Of the transaction; 0 for a block's own event."""
    event: int
    """Which event of the transaction or block."""
    tag: str
    """``type.key``, or a type alone."""
    value: str
    """Cut off at ``MAX_INDEXED_VALUE_CHARS``."""


@dataclass(frozen=True, slots=True)
class Term:
    """A tag, and the value it must have; None for any."""

    tag: str
    value: str | None


@dataclass(frozen=True, slots=True)
class Search:
    """What an index database is asked for.

    Each group must hold within one event. No group asks for everything between the heights,
    both included.
    """

    of_block: bool
    low: int
    high: int
    groups: tuple[tuple[Term, ...], ...]


class IndexDatabase(Protocol):
    """Where the entries are kept; every method is all or nothing."""

    def height(self) -> BlockHeight:
        """Return the last block in the index; 0 if there is none."""
        ...

    def add(
        self,
        height: BlockHeight,
        txs: Sequence[tuple[bytes, bool]],
        entries: Iterable[IndexEntry],
    ) -> None:
        """Put a block in, in place of what the index has of it.

        Args:
            height: Of the block.
            txs: Hash of each transaction and whether it succeeded, in order.
            entries: What it and they emitted.
        """
        ...

    def position(self, digest: bytes) -> Position | None:
        """Return where a transaction is: of several with one hash, the last that succeeded."""
        ...

    def find(self, search: Search, *, limit: int) -> Sequence[Position]:
        """Return the first ``limit`` that fit, oldest first.

        Raises:
            SearchTooBroad: Finding them takes longer than the database is willing to.
        """
        ...

    def remove_below(self, height: BlockHeight) -> None:
        """Remove the blocks below a height."""
        ...

    def remove_from(self, height: BlockHeight) -> None:
        """Remove a height and all above it."""
        ...


# --- what goes in -----------------------------------------------------------------------


def tx_tags(height: BlockHeight, digest: bytes) -> Event:
    """Return the event that carries ``tx.hash`` and ``tx.height``."""
    return Event("tx", (("hash", digest.hex().upper()), ("height", str(height))))


def block_tags(height: BlockHeight) -> Event:
    """Return the event that carries ``block.height``."""
    return Event("block", (("height", str(height)),))


def _entries_of(events: tuple[Event, ...], index: int, *, of_block: bool) -> Iterator[IndexEntry]:
    types: set[str] = set()
    for number, event in enumerate(events):
        if event.type not in types:
            types.add(event.type)
            yield IndexEntry(of_block, index, number, event.type, _EXISTS)
        for key, value in event.attributes:
            cut = value[:MAX_INDEXED_VALUE_CHARS]
            yield IndexEntry(of_block, index, number, f"{event.type}.{key}", cut)


def index_entries(result: FinalizeBlockResult) -> Iterator[IndexEntry]:
    """Return what a block and its transactions emitted."""
    yield from _entries_of(result.events, 0, of_block=True)
    for index, outcome in enumerate(result.tx_results):
        yield from _entries_of(outcome.events, index, of_block=False)


# --- what is asked ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Plan:
    """A query as the index takes it."""

    search: Search
    exact: bool
    """Whether all that is found matches; otherwise each is to be judged."""
    digest: bytes | None = None
    """The one transaction that can match."""


_NOTHING = Search(of_block=False, low=1, high=0, groups=())


def _bounds(condition: Condition, low: int, high: int) -> tuple[int, int]:
    """Return the heights that a condition on a height leaves of ``low`` to ``high``."""
    value = condition.value
    if isinstance(value, str) and condition.operator is Operator.EQUALS:
        # As text: "05" is not the height 5.
        exact = value.isascii() and value.isdecimal() and str(int(value[:20])) == value
        return (max(low, int(value)), min(high, int(value))) if exact else (1, 0)
    if not isinstance(value, Decimal) or condition.is_time:
        return (1, 0)
    match condition.operator:
        case Operator.EQUALS:
            return max(low, math.ceil(value)), min(high, math.floor(value))
        case Operator.GREATER:
            return max(low, math.floor(value) + 1), high
        case Operator.AT_LEAST:
            return max(low, math.ceil(value)), high
        case Operator.LESS:
            return low, min(high, math.ceil(value) - 1)
        case Operator.AT_MOST:
            return low, min(high, math.floor(value))
        case Operator.CONTAINS | Operator.EXISTS:
            return low, high


def make_plan(query: Query, *, of_block: bool, low: int, high: int) -> Plan:
    """Return how a query is asked of the index.

    Args:
        query: Whose conditions must all hold.
        of_block: Whether blocks are searched, and not transactions.
        low: The lowest height there is.
        high: The highest.
    """
    height_tag = "block.height" if of_block else "tx.height"
    own = {"tm": "", "tm.event": "NewBlock" if of_block else "Tx"}
    own["block" if of_block else "tx"] = ""
    exact, digest = True, None
    groups: dict[str, list[Condition]] = {}
    for condition in query.conditions:
        if condition.tag in own:
            # What the node adds to every transaction or block.
            if not value_matches(condition, own[condition.tag]):
                return Plan(_NOTHING, exact=True)
        elif condition.tag == height_tag and condition.operator is Operator.CONTAINS:
            exact = False
        elif condition.tag == height_tag:
            if condition.operator is not Operator.EXISTS:
                low, high = _bounds(condition, low, high)
        elif condition.tag == "tx.hash" and not of_block:
            if condition.operator is Operator.EQUALS and isinstance(condition.value, str):
                digest = _digest(condition.value)
                if digest is None:
                    return Plan(_NOTHING, exact=True)
            exact = False
        else:
            groups.setdefault(condition.event_type, []).append(condition)
    terms = [_terms(conditions) for conditions in groups.values()]
    found = tuple(group for group, _ in terms)
    # A group without an equality is looked at only where there is nothing narrower.
    asked = tuple(group for group in found if group[0].value is not None) or found[:1]
    exact = exact and asked == found and all(covered for _, covered in terms)
    return Plan(Search(of_block, low, high, asked), exact, digest)


def _digest(text: str) -> bytes | None:
    try:
        digest = bytes.fromhex(text)
    except ValueError:
        return None
    return digest if digest.hex().upper() == text else None


def _terms(conditions: Sequence[Condition]) -> tuple[tuple[Term, ...], bool]:
    """Return what the index is asked of one event, and whether that is all of it."""
    equal = [c for c in conditions if c.operator is Operator.EQUALS and isinstance(c.value, str)]
    if not equal:
        first = conditions[0]
        return (Term(first.tag, None),), first.operator is Operator.EXISTS and len(conditions) == 1
    terms = tuple(Term(c.tag, str(c.value)[:MAX_INDEXED_VALUE_CHARS]) for c in equal)
    whole = all(len(str(c.value)) < MAX_INDEXED_VALUE_CHARS for c in equal)
    return terms, whole and len(equal) == len(conditions)


# --- the index --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class IndexedTx:
    """A transaction with what it did."""

    hash: bytes
    height: BlockHeight
    index: int
    tx: bytes
    result: TxResult


class EventIndex:
    """Searches over the stored blocks and results."""

    def __init__(self, database: IndexDatabase, blocks: BlockStore, states: StateStore) -> None:
        self._database = database
        self._blocks = blocks
        self._states = states

    def add(self, block: Block, result: FinalizeBlockResult) -> None:
        """Put a block in; putting it in again changes nothing."""
        hashes = [tx_hash(tx) for tx in block.txs]
        successes = [outcome.code == 0 for outcome in result.tx_results]
        txs = list(zip(hashes, successes, strict=True))
        reach("event_index.before_add")
        self._database.add(block.header.height, txs, index_entries(result))
        reach("event_index.added")

    def catch_up(self, height: BlockHeight) -> None:
        """Bring the index to ``height``, the last block whose state is stored."""
        indexed = self._database.height()
        if indexed > height:
            self._database.remove_from(BlockHeight(height + 1))
        first = max(indexed + 1, self._blocks.base(), 1)
        if first <= height:
            self._index(first, height)
            _log.info("index.caught_up", first=first, last=height)

    def rebuild(self) -> int:
        """Make the index anew from the stored blocks and results; return of how many blocks."""
        self._database.remove_from(BlockHeight(0))
        first = max(self._blocks.base(), 1)
        return self._index(first, self._blocks.height())

    def _index(self, first: int, last: int) -> int:
        count = 0
        for number in range(first, last + 1):
            height = BlockHeight(number)
            block, result = self._blocks.block(height), self._states.result(height)
            if block is not None and result is not None:
                self.add(block, result)
                count += 1
        return count

    def prune(self, retain_height: BlockHeight) -> None:
        """Remove the entries of blocks below ``retain_height``."""
        reach("event_index.before_prune")
        self._database.remove_below(retain_height)

    def tx(self, digest: bytes) -> IndexedTx | None:
        """Return the transaction with this hash; None if unknown or pruned."""
        position = self._database.position(digest)
        return None if position is None else self.load(position)

    def load(self, position: Position) -> IndexedTx | None:
        """Return the transaction at a position; None if its block was pruned."""
        height, index = position
        block, result = self._blocks.block(height), self._states.result(height)
        if block is None or result is None or index >= len(block.txs):
            return None
        tx = block.txs[index]
        return IndexedTx(tx_hash(tx), height, index, tx, result.tx_results[index])

    def scan_txs(self, query: Query) -> Iterator[Position | None]:
        """Yield where the transactions that match are, oldest first.

        None is a candidate that did not match: the caller may let others have their turn.

        Raises:
            SearchTooBroad: Over ``MAX_SEARCH_RESULTS`` matches, or ``MAX_SEARCH_SCANNED``
                candidates that would have to be judged one by one.
        """
        plan = self._plan(query, of_block=False)
        for position in self._candidates(plan):
            if plan.exact:
                yield position
                continue
            item = self.load(position)
            if item is None:
                continue
            tags = (tx_tags(item.height, item.hash), Event("tm", (("event", "Tx"),)))
            yield position if matches(query, (*item.result.events, *tags)) else None

    def scan_blocks(self, query: Query) -> Iterator[Position | None]:
        """Yield the heights of the blocks whose own events match, as :meth:`scan_txs`."""
        plan = self._plan(query, of_block=True)
        for position in self._candidates(plan):
            height = position[0]
            if plan.exact:
                yield position
                continue
            result = self._states.result(height)
            if result is None or self._blocks.meta(height) is None:
                continue
            tags = (block_tags(height), Event("tm", (("event", "NewBlock"),)))
            yield position if matches(query, (*result.events, *tags)) else None

    def search_txs(self, query: Query) -> tuple[IndexedTx, ...]:
        """Return the transactions that match, oldest first.

        Raises:
            SearchTooBroad: As :meth:`scan_txs`, and over ``MAX_SEARCH_SCANNED`` matches.
        """
        found: list[IndexedTx] = []
        for position in self.scan_txs(query):
            item = None if position is None else self.load(position)
            if item is not None:
                found.append(item)
            if len(found) > MAX_SEARCH_SCANNED:
                raise SearchTooBroad(limit=MAX_SEARCH_SCANNED)
        return tuple(found)

    def _plan(self, query: Query, *, of_block: bool) -> Plan:
        low, high = max(self._blocks.base(), 1), self._database.height()
        return make_plan(query, of_block=of_block, low=low, high=high)

    def _candidates(self, plan: Plan) -> Sequence[Position]:
        if plan.search.low > plan.search.high:
            return ()
        if plan.digest is not None:
            position = self._database.position(plan.digest)
            return () if position is None else (position,)
        limit = MAX_SEARCH_RESULTS if plan.exact else MAX_SEARCH_SCANNED
        found = self._database.find(plan.search, limit=limit + 1)
        if len(found) > limit:
            raise SearchTooBroad(limit=limit)
        return found
