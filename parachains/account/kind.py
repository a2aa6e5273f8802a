"""Account chains as a kind of chain: homes, the node's program, and how nodes are asked."""

from pathlib import Path

from chainkit.formats.ethereum.addresses import format_address
from chainkit.formats.ethereum.signatures import address_of
from chainkit.primitives.hashing import sha256
from chainkit.primitives.timestamps import NS_PER_SECOND
from chainkit.primitives.types import Address, ChainId
from ibc.ics02_client.port import LightClient
from ibc.ics26_routing.port import ApplicationFactory
from parachains.account.client import AccountClient, AccountConfig
from parachains.account.node import AccountNode, NodeHost
from parachains.account.rpc_client import RpcTransport
from parachains.account.rpc_forms import parse_quantity
from parachains.account.settings import AccountSettings, read_settings, write_settings
from parachains.account.user import QUERIES, AccountUser
from parachains.sdk.kinds import ChainPlan, NodeCommand, NodeHealth, Ports, WrittenNode
from parachains.sdk.users import ChainAccess, QueryForm

LISTEN_HOST = "127.0.0.1"
LOCAL_BASE_FEE = 7
"""Wei for a unit of gas in a local network, from which empty blocks do not sink it."""

_FIRST_EVM_CHAIN_ID = 0x1BC00000
_MS_PER_S = 1_000


def evm_chain_id(chain_id: ChainId) -> int:
    """Return EIP-155's number of a local network's chain, by the hash of its name."""
    return _FIRST_EVM_CHAIN_ID + int.from_bytes(sha256(chain_id.encode())[:2], "big")


class AccountKind:
    """Chains of Ethereum's blocks, sealed by QBFT."""

    name = "account"
    summary = "Ethereum blocks sealed by QBFT; native contracts, no virtual machine"
    queries: tuple[QueryForm, ...] = QUERIES

    def write_chain(self, folder: Path, plan: ChainPlan, ports: Ports) -> tuple[WrittenNode, ...]:
        """Write the homes of the chain's validators below ``folder``; return them in order.

        Raises:
            OSError: The folder cannot be written.
        """
        places = [(next(ports), next(ports)) for _ in plan.seeds]
        validators = tuple(format_address(address_of(seed)) for seed in plan.seeds)
        nodes = []
        for index, (seed, (p2p_port, rpc_port)) in enumerate(zip(plan.seeds, places, strict=True)):
            home = folder / f"node{index}"
            home.mkdir(parents=True, exist_ok=True)
            settings = AccountSettings(
                chain_id=plan.chain_id,
                evm_chain_id=evm_chain_id(plan.chain_id),
                denom=plan.denom,
                address_prefix=plan.address_prefix,
                listen_host=LISTEN_HOST,
                p2p_port=p2p_port,
                rpc_port=rpc_port,
                peers=tuple(f"{LISTEN_HOST}:{port}" for port, _ in places[:index]),
                validator_key=seed.hex(),
                request_timeout_ms=max(plan.timeout_propose_ms, _MS_PER_S),
                keep_states=plan.keep_states,
                validators=validators,
                balances=tuple(
                    (format_address(address), str(amount)) for address, amount in plan.funded
                ),
                genesis_time=plan.genesis_time // NS_PER_SECOND,
                base_fee=LOCAL_BASE_FEE,
                votes_over_rpc=True,
                light_clients=plan.light_clients,
                applications=plan.applications,
                mqtt_url=plan.mqtt_url,
            )
            write_settings(home, settings)
            nodes.append(
                WrittenNode(
                    name=f"{plan.name}-{index}",
                    home=home,
                    node_id=address_of(seed).hex(),
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
    ) -> AccountNode:
        """Return the node of a home."""
        return AccountNode(home, read_settings(home), host, light_clients, applications)

    def account_address(self, private_key: bytes) -> Address:
        """Return the address of a key: the end of its public key's Keccak-256."""
        return address_of(private_key)

    async def node_health(self, transport: RpcTransport) -> NodeHealth:
        """Return what the one node behind ``transport`` says of itself.

        Raises:
            OperationFailed: It does not answer.
            RuleBroken: It answers in another form.
        """
        height = parse_quantity(await transport.call("eth_blockNumber", {}), "height")
        peers = parse_quantity(await transport.call("net_peerCount", {}), "peers")
        syncing = await transport.call("eth_syncing", {})
        return NodeHealth(height=height, peers=peers, is_catching_up=syncing is not False)

    def client(self, access: ChainAccess, transport: RpcTransport) -> AccountClient:
        """Return what a relayer needs of the chain."""
        config = AccountConfig(
            access.chain_id, access.private_key, access.fee_denom, access.address_prefix
        )
        return AccountClient(config, transport)

    def user(self, access: ChainAccess, transport: RpcTransport) -> AccountUser:
        """Return what people need of the chain."""
        client = self.client(access, transport)
        return AccountUser(client, transport, access.address_prefix, access.fee_denom)


CHAIN_KIND = AccountKind()
"""What discovery finds."""
