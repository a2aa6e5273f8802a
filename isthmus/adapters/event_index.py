"""The index of events in SQLite: ``relay_chain.node.event_index.IndexDatabase``.

Its own file, one writer, WAL mode. A block is one transaction that does not wait for the disk:
kill -9 takes nothing back, and what power loss takes is made again at start. Tables:

``blocks``        height, and the last row of ``attributes`` that it filled
``transactions``  height, index, hash, whether it succeeded
``tags``          the number of each ``type.key``, apart for blocks and transactions
``attributes``    height, index, event, tag, value; rows in order of height
"""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import sqlite_utils

from chainkit.primitives.types import BlockHeight
from isthmus.adapters.sqlite import DatabaseInUse, DatabaseUnusable
from relay_chain.node.event_index import IndexEntry, Position, Search, SearchTooBroad
from relay_chain.node.limits import MAX_SEARCH_STEPS

_CACHE_KIB = 4_096
"""Page cache; what falls out of it is still in the system's. With 16 MiB a node grew by a fifth
in its first hour, until the cache was full."""

_CHECKPOINT_PAGES = 4_000
"""The log of writes is put into the file at 16 MiB: rarely, as each time waits for the disk."""

_STEPS_PER_CALL = 100_000
_RARITY_ROWS = 1_000
"""Rows counted of a condition to choose the one to begin with."""

_TABLES = """
CREATE TABLE IF NOT EXISTS blocks (height INTEGER PRIMARY KEY, last_row INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS transactions (
    height INTEGER, tx INTEGER, hash BLOB NOT NULL, ok INTEGER NOT NULL,
    PRIMARY KEY (height, tx)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS transactions_hash ON transactions (hash, ok, height, tx);
CREATE TABLE IF NOT EXISTS tags (
    id INTEGER PRIMARY KEY, of_block INTEGER NOT NULL, name TEXT NOT NULL,
    UNIQUE (of_block, name));
CREATE TABLE IF NOT EXISTS attributes (
    id INTEGER PRIMARY KEY, height INTEGER NOT NULL, tx INTEGER NOT NULL,
    event INTEGER NOT NULL, tag INTEGER NOT NULL, value TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS attributes_search ON attributes (tag, value, height, tx, event);
"""


