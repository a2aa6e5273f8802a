"""The node's settings: a subset of CometBFT's ``config.toml``, by the same names.

Durations are Go's (``"3s"``, ``"500ms"``, ``"1m30s"``), addresses ``tcp://host:port``, peers
``id@host:port`` separated by commas. An unknown key is refused with its path, except in
sections that CometBFT has and this node has no use for.
"""

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from chainkit.formats.tendermint.validate_basic import HASH_BYTES
from chainkit.primitives.types import BlockHeight, DurationNs
from relay_chain.consensus.messages import Timeouts
from relay_chain.node.config_reading import BadSetting, Section, format_duration, parse_duration
from relay_chain.node.files import write_durably
from relay_chain.node.limits import (
    BROADCAST_COMMIT_TIMEOUT_S,
    MAX_MEMPOOL_BYTES,
    MAX_MEMPOOL_TXS,
    MAX_RPC_BODY_BYTES,
    MAX_RPC_CONNECTIONS,
    MAX_SUBSCRIPTION_CLIENTS,
    MAX_SUBSCRIPTIONS_PER_CLIENT,
    MEMPOOL_CACHE_SIZE,
    SUBSCRIPTION_BUFFER,
)
from relay_chain.node.signing.endpoint import (
    SignerEndpoint,
    TcpEndpoint,
    UnixEndpoint,
    signer_endpoint_of,
)

__all__ = [
    "BadSetting",
    "Endpoint",
    "MempoolConfig",
    "NodeConfig",
    "P2pConfig",
    "PeerAddress",
    "PruningConfig",
    "RpcConfig",
    "StateSyncConfig",
    "endpoint_of",
    "format_config",
    "format_duration",
    "parse_config",
    "parse_duration",
    "peers_of",
    "read_config",
    "write_config",
]

