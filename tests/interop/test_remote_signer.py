"""Our signer holds the key of a CometBFT node."""

from pathlib import Path

import pytest

from relay_chain.node.signing.endpoint import UnixEndpoint
from tests.e2e.network import make_network, running, wait_until
from tests.e2e.test_signer_processes import move_key, signer
from tests.interop.go_node import GoSettings, become_go

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_a_cometbft_validator_signs_with_our_signer(
    tmp_path: Path, cometbft: Path, kind: str
) -> None:
    """
    CometBFT with the key in our process decides blocks; the signer is killed and started anew,
    and CometBFT goes on; every block bears a signature that CometBFT verified.
    """
    (node,) = make_network(tmp_path, 1)
    home = tmp_path / "signer"
    endpoint = move_key(node, home)
    if kind == "unix":
        endpoint = UnixEndpoint(str(tmp_path / "s.sock"))
    settings = GoSettings("kvstore", signer=str(endpoint))
    go = become_go(cometbft, node, settings)
    with signer(home, endpoint) as first:
        # CometBFT gives its signer three seconds to come, and then ends.
        log = home / "log"
        wait_until(lambda: "signer.started" in log.read_text(), seconds=60, what="the signer")
        with running([go]):
            wait_until(lambda: go.height() >= 5, seconds=60, what="height 5")
            first.kill()
            first.wait(timeout=30)
            stopped = go.height()
            with signer(home, endpoint):
                wait_until(lambda: go.height() >= stopped + 5, seconds=90, what="five more")
                signed = [go.signers(height) for height in range(1, stopped + 4)]

    assert all(len(each) == 1 for each in signed)
    assert "signer.request_refused" not in (home / "log").read_text()
