"""Four validators as four processes over CometBFT's p2p."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.network import Process, make_network, running, wait_for_vote, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.fixture
def network(tmp_path: Path) -> Iterator[list[Process]]:
    nodes = make_network(tmp_path, 4)
    with running(nodes):
        yield nodes


def heights(nodes: list[Process]) -> list[int]:
    return [node.height() for node in nodes]


def test_a_killed_validator_catches_up(network: list[Process]) -> None:
    """
    Heights advance with four; with one killed by -9 the others go on; it returns, its log's
    torn tail is repaired, and it catches up with the same blocks.
    """
    wait_until(lambda: min(heights(network)) >= 3, seconds=60, what="height 3 on all four")
    victim, rest = network[3], network[:3]
    victim.kill()
    with (victim.home / "data" / "cs.wal").open("ab") as wal:
        wal.write(b"\x00\x01torn")
    at = max(heights(rest))
    wait_until(lambda: min(heights(rest)) >= at + 3, seconds=60, what="three more of three")
    tx = base64.b64encode(b"name=satoshi").decode()
    done = rest[0].rpc("broadcast_tx_commit", tx=tx)
    assert done["tx_result"]["code"] == 0
    victim.start()
    target = max(heights(rest)) + 3
    wait_until(lambda: min(heights(network)) >= target, seconds=60, what=f"height {target} on all")

    for height in range(1, target + 1):
        hashes = {node.rpc("block", height=str(height))["block_id"]["hash"] for node in network}
        assert len(hashes) == 1
    answer = victim.rpc("abci_query", path="", data=b"name".hex())["response"]
    assert base64.b64decode(answer["value"]) == b"satoshi"
    assert wait_for_vote(victim, rest[0], target) > target
    assert "wal.tail_repaired" in victim.log_text()


def test_the_chain_waits_for_a_quorum_and_goes_on(network: list[Process]) -> None:
    """
    With two of four gone nothing is decided; when one comes back the chain goes on.
    """
    wait_until(lambda: min(heights(network)) >= 2, seconds=60, what="height 2 on all four")
    for node in network[2:]:
        node.kill()
    stopped = max(heights(network[:2]))
    network[3].start()
    wait_until(
        lambda: min(heights([*network[:2], network[3]])) >= stopped + 2,
        seconds=90,
        what="two more heights with three",
    )
