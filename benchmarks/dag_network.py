"""Three DAG miners as processes: payments a second, parallel blocks, and a late node's sync.

At one and at five blocks a second. Signed payments of many accounts are handed to the three
nodes in batches, as fast as they take them; accepted is what the selected chain of the first
has accepted. A fourth node then begins at genesis. Per second of the clock, where all share the
machine's processors; and per second of the first node's own processor time, mining included:
what it can do with a processor to itself.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.processes import usage_of
from benchmarks.report import Row
from parachains.dag.settings import DagSettings, write_settings
from tests.dag_worlds import Key, pay
from tests.e2e.test_dag_miners import free_ports

MINING = 3
ACCOUNTS = 120
PAYMENTS = 6_000
BATCH = 250
GAS = 50_000
INTERVALS_MS = (1_000, 200)
DEADLINE_S = 300
FUNDS = 1_000_000
POLL_S = 0.05


@dataclass(slots=True)
class Node:
    """A node's process; mutable."""

    home: Path
    rpc_port: int
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; what it logs goes to a file in its home."""
        with (self.home / "log").open("ab") as log:
            command = [sys.executable, "-m", "isthmus.cli.host", "dag", "--home", str(self.home)]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def call(self, method: str, **params: object) -> Any:
        """Return a method's answer."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        request = urllib.request.Request(f"http://127.0.0.1:{self.rpc_port}", body.encode())
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["result"]

    def cpu_s(self) -> float:
        """Return the processor time that it used so far."""
        used = None if self.process is None else usage_of(self.process.pid)
        return 0.0 if used is None else used.ticks / os.sysconf("SC_CLK_TCK")

    def score(self) -> int:
        """Return the tip's blue score; 0 while it does not answer."""
        with suppress(OSError):
            return int(self.call("getSinkBlueScore")["blueScore"])
        return 0


def measure(payments: int = PAYMENTS, intervals_ms: tuple[int, ...] = INTERVALS_MS) -> list[Row]:
    """Return the rows of one network for each mean time between blocks."""
    rows: list[Row] = []
    for interval_ms in intervals_ms:
        with tempfile.TemporaryDirectory(prefix="isthmus-dag-") as folder:
            rows += _network(Path(folder), payments, interval_ms)
    return rows


@contextmanager
def _running(folder: Path, users: list[Key], interval_ms: int) -> Iterator[list[Node]]:
    numbers = free_ports(2 * MINING + 2)
    ports = list(zip(numbers[::2], numbers[1::2], strict=True))
    began = time.time_ns() // 1_000_000 - 1_000
    nodes = []
    for number, (p2p_port, rpc_port) in enumerate(ports):
        home = folder / f"node{number}"
        home.mkdir()
        settings = DagSettings(
            chain_id="dag-1",
            denom="udag",
            address_prefix="dag",
            genesis_time_ms=began,
            interval_ms=interval_ms,
            reward=1,
            balances=tuple((user.address.hex(), str(FUNDS)) for user in users),
            p2p_port=p2p_port,
            rpc_port=rpc_port,
            peers=tuple(f"127.0.0.1:{port}" for port, _ in ports[:number]),
            miner_key=Key(9_000 + number).seed.hex(),
            mining_share_millionths=1_000_000 // MINING if number < MINING else 0,
            archive=number == 0,
            operator_methods=True,
            light_clients=(),
            applications=(),
        )
        write_settings(home, settings)
        nodes.append(Node(home, rpc_port))
    try:
        for node in nodes[:MINING]:
            node.start()
        for node in nodes[:MINING]:
            _wait(lambda node=node: node.score() > 1)
        yield nodes
    finally:
        for node in nodes:
            if node.process is not None:
                node.process.terminate()
                node.process.wait(30)


def _wait(condition: Any) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the network does not get there")
        time.sleep(POLL_S)


