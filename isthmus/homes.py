"""Writes the home folders of a local network: keys, genesis, settings, and ``net.json``.

``HOME/<chain>/node<i>/`` is what ``isthmusd start --home`` takes; ``HOME/relayer/`` holds the
relayer's settings. Everything that others need to find the network is in ``net.json``.
"""

import os
import re
import secrets
import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec

from chainkit.primitives.bech32 import encode_bech32
from chainkit.primitives.types import ChainId, Denom, TimestampNs
from isthmus.accounts import Account, derive_account
from isthmus.config import ChainSpec, NetSpec, PathEndSpec
from isthmus.discovery import find_chain_kind, ibc_application_names, light_client_names
from isthmus.errors import DamagedFile, EngineNotFit, NoNetwork
from parachains.sdk.kinds import MAX_PORTS_PER_NODE, OWN_ENGINE, ChainPlan, WrittenNode
from relay_chain.node.files import write_durably

LOOPBACK = "127.0.0.1"
NET_FILE = "net.json"
FIRST_OPERATOR_INDEX = 1_000
"""Operators' accounts have the phrase's indices from here, apart from the users'."""


class NodePlace(msgspec.Struct, frozen=True):
    """One node as ``net.json`` has it."""

    name: str
    home: str
    node_id: str
    p2p_port: int
    rpc_port: int
    grpc_port: int = 0
    """0 where it answers none."""
    api_port: int = 0
    """Of its REST gateway; 0 where it has none."""

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
    spec: NetSpec = NetSpec()
    """What the network was made from."""

    def chain(self, name: str) -> ChainPlace:
        """Return the chain of that name, which must be there."""
        return next(chain for chain in self.chains if chain.name == name)


_PORTS = range(16_384, 32_768)
"""Linux gives outgoing connections ports from 32,768 on, others from 49,152."""


def free_ports(count: int) -> tuple[int, ...]:
    """Return different ports that nobody listens on now, below those of outgoing connections.

    The system takes a port of its own range for every connection that a program makes: one
    found there may be gone when the node wants it. All are held until the last is found, so
    that none is given twice. Another program may take one before the node does: then the
    node says so and stops.
    """
    with ExitStack() as stack:
        ports: list[int] = []
        for port in secrets.SystemRandom().sample(_PORTS, len(_PORTS)):
            if len(ports) == count:
                break
            held = stack.enter_context(socket.socket())
            try:
                held.bind((LOOPBACK, port))
            except OSError:
                continue
            ports.append(port)
        assert len(ports) == count, "so many ports are not free"
        return tuple(ports)


def account_text(account: Account, kind: str, prefix: str) -> str:
    """Return an account's address on a chain of a kind: a key has another one on another kind.

    Raises:
        NotInstalled: There is no such kind.
    """
    return encode_bech32(prefix, find_chain_kind(kind).account_address(account.private_key))


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
    ports = iter(free_ports(MAX_PORTS_PER_NODE * total + 1))
    broker_port = next(ports)
    secrets = iter(seeds)
    chains = []
    for chain in spec.chains:
        plan = chain_plan(
            spec,
            chain,
            accounts,
            genesis_time=genesis_time,
            seeds=tuple(next(secrets) for _ in range(chain.validators)),
            mqtt_url=broker_url(spec, broker_port),
        )
        nodes = find_chain_kind(chain.kind).write_chain(home / chain.name, plan, ports)
        chains.append(_chain_place(home, chain, nodes))
    place = NetPlace(
        chains=tuple(chains),
        accounts=tuple(_account_place(spec, account) for account in accounts),
        relayer_home="relayer",
        broker_port=broker_port,
        spec=spec,
    )
    (home / "relayer").mkdir(exist_ok=True)
    write_durably(home / "relayer" / "relayer.toml", relayer_toml(spec, place).encode(), mode=0o600)
    data = msgspec.json.format(msgspec.json.encode(place), indent=2)
    write_durably(home / NET_FILE, data, mode=0o600)
    return place


def read_network(home: Path) -> NetPlace:
    """Return what ``net.json`` says.

    Raises:
        NoNetwork: There is none in ``home``.
        DamagedFile: The file is not of its form.
        OSError: The file cannot be read.
    """
    try:
        data = (home / NET_FILE).read_bytes()
    except FileNotFoundError as error:
        raise NoNetwork(home=home) from error
    try:
        return msgspec.json.decode(data, type=NetPlace)
    except msgspec.DecodeError as error:
        raise DamagedFile(path=home / NET_FILE, reason=str(error)) from error


