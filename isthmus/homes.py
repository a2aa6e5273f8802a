"""Writes the home folders of a local network: keys, genesis, settings, and ``net.json``.

``HOME/<chain>/node<i>/`` is what ``isthmusd start --home`` takes; ``HOME/relayer/`` holds the
relayer's settings. Everything that others need to find the network is in ``net.json``.
"""

import base64
import os
import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec

from chainkit.primitives.types import ChainId, DurationNs, TimestampNs, VotingPower
from chainkit.sigverify.ed25519 import public_key_from_seed
from isthmus.accounts import Account, derive_account
from isthmus.config import ChainSpec, NetSpec
from relay_chain.app.staking import POWER_REDUCTION
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
NET_FILE = "net.json"
GENESIS_POWER = VotingPower(10)
FIRST_OPERATOR_INDEX = 1_000
"""Operators' accounts have the phrase's indices from here, apart from the users'."""


class NodePlace(msgspec.Struct, frozen=True):
    """One node as ``net.json`` has it."""

    name: str
    home: str
    node_id: str
    p2p_port: int
    rpc_port: int

    @property
    def rpc_url(self) -> str:
        """Where its JSON-RPC answers."""
        return f"http://{LOOPBACK}:{self.rpc_port}"


class ChainPlace(msgspec.Struct, frozen=True):
    """One chain as ``net.json`` has it."""

    name: str
    kind: str
    chain_id: str
    denom: str
    bech32_prefix: str
    nodes: tuple[NodePlace, ...]


class AccountPlace(msgspec.Struct, frozen=True):
    """One funded account as ``net.json`` has it: its key is a public one."""

    name: str
    private_key: str
    addresses: dict[str, str]


class NetPlace(msgspec.Struct, frozen=True):
    """``net.json``: everything that finds a running network."""

    chains: tuple[ChainPlace, ...]
    accounts: tuple[AccountPlace, ...]
    relayer_home: str
    broker_port: int

    def chain(self, name: str) -> ChainPlace:
        """Return the chain of that name, which must be there."""
        return next(chain for chain in self.chains if chain.name == name)


@dataclass(frozen=True, slots=True)
class _NodeKeys:
    home: Path
    node_id: str
    public_key: bytes
    p2p_port: int
    rpc_port: int


def free_ports(count: int) -> tuple[int, ...]:
    """Return different ports that nobody listens on now.

    All are held until the last is found, so that none is given twice. Another program may
    take one before the node does: then the node says so and stops.
    """
    with ExitStack() as stack:
        ports = []
        for _ in range(count):
            held = stack.enter_context(socket.socket())
            held.bind((LOOPBACK, 0))
            ports.append(int(held.getsockname()[1]))
        return tuple(ports)


def derive_accounts(spec: NetSpec) -> tuple[Account, ...]:
    """Return the accounts of a spec, in its order."""
    return tuple(derive_account(each.name, index) for index, each in enumerate(spec.accounts))


def create_network(home: Path, spec: NetSpec) -> NetPlace:
    """Write a new network that starts now, with fresh validator keys; as :func:`write_network`."""
    total = sum(chain.validators for chain in spec.chains)
    seeds = [os.urandom(32) for _ in range(total)]
    return write_network(home, spec, genesis_time=TimestampNs(time.time_ns()), seeds=seeds)


