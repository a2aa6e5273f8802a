"""The index of events: blocks put in, made anew, and searches of a large index.

Each block has transactions that emit what a transfer over IBC does. Rates are per second of
processor time, as no block waits for the disk; that by the clock beside it is this disk's.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.report import Row
from chainkit.primitives.hashing import sha256
from chainkit.primitives.types import BlockHeight
from chainkit.runtime.events import Event
from isthmus.adapters.event_index import SqliteEventIndex
from relay_chain.node.event_index import Search, index_entries, make_plan
from relay_chain.node.event_query import parse_query
from relay_chain.node.ports import FinalizeBlockResult, TxResult

BLOCKS = 1_000
TXS_PER_BLOCK = 20
SEARCHES = 200


def block_of(height: int, txs: int) -> FinalizeBlockResult:
    """Return what a block of IBC transfers emits."""
    return FinalizeBlockResult(
        tx_results=tuple(TxResult(events=_transfer(height * txs + n)) for n in range(txs)),
        events=(Event("mint", (("amount", str(height)),)),),
    )


def _transfer(number: int) -> tuple[Event, ...]:
    sender = f"isthmus1{number % 97:038d}"
    return (
        Event("tx", (("fee", "100stake"), ("acc_seq", f"{sender}/{number}"))),
        Event("message", (("action", "/ibc.applications.transfer.v1.MsgTransfer"),
                          ("sender", sender), ("module", "ibc_channel"))),
        Event("coin_spent", (("spender", sender), ("amount", f"{number}stake"))),
        Event("coin_received", (("receiver", "escrow"), ("amount", f"{number}stake"))),
        Event("transfer", (("recipient", "escrow"), ("sender", sender),
                           ("amount", f"{number}stake"))),
        Event("send_packet", (
            ("packet_data_hex", sha256(b"%d" % number).hex() * 6),
            ("packet_timeout_height", "0-0"),
            ("packet_timeout_timestamp", str(1_700_000_000_000_000_000 + number)),
            ("packet_sequence", str(number)),
            ("packet_src_port", "transfer"),
            ("packet_src_channel", f"channel-{number % 3}"),
            ("packet_dst_port", "transfer"),
            ("packet_dst_channel", "channel-0"),
            ("packet_channel_ordering", "ORDER_UNORDERED"),
            ("connection_id", "connection-0"))),
        Event("ibc_transfer", (("sender", sender), ("receiver", "zone1receiver"))),
    )  # fmt: skip


def measure(blocks: int = BLOCKS, txs: int = TXS_PER_BLOCK, searches: int = SEARCHES) -> list[Row]:
    """Return the rates of an index of ``blocks`` blocks of ``txs`` transactions."""
    with tempfile.TemporaryDirectory(prefix="isthmus-bench-") as folder:
        path = Path(folder) / "index.db"
        index = SqliteEventIndex(path)
        results = [block_of(height, txs) for height in range(1, blocks + 1)]
        attributes = sum(
            len(event.attributes)
            for result in results
            for outcome in result.tx_results
            for event in outcome.events
        )
        began, at = time.process_time(), time.perf_counter()
        for height, result in enumerate(results, 1):
            hashes = [(sha256(b"%d" % (height * txs + n)), True) for n in range(txs)]
            index.add(BlockHeight(height), hashes, index_entries(result))
        spent, waited = time.process_time() - began, time.perf_counter() - at
        note = f"{txs} IBC transfers a block, {attributes} attributes in all"
        rows = [
            Row("blocks put in", blocks / spent, "blocks/s", note),
            Row("blocks put in, by the clock", blocks / waited, "blocks/s"),
            Row("attributes put in", attributes / spent, "attributes/s", note),
        ]
        last = blocks * txs
        queries = {
            "search: a packet, as relayers ask": " AND ".join(
                f"send_packet.{key} = '{value}'"
                for key, value in (
                    ("packet_src_channel", f"channel-{last % 3}"),
                    ("packet_src_port", "transfer"),
                    ("packet_dst_channel", "channel-0"),
                    ("packet_dst_port", "transfer"),
                    ("packet_sequence", str(last)),
                )
            ),
            "search: a sender": f"transfer.sender = 'isthmus1{last % 97:038d}'",
            "search: the last ten heights": f"tx.height > {max(0, blocks - 10)}",
        }
        for name, query in queries.items():
            search = make_plan(parse_query(query), of_block=False, low=1, high=blocks).search
            rows.append(Row(name, _rate(index, search, searches), "searches/s"))
        digest = sha256(b"%d" % last)
        found = _per_second(lambda: index.position(digest), searches)
        rows.append(Row("transaction by hash", found, "look-ups/s"))
        began = time.process_time()
        index.remove_below(BlockHeight(blocks // 2))
        rows.append(Row("blocks pruned", blocks / 2 / (time.process_time() - began), "blocks/s"))
        index.close()
    return rows


def _rate(index: SqliteEventIndex, search: Search, count: int) -> float:
    assert index.find(search, limit=1_000_000)
    return _per_second(lambda: index.find(search, limit=1_000_000), count)


def _per_second(call: Callable[[], object], count: int) -> float:
    began = time.process_time()
    for _ in range(count):
        call()
    return count / (time.process_time() - began)
