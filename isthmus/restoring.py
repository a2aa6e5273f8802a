"""A home without a state takes over a snapshot of its peers, before its node starts."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from chainkit.formats.tendermint.light_client import TrustOptions
from chainkit.formats.tendermint.types import ConsensusParams, LightBlock
from chainkit.primitives.errors import OperationFailed
from chainkit.primitives.types import BlockHeight
from isthmus.adapters.rpc_client import HttpRpcTransport
from isthmus.adapters.sqlite import SqliteDatabase
from isthmus.compose import Overrides, node_config, node_parts, read_app_config, snapshots_of
from isthmus.discovery import find_node_application
from parachains.zone.rpc import Rpc
from parachains.zone.rpc_forms import field
from relay_chain.node.config import StateSyncConfig
from relay_chain.node.files import write_durably
from relay_chain.node.genesis import Genesis, read_genesis
from relay_chain.node.json_forms import params_from_json
from relay_chain.node.node import NodePaths
from relay_chain.node.p2p.node_key import load_or_create_node_key
from relay_chain.node.restore.node import is_new, restore
from relay_chain.node.restore.reactor import RestoreReactor
from relay_chain.node.restore.trust import TrustedStates

APPLICATION_DATABASE = "application.db"
BEGUN_FILE = "restoring"
"""There from before a restoration until the node's own state is written."""


class RpcLightSource:
    """Light blocks by JSON-RPC, of our nodes or CometBFT's."""

    def __init__(self, transport: HttpRpcTransport) -> None:
        self._transport = transport
        self._rpc = Rpc(transport)

    async def light_block(self, height: BlockHeight) -> LightBlock:
        """Return the header, commit and validators of a height.

        Raises:
            OperationFailed: The server does not answer, or does not have it.
        """
        header = await self._rpc.signed_header(height)
        return LightBlock(header, await self._rpc.validators(height))

    async def consensus_params(self, height: BlockHeight) -> ConsensusParams:
        """Return the parameters in force at a height, as :meth:`light_block`."""
        answer = await self._transport.call("consensus_params", {"height": str(height)})
        return params_from_json(field(answer, "consensus_params"))


async def restore_if_new(home: Path, wanted: Overrides) -> None:
    """Restore a snapshot, where the settings want it and the home has no state.

    The application's state is whole before the chain's is written: a process that ends in
    between leaves a file that says so, and the next one begins anew.

    Raises:
        RuleBroken: A file of the home is not of its form.
        OperationFailed: The application takes no snapshots or gave up, another process uses
            the home, or the disk refuses.
    """
    paths = NodePaths(home)
    config = node_config(paths, wanted)
    if not config.statesync.enable:
        return
    paths.data.mkdir(exist_ok=True)
    app_config = read_app_config(paths.app)
    genesis = read_genesis(paths.genesis)
    async with AsyncExitStack() as stack:
        chain = SqliteDatabase(paths.chain_database)
        stack.callback(chain.close)
        begun = paths.data / BEGUN_FILE
        if not is_new(chain):
            begun.unlink(missing_ok=True)
            return
        if begun.exists():
            _drop(paths.data / APPLICATION_DATABASE)
        write_durably(begun, b"")
        state = SqliteDatabase(paths.data / APPLICATION_DATABASE)
        stack.callback(state.close)
        factory = find_node_application(app_config.app)
        parts = node_parts(app_config, genesis, config.pruning.keep_states)
        application = factory(state, parts)
        snapshots = snapshots_of(paths, app_config, application, genesis)
        if snapshots is None:
            raise OperationFailed(f"statesync.enable: {app_config.app} takes no snapshots")
        trusted = await _trusted(stack, config.statesync, genesis)
        reactor = RestoreReactor(snapshots, application.info, trusted)
        node_key = load_or_create_node_key(paths.node_key)
        await restore(config, node_key, genesis.chain_id, chain, reactor)
        begun.unlink()


def _drop(database: Path) -> None:
    """Remove what a restoration left that did not come to its end; the chain's lock is held."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)


async def _trusted(
    stack: AsyncExitStack, config: StateSyncConfig, genesis: Genesis
) -> TrustedStates:
    sources: list[RpcLightSource] = []
    for url in _urls(config.rpc_servers):
        transport = await stack.enter_async_context(HttpRpcTransport((url,)))
        sources.append(RpcLightSource(transport))
    trust = TrustOptions(config.trust_period_ns, config.trust_height, config.trust_hash)
    return TrustedStates(genesis.chain_id, genesis.initial_height, trust, sources)


def _urls(servers: Sequence[str]) -> tuple[str, ...]:
    """Return servers as URLs: CometBFT's settings have them with and without a scheme."""
    plain = (server.removeprefix("tcp://") for server in servers)
    return tuple(each if "://" in each else f"http://{each}" for each in plain)