def _network(folder: Path, payments: int, interval_ms: int) -> list[Row]:
    users = [Key(10_000 + number) for number in range(ACCOUNTS)]
    turns = -(-payments // len(users))
    lanes: list[list[list[str]]] = []
    for lane in range(MINING):  # an account's are all handed to one node
        mine = users[lane::MINING]
        txs = [pay(user, users[0], 1, turn, gas=GAS) for turn in range(turns) for user in mine]
        raw = [tx.encode().hex() for tx in txs]
        lanes.append([raw[at : at + BATCH] for at in range(0, len(raw), BATCH)])
    with _running(folder, users, interval_ms) as nodes:
        start, used = nodes[0].score(), nodes[0].cpu_s()
        began = time.monotonic()
        for turn in zip(*lanes, strict=True):
            for node, batch in zip(nodes, turn, strict=False):
                node.call("submitTransactions", transactions=batch)
        submitted = time.monotonic() - began
        total = turns * len(users)
        _wait(lambda: _accepted(nodes[0], users, turns) >= total)
        seconds, used = time.monotonic() - began, nodes[0].cpu_s() - used
        rate = 1_000 // interval_ms
        title = f"{rate} block{'s' if rate > 1 else ''} a second"
        rows = [
            Row(
                f"payments accepted, {title}",
                total / seconds,
                "transactions/s",
                f"{total} payments in {nodes[0].score() - start} blue scores, {MINING} miners",
            ),
            Row(
                f"payments accepted, {title}, of one node's processor",
                total / used,
                "transactions/s",
            ),
            Row(f"payments taken by RPC, {title}", total / submitted, "transactions/s"),
        ]
        for node in nodes[:MINING]:
            node.call("setGenerate", generate=False)
        return [*rows, *_parallel(nodes[0], title), *_sync(nodes, total, title)]


def _accepted(node: Node, users: list[Key], turns: int) -> int:
    """Return how many payments are accepted: all of an account's, once its last one is."""
    last = node.call("getAccount", address=users[-1].text)["sequence"]
    if last < turns:
        return 0
    return sum(int(node.call("getAccount", address=user.text)["sequence"]) for user in users)


def _parallel(node: Node, title: str) -> list[Row]:
    """Count the blocks beside the selected chain, and those that merge another one."""
    low = node.call("getRawBlocks", start=1, count=1)[0]["header"]
    blocks, first = [], bytes.fromhex(low)[18:50].hex()
    while True:
        found = node.call("getBlocks", lowHash=first, includeBlocks=True)["blocks"]
        blocks += found[1:]
        if len(found) < 2:
            break
        chain = [b for b in found if b["verboseData"]["isChainBlock"]]
        if chain[-1]["verboseData"]["hash"] == first:
            break
        first = chain[-1]["verboseData"]["hash"]
    seen = {block["verboseData"]["hash"]: block["verboseData"] for block in blocks}
    beside = sum(not one["isChainBlock"] for one in seen.values())
    red = sum(one["color"] == "red" for one in seen.values())
    return [
        Row(
            f"blocks beside the selected chain, {title}",
            100 * beside / len(seen),
            "%",
            f"{beside} of {len(seen)}, {red} red",
        )
    ]


def _sync(nodes: list[Node], payments: int, title: str) -> list[Row]:
    """Start a node at genesis and wait until it has the tip."""
    late, score = nodes[MINING], nodes[0].score()
    blocks = int(nodes[0].call("getBlockDagInfo")["headerCount"]) - 1
    late.start()
    _wait(lambda: _answers(late))
    began, used = time.monotonic(), late.cpu_s()
    _wait(lambda: late.score() >= score)
    seconds, used = time.monotonic() - began, max(late.cpu_s() - used, 0.01)
    note = f"{blocks} blocks with {payments} payments, from genesis"
    name = f"sync of a late node, {title}"
    return [
        Row(name, blocks / seconds, "blocks/s", note),
        Row(f"{name}, of its processor", blocks / used, "blocks/s"),
        Row(f"{name}, payments, of its processor", payments / used, "transactions/s"),
    ]


def _answers(node: Node) -> bool:
    with suppress(OSError):
        return bool(node.call("status"))
    return False
