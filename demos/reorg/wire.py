"""A wire between two nodes that can be cut: a TCP proxy that one of them dials."""

import asyncio
import contextlib
import socket
import threading
from types import TracebackType
from typing import Self

LOOPBACK = "127.0.0.1"
CHUNK_BYTES = 65_536
CALL_TIMEOUT_S = 10.0


class Wire:
    """Carries bytes both ways while it is whole. Mutable: it owns sockets and a thread.

    Cut, it ends every connection and refuses new ones; nodes go on dialling, so that healing
    is enough. It has a thread of its own, since nodes dial it before any scenario runs. Use as
    a context manager; ``target_port`` must be set before anybody dials.
    """

    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.bind((LOOPBACK, 0))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._conversations = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._is_cut = False
        self.target_port = 0

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._socket.getsockname()[1])

    def __enter__(self) -> Self:
        """Listen."""
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._accept, sock=self._socket), self._loop
        ).result(CALL_TIMEOUT_S)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End everything."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(CALL_TIMEOUT_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CALL_TIMEOUT_S)
        self._loop.close()

    async def _close(self) -> None:
        assert self._server is not None
        self._server.close()
        self._cut()
        await self._idle.wait()

    def cut(self) -> None:
        """End every connection and refuse new ones."""
        self._loop.call_soon_threadsafe(self._cut)

    def _cut(self) -> None:
        self._is_cut = True
        for writer in self._open:
            writer.transport.abort()

    def heal(self) -> None:
        """Take connections again."""

        def heal() -> None:
            self._is_cut = False

        self._loop.call_soon_threadsafe(heal)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pair = {writer}
        self._conversations += 1
        self._idle.clear()
        try:
            if not self._is_cut:
                ahead, behind = await asyncio.open_connection(LOOPBACK, self.target_port)
                pair.add(behind)
                self._open |= pair
            if not self._is_cut:
                async with asyncio.TaskGroup() as group:
                    group.create_task(_carry(reader, behind))
                    group.create_task(_carry(ahead, writer))
        except OSError:
            pass  # nobody listens there (yet): who dialled tries again
        finally:
            self._open -= pair
            for each in pair:
                each.transport.abort()
                with contextlib.suppress(OSError):
                    await each.wait_closed()
            self._conversations -= 1
            if not self._conversations:
                self._idle.set()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry one direction to its end, which ends the other one, too."""
    with contextlib.suppress(OSError):
        while data := await reader.read(CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()
