"""Finds what packages offer by entry points: ours and others' in the same way.

Adding a chain kind, a light client, an application or a demo means adding a folder and its
line in the package's metadata; docs/guides/write-a-chain.md lists the groups.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Protocol, cast

from chainkit.commitments.database import KeyValueDatabase
from chainkit.primitives.errors import OperationFailed
from ibc.ics02_client.port import LightClient
from ibc.ics26_routing.port import ApplicationFactory
from isthmus.ports import ChainKind, FileVerifier
from parachains.sdk.kinds import NodeParts
from relay_chain.node.ports import Application

OUR_DISTRIBUTION = "isthmus"
LIGHT_CLIENTS = "isthmus.light_clients"
IBC_APPLICATIONS = "isthmus.ibc_applications"
NODE_APPLICATIONS = "isthmus.node_applications"
CHAIN_KINDS = "isthmus.chain_kinds"
DEMOS = "isthmus.demos"


class NotInstalled(OperationFailed):
    """No installed package offers something of that name."""

    def __init__(self, *, what: str, name: str, known: Sequence[str]) -> None:
        super().__init__(f"no {what} {name!r} is installed; expected one of {', '.join(known)}")
        self.what = what
        self.name = name
        self.known = tuple(known)


class CannotLoad(OperationFailed):
    """A package offers something that cannot be imported."""

    def __init__(self, *, point: EntryPoint, reason: str) -> None:
        super().__init__(f"{point.group} {point.name!r} ({point.value}) cannot be used: {reason}")
        self.point = point


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


@dataclass(frozen=True, slots=True)
class Group:
    """The entry points of one group."""

    name: str
    what: str
    """One of them, in words."""

    def points(self) -> Mapping[str, EntryPoint]:
        """Return every point by its name; where two packages give one name, ours counts."""
        found: dict[str, EntryPoint] = {}
        for point in entry_points(group=self.name):
            if point.name not in found or _is_ours(point):
                found[point.name] = point
        return dict(sorted(found.items()))

    def ours(self) -> tuple[str, ...]:
        """Return the names that our own distribution brings."""
        return tuple(name for name, point in self.points().items() if _is_ours(point))

    def load(self, name: str) -> object:
        """Return what stands behind a name.

        Raises:
            NotInstalled: Nothing has that name.
            CannotLoad: Its package cannot be imported.
        """
        points = self.points()
        if name not in points:
            raise NotInstalled(what=self.what, name=name, known=tuple(points))
        try:
            return cast("object", points[name].load())
        except (ImportError, AttributeError) as error:
            raise CannotLoad(point=points[name], reason=str(error)) from error


def _is_ours(point: EntryPoint) -> bool:
    return point.dist is not None and point.dist.name == OUR_DISTRIBUTION


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


def find_file_verifiers() -> Mapping[str, FileVerifier]:
    """Return what installed light clients can check of a file, by name.

    A light client offers it as its attribute ``file_verifier``; most have none.

    Raises:
        CannotLoad: A light client's package cannot be imported.
    """
    clients = (_LIGHT_CLIENTS.load(name) for name in _LIGHT_CLIENTS.points())
    found = (getattr(client, "file_verifier", None) for client in clients)
    offered = (cast("FileVerifier", verifier) for verifier in found if verifier is not None)
    return {verifier.name: verifier for verifier in offered}


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
