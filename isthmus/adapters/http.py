"""The node's JSON-RPC over HTTP: POST, GET with a URI, and the websocket (aiohttp)."""

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping
from inspect import isawaitable
from typing import cast

import structlog
from aiohttp import WSMsgType, web

from chainkit.primitives.errors import OperationFailed, RuleBroken
from relay_chain.node.event_bus import EventBus, Subscription
from relay_chain.node.event_query import parse_query
from relay_chain.node.limits import MAX_RPC_BODY_BYTES, MAX_RPC_CONNECTIONS
from relay_chain.node.rpc.methods import Method
from relay_chain.node.rpc.parameters import BadRequest, Parameters, named
from relay_chain.node.rpc.shapes import event_json

_log = structlog.get_logger()
_SEND_TIMEOUT_S = 10.0
_HEARTBEAT_S = 30.0
_MESSAGES = {
    -32700: "Parse error. Invalid JSON",
    -32600: "Invalid Request",
    -32601: "Method not found",
    -32602: "Invalid params",
    -32603: "Internal error",
    -32000: "Server error",
}

JsonValue = dict[str, object]


def _error(identity: object, code: int, data: str) -> JsonValue:
    error = {"code": code, "message": _MESSAGES[code], "data": data}
    return {"jsonrpc": "2.0", "id": identity, "error": error}


def _result(identity: object, value: object) -> JsonValue:
    return {"jsonrpc": "2.0", "id": identity, "result": value}


class RpcServer:
    """Serves the methods of one node. Mutable: it owns the listening socket.

    Args:
        routes: Each method with its parameters in order.
        bus: What subscriptions read.
    """

    def __init__(self, routes: Mapping[str, tuple[Method, tuple[str, ...]]], bus: EventBus) -> None:
        self._routes = routes
        self._bus = bus
        self._open = 0
        self._ready = asyncio.Event()
        self.port = 0

    async def run(self, host: str, port: int) -> None:
        """Serve until cancelled; ``port`` 0 lets the system choose (see ``self.port``)."""
        application = web.Application(client_max_size=MAX_RPC_BODY_BYTES)
        application.router.add_post("/", self._post)
        application.router.add_get("/websocket", self._websocket)
        application.router.add_get("/", self._get)
        application.router.add_get("/{method}", self._get)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            site = web.TCPSite(runner, host.strip("[]"), port)
            await site.start()
            self.port = runner.addresses[0][1]
            self._ready.set()
            _log.info("rpc.listening", host=host, port=self.port)
            await asyncio.Event().wait()
        finally:
            self._bus.stop()
            await runner.cleanup()

    async def wait_listening(self) -> int:
        """Return the port once it is open."""
        await self._ready.wait()
        return self.port

    async def _post(self, request: web.Request) -> web.StreamResponse:
        try:
            body = json.loads(await request.read())
        except (ValueError, RecursionError) as error:
            return web.json_response(_error(-1, -32700, str(error)), status=500)
        if isinstance(body, list):
            return web.json_response(_error(-1, -32600, "batches are not served"), status=500)
        answer = await self._answer(body)
        return web.json_response(answer, status=500 if "error" in answer else 200)

    async def _get(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info.get("method", "")
        if not method:
            return web.json_response({"methods": sorted(self._routes)})
        parameters = Parameters(dict(request.query), from_uri=True)
        answer = await self._call(-1, method, parameters)
        return web.json_response(answer, status=500 if "error" in answer else 200)

    async def _answer(self, body: object) -> JsonValue:
        if not isinstance(body, dict) or not isinstance(body.get("method"), str):
            return _error(-1, -32600, "a request is an object with a method")
        identity = body.get("id", -1)
        method = cast("str", body["method"])
        if method not in self._routes:
            return _error(identity, -32601, f"no method {method[:50]!r}")
        try:
            parameters = Parameters(named(body.get("params"), self._routes[method][1]))
        except BadRequest as refusal:
            return _error(identity, refusal.rpc_code, str(refusal))
        return await self._call(identity, method, parameters)

    async def _call(self, identity: object, method: str, parameters: Parameters) -> JsonValue:
        route = self._routes.get(method)
        if route is None:
            return _error(identity, -32601, f"no method {method[:50]!r}")
        try:
            answer = route[0](parameters)
            value = await answer if isawaitable(answer) else answer
        except BadRequest as refusal:
            return _error(identity, refusal.rpc_code, str(refusal))
        except (RuleBroken, OperationFailed) as refusal:
            return _error(identity, -32603, str(refusal))
        return _result(identity, value)

    # --- websocket ----------------------------------------------------------------------

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(heartbeat=_HEARTBEAT_S, max_msg_size=MAX_RPC_BODY_BYTES)
        if self._open >= MAX_RPC_CONNECTIONS:
            raise web.HTTPServiceUnavailable(text="too many connections")
        await socket.prepare(request)
        client = f"{request.remote}:{id(socket)}"
        self._open += 1
        try:
            async with asyncio.TaskGroup() as group:
                await self._converse(socket, client, group)
                self._bus.unsubscribe_all(client)
        finally:
            self._open -= 1
            self._bus.unsubscribe_all(client)
        return socket

    async def _converse(
        self, socket: web.WebSocketResponse, client: str, group: asyncio.TaskGroup
    ) -> None:
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                break
            try:
                body = json.loads(message.data)
            except (ValueError, RecursionError) as error:
                await self._send(socket, _error(-1, -32700, str(error)))
                continue
            method = body.get("method") if isinstance(body, dict) else None
            handler = self._ws_methods().get(method) if isinstance(method, str) else None
            if handler is None:
                await self._send(socket, await self._answer(body))
                continue
            identity = body.get("id", -1)
            try:
                query = Parameters(named(body.get("params"), ("query",))).string("query")
                subscription = handler(client, query)
            except BadRequest as refusal:
                await self._send(socket, _error(identity, refusal.rpc_code, str(refusal)))
                continue
            except RuleBroken as refusal:
                await self._send(socket, _error(identity, -32603, str(refusal)))
                continue
            await self._send(socket, _result(identity, {}))
            if subscription is not None:
                group.create_task(self._forward(socket, identity, subscription))

    def _ws_methods(self) -> Mapping[str, Callable[[str, str], Subscription | None]]:
        return {
            "subscribe": lambda client, query: self._bus.subscribe(client, parse_query(query)),
            "unsubscribe": self._bus.unsubscribe,
            "unsubscribe_all": lambda client, _: self._bus.unsubscribe_all(client),
        }

    async def _forward(
        self, socket: web.WebSocketResponse, identity: object, subscription: Subscription
    ) -> None:
        """Send what a subscription gets; tell a client that is too slow that it ends."""
        text = subscription.query.text
        while (item := await subscription.queue.get()) is not None:
            if not await self._send(socket, _result(identity, event_json(text, item))):
                return
        if subscription.too_slow and not socket.closed:
            reason = "client is not pulling messages fast enough"
            _log.info("subscription.ended", query=text, reason=reason)
            data = f"subscription was cancelled (reason: {reason})"
            await self._send(socket, _error(identity, -32000, data))

    @staticmethod
    async def _send(socket: web.WebSocketResponse, value: JsonValue) -> bool:
        """Send a value; return False if the client is gone or does not read."""
        try:
            async with asyncio.timeout(_SEND_TIMEOUT_S):
                await socket.send_json(value)
        except (ConnectionError, TimeoutError, RuntimeError):
            with contextlib.suppress(ConnectionError, RuntimeError):
                await socket.close()
            return False
        return True
