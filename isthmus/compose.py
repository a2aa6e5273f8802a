"""The only place where cores and adapters are joined: a home folder becomes a node or a relayer."""

import asyncio
import tomllib
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.types import ChainId, Denom
from ibc.ics02_client.clients import ALLOW_ALL
from isthmus.adapters.clock import SystemClock
from isthmus.adapters.event_index import SqliteEventIndex
from isthmus.adapters.grpc_server import GrpcServer
from isthmus.adapters.http import RpcServer
from isthmus.adapters.journal import SqliteJournal
from isthmus.adapters.mqtt import BlockAnnouncer, MqttBus, PollingBus
from isthmus.adapters.rest_server import RestServer
from isthmus.adapters.rpc_client import HttpRpcTransport
from isthmus.adapters.sqlite import SqliteDatabase
from isthmus.discovery import (
    find_chain_kind,
    find_ibc_applications,
    find_light_clients,
    find_node_application,
    ibc_application_names,
    light_client_names,
)
from isthmus.errors import DamagedFile
from parachains.sdk.kinds import NodeParts
from parachains.sdk.users import ChainAccess
from relay_chain.abci.driver import AbciDriver
from relay_chain.node.api.methods import Api
from relay_chain.node.config import BadSetting, Endpoint, NodeConfig, endpoint_of, read_config
from relay_chain.node.genesis import Genesis, read_genesis
from relay_chain.node.limits import MAX_SNAPSHOTS, STATE_SYNC_BLOCKS
from relay_chain.node.node import Node, NodePaths
from relay_chain.node.p2p.node_key import load_or_create_node_key
from relay_chain.node.signing.client import RemoteValidator
from relay_chain.node.snapshots import Snapshots, SnapshotSource
from relayer import daemon
from relayer.config import ChainSettings, RelayerSettings, parse_settings
from relayer.ports import ChainClient


class ServerConfig(msgspec.Struct, frozen=True):
    """``[api]`` or ``[grpc]`` of ``app.toml``."""

    enable: bool = False
    address: str = ""


class StateSyncConfig(msgspec.Struct, frozen=True, rename="kebab"):
    """``[state-sync]`` of ``app.toml``."""

    snapshot_interval: Annotated[int, msgspec.Meta(ge=0)] = 0
    """A snapshot of the state is taken at each multiple of this height; 0 takes none."""
    snapshot_keep_recent: Annotated[int, msgspec.Meta(ge=1, le=MAX_SNAPSHOTS)] = 2


class AppConfig(msgspec.Struct, frozen=True, kw_only=True):
    """``app.toml``; keys of others, such as SDK tools write, are left alone."""

    app: str = "hub"
    engine: Literal["isthmus", "cometbft"] = "isthmus"
    """What decides the blocks: this program's own engine, or CometBFT as a child process."""
    minimum_gas_prices: str = msgspec.field(default="", name="minimum-gas-prices")
    address_prefix: str = msgspec.field(default="isthmus", name="address-prefix")
    mqtt_url: str = msgspec.field(default="", name="mqtt-url")
    keep_states: int = msgspec.field(default=0, name="keep-states")
    """Under another engine: how many heights can be asked and proven; 0 is all."""
    upgrades: tuple[str, ...] = ()
    """Planned upgrades of the chain that this program has."""
    api: ServerConfig = ServerConfig(address="tcp://127.0.0.1:1317")
    grpc: ServerConfig = ServerConfig(address="127.0.0.1:9090")
    state_sync: StateSyncConfig = msgspec.field(default=StateSyncConfig(), name="state-sync")


@dataclass(frozen=True, slots=True)
class Overrides:
    """What the command line says in place of a home's files; empty says nothing."""

    mqtt_url: str = ""
    rpc: str = ""
    p2p: str = ""
    grpc: str = ""
    api: str = ""
    minimum_gas_prices: str = ""


ApiServer = tuple[GrpcServer | RestServer, Endpoint]
"""A server of the node's methods, and where it listens."""

# --- nodes ------------------------------------------------------------------------------


def read_app_config(path: Path) -> AppConfig:
    """Return the application's settings; the defaults where there is no file.

    Raises:
        DamagedFile: It is not of its form.
    """
    if not path.exists():
        return AppConfig()
    try:
        return msgspec.convert(read_toml(path), AppConfig)
    except msgspec.ValidationError as error:
        raise DamagedFile(path=path, reason=str(error)) from error