def write_network(
    home: Path, spec: NetSpec, *, genesis_time: TimestampNs, seeds: Sequence[bytes]
) -> NetPlace:
    """Write all folders below ``home``, which must be empty or absent; return what is where.

    Args:
        home: The network's folder.
        spec: What to write.
        genesis_time: Time of the first block of every chain.
        seeds: A secret of 32 bytes for each validator of all chains, in order.

    Raises:
        OSError: The folder cannot be written, or has a network already.
    """
    total = sum(chain.validators for chain in spec.chains)
    assert len(seeds) == total
    home.mkdir(parents=True, exist_ok=True)
    if (home / NET_FILE).exists():
        raise FileExistsError(f"{home} has a network already")
    accounts = derive_accounts(spec)
    ports = iter(free_ports(2 * total + 1))
    secrets = iter(seeds)
    chains = []
    for chain in spec.chains:
        keys = tuple(
            _write_keys(home / chain.name / f"node{index}", next(secrets), next(ports), next(ports))
            for index in range(chain.validators)
        )
        genesis = make_genesis(spec, chain, keys, accounts, genesis_time)
        for index, mine in enumerate(keys):
            write_genesis(mine.home / "config" / "genesis.json", genesis)
            peers = tuple(
                PeerAddress(other.node_id, LOOPBACK, other.p2p_port)
                for other in keys
                if other is not mine
            )
            config = make_config(chain, f"{chain.name}-{index}", mine, peers)
            write_config(mine.home / "config" / "config.toml", config)
            write_durably(mine.home / "config" / "app.toml", app_toml(chain).encode())
        chains.append(_chain_place(home, chain, keys))
    place = NetPlace(
        chains=tuple(chains),
        accounts=tuple(_account_place(spec, account) for account in accounts),
        relayer_home="relayer",
        broker_port=next(ports),
    )
    (home / "relayer").mkdir(exist_ok=True)
    write_durably(home / "relayer" / "relayer.toml", relayer_toml(spec, place).encode(), mode=0o600)
    data = msgspec.json.format(msgspec.json.encode(place), indent=2)
    write_durably(home / NET_FILE, data, mode=0o600)
    return place


def read_network(home: Path) -> NetPlace:
    """Return what ``net.json`` says.

    Raises:
        OSError: There is no network in ``home``.
        msgspec.DecodeError: The file is damaged.
    """
    return msgspec.json.decode((home / NET_FILE).read_bytes(), type=NetPlace)


def _write_keys(home: Path, seed: bytes, p2p_port: int, rpc_port: int) -> _NodeKeys:
    for folder in ("config", "data"):
        (home / folder).mkdir(parents=True)
    write_private_key(home / "config" / "priv_validator_key.json", seed)
    write_empty_state(home / "data" / "priv_validator_state.json")
    node_key = load_or_create_node_key(home / "config" / "node_key.json")
    return _NodeKeys(home, node_key.id, public_key_from_seed(seed), p2p_port, rpc_port)


def make_genesis(
    spec: NetSpec,
    chain: ChainSpec,
    keys: Sequence[_NodeKeys],
    accounts: Sequence[Account],
    genesis_time: TimestampNs,
) -> Genesis:
    """Return the first state of a chain: its validators and funded accounts, no channels."""
    funded = [
        (account.bech32(chain.bech32_prefix), each.balance)
        for account, each in zip(accounts, spec.accounts, strict=True)
        if not each.chains or chain.name in each.chains
    ]
    return Genesis(
        chain_id=ChainId(chain.id),
        genesis_time=genesis_time,
        validators=tuple(
            GenesisValidator(key.public_key, GENESIS_POWER, f"{chain.name}-{index}")
            for index, key in enumerate(keys)
        ),
        app_state={
            **_validators_of(chain, keys),
            "auth": {"accounts": [{"address": address} for address, _ in funded]},
            "bank": {
                "balances": [
                    {
                        "address": address,
                        "coins": [{"denom": chain.denom, "amount": str(balance)}],
                    }
                    for address, balance in funded
                ]
            },
        },
    )


def _validators_of(chain: ChainSpec, keys: Sequence[_NodeKeys]) -> dict[str, object]:
    """Return the staking state of a hub; a zone takes the validators of the document."""
    if chain.kind != "hub":
        return {}
    operators = [
        derive_account(f"{chain.name}-{index}", FIRST_OPERATOR_INDEX + index)
        for index in range(len(keys))
    ]
    return {
        "staking": {
            "params": {"bond_denom": chain.denom},
            "validators": [
                {
                    "operator_address": operator.bech32(chain.bech32_prefix),
                    "pub_key": base64.b64encode(key.public_key).decode(),
                    "tokens": str(GENESIS_POWER * POWER_REDUCTION),
                    "moniker": operator.name,
                }
                for operator, key in zip(operators, keys, strict=True)
            ],
        }
    }


