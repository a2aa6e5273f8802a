"""The index of events: what searches find, and what it keeps through pruning and crashes."""

import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from chainkit.formats.tendermint.hashing import tx_hash
from chainkit.runtime.events import Event
from isthmus.adapters import event_index as adapter
from isthmus.adapters.event_index import SqliteEventIndex
from isthmus.adapters.sqlite import DatabaseInUse, DatabaseUnusable, SqliteDatabase
from isthmus.cli.node import main
from relay_chain.node import event_index
from relay_chain.node.event_index import (
    EventIndex,
    IndexEntry,
    Search,
    SearchTooBroad,
    block_tags,
    index_entries,
    tx_tags,
)
from relay_chain.node.event_query import matches, matches_anywhere, parse_query
from relay_chain.node.node import NodePaths
from relay_chain.node.ports import FinalizeBlockResult, TxResult
from tests.node_in_memory import MemoryNode, make_executor


class Chain:
    """Blocks of transactions that emitted what a test says, and the index over them."""

    def __init__(self, blocks: Sequence[FinalizeBlockResult], path: Path | None = None) -> None:
        self.results = dict(enumerate(blocks, 1))
        self.database = SqliteEventIndex(path)
        self.index = EventIndex(self.database, self, self)
        for height in self.results:
            self.add(height)

    def add(self, height: int) -> None:
        result = self.results[height]
        txs = [(self.hash(height, n), r.code == 0) for n, r in enumerate(result.tx_results)]
        self.database.add(height, txs, index_entries(result))

    @staticmethod
    def hash(height: int, number: int) -> bytes:
        return tx_hash(b"%d/%d" % (height, number))

    # --- as the stores that the index reads ---

    def base(self) -> int:
        return 1

    def height(self) -> int:
        return len(self.results)

    def meta(self, height: int) -> object:
        return self.results.get(height)

    def block(self, height: int) -> object:
        txs = tuple(b"%d/%d" % (height, n) for n in range(len(self.results[height].tx_results)))
        return type("Block", (), {"txs": txs})()

    def result(self, height: int) -> FinalizeBlockResult | None:
        return self.results.get(height)

    # --- what there is to find ---

    def txs(self, query: str) -> list[tuple[int, int]]:
        return [hit for hit in self.index.scan_txs(parse_query(query)) if hit]

    def blocks(self, query: str) -> list[int]:
        return [hit[0] for hit in self.index.scan_blocks(parse_query(query)) if hit]

    def txs_by_hand(self, query: str) -> list[tuple[int, int]]:
        parsed = parse_query(query)
        return [
            (height, number)
            for height, result in self.results.items()
            for number, outcome in enumerate(result.tx_results)
            if matches(
                parsed,
                (
                    *outcome.events,
                    tx_tags(height, self.hash(height, number)),
                    Event("tm", (("event", "Tx"),)),
                ),
            )
        ]

    def blocks_by_hand(self, query: str) -> list[int]:
        parsed = parse_query(query)
        return [
            height
            for height, result in self.results.items()
            if matches(
                parsed,
                (*result.events, block_tags(height), Event("tm", (("event", "NewBlock"),))),
            )
        ]


def emitted(*txs: tuple[Event, ...], block: tuple[Event, ...] = ()) -> FinalizeBlockResult:
    results = tuple(TxResult(events=events) for events in txs)
    return FinalizeBlockResult(tx_results=results, events=block)


def packet(sequence: str, channel: str, **more: str) -> Event:
    fields = {"packet_sequence": sequence, "packet_src_channel": channel, **more}
    return Event("send_packet", tuple(fields.items()))


# --- searching ----------------------------------------------------------------------------


