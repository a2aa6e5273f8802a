"""The REST gateway: HTTP paths and JSON to the methods of the table, and back.

A request message is filled from the path, the query and the body, in either spelling of a
name (``tx_bytes``, ``txBytes``).

Spec:
    ``google.api.http``; grpc-gateway v1 as the Cosmos SDK sets it up (server/api).
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import DecodeError, Message

from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.types import BlockHeight
from chainkit.runtime.errors import InvalidRequest
from chainkit.runtime.grpc_status import Status, description_of, status_of
from relay_chain.node.api.json_forms import message_to_json
from relay_chain.node.api.methods import Api, Method, parse_height_metadata
from relay_chain.node.api.request_fields import set_field
from relay_chain.node.json_forms import JsonObject

_VARIABLE = re.compile(r"\{(\w+)(=\*\*)?\}")
_HTTP = {
    Status.OK: 200,
    Status.CANCELLED: 408,
    Status.INVALID_ARGUMENT: 400,
    Status.DEADLINE_EXCEEDED: 504,
    Status.NOT_FOUND: 404,
    Status.ALREADY_EXISTS: 409,
    Status.PERMISSION_DENIED: 403,
    Status.RESOURCE_EXHAUSTED: 429,
    Status.FAILED_PRECONDITION: 400,
    Status.ABORTED: 409,
    Status.OUT_OF_RANGE: 400,
    Status.UNIMPLEMENTED: 501,
    Status.UNAVAILABLE: 503,
    Status.UNAUTHENTICATED: 401,
}
"""grpc-gateway ``HTTPStatusFromCode``; what is not here is 500."""


@dataclass(frozen=True, slots=True)
class RestRequest:
    """An HTTP request; ``path`` is still percent-encoded, ``height`` is the metadata's text."""

    verb: str
    path: str
    query: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    height: str = ""


@dataclass(frozen=True, slots=True)
class RestAnswer:
    """An HTTP answer; ``height`` is of the state that answered, 0 if none did."""

    http_status: int
    body: JsonObject
    height: BlockHeight = BlockHeight(0)


@dataclass(frozen=True, slots=True)
class _Template:
    verb: str
    pattern: re.Pattern[str]
    names: tuple[str, ...]
    method: Method
    rank: tuple[int, int]
    """The most definite template is tried first: fewest open ends, then most plain text."""


def _template(text: str, method: Method) -> _Template:
    verb, _, path = text.partition(" ")
    pattern, position, open_ends, plain = "", 0, 0, 0
    names = []
    for match in _VARIABLE.finditer(path):
        before = path[position : match.start()]
        pattern += re.escape(before) + ("(.+)" if match[2] else "([^/]+)")
        plain += len(before)
        open_ends += 1 if match[2] else 0
        names.append(match[1])
        position = match.end()
    pattern += re.escape(path[position:])
    plain += len(path[position:])
    return _Template(verb, re.compile(pattern), tuple(names), method, (open_ends, -plain))


class Gateway:
    """Answers REST requests from the table of methods."""

    __slots__ = ("_api", "_templates")

    def __init__(self, api: Api) -> None:
        self._api = api
        found = [_template(text, method) for method in api.methods() for text in method.rest]
        self._templates = sorted(found, key=lambda template: template.rank)

    def answer(self, request: RestRequest) -> RestAnswer:
        """Return the answer to a request; a refusal is an answer, too."""
        try:
            return self._answer(request)
        except RuleBroken as error:
            return refusal(status_of(error), description_of(error))

    def _answer(self, request: RestRequest) -> RestAnswer:
        found = self._find(request)
        if found is None:
            return refusal(Status.UNIMPLEMENTED, "Not Implemented")
        method, variables = found
        assert method.request is not None
        assert method.response is not None
        message = method.request()
        if request.body:
            _fill_from_body(message, request.body)
        for name, text in (*request.query, *variables):
            set_field(message, name, text)
        height = parse_height_metadata(request.height)
        result = self._api.call(method.path, message.SerializeToString(), height)
        if result.status is not Status.OK:
            return refusal(result.status, result.description)
        try:
            answer = method.response.FromString(result.value)
        except DecodeError as error:
            raise AssertionError(f"{method.path} answers another message") from error
        return RestAnswer(200, message_to_json(answer), result.height)

    def _find(self, request: RestRequest) -> tuple[Method, list[tuple[str, str]]] | None:
        path = request.path.rstrip("/")
        for template in self._templates:
            match = template.pattern.fullmatch(path) if template.verb == request.verb else None
            if match is not None:
                texts = (unquote(text, errors="replace") for text in match.groups())
                return template.method, list(zip(template.names, texts, strict=True))
        return None


def refusal(status: Status, text: str) -> RestAnswer:
    """Return the answer that refuses, in the gateway's form."""
    body: JsonObject = {"code": int(status), "message": text, "details": []}
    return RestAnswer(_HTTP.get(status, 500), body)


def _fill_from_body(message: Message, body: bytes) -> None:
    """Fill a request from JSON.

    Raises:
        InvalidRequest: Not JSON, or not of this message.
    """
    try:
        value = json.loads(body)
        if not isinstance(value, dict):
            raise InvalidRequest("the body is not a JSON object")
        # Half of a surrogate pair is no text: protobuf's parser has no refusal for it.
        json.dumps(value, ensure_ascii=False).encode()
        ParseDict(value, message)
    except (ParseError, DecodeError, ValueError, TypeError, AttributeError) as error:
        raise InvalidRequest(f"body: {str(error)[:200]}") from error
    except (RecursionError, OverflowError, KeyError) as error:
        raise InvalidRequest("body: nested too deeply, or a number that is none") from error
