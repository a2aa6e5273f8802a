"""The only place where cores and adapters are joined: a home folder becomes a node."""

import asyncio
import tomllib
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol, cast

import msgspec

from chainkit.commitments.database import KeyValueDatabase
from chainkit.primitives.errors import RuleBroken
from chainkit.runtime.application import Settings
from ibc.datagram.module import APPLICATION as DATAGRAM
from ibc.forward.module import APPLICATION as TRANSFER
from isthmus.adapters.http import RpcServer
from isthmus.adapters.sqlite import SqliteDatabase
from light_clients.tendermint import TendermintClient
from parachains.zone import zone_application
from relay_chain.app import hub_application
from relay_chain.node.config import read_config
from relay_chain.node.genesis import read_genesis
from relay_chain.node.kvstore import KeyValueApplication
from relay_chain.node.node import Node, NodePaths
from relay_chain.node.p2p.node_key import load_or_create_node_key
from relay_chain.node.ports import Application

_GROUP = "isthmus.applications"


class UnknownApplication(RuleBroken):
    """No application has the name in ``app.toml``."""

    def __init__(self, *, name: str, known: tuple[str, ...]) -> None:
        super().__init__(f"app.toml: app: expected one of {', '.join(known)}, got {name!r}")
        self.name = name


class AppConfig(msgspec.Struct, frozen=True, kw_only=True):
    """``app.toml``; keys of others, such as SDK tools write, are left alone."""

    app: str = "hub"
    minimum_gas_prices: str = msgspec.field(default="", name="minimum-gas-prices")
    address_prefix: str = msgspec.field(default="isthmus", name="address-prefix")


class ApplicationFactory(Protocol):
    """Makes an application over a database."""

    def __call__(
        self, database: KeyValueDatabase, config: AppConfig, keep_states: int
    ) -> Application:
        """Return the application; ``keep_states`` 0 keeps all versions."""
        ...


def _hub(database: KeyValueDatabase, config: AppConfig, keep_states: int) -> Application:
    return hub_application(
        database,
        light_clients=(TendermintClient(),),
        applications=(TRANSFER, DATAGRAM),
        address_prefix=config.address_prefix,
        minimum_gas_prices=config.minimum_gas_prices,
        settings=Settings(keep_recent=keep_states),
    )


def _zone(database: KeyValueDatabase, config: AppConfig, keep_states: int) -> Application:
    return zone_application(
        database,
        light_clients=(TendermintClient(),),
        applications=(TRANSFER, DATAGRAM),
        address_prefix=config.address_prefix,
        minimum_gas_prices=config.minimum_gas_prices,
        settings=Settings(keep_recent=keep_states),
    )


def _kvstore(database: KeyValueDatabase, config: AppConfig, keep_states: int) -> Application:
    del config, keep_states
    return KeyValueApplication(database)


_OURS: Mapping[str, ApplicationFactory] = {"hub": _hub, "zone": _zone, "kvstore": _kvstore}


def application_factory(name: str) -> ApplicationFactory:
    """Return the factory of an application: ours, or one that an entry point names.

    Raises:
        UnknownApplication: There is none with this name.
    """
    if name in _OURS:
        return _OURS[name]
    others = {point.name: point.value for point in entry_points(group=_GROUP)}
    if name not in others:
        raise UnknownApplication(name=name, known=(*_OURS, *sorted(others)))
    module, _, attribute = others[name].partition(":")
    return cast("ApplicationFactory", getattr(import_module(module), attribute))


def read_app_config(path: Path) -> AppConfig:
    """Return the application's settings; the defaults where there is no file."""
    if not path.exists():
        return AppConfig()
    return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), AppConfig)


class ComposedNode:
    """A node with its RPC server and databases. Mutable: it owns the open files."""

    def __init__(
        self, node: Node, server: RpcServer, close: tuple[Callable[[], None], ...]
    ) -> None:
        self.node = node
        self.server = server
        self._close = close

    async def run(self) -> None:
        """Serve and take part until cancelled, then close the files."""
        endpoint = self.node.config.rpc.laddr
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.server.run(endpoint.host, endpoint.port))
                group.create_task(self.node.run())
        finally:
            for close in self._close:
                close()


def build_node(home: Path) -> ComposedNode:
    """Return the node of a home folder; must be called where an event loop runs.

    Raises:
        RuleBroken: A file of the home is not of its form.
        OperationFailed: Another process uses the home, or the disk refuses.
    """
    paths = NodePaths(home)
    paths.data.mkdir(exist_ok=True)
    config = read_config(paths.config)
    app_config = read_app_config(paths.app)
    factory = application_factory(app_config.app)
    chain = SqliteDatabase(paths.data / "chain.db")
    state = SqliteDatabase(paths.data / "application.db")
    application = factory(state, app_config, config.pruning.keep_states)
    node = Node(
        paths,
        config,
        read_genesis(paths.genesis),
        load_or_create_node_key(paths.node_key),
        chain,
        application,
    )
    return ComposedNode(node, RpcServer(node.rpc.routes(), node.bus), (chain.close, state.close))