def test_conditions_hold_within_one_event() -> None:
    """
    Two packets of one transaction do not lend each other their attributes; a subscription,
    as CometBFT's, does not ask for that.
    """
    both = (packet("7", "channel-0"), packet("8", "channel-1"))
    chain = Chain([emitted(both), emitted((packet("7", "channel-1"),))])
    right = "send_packet.packet_sequence = '7' AND send_packet.packet_src_channel = 'channel-0'"
    crossed = "send_packet.packet_sequence = '7' AND send_packet.packet_src_channel = 'channel-1'"

    assert chain.txs(right) == [(1, 0)]
    assert chain.txs(crossed) == [(2, 0)]
    assert not matches(parse_query(crossed), both)
    assert matches_anywhere(parse_query(crossed), both)


def test_a_search_is_by_the_whole_of_names_and_values() -> None:
    """
    Names that begin alike, keys with dots, values cut off in the index, and an application's
    own ``tx`` events are told apart.
    """
    long = "f" * 300
    chain = Chain(
        [
            emitted((packet("7", "channel-1"),), (packet("7", "channel-10"),)),
            emitted((Event("a", (("b.c", "1"),)),), (Event("a.b", (("c", "2"),)),)),
            emitted((packet("9", "x", data=long),), (packet("9", "x", data=long + "e"),)),
            emitted((Event("tx", (("fee", "5stake"), ("acc_seq", "me/3"))),)),
        ]
    )

    assert chain.txs("send_packet.packet_src_channel = 'channel-1'") == [(1, 0)]
    assert chain.txs("a.b.c = '1'") == [(2, 0)]
    assert chain.txs("a.b EXISTS") == [(2, 1)]
    assert chain.txs("a.b.c EXISTS") == [(2, 0), (2, 1)]
    assert chain.txs("a.b.c = '1' AND a.b EXISTS") == []
    assert chain.txs("tx EXISTS AND a.b.c = '1'") == [(2, 0)]
    assert chain.txs(f"send_packet.data = '{long}'") == [(3, 0)]
    assert chain.txs("send_packet.data CONTAINS 'ffe'") == [(3, 1)]
    assert chain.txs("tx.acc_seq = 'me/3'") == [(4, 0)]
    assert chain.txs("tx.fee > 4 AND tx.height = 4") == [(4, 0)]
    assert chain.txs("tx.fee > 4 AND tx.height < 4") == []
    digest = chain.hash(3, 1).hex().upper()
    assert chain.txs(f"tx.hash = '{digest}'") == [(3, 1)]
    assert chain.txs(f"tx.hash = '{digest}' AND tx.height = 2") == []
    assert chain.txs(f"tx.hash = '{digest.lower()}'") == []
    assert chain.txs("tx.hash = 'zz'") == []


@pytest.mark.parametrize(
    ("condition", "heights"),
    [
        ("= 3", [3]), ("= '3'", [3]), ("= '03'", []), ("= '3 '", []), ("= 3.5", []),
        ("> 3", [4, 5]), (">= 3", [3, 4, 5]), ("> 3.5", [4, 5]), (">= 3.5", [4, 5]),
        ("< 3", [1, 2]), ("<= 3", [1, 2, 3]), ("< 3.5", [1, 2, 3]), ("<= 3.5", [1, 2, 3]),
        ("EXISTS", [1, 2, 3, 4, 5]), ("CONTAINS '3'", [3]), ("= 99999999999999999999", []),
        ("> DATE 2020-01-01", []),
    ],
)  # fmt: skip
def test_heights_are_ranges(condition: str, heights: list[int]) -> None:
    """
    Of blocks and of transactions, in every form of a number.
    """
    chain = Chain([emitted((), block=(Event("e", (("k", "v"),)),))] * 5)

    assert chain.blocks(f"block.height {condition}") == heights
    assert [height for height, _ in chain.txs(f"tx.height {condition}")] == heights
    assert chain.blocks(f"e.k = 'v' AND block.height {condition}") == heights
    assert chain.blocks("tm.event = 'Tx'") == []
    assert chain.txs(f"block.height {condition}") == []


