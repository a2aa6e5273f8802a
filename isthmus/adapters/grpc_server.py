"""gRPC over HTTP/2 without TLS (h2c): of the node, as the SDK's ``grpc.address``, and of ABCI."""

import asyncio
import contextlib

import structlog

from chainkit.primitives.errors import RuleBroken
from chainkit.runtime.grpc_status import Status, description_of, status_of
from isthmus.adapters.grpc_connection import STRANGER, Answer, Bounds, GrpcConnection, Reply
from relay_chain.abci.codec import METHODS, SERVICE, encode_reply, request_of_call
from relay_chain.abci.driver import AbciDriver
from relay_chain.abci.limits import MAX_MESSAGE_BYTES
from relay_chain.abci.messages import ExceptionAnswer
from relay_chain.node.api.limits import MAX_CONNECTIONS
from relay_chain.node.api.methods import HEIGHT_METADATA, Api, parse_height_metadata

_log = structlog.get_logger()
_READ_BYTES = 65_536


_ENGINE = Bounds(
    request_bytes=MAX_MESSAGE_BYTES,
    buffered_bytes=2 * MAX_MESSAGE_BYTES,
    handshake_s=None,
    idle_s=None,
)
"""Of the engine that this application belongs to: its blocks are whole requests, and it may be
silent for as long as it likes."""


class H2cServer:
    """Serves calls over h2c. Mutable: it owns the listening socket."""

    def __init__(self, answer: Answer, bounds: Bounds) -> None:
        self._answer = answer
        self._bounds = bounds
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
                async with asyncio.timeout(self._bounds.stalled_s):
                    await writer.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer until the client leaves, or makes no progress for as long as it may."""
        loop, bounds = asyncio.get_running_loop(), self._bounds
        connection = GrpcConnection(self._answer, bounds)
        writer.write(connection.start())
        seen, since = connection.progress, loop.time()
        while not connection.is_closed:
            if connection.open_calls:
                patience: float | None = bounds.stalled_s
            else:
                patience = bounds.idle_s if connection.progress else bounds.handshake_s
            async with asyncio.timeout_at(None if patience is None else since + patience):
                data = await reader.read(_READ_BYTES)
            if not data:
                return
            writer.write(connection.receive(data))
            async with asyncio.timeout(self._bounds.stalled_s):
                await writer.drain()
            if connection.progress != seen:
                seen, since = connection.progress, loop.time()


class GrpcServer(H2cServer):
    """Serves the methods of one node."""

    def __init__(self, api: Api) -> None:
        super().__init__(self.answer, STRANGER)
        self._api = api

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


class AbciGrpcServer(H2cServer):
    """Serves an application to its engine (CometBFT's ``abci = "grpc"``)."""

    def __init__(self, driver: AbciDriver) -> None:
        super().__init__(self.answer, _ENGINE)
        self._driver = driver

    def answer(self, path: str, data: bytes, headers: dict[str, str]) -> Reply:
        """Return the outcome of one call."""
        del headers
        service, _, method = path.removeprefix("/").partition("/")
        if service != SERVICE or method not in METHODS:
            return Reply(Status.UNIMPLEMENTED, f"unknown method {path[:100]}")
        try:
            answer = self._driver.answer(request_of_call(method, data))
        except RuleBroken as error:
            _log.warning("abci.refused", reason=str(error))
            return Reply(Status.INVALID_ARGUMENT, str(error))
        if isinstance(answer, ExceptionAnswer):
            _log.warning("abci.refused", reason=answer.error)
            return Reply(Status.UNKNOWN, answer.error)
        return Reply(Status.OK, "", encode_reply(answer))
