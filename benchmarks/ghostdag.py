"""A DAG's headers: hashed, ordered and verified in full, and as the hub's light client takes them.

Two blocks a second in rounds of two, above each other's tips. The window is the difficulty
window, and sets how much the client keeps. The client's figure is a whole update: verified,
looked through for a deep reorganisation, kept, made final, pruned; 32 headers a message.
Kaspa's own headers (difficulty window 661, k 124) are measured where its vectors are.
Processor time.
"""

import gzip
import json
import time
from collections.abc import Callable
from dataclasses import replace

from benchmarks.report import Row
from chainkit.formats.ghostdag.building import virtual_above
from chainkit.formats.ghostdag.dag import Dag
from chainkit.formats.ghostdag.hashing import ZERO_HASH
from chainkit.formats.ghostdag.headers import Header, decode_header
from chainkit.formats.ghostdag.parameters import DagParameters
from chainkit.formats.ghostdag.proof_of_work import bits_of, target_of
from chainkit.formats.ghostdag.reachability import PythonReachability, Reachability
from chainkit.primitives.heights import Height
from chainkit.runtime.context import Context, ExecutionMode
from chainkit.runtime.store import MemoryStore, Overlay
from ibc.ics02_client.port import AnyValue
from light_clients.ghostdag import codec
from light_clients.ghostdag.client import LIGHT_CLIENT
from light_clients.ghostdag.types import Anchor, ClientState, Headers
from tests.kaspa_json import dag_parameters, header_from_json
from tests.vectors.support import vectors_root

HEADERS = 2_000
WINDOWS = (30, 120, 480)
QUESTIONS = 200_000
PER_MESSAGE = 32
WIDTH = 2
SPACING_MS = 500
START_MS = 1_700_000_000_000
EASIEST = target_of(0x2100FFFF)
"""Nearly every hash is below it: what is measured is not mining."""

KASPA = ("goref-1060-tx-265-blocks", "goref-notx-5000-blocks")


def measure(
    headers: int = HEADERS, windows: tuple[int, ...] = WINDOWS, questions: int = QUESTIONS
) -> list[Row]:
    """Return rows for hashes, full verification, the client by window, and ancestry."""
    rows = []
    for window in windows:
        parameters = _parameters(window)
        dag = _grown(parameters, headers)
        made = [block.header for block in dag]
        if not rows:
            rows.append(_hashes(made))
        rows += [_verified(parameters, made, window), _client(parameters, made, window)]
    return [*rows, *_ancestry(questions), *_kaspa()]


def _timed(task: Callable[[], object]) -> float:
    began = time.process_time()
    task()
    return time.process_time() - began