TYPES = st.sampled_from(["a", "a.b", "tx", "transfer"])
KEYS = st.sampled_from(["b", "b.c", "amount", "fee"])
VALUES = st.sampled_from(["", "1", "12", "12stake", "x", "xy", "2024-01-02", "y" * 127, "y" * 129])
EVENTS = st.lists(
    st.builds(
        lambda kind, pairs: Event(kind, tuple(pairs)),
        TYPES,
        st.lists(st.tuples(KEYS, VALUES), max_size=3),
    ),
    max_size=3,
).map(tuple)
RESULTS = st.lists(
    st.builds(lambda txs, block: emitted(*txs, block=block), st.lists(EVENTS, max_size=3), EVENTS),
    min_size=1,
    max_size=4,
)
TAGS = st.builds(lambda kind, key: f"{kind}.{key}", TYPES, KEYS)
CONDITIONS = st.one_of(
    st.builds(lambda tag, value: f"{tag} = '{value}'", TAGS, VALUES),
    st.builds(lambda tag: f"{tag} EXISTS", TAGS),
    st.builds(lambda tag: f"{tag} EXISTS", TYPES),
    st.builds(lambda tag, value: f"{tag} CONTAINS '{value}'", TAGS, st.sampled_from("1xy")),
    st.builds(lambda tag, op, n: f"{tag} {op} {n}", TAGS, st.sampled_from("<>="), st.integers(0, 20)),
    st.builds(lambda tag: f"{tag} >= DATE 2024-01-01", TAGS),
    st.builds(lambda op, n: f"tx.height {op} {n}", st.sampled_from("<>="), st.integers(0, 5)),
    st.builds(lambda op, n: f"block.height {op} {n}", st.sampled_from("<>="), st.integers(0, 5)),
    st.sampled_from(["tm.event = 'Tx'", "tm.event = 'NewBlock'", "tm.event EXISTS"]),
)  # fmt: skip


@settings(max_examples=50)
@given(RESULTS, st.lists(CONDITIONS, min_size=1, max_size=4))
def test_a_search_finds_what_looking_at_everything_finds(
    results: list[FinalizeBlockResult], conditions: list[str]
) -> None:
    """
    Whatever was emitted and whatever is asked: the index is an index, not another semantics.
    """
    chain = Chain(results)
    query = " AND ".join(conditions)
    found, blocks = chain.txs(query), chain.blocks(query)
    chain.database.close()

    assert found == chain.txs_by_hand(query)
    assert blocks == chain.blocks_by_hand(query)


def test_of_one_transaction_twice_the_last_that_succeeded_is_found() -> None:
    """
    A later failure of the same bytes does not hide the success; both are found by height.
    """
    database = SqliteEventIndex(None)
    for height, succeeded in enumerate((False, True, True, False), 1):
        database.add(height, [(b"h" * 32, succeeded)], ())

    assert database.position(b"h" * 32) == (3, 0)
    assert database.position(b"g" * 32) is None
    everything = Search(of_block=False, low=1, high=9, groups=())
    assert database.find(everything, limit=9) == [(1, 0), (2, 0), (3, 0), (4, 0)]


