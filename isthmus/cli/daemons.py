"""``relay`` and ``broker``: the processes that ``up`` starts beside the nodes."""

import asyncio
import signal
import sys
from pathlib import Path

import click
import structlog

from isthmus.adapters.broker import run_broker
from isthmus.cli.output import Command
from isthmus.compose import read_relayer_settings, run_relayer


def configure_logs(*, as_json: bool, level: str = "info") -> None:
    """Log to standard error: JSON lines, or words for a person; from ``level`` up."""
    last: structlog.typing.Processor = structlog.processors.JSONRenderer()
    if not as_json:
        last = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


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
    configure_logs(as_json=as_json)
    settings = read_relayer_settings(home)

    async def until_told() -> None:
        task = asyncio.current_task()
        assert task is not None
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        try:
            await run_relayer(home, settings)
        except asyncio.CancelledError:
            # The signal asked for it; the journal is closed.
            structlog.get_logger().info("relayer.stopped")

    asyncio.run(until_told())


@click.command(cls=Command, hidden=True, example="isthmus broker --port 1883")
@click.option("--port", type=int, required=True)
def broker(port: int) -> None:
    """Run the embedded MQTT broker until interrupted."""
    run_broker(port)
