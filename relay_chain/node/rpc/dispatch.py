"""JSON-RPC 2.0 as CometBFT 0.38 speaks it: requests to methods, outcomes to answers.

A request without an id is a notification and gets no answer. Codes and texts of errors are
CometBFT's: clients match on them.

Spec:
    JSON-RPC 2.0; CometBFT rpc/jsonrpc, ``http_json_handler.go``, ``http_uri_handler.go`` and
    ``ws_handler.go``.
"""

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import isawaitable

from chainkit.primitives.errors import OperationFailed, RuleBroken
from relay_chain.node.json_forms import JsonObject
from relay_chain.node.limits import MAX_BATCH_REQUESTS
from relay_chain.node.rpc.parameters import BadRequest, Parameters, WrongParameter, named

Method = Callable[[Parameters], JsonObject | Awaitable[JsonObject]]
Route = tuple[Method, tuple[str, ...]]
"""A method and its parameters in order."""
Answer = JsonObject

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
SERVER_ERROR = -32000

URI_ID = -1
"""The id of an answer to a request that has none of its own."""

_MESSAGES = {
    PARSE_ERROR: "Parse error. Invalid JSON",
    INVALID_REQUEST: "Invalid Request",
    METHOD_NOT_FOUND: "Method not found",
    INVALID_PARAMS: "Invalid params",
    INTERNAL_ERROR: "Internal error",
    SERVER_ERROR: "Server error",
}


@dataclass(frozen=True, slots=True)
class Request:
    """A call that wants an answer."""

    id: str | int
    method: str
    params: object


class NotARequest(RuleBroken):
    """A JSON value that is no request."""


def error_answer(identity: object, code: int, data: str) -> Answer:
    """Return an error; an ``identity`` of None is left out, as empty ``data`` is."""
    error: JsonObject = {"code": code, "message": _MESSAGES[code]}
    if data:
        error["data"] = data
    answer: Answer = {"jsonrpc": "2.0"}
    if identity is not None:
        answer["id"] = identity
    return {**answer, "error": error}


def result_answer(identity: object, value: object) -> Answer:
    """Return a result."""
    return {"jsonrpc": "2.0", "id": identity, "result": value}


def not_understood(reason: str) -> Answer:
    """Return the answer to what is no JSON, or no request."""
    return error_answer(None, PARSE_ERROR, f"error unmarshaling request: {reason}")


def parse_request(value: object) -> Request | None:
    """Return a request; None for a notification.

    Raises:
        NotARequest: It is neither.
    """
    if value is None:
        return None
    if not isinstance(value, dict):
        raise NotARequest("a request is an object")
    method, identity = value.get("method", ""), value.get("id")
    if method is None:
        method = ""
    if not isinstance(method, str):
        raise NotARequest("method must be a string")
    if identity is None:
        return None
    if isinstance(identity, float) and math.isfinite(identity):
        identity = int(identity)
    if isinstance(identity, bool) or not isinstance(identity, str | int):
        raise NotARequest("a JSON-RPC id is a string or a number")
    return Request(identity, method, value.get("params"))


class Dispatcher:
    """Calls methods by name.

    Args:
        routes: Each method with its parameters in order.
        socket_only: Methods that exist only where a client can be sent events.
    """

    def __init__(self, routes: Mapping[str, Route], socket_only: Sequence[str] = ()) -> None:
        self.routes = routes
        self.socket_only = frozenset(socket_only)

    async def answer_body(self, body: object) -> tuple[Answer | list[Answer] | None, bool]:
        """Return the answers to a request or a batch, and whether the body was understood.

        One answer stands alone, also that to a batch of one; None is the answer to
        notifications only.
        """
        values = body if isinstance(body, list) else [body]
        try:
            requests = [parse_request(value) for value in values]
        except NotARequest as error:
            return not_understood(str(error)), False
        if len(requests) > MAX_BATCH_REQUESTS:
            reason = (
                f"batch request exceeds maximum ({MAX_BATCH_REQUESTS}) allowed number of requests"
            )
            return error_answer(None, INVALID_REQUEST, reason), True
        answers = [await self.answer(request) for request in requests if request is not None]
        if len(answers) > 1:
            return answers, True
        return (answers[0] if answers else None), True

    async def answer(self, request: Request, *, wrong_params: int = INVALID_PARAMS) -> Answer:
        """Return the answer to one request.

        Args:
            request: The call.
            wrong_params: The code for parameters of a wrong form; over a WebSocket CometBFT
                says ``INTERNAL_ERROR``.
        """
        route = self.routes.get(request.method)
        if route is None:
            return error_answer(request.id, METHOD_NOT_FOUND, "")
        try:
            parameters = Parameters(named(request.params, route[1]))
            value = await _called(route[0], parameters)
        except WrongParameter as error:
            reason = f"error converting json params to arguments: {error}"
            return error_answer(request.id, wrong_params, reason)
        except (BadRequest, RuleBroken, OperationFailed) as error:
            return error_answer(request.id, INTERNAL_ERROR, str(error))
        return result_answer(request.id, value)

    async def answer_uri(self, method: str, values: Mapping[str, str]) -> Answer | None:
        """Return the answer to a call by URI; None for a method that there is not."""
        if method in self.socket_only:
            return error_answer(URI_ID, METHOD_NOT_FOUND, "")
        route = self.routes.get(method)
        if route is None:
            return None
        try:
            value = await _called(route[0], Parameters(values, from_uri=True))
        except WrongParameter as error:
            reason = f"error converting http params to arguments: {error}"
            return error_answer(URI_ID, INVALID_PARAMS, reason)
        except (BadRequest, RuleBroken, OperationFailed) as error:
            return error_answer(URI_ID, INTERNAL_ERROR, str(error))
        return result_answer(URI_ID, value)


async def _called(method: Method, parameters: Parameters) -> JsonObject:
    answer = method(parameters)
    return await answer if isawaitable(answer) else answer
