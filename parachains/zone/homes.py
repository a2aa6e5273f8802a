"""Writes the home folders of a Tendermint chain's nodes: keys, genesis and settings.

``FOLDER/node<i>/`` is what ``isthmusd start --home`` takes.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from chainkit.primitives.bech32 import encode_bech32
from chainkit.primitives.types import Address, DurationNs, VotingPower
from chainkit.sigverify.ed25519 import public_key_from_seed
from parachains.sdk.block_times import slowest_block_ns
from parachains.sdk.kinds import OWN_ENGINE, ChainPlan, Ports, WrittenNode
from relay_chain.consensus.messages import Timeouts
from relay_chain.node.config import (
    Endpoint,
    NodeConfig,
    P2pConfig,
    PeerAddress,
    PruningConfig,
    RpcConfig,
    write_config,
)
from relay_chain.node.files import write_durably
from relay_chain.node.genesis import Genesis, GenesisValidator, write_genesis
from relay_chain.node.p2p.node_key import load_or_create_node_key
from relay_chain.node.privval import write_empty_state, write_private_key

LOOPBACK = "127.0.0.1"
GENESIS_POWER = VotingPower(10)
NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class GenesisOperator:
    """A validator of the first block: who stakes for it, and the key that votes."""

    moniker: str
    address: Address
    public_key: bytes


StakingGenesis = Callable[[ChainPlan, Sequence[GenesisOperator]], Mapping[str, object]]
"""Returns the genesis state of what decides the validators, by module."""


def write_tendermint_chain(
    folder: Path, plan: ChainPlan, ports: Ports, *, app: str, staking: StakingGenesis
) -> tuple[WrittenNode, ...]:
    """Write one home a validator below ``folder``, which must not hold any; return them in order.

    Args:
        folder: The chain's.
        plan: What to write.
        ports: Two are taken for each node.
        app: The application's name in ``app.toml``.
        staking: Gives the part of the genesis state that names the validators.

    Raises:
        OSError: The folder cannot be written.
    """
    nodes = tuple(
        _write_keys(folder / f"node{index}", f"{plan.name}-{index}", seed, ports)
        for index, seed in enumerate(plan.seeds)
    )
    operators = tuple(
        GenesisOperator(node.name, address, public_key_from_seed(seed))
        for node, address, seed in zip(nodes, plan.operators, plan.seeds, strict=True)
    )
    genesis = make_genesis(plan, operators, staking)
    for node in nodes:
        write_genesis(node.home / "config" / "genesis.json", genesis)
        peers = tuple(
            PeerAddress(other.node_id, LOOPBACK, other.p2p_port)
            for other in nodes
            if other is not node
        )
        write_config(node.home / "config" / "config.toml", make_config(plan, node, peers))
        write_durably(node.home / "config" / "app.toml", app_toml(plan, app, node).encode())
    return nodes


def _write_keys(home: Path, name: str, seed: bytes, ports: Ports) -> WrittenNode:
    for folder in ("config", "data"):
        (home / folder).mkdir(parents=True)
    write_private_key(home / "config" / "priv_validator_key.json", seed)
    write_empty_state(home / "data" / "priv_validator_state.json")
    node_key = load_or_create_node_key(home / "config" / "node_key.json")
    p2p, rpc, grpc, api = (next(ports) for _ in range(4))
    return WrittenNode(name, home, node_key.id, p2p, rpc, grpc, api)


def make_genesis(
    plan: ChainPlan, operators: Sequence[GenesisOperator], staking: StakingGenesis
) -> Genesis:
    """Return the first state of a chain: validators, funded accounts, no client or channel.

    It names the light clients and applications, so that a node which lacks one stops.
    """
    funded = [
        (encode_bech32(plan.address_prefix, address), balance) for address, balance in plan.funded
    ]
    state: dict[str, object] = {
        **staking(plan, operators),
        "auth": {"accounts": [{"address": address} for address, _ in funded]},
        "bank": {
            "balances": [
                {"address": address, "coins": [{"denom": plan.denom, "amount": str(balance)}]}
                for address, balance in funded
            ]
        },
        "ibc": {
            "allowed_clients": list(plan.light_clients),
            "applications": list(plan.applications),
            "max_expected_time_per_block_ns": slowest_block_ns(
                plan.timeout_propose_ms, plan.timeout_commit_ms
            ),
        },
    }
    return Genesis(
        chain_id=plan.chain_id,
        genesis_time=plan.genesis_time,
        validators=tuple(
            GenesisValidator(operator.public_key, GENESIS_POWER, operator.moniker)
            for operator in operators
        ),
        app_state=merged(state, plan.genesis),
    )


def merged(base: Mapping[str, object], over: Mapping[str, object]) -> dict[str, object]:
    """Return ``base`` with the values of ``over``, table by table."""
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            result[key] = merged(below, value)
        else:
            result[key] = value
    return result


def make_config(plan: ChainPlan, node: WrittenNode, peers: tuple[PeerAddress, ...]) -> NodeConfig:
    """Return a node's settings: loopback only, its peers by id."""
    return NodeConfig(
        moniker=node.name,
        rpc=RpcConfig(laddr=Endpoint(LOOPBACK, node.rpc_port)),
        p2p=P2pConfig(
            laddr=Endpoint(LOOPBACK, node.p2p_port),
            persistent_peers=peers,
            addr_book_strict=False,
            allow_duplicate_ip=True,
        ),
        timeouts=Timeouts(
            propose_ns=DurationNs(plan.timeout_propose_ms * NS_PER_MS),
            commit_ns=DurationNs(plan.timeout_commit_ms * NS_PER_MS),
        ),
        pruning=PruningConfig(keep_states=plan.keep_states),
    )


def app_toml(plan: ChainPlan, app: str, node: WrittenNode) -> str:
    """Return what a node runs, whom it tells of blocks, and where it answers gRPC and REST."""
    values = {
        "app": app,
        "address-prefix": plan.address_prefix,
        # Relayers compare the price that they pay with what a node asks for, by denomination.
        "minimum-gas-prices": f"0{plan.denom}",
    }
    if plan.mqtt_url:
        values["mqtt-url"] = plan.mqtt_url
    if plan.engine != OWN_ENGINE:
        values["engine"] = plan.engine
    # JSON's texts of printable characters are TOML's basic strings.
    lines = [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    if plan.keep_states:
        lines.append(f"keep-states = {plan.keep_states}")
    for name, address in (
        ("grpc", f"{LOOPBACK}:{node.grpc_port}"),
        ("api", f"tcp://{LOOPBACK}:{node.api_port}"),
    ):
        lines += ["", f"[{name}]", "enable = true", f"address = {json.dumps(address)}"]
    return "\n".join(lines) + "\n"
