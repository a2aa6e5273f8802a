"""The node's REST gateway over HTTP (aiohttp), as the SDK's ``api.address``."""

import asyncio

import structlog
from aiohttp import web

from relay_chain.node.api.gateway import Gateway, RestRequest
from relay_chain.node.api.limits import (
    IDLE_REST_TIMEOUT_S,
    MAX_CONNECTIONS,
    MAX_REST_BODY_BYTES,
    STALLED_TIMEOUT_S,
)
from relay_chain.node.api.methods import HEIGHT_METADATA, Api

_log = structlog.get_logger()
_HEIGHT_ANSWER = "Grpc-Metadata-X-Cosmos-Block-Height"


class _Refused(asyncio.Protocol):
    """A connection over the limit: closed at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Close it."""
        transport.close()


class RestServer:
    """Serves the REST paths of one node. Mutable: it owns the listening socket."""

    def __init__(self, api: Api) -> None:
        self._gateway = Gateway(api)
        self._ready = asyncio.Event()
        self.port = 0

    async def run(self, host: str, port: int) -> None:
        """Serve until cancelled; ``port`` 0 lets the system choose (see ``self.port``)."""
        application = web.Application(client_max_size=MAX_REST_BODY_BYTES)
        application.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(
            application,
            access_log=None,
            shutdown_timeout=1.0,
            keepalive_timeout=IDLE_REST_TIMEOUT_S,
        )
        await runner.setup()
        handlers = runner.server
        assert handlers is not None

        def connected() -> asyncio.Protocol:
            full = len(handlers.connections) >= MAX_CONNECTIONS
            return _Refused() if full else handlers()

        loop = asyncio.get_running_loop()
        try:
            # Cancelled while it begins to serve it would leave its socket open.
            async with await loop.create_server(
                connected, host.strip("[]"), port, start_serving=False
            ) as server:
                await server.start_serving()
                self.port = server.sockets[0].getsockname()[1]
                self._ready.set()
                _log.info("api.listening", host=host, port=self.port)
                await asyncio.Event().wait()
        finally:
            await runner.cleanup()

    async def wait_listening(self) -> int:
        """Return the port once it is open."""
        await self._ready.wait()
        return self.port

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            async with asyncio.timeout(STALLED_TIMEOUT_S):
                body = await request.read()
        except TimeoutError as error:
            raise web.HTTPRequestTimeout from error
        answer = self._gateway.answer(
            RestRequest(
                request.method,
                request.rel_url.raw_path,
                tuple(request.query.items()),
                body,
                request.headers.get(HEIGHT_METADATA, ""),
            )
        )
        headers = {_HEIGHT_ANSWER: str(answer.height)} if answer.height else None
        return web.json_response(answer.body, status=answer.http_status, headers=headers)
