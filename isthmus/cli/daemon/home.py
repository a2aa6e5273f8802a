"""Files of a new home: genesis, settings and keys, by the names that SDK tools know."""

import json
import os
from dataclasses import replace
from pathlib import Path

from chainkit.primitives.errors import OperationFailed
from chainkit.primitives.types import ChainId, Denom, TimestampNs, VotingPower
from isthmus.discovery import (
    chain_kind_names,
    find_chain_kind,
    find_node_application,
    ibc_application_names,
    light_client_names,
)
from isthmus.ports import FirstGenesis
from parachains.sdk.kinds import ChainPlan
from relay_chain.node.config import NodeConfig, format_config
from relay_chain.node.files import write_durably
from relay_chain.node.genesis import Genesis, GenesisValidator, write_genesis
from relay_chain.node.node import NodePaths
from relay_chain.node.p2p.node_key import load_or_create_node_key
from relay_chain.node.privval import FilePrivateValidator, write_empty_state, write_private_key

LONE_VALIDATOR_POWER = VotingPower(10)
STAKING = "staking"
"""Where this module has state, genesis transactions name the validators."""

TX_INDEX = '\n[tx_index]\nindexer = "kv"\n'
"""A section that CometBFT has; the index is always kept here."""


def app_toml(app: str, prefix: str) -> str:
    """Return the application's settings: gRPC on loopback, the REST gateway off, as the SDK's."""
    return (
        f"app = {json.dumps(app)}\n"
        f"address-prefix = {json.dumps(prefix)}\n"
        'minimum-gas-prices = ""\n'
        '\n[api]\nenable = false\naddress = "tcp://localhost:1317"\n'
        '\n[grpc]\nenable = true\naddress = "localhost:9090"\n'
        "\n[grpc-web]\nenable = false\n"
    )


def write_home(
    home: Path,
    *,
    moniker: str,
    chain_id: str,
    app: str,
    denom: str,
    prefix: str,
    now: TimestampNs,
) -> str:
    """Write the home of a new chain's node; return the id that peers dial it by.

    A chain with stake gets its validators from genesis transactions; of any other chain this
    node is the only validator.

    Raises:
        OperationFailed: There is a chain already.
    """
    paths = NodePaths(home)
    if paths.genesis.exists():
        raise OperationFailed(f"{paths.genesis} exists already")
    paths.config.parent.mkdir(parents=True, exist_ok=True)
    paths.data.mkdir(exist_ok=True)
    write_private_key(paths.validator_key, os.urandom(32))
    write_empty_state(paths.validator_state)
    key = FilePrivateValidator(paths.validator_key, paths.validator_state)
    node_key = load_or_create_node_key(paths.node_key)
    genesis = _first_genesis(app, moniker, chain_id, denom, prefix, now)
    if STAKING not in genesis.app_state:
        alone = GenesisValidator(key.public_key, LONE_VALIDATOR_POWER, moniker)
        genesis = replace(genesis, validators=(alone,))
    write_genesis(paths.genesis, genesis)
    write_durably(paths.config, (format_config(NodeConfig(moniker=moniker)) + TX_INDEX).encode())
    write_durably(paths.app, app_toml(app, prefix).encode())
    return node_key.id


def _first_genesis(
    app: str, moniker: str, chain_id: str, denom: str, prefix: str, now: TimestampNs
) -> Genesis:
    kind = find_chain_kind(app) if app in chain_kind_names() else None
    if not isinstance(kind, FirstGenesis):
        find_node_application(app)
        return Genesis(ChainId(chain_id), now)
    return kind.first_genesis(
        ChainPlan(
            name=moniker,
            chain_id=ChainId(chain_id),
            denom=Denom(denom),
            address_prefix=prefix,
            timeout_propose_ms=0,
            timeout_commit_ms=0,
            keep_states=0,
            genesis_time=now,
            seeds=(),
            operators=(),
            funded=(),
            light_clients=light_client_names(),
            applications=ibc_application_names(),
            genesis={},
        )
    )
