"""A chain's application in a process of its own, beneath a CometBFT node."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from isthmus.homes import free_ports
from relay_chain.node.config import format_duration
from tests.e2e.network import FAST, Process, wait_until
from tests.interop.go_node import GoNode, GoSettings, become_go

IMPATIENT = {
    name: format_duration(getattr(FAST, f"{name}_ns"))
    for name in ("propose", "prevote", "precommit")
} | {"commit": "1ms"}
"""Timeouts of a chain whose only validator decides as fast as it can."""


class Application(Process):
    """``isthmusd abci`` over a home."""

    def __init__(self, home: Path, transport: str = "socket") -> None:
        super().__init__(home, 0)
        self.transport = transport
        self.address = f"127.0.0.1:{free_ports(1)[0]}"

    @property
    def proxy_app(self) -> str:
        """What CometBFT takes for its address: gRPC's has no scheme."""
        return self.address if self.transport == "grpc" else f"tcp://{self.address}"

    @property
    def log(self) -> Path:
        """What it prints."""
        return self.home / "abci.log"

    def start(self, **environment: str) -> None:
        """Start it, and wait until it listens."""
        before = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as out:
            self.process = process = subprocess.Popen(
                [
                    Path(sys.executable).with_name("isthmusd"), "abci", "--home", self.home,
                    "--address", f"tcp://{self.address}", "--transport", self.transport,
                ],
                stdout=out,
                stderr=out,
                env=os.environ | environment,
            )  # fmt: skip

        def listens() -> bool:
            assert process.poll() is None, self.log_text()
            text = self.log.read_text()[before:]
            return re.search(r'"event": "(abci|grpc)\.listening"', text) is not None

        wait_until(listens, seconds=60, what="the application's listening")

    def log_text(self) -> str:
        """All that it printed."""
        return self.log.read_text()

    def wait_end(self) -> int:
        """Wait until it has ended; its code."""
        assert self.process is not None
        return self.process.wait(timeout=120)


class GoChain:
    """A CometBFT node and the application that it runs."""

    def __init__(
        self,
        program: Path,
        node: Process,
        transport: str = "socket",
        timeouts: dict[str, str] | None = None,
    ) -> None:
        self.application = Application(node.home, transport)
        settings = GoSettings(self.application.proxy_app)
        if timeouts is not None:
            settings = GoSettings(self.application.proxy_app, timeouts=timeouts)
        self.node: GoNode = become_go(program, node, settings)
        if transport == "grpc":
            config = self.node.paths.config
            config.write_text(config.read_text().replace('abci = "socket"', 'abci = "grpc"'))

    @contextmanager
    def running(self) -> Iterator[GoNode]:
        """Both, the application first; a failure shows the ends of their logs."""
        try:
            self.application.start()
            self.node.start()
            yield self.node
        except BaseException:
            print(f"--- application\n{self.application.log_text()[-3000:]}")
            print(f"--- CometBFT\n{self.node.log_text()[-3000:]}")
            raise
        finally:
            self.node.stop()
            self.application.stop()
