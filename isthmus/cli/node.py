"""``isthmusd``: one node, with the commands that SDK tools expect of a daemon."""

import asyncio
import json
import os
import signal
import sys
import time
from importlib.metadata import version as package_version
from pathlib import Path

import click
import structlog

from chainkit.primitives.errors import OperationFailed
from chainkit.primitives.types import ChainId, TimestampNs, VotingPower
from isthmus.cli.index import index
from isthmus.cli.logs import configure_logs
from isthmus.cli.output import Command, Group, say_when_slow
from isthmus.compose import build_node
from relay_chain.node.config import NodeConfig, write_config
from relay_chain.node.files import write_durably
from relay_chain.node.genesis import Genesis, GenesisValidator, write_genesis
from relay_chain.node.json_forms import public_key_to_json
from relay_chain.node.node import NodePaths
from relay_chain.node.p2p.node_key import load_or_create_node_key
from relay_chain.node.privval import FilePrivateValidator, write_empty_state, write_private_key

_HOME = click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path.home() / ".isthmusd",
    show_default=True,
    help="The node's folder.",
)


@click.group(
    cls=Group,
    example="isthmusd init mynode --home /tmp/node --chain-id zone-1 --app zone\n"
    "isthmusd start --home /tmp/node",
)
def main() -> None:
    """Run and look after one node."""


@main.command(cls=Command, example="isthmusd init mynode --home /tmp/node")
@click.argument("moniker")
@_HOME
@click.option("--chain-id", default="isthmus-1", show_default=True)
@click.option("--app", default="kvstore", show_default=True, help="hub, zone, kvstore or another.")
def init(moniker: str, home: Path, chain_id: str, app: str) -> None:
    """Make the home of a new chain with this node as its only validator."""
    paths = NodePaths(home)
    if paths.genesis.exists():
        raise OperationFailed(f"{paths.genesis} exists already")
    paths.config.parent.mkdir(parents=True, exist_ok=True)
    paths.data.mkdir(exist_ok=True)
    write_private_key(paths.validator_key, os.urandom(32))
    write_empty_state(paths.validator_state)
    key = FilePrivateValidator(paths.validator_key, paths.validator_state)
    node_key = load_or_create_node_key(paths.node_key)
    validator = GenesisValidator(key.public_key, VotingPower(10), moniker)
    now = TimestampNs(time.time_ns())
    write_genesis(paths.genesis, Genesis(ChainId(chain_id), now, validators=(validator,)))
    write_config(paths.config, NodeConfig(moniker=moniker))
    write_durably(paths.app, f'app = "{app}"\n'.encode())
    click.echo(json.dumps({"moniker": moniker, "chain_id": chain_id, "node_id": node_key.id}))


@main.command(
    cls=Command,
    example="isthmusd start --home /tmp/node\n"
    "isthmusd start --home /tmp/node --mqtt-url mqtt://127.0.0.1:1883",
)
@_HOME
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
)
@click.option("--mqtt-url", default="", help="Broker that is told of blocks; else app.toml's.")
def start(home: Path, log_level: str, mqtt_url: str) -> None:
    """Run the node until it is interrupted; it logs JSON lines to standard error."""
    configure_logs(as_json=True, level=log_level)
    asyncio.run(_run(home, mqtt_url))


async def _run(home: Path, mqtt_url: str) -> None:
    node = build_node(home, mqtt_url=mqtt_url)
    say_when_slow()
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(node.run())
        await stopped.wait()
        structlog.get_logger().info("node.stopping")
        running.cancel()


main.add_command(index)


@main.command("show-node-id", cls=Command, example="isthmusd show-node-id --home /tmp/node")
@_HOME
def show_node_id(home: Path) -> None:
    """Print the id that peers dial this node by."""
    click.echo(load_or_create_node_key(NodePaths(home).node_key).id)


@main.command("show-validator", cls=Command, example="isthmusd show-validator --home /tmp/node")
@_HOME
def show_validator(home: Path) -> None:
    """Print the public key that votes."""
    paths = NodePaths(home)
    key = FilePrivateValidator(paths.validator_key, paths.validator_state)
    click.echo(json.dumps(public_key_to_json(key.public_key)))


@main.command(cls=Command, example="isthmusd version")
def version() -> None:
    """Print the program's version."""
    click.echo(package_version("isthmus"))


if __name__ == "__main__":
    sys.exit(main())
