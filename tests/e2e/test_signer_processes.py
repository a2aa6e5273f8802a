"""A validator whose key lives in a process of its own; both are killed."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from relay_chain.node.config import read_config, write_config
from relay_chain.node.node import NodePaths
from relay_chain.node.signing.endpoint import SignerEndpoint, TcpEndpoint
from tests.e2e.network import Process, free_ports, make_network, running, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(240)]
PROGRAM = Path(sys.executable).with_name("isthmusd")


def move_key(node: Process, home: Path) -> TcpEndpoint:
    """Move a validator's key to a signer's home; return where the node now waits for it."""
    signer, paths = NodePaths(home), node.paths
    signer.config.parent.mkdir(parents=True)
    signer.data.mkdir()
    for name in ("validator_key", "validator_state"):
        getattr(paths, name).rename(getattr(signer, name))
    signer.genesis.write_bytes(paths.genesis.read_bytes())
    endpoint = TcpEndpoint("127.0.0.1", free_ports(1)[0])
    config = read_config(paths.config)
    write_config(paths.config, replace(config, priv_validator_laddr=endpoint))
    return endpoint


@contextmanager
def signer(home: Path, endpoint: SignerEndpoint) -> Iterator[subprocess.Popen[bytes]]:
    """A signer as a process; killed by SIGKILL at the end."""
    with (home / "log").open("ab") as log:
        command = [PROGRAM, "signer", "--home", home, "--address", str(endpoint)]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait(timeout=30)


def test_a_chain_goes_on_whichever_of_node_and_signer_is_killed(tmp_path: Path) -> None:
    """
    A lone validator with its key elsewhere decides blocks; when the signer is killed it answers
    and waits; killed itself meanwhile, it starts without the signer; when the signer is back,
    the chain goes on. A second signer of one home is refused.
    """
    (node,) = make_network(tmp_path, 1)
    home = tmp_path / "signer"
    endpoint = move_key(node, home)
    with running([node]):
        with signer(home, endpoint):
            wait_until(lambda: node.height() >= 3, seconds=60, what="height 3")
            second = [PROGRAM, "signer", "--home", home, "--address", str(endpoint)]
            refused = subprocess.run(second, capture_output=True, check=False, timeout=60)
        wait_until(
            lambda: node.log_text().count("signer.disconnected") > 0, seconds=30, what="the loss"
        )
        stopped = node.height()
        node.kill()
        node.start()
        wait_until(lambda: node.height() >= stopped, seconds=60, what="the node without signer")
        assert node.height() <= stopped + 1
        with signer(home, endpoint):
            wait_until(lambda: node.height() >= stopped + 3, seconds=60, what="three more")
            signed = [node.signers(height) for height in range(1, stopped + 3)]
    assert refused.returncode == 1
    assert b"another signer uses" in refused.stderr
    assert all(len(each) == 1 for each in signed)
    assert "vote.equivocation_found" not in node.log_text()
