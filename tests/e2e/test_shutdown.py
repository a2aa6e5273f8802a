"""Nodes that are asked to end do so by themselves, at any moment, and say nothing wrong."""

import signal
import subprocess
from pathlib import Path

import pytest

from tests.e2e.network import Process, make_network, running, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
SHUTDOWN_S = 15


def ask(node: Process, number: int = signal.SIGTERM) -> None:
    assert node.process is not None
    node.process.send_signal(number)


def ended_well(nodes: list[Process]) -> None:
    """Fail unless each ended with code 0, in time, and logged no defect."""
    for node in nodes:
        assert node.process is not None
        try:
            code = node.process.wait(timeout=SHUTDOWN_S)
        except subprocess.TimeoutExpired:
            pytest.fail(f"{node.home.name} is still there: {node.log_text()}")
        assert code == 0, node.log_text()
        assert "Traceback" not in node.log_text()
        assert '"level": "error"' not in node.log_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_four_validators_end_at_once(tmp_path: Path, number: int) -> None:
    """
    All are asked in the same moment, in the middle of a height: connections go away under them.
    They come back and go on from where they were.
    """
    nodes = make_network(tmp_path, 4)
    with running(nodes):
        wait_until(
            lambda: min(node.height() for node in nodes) >= 3, seconds=90, what="height 3 on all"
        )
        for node in nodes:
            ask(node, number)
        ended_well(nodes)
        for node in nodes:
            node.start()
        wait_until(
            lambda: min(node.height() for node in nodes) >= 5, seconds=90, what="height 5 on all"
        )


def test_one_after_another(tmp_path: Path) -> None:
    """
    The last ones dial peers that are gone: that is no reason to stay, nor to fail.
    """
    nodes = make_network(tmp_path, 4)
    with running(nodes):
        wait_until(
            lambda: min(node.height() for node in nodes) >= 2, seconds=90, what="height 2 on all"
        )
        for node in nodes:
            ask(node)
            ended_well([node])


def test_while_it_starts(tmp_path: Path) -> None:
    """
    A node that waits for its first peer ends as well as one that takes part.
    """
    nodes = make_network(tmp_path, 4)
    with running(nodes[:1]):
        wait_until(lambda: nodes[0].height() >= 0, seconds=60, what="an answer")
        ask(nodes[0])
        ended_well(nodes[:1])
