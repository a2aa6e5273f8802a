"""Tendermint zones as a kind of chain; other Tendermint chains vary what decides validators."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from chainkit.commitments.database import KeyValueDatabase
from chainkit.primitives.types import Address
from chainkit.runtime.application import Application, Settings
from chainkit.sigverify.secp256k1 import public_key_of, secp256k1_address
from parachains.sdk.kinds import (
    ChainPlan,
    NodeCommand,
    NodeHealth,
    NodeParts,
    Ports,
    WrittenNode,
)
from parachains.sdk.users import ChainAccess, QueryForm
from parachains.zone.accounts import Key
from parachains.zone.app import zone_application
from parachains.zone.client import ZoneClient, ZoneConfig
from parachains.zone.homes import (
    GenesisOperator,
    StakingGenesis,
    make_genesis,
    write_tendermint_chain,
)
from parachains.zone.queries import CORE_QUERIES, ZoneQuery, query_forms
from parachains.zone.rpc import RpcTransport
from parachains.zone.rpc_forms import field
from parachains.zone.user import ZoneUser
from relay_chain.node.genesis import Genesis
from relay_chain.node.json_forms import integer


@dataclass(frozen=True, slots=True)
class TendermintKind:
    """Chains on the Tendermint engine that differ by their application."""

    name: str
    summary: str
    staking: StakingGenesis
    asked: tuple[ZoneQuery, ...]
    engines: tuple[str, ...] = ("cometbft",)
    """What may decide their blocks besides our own engine."""

    @property
    def queries(self) -> tuple[QueryForm, ...]:
        """What its chains can be asked."""
        return query_forms(self.asked)

    def write_chain(self, folder: Path, plan: ChainPlan, ports: Ports) -> tuple[WrittenNode, ...]:
        """Write the homes of the chain's nodes below ``folder``; return them in order."""
        return write_tendermint_chain(folder, plan, ports, app=self.name, staking=self.staking)

    def first_genesis(self, plan: ChainPlan) -> Genesis:
        """Return the genesis of a plan whose validators are still to be named."""
        return make_genesis(plan, (), self.staking)

    def node_command(self, home: Path) -> NodeCommand:
        """Return how the node of a home is started."""
        return ("isthmus.cli.node", "start", "--home", str(home))

    async def node_health(self, transport: RpcTransport) -> NodeHealth:
        """Return what the one node behind ``transport`` says of itself.

        Raises:
            OperationFailed: It does not answer.
            MalformedMessage: It answers in another form.
        """
        info = field(await transport.call("status", {}), "sync_info")
        peers = field(await transport.call("net_info", {}), "n_peers")
        return NodeHealth(
            height=integer(field(info, "latest_block_height"), what="latest_block_height"),
            peers=integer(peers, what="n_peers"),
            is_catching_up=field(info, "catching_up") is not False,
        )

    def account_address(self, private_key: bytes) -> Address:
        """Return the address of a key: RIPEMD-160 of SHA-256 of its public key."""
        return secp256k1_address(public_key_of(private_key))

    def client(self, access: ChainAccess, transport: RpcTransport) -> ZoneClient:
        """Return what a relayer needs of the chain."""
        config = ZoneConfig(
            chain_id=access.chain_id,
            key=Key(access.private_key, access.address_prefix),
            fee_denom=access.fee_denom,
            gas_price_millionths=access.gas_price_millionths,
        )
        return ZoneClient(config, transport)

    def user(self, access: ChainAccess, transport: RpcTransport) -> ZoneUser:
        """Return what people need of the chain."""
        return ZoneUser(self.client(access, transport), transport, self.asked)


def _fixed_validators(
    plan: ChainPlan,  # noqa: ARG001 - the signature of what decides validators
    operators: Sequence[GenesisOperator],  # noqa: ARG001
) -> Mapping[str, object]:
    """Return nothing: a zone takes the validators of the genesis document."""
    return {}


CHAIN_KIND = TendermintKind(
    "zone", "accounts, tokens and IBC; validators fixed at genesis", _fixed_validators, CORE_QUERIES
)
"""What discovery finds."""


def application(database: KeyValueDatabase, parts: NodeParts) -> Application:
    """Return a zone's application over ``database``."""
    return zone_application(
        database,
        light_clients=parts.light_clients,
        applications=parts.applications,
        address_prefix=parts.address_prefix,
        minimum_gas_prices=parts.minimum_gas_prices,
        settings=Settings(keep_recent=parts.keep_states),
    )
