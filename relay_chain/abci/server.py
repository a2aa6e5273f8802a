"""Serves an application over ABCI's socket protocol: length-prefixed requests, answers in order.

Spec:
    CometBFT abci ``server/socket_server.go``, ``types/messages.go``.
"""

import asyncio
import contextlib

import structlog

from chainkit.primitives.errors import RuleBroken
from relay_chain.abci.codec import decode_request, encode_answer
from relay_chain.abci.driver import AbciDriver
from relay_chain.abci.limits import MAX_CONNECTIONS, MAX_MESSAGE_BYTES, MAX_UNSENT_BYTES
from relay_chain.abci.messages import ExceptionAnswer
from relay_chain.node.p2p.fields import DelimitedReader, delimited
from relay_chain.node.signing.endpoint import SignerEndpoint, TcpEndpoint, UnixEndpoint

_log = structlog.get_logger()
_READ_BYTES = 262_144


class AbciSocketServer:
    """Mutable: it owns the listening socket."""

    def __init__(self, driver: AbciDriver) -> None:
        self._driver = driver
        self._open = 0
        self._ready = asyncio.Event()
        self.port = 0

    async def run(self, endpoint: SignerEndpoint) -> None:
        """Serve until cancelled; port 0 lets the system choose (see ``self.port``)."""
        match endpoint:
            case TcpEndpoint(host, port):
                server = await asyncio.start_server(
                    self._connected, host.strip("[]"), port, start_serving=False
                )
            case UnixEndpoint(path):
                server = await asyncio.start_unix_server(self._connected, path, start_serving=False)
        async with server:
            await server.start_serving()
            if isinstance(endpoint, TcpEndpoint):
                self.port = server.sockets[0].getsockname()[1]
            self._ready.set()
            _log.info("abci.listening", address=str(endpoint), port=self.port)
            await server.serve_forever()

    @property
    def open_connections(self) -> int:
        """How many engines' connections are open."""
        return self._open

    async def wait_listening(self) -> int:
        """Return the port once it is open; 0 of a socket file."""
        await self._ready.wait()
        return self.port

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._open >= MAX_CONNECTIONS:
            _log.warning("abci.connection_refused", open=self._open)
            writer.close()
            return
        self._open += 1
        try:
            await self._converse(reader, writer)
        except ConnectionError:
            pass
        finally:
            self._open -= 1
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request after another until the engine leaves or sends what is none."""
        writer.transport.set_write_buffer_limits(high=MAX_UNSENT_BYTES)
        messages = DelimitedReader()
        while data := await reader.read(_READ_BYTES):
            messages.feed(data)
            try:
                while (message := messages.next_message(MAX_MESSAGE_BYTES)) is not None:
                    answer = self._driver.answer(decode_request(message))
                    if isinstance(answer, ExceptionAnswer):
                        _log.warning("abci.refused", reason=answer.error)
                    writer.write(delimited(encode_answer(answer)))
                    await writer.drain()
            except RuleBroken as error:
                _log.warning("abci.disconnected", error=type(error).__name__, reason=str(error))
                writer.write(delimited(encode_answer(ExceptionAnswer(str(error)))))
                return
            await asyncio.sleep(0)  # another connection's turn: the mempool's must not starve it
