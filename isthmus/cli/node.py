"""``isthmusd``: one node, with the commands that SDK tools expect of a daemon."""

import asyncio
import signal
import sys
import time
from importlib.metadata import version as package_version
from pathlib import Path

import click
import structlog

from chainkit.primitives.types import TimestampNs
from isthmus.cli.daemon.abci import abci, run_under_cometbft
from isthmus.cli.daemon.genesis import genesis
from isthmus.cli.daemon.home import write_home
from isthmus.cli.daemon.keys import keys
from isthmus.cli.daemon.options import (
    at_the_front,
    chain_id_of,
    chain_id_option,
    home_of,
    home_option,
    show,
)
from isthmus.cli.daemon.query import query
from isthmus.cli.daemon.signer import signer
from isthmus.cli.daemon.tx import tx
from isthmus.cli.index import index
from isthmus.cli.logs import configure_logs
from isthmus.cli.output import Command, Group, say_when_slow
from isthmus.compose import Overrides, build_node, open_remote_signer, read_app_config
from isthmus.restoring import restore_if_new
from parachains.sdk.kinds import OWN_ENGINE
from relay_chain.node.json_forms import public_key_to_json
from relay_chain.node.node import NodePaths
from relay_chain.node.p2p.node_key import load_or_create_node_key
from relay_chain.node.privval import FilePrivateValidator

DEFAULT_CHAIN_ID = "isthmus-1"
LEVELS = {
    "trace": "debug",
    "debug": "debug",
    "info": "info",
    "warn": "warning",
    "warning": "warning",
    "error": "error",
    "fatal": "error",
    "panic": "error",
}
"""Ours, by the SDK's names and ours."""


@click.group(
    cls=Group,
    example="isthmusd init mynode --home /tmp/node --chain-id zone-1 --app zone\n"
    "isthmusd start --home /tmp/node",
)
@at_the_front
def main(**_: object) -> None:
    """Run and look after one node, by the commands that SDK tools expect of a daemon."""


for _group in (index, keys, genesis, query, tx, signer, abci):
    main.add_command(_group)


@main.command(
    cls=Command,
    example="isthmusd init mynode --home /tmp/node\n"
    "isthmusd init mynode --home /tmp/node --chain-id zone-1 --app zone",
)
@click.argument("moniker")
@home_option
@chain_id_option
@click.option("--app", default="hub", show_default=True, help="hub, zone, kvstore or another.")
@click.option("--default-denom", "denom", default="stake", show_default=True)
@click.option("--bech32-prefix", "prefix", default="isthmus", show_default=True)
def init(
    moniker: str, *, home: Path | None, chain_id: str, app: str, denom: str, prefix: str
) -> None:
    """Make the home of a new chain.

    A hub's validators are named by `genesis gentx` and `genesis collect-gentxs`; of any other
    chain this node is the only validator.
    """
    name = chain_id_of(chain_id) or DEFAULT_CHAIN_ID
    node_id = write_home(
        home_of(home),
        moniker=moniker,
        chain_id=name,
        app=app,
        denom=denom,
        prefix=prefix,
        now=TimestampNs(time.time_ns()),
    )
    show({"moniker": moniker, "chain_id": name, "node_id": node_id})


@main.command(
    cls=Command,
    example="isthmusd start --home /tmp/node\n"
    "isthmusd start --home /tmp/node --grpc.address localhost:9091 --rpc.laddr tcp://localhost:26659",
)
@home_option
@click.option("--log-level", "--log_level", default="info", show_default=True)
@click.option("--mqtt-url", default="", help="Broker that is told of blocks; else app.toml's.")
@click.option("--rpc.laddr", "rpc", default="", help="Where JSON-RPC answers; else config.toml's.")
@click.option("--p2p.laddr", "p2p", default="", help="Where peers dial; else config.toml's.")
@click.option("--grpc.address", "grpc", default="", help="Where gRPC answers; else app.toml's.")
@click.option("--api.address", "api", default="", help="Where REST answers; else app.toml's.")
@click.option("--minimum-gas-prices", "prices", default="", help="As 0.01stake; else app.toml's.")
@click.option("--pruning", default="", help="Of the SDK; config.toml's [pruning] decides here.")
def start(
    *,
    home: Path | None,
    log_level: str,
    mqtt_url: str,
    rpc: str,
    p2p: str,
    grpc: str,
    api: str,
    prices: str,
    pruning: str,
) -> None:
    """Run the node until it is interrupted; it logs JSON lines to standard error."""
    del pruning
    configure_logs(as_json=True, level=_level(log_level))
    wanted = Overrides(
        mqtt_url=mqtt_url, rpc=rpc, p2p=p2p, grpc=grpc, api=api, minimum_gas_prices=prices
    )
    folder = home_of(home)
    own = read_app_config(NodePaths(folder).app).engine == OWN_ENGINE
    asyncio.run((_run if own else run_under_cometbft)(folder, wanted))


def _level(text: str) -> str:
    """Return our level for the SDK's: ``*:error``, ``trace`` and modules' own levels, too."""
    word = text.rpartition(":")[2].lower()
    if word not in LEVELS:
        raise click.UsageError(f"--log-level: expected one of {', '.join(LEVELS)}")
    return LEVELS[word]


async def _run(home: Path, wanted: Overrides) -> None:
    await restore_if_new(home, wanted)
    remote = open_remote_signer(home)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as group:
        tasks = []
        if remote is not None:
            tasks.append(group.create_task(remote.run()))
            await remote.wait_key()
        node = build_node(home, wanted, remote)
        say_when_slow()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopped.set)
        tasks.append(group.create_task(node.run()))
        await stopped.wait()
        structlog.get_logger().info("node.stopping")
        for task in tasks:
            task.cancel()


@main.command("show-node-id", cls=Command, example="isthmusd show-node-id --home /tmp/node")
@home_option
def show_node_id(*, home: Path | None) -> None:
    """Print the id that peers dial this node by."""
    click.echo(load_or_create_node_key(NodePaths(home_of(home)).node_key).id)


@main.command("show-validator", cls=Command, example="isthmusd show-validator --home /tmp/node")
@home_option
def show_validator(*, home: Path | None) -> None:
    """Print the public key that votes."""
    paths = NodePaths(home_of(home))
    key = FilePrivateValidator(paths.validator_key, paths.validator_state)
    show(public_key_to_json(key.public_key))


@main.command(cls=Command, example="isthmusd version")
def version() -> None:
    """Print the program's version, as the SDK does on standard error, too."""
    found = package_version("isthmus")
    click.echo(found)
    if not sys.stderr.isatty():
        click.echo(f"v{found}", err=True)


if __name__ == "__main__":
    sys.exit(main())
