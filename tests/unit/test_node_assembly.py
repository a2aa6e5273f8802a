"""A node is assembled by its settings."""

from dataclasses import replace
from pathlib import Path

from chainkit.commitments.database import MemoryDatabase
from isthmus.adapters.event_index import SqliteEventIndex
from relay_chain.node.config import Endpoint, MempoolConfig, NodeConfig, P2pConfig, RpcConfig
from relay_chain.node.kvstore import KeyValueApplication
from relay_chain.node.node import Node, NodePaths
from relay_chain.node.p2p.node_key import NodeKey
from relay_chain.node.p2p.switch import SwitchConfig
from tests.node_in_memory import GENESIS


async def test_settings_reach_the_peers(tmp_path: Path) -> None:
    """
    Address, limits and rates of ``[p2p]`` are the switch's; ``mempool.broadcast`` is the
    reactor's.
    """
    config = NodeConfig(
        rpc=RpcConfig(Endpoint("127.0.0.1", 1)),
        p2p=P2pConfig(
            laddr=Endpoint("127.0.0.1", 2), max_num_inbound_peers=3, send_rate=4, recv_rate=5
        ),
        mempool=replace(MempoolConfig(), broadcast=False),
    )
    paths = NodePaths(tmp_path)
    paths.data.mkdir()
    application = KeyValueApplication(MemoryDatabase())
    node = Node(
        paths,
        config,
        GENESIS,
        NodeKey(bytes(32)),
        MemoryDatabase(),
        SqliteEventIndex(None),
        application,
    )
    reactors = {type(reactor).__name__: reactor for reactor in node.switch._reactors}
    node.consensus.close()

    assert node.switch._config == SwitchConfig(
        "127.0.0.1", 2, (), max_inbound_peers=3, send_rate=4, receive_rate=5
    )
    assert not reactors["MempoolReactor"]._broadcast