def make_config(
    chain: ChainSpec, moniker: str, keys: _NodeKeys, peers: tuple[PeerAddress, ...]
) -> NodeConfig:
    """Return a node's settings: loopback only, its peers by id."""
    return NodeConfig(
        moniker=moniker,
        rpc=RpcConfig(laddr=Endpoint(LOOPBACK, keys.rpc_port)),
        p2p=P2pConfig(
            laddr=Endpoint(LOOPBACK, keys.p2p_port),
            persistent_peers=peers,
            addr_book_strict=False,
            allow_duplicate_ip=True,
        ),
        timeouts=Timeouts(
            propose_ns=DurationNs(chain.timeout_propose_ms * 1_000_000),
            commit_ns=DurationNs(chain.timeout_commit_ms * 1_000_000),
        ),
        pruning=PruningConfig(keep_states=chain.keep_states),
    )


def app_toml(chain: ChainSpec) -> str:
    """Return which application a node runs, and its address prefix."""
    return f"app = {_quoted(chain.kind)}\naddress-prefix = {_quoted(chain.bech32_prefix)}\n"


def relayer_toml(spec: NetSpec, place: NetPlace) -> str:
    """Return the relayer's settings; the key is that of the account ``relayer``."""
    keys = [account.private_key for account in place.accounts if account.name == "relayer"]
    lines: list[str] = []
    if spec.broker.kind == "external":
        lines.append(f"mqtt_url = {_quoted(spec.broker.url)}")
    elif spec.broker.kind == "embedded":
        lines.append(f"mqtt_url = {_quoted(f'mqtt://{LOOPBACK}:{place.broker_port}')}")
    for chain in place.chains if keys else ():
        urls = ", ".join(_quoted(node.rpc_url) for node in chain.nodes)
        lines += [
            "",
            "[[chains]]",
            f"id = {_quoted(chain.chain_id)}",
            f"rpc = [{urls}]",
            f"private_key = {_quoted(keys[0])}",
            f"address_prefix = {_quoted(chain.bech32_prefix)}",
            f"fee_denom = {_quoted(chain.denom)}",
        ]
    for path in spec.paths:
        lines += [
            "",
            "[[paths]]",
            f"name = {_quoted(f'{path.a}.{path.b}.{path.port}')}",
            f"a = {_quoted(place.chain(path.a).chain_id)}",
            f"b = {_quoted(place.chain(path.b).chain_id)}",
            "[[paths.channels]]",
            f"port_a = {_quoted(path.port)}",
            f"port_b = {_quoted(path.port)}",
            f"version = {_quoted(path.version)}",
            f"ordering = {_quoted(path.ordering)}",
        ]
    return "\n".join(lines).lstrip("\n") + "\n"


def _chain_place(home: Path, chain: ChainSpec, keys: Sequence[_NodeKeys]) -> ChainPlace:
    return ChainPlace(
        name=chain.name,
        kind=chain.kind,
        chain_id=chain.id,
        denom=chain.denom,
        bech32_prefix=chain.bech32_prefix,
        nodes=tuple(
            NodePlace(
                name=f"{chain.name}-{index}",
                home=str(key.home.relative_to(home)),
                node_id=key.node_id,
                p2p_port=key.p2p_port,
                rpc_port=key.rpc_port,
            )
            for index, key in enumerate(keys)
        ),
    )


def _account_place(spec: NetSpec, account: Account) -> AccountPlace:
    return AccountPlace(
        name=account.name,
        private_key=account.private_key.hex(),
        addresses={chain.name: account.bech32(chain.bech32_prefix) for chain in spec.chains},
    )


def _quoted(text: str) -> str:
    """Return a TOML basic string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