def test_a_search_that_is_too_broad_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Too many matches, too many candidates to look at, too long a search: each has its bound.
    """
    chain = Chain([emitted(*[(packet(str(n % 7), "c"),) for n in range(20)]) for _ in range(5)])
    monkeypatch.setattr(event_index, "MAX_SEARCH_RESULTS", 99)
    with pytest.raises(SearchTooBroad):
        chain.txs("send_packet.packet_src_channel = 'c'")
    monkeypatch.setattr(event_index, "MAX_SEARCH_RESULTS", 100)
    assert len(chain.txs("send_packet.packet_src_channel = 'c'")) == 100
    monkeypatch.setattr(event_index, "MAX_SEARCH_SCANNED", 99)
    with pytest.raises(SearchTooBroad):
        chain.txs("send_packet.packet_sequence > 5")
    with pytest.raises(SearchTooBroad):
        chain.index.search_txs(parse_query("send_packet.packet_src_channel = 'c'"))
    monkeypatch.setattr(adapter, "_STEPS_PER_CALL", 10)
    monkeypatch.setattr(adapter, "MAX_SEARCH_STEPS", 100)
    with pytest.raises(SearchTooBroad):
        chain.txs("send_packet.packet_src_channel = 'c' AND send_packet.packet_sequence = '3'")


# --- what is kept -------------------------------------------------------------------------


def entries_in(database: SqliteEventIndex) -> int:
    return database._one("SELECT COUNT(*) FROM attributes")


def test_a_block_is_put_in_again_without_a_trace(tmp_path: Path) -> None:
    """
    After a crash the last block comes a second time: nothing is doubled, on disk or after.
    """
    blocks = [emitted((packet(str(height), "c"),)) for height in range(1, 6)]
    chain = Chain(blocks, tmp_path / "index.db")
    before = entries_in(chain.database)
    chain.add(5)
    chain.add(4)
    assert chain.database.height() == 4
    chain.add(5)
    assert entries_in(chain.database) == before
    chain.database.close()
    again = SqliteEventIndex(tmp_path / "index.db")

    assert again.height() == 5
    assert entries_in(again) == before
    term = event_index.Term("send_packet.packet_src_channel", "c")
    everything = Search(of_block=False, low=1, high=9, groups=((term,),))
    assert again.find(everything, limit=9) == [(height, 0) for height in range(1, 6)]
    again.close()


def test_pruning_removes_what_is_below_and_nothing_else() -> None:
    """
    Entries and hashes of pruned blocks are gone, the others found, and the index goes on.
    """
    chain = Chain([emitted((packet("1", "c"),), block=(packet("1", "c"),)) for _ in range(9)])
    per_block = entries_in(chain.database) // 9
    chain.index.prune(6)
    assert entries_in(chain.database) == 4 * per_block
    assert chain.txs("send_packet.packet_sequence = '1'") == [(h, 0) for h in range(6, 10)]
    assert chain.blocks("send_packet.packet_sequence = '1'") == [6, 7, 8, 9]
    assert chain.database.position(chain.hash(5, 0)) is None
    assert chain.database.position(chain.hash(6, 0)) == (6, 0)
    chain.index.prune(99)
    assert entries_in(chain.database) == 0
    assert chain.database.height() == 9
    chain.results[10] = emitted((packet("1", "c"),))
    chain.add(10)
    assert chain.txs("send_packet.packet_sequence = '1'") == [(10, 0)]


def test_a_write_that_fails_leaves_the_block_out() -> None:
    """
    All of a block or nothing, and the next attempt succeeds.
    """
    database = SqliteEventIndex(None)
    entry = IndexEntry(of_block=False, index=0, event=0, tag="a.b", value="1")
    other = IndexEntry(of_block=False, index=0, event=0, tag="new.tag", value="1")
    database.add(1, [(b"h", True)], [entry])
    with pytest.raises(sqlite3.IntegrityError):
        database.add(2, [(b"i", True)], [other, replace(entry, value=None)])
    assert database.height() == 1
    assert entries_in(database) == 1
    assert database.position(b"i") is None
    database.add(2, [(b"i", True)], [entry, other])
    assert entries_in(database) == 3
    wanted = ((event_index.Term("new.tag", "1"),),)
    assert database.find(Search(of_block=False, low=1, high=2, groups=wanted), limit=2) == [(2, 0)]


async def test_the_index_is_never_behind_and_is_made_again(tmp_path: Path) -> None:
    """
    Whoever hears of a block finds its transactions; an index that is older, empty or ahead of
    the state is brought to the state when the node starts.
    """
    path = tmp_path / "index.db"
    node = MemoryNode(tmp_path)
    missing: list[bytes] = []
    hashes: list[bytes] = []

    def look(item: object) -> None:
        payload = item.payload
        if hasattr(payload, "tx"):
            hashes.append(tx_hash(payload.tx))
            if node.executor.index.tx(hashes[-1]) is None:
                missing.append(hashes[-1])

    node.executor.bus.listen(look)
    async with node.running():
        for number in range(5):
            node.executor.mempool.add(b"k%d=v" % number)
            await node.reach(node.executor.state.last_block_height + 2)
    height = node.executor.state.last_block_height
    assert len(hashes) == 5
    assert not missing

    database = SqliteEventIndex(path)

    def start() -> EventIndex:
        return make_executor(deepcopy(node.chain), deepcopy(node.state), index=database).index

    for lost in (1, 4, height):
        database.remove_from(lost)
        index = start()
        assert database.height() == height
        assert all(index.tx(digest) is not None for digest in hashes)
    database.add(height + 1, [(b"f" * 32, True)], ())
    start()
    assert database.height() == height
    assert database.position(b"f" * 32) is None
    database.close()


def test_a_file_that_is_no_index_or_in_use_is_named(tmp_path: Path) -> None:
    """
    A second process is refused, and so is a file of something else.
    """
    database = SqliteEventIndex(tmp_path / "index.db")
    with pytest.raises(DatabaseInUse):
        SqliteEventIndex(tmp_path / "index.db")
    database.close()
    (tmp_path / "other.db").write_bytes(b"nothing like it" * 100)
    with pytest.raises(DatabaseUnusable):
        SqliteEventIndex(tmp_path / "other.db")


KILLED = """
import os, sys
from pathlib import Path
from isthmus.adapters.event_index import SqliteEventIndex
from relay_chain.node.event_index import IndexEntry
index = SqliteEventIndex(Path(sys.argv[1]))
entry = IndexEntry(of_block=False, index=0, event=0, tag="a.b", value="1")
for height in range(1, 50):
    index.add(height, [(b"%032d" % height, True)], [entry] * 50)
