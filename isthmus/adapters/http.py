"""The node's JSON-RPC over HTTP: POST, GET with a URI, and the websocket (aiohttp)."""

import asyncio
import contextlib
import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec
import structlog
from aiohttp import WSMsgType, web

from chainkit.primitives.errors import RuleBroken
from relay_chain.node.config import RpcConfig
from relay_chain.node.event_bus import EventBus, Published, Subscription
from relay_chain.node.event_query import parse_query
from relay_chain.node.limits import (
    RPC_IDLE_TIMEOUT_S,
    RPC_READ_TIMEOUT_S,
    RPC_WRITE_TIMEOUT_S,
)
from relay_chain.node.rpc.dispatch import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    SERVER_ERROR,
    Answer,
    Dispatcher,
    NotARequest,
    Request,
    Route,
    error_answer,
    not_understood,
    parse_request,
    result_answer,
)
from relay_chain.node.rpc.parameters import Parameters, WrongParameter, named
from relay_chain.node.rpc.shapes import event_json

_log = structlog.get_logger()
_PING_S = 27.0
"""CometBFT rpc/jsonrpc, ``defaultWSPingPeriod``: a client without a pong is gone."""

_SHUTDOWN_S = 1.0
_LINGER_S = 1.0
"""How long a client that was refused may go on sending, so that it hears why."""

_JSON = "application/json"
_FULL = error_answer(None, SERVER_ERROR, "too many open connections")
_SOCKET_METHODS = ("subscribe", "unsubscribe", "unsubscribe_all")


def _decode(body: bytes | str) -> object:
    """Return a JSON value.

    Raises:
        NotARequest: It is none.
    """
    try:
        value: object = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise NotARequest(str(error)) from error
    return value


def _written_event(query: str, item: Published) -> bytes:
    return msgspec.json.encode(event_json(query, item))


