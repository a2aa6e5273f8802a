"""The node's RPC: requests a second by method, and events to a thousand subscribers.

One validator as a process with its files in memory where the machine has such a folder; the
clients are another process on the same machine, so each core serves one side.
"""

import asyncio
import base64
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import aiohttp

from benchmarks.load import percentile
from benchmarks.report import Row
from chainkit.primitives.types import DurationNs
from relay_chain.node.config import read_config, write_config
from relay_chain.node.node import NodePaths
from tests.e2e.network import FAST, Process, make_network, running, wait_until

REQUESTS = 2_000
SUBSCRIBERS = 1_000
BLOCKS = 10
TXS = 200
CLIENTS = 16
BLOCK_TIME = DurationNs(1_000_000_000)
_ROOM = 100
_TIMEOUT_S = 300.0
_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None


def measure(
    requests: int = REQUESTS, subscribers: int = SUBSCRIBERS, blocks: int = BLOCKS, txs: int = TXS
) -> list[Row]:
    """Return the rates of each method and of the fan-out.

    Args:
        requests: Calls of each method.
        subscribers: Websockets that all ask for new blocks.
        blocks: Blocks that each of them gets.
        txs: Transactions in the index before anything is asked.
    """
    timeouts = replace(FAST, commit_ns=BLOCK_TIME)
    with tempfile.TemporaryDirectory(prefix="isthmus-bench-", dir=_MEMORY) as folder:
        (node,) = make_network(Path(folder), 1, timeouts=timeouts)
        path = NodePaths(node.home).config
        config = read_config(path)
        rpc = replace(
            config.rpc,
            max_open_connections=subscribers + _ROOM,
            max_subscription_clients=subscribers + _ROOM,
        )
        write_config(path, replace(config, rpc=rpc))
        with running([node]):
            wait_until(lambda: node.height() >= 1, seconds=60, what="the first block")
            return asyncio.run(_measure(node, requests, subscribers, blocks, txs))


async def _measure(
    node: Process, requests: int, subscribers: int, blocks: int, txs: int
) -> list[Row]:
    url = f"http://127.0.0.1:{node.rpc_port}/"
    rows = []
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        asyncio.timeout(_TIMEOUT_S),
        aiohttp.ClientSession(connector=connector) as session,
    ):
        bodies = [_body("broadcast_tx_sync", tx=_tx(f"k{number}=v")) for number in range(txs)]
        rows.append(Row("broadcast_tx_sync", await _rate(session, url, bodies), "requests/s"))
        last = await _call(session, url, _body("broadcast_tx_commit", tx=_tx("last=v")))
        height, digest = last["height"], last["hash"]
        hash_64 = base64.b64encode(bytes.fromhex(digest)).decode()
        calls: dict[str, dict[str, object]] = {
            "health": {},
            "status": {},
            "block": {"height": height},
            "header": {"height": height},
            "block_results": {"height": height},
            "commit": {"height": "1"},
            "validators": {"height": height, "page": "1", "per_page": "30"},
            "abci_info": {},
            "abci_query": {"path": "/key", "data": b"last".hex(), "prove": False},
            "tx": {"hash": hash_64, "prove": False},
            "tx_search": {"query": "app.key = 'last'", "page": "1", "per_page": "10"},
            "check_tx": {"tx": _tx("other=v")},
        }
        for method, params in calls.items():
            rate = await _rate(session, url, [_body(method, **params)] * requests)
            rows.append(Row(method, rate, "requests/s", f"{CLIENTS} connections"))
        rows += await _fan_out(session, url, subscribers, blocks)
    return rows


def _tx(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _body(method: str, **params: object) -> bytes:
    request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    return json.dumps(request).encode()


async def _call(session: aiohttp.ClientSession, url: str, body: bytes) -> dict[str, str]:
    async with session.post(url, data=body) as answer:
        result: dict[str, str] = (await answer.json())["result"]
        return result


async def _rate(session: aiohttp.ClientSession, url: str, bodies: Sequence[bytes]) -> float:
    """Return how many requests a second were answered, by ``CLIENTS`` at once."""
    waiting = iter(bodies)

    async def client() -> None:
        for body in waiting:
            async with session.post(url, data=body) as answer:
                raw = await answer.read()
                assert b'"result"' in raw, raw[:200]

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(CLIENTS):
            group.create_task(client())
    return len(bodies) / (time.perf_counter() - began)


class _Arrivals:
    """When each subscriber got each block. Mutable: they come in."""

    def __init__(self, subscribers: int, blocks: int) -> None:
        self._subscribers = subscribers
        self._blocks = blocks
        self._by_height: dict[str, list[float]] = {}
        self._whole: list[list[float]] = []
        self._missing = subscribers
        self._began = 0.0
        self.done = asyncio.Event()

    def subscribed(self) -> None:
        """Note that one more is there; blocks from before the last came count for nothing."""
        self._missing -= 1
        self._began = time.perf_counter()

    def got(self, text: str) -> None:
        """Note a block; its height is cut out, as decoding it would measure this process."""
        at = time.perf_counter()
        start = text.index('"height":"') + 10
        times = self._by_height.setdefault(text[start : start + 12].partition('"')[0], [])
        times.append(at)
        if len(times) == self._subscribers and not self._missing and times[0] > self._began:
            self._whole.append(times)
            if len(self._whole) == self._blocks:
                self.done.set()

    def spreads(self) -> list[float]:
        """Return the seconds from the first to the last, of each block."""
        return [times[-1] - times[0] for times in self._whole]


async def _subscriber(
    session: aiohttp.ClientSession, url: str, ready: asyncio.Semaphore, arrivals: _Arrivals
) -> None:
    body = _body("subscribe", query="tm.event = 'NewBlock'").decode()
    async with ready:
        socket = await session.ws_connect(url + "websocket", max_msg_size=0)
        await socket.send_str(body)
        await socket.receive()
    arrivals.subscribed()
    async with socket:
        async for message in socket:
            arrivals.got(message.data)


async def _fan_out(
    session: aiohttp.ClientSession, url: str, subscribers: int, blocks: int
) -> list[Row]:
    """Return how long a block takes from the first subscriber to the last, and the rate."""
    arrivals, ready = _Arrivals(subscribers, blocks), asyncio.Semaphore(CLIENTS)
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_subscriber(session, url, ready, arrivals))
            for _ in range(subscribers)
        ]
        await arrivals.done.wait()
        for task in tasks:
            task.cancel()
    spreads = arrivals.spreads()
    note = f"{subscribers} subscribers, {len(spreads)} blocks"
    rate = subscribers / percentile(spreads, 0.5)
    return [
        Row("fan-out of a block, first to last, p50", percentile(spreads, 0.5), "s", note),
        Row("fan-out of a block, first to last, p95", percentile(spreads, 0.95), "s", note),
        Row("events sent while a block fans out", rate, "events/s", note),
    ]
