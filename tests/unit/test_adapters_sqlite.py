"""SQLite as the node's key-value database."""

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from isthmus.adapters.sqlite import DatabaseInUse, DatabaseUnusable, SqliteDatabase


def test_a_write_is_seen_by_reads_and_by_the_next_process_life(tmp_path: Path) -> None:
    """
    What was written is there, also after the file is opened again.
    """
    database = SqliteDatabase(tmp_path / "a.db")
    database.write({b"one": b"1", b"empty": b"", b"": b"root"})
    database.write({b"one": None, b"two": b"2"})
    database.close()
    again = SqliteDatabase(tmp_path / "a.db")

    assert again.get(b"one") is None
    assert again.get(b"two") == b"2"
    assert again.get(b"empty") == b""
    assert list(again.iterate(b"", None)) == [(b"", b"root"), (b"empty", b""), (b"two", b"2")]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("bounds", [(b"", None), (b"\x00\x10", b"\x03\x00"), (b"\xff", None)])
def test_ranges_are_half_open_and_go_both_ways(
    tmp_path: Path, bounds: tuple[bytes, bytes | None], reverse: bool
) -> None:
    """
    Ranges longer than one read keep their order, their bounds, and lose no key.
    """
    database = SqliteDatabase(tmp_path / "a.db")
    keys = [number.to_bytes(2, "big") for number in range(1000)]
    database.write({key: key for key in keys})
    start, end = bounds
    expected = [key for key in keys if key >= start and (end is None or key < end)]

    got = [key for key, _ in database.iterate(start, end, reverse=reverse)]

    assert got == (expected[::-1] if reverse else expected)


def test_entries_may_be_deleted_while_a_range_is_read(tmp_path: Path) -> None:
    """
    Pruning deletes what it reads; the reader still sees each key once.
    """
    database = SqliteDatabase(tmp_path / "a.db")
    database.write({number.to_bytes(2, "big"): b"x" for number in range(600)})
    seen = []
    for key, _ in database.iterate(b"", None):
        seen.append(key)
        database.write({key: None})

    assert len(seen) == 600
    assert list(database.iterate(b"", None)) == []


def test_a_refused_write_changes_nothing(tmp_path: Path) -> None:
    """
    A value that SQLite cannot store refuses the whole write.
    """
    database = SqliteDatabase(tmp_path / "a.db")
    database.write({b"a": b"1"})
    with pytest.raises(sqlite3.ProgrammingError):
        database.write({b"b": b"2", b"c": object()})  # type: ignore[dict-item]

    assert list(database.iterate(b"", None)) == [(b"a", b"1")]
    database.write({b"b": b"2"})
    assert database.get(b"b") == b"2"


def test_a_second_process_is_refused_by_name(tmp_path: Path) -> None:
    """
    Two nodes on one home would fork each other's state: the second does not start.
    """
    path = tmp_path / "a.db"
    database = SqliteDatabase(path)
    code = (
        "import sys, pathlib\n"
        "from isthmus.adapters.sqlite import SqliteDatabase, DatabaseInUse\n"
        "try:\n    SqliteDatabase(pathlib.Path(sys.argv[1]))\n"
        "except DatabaseInUse:\n    sys.exit(7)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False, timeout=60)

    assert done.returncode == 7
    with pytest.raises(DatabaseInUse):
        SqliteDatabase(path)
    database.close()
    SqliteDatabase(path).close()


def test_a_file_of_something_else_is_refused_by_name(tmp_path: Path) -> None:
    """
    A file that is no database is not overwritten.
    """
    path = tmp_path / "a.db"
    path.write_bytes(b"not a database at all, but long enough to look" * 10)
    with pytest.raises(DatabaseUnusable):
        SqliteDatabase(path)

    assert path.read_bytes().startswith(b"not a database")


def test_what_is_written_later_comes_with_the_next_write_or_not_at_all(tmp_path: Path) -> None:
    """
    Readers see it at once; kill -9 takes it, unless a write came after it.
    """
    path = tmp_path / "a.db"
    code = (
        "import os, signal, sys, pathlib\n"
        "from isthmus.adapters.sqlite import SqliteDatabase\n"
        "database = SqliteDatabase(pathlib.Path(sys.argv[1]))\n"
        "database.write_later({b'a': b'1'})\n"
        "database.write({b'b': b'2'})\n"
        "database.write_later({b'a': None, b'c': b'3'})\n"
        "assert [key for key, _ in database.iterate(b'', None)] == [b'b', b'c']\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False, timeout=60)

    assert done.returncode == -signal.SIGKILL
    assert list(SqliteDatabase(path).iterate(b"", None)) == [(b"a", b"1"), (b"b", b"2")]


def test_what_is_left_for_later_is_stored_by_closing(tmp_path: Path) -> None:
    """
    A node that stops in order loses nothing.
    """
    database = SqliteDatabase(tmp_path / "a.db")
    database.write_later({b"a": b"1"})
    database.close()

    assert SqliteDatabase(tmp_path / "a.db").get(b"a") == b"1"


def test_only_every_nth_write_waits_for_the_disk(tmp_path: Path) -> None:
    """
    With ``sync_every`` 3, writes 3 and 6 are made with SQLite's full synchronisation.
    """
    database = SqliteDatabase(tmp_path / "a.db", sync_every=3)
    statements: list[str] = []
    database._connection.set_trace_callback(statements.append)
    full = []
    for number in range(7):
        statements.clear()
        database.write({b"k": bytes([number])})
        full.append("PRAGMA synchronous = FULL" in statements[:1])

    assert full == [False, False, True, False, False, True, False]
    assert database._connection.execute("PRAGMA synchronous").fetchone() == (1,)
    assert database.get(b"k") == b"\x06"


def test_a_write_survives_kill_9(tmp_path: Path) -> None:
    """
    What `write` returned for is there after the process is killed, all of it.
    """
    path = tmp_path / "a.db"
    code = (
        "import os, signal, sys, pathlib\n"
        "from isthmus.adapters.sqlite import SqliteDatabase\n"
        "database = SqliteDatabase(pathlib.Path(sys.argv[1]))\n"
        "database.write({b'a': b'1', b'b': b'2'})\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=False, timeout=60)

    assert list(SqliteDatabase(path).iterate(b"", None)) == [(b"a", b"1"), (b"b", b"2")]
