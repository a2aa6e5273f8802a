"""What a chain kind is told to run: the values between a kind's package and the networks.

A kind's package offers one object under the entry point group ``isthmus.chain_kinds``;
docs/guides/write-a-chain.md says what it must have.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from chainkit.primitives.types import Address, ChainId, Denom, TimestampNs
from ibc.ics02_client.port import LightClient
from ibc.ics26_routing.port import ApplicationFactory


@dataclass(frozen=True, slots=True)
class NodeParts:
    """What an application is composed of, and its node's own settings."""

    light_clients: Sequence[LightClient]
    applications: Sequence[ApplicationFactory]
    address_prefix: str
    minimum_gas_prices: str
    keep_states: int
    """Recent states that a node keeps; 0 keeps all."""
    upgrades: tuple[str, ...] = ()
    """Planned upgrades of the chain that this program has."""


OWN_ENGINE = "isthmus"
"""The engine that this distribution brings."""


@dataclass(frozen=True, slots=True)
class ChainPlan:
    """A chain of a local network that is to be written; times in milliseconds."""

    name: str
    chain_id: ChainId
    denom: Denom
    address_prefix: str
    timeout_propose_ms: int
    timeout_commit_ms: int
    keep_states: int
    genesis_time: TimestampNs
    seeds: tuple[bytes, ...] = field(repr=False)
    """A secret of 32 bytes for each validator."""
    operators: tuple[Address, ...]
    """The account of each validator."""
    funded: tuple[tuple[Address, int], ...]
    """Accounts and what they hold of ``denom``."""
    light_clients: tuple[str, ...]
    applications: tuple[str, ...]
    """Names of what the chain runs, kept in its genesis so that every node runs the same."""
    genesis: Mapping[str, object]
    """Parts of the genesis state that the network's description gives, by module."""
    mqtt_url: str = ""
    """Where nodes tell of their blocks; empty for nowhere."""
    engine: str = OWN_ENGINE
    """What decides its blocks; a kind that can have another names it in ``engines``."""


@dataclass(frozen=True, slots=True)
class WrittenNode:
    """Where a node is that was written."""

    name: str
    home: Path
    node_id: str
    p2p_port: int
    rpc_port: int
    grpc_port: int = 0
    """0 where it answers none."""
    api_port: int = 0
    """Of its REST gateway; 0 where it has none."""


@dataclass(frozen=True, slots=True)
class NodeHealth:
    """What one node says of itself."""

    height: int
    peers: int
    is_catching_up: bool


MAX_PORTS_PER_NODE = 4

Ports = Iterator[int]
"""Free TCP ports, each given once, at most ``MAX_PORTS_PER_NODE`` for each node."""

NodeCommand = tuple[str, ...]
"""A Python module and its arguments: how a node's process is started."""

WriteChain = Callable[[Path, ChainPlan, Ports], tuple[WrittenNode, ...]]
