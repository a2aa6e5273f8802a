"""``isthmus``: networks, daemons and users."""

import sys
from collections.abc import Mapping
from importlib import import_module

import click

from isthmus.cli.output import Group

COMMANDS: Mapping[str, str] = {
    "up": "network:up",
    "down": "network:down",
    "status": "status:status",
    "keys": "keys:keys",
    "tx": "tx:tx",
    "query": "query:query",
    "htlc": "hash_locks:hash_locks",
    "trace": "trace:trace_command",
    "level": "level:level",
    "taint": "taint:taint",
    "quarantine": "quarantine:quarantine",
    "endorse": "endorse:endorse",
    "supply": "supply:supply",
    "relay": "daemons:relay",
    "broker": "daemons:broker",
    "light-client": "light_client:light_client",
    "hermes-config": "hermes:hermes_config",
    "demo": "demo:demo",
}
"""Each command and where it is: the module below ``isthmus.cli``, and its name there."""


class Commands(Group):
    """Imports the one command that is asked for: most need a network's clients, some nothing."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names."""
        del ctx
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name].split(":")
        command = getattr(import_module(f"isthmus.cli.{module}"), name)
        assert isinstance(command, click.Command)
        return command


@click.group(
    cls=Commands,
    example="isthmus up --detach\n"
    "isthmus status\n"
    "isthmus tx transfer alice bob 1000utoka --chain zone-a --to zone-b --follow\n"
    "isthmus query balances bob --chain zone-b\n"
    "isthmus demo transfer\n"
    "isthmus down",
)
@click.version_option(package_name="isthmus")
def cli() -> None:
    """A cross-chain hub: local networks, relaying and demos."""


def main() -> int:
    """Run the command line; it ends the process with the exit code."""
    cli()
    return 0


if __name__ == "__main__":
    sys.exit(main())
