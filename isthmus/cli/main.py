"""``isthmus``: networks, daemons and users."""

import sys
from importlib.metadata import version as package_version

import click

from isthmus.cli.daemons import broker, relay
from isthmus.cli.demo import demo
from isthmus.cli.keys import keys
from isthmus.cli.light_client import light_client
from isthmus.cli.network import down, up
from isthmus.cli.output import Group
from isthmus.cli.query import query
from isthmus.cli.status import status
from isthmus.cli.trace import trace_command
from isthmus.cli.tx import tx


@click.group(
    cls=Group,
    example="isthmus up --detach\n"
    "isthmus status\n"
    "isthmus tx transfer alice bob 1000utoka --chain zone-a --to zone-b --follow\n"
    "isthmus query balances bob --chain zone-b\n"
    "isthmus demo transfer\n"
    "isthmus down",
)
@click.version_option(package_version("isthmus"))
def cli() -> None:
    """A cross-chain hub: local networks, relaying and demos."""


_COMMANDS = (up, down, status, keys, tx, query, trace_command, relay, broker, light_client, demo)
for _command in _COMMANDS:
    cli.add_command(_command)


def main() -> int:
    """Run the command line; it ends the process with the exit code."""
    cli()
    return 0


if __name__ == "__main__":
    sys.exit(main())
