"""The consensus write-ahead log."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainkit.primitives.types import BlockHeight
from relay_chain.node import wal as wal_module
from relay_chain.node.wal import (
    WalCorrupted,
    WalEntryTooLong,
    WriteAheadLog,
    frame,
    read_log,
    scan,
)


def written(path: Path, *entries: bytes) -> None:
    log = WriteAheadLog(path)
    log.end_height(BlockHeight(7))
    for entry in entries:
        log.append(entry)
    log.close()


def test_entries_after_the_last_height_come_back_in_order(tmp_path: Path) -> None:
    """
    Replay starts after the last decided height and keeps the order of writing.
    """
    path = tmp_path / "wal"
    log = WriteAheadLog(path)

    assert log.recovered.last_height is None
    log.append(b"old")
    log.end_height(BlockHeight(1))
    log.append(b"a")
    log.append(b"")
    log.append(b"b")
    log.sync()
    found = WriteAheadLog(path).recovered
    assert found.last_height == 1
    assert found.entries == (b"a", b"", b"b")
    assert found.torn_bytes == 0


def test_sync_reaches_the_file(tmp_path: Path) -> None:
    """
    After sync the bytes are in the file, not in this process: kill -9 cannot lose them.
    """
    path = tmp_path / "wal"
    log = WriteAheadLog(path)
    log.append(b"vote")
    log.sync()

    assert b"vote" in path.read_bytes()


def test_a_torn_tail_at_every_byte_is_cut_and_the_rest_kept(tmp_path: Path) -> None:
    """
    Whatever byte a crash tore the last frame at, the frames before it survive, and new ones follow.
    """
    whole = tmp_path / "whole"
    written(whole, b"first", b"second")
    data = whole.read_bytes()
    last = len(frame(b"\x01second"))
    for cut in range(1, last):
        path = tmp_path / f"cut{cut}"
        path.write_bytes(data[: len(data) - cut])
        log = WriteAheadLog(path)
        assert log.recovered.entries == (b"first",)
        assert log.recovered.torn_bytes == last - cut
        assert path.with_name(path.name + ".torn").exists()
        log.append(b"third")
        log.sync()
        assert WriteAheadLog(path).recovered.entries == (b"first", b"third")


@pytest.mark.parametrize("bit", range(8))
def test_a_flipped_bit_in_the_middle_is_refused_by_name(tmp_path: Path, bit: int) -> None:
    """
    Whole records follow, so no crash tore this one: they are not skipped, and nothing is cut.
    """
    path = tmp_path / "wal"
    written(path, b"first", b"second")
    data = path.read_bytes()
    first = data.index(b"first") - 9
    for position in range(first, first + len(frame(b"\x01first"))):
        flipped = bytearray(data)
        flipped[position] ^= 1 << bit
        path.write_bytes(flipped)
        with pytest.raises(WalCorrupted) as refused:
            WriteAheadLog(path)
        assert refused.value.offset == first
        assert path.read_bytes() == flipped


def test_a_flipped_bit_in_the_last_record_is_a_torn_tail(tmp_path: Path) -> None:
    """
    A crash can do that: the records before it stand.
    """
    path = tmp_path / "wal"
    written(path, b"first", b"second")
    data = path.read_bytes()
    for position in range(data.index(b"second") - 9, len(data)):
        flipped = bytearray(data)
        flipped[position] ^= 0x40
        path.write_bytes(flipped)
        assert WriteAheadLog(path).recovered.entries == (b"first",)


def test_a_record_that_looks_like_frames_everywhere_costs_no_hours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    The search behind a bad record is bounded, and ends on the safe side.
    """
    monkeypatch.setattr("relay_chain.node.wal.WAL_SEARCH_BYTES", 1_000)
    torn = b"\xff" * 8 + b"\x00\x00\x00\x10" * 500
    with pytest.raises(WalCorrupted):
        read_log(torn)


@given(st.binary(max_size=200))
def test_any_bytes_can_be_scanned(data: bytes) -> None:
    """
    Scanning never raises, whatever is in the file.
    """
    assert all(payload for _, payload in scan(data))


def test_the_file_is_bounded(tmp_path: Path) -> None:
    """
    A node that runs for months keeps a log of bounded size, and the last mark.
    """
    path = tmp_path / "wal"
    log = WriteAheadLog(path, rotate_bytes=1000)
    sizes = []
    for height in range(1, 100):
        log.append(b"x" * 100)
        log.end_height(BlockHeight(height))
        sizes.append(path.stat().st_size)
    log.append(b"after")
    log.close()

    assert max(sizes) < 1200
    assert WriteAheadLog(path).recovered.last_height == 99
    assert WriteAheadLog(path).recovered.entries == (b"after",)


def test_an_entry_that_would_read_as_torn_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The bound of the reader is the bound of the writer.
    """
    monkeypatch.setattr(wal_module, "MAX_WAL_ENTRY_BYTES", 10)
    log = WriteAheadLog(tmp_path / "wal")
    log.append(b"x" * 9)
    with pytest.raises(WalEntryTooLong):
        log.append(b"x" * 10)
    log.close()

    assert WriteAheadLog(tmp_path / "wal").recovered.entries == (b"x" * 9,)
