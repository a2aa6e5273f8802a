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

NOTIFICATIONS_KEPT = 10_000
"""Messages that a client may be behind; one that reads slower is disconnected."""

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


def respond(session: Session, body: bytes | str) -> str | None:
    """Return the text that answers a text: one request or a batch; None to notifications only."""
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
    answers = [found for each in request if (found := _answer(session, each)) is not None]
    return json.dumps(answers) if answers else None


def _answer(session: Session, request: object) -> Mapping[str, object] | None:
    """Return the answer to a request; a notification, which has no id, gets none."""
    if isinstance(request, dict) and "method" in request and "id" not in request:
        return None
    return session.answer(request)


def _error(code: int, message: str) -> Mapping[str, object]:
    return {"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": message}}


async def _converse(request: web.Request, open_session: OpenSession) -> web.WebSocketResponse:
    """Talk to a WebSocket client until it leaves."""
    socket = web.WebSocketResponse(max_msg_size=MAX_BODY_BYTES, heartbeat=30.0)
    await socket.prepare(request)
    outgoing: asyncio.Queue[str] = asyncio.Queue(NOTIFICATIONS_KEPT)
    too_slow = asyncio.Event()

    def put(text: str) -> None:
        try:
            outgoing.put_nowait(text)
        except asyncio.QueueFull:
            too_slow.set()

    session = open_session(lambda message: put(json.dumps(message)))
    try:
        async with asyncio.TaskGroup() as group:
            sender = group.create_task(_send(socket, outgoing, too_slow))
            async for message in socket:
                if message.type in {WSMsgType.TEXT, WSMsgType.BINARY}:  # web3.py sends bytes
                    text = respond(session, message.data)
                    if text is not None:
                        put(text)
            sender.cancel()
    finally:
        session.close()
    return socket


async def _send(
    socket: web.WebSocketResponse, outgoing: asyncio.Queue[str], too_slow: asyncio.Event
) -> None:
    try:
        while not too_slow.is_set():
            await socket.send_str(await outgoing.get())
    except ConnectionError:
        return
    await socket.close()


async def serve_sessions(open_session: OpenSession, host: str, port: int) -> None:
    """Serve until cancelled."""

    async def post(request: web.Request) -> web.StreamResponse:
        session = open_session(None)
        try:
            text = respond(session, await request.read())
        finally:
            session.close()
        return web.Response(text=text or "", content_type="application/json")

    async def get(request: web.Request) -> web.StreamResponse:
        return await _converse(request, open_session)

    application = web.Application(client_max_size=MAX_BODY_BYTES)
    application.router.add_post("/", post)
    application.router.add_get("/", get)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        _log.info("rpc.listening", host=host, port=port)
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()