_ADDRESS = re.compile(r"(?:tcp://)?([^:/@\s]+|\[[0-9a-fA-F:]+\]):(\d{1,5})")
_PEER = re.compile(r"([0-9a-f]{40})@([^:/@\s]+|\[[0-9a-fA-F:]+\]):(\d{1,5})")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A TCP address; port 0 lets the system choose."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"tcp://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class PeerAddress:
    """Where a peer listens, and the id that it must prove."""

    node_id: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.node_id}@{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class RpcConfig:
    """``[rpc]``: on loopback, and without the methods that change the node, unless told."""

    laddr: Endpoint = Endpoint("127.0.0.1", 26657)
    unsafe: bool = False
    max_open_connections: int = MAX_RPC_CONNECTIONS
    max_subscription_clients: int = MAX_SUBSCRIPTION_CLIENTS
    max_subscriptions_per_client: int = MAX_SUBSCRIPTIONS_PER_CLIENT
    subscription_buffer: int = SUBSCRIPTION_BUFFER
    timeout_broadcast_tx_commit_ns: DurationNs = DurationNs(
        int(BROADCAST_COMMIT_TIMEOUT_S * 1_000_000_000)
    )
    max_body_bytes: int = MAX_RPC_BODY_BYTES


@dataclass(frozen=True, slots=True)
class P2pConfig:
    """``[p2p]``."""

    laddr: Endpoint = Endpoint("0.0.0.0", 26656)  # noqa: S104 - CometBFT's default: peers come from anywhere
    external_address: str = ""
    persistent_peers: tuple[PeerAddress, ...] = ()
    seeds: tuple[PeerAddress, ...] = ()
    pex: bool = True
    max_num_inbound_peers: int = 40
    max_num_outbound_peers: int = 10
    addr_book_strict: bool = True
    allow_duplicate_ip: bool = False
    send_rate: int = 5_120_000
    recv_rate: int = 5_120_000


@dataclass(frozen=True, slots=True)
class MempoolConfig:
    """``[mempool]``."""

    size: int = MAX_MEMPOOL_TXS
    max_txs_bytes: int = MAX_MEMPOOL_BYTES
    cache_size: int = MEMPOOL_CACHE_SIZE
    recheck: bool = True
    broadcast: bool = True


@dataclass(frozen=True, slots=True)
class PruningConfig:
    """``[pruning]``, ours: how many recent heights are kept. 0 keeps all."""

    keep_blocks: int = 0
    keep_states: int = 0


@dataclass(frozen=True, slots=True)
class StateSyncConfig:
    """``[statesync]``: whether a node without a state takes over a snapshot, and whom it trusts."""

    enable: bool = False
    rpc_servers: tuple[str, ...] = ()
    """Where headers come from; the second and later must agree with the first."""
    trust_height: BlockHeight = BlockHeight(0)
    trust_hash: bytes = b""
    trust_period_ns: DurationNs = DurationNs(168 * 3_600 * 1_000_000_000)


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """All settings."""

    moniker: str = "isthmus"
    rpc: RpcConfig = field(default_factory=RpcConfig)
    p2p: P2pConfig = field(default_factory=P2pConfig)
    mempool: MempoolConfig = field(default_factory=MempoolConfig)
    timeouts: Timeouts = field(default_factory=Timeouts)
    pruning: PruningConfig = field(default_factory=PruningConfig)
    statesync: StateSyncConfig = field(default_factory=StateSyncConfig)
    priv_validator_laddr: SignerEndpoint | None = None
    """Where a remote signer dials in; None for a key in this home."""


def endpoint_of(value: str) -> Endpoint:
    """Return the address of ``tcp://host:port`` or ``host:port``.

    Raises:
        ValueError: Another form.
    """
    match = _ADDRESS.fullmatch(value)
    if match is None or int(match[2]) > 65_535:
        raise ValueError(value)
    return Endpoint(match[1], int(match[2]))


def peers_of(value: str) -> tuple[PeerAddress, ...]:
    """Return the peers of ``id@host:port,...``.

    Raises:
        ValueError: Another form.
    """
    found = []
    for peer in (part.strip() for part in value.split(",")):
        if not peer:
            continue
        match = _PEER.fullmatch(peer)
        if match is None or int(match[3]) > 65_535:
            raise ValueError(peer)
        found.append(PeerAddress(match[1], match[2], int(match[3])))
    return tuple(found)


def _endpoint(section: Section, key: str, otherwise: Endpoint) -> Endpoint:
    expected = 'an address like "tcp://127.0.0.1:26657"'
    value = section.parsed(key, otherwise, endpoint_of, expected)
    assert isinstance(value, Endpoint)
    return value


def _peers(section: Section, key: str) -> tuple[PeerAddress, ...]:
    expected = 'peers like "<40 hex digits>@127.0.0.1:26656,..."'
    value = section.parsed(key, (), peers_of, expected)
    assert isinstance(value, tuple)
    return value


def parse_config(toml: str) -> NodeConfig:
    """Return the settings of a TOML text; what is left out has its default.

    Raises:
        BadSetting: The text is not TOML, a key is unknown, or a value is not of its form.
    """
    try:
        values = tomllib.loads(toml)
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits is no TOMLDecodeError
        raise BadSetting(path="config.toml", expected=f"TOML ({error})") from error
    top = Section("", values)
    config = NodeConfig(
        moniker=top.string("moniker", "isthmus"),
        rpc=_rpc(top.section("rpc")),
        p2p=_p2p(top.section("p2p")),
        mempool=_mempool(top.section("mempool")),
        timeouts=_timeouts(top.section("consensus")),
        pruning=_pruning(top.section("pruning")),
        statesync=_statesync(top.section("statesync")),
        priv_validator_laddr=_signer(top),
    )
    top.finish()
    return config


def _signer(top: Section) -> SignerEndpoint | None:
    found = top.parsed(
        "priv_validator_laddr",
        None,
        lambda text: signer_endpoint_of(text) if text else None,
        'an address like "tcp://127.0.0.1:26659" or "unix:///run/signer.sock"',
    )
    assert found is None or isinstance(found, TcpEndpoint | UnixEndpoint)
    return found


def _rpc(section: Section) -> RpcConfig:
    default = RpcConfig()
    config = RpcConfig(
        laddr=_endpoint(section, "laddr", default.laddr),
        unsafe=section.flag("unsafe", default.unsafe),
        max_open_connections=section.number("max_open_connections", default.max_open_connections),
        max_subscription_clients=section.number(
            "max_subscription_clients", default.max_subscription_clients
        ),
        max_subscriptions_per_client=section.number(
            "max_subscriptions_per_client", default.max_subscriptions_per_client
        ),
        subscription_buffer=section.number(
            "experimental_subscription_buffer_size", default.subscription_buffer
        ),
        timeout_broadcast_tx_commit_ns=section.duration(
            "timeout_broadcast_tx_commit", default.timeout_broadcast_tx_commit_ns
        ),
        max_body_bytes=section.number("max_body_bytes", default.max_body_bytes),
    )
    section.finish()
    return config


def _p2p(section: Section) -> P2pConfig:
    default = P2pConfig()
    config = P2pConfig(
        laddr=_endpoint(section, "laddr", default.laddr),
        external_address=section.string("external_address", ""),
        persistent_peers=_peers(section, "persistent_peers"),
        seeds=_peers(section, "seeds"),
        pex=section.flag("pex", default.pex),
        max_num_inbound_peers=section.number(
            "max_num_inbound_peers", default.max_num_inbound_peers
        ),
        max_num_outbound_peers=section.number(
            "max_num_outbound_peers", default.max_num_outbound_peers
        ),
        addr_book_strict=section.flag("addr_book_strict", default.addr_book_strict),
        allow_duplicate_ip=section.flag("allow_duplicate_ip", default.allow_duplicate_ip),
        send_rate=section.number("send_rate", default.send_rate),
        recv_rate=section.number("recv_rate", default.recv_rate),
    )
    section.finish()
    return config


def _statesync(section: Section) -> StateSyncConfig:
    default = StateSyncConfig()
    text = section.string("rpc_servers", "")
    servers = tuple(part.strip() for part in text.split(",") if part.strip())
    trusted = section.parsed("trust_hash", b"", bytes.fromhex, "a block's hash in hex")
    assert isinstance(trusted, bytes)
    config = StateSyncConfig(
        enable=section.flag("enable", default.enable),
        rpc_servers=servers,
        trust_height=BlockHeight(section.number("trust_height", 0)),
        trust_hash=trusted,
        trust_period_ns=section.duration("trust_period", default.trust_period_ns),
    )
    section.finish()
    if config.enable and not (servers and config.trust_height and len(trusted) == HASH_BYTES):
        expected = "rpc_servers, trust_height and a trust_hash of 32 bytes beside it"
        raise section.bad("enable", expected)
    return config


def _mempool(section: Section) -> MempoolConfig:
    default = MempoolConfig()
    config = MempoolConfig(
        size=section.number("size", default.size),
        max_txs_bytes=section.number("max_txs_bytes", default.max_txs_bytes),
        cache_size=section.number("cache_size", default.cache_size),
        recheck=section.flag("recheck", default.recheck),
        broadcast=section.flag("broadcast", default.broadcast),
    )
    section.finish()
    return config


def _timeouts(section: Section) -> Timeouts:
    default = Timeouts()
    timeouts = Timeouts(
        propose_ns=section.duration("timeout_propose", default.propose_ns),
        propose_delta_ns=section.duration("timeout_propose_delta", default.propose_delta_ns),
        prevote_ns=section.duration("timeout_prevote", default.prevote_ns),
        prevote_delta_ns=section.duration("timeout_prevote_delta", default.prevote_delta_ns),
        precommit_ns=section.duration("timeout_precommit", default.precommit_ns),
        precommit_delta_ns=section.duration("timeout_precommit_delta", default.precommit_delta_ns),
        commit_ns=section.duration("timeout_commit", default.commit_ns),
        skip_commit_wait=section.flag("skip_timeout_commit", default.skip_commit_wait),
        create_empty_blocks=section.flag("create_empty_blocks", default.create_empty_blocks),
        create_empty_blocks_interval_ns=section.duration(
            "create_empty_blocks_interval", default.create_empty_blocks_interval_ns
        ),
    )
    section.finish()
    return timeouts


def _pruning(section: Section) -> PruningConfig:
    config = PruningConfig(
        keep_blocks=section.number("keep_blocks", 0), keep_states=section.number("keep_states", 0)
    )
    section.finish()
    return config


def format_config(config: NodeConfig) -> str:
    """Return the TOML text that :func:`parse_config` reads back as ``config``."""
    timeouts, p2p, rpc = config.timeouts, config.p2p, config.rpc
    sections: dict[str, dict[str, object]] = {
        "": {
            "moniker": config.moniker,
            "priv_validator_laddr": str(config.priv_validator_laddr or ""),
        },
        "rpc": {
            "laddr": str(rpc.laddr),
            "unsafe": rpc.unsafe,
            "max_open_connections": rpc.max_open_connections,
            "max_subscription_clients": rpc.max_subscription_clients,
            "max_subscriptions_per_client": rpc.max_subscriptions_per_client,
            "experimental_subscription_buffer_size": rpc.subscription_buffer,
            "timeout_broadcast_tx_commit": format_duration(rpc.timeout_broadcast_tx_commit_ns),
            "max_body_bytes": rpc.max_body_bytes,
        },
        "p2p": {
            "laddr": str(p2p.laddr),
            "external_address": p2p.external_address,
            "persistent_peers": ",".join(str(peer) for peer in p2p.persistent_peers),
            "seeds": ",".join(str(peer) for peer in p2p.seeds),
            "pex": p2p.pex,
            "max_num_inbound_peers": p2p.max_num_inbound_peers,
            "max_num_outbound_peers": p2p.max_num_outbound_peers,
            "addr_book_strict": p2p.addr_book_strict,
            "allow_duplicate_ip": p2p.allow_duplicate_ip,
            "send_rate": p2p.send_rate,
            "recv_rate": p2p.recv_rate,
        },
        "mempool": {
            "size": config.mempool.size,
            "max_txs_bytes": config.mempool.max_txs_bytes,
            "cache_size": config.mempool.cache_size,
            "recheck": config.mempool.recheck,
            "broadcast": config.mempool.broadcast,
        },
        "consensus": {
            "timeout_propose": format_duration(timeouts.propose_ns),
            "timeout_propose_delta": format_duration(timeouts.propose_delta_ns),
            "timeout_prevote": format_duration(timeouts.prevote_ns),
            "timeout_prevote_delta": format_duration(timeouts.prevote_delta_ns),
            "timeout_precommit": format_duration(timeouts.precommit_ns),
            "timeout_precommit_delta": format_duration(timeouts.precommit_delta_ns),
            "timeout_commit": format_duration(timeouts.commit_ns),
            "skip_timeout_commit": timeouts.skip_commit_wait,
            "create_empty_blocks": timeouts.create_empty_blocks,
            "create_empty_blocks_interval": format_duration(
                timeouts.create_empty_blocks_interval_ns
            ),
        },
        "statesync": {
            "enable": config.statesync.enable,
            "rpc_servers": ",".join(config.statesync.rpc_servers),
            "trust_height": config.statesync.trust_height,
            "trust_hash": config.statesync.trust_hash.hex().upper(),
            "trust_period": format_duration(config.statesync.trust_period_ns),
        },
        "pruning": {
            "keep_blocks": config.pruning.keep_blocks,
            "keep_states": config.pruning.keep_states,
        },
    }
    lines: list[str] = []
    for name, values in sections.items():
        if name:
            lines += ["", f"[{name}]"]
        lines += [f"{key} = {_toml(value)}" for key, value in values.items()]
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def read_config(path: Path) -> NodeConfig:
    """Return the settings in a file."""
    return parse_config(path.read_text(encoding="utf-8"))


def write_config(path: Path, config: NodeConfig) -> None:
    """Write the settings."""
    write_durably(path, format_config(config).encode())