class SqliteEventIndex:
    """Entries of events in one file. Mutable: it owns the connection, and remembers tags.

    Args:
        path: The file; made if absent. None keeps the index in memory.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path or Path(":memory:")
        try:
            # isolation_level None: transactions are ours to begin and end.
            connection = sqlite3.connect(self._path, isolation_level=None, timeout=0)
            self._database = sqlite_utils.Database(connection)
            self._connection: sqlite3.Connection = self._database.conn
            for pragma in (
                "locking_mode = EXCLUSIVE",
                "journal_mode = WAL",
                "synchronous = NORMAL",
                f"cache_size = -{_CACHE_KIB}",
                f"wal_autocheckpoint = {_CHECKPOINT_PAGES}",
            ):
                self._connection.execute(f"PRAGMA {pragma}").fetchall()
            with self._database.atomic():
                for statement in _TABLES.split(";\n"):
                    self._connection.execute(statement)
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise DatabaseInUse(path=self._path) from error
            raise DatabaseUnusable(path=self._path, reason=str(error)) from error
        except sqlite3.DatabaseError as error:
            raise DatabaseUnusable(path=self._path, reason=str(error)) from error
        rows = self._connection.execute("SELECT of_block, name, id FROM tags")
        self._tags = {(bool(of_block), name): number for of_block, name, number in rows}
        self._height = self._one("SELECT MAX(height) FROM blocks")
        self._last_row = self._one("SELECT MAX(id) FROM attributes")

    def _one(self, query: str, *values: object) -> int:
        row = self._connection.execute(query, values).fetchone()
        return int(row[0] or 0)

    @contextmanager
    def _change(self) -> Iterator[None]:
        """One transaction: all or nothing."""
        try:
            with self._database.atomic():
                yield
        except sqlite3.OperationalError as error:
            raise DatabaseUnusable(path=self._path, reason=str(error)) from error

    def height(self) -> BlockHeight:
        """Return the last block in the index; 0 if there is none."""
        return BlockHeight(self._height)

    def add(
        self,
        height: BlockHeight,
        txs: Sequence[tuple[bytes, bool]],
        entries: Iterable[IndexEntry],
    ) -> None:
        """Put a block in, in place of what the index has of it.

        Raises:
            DatabaseUnusable: The disk refused; nothing was changed.
        """
        if height <= self._height:
            self.remove_from(height)
        entries = tuple(entries)
        named = {(each.of_block, each.tag) for each in entries}
        # Of an application few; a tag stays when the blocks that had it are pruned.
        new = {
            tag: number
            for number, tag in enumerate(sorted(named - self._tags.keys()), len(self._tags) + 1)
        }
        tags = self._tags | new if new else self._tags
        rows = [
            (height, each.index, each.event, tags[each.of_block, each.tag], each.value)
            for each in entries
        ]
        last = self._last_row + len(rows)
        insert = self._connection.executemany
        with self._change():
            insert("INSERT INTO tags VALUES (?, ?, ?)", [(n, *tag) for tag, n in new.items()])
            insert(
                "INSERT INTO attributes (height, tx, event, tag, value) VALUES (?, ?, ?, ?, ?)",
                rows,
            )
            insert(
                "INSERT INTO transactions VALUES (?, ?, ?, ?)",
                [(height, index, digest, ok) for index, (digest, ok) in enumerate(txs)],
            )
            insert("INSERT INTO blocks VALUES (?, ?)", [(height, last)])
        self._tags, self._height, self._last_row = tags, height, last

    def position(self, digest: bytes) -> Position | None:
        """Return where a transaction is: of several with one hash, the last that succeeded."""
        row = self._connection.execute(
            "SELECT height, tx FROM transactions WHERE hash = ? "
            "ORDER BY ok DESC, height DESC, tx DESC LIMIT 1",
            (digest,),
        ).fetchone()
        return None if row is None else (BlockHeight(row[0]), row[1])

    # --- searching ----------------------------------------------------------------------

    def find(self, search: Search, *, limit: int) -> Sequence[Position]:
        """Return the first ``limit`` that fit, oldest first.

        Raises:
            SearchTooBroad: Over ``MAX_SEARCH_STEPS`` of SQLite.
        """
        if not search.groups:
            table = "blocks" if search.of_block else "transactions"
            column = "0" if search.of_block else "tx"
            query = f"SELECT height, {column} FROM {table} WHERE height BETWEEN ? AND ?"  # noqa: S608 - names from above
            return self._positions(query, [search.low, search.high], limit)
        groups: list[list[tuple[int, _Sought]]] = []
        for group in search.groups:
            sought = []
            for term in group:
                number = self._tags.get((search.of_block, term.tag))
                if number is None:
                    return ()
                sought.append((number, term.value))
            groups.append(sorted((self._rows_of(each, search), each) for each in sought))
        # Beginning with what is rare makes the rest a few look-ups.
        first, *others = ([each for _, each in group] for group in sorted(groups))
        tables, where, values = _joined("a", first)
        where.append("a0.height BETWEEN ? AND ?")
        values += [search.low, search.high]
        for number, other in enumerate(others):
            name = f"b{number}_"
            inner, inner_where, inner_values = _joined(name, other)
            inner_where += [f"{name}0.height = +a0.height", f"{name}0.tx = a0.tx"]
            where.append(f"EXISTS (SELECT 1 FROM {inner} WHERE {' AND '.join(inner_where)})")  # noqa: S608 - names from above
            values += inner_values
        query = f"SELECT DISTINCT a0.height, a0.tx FROM {tables} WHERE {' AND '.join(where)}"  # noqa: S608 - names from above
        return self._positions(query, values, limit)

    def _rows_of(self, sought: "_Sought", search: Search) -> int:
        """Return how many rows a condition has, up to ``_RARITY_ROWS``."""
        tag, value = sought
        if value is None:
            return _RARITY_ROWS
        return self._one(
            "SELECT COUNT(*) FROM (SELECT 1 FROM attributes "
            "WHERE tag = ? AND value = ? AND height BETWEEN ? AND ? LIMIT ?)",
            tag, value, search.low, search.high, _RARITY_ROWS,
        )  # fmt: skip

    def _positions(self, query: str, values: list[object], limit: int) -> Sequence[Position]:
        calls = 0

        def is_enough() -> bool:
            nonlocal calls
            calls += 1
            return calls * _STEPS_PER_CALL > MAX_SEARCH_STEPS

        self._connection.set_progress_handler(is_enough, _STEPS_PER_CALL)
        try:
            rows = self._connection.execute(f"{query} ORDER BY 1, 2 LIMIT ?", (*values, limit))
            return [(BlockHeight(height), index) for height, index in rows]
        except sqlite3.OperationalError as error:
            if "interrupted" in str(error):
                raise SearchTooBroad(limit=MAX_SEARCH_STEPS) from error
            raise DatabaseUnusable(path=self._path, reason=str(error)) from error
        finally:
            self._connection.set_progress_handler(None, 0)

    # --- removing -----------------------------------------------------------------------

    def remove_below(self, height: BlockHeight) -> None:
        """Remove the blocks below a height.

        Raises:
            DatabaseUnusable: The disk refused; nothing was changed.
        """
        last = self._one("SELECT MAX(last_row) FROM blocks WHERE height < ?", height)
        with self._change():
            self._connection.execute("DELETE FROM attributes WHERE id <= ?", (last,))
            self._connection.execute("DELETE FROM transactions WHERE height < ?", (height,))
            # The last block stays: it says how far the index is.
            self._connection.execute(
                "DELETE FROM blocks WHERE height < ? AND height < ?", (height, self._height)
            )

    def remove_from(self, height: BlockHeight) -> None:
        """Remove a height and all above it.

        Raises:
            DatabaseUnusable: The disk refused; nothing was changed.
        """
        last = self._one("SELECT MAX(last_row) FROM blocks WHERE height < ?", height)
        with self._change():
            self._connection.execute("DELETE FROM attributes WHERE id > ?", (last,))
            for table in ("transactions", "blocks"):
                self._connection.execute(f"DELETE FROM {table} WHERE height >= ?", (height,))  # noqa: S608 - names from above
        self._height = self._one("SELECT MAX(height) FROM blocks")
        self._last_row = last

    def close(self) -> None:
        """Let the file go; not to be used after."""
        self._database.close()


_Sought = tuple[int, str | None]
"""A tag's number and the value it must have."""


def _joined(name: str, sought: Sequence[_Sought]) -> tuple[str, list[str], list[object]]:
    """Return tables, conditions and values of attributes that stand in one event."""
    tables = " CROSS JOIN ".join(f"attributes {name}{number}" for number in range(len(sought)))
    where: list[str] = []
    values: list[object] = []
    for number, (tag, value) in enumerate(sought):
        here = f"{name}{number}"
        where.append(f"{here}.tag = ?")
        values.append(tag)
        if value is not None:
            where.append(f"{here}.value = ?")
            values.append(value)
        if number:
            # The plus keeps SQLite from looking through a range of heights instead of at one.
            where.append(f"{here}.height = +{name}0.height")
            where += [f"{here}.{column} = {name}0.{column}" for column in ("tx", "event")]
    return tables, where, values
