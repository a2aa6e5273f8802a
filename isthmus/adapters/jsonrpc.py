"""JSON-RPC over HTTP for nodes with methods of their own, answered as Bitcoin Core does."""

import asyncio
import inspect
import json
from collections.abc import Callable, Mapping

import structlog
from aiohttp import web

from chainkit.primitives.errors import OperationFailed, RuleBroken

_log = structlog.get_logger()
MAX_BODY_BYTES = 8_388_608
PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
REFUSED = -1

Methods = Mapping[str, tuple[Callable[..., object], tuple[str, ...]]]


def answer(methods: Methods, body: object) -> dict[str, object]:
    """Return the answer to one request; a refusal is an answer, too."""
    identity = body.get("id") if isinstance(body, dict) else None
    try:
        result = _call(methods, body)
    except _Refusal as refusal:
        error = {"code": refusal.code, "message": str(refusal)}
    except (RuleBroken, OperationFailed) as refusal:
        error = {"code": getattr(refusal, "code", REFUSED), "message": str(refusal)}
    else:
        return {"jsonrpc": "2.0", "id": identity, "result": result}
    return {"jsonrpc": "2.0", "id": identity, "error": error}


def _call(methods: Methods, body: object) -> object:
    if not isinstance(body, dict) or not isinstance(body.get("method"), str):
        raise _Refusal(INVALID_REQUEST, "a request is an object with a method")
    if body["method"] not in methods:
        raise _Refusal(METHOD_NOT_FOUND, "Method not found")
    function, names = methods[body["method"]]
    return function(**_named(function, body.get("params"), names))


class _Refusal(Exception):
    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def _named(
    function: Callable[..., object], params: object, names: tuple[str, ...]
) -> dict[str, object]:
    """Return parameters by name; a list gives them in order."""
    if params is None:
        params = {}
    if isinstance(params, list):
        if len(params) > len(names):
            raise _Refusal(INVALID_PARAMS, f"at most {len(names)} parameters are taken")
        params = dict(zip(names, params, strict=False))
    if not isinstance(params, dict) or not set(params) <= set(names):
        raise _Refusal(INVALID_PARAMS, f"parameters are {', '.join(names) or 'none'}")
    missing = _required(function) - set(params)
    if missing:
        raise _Refusal(INVALID_PARAMS, f"parameters are missing: {', '.join(sorted(missing))}")
    return params


def _required(function: Callable[..., object]) -> set[str]:
    parameters = inspect.signature(function).parameters.values()
    return {each.name for each in parameters if each.default is inspect.Parameter.empty}


async def serve(methods: Methods, host: str, port: int) -> None:
    """Serve until cancelled."""

    async def post(request: web.Request) -> web.StreamResponse:
        try:
            body = json.loads(await request.read())
        except (ValueError, RecursionError):
            error = {"code": PARSE_ERROR, "message": "Parse error"}
            return web.json_response({"jsonrpc": "2.0", "id": None, "error": error}, status=500)
        found = answer(methods, body)
        return web.json_response(found, status=500 if "error" in found else 200)

    application = web.Application(client_max_size=MAX_BODY_BYTES)
    application.router.add_post("/", post)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        _log.info("rpc.listening", host=host, port=port)
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()
