"""State sync between the two kinds of node: each takes over a snapshot of the other."""

from pathlib import Path

import pytest

from isthmus.config import ChainSpec
from tests.e2e.network import (
    Process,
    Wallet,
    make_chain,
    running,
    state_syncing,
    take_snapshots,
    wait_until,
)
from tests.interop.go_node import GoSettings, become_go, peer_address

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(400)]
SPEC = ChainSpec(name="hub", kind="hub", validators=2, denom="uisth", timeout_commit_ms=300)
INTERVAL = 20
CALM = GoSettings(
    timeouts={"propose": "1500ms", "prevote": "500ms", "precommit": "500ms", "commit": "300ms"}
)


@pytest.mark.parametrize("new_kind", ["cometbft", "ours"])
def test_each_kind_takes_over_a_snapshot_of_the_other(
    tmp_path: Path, cometbft: Path, new_kind: str
) -> None:
    """
    A new node asks one of two validators of the other kind for snapshots and chunks, verifies
    headers, restores, follows the chain and the validators' turns, and answers about the state
    as they do.
    """
    chain = make_chain(tmp_path / "net", SPEC)
    take_snapshots(chain.nodes[0], INTERVAL)
    at = peer_address(chain.nodes[0])
    nodes: list[Process] = chain.nodes
    if new_kind == "ours":
        nodes = [become_go(cometbft, each, CALM) for each in nodes]
    node = nodes[0]
    with running(nodes):
        wait_until(lambda: node.height() >= INTERVAL + 5, seconds=90, what="a snapshot")
        new = state_syncing(node, tmp_path / "new", (at,))
        if new_kind == "cometbft":
            new = become_go(cometbft, new, CALM)
        with running([new]):
            wait_until(lambda: new.height() > INTERVAL, seconds=120, what="the snapshot")
            target = new.height() + 5
            wait_until(lambda: new.height() >= target, seconds=60, what="five more blocks")
            earliest = int(new.rpc("status")["sync_info"]["earliest_block_height"])
            same = new.block(target) == node.block(target)
            account = chain.accounts[0]
            wallets = [
                Wallet(each, account, prefix=SPEC.bech32_prefix, denom=SPEC.denom)
                for each in (node, new)
            ]
            balances = {wallet.balance(target) for wallet in wallets}
    print(f"{new_kind} restored at {earliest - 1} and followed to {target}")

    assert same
    assert earliest > INTERVAL
    assert len(balances) == 1
    assert "signature_refused" not in new.log_text()
