"""docs/protocol/dag-chain.md says what the DAG chain's code says."""

import re
from pathlib import Path

from parachains.dag.connections import MAX_PEERS, SEND_QUEUE_BYTES
from parachains.dag.gossip import FETCH_TIMEOUT_MS, MAX_BLOCKS_IN_FLIGHT
from parachains.dag.limits import (
    KEEP_STATES,
    MAX_MEMPOOL_TRANSACTIONS,
    MAX_ORPHANS,
    MAX_WAITING_PER_ACCOUNT,
    MAX_WANTED_BLOCKS,
    MAX_WANTED_OF_PEER,
)
from parachains.dag.parameters import dag_parameters
from parachains.dag.wire import Kind

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/protocol/dag-chain.md").read_text()
SERVICE = "".join(path.read_text() for path in (ROOT / "parachains/dag").glob("service*.py"))


def test_every_rpc_method_is_listed() -> None:
    """Methods and the names of their parameters, and none that is gone."""
    listed = {
        method: tuple(name for name in parameters.replace(",", " ").split())
        for method, parameters in re.findall(
            r"^\| `([a-z]+[A-Z]\w+|simulate)` \| ([\w, ]*)\|", PAGE, re.MULTILINE
        )
    }
    served = {
        method: tuple(re.findall(r'"(\w+)"', names))
        for method, names in re.findall(
            r'"(\w+)": \(\s*self\.\w+,\s*\((.*?)\),?\s*\)', SERVICE, re.DOTALL
        )
    }
    assert listed == served
    assert len(served) >= 25


def test_every_message_between_peers_is_listed() -> None:
    """By the names of the protobuf messages."""
    for kind in Kind:
        assert f"`{kind.name.title().replace('_', '')}`" in PAGE


def test_bounds_are_those_of_the_code() -> None:
    """Numbers of the page, as the constants say them."""
    text = " ".join(PAGE.split())
    said = [
        f"{MAX_WANTED_BLOCKS:,} headers",
        f"{MAX_WANTED_OF_PEER:,} of one peer",
        f"{MAX_ORPHANS} blocks",
        f"{MAX_MEMPOOL_TRANSACTIONS:,} transactions",
        f"{MAX_WAITING_PER_ACCOUNT} sequences",
        f"{MAX_PEERS} connections",
        f"{SEND_QUEUE_BYTES >> 20} MiB to be sent",
        f"{MAX_BLOCKS_IN_FLIGHT} at a time",
        f"silent for {FETCH_TIMEOUT_MS // 1_000} s",
        f"{KEEP_STATES:,} states",
        f"({dag_parameters().reach} blue scores)",
        f"({dag_parameters(200).k} at five a second)",
    ]
    assert [each for each in said if each not in text] == []
