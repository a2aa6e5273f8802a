"""A new node takes over a snapshot of the hub's state and goes on from there."""

from pathlib import Path

import pytest

from isthmus.config import ChainSpec
from relay_chain.node.config import PeerAddress, read_config
from relay_chain.node.p2p.node_key import load_or_create_node_key
from tests.e2e.network import Wallet, make_chain, running, state_syncing, take_snapshots, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(300)]
SPEC = ChainSpec(name="hub", kind="hub", validators=2, denom="uisth", timeout_commit_ms=300)
INTERVAL = 20


def test_a_new_node_has_the_state_without_the_past(tmp_path: Path) -> None:
    """
    It restores a snapshot, follows the chain of two validators, whose turns it knows, has the same
    state and none of the older blocks; and after kill -9 it goes on, without restoring again.
    """
    chain = make_chain(tmp_path / "net", SPEC)
    node = chain.nodes[0]
    take_snapshots(node, INTERVAL)
    with running(chain.nodes):
        wait_until(lambda: node.height() >= INTERVAL + 5, seconds=60, what="a snapshot")
        key = load_or_create_node_key(node.paths.node_key)
        at = PeerAddress(key.id, "127.0.0.1", read_config(node.paths.config).p2p.laddr.port)
        new = state_syncing(node, tmp_path / "new", (at,))
        with running([new]):
            wait_until(lambda: new.height() > INTERVAL, seconds=90, what="the snapshot")
            seen = new.height()
            new.kill()
            new.start()
            wait_until(lambda: new.height() >= seen + 3, seconds=60, what="three more blocks")
            earliest = int(new.rpc("status")["sync_info"]["earliest_block_height"])
            same = new.block(seen + 1) == node.block(seen + 1)
            account = chain.accounts[0]
            wallets = [
                Wallet(each, account, prefix=SPEC.bech32_prefix, denom=SPEC.denom)
                for each in (node, new)
            ]
            balances = {wallet.balance(seen + 1) for wallet in wallets}

    assert same
    assert earliest > INTERVAL
    assert earliest % INTERVAL == 1
    assert len(balances) == 1
    assert new.log_text().count("statesync.finished") == 1
    assert "signature_refused" not in new.log_text()