def read_toml(path: Path) -> Mapping[str, object]:
    """Return a TOML file's values.

    Raises:
        DamagedFile: It is not TOML.
        OSError: It cannot be read.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits is no TOMLDecodeError
        raise DamagedFile(path=path, reason=str(error)) from error


def node_parts(config: AppConfig, genesis: Genesis, keep_states: int) -> NodeParts:
    """Return what the genesis document says that its chain runs.

    Every node must run the same, or states differ. Where genesis is silent it is what this
    distribution brings, never what happens to be installed beside it.

    Raises:
        NotInstalled: This machine lacks a light client or an application that the chain runs.
        MalformedMessage: Genesis names them in another form.
    """
    state = genesis.app_state.get("ibc", {})
    clients = _names(state, "allowed_clients") or light_client_names()
    return NodeParts(
        light_clients=find_light_clients([name for name in clients if name != ALLOW_ALL])
        or find_light_clients(light_client_names()),
        applications=find_ibc_applications(
            _names(state, "applications") or ibc_application_names()
        ),
        address_prefix=config.address_prefix,
        minimum_gas_prices=config.minimum_gas_prices,
        keep_states=keep_states,
        upgrades=config.upgrades,
    )


def _names(state: object, key: str) -> tuple[str, ...]:
    found = state.get(key, []) if isinstance(state, Mapping) else None
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise MalformedMessage(f"genesis.app_state.ibc.{key}: expected a list of names")
    return tuple(found)


class ComposedNode:
    """A node with its RPC server and databases. Mutable: it owns the open files."""

    def __init__(
        self,
        node: Node,
        server: RpcServer,
        announcer: BlockAnnouncer | None,
        close: tuple[Callable[[], None], ...],
        api_servers: tuple[ApiServer, ...] = (),
    ) -> None:
        self.node = node
        self.server = server
        self.api_servers = api_servers
        self._announcer = announcer
        self._close = close

    async def run(self) -> None:
        """Serve and take part until cancelled, then close the files."""
        endpoint = self.node.config.rpc.laddr
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.server.run(endpoint.host, endpoint.port))
                for server, place in self.api_servers:
                    group.create_task(server.run(place.host, place.port))
                if self._announcer is not None:
                    group.create_task(self._announcer.run())
                group.create_task(self.node.run())
        finally:
            for close in self._close:
                close()


def open_remote_signer(home: Path) -> RemoteValidator | None:
    """Return what waits for a home's remote signer; None where the key is in the home.

    Raises:
        RuleBroken: A file of the home is not of its form.
    """
    paths = NodePaths(home)
    endpoint = _read_config(paths).priv_validator_laddr
    if endpoint is None:
        return None
    paths.data.mkdir(exist_ok=True)
    chain_id = read_genesis(paths.genesis).chain_id
    return RemoteValidator(endpoint, chain_id, paths.remote_signer, paths.remote_signer_state)


def _read_config(paths: NodePaths) -> NodeConfig:
    try:
        return read_config(paths.config)
    except UnicodeDecodeError as error:
        raise DamagedFile(path=paths.config, reason=str(error)) from error


def build_node(
    home: Path, wanted: Overrides = Overrides(), remote: RemoteValidator | None = None
) -> ComposedNode:
    """Return the node of a home folder; must be called where an event loop runs.

    Args:
        home: Its folder.
        wanted: What differs from its files.
        remote: From :func:`open_remote_signer`, its key known.

    Raises:
        RuleBroken: A file of the home is not of its form.
        OperationFailed: Another process uses the home, or the disk refuses.
    """
    paths = NodePaths(home)
    paths.data.mkdir(exist_ok=True)
    config = node_config(paths, wanted)
    app_config = _app_config(read_app_config(paths.app), wanted)
    genesis = read_genesis(paths.genesis)
    factory = find_node_application(app_config.app)
    parts = node_parts(app_config, genesis, config.pruning.keep_states)
    announcer = None
    if app_config.mqtt_url:
        announcer = BlockAnnouncer(app_config.mqtt_url, genesis.chain_id)
    chain = SqliteDatabase(paths.chain_database)
    index = SqliteEventIndex(paths.event_index)
    # Blocks are durable before the application commits them, and what it loses at power loss
    # is executed again from them: it need not wait for the disk at each block.
    state = SqliteDatabase(paths.data / "application.db", sync_every=STATE_SYNC_BLOCKS)
    node_key = load_or_create_node_key(paths.node_key)
    application = factory(state, parts)
    snapshots = snapshots_of(paths, app_config, application, genesis)
    node = Node(paths, config, genesis, node_key, chain, index, application, remote, snapshots)
    if announcer is not None:
        node.bus.listen(announcer.published)
    server = RpcServer(node.rpc.routes(), node.bus, config.rpc)
    servers = _api_servers(app_config, node.api)
    close = (chain.close, index.close, state.close)
    return ComposedNode(node, server, announcer, close, servers)


@dataclass(frozen=True, slots=True)
class ComposedApplication:
    """The application of a home without an engine: another process drives it."""

    driver: AbciDriver
    close: Callable[[], None]
    api_servers: tuple[ApiServer, ...] = ()
    """Of the application's own methods: blocks, and handing transactions in, are the engine's."""


def build_application(home: Path) -> ComposedApplication:
    """Return the application of a home folder, to be driven over ABCI.

    Raises:
        RuleBroken: A file of the home is not of its form.
        OperationFailed: Another process uses the home, or the disk refuses.
    """
    paths = NodePaths(home)
    paths.data.mkdir(exist_ok=True)
    app_config = read_app_config(paths.app)
    genesis = read_genesis(paths.genesis)
    factory = find_node_application(app_config.app)
    parts = node_parts(app_config, genesis, app_config.keep_states)
    # The engine takes what was committed as kept: each commit waits for the disk.
    state = SqliteDatabase(paths.data / "application.db")
    application = factory(state, parts)
    snapshots = snapshots_of(paths, app_config, application, genesis)
    api = Api(application, (), lambda: application.info().last_block_height)
    driver = AbciDriver(application, genesis, snapshots)
    return ComposedApplication(driver, state.close, _api_servers(app_config, api))


def snapshots_of(
    paths: NodePaths, config: AppConfig, application: object, genesis: Genesis
) -> Snapshots | None:
    """Return a home's snapshots; None for an application that takes none."""
    if not isinstance(application, SnapshotSource):
        return None
    wanted = config.state_sync
    return Snapshots(
        paths.data / "snapshots",
        application,
        genesis,
        interval=wanted.snapshot_interval,
        keep_recent=wanted.snapshot_keep_recent,
    )


