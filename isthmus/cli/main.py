"""``isthmus``: networks, daemons and users."""

import sys
import tomllib
from importlib.metadata import version as package_version

import click
import msgspec

from chainkit.primitives.errors import OperationFailed, RuleBroken
from isthmus.cli.demo import demo
from isthmus.cli.network import broker, down, keys, relay, status, up
from relayer.config import WrongSetting


@click.group()
@click.version_option(package_version("isthmus"))
def cli() -> None:
    r"""A cross-chain hub: local networks, relaying and demos.

    \b
    Example:
      isthmus up --detach
      isthmus status
      isthmus demo transfer
      isthmus down
    """


for _command in (up, down, status, keys, relay, broker, demo):
    cli.add_command(_command)


def main() -> int:
    """Run the command line; return the exit code."""
    try:
        cli()
    except (RuleBroken, OperationFailed, WrongSetting, OSError) as error:
        click.echo(f"error: {error}", err=True)
        return 1
    except (msgspec.MsgspecError, tomllib.TOMLDecodeError) as error:
        click.echo(f"error: a file of the network is damaged: {error}", err=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
