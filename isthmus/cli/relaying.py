"""The relayer as a process: settings from its home, until a signal."""

import asyncio
import signal
from pathlib import Path

import structlog

from isthmus.cli.logs import configure_logs
from isthmus.compose import read_relayer_settings, run_relayer


def relay_until_told(home: Path, *, as_json: bool) -> None:
    """Relay until SIGINT or SIGTERM.

    Raises:
        WrongSetting, DamagedFile, OSError: The settings cannot be used.
        JournalUnusable: The journal cannot.
    """
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
