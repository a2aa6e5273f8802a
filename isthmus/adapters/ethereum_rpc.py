"""Ethereum's JSON-RPC over HTTP and WebSocket on one port: batches, and subscriptions."""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Protocol

import structlog
from aiohttp import WSMsgType, web

_log = structlog.get_logger()
MAX_BODY_BYTES = 5_242_880
"""go-ethereum's limit."""

MAX_BATCH = 1_000
"""go-ethereum's ``BatchRequestLimit``."""

MAX_BATCH_ANSWER_BYTES = 26_214_400
"""go-ethereum's ``BatchResponseMaxSize``: what is over is answered with an error."""

MESSAGES_KEPT = 10_000
BYTES_KEPT = 8_388_608
"""Messages, and their bytes, that a client may be behind; one that reads slower is disconnected.

An answer to a client that is not behind may be larger.
"""

MAX_CONNECTIONS = 512
MAX_SOCKETS = 128
"""WebSocket clients among them."""

REQUEST_TIMEOUT_S = 30
"""A connection's first request must be there by then, and the body of each."""

TOO_LARGE = -32003
PARSE_ERROR = -32700
INVALID_REQUEST = -32600
Notify = Callable[[Mapping[str, object]], None]


class Session(Protocol):
    """One client's connection."""

    def answer(self, request: object) -> Mapping[str, object]:
        """Return the answer to one decoded request."""
        ...

    def close(self) -> None:
        """Forget the client."""
        ...


OpenSession = Callable[[Notify | None], Session]


async def respond(session: Session, body: bytes | str) -> str | None:
    """Return the text that answers a text: one request or a batch; None to notifications only.

    Between the requests of a batch others have their turn.
    """
    try:
        request = json.loads(body)
    except (ValueError, RecursionError):
        return json.dumps(_error(PARSE_ERROR, "parse error"))
    if not isinstance(request, list):
        found = _answer(session, request)
        return None if found is None else json.dumps(found)
    if not request:
        return json.dumps(_error(INVALID_REQUEST, "empty batch"))
    if len(request) > MAX_BATCH:
        return json.dumps(_error(INVALID_REQUEST, "batch too large"))
    answers: list[str] = []
    size = 0
    for each in request:
        if size > MAX_BATCH_ANSWER_BYTES:
            answers.append(json.dumps(_error(TOO_LARGE, "response too large", _id_of(each))))
            continue
        found = _answer(session, each)
        if found is not None:
            answers.append(json.dumps(found))
            size += len(answers[-1])
        await asyncio.sleep(0)
    return f"[{', '.join(answers)}]" if answers else None


def _answer(session: Session, request: object) -> Mapping[str, object] | None:
    """Return the answer to a request; a notification, which has no id, gets none."""
    if isinstance(request, dict) and "method" in request and "id" not in request:
        return None
    return session.answer(request)


def _id_of(request: object) -> object:
    return request.get("id") if isinstance(request, dict) else None


def _error(code: int, message: str, identity: object = None) -> Mapping[str, object]:
    return {"jsonrpc": "2.0", "id": identity, "error": {"code": code, "message": message}}


class Outgoing:
    """What waits to be sent to a client; mutable. Over its bounds the client is given up."""

    def __init__(self) -> None:
        self._texts: asyncio.Queue[str] = asyncio.Queue(MESSAGES_KEPT)
        self._bytes = 0
        self.too_slow = False

    def put(self, text: str) -> None:
        """Let a text wait, or give the client up."""
        is_behind = not self._texts.empty() and self._bytes + len(text) > BYTES_KEPT
        if is_behind or self._texts.full():
            self.too_slow = True
        if not self.too_slow:
            self._bytes += len(text)
            self._texts.put_nowait(text)

    async def get(self) -> str:
        """Return the next text."""
        text = await self._texts.get()
        self._bytes -= len(text)
        return text


class Connections:
    """The open connections; mutable. Too many are refused, and those that ask nothing closed."""

    def __init__(self, server: web.Server) -> None:
        self._server = server
        self._mute: dict[web.RequestHandler, float] = {}
        self.sockets = 0

    def open(self) -> asyncio.Protocol:
        """Return the protocol of a new connection."""
        if len(self._server.connections) >= MAX_CONNECTIONS:
            return _Refused()
        if len(self._mute) > 2 * MAX_CONNECTIONS:
            self._mute = {each: at for each, at in self._mute.items() if _is_open(each)}
        protocol = self._server()
        self._mute[protocol] = asyncio.get_running_loop().time()
        return protocol

    def asked(self, protocol: web.RequestHandler) -> None:
        """Note that a connection has sent a request: aiohttp's own timeouts hold from here."""
        self._mute.pop(protocol, None)

    async def close_the_mute(self) -> None:
        """Close connections whose first request has not come in time, until cancelled."""
        while True:
            await asyncio.sleep(REQUEST_TIMEOUT_S / 4)
            latest = asyncio.get_running_loop().time() - REQUEST_TIMEOUT_S
            for protocol in [each for each, since in self._mute.items() if since < latest]:
                del self._mute[protocol]
                if protocol.transport is not None:
                    protocol.transport.abort()


def _is_open(protocol: web.RequestHandler) -> bool:
    return protocol.transport is not None


class _Refused(asyncio.Protocol):
    """Closes its connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


async def _converse(request: web.Request, open_session: OpenSession) -> web.WebSocketResponse:
    """Talk to a WebSocket client until it leaves."""
    socket = web.WebSocketResponse(max_msg_size=MAX_BODY_BYTES, heartbeat=30.0)
    await socket.prepare(request)
    outgoing = Outgoing()
    session = open_session(lambda message: outgoing.put(json.dumps(message)))
    try:
        async with asyncio.TaskGroup() as group:
            sender = group.create_task(_send(socket, outgoing))
            async for message in socket:
                if outgoing.too_slow:
                    break
                if message.type in {WSMsgType.TEXT, WSMsgType.BINARY}:  # web3.py sends bytes
                    text = await respond(session, message.data)
                    if text is not None:
                        outgoing.put(text)
            sender.cancel()
    finally:
        session.close()
    return socket


async def _send(socket: web.WebSocketResponse, outgoing: Outgoing) -> None:
    try:
        while not outgoing.too_slow:
            await socket.send_str(await outgoing.get())
    except ConnectionError:
        return
    await socket.close()


async def serve_sessions(open_session: OpenSession, host: str, port: int) -> None:
    """Serve until cancelled."""

    async def post(request: web.Request) -> web.StreamResponse:
        connections.asked(request.protocol)
        async with asyncio.timeout(REQUEST_TIMEOUT_S):
            body = await request.read()
        session = open_session(None)
        try:
            text = await respond(session, body)
        finally:
            session.close()
        return web.Response(text=text or "", content_type="application/json")

    async def get(request: web.Request) -> web.StreamResponse:
        connections.asked(request.protocol)
        if connections.sockets >= MAX_SOCKETS:
            raise web.HTTPServiceUnavailable
        connections.sockets += 1
        try:
            return await _converse(request, open_session)
        finally:
            connections.sockets -= 1

    application = web.Application(client_max_size=MAX_BODY_BYTES)
    application.router.add_post("/", post)
    application.router.add_get("/", get)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    assert runner.server is not None
    connections = Connections(runner.server)
    try:
        listening = await asyncio.get_running_loop().create_server(connections.open, host, port)
        try:
            _log.info("rpc.listening", host=host, port=port)
            await connections.close_the_mute()
        finally:
            listening.close()
    finally:
        await runner.cleanup()