def _parameters(window: int) -> DagParameters:
    return DagParameters(
        k=9,
        max_target=EASIEST,
        target_time_ms=SPACING_MS,
        difficulty_window=window,
        min_difficulty_window=2,
        difficulty_sample_rate=1,
        median_window=27,
        median_sample_rate=1,
        max_parents=8,
        merge_set_limit=90,
        merge_depth=max(window, 10),
        pruning_depth=max(window, 10) + 1,
        pruning_interval=max(window // 4, 1),
        timestamp_tolerance_ms=10_000,
    )


def _grown(parameters: DagParameters, count: int) -> Dag:
    """Return a DAG of ``count`` blocks in rounds of two after genesis."""
    first = Header(
        1, (), ZERO_HASH, ZERO_HASH, ZERO_HASH, START_MS, bits_of(EASIEST), 0, 0, 0, 0, ZERO_HASH
    )
    dag = Dag.from_genesis(parameters, first)
    made = 0
    while made < count:
        tips, made = dag.tips, made + WIDTH
        for lane in range(WIDTH):
            header = virtual_above(dag, tips, parameters, dag.windows).header(
                parameters.version,
                timestamp_ms=START_MS + made * SPACING_MS,
                transactions_root=ZERO_HASH,
                accepted_root=ZERO_HASH,
                state_root=bytes([lane]) * 32,
            )
            while int.from_bytes(header.hash, "little") > target_of(header.bits):
                header = replace(header, nonce=header.nonce + 1)
            dag.insert(header, header.timestamp)
    return dag


def _hashes(headers: list[Header]) -> Row:
    raw = [header.encode() for header in headers]
    seconds = _timed(lambda: [decode_header(data).hash for data in raw])
    return Row("headers decoded and hashed", len(raw) / seconds, "headers/s", f"{len(raw)} headers")


def _verified(parameters: DagParameters, headers: list[Header], window: int) -> Row:
    raw = [header.encode() for header in headers]
    now = headers[-1].timestamp

    def verify() -> None:
        dag = Dag.from_genesis(parameters, headers[0])
        for data in raw[1:]:
            dag.insert(decode_header(data), now)

    name = f"headers verified in full, window {window}"
    return Row(name, len(raw) / _timed(verify), "headers/s", "every rule, in memory")


def _client(parameters: DagParameters, headers: list[Header], window: int) -> Row:
    first = Dag.from_genesis(parameters, headers[0]).selected_tip
    state = ClientState(
        chain_id="dag", parameters=parameters, finality_depth=28,
        retained_depth=parameters.reach + 28, genesis=first.hash, root=first.hash, tip=first.hash,
        latest_height=Height(0, 0), frozen=False,
    )  # fmt: skip
    store = MemoryStore()
    ctx = Context(
        chain_id="hub-1",
        height=1,
        time=headers[-1].timestamp * 1_000_000,
        mode=ExecutionMode.DELIVER,
        overlay=Overlay(lambda _name: MemoryStore()),
    )
    LIGHT_CLIENT.initialize(
        ctx, store, codec.encode_client_state(state), codec.encode_anchor(Anchor((first,)))
    )
    messages = [
        codec.encode_headers(Headers(tuple(headers[at : at + PER_MESSAGE])))
        for at in range(1, len(headers), PER_MESSAGE)
    ]

    def update(message: AnyValue) -> None:
        LIGHT_CLIENT.verify_client_message(ctx, store, message)
        assert not LIGHT_CLIENT.check_for_misbehaviour(ctx, store, message)
        LIGHT_CLIENT.update_state(ctx, store, message)

    seconds = _timed(lambda: [update(message) for message in messages])
    kept = sum(1 for _ in store.iterate(b"headers/", b"headers0"))
    name = f"light client's whole update, window {window}"
    return Row(name, len(headers) / seconds, "headers/s", f"{kept} headers kept")


def _ancestry(questions: int) -> list[Row]:
    rows = []
    for name, index in (("compiled", Reachability()), ("Python", PythonReachability())):
        blocks = [index.add(0, [])]
        for _ in range(1_000):
            one = index.add(blocks[-1], [])
            other = index.add(blocks[-1], [])
            blocks += [other, index.add(one, [other])]
        pairs = [(blocks[at * 7 % 1_500], blocks[at * 11 % 1_500]) for at in range(questions)]
        seconds = _timed(lambda index=index, pairs=pairs: [index.is_ancestor(*p) for p in pairs])
        rows.append(Row(f"ancestry, {name} index", questions / seconds, "questions/s"))
    return rows


def _kaspa() -> list[Row]:
    """Measure rusty-kaspa's headers, hashed and verified by every rule of their place."""
    chains = []
    for name in KASPA:
        path = vectors_root() / "rusty-kaspa/dags_for_json_tests" / name / "blocks.json.gz"
        if not path.exists():
            return []
        with gzip.open(path, "rt") as file:
            first, *blocks = (json.loads(line) for line in file)
        headers = [header_from_json(block["header"]) for block in blocks]
        chains.append((dag_parameters(first), [header.encode() for header in headers]))

    def verify() -> None:
        for parameters, raw in chains:
            dag = Dag.from_genesis(parameters, decode_header(raw[0]))
            for data in raw[1:]:
                dag.insert_in_place(decode_header(data))

    count = sum(len(raw) for _, raw in chains)
    seconds = _timed(verify)
    return [
        Row("Kaspa's headers, hashes and every rule", seconds, "s", f"{count} headers"),
        Row("Kaspa's headers, hashes and every rule, rate", count / seconds, "headers/s"),
    ]
