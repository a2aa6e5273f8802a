"""The node's gRPC over HTTP/2 without TLS (h2c), as the SDK's ``grpc.address``."""

import asyncio
import contextlib

import structlog

from chainkit.primitives.errors import RuleBroken
from chainkit.runtime.grpc_status import Status, description_of, status_of
from isthmus.adapters.grpc_connection import GrpcConnection, Reply
from relay_chain.node.api.limits import (
    HANDSHAKE_TIMEOUT_S,
    IDLE_TIMEOUT_S,
    MAX_CONNECTIONS,
    STALLED_TIMEOUT_S,
)
from relay_chain.node.api.methods import HEIGHT_METADATA, Api, parse_height_metadata

_log = structlog.get_logger()
_READ_BYTES = 65_536


class GrpcServer:
    """Serves the methods of one node. Mutable: it owns the listening socket."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._open = 0
        self._ready = asyncio.Event()
        self.port = 0

    async def run(self, host: str, port: int) -> None:
        """Serve until cancelled; ``port`` 0 lets the system choose (see ``self.port``)."""
        # Cancelled while it begins to serve it would leave its socket open.
        server = await asyncio.start_server(
            self._connected, host.strip("[]"), port, start_serving=False
        )
        async with server:
            await server.start_serving()
            self.port = server.sockets[0].getsockname()[1]
            self._ready.set()
            _log.info("grpc.listening", host=host, port=self.port)
            await server.serve_forever()

    async def wait_listening(self) -> int:
        """Return the port once it is open."""
        await self._ready.wait()
        return self.port

    def answer(self, path: str, data: bytes, headers: dict[str, str]) -> Reply:
        """Return the outcome of one call."""
        try:
            height = parse_height_metadata(headers.get(HEIGHT_METADATA, ""))
        except RuleBroken as error:
            return Reply(status_of(error), description_of(error))
        result = self._api.call(path, data, height)
        if result.status is not Status.OK:
            return Reply(result.status, result.description)
        return Reply(Status.OK, "", result.value, ((HEIGHT_METADATA, str(result.height)),))

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._open >= MAX_CONNECTIONS:
            writer.close()
            return
        self._open += 1
        try:
            await self._converse(reader, writer)
        except (ConnectionError, TimeoutError):
            pass
        finally:
            self._open -= 1
            writer.close()
            with contextlib.suppress(ConnectionError, TimeoutError):
                async with asyncio.timeout(STALLED_TIMEOUT_S):
                    await writer.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer until the client leaves, or makes no progress for as long as it may."""
        loop = asyncio.get_running_loop()
        connection = GrpcConnection(self.answer)
        writer.write(connection.start())
        seen, since = connection.progress, loop.time()
        while not connection.is_closed:
            if connection.open_calls:
                patience = STALLED_TIMEOUT_S
            else:
                patience = IDLE_TIMEOUT_S if connection.progress else HANDSHAKE_TIMEOUT_S
            async with asyncio.timeout_at(since + patience):
                data = await reader.read(_READ_BYTES)
            if not data:
                return
            writer.write(connection.receive(data))
            async with asyncio.timeout(STALLED_TIMEOUT_S):
                await writer.drain()
            if connection.progress != seen:
                seen, since = connection.progress, loop.time()
