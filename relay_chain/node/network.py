"""A node's place among its peers, from its settings: what both its lives are wired with."""

from collections.abc import Sequence

from chainkit.primitives.types import ChainId
from relay_chain.consensus.messages import PeerId
from relay_chain.node import config as settings
from relay_chain.node.p2p.address import PeerAddress
from relay_chain.node.p2p.address_book import AddressBook
from relay_chain.node.p2p.node_info import NodeInfo
from relay_chain.node.p2p.node_key import NodeKey
from relay_chain.node.p2p.reactor import Reactor
from relay_chain.node.p2p.switch import Switch, SwitchConfig
from relay_chain.node.reactors.pex import PexReactor

VERSION = "0.38.17"
"""What this node advertises: the CometBFT release whose protocol it speaks."""


def make_switch(
    config: settings.NodeConfig, node_key: NodeKey, chain_id: ChainId, reactors: Sequence[Reactor]
) -> Switch:
    """Return the switch of a node, with peer exchange where the settings want it."""
    p2p = config.p2p
    served = list(reactors)
    if p2p.pex:
        book = AddressBook(node_key.id, strict=p2p.addr_book_strict)
        seeds = _addresses(p2p.seeds)
        served.append(PexReactor(book, seeds=seeds, max_outbound=p2p.max_num_outbound_peers))
    channels = sorted(channel.id for reactor in served for channel in reactor.channels)
    info = NodeInfo(
        id=node_key.id,
        listen_address=p2p.external_address or str(p2p.laddr),
        network=chain_id,
        version=VERSION,
        channels=bytes(channels),
        moniker=config.moniker,
        rpc_address=str(config.rpc.laddr),
    )
    return Switch(
        node_key,
        info,
        served,
        SwitchConfig(
            listen_host=p2p.laddr.host.strip("[]"),
            listen_port=p2p.laddr.port,
            persistent_peers=_addresses(p2p.persistent_peers),
            max_inbound_peers=p2p.max_num_inbound_peers,
            send_rate=p2p.send_rate,
            receive_rate=p2p.recv_rate,
        ),
    )


def _addresses(configured: tuple[settings.PeerAddress, ...]) -> tuple[PeerAddress, ...]:
    return tuple(
        PeerAddress(PeerId(peer.node_id), peer.host.strip("[]"), peer.port) for peer in configured
    )
