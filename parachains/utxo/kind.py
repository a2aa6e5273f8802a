"""UTXO chains as a kind of chain: homes, the node's program, and its clients."""

from pathlib import Path

from chainkit.primitives.types import Address, Denom
from chainkit.sigverify.secp256k1 import public_key_of, secp256k1_address
from ibc.ics02_client.port import LightClient
from ibc.ics26_routing.port import ApplicationFactory
from parachains.sdk.kinds import ChainPlan, NodeCommand, NodeHealth, Ports, WrittenNode
from parachains.sdk.users import ChainAccess, QueryForm
from parachains.utxo.client import UtxoClient, UtxoConfig
from parachains.utxo.node import NodeHost, UtxoNode
from parachains.utxo.parameters import ISTHMUS, PARAMETER_SETS
from parachains.utxo.rpc import RpcTransport
from parachains.utxo.settings import UtxoSettings, read_settings, write_settings
from parachains.utxo.user import QUERIES, UtxoUser
from parachains.utxo.wallet import Key
from relay_chain.node.json_forms import integer, mapping

CONFIRMATIONS = 3
"""Depth at which clients of a local network's chain count a block as final (k)."""

MAX_FUNDED_SATOSHIS = 1_000_000_000
"""The first block's coins pay all accounts: at most ten coins each."""

LISTEN_HOST = "127.0.0.1"
SHARE_SCALE = 1_000_000


class UtxoKind:
    """Chains in Bitcoin's format with the parameter set ``isthmus``."""

    name = "utxo"
    summary = "Bitcoin blocks by proof of work that carry IBC; coins are outputs"
    queries: tuple[QueryForm, ...] = QUERIES

    def write_chain(self, folder: Path, plan: ChainPlan, ports: Ports) -> tuple[WrittenNode, ...]:
        """Write the homes of the chain's miners below ``folder``; return them in order.

        Raises:
            OSError: The folder cannot be written.
        """
        places = [(next(ports), next(ports)) for _ in plan.seeds]
        nodes = []
        for index, (seed, (p2p_port, rpc_port)) in enumerate(zip(plan.seeds, places, strict=True)):
            home = folder / f"node{index}"
            home.mkdir(parents=True, exist_ok=True)
            settings = UtxoSettings(
                parameters=ISTHMUS.name,
                chain_id=plan.chain_id,
                denom=plan.denom,
                address_prefix=plan.address_prefix,
                listen_host=LISTEN_HOST,
                p2p_port=p2p_port,
                rpc_port=rpc_port,
                peers=tuple(f"{LISTEN_HOST}:{port}" for port, _ in places[:index]),
                miner_key=seed.hex(),
                mining_share_millionths=SHARE_SCALE // len(places),
                bootstrap=index == 0,
                funded=tuple(
                    (address.hex(), min(amount, MAX_FUNDED_SATOSHIS))
                    for address, amount in (plan.funded if index == 0 else ())
                ),
                mqtt_url=plan.mqtt_url,
                light_clients=plan.light_clients,
                applications=plan.applications,
            )
            write_settings(home, settings)
            nodes.append(
                WrittenNode(
                    name=f"{plan.name}-{index}",
                    home=home,
                    node_id=Key(seed).address.hex(),
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
    ) -> UtxoNode:
        """Return the node of a home."""
        settings = read_settings(home)
        parameters = PARAMETER_SETS[settings.parameters]
        return UtxoNode(home, settings, parameters, host, light_clients, applications)

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
        """Return the address of a key: RIPEMD-160 of SHA-256 of its public key."""
        return secp256k1_address(public_key_of(private_key))

    def client(self, access: ChainAccess, transport: RpcTransport) -> UtxoClient:
        """Return what a relayer needs of the chain."""
        config = UtxoConfig(
            chain_id=access.chain_id,
            key=Key(access.private_key),
            native=Denom(access.fee_denom),
            address_prefix=access.address_prefix,
            confirmations=CONFIRMATIONS,
        )
        return UtxoClient(config, transport)

    def user(self, access: ChainAccess, transport: RpcTransport) -> UtxoUser:
        """Return what people need of the chain."""
        return UtxoUser(
            self.client(access, transport), transport, access.address_prefix, access.fee_denom
        )


CHAIN_KIND = UtxoKind()
"""What discovery finds."""
