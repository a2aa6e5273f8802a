"""The account chain: transfers through the ledger alone, and through four nodes on loopback.

The ledger builds and judges blocks of transfers whose senders it recovers, with the state's root;
processor time. The nodes are processes that decide by QBFT and write to disk: transfers are
signed before, handed to one node in batches, and counted until the last is in a block.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.report import ROOT, Row
from chainkit.commitments.database import MemoryDatabase
from chainkit.formats.ethereum.signatures import address_of
from chainkit.formats.ethereum.transactions import encode_transaction, sign_transaction
from chainkit.formats.ethereum.types import DynamicFeeTransaction, Transaction
from chainkit.primitives.timestamps import NS_PER_SECOND
from chainkit.primitives.types import Address, ChainId, Denom, TimestampNs
from isthmus.homes import free_ports
from parachains.account.genesis import Genesis
from parachains.account.kind import CHAIN_KIND, evm_chain_id
from parachains.account.ledger import ChainIdentity, Ledger
from parachains.account.sealing import unsealed_extra
from parachains.sdk.kinds import ChainPlan, WrittenNode

CHAIN_ID = ChainId("account-bench")
SENDERS = 64
TRANSFERS_EACH = 48
BATCH = 256
BLOCK_TRANSFERS = 1_000
RICH = 10**20
READY_S = 60
DONE_S = 180
_KEYS = tuple((1_000 + index).to_bytes(32, "big") for index in range(SENDERS))
_VALIDATORS = tuple((1 + index).to_bytes(32, "big") for index in range(4))


def _transfers(count_each: int) -> list[Transaction]:
    """Return signed transfers, each sender's in order."""
    return [
        sign_transaction(
            DynamicFeeTransaction(
                chain_id=evm_chain_id(CHAIN_ID),
                nonce=nonce,
                max_priority_fee_per_gas=1,
                max_fee_per_gas=10_000,
                gas_limit=21_000,
                to=Address(bytes(19) + bytes([1 + nonce % 200])),
                value=1,
                data=b"",
            ),
            key,
        )
        for nonce in range(count_each)
        for key in _KEYS
    ]


def _ledger(database: MemoryDatabase) -> tuple[Ledger, Genesis]:
    identity = ChainIdentity(CHAIN_ID, evm_chain_id(CHAIN_ID), Denom("wei"), "acct")
    genesis = Genesis(
        1_700_000_000,
        tuple(sorted(map(address_of, _VALIDATORS))),
        tuple((address_of(key), RICH) for key in _KEYS),
        base_fee=7,
    )
    return Ledger(database, identity, light_clients=(), applications=()), genesis


def _through_the_ledger() -> list[Row]:
    database = MemoryDatabase()
    ledger, genesis = _ledger(database)
    first = ledger.genesis(genesis)
    database.write(first.state.writes)
    ledger.state.committed(first.state)
    transfers = _transfers(-(-BLOCK_TRANSFERS // SENDERS))[:BLOCK_TRANSFERS]
    began = time.process_time()
    made, refused = ledger.build(
        first.block.header,
        transfers,
        timestamp=genesis.timestamp + 1,
        coinbase=genesis.validators[0],
        extra_data=unsealed_extra(genesis.validators, 0),
    )
    built = time.process_time() - began
    assert not refused
    assert len(made.executed) == BLOCK_TRANSFERS
    began = time.process_time()
    judged = ledger.judge(first.block.header, made.block)
    taken = time.process_time() - began
    assert judged.state.root == made.state.root
    return [
        Row("transfers built into a block", BLOCK_TRANSFERS / built, "per s", "with its roots"),
        Row(
            "transfers of a block judged",
            BLOCK_TRANSFERS / taken,
            "per s",
            "the same block, senders known",
        ),
    ]


@contextmanager
def _network() -> Iterator[Sequence[WrittenNode]]:
    folder = Path(tempfile.mkdtemp(prefix="isthmus-bench-"))
    plan = ChainPlan(
        name="account",
        chain_id=CHAIN_ID,
        denom=Denom("wei"),
        address_prefix="acct",
        timeout_propose_ms=2_000,
        timeout_commit_ms=1_000,
        keep_states=100,
        genesis_time=TimestampNs((int(time.time()) - 5) * NS_PER_SECOND),
        seeds=_VALIDATORS,
        operators=(),
        funded=tuple((address_of(key), RICH) for key in _KEYS),
        light_clients=(),
        applications=(),
        genesis={},
    )
    nodes = CHAIN_KIND.write_chain(folder, plan, iter(free_ports(8)))
    processes = []
    try:
        for node in nodes:
            command = [sys.executable, "-m", *CHAIN_KIND.node_command(node.home)]
            with (node.home / "log").open("wb") as log:
                processes.append(subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT))
        yield nodes
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(20)
        shutil.rmtree(folder)


def _ask(node: WrittenNode, body: object) -> object:
    request = urllib.request.Request(
        f"http://127.0.0.1:{node.rpc_port}/",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        answer: object = json.load(response)
    return answer


def _call(node: WrittenNode, method: str, *params: object) -> object:
    answer = _ask(node, {"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    assert isinstance(answer, dict)
    return answer["result"]


def _height(node: WrittenNode) -> int:
    try:
        return int(str(_call(node, "eth_blockNumber")), 16)
    except OSError:
        return -1


def _wait_for_blocks(nodes: Sequence[WrittenNode]) -> None:
    deadline = time.monotonic() + READY_S
    while min(map(_height, nodes)) < 1:
        assert time.monotonic() < deadline, "the chain makes no blocks"
        time.sleep(0.2)


def _counted(node: WrittenNode, first: int, wanted: int) -> tuple[int, float]:
    """Return the last block and when it had ``wanted`` transactions since ``first``."""
    seen, number = 0, first
    deadline = time.monotonic() + DONE_S
    while seen < wanted:
        assert time.monotonic() < deadline, f"{seen} of {wanted} transfers are in blocks"
        count = _call(node, "eth_getBlockTransactionCountByNumber", hex(number))
        if count is None:
            time.sleep(0.05)
            continue
        seen += int(str(count), 16)
        number += 1
    return number - 1, time.monotonic()


def _through_nodes() -> list[Row]:
    encoded = ["0x" + encode_transaction(each).hex() for each in _transfers(TRANSFERS_EACH)]
    with _network() as nodes:
        _wait_for_blocks(nodes)
        first = _height(nodes[0]) + 1
        began = time.monotonic()
        for start in range(0, len(encoded), BATCH):
            batch = [
                {"jsonrpc": "2.0", "id": i, "method": "eth_sendRawTransaction", "params": [raw]}
                for i, raw in enumerate(encoded[start : start + BATCH])
            ]
            answers = _ask(nodes[0], batch)
            assert isinstance(answers, list)
            assert all("result" in each for each in answers), answers[0]
        last, ended = _counted(nodes[3], first, len(encoded))
    return [
        Row(
            "transfers through four nodes",
            len(encoded) / (ended - began),
            "per s",
            f"{len(encoded)} in {last - first + 1} blocks, to the last one's block",
        )
    ]


def measure() -> list[Row]:
    """Return the rows."""
    return [*_through_the_ledger(), *_through_nodes()]