index._connection.execute("BEGIN")
index._connection.execute("DELETE FROM attributes")
os.kill(os.getpid(), 9)
"""


def test_a_process_that_is_killed_loses_no_block_and_no_half(tmp_path: Path) -> None:
    """
    What was put in is there; what was being changed is as before.
    """
    path = tmp_path / "index.db"
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    index = SqliteEventIndex(path)

    assert done.returncode == -9
    assert index.height() == 49
    assert entries_in(index) == 49 * 50
    index.close()


async def test_commands_make_the_index_anew_and_prune_it(tmp_path: Path) -> None:
    """
    On the home of a node that is stopped: a damaged file is replaced, pruning is by height;
    where a node runs, or none ever did, they say so.
    """
    paths = NodePaths(tmp_path)
    paths.data.mkdir()
    node = MemoryNode(paths.data)
    async with node.running():
        node.executor.mempool.add(b"k=v")
        await node.reach(6)
    chain = SqliteDatabase(paths.chain_database)
    chain.write(dict(node.chain.iterate(b"", None)))

    def run(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(main, ["index", *arguments, "--home", str(tmp_path)])
        return done.exit_code, done.output

    code, text = run("rebuild")
    assert code != 0
    assert "in use" in text
    chain.close()
    paths.event_index.write_bytes(b"damaged" * 1000)
    height = node.executor.state.last_block_height
    assert run("rebuild") == (0, f"{height} blocks indexed\n")
    index = SqliteEventIndex(paths.event_index)
    assert index.position(tx_hash(b"k=v")) is not None
    index.close()
    assert run("prune", "--below", "5") == (0, "searches begin at height 5\n")
    index = SqliteEventIndex(paths.event_index)
    assert index.position(tx_hash(b"k=v")) is None
    index.close()
    paths.chain_database.unlink()
    assert "no node ran here" in run("rebuild")[1]