def node_config(paths: NodePaths, wanted: Overrides) -> NodeConfig:
    """Return a home's settings, with what the command line says.

    Raises:
        RuleBroken: The file, or an address, is not of its form.
    """
    return _with_addresses(_read_config(paths), wanted)


def _with_addresses(config: NodeConfig, wanted: Overrides) -> NodeConfig:
    if wanted.rpc:
        laddr = _endpoint(wanted.rpc, "--rpc.laddr")
        config = replace(config, rpc=replace(config.rpc, laddr=laddr))
    if wanted.p2p:
        laddr = _endpoint(wanted.p2p, "--p2p.laddr")
        config = replace(config, p2p=replace(config.p2p, laddr=laddr))
    return config


def _app_config(config: AppConfig, wanted: Overrides) -> AppConfig:
    changes: dict[str, object] = {}
    if wanted.mqtt_url:
        changes["mqtt_url"] = wanted.mqtt_url
    if wanted.minimum_gas_prices:
        changes["minimum_gas_prices"] = wanted.minimum_gas_prices
    if wanted.grpc:
        changes["grpc"] = ServerConfig(enable=True, address=wanted.grpc)
    if wanted.api:
        changes["api"] = ServerConfig(enable=True, address=wanted.api)
    return msgspec.structs.replace(config, **changes)


def _api_servers(config: AppConfig, api: Api) -> tuple[ApiServer, ...]:
    """Return the gRPC server and the REST gateway, where ``app.toml`` wants them."""
    servers: list[ApiServer] = []
    if config.grpc.enable:
        servers.append((GrpcServer(api), _endpoint(config.grpc.address, "grpc.address")))
    if config.api.enable:
        servers.append((RestServer(api), _endpoint(config.api.address, "api.address")))
    return tuple(servers)


def _endpoint(text: str, path: str) -> Endpoint:
    try:
        return endpoint_of(text)
    except ValueError as error:
        raise BadSetting(path=path, expected='an address like "127.0.0.1:9090"') from error


# --- the relayer ------------------------------------------------------------------------


def access_of(chain: ChainSettings) -> ChainAccess:
    """Return a chain's account as the chain's kind takes it."""
    return ChainAccess(
        chain_id=chain.chain_id,
        private_key=chain.private_key,
        address_prefix=chain.address_prefix,
        fee_denom=Denom(chain.fee_denom),
        gas_price_millionths=chain.gas_price_millionths,
    )


def compose_client(chain: ChainSettings, transport: HttpRpcTransport) -> ChainClient:
    """Return the relayer's client of a chain, made by the chain's kind.

    Raises:
        NotInstalled: Its kind is not.
    """
    return find_chain_kind(chain.kind).client(access_of(chain), transport)


def read_relayer_settings(home: Path) -> RelayerSettings:
    """Return the settings in ``home/relayer.toml``.

    Raises:
        WrongSetting: One is missing or wrong.
        DamagedFile: The file is not TOML.
        OSError: It cannot be read.
    """
    return parse_settings(read_toml(home / "relayer.toml"))


async def run_relayer(home: Path, settings: RelayerSettings) -> None:
    """Relay until cancelled; the journal is ``home/journal.db``."""
    bus = MqttBus(settings.mqtt_url) if settings.mqtt_url else PollingBus()
    journal = SqliteJournal(home / "journal.db")
    try:
        async with AsyncExitStack() as stack:
            chains: dict[ChainId, ChainClient] = {}
            for chain in settings.chains:
                transport = await stack.enter_async_context(HttpRpcTransport(chain.rpc_urls))
                chains[chain.chain_id] = compose_client(chain, transport)
            adapters = daemon.Adapters(chains, journal, bus, SystemClock())
            async with asyncio.TaskGroup() as group:
                if isinstance(bus, MqttBus):
                    group.create_task(bus.run())
                group.create_task(daemon.run(settings, adapters))
    finally:
        journal.close()
