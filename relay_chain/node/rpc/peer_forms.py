"""Peers as ``net_info`` and ``dump_consensus_state`` show them.

Spec:
    CometBFT p2p ``DefaultNodeInfo``, ``ConnectionStatus``; libs/flowrate ``Status``.
"""

from chainkit.primitives.timestamps import NS_PER_SECOND, format_rfc3339
from chainkit.primitives.types import TimestampNs
from relay_chain.node.json_forms import JsonObject
from relay_chain.node.p2p.peer import Peer
from relay_chain.node.reactors.peer_state import PeerState
from relay_chain.node.rpc.round_forms import peer_state_json


def _monitor_json(size: int, open_ns: int, started_at: TimestampNs) -> JsonObject:
    """Return how much went one way; of rates only the average is measured."""
    average = str(size * NS_PER_SECOND // max(open_ns, 1))
    return {
        "Start": format_rfc3339(started_at),
        "Bytes": str(size),
        "Samples": "0",
        "InstRate": average,
        "CurRate": average,
        "AvgRate": average,
        "PeakRate": average,
        "BytesRem": "0",
        "Duration": str(open_ns),
        "Idle": "0",
        "TimeRem": "0",
        "Progress": 0,
        "Active": True,
    }


def peer_json(peer: Peer, *, now: TimestampNs, open_ns: int) -> JsonObject:
    """Return a connected peer.

    Args:
        peer: Connected.
        now: The time.
        open_ns: How long it has been connected.
    """
    info = peer.node_info
    started_at = TimestampNs(now - open_ns)
    return {
        "node_info": {
            "protocol_version": {
                "p2p": str(info.p2p_version),
                "block": str(info.block_version),
                "app": str(info.app_version),
            },
            "id": peer.id,
            "listen_addr": info.listen_address,
            "network": info.network,
            "version": info.version,
            "channels": info.channels.hex().upper(),
            "moniker": info.moniker,
            "other": {"tx_index": info.tx_index, "rpc_address": info.rpc_address},
        },
        "is_outbound": peer.is_outbound,
        "connection_status": {
            "Duration": str(open_ns),
            "SendMonitor": _monitor_json(peer.bytes_sent, open_ns, started_at),
            "RecvMonitor": _monitor_json(peer.bytes_received, open_ns, started_at),
            "Channels": [
                {
                    "ID": channel.id,
                    "SendQueueCapacity": str(channel.capacity),
                    "SendQueueSize": str(channel.waiting),
                    "Priority": str(channel.priority),
                    "RecentlySent": str(channel.recently_sent),
                }
                for channel in peer.channel_states()
            ],
        },
        "remote_ip": peer.address.rpartition(":")[0].strip("[]"),
    }


def peer_dump_json(peer: Peer, state: PeerState | None) -> JsonObject:
    """Return where a peer's consensus is."""
    return {
        "node_address": f"{peer.id}@{peer.address}",
        "peer_state": peer_state_json(state) if state else None,
    }
