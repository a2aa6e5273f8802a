"""A node whose program lacks an upgrade that is due: it stops, answers, and goes on with another."""

import base64
from pathlib import Path

import pytest

from chainkit.runtime.abci import FinalizeBlockRequest, FinalizeBlockResult
from chainkit.runtime.errors import UpgradeNeeded
from relay_chain.node.kvstore import KeyValueApplication
from relay_chain.node.rpc.parameters import BadRequest, Parameters
from tests.node_in_memory import MemoryNode, make_executor

DUE = 4


class Planned(KeyValueApplication):
    """An application with an upgrade planned."""

    has_it = False

    def finalize_block(self, request: FinalizeBlockRequest) -> FinalizeBlockResult:
        if request.height == DUE and not self.has_it:
            raise UpgradeNeeded(name="v2", height=DUE)
        return super().finalize_block(request)


async def stopped(folder: Path) -> MemoryNode:
    """A node that has decided the block at which its program stops."""
    node = MemoryNode(folder)
    node.executor.application = Planned(node.state)
    node.executor.mempool.add(b"key=value")
    with pytest.raises(UpgradeNeeded):
        await node.shell.run()
    return node


def ask(node: MemoryNode, method: str, **params: object):
    route, _ = node.rpc.routes()[method]
    return route(Parameters(params))


async def test_the_decided_block_is_answered_and_the_state_is_that_before(tmp_path: Path) -> None:
    """
    Relayers find the header, commit and validators of the plan's height, whose app hash proves
    the state of the height below; there are no results of it.
    """
    node = await stopped(tmp_path)
    try:
        info = ask(node, "abci_info")["response"]
        assert info["last_block_height"] == str(DUE - 1)
        sync = ask(node, "status")["sync_info"]
        assert sync["latest_block_height"] == str(DUE)
        header = ask(node, "header", height=str(DUE))["header"]
        app_hash = base64.b64decode(info["last_block_app_hash"]).hex().upper()
        assert header["app_hash"] == app_hash == sync["latest_app_hash"]
        signed = ask(node, "commit", height=str(DUE))
        assert signed["signed_header"]["commit"]["block_id"]["hash"] == sync["latest_block_hash"]
        assert signed["canonical"] is False
        assert ask(node, "validators", height=str(DUE + 1))["total"] == "1"
        assert ask(node, "blockchain")["last_height"] == str(DUE)
        with pytest.raises(BadRequest):
            ask(node, "block_results", height=str(DUE))
        with pytest.raises(BadRequest):
            ask(node, "header", height=str(DUE + 1))
    finally:
        node.shell.close()


async def test_a_start_says_what_is_due_and_another_program_goes_on(tmp_path: Path) -> None:
    """Started without the upgrade the node refuses; with it, the stored block is executed."""
    node = await stopped(tmp_path)
    node.shell.close()
    with pytest.raises(UpgradeNeeded, match="upgrade v2 is due at height 4"):
        make_executor(node.chain, node.state, application=Planned(node.state))
    program = Planned(node.state)
    program.has_it = True
    again = make_executor(node.chain, node.state, application=program)

    assert again.state.last_block_height == DUE
    assert again.blocks.height() == DUE
