"""Settings with which the Hermes relayer joins the chains of a network.

Hermes is a program of others (``ibc-relayer-cli``); nothing of it is in this package. It reaches
a chain by CometBFT's JSON-RPC and the Cosmos SDK's gRPC, so that only chains whose nodes answer
both can be joined.

Spec:
    Hermes 1.13, ``config.toml`` (guide, "Description of the parameters").
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from chainkit.primitives.errors import OperationFailed
from isthmus.config import ChainSpec, NetSpec
from isthmus.homes import LOOPBACK, ChainPlace
from parachains.sdk import block_times

EventSource = Literal["push", "pull"]

CLEAR_INTERVAL_BLOCKS = 100
MAX_GAS = 20_000_000
"""Hermes batches up to 30 messages in a transaction; 30 packets with proofs stay below."""
MAX_TX_BYTES = 1_000_000
"""Hermes wants at most nine tenths of a block; our mempools take a megabyte."""

_HEAD: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        "global": {"log_level": "info"},
        "mode.clients": {"enabled": True, "refresh": True, "misbehaviour": True},
        "mode.connections": {"enabled": True},
        "mode.channels": {"enabled": True},
        "mode.packets": {
            "enabled": True,
            "clear_interval": CLEAR_INTERVAL_BLOCKS,
            "clear_on_start": True,
            "tx_confirmation": True,
        },
        "rest": {"enabled": False, "host": LOOPBACK, "port": 3_000},
        "telemetry": {"enabled": False, "host": LOOPBACK, "port": 3_001},
    }
)


class NoChainsToJoin(OperationFailed):
    """Fewer than two chains answer what Hermes asks."""


def chains_for_hermes(chains: Sequence[ChainPlace]) -> tuple[ChainPlace, ...]:
    """Return the chains that Hermes can be told of: those whose nodes answer gRPC.

    Raises:
        NoChainsToJoin: There are fewer than two.
    """
    found = tuple(chain for chain in chains if chain.nodes and chain.nodes[0].grpc_port)
    if len(found) < 2:
        names = ", ".join(chain.name for chain in found) or "none"
        raise NoChainsToJoin(f"expected two chains whose nodes answer gRPC, found {names}")
    return found


def slowest_block_ns(spec: ChainSpec) -> int:
    """Return what a chain's genesis says that a block may take."""
    ibc = spec.genesis.get("ibc")
    told = ibc.get("max_expected_time_per_block_ns") if isinstance(ibc, Mapping) else None
    if isinstance(told, int):
        return told
    return block_times.slowest_block_ns(spec.timeout_propose_ms, spec.timeout_commit_ms)


def hermes_toml(
    chains: Sequence[ChainPlace],
    spec: NetSpec,
    *,
    key_name: str,
    keys: Path,
    event_source: EventSource,
    gas_price_millionths: int = 0,
) -> str:
    """Return ``config.toml``.

    Args:
        chains: Those to join; each by its first node.
        spec: What the network was made from.
        key_name: The name under which Hermes keeps the key that pays.
        keys: The folder in which Hermes keeps keys.
        gas_price_millionths: What a unit of gas costs, in 10**-6 of each chain's own unit.
        event_source: Whether nodes push events over a WebSocket, or Hermes asks for blocks.
    """
    lines: list[str] = []
    for table, values in _HEAD.items():
        lines += [f"[{table}]", *(f"{key} = {_value(value)}" for key, value in values.items()), ""]
    for chain in chains:
        block_ns = slowest_block_ns(spec.chain(chain.name))
        settings = {
            **_chain_settings(chain, key_name, keys, event_source, block_ns),
            "gas_price": {"price": _Decimal(gas_price_millionths), "denom": chain.denom},
        }
        lines += [
            "[[chains]]",
            *(f"{key} = {_value(value)}" for key, value in settings.items()),
            "",
        ]
    return "\n".join(lines).rstrip("\n") + "\n"


def _chain_settings(
    chain: ChainPlace, key_name: str, keys: Path, event_source: EventSource, block_ns: int
) -> Mapping[str, object]:
    node = chain.nodes[0]
    socket = f"ws://{LOOPBACK}:{node.rpc_port}/websocket"
    sources: Mapping[EventSource, Mapping[str, object]] = {
        "push": {"mode": "push", "url": socket, "batch_delay": "200ms"},
        "pull": {"mode": "pull", "interval": "500ms"},
    }
    return {
        "id": chain.chain_id,
        "type": "CosmosSdk",
        "rpc_addr": node.rpc_url,
        "grpc_addr": f"http://{LOOPBACK}:{node.grpc_port}",
        "event_source": sources[event_source],
        "rpc_timeout": "10s",
        "trusted_node": False,
        "account_prefix": chain.bech32_prefix,
        "key_name": key_name,
        "key_store_type": "Test",
        "key_store_folder": str(keys),
        "store_prefix": "ibc",
        "default_gas": 1_000_000,
        "max_gas": MAX_GAS,
        "gas_multiplier": 1.3,
        "max_msg_num": 30,
        "max_tx_size": MAX_TX_BYTES,
        "clock_drift": "5s",
        "max_block_time": f"{block_ns}ns",
        "trust_threshold": "2/3",
        "address_type": {"derivation": "cosmos"},
    }


def hermes_commands(
    chains: Sequence[ChainPlace], *, config: Path, phrase: Path, key_name: str, hd_path: str
) -> tuple[str, ...]:
    """Return what to type to give Hermes its keys, see whether all is well, and start it."""
    start = ("hermes", "--config", str(config))
    key = ("--key-name", key_name, "--mnemonic-file", str(phrase), "--hd-path", hd_path)
    end = ("--a-port", "transfer", "--b-port", "transfer", "--new-client-connection", "--yes")
    first = ("--a-chain", chains[0].chain_id)
    words = (
        *((*start, "keys", "add", "--chain", chain.chain_id, *key) for chain in chains),
        (*start, "health-check"),
        *(
            (*start, "create", "channel", *first, "--b-chain", other.chain_id, *end)
            for other in chains[1:]
        ),
        (*start, "start"),
    )
    return tuple(shlex.join(each) for each in words)


@dataclass(frozen=True, slots=True)
class _Decimal:
    """A number with six decimals."""

    millionths: int


def _value(value: object) -> str:
    """Return a TOML value."""
    match value:
        case _Decimal():
            whole, part = divmod(value.millionths, 10**6)
            return f"{whole}.{part:06d}"
        case bool():
            return "true" if value else "false"
        case Mapping():
            inner = ", ".join(f"{key} = {_value(each)}" for key, each in value.items())
            return f"{{ {inner} }}"
        case str():
            escaped = value.replace("\\", "\\\\").replace('"', '\\"')
            return f'"{escaped}"'
        case _:
            return str(value)
