"""CometBFT as a child process: the engine of a home whose ``app.toml`` says so."""

import asyncio
import contextlib
import shutil
from pathlib import Path

from chainkit.primitives.errors import OperationFailed

PROGRAM = "cometbft"
STOP_TIMEOUT_S = 10.0


class EngineAbsent(OperationFailed):
    """CometBFT is not on PATH."""

    def __init__(self) -> None:
        super().__init__(
            f"{PROGRAM} is not on PATH: install CometBFT 0.38, or leave engine in app.toml out"
        )


class EngineEnded(OperationFailed):
    """CometBFT ended by itself."""

    def __init__(self, *, code: int) -> None:
        super().__init__(f"{PROGRAM} ended with code {code}: its last lines say why")
        self.code = code


def find_engine() -> str:
    """Return CometBFT's path.

    Raises:
        EngineAbsent: It is not on PATH.
    """
    found = shutil.which(PROGRAM)
    if found is None:
        raise EngineAbsent
    return found


async def run_engine(program: str, home: Path, proxy_app: str, *options: str) -> None:
    """Run CometBFT over a home until cancelled; it prints where this process does.

    It ends by itself when this process is killed, since it loses its application.

    Args:
        program: Its path.
        home: The folder; its genesis, keys and config.toml are CometBFT's own forms.
        proxy_app: Where the application listens.
        options: More of its command line.

    Raises:
        EngineEnded: It ended by itself.
    """
    process = await asyncio.create_subprocess_exec(
        program, "start", "--home", str(home), "--proxy_app", proxy_app, *options,
        stdin=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        raise EngineEnded(code=await process.wait())
    finally:
        if process.returncode is None:
            process.terminate()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_TIMEOUT_S):
                    await process.wait()
        if process.returncode is None:
            process.kill()
            await process.wait()