def broker_url(spec: NetSpec, port: int) -> str:
    """Return where the network's broker is; empty where there is none."""
    urls = {"embedded": f"mqtt://{LOOPBACK}:{port}", "external": spec.broker.url, "none": ""}
    return urls[spec.broker.kind]


def chain_plan(
    spec: NetSpec,
    chain: ChainSpec,
    accounts: Sequence[Account],
    *,
    genesis_time: TimestampNs,
    seeds: tuple[bytes, ...],
    mqtt_url: str,
) -> ChainPlan:
    """Return what a chain's kind is told to write."""
    kind = find_chain_kind(chain.kind)
    if chain.engine != OWN_ENGINE and chain.engine not in getattr(kind, "engines", ()):
        raise EngineNotFit(chain=chain.name, kind=chain.kind, engine=chain.engine)
    return ChainPlan(
        name=chain.name,
        chain_id=ChainId(chain.id),
        denom=Denom(chain.denom),
        address_prefix=chain.bech32_prefix,
        timeout_propose_ms=chain.timeout_propose_ms,
        timeout_commit_ms=chain.timeout_commit_ms,
        keep_states=chain.keep_states,
        genesis_time=genesis_time,
        seeds=seeds,
        operators=tuple(
            derive_account(f"{chain.name}-{index}", FIRST_OPERATOR_INDEX + index).address
            for index in range(chain.validators)
        ),
        funded=tuple(
            (kind.account_address(account.private_key), each.balance)
            for account, each in zip(accounts, spec.accounts, strict=True)
            if not each.chains or chain.name in each.chains
        ),
        light_clients=light_client_names(),
        applications=ibc_application_names(),
        genesis=chain.genesis,
        mqtt_url=mqtt_url,
        engine=chain.engine,
    )


def path_name(path: PathEndSpec, index: int) -> str:
    """Return a path's name in the relayer's reports: its ends and port, where that is one."""
    name = f"{path.a}.{path.b}.{path.port}"
    return name if re.fullmatch(r"[A-Za-z0-9._-]{1,64}", name) else f"path-{index}"


def relayer_toml(spec: NetSpec, place: NetPlace) -> str:
    """Return the relayer's settings; the key is that of the account ``relayer``."""
    keys = [account.private_key for account in place.accounts if account.name == "relayer"]
    lines = [f"poll_ms = {spec.relayer.poll_ms}"]
    mqtt_url = broker_url(spec, place.broker_port)
    if mqtt_url:
        lines.append(f"mqtt_url = {_quoted(mqtt_url)}")
    for chain in place.chains if keys else ():
        urls = ", ".join(_quoted(node.rpc_url) for node in chain.nodes)
        lines += [
            "",
            "[[chains]]",
            f"id = {_quoted(chain.chain_id)}",
            f"kind = {_quoted(chain.kind)}",
            f"rpc = [{urls}]",
            f"private_key = {_quoted(keys[0])}",
            f"address_prefix = {_quoted(chain.bech32_prefix)}",
            f"fee_denom = {_quoted(chain.denom)}",
        ]
    for index, path in enumerate(spec.paths):
        lines += [
            "",
            "[[paths]]",
            f"name = {_quoted(path_name(path, index))}",
            f"a = {_quoted(place.chain(path.a).chain_id)}",
            f"b = {_quoted(place.chain(path.b).chain_id)}",
            *(["ibc_v2 = true"] if path.ibc_v2 else []),
            *(["answer_channels = true"] if path.answer_channels else []),
            "[[paths.channels]]",
            f"port_a = {_quoted(path.port)}",
            f"port_b = {_quoted(path.port)}",
            f"version = {_quoted(path.version)}",
            f"ordering = {_quoted(path.ordering)}",
        ]
    return "\n".join(lines).lstrip("\n") + "\n"


def _chain_place(home: Path, chain: ChainSpec, nodes: Sequence[WrittenNode]) -> ChainPlace:
    return ChainPlace(
        name=chain.name,
        kind=chain.kind,
        chain_id=chain.id,
        denom=chain.denom,
        bech32_prefix=chain.bech32_prefix,
        nodes=tuple(
            NodePlace(
                name=node.name,
                home=str(node.home.relative_to(home)),
                node_id=node.node_id,
                p2p_port=node.p2p_port,
                rpc_port=node.rpc_port,
                grpc_port=node.grpc_port,
                api_port=node.api_port,
            )
            for node in nodes
        ),
    )


def _account_place(spec: NetSpec, account: Account) -> AccountPlace:
    return AccountPlace(
        name=account.name,
        private_key=account.private_key.hex(),
        addresses={
            chain.name: account_text(account, chain.kind, chain.bech32_prefix)
            for chain in spec.chains
        },
    )


def _quoted(text: str) -> str:
    """Return a TOML basic string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