class _Refusing(asyncio.Protocol):
    """Tells a client that there are too many, and closes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        body = msgspec.json.encode(_FULL)
        head = (
            f"HTTP/1.1 503 Service Unavailable\r\nContent-Type: {_JSON}\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        transport.write(head.encode() + body)
        transport.close()


class RpcServer:
    """Serves the methods of one node. Mutable: it owns the listening socket.

    Args:
        routes: Each method with its parameters in order.
        bus: What subscriptions read.
        config: Its bounds; where it listens is said by ``run``.
    """

    def __init__(
        self, routes: Mapping[str, Route], bus: EventBus, config: RpcConfig | None = None
    ) -> None:
        self.dispatcher = Dispatcher(routes, _SOCKET_METHODS)
        self._bus = bus
        self._config = config or RpcConfig()
        self._sockets: set[web.WebSocketResponse] = set()
        self._ready = asyncio.Event()
        self.port = 0
        self.open_connections: Callable[[], int] = lambda: 0
        """How many clients are connected."""

    async def run(self, host: str, port: int) -> None:
        """Serve until cancelled; ``port`` 0 lets the system choose (see ``self.port``)."""
        loop = asyncio.get_running_loop()
        server = web.Server(
            self._handle,
            request_factory=self._request,
            keepalive_timeout=RPC_IDLE_TIMEOUT_S,
            lingering_time=_LINGER_S,
            access_log=None,
        )

        def accept() -> asyncio.Protocol:
            full = self.open_connections() >= self._config.max_open_connections
            return _Refusing() if full else server()

        self.open_connections = lambda: len(server.connections)

        listening = await loop.create_server(accept, host.strip("[]"), port)
        try:
            self.port = listening.sockets[0].getsockname()[1]
            self._ready.set()
            _log.info("rpc.listening", host=host, port=self.port)
            await asyncio.Event().wait()
        finally:
            listening.close()
            self._bus.stop()
            server.pre_shutdown()
            for socket in list(self._sockets):
                with contextlib.suppress(TimeoutError, ConnectionError, RuntimeError):
                    async with asyncio.timeout(_SHUTDOWN_S):
                        await socket.close()
            await server.shutdown(_SHUTDOWN_S)

    def _request(self, message, payload, protocol, writer, task) -> web.BaseRequest:  # type: ignore[no-untyped-def]  # noqa: ANN001 - aiohttp's own names
        return web.BaseRequest(
            message, payload, protocol, writer, task, asyncio.get_running_loop(),
            client_max_size=self._config.max_body_bytes,
        )  # fmt: skip

    async def wait_listening(self) -> int:
        """Return the port once it is open."""
        await self._ready.wait()
        return self.port

    # --- requests -----------------------------------------------------------------------

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/websocket":
            return await self._websocket(request)
        response = await self._response(request)
        try:
            async with asyncio.timeout(RPC_WRITE_TIMEOUT_S):
                await response.prepare(request)
                await response.write_eof()
        except ConnectionError:
            _log.debug("rpc.client_left", path=request.path)
        except TimeoutError:
            # It does not read what it asked for: closing would wait for it.
            if request.transport is not None:
                request.transport.abort()
        return response

    async def _response(self, request: web.BaseRequest) -> web.Response:
        try:
            async with asyncio.timeout(RPC_READ_TIMEOUT_S):
                body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return _unreadable("http: request body too large")
        except TimeoutError:
            return _unreadable("i/o timeout")
        method = request.path.removeprefix("/")
        if method:
            return await self._answer_uri(request, method)
        if not body:
            return web.Response(text=self._endpoints(), content_type="text/html")
        try:
            answer, understood = await self.dispatcher.answer_body(_decode(body))
        except NotARequest as error:
            answer, understood = not_understood(str(error)), False
        if answer is None:
            return web.Response()
        return _json_response(answer, 200 if understood else 500)

    async def _answer_uri(self, request: web.BaseRequest, method: str) -> web.Response:
        values = {name: request.query[name] for name in request.query}
        if request.content_type == "application/x-www-form-urlencoded":
            form = await request.post()
            values = {k: v for k, v in form.items() if isinstance(v, str)} | values
        answer = await self.dispatcher.answer_uri(method, values)
        if answer is None:
            return web.Response(text="404 page not found\n", status=404)
        if "error" not in answer:
            return _json_response(answer, 200)
        return _json_response(answer, 404 if method in _SOCKET_METHODS else 500)

    def _endpoints(self) -> str:
        """Return the page of all methods, as CometBFT shows it."""
        lines = ["<html><body><br>Available endpoints:<br>"]
        for name, (_, names) in sorted(self.dispatcher.routes.items(), key=lambda r: (r[1][1], r)):
            link = html.escape(f"/{name}" + ("?" if names else "") + "&".join(
                f"{each}=_" for each in names
            ))  # fmt: skip
            lines.append(f'<a href="{link}">{link}</a></br>')
        return "\n".join([*lines, "</body></html>"])

    # --- websocket ----------------------------------------------------------------------

    async def _websocket(self, request: web.BaseRequest) -> web.StreamResponse:
        socket = web.WebSocketResponse(heartbeat=_PING_S, max_msg_size=self._config.max_body_bytes)
        await socket.prepare(request)
        client = _Client(f"{request.remote}:{id(socket)}", socket, request.transport)
        self._sockets.add(socket)
        try:
            async with asyncio.TaskGroup() as group:
                await self._converse(client, group)
                self._bus.forget(client.name)
        finally:
            self._sockets.discard(socket)
            self._bus.forget(client.name)
        return socket

    async def _converse(self, client: "_Client", group: asyncio.TaskGroup) -> None:
        async for message in client.socket:
            if message.type not in {WSMsgType.TEXT, WSMsgType.BINARY}:
                break
            try:
                request = parse_request(_decode(message.data))
            except NotARequest as error:
                await client.answer(not_understood(str(error)))
                continue
            if request is None:
                continue
            if request.method not in _SOCKET_METHODS:
                answer = await self.dispatcher.answer(request, wrong_params=INTERNAL_ERROR)
                await client.answer(answer)
                continue
            answer, subscription = self._subscribed(client.name, request)
            await client.answer(answer)
            if subscription is not None:
                group.create_task(_forward(client, request.id, subscription))

    def _subscribed(self, client: str, request: Request) -> tuple[Answer, Subscription | None]:
        """Do what one of the three methods asks; return the answer, and what it began."""
        begun: Subscription | None = None
        handlers: dict[str, Callable[[str], Subscription | None]] = {
            "subscribe": lambda query: self._bus.subscribe(client, parse_query(query)),
            "unsubscribe": lambda query: self._bus.unsubscribe(client, parse_query(query).text),
            "unsubscribe_all": lambda _: self._bus.unsubscribe_all(client),
        }
        names = () if request.method == "unsubscribe_all" else ("query",)
        try:
            query = Parameters(named(request.params, names)).string("query")
            begun = handlers[request.method](query)
        except WrongParameter as error:
            reason = f"error converting json params to arguments: {error}"
            return error_answer(request.id, INTERNAL_ERROR, reason), None
        except RuleBroken as error:
            return error_answer(request.id, INTERNAL_ERROR, str(error)), None
        return result_answer(request.id, {}), begun


@dataclass(frozen=True, slots=True)
class _Client:
    """Who is at the other end of a websocket."""

    name: str
    socket: web.WebSocketResponse
    transport: asyncio.Transport | None

    async def answer(self, value: Answer) -> bool:
        """Send an answer; return False if the client is gone or does not read."""
        return await self.send(msgspec.json.encode(value))

    async def send(self, data: bytes) -> bool:
        """Send a text; return False if the client is gone or does not read."""
        try:
            async with asyncio.timeout(RPC_WRITE_TIMEOUT_S):
                await self.socket.send_frame(data, WSMsgType.TEXT)
        except (ConnectionError, TimeoutError, RuntimeError):
            if self.transport is not None:
                self.transport.abort()
            return False
        return True


async def _forward(client: _Client, identity: str | int, subscription: Subscription) -> None:
    """Send what a subscription gets; tell a client that is too slow that it ends."""
    head = b'{"jsonrpc":"2.0","id":' + msgspec.json.encode(identity) + b',"result":'
    while (delivery := await subscription.queue.get()) is not None:
        if not await client.send(head + delivery.written(_written_event) + b"}"):
            return
    if subscription.too_slow and not client.socket.closed:
        reason = "client is not pulling messages fast enough"
        _log.info("subscription.ended", query=subscription.query.text, reason=reason)
        data = f"subscription was canceled (reason: {reason})"
        await client.answer(error_answer(identity, SERVER_ERROR, data))


def _json_response(answer: Answer | list[Answer], status: int) -> web.Response:
    return web.Response(body=msgspec.json.encode(answer), status=status, content_type=_JSON)


def _unreadable(reason: str) -> web.Response:
    answer = error_answer(None, INVALID_REQUEST, f"error reading request body: {reason}")
    response = _json_response(answer, 400)
    response.force_close()
    return response
