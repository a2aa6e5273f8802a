"""The relayer's journal in SQLite: transactions by name and fate, and what was reported."""

import contextlib
import sqlite3
import time
from pathlib import Path
from typing import Any

import sqlite_utils

from chainkit.primitives.errors import OperationFailed
from chainkit.primitives.types import BlockHeight, ChainId, Sequence
from relayer.ports import Submission

MAX_NOTES = 100_000
"""Reports kept; the oldest are dropped, as the chains hold what happened."""

MAX_SETTLED = 100_000
_NOTES_BETWEEN_PRUNING = 1_000


class JournalUnusable(OperationFailed):
    """The file can't be used as a journal."""

    def __init__(self, *, path: Path, reason: str) -> None:
        super().__init__(f"journal {path} can't be used: {reason}")
        self.path = path
        self.reason = reason


class SqliteJournal:
    """One relayer's journal in one file; every write is on disk when the call returns."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            connection = sqlite3.connect(path, isolation_level=None, timeout=5)
            connection.execute("pragma journal_mode = WAL")
            connection.execute("pragma synchronous = FULL")
            self._database = sqlite_utils.Database(connection)
            self._database.table("submissions").create(
                {
                    "tx_hash": str,
                    "chain_id": str,
                    "height": int,
                    "summary": str,
                    "submitted_at": int,
                    "code": int,
                    "log": str,
                    "data": bytes,
                    "account_sequence": int,
                },
                pk="tx_hash",
                if_not_exists=True,
            )
            self._database.table("notes").create(
                {"id": int, "at": int, "path": str, "event": str, "detail": str},
                pk="id",
                if_not_exists=True,
            )
            self._database.table("submissions").create_index(
                ["chain_id", "code"], if_not_exists=True
            )
        except sqlite3.Error as error:
            raise JournalUnusable(path=path, reason=str(error)) from error
        self._notes_since_pruning = 0

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def submitted(self, submission: Submission) -> None:
        """Keep that this transaction is about to be broadcast."""
        self._write(
            "insert or ignore into submissions"
            " (tx_hash, chain_id, height, summary, submitted_at, data, account_sequence)"
            " values (?, ?, ?, ?, ?, ?, ?)",
            (
                submission.tx_hash,
                submission.chain_id,
                submission.height,
                submission.summary,
                time.time_ns(),
                submission.data,
                submission.account_sequence,
            ),
        )

    def settled(self, tx_hash: str, *, code: int, log: str) -> None:
        """Keep what came of a transaction."""
        self._write(
            "update submissions set code = ?, log = ?, data = null where tx_hash = ?",
            (code, log, tx_hash),
        )

    def unsettled(self, chain_id: ChainId) -> tuple[Submission, ...]:
        """Return the transactions on a chain of which nothing is known, oldest first."""
        rows = self._read(
            "select tx_hash, height, summary, data, account_sequence from submissions"
            " where chain_id = ? and code is null order by submitted_at",
            (chain_id,),
        )
        return tuple(
            Submission(chain_id, tx_hash, BlockHeight(height), summary, data, Sequence(sequence))
            for tx_hash, height, summary, data, sequence in rows
        )

    def note(self, path: str, event: str, detail: str) -> None:
        """Keep a report."""
        self._write(
            "insert into notes (at, path, event, detail) values (?, ?, ?, ?)",
            (time.time_ns(), path, event, detail),
        )
        self._notes_since_pruning += 1
        if self._notes_since_pruning >= _NOTES_BETWEEN_PRUNING:
            self._notes_since_pruning = 0
            self._write(
                "delete from notes where id <= (select max(id) from notes) - ?", (MAX_NOTES,)
            )
            self._write(
                "delete from submissions where code is not null and rowid <="
                " (select max(rowid) from submissions) - ?",
                (MAX_SETTLED,),
            )

    def notes(self, event: str | None = None) -> list[tuple[str, int, str, str]]:
        """Return (event, time in ns, path, JSON detail) of the reports, oldest first."""
        if event is None:
            return self._read("select event, at, path, detail from notes order by id", ())
        return self._read(
            "select event, at, path, detail from notes where event = ? order by id", (event,)
        )

    def _write(self, sql: str, values: tuple[object, ...]) -> None:
        try:
            self._database.conn.execute(sql, values)
        except sqlite3.Error as error:
            raise JournalUnusable(path=self._path, reason=str(error)) from error

    def _read(self, sql: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        try:
            return list(self._database.conn.execute(sql, values))
        except sqlite3.Error as error:
            raise JournalUnusable(path=self._path, reason=str(error)) from error


def read_last_notes(path: Path) -> list[tuple[str, str, int]]:
    """Return (path of the relayer, event, time in ns) of each path's newest report.

    For others than the relayer: nothing is written, and a file that is not there is empty.

    Raises:
        JournalUnusable: The file is no journal.
    """
    if not path.exists():
        return []
    try:
        with contextlib.closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=5)
        ) as connection:
            return list(connection.execute("select path, event, max(at) from notes group by path"))
    except sqlite3.Error as error:
        raise JournalUnusable(path=path, reason=str(error)) from error
