"""``relay`` and ``broker``: the processes that ``up`` starts beside the nodes."""

from pathlib import Path

import click

from isthmus.adapters.broker import run_broker
from isthmus.cli.output import Command


@click.command(
    cls=Command,
    example="isthmus relay --home /tmp/net/relayer\nisthmus relay --home /tmp/net/relayer --json",
)
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder of relayer.toml; the journal is kept there.",
)
@click.option("--json", "as_json", is_flag=True, help="Log JSON lines.")
def relay(home: Path, *, as_json: bool) -> None:
    """Relay packets until interrupted; what happens is logged to standard error."""
    # Half a second of imports that no other command waits for.
    from isthmus.cli.relaying import relay_until_told  # noqa: PLC0415

    relay_until_told(home, as_json=as_json)


@click.command(cls=Command, hidden=True, example="isthmus broker --port 1883")
@click.option("--port", type=int, required=True)
def broker(port: int) -> None:
    """Run the embedded MQTT broker until interrupted."""
    run_broker(port)
