"""DAG chains as a kind of chain: homes, the node's program, and its clients."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.timestamps import NS_PER_SECOND
from chainkit.primitives.types import Address, Denom
from chainkit.sigverify.ed25519 import ed25519_address, public_key_from_seed
from ibc.ics02_client.port import LightClient
from ibc.ics26_routing.port import ApplicationFactory
from parachains.dag.client import DagClient, DagConfig
from parachains.dag.node import DagNode, NodeHost
from parachains.dag.rpc_client import RpcTransport
from parachains.dag.settings import (
    DEFAULT_FINALITY_DEPTH,
    DagSettings,
    chain_parameters,
    read_settings,
    write_settings,
)
from parachains.dag.user import QUERIES, DagUser
from parachains.sdk.kinds import ChainPlan, NodeCommand, NodeHealth, Ports, WrittenNode
from parachains.sdk.users import ChainAccess, QueryForm
from relay_chain.node.json_forms import integer, mapping

LISTEN_HOST = "127.0.0.1"
SHARE_SCALE = 1_000_000
LOCAL_REWARD = 1_000_000
_NS_PER_MS = NS_PER_SECOND // 1_000


class DagGenesis(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[chains.genesis.dag]`` of a network's description."""

    interval_ms: int = 1_000
    """Mean time between all blocks."""
    finality_depth: int = DEFAULT_FINALITY_DEPTH
    """Blue scores below the tip at which clients of the chain take a block as final. By default 12:
    Rosenfeld's depth against a tenth of the work and one chance in a million. For delay
    nothing is added, since on one machine it changes two (ADR 0011)."""
    reward: int = LOCAL_REWARD
    """Of the coin, for each blue block."""


def genesis_of(parts: Mapping[str, object]) -> DagGenesis:
    """Return what a network's description says of a chain.

    Raises:
        MalformedMessage: It says what no DAG chain has.
    """
    if set(parts) - {"dag"}:
        raise MalformedMessage("genesis: a DAG chain has the table genesis.dag only")
    try:
        return msgspec.convert(parts.get("dag", {}), DagGenesis)
    except msgspec.ValidationError as error:
        raise MalformedMessage(f"genesis.dag: {error}") from error


class DagKind:
    """Chains of parallel blocks, ordered by GHOSTDAG."""

    name = "dag"
    summary = "parallel blocks by proof of work, ordered by GHOSTDAG; accounts with ed25519 keys"
    queries: tuple[QueryForm, ...] = QUERIES

    def write_chain(self, folder: Path, plan: ChainPlan, ports: Ports) -> tuple[WrittenNode, ...]:
        """Write the homes of the chain's miners below ``folder``; return them in order.

        The first keeps every block, so that a miner that comes late can begin at genesis.

        Raises:
            MalformedMessage: The network's description says what no DAG chain has.
            OSError: The folder cannot be written.
        """
        genesis = genesis_of(plan.genesis)
        places = [(next(ports), next(ports)) for _ in plan.seeds]
        nodes = []
        for index, (seed, (p2p_port, rpc_port)) in enumerate(zip(plan.seeds, places, strict=True)):
            home = folder / f"node{index}"
            home.mkdir(parents=True, exist_ok=True)
            settings = DagSettings(
                chain_id=plan.chain_id,
                denom=plan.denom,
                address_prefix=plan.address_prefix,
                genesis_time_ms=plan.genesis_time // _NS_PER_MS,
                interval_ms=genesis.interval_ms,
                finality_depth=genesis.finality_depth,
                reward=genesis.reward,
                balances=tuple((address.hex(), str(amount)) for address, amount in plan.funded),
                listen_host=LISTEN_HOST,
                p2p_port=p2p_port,
                rpc_port=rpc_port,
                peers=tuple(f"{LISTEN_HOST}:{port}" for port, _ in places[:index]),
                miner_key=seed.hex(),
                mining_share_millionths=SHARE_SCALE // len(places),
                archive=index == 0,
                mqtt_url=plan.mqtt_url,
                light_clients=plan.light_clients,
                applications=plan.applications,
            )
            chain_parameters(settings)
            write_settings(home, settings)
            nodes.append(
                WrittenNode(
                    name=f"{plan.name}-{index}",
                    home=home,
                    node_id=self.account_address(seed).hex(),
                    p2p_port=p2p_port,
                    rpc_port=rpc_port,
                )
            )
        return tuple(nodes)

    def node_command(self, home: Path) -> NodeCommand:
        """Return how the node of a home is started."""
        return ("isthmus.cli.host", self.name, "--home", str(home))

    def parts_of(self, home: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the names of the light clients and applications that a home's chain runs."""
        settings = read_settings(home)
        return settings.light_clients, settings.applications

    def open_node(
        self,
        home: Path,
        host: NodeHost,
        light_clients: tuple[LightClient, ...],
        applications: tuple[ApplicationFactory, ...],
    ) -> DagNode:
        """Return the node of a home."""
        return DagNode(home, read_settings(home), host, light_clients, applications)

    async def node_health(self, transport: RpcTransport) -> NodeHealth:
        """Return what the one node behind ``transport`` says of itself.

        Raises:
            OperationFailed: It does not answer.
            MalformedMessage: It answers in another form.
        """
        status = mapping(await transport.call("status", {}), what="status")
        info = mapping(status.get("sync_info"), what="sync_info")
        net = mapping(await transport.call("net_info", {}), what="net_info")
        return NodeHealth(
            height=integer(info.get("latest_block_height"), what="latest_block_height"),
            peers=integer(net.get("n_peers"), what="n_peers"),
            is_catching_up=info.get("catching_up") is not False,
        )

    def account_address(self, private_key: bytes) -> Address:
        """Return the address of a key: the start of SHA-256 of its ed25519 public key."""
        return ed25519_address(public_key_from_seed(private_key))

    def client(self, access: ChainAccess, transport: RpcTransport) -> DagClient:
        """Return what a relayer needs of the chain."""
        config = DagConfig(
            chain_id=access.chain_id,
            seed=access.private_key,
            native=Denom(access.fee_denom),
            address_prefix=access.address_prefix,
            gas_price_millionths=access.gas_price_millionths,
        )
        return DagClient(config, transport)

    def user(self, access: ChainAccess, transport: RpcTransport) -> DagUser:
        """Return what people need of the chain."""
        return DagUser(self.client(access, transport), transport, access.address_prefix)


CHAIN_KIND = DagKind()
"""What discovery finds."""
