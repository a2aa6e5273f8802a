"""Joins the relayer with its adapters; a node's are joined in ``compose.py``."""

import asyncio
import tomllib
from contextlib import AsyncExitStack
from pathlib import Path

from chainkit.primitives.types import ChainId, Denom
from isthmus.adapters.clock import SystemClock
from isthmus.adapters.journal import SqliteJournal
from isthmus.adapters.mqtt import MqttBus, PollingBus
from isthmus.adapters.rpc_client import HttpRpcTransport
from parachains.zone.accounts import Key
from parachains.zone.client import ZoneClient, ZoneConfig
from relayer import daemon
from relayer.config import ChainSettings, RelayerSettings, parse_settings
from relayer.ports import ChainClient


def compose_client(chain: ChainSettings, transport: HttpRpcTransport) -> ZoneClient:
    """Return the client of a Tendermint chain, hub or zone."""
    config = ZoneConfig(
        chain_id=chain.chain_id,
        key=Key(chain.private_key, chain.address_prefix),
        fee_denom=Denom(chain.fee_denom),
        gas_price_millionths=chain.gas_price_millionths,
    )
    return ZoneClient(config, transport)


def read_relayer_settings(home: Path) -> RelayerSettings:
    """Return the settings in ``home/relayer.toml``.

    Raises:
        WrongSetting: One is missing or wrong.
        OSError: The file cannot be read.
        tomllib.TOMLDecodeError: It is not TOML.
    """
    return parse_settings(tomllib.loads((home / "relayer.toml").read_text(encoding="utf-8")))


async def run_relayer(home: Path, settings: RelayerSettings) -> None:
    """Relay until cancelled; the journal is ``home/journal.db``."""
    journal = SqliteJournal(home / "journal.db")
    try:
        async with AsyncExitStack() as stack:
            chains: dict[ChainId, ChainClient] = {}
            for chain in settings.chains:
                transport = await stack.enter_async_context(HttpRpcTransport(chain.rpc_urls))
                chains[chain.chain_id] = compose_client(chain, transport)
            bus = MqttBus(settings.mqtt_url) if settings.mqtt_url else PollingBus()
            adapters = daemon.Adapters(chains, journal, bus, SystemClock())
            async with asyncio.TaskGroup() as group:
                if isinstance(bus, MqttBus):
                    group.create_task(bus.run())
                group.create_task(daemon.run(settings, adapters))
    finally:
        journal.close()
