"""A node before it has a state: peers, one restoration, and the stores begun with it."""

import asyncio

from chainkit.primitives.types import ChainId
from relay_chain.node.block_store import BlockStore
from relay_chain.node.config import NodeConfig
from relay_chain.node.network import make_switch
from relay_chain.node.p2p.node_key import NodeKey
from relay_chain.node.ports import ChainDatabase
from relay_chain.node.restore.reactor import RestoreReactor
from relay_chain.node.state_store import StateStore


def is_new(database: ChainDatabase) -> bool:
    """Return whether a node has no state yet, so that it may take one over."""
    return StateStore(database).load() is None


async def restore(
    config: NodeConfig,
    node_key: NodeKey,
    chain_id: ChainId,
    database: ChainDatabase,
    reactor: RestoreReactor,
) -> None:
    """Restore a snapshot from the configured peers, and begin the stores after it.

    A crash before the end leaves a node that is new, and begins anew.

    Raises:
        RestoreFailed: The application gave up.
        OSError: The peers' address cannot be listened on.
    """
    switch = make_switch(config, node_key, chain_id, (reactor,))
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(switch.run())
        await asyncio.wait((reactor.restored,))
        serving.cancel()
    restored = reactor.restored.result()
    BlockStore(database).begin_after(restored.commit)
    StateStore(database).begin_with(restored.state)
