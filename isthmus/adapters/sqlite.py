"""The key-value database over SQLite: ``chainkit.commitments.database.KeyValueDatabase``.

WAL mode, one writer: the file is locked for as long as the process lives (a second node on
the same home is refused by name), and the lock goes with the process, even after kill -9.
Reads and writes come from the thread of the event loop; SQLite's own checks refuse others.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import sqlite_utils

from chainkit.primitives.errors import OperationFailed

_ROWS_PER_READ = 256
"""Rows fetched at a time by ``iterate``: bounded memory, and writes may go between."""

_CACHE_KIB = 4_096
"""Page cache of one database (SQLite's default is 2,000 KiB); what falls out of it is still in
the kernel's."""


class DatabaseInUse(OperationFailed):
    """Another process holds the database."""

    def __init__(self, *, path: Path) -> None:
        super().__init__(f"{path} is in use by another process: is a node with this home running?")
        self.path = path


class DatabaseUnusable(OperationFailed):
    """The file is not a database of ours, or the disk refuses."""

    def __init__(self, *, path: Path, reason: str) -> None:
        super().__init__(f"{path} cannot be used: {reason}")
        self.path = path
        self.reason = reason


class SqliteDatabase:
    """Bytes to bytes in key order, in one file. Mutable: it owns the connection.

    Args:
        path: The file; made if absent.
        sync_every: 1 makes every ``write`` durable when it returns, as consensus needs. With
            n, power loss may take the last n - 1 writes (kill -9 none), never their order.
    """

    def __init__(self, path: Path, *, sync_every: int = 1) -> None:
        assert sync_every >= 1
        self._path = path
        self._sync_every = sync_every
        self._writes = 0
        try:
            # isolation_level None: transactions are ours to begin and end.
            connection = sqlite3.connect(path, isolation_level=None, timeout=0)
            self._database = sqlite_utils.Database(connection)
            self._connection: sqlite3.Connection = self._database.conn
            for pragma in (
                "locking_mode = EXCLUSIVE",
                "journal_mode = WAL",
                f"synchronous = {'FULL' if sync_every == 1 else 'NORMAL'}",
                f"cache_size = -{_CACHE_KIB}",
            ):
                self._connection.execute(f"PRAGMA {pragma}").fetchall()
            self._connection.execute(
                "CREATE TABLE IF NOT EXISTS entries "
                "(key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID"
            )
            # Takes the exclusive lock now, not at the first block.
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise DatabaseInUse(path=path) from error
            raise DatabaseUnusable(path=path, reason=str(error)) from error
        except sqlite3.DatabaseError as error:
            raise DatabaseUnusable(path=path, reason=str(error)) from error

    def get(self, key: bytes) -> bytes | None:
        """Return the value at ``key``, or None."""
        row = self._connection.execute("SELECT value FROM entries WHERE key = ?", (key,)).fetchone()
        return None if row is None else bytes(row[0])

    def iterate(
        self, start: bytes, end: bytes | None, *, reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield entries with ``start`` <= key < ``end`` in key order, or in reverse.

        ``end`` None means "to the last key". Writes during the iteration are allowed; it
        then shows some of them or none.
        """
        low, high = start, end
        order = "DESC" if reverse else "ASC"
        above = ">="
        while True:
            clauses, values = [f"key {above} ?"], [low]
            if high is not None:
                clauses.append("key < ?")
                values.append(high)
            query = (
                f"SELECT key, value FROM entries WHERE {' AND '.join(clauses)} "  # noqa: S608 - operators only
                f"ORDER BY key {order} LIMIT {_ROWS_PER_READ}"
            )
            rows = self._connection.execute(query, values).fetchall()
            for key, value in rows:
                yield bytes(key), bytes(value)
            if len(rows) < _ROWS_PER_READ:
                return
            if reverse:
                high = bytes(rows[-1][0])
            else:
                low, above = bytes(rows[-1][0]), ">"

    def write(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Store or (None) delete the keys, and what ``write_later`` left: all or nothing.

        Raises:
            DatabaseUnusable: The disk refused; nothing was changed, and what was left for
                later is gone: the process must not go on with this database.
        """
        self._writes += 1
        synced = self._sync_every > 1 and self._writes % self._sync_every == 0
        if synced:
            self._connection.execute("PRAGMA synchronous = FULL")
        with self._all_or_nothing():
            self._change(changes)
            self._connection.execute("COMMIT")
        if synced:
            self._connection.execute("PRAGMA synchronous = NORMAL")

    def write_later(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Store or delete the keys for readers now, on disk together with the next ``write``.

        Raises:
            DatabaseUnusable: As :meth:`write`.
        """
        assert self._sync_every == 1, "there is no wait to put off"
        with self._all_or_nothing():
            self._change(changes)

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """Roll the open transaction back where something fails."""
        try:
            yield
        except BaseException as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.OperationalError):
                raise DatabaseUnusable(path=self._path, reason=str(error)) from error
            raise

    def _change(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Change entries in the open transaction; begin one where none is open."""
        if not self._connection.in_transaction:
            self._connection.execute("BEGIN IMMEDIATE")
        stored = [(key, value) for key, value in changes.items() if value is not None]
        deleted = [(key,) for key, value in changes.items() if value is None]
        self._connection.executemany(
            "INSERT INTO entries VALUES (?, ?) "
            "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            stored,
        )
        self._connection.executemany("DELETE FROM entries WHERE key = ?", deleted)

    def close(self) -> None:
        """Store what was left for later and let the file go; not to be used after."""
        if self._connection.in_transaction:
            self._connection.execute("COMMIT")
        self._database.close()
