"""Options that an SDK daemon takes anywhere in the line, before or behind its command."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from isthmus.compose import read_app_config
from relay_chain.node.genesis import read_genesis
from relay_chain.node.node import NodePaths

F = TypeVar("F", bound=Callable[..., Any])
DEFAULT_HOME = Path.home() / ".isthmusd"
DEFAULT_NODE = "tcp://localhost:26657"

_FOLDER = click.Path(path_type=Path, file_okay=False)


def at_the_front(function: F) -> F:
    """Take ``--home``, ``--chain-id`` and ``--node`` before the command."""
    for option in (
        click.option("--node", "front_node", default="", help="The node that is asked."),
        click.option("--chain-id", "front_chain_id", default="", help="The chain's id."),
        click.option("--home", "front_home", type=_FOLDER, help="The node's folder."),
    ):
        function = option(function)
    return function


home_option = click.option(
    "--home", type=_FOLDER, help=f"The node's folder.  [default: {DEFAULT_HOME}]"
)
chain_id_option = click.option("--chain-id", default="", help="The chain's id.")
node_option = click.option(
    "--node", default="", help=f"The node that is asked.  [default: {DEFAULT_NODE}]"
)
output_option = click.option(
    "--output", "-o", type=click.Choice(["json", "text"]), default="json", show_default=True
)
keyring_option = click.option(
    "--keyring-backend",
    type=click.Choice(["test"]),
    default="test",
    show_default=True,
    help="Keys stand in keys.json as they are: nothing here is worth stealing.",
)


def _front(name: str) -> Any:
    return click.get_current_context().find_root().params.get(f"front_{name}")


def home_of(home: Path | None) -> Path:
    """Return the folder: behind the command, before it, or the default."""
    return home or _front("home") or DEFAULT_HOME


def chain_id_of(text: str) -> str:
    """Return the chain's id: behind the command or before it; empty if neither names one."""
    return text or _front("chain_id") or ""


def node_url(text: str) -> str:
    """Return the URL of the node to ask; ``tcp://`` is SDK tools' word for HTTP."""
    found = text or _front("node") or DEFAULT_NODE
    return f"http://{found.removeprefix('tcp://')}" if found.startswith("tcp://") else found


def address_prefix(home: Path) -> str:
    """Return the bech32 prefix of a home's chain, the default one where there is no home."""
    return read_app_config(NodePaths(home).app).address_prefix


def known_chain_id(given: str, home: Path) -> str:
    """Return the chain's id, from the home's genesis where none is given."""
    found = chain_id_of(given)
    genesis = NodePaths(home).genesis
    if not found and genesis.exists():
        found = read_genesis(genesis).chain_id
    if not found:
        raise click.UsageError("expected --chain-id")
    return found


def show(values: object) -> None:
    """Print a JSON value in one line."""
    click.echo(json.dumps(values))
