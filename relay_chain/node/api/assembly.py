"""The one place that joins a node's own services with its application's methods."""

from collections.abc import Callable

from relay_chain.node.api.blocks import BlockService
from relay_chain.node.api.methods import Api
from relay_chain.node.api.transactions import TransactionService
from relay_chain.node.executor import Executor
from relay_chain.node.rpc.methods import NodeFacts


def node_api(executor: Executor, facts: NodeFacts, catching_up: Callable[[], bool]) -> Api:
    """Return all methods of one node."""
    own = (
        *TransactionService(executor).routes(),
        *BlockService(executor, facts, catching_up).routes(),
    )
    return Api(executor.application, own, lambda: executor.state.last_block_height)
