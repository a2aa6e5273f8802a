"""Finds what packages offer by entry points: ours and others' in the same way.

Adding a chain kind, a light client, an application or a demo means adding a folder and its
line in the package's metadata; docs/guides/write-a-chain.md lists the groups.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, cast

from chainkit.commitments.database import KeyValueDatabase
from chainkit.primitives.errors import OperationFailed
from ibc.ics02_client.port import LightClient
from ibc.ics26_routing.port import ApplicationFactory
from isthmus.entry_points import Group
from isthmus.ports import ChainKind
from parachains.sdk.kinds import NodeParts
from relay_chain.node.ports import Application

LIGHT_CLIENTS = "isthmus.light_clients"
IBC_APPLICATIONS = "isthmus.ibc_applications"
NODE_APPLICATIONS = "isthmus.node_applications"
CHAIN_KINDS = "isthmus.chain_kinds"
DEMOS = "isthmus.demos"


class CannotHost(OperationFailed):
    """A chain kind has no engine of its own."""

    def __init__(self, *, name: str) -> None:
        super().__init__(f"nodes of chain kind {name!r} are started by isthmusd")
        self.name = name


class HostedNode(Protocol):
    """A node with an engine of its own."""

    async def run(self) -> None:
        """Take part until cancelled."""
        ...


class HostedKind(Protocol):
    """A chain kind whose nodes bring their own engine: ``isthmus.cli.host`` runs them."""

    def parts_of(self, home: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the names of the light clients and applications that a home's chain runs."""
        ...

    def open_node(
        self,
        home: Path,
        host: object,
        light_clients: tuple[LightClient, ...],
        applications: tuple[ApplicationFactory, ...],
    ) -> HostedNode:
        """Return the node of a home."""
        ...


class NodeApplication(Protocol):
    """Makes the application that a node runs over its database."""

    def __call__(self, database: KeyValueDatabase, parts: NodeParts) -> Application:
        """Return the application."""
        ...


_LIGHT_CLIENTS = Group(LIGHT_CLIENTS, "light client")
_IBC_APPLICATIONS = Group(IBC_APPLICATIONS, "IBC application")
_NODE_APPLICATIONS = Group(NODE_APPLICATIONS, "application")
_CHAIN_KINDS = Group(CHAIN_KINDS, "chain kind")
DEMO_GROUP = Group(DEMOS, "demo")


def light_client_names() -> tuple[str, ...]:
    """Return the client types that our own distribution brings."""
    return _LIGHT_CLIENTS.ours()


def ibc_application_names() -> tuple[str, ...]:
    """Return the IBC applications that our own distribution brings."""
    return _IBC_APPLICATIONS.ours()


def find_light_clients(names: Sequence[str]) -> tuple[LightClient, ...]:
    """Return the light clients of those names.

    Raises:
        NotInstalled, CannotLoad: One cannot be had.
    """
    return tuple(cast("LightClient", _LIGHT_CLIENTS.load(name)) for name in names)


def find_ibc_applications(names: Sequence[str]) -> tuple[ApplicationFactory, ...]:
    """Return the IBC applications of those names.

    Raises:
        NotInstalled, CannotLoad: One cannot be had.
    """
    return tuple(cast("ApplicationFactory", _IBC_APPLICATIONS.load(name)) for name in names)


def find_node_application(name: str) -> NodeApplication:
    """Return the application that a node's ``app.toml`` names.

    Raises:
        NotInstalled, CannotLoad: It cannot be had.
    """
    return cast("NodeApplication", _NODE_APPLICATIONS.load(name))


def chain_kind_names() -> tuple[str, ...]:
    """Return every installed chain kind."""
    return tuple(_CHAIN_KINDS.points())


def find_chain_kind(name: str) -> ChainKind:
    """Return a chain kind.

    Raises:
        NotInstalled, CannotLoad: It cannot be had.
    """
    return cast("ChainKind", _CHAIN_KINDS.load(name))


def find_hosted_kind(name: str) -> HostedKind:
    """Return a chain kind whose nodes bring their own engine.

    Raises:
        NotInstalled, CannotLoad: It cannot be had.
        CannotHost: Its nodes run on another engine.
    """
    kind = _CHAIN_KINDS.load(name)
    if not hasattr(kind, "open_node"):
        raise CannotHost(name=name)
    return cast("HostedKind", kind)
