"""The table of methods: what the application answers, and what only the node knows.

gRPC, the REST gateway and ``abci_query`` all ask here, so that each method has one handler.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.message import Message

from chainkit.primitives.types import BlockHeight
from chainkit.runtime.abci import QueryResult
from chainkit.runtime.errors import InvalidRequest
from chainkit.runtime.grpc_status import Status
from chainkit.runtime.queries import answer_query
from relay_chain.node.api.limits import MAX_HEIGHT_DIGITS, MAX_REQUEST_BYTES
from relay_chain.node.ports import Application

VERBS = ("GET /", "POST /")
HEIGHT_METADATA = "x-cosmos-block-height"
"""Names the state that is asked, and in the answer the state that answered (SDK baseapp)."""


@dataclass(frozen=True, slots=True)
class NodeRoute:
    """A method that the node answers itself; ``rest`` is as in ``QueryRoute``."""

    path: str
    handle: Callable[[bytes], bytes]
    rest: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Method:
    """A method with its message types, which JSON is made of."""

    path: str
    rest: tuple[str, ...]
    ask: Callable[[bytes, BlockHeight], QueryResult]
    request: type[Message] | None
    """None: the method is of no service that our schemas have, and has no JSON."""
    response: type[Message] | None


class Api:
    """All methods of one node, by path."""

    __slots__ = ("_application", "_methods")

    def __init__(
        self,
        application: Application,
        node_routes: Iterable[NodeRoute],
        height: Callable[[], BlockHeight],
    ) -> None:
        """Join the application's methods and the node's; where both have one, the node answers.

        Args:
            application: Answers about its state.
            node_routes: What only the node knows: blocks, transactions, peers.
            height: The last height, which the node's own answers are of.
        """
        self._application = application
        self._methods: dict[str, Method] = {}
        for route in application.query_routes():
            self._add(route.path, route.rest, self._of_application(route.path))
        for own in node_routes:
            self._add(own.path, own.rest, _of_node(own.handle, height))

    def _add(
        self,
        path: str,
        rest: tuple[str, ...],
        ask: Callable[[bytes, BlockHeight], QueryResult],
    ) -> None:
        request, response = message_types(path) or (None, None)
        assert request is not None or not rest, f"{path} has REST paths and no schema"
        assert all(text.startswith(VERBS) for text in rest), f"{path}: a REST path has no verb"
        self._methods[path] = Method(path, rest, ask, request, response)

    def _of_application(self, path: str) -> Callable[[bytes, BlockHeight], QueryResult]:
        def ask(data: bytes, height: BlockHeight) -> QueryResult:
            return self._application.query(path, data, height=height, prove=False)

        return ask

    def methods(self) -> tuple[Method, ...]:
        """Return every method, sorted by path."""
        return tuple(self._methods[path] for path in sorted(self._methods))

    def call(self, path: str, data: bytes, height: BlockHeight) -> QueryResult:
        """Return what a method answers at ``height`` (0: the last), never raising for bad input."""
        if len(data) > MAX_REQUEST_BYTES:
            text = f"grpc: received message larger than max ({len(data)} vs. {MAX_REQUEST_BYTES})"
            return _refusal(Status.RESOURCE_EXHAUSTED, text)
        method = self._methods.get(path)
        if method is None:
            return _refusal(Status.UNIMPLEMENTED, self._unknown(path))
        return method.ask(data, height)

    def query(self, path: str, data: bytes, *, height: BlockHeight, prove: bool) -> QueryResult:
        """Answer ``abci_query``: a method, or whatever else the application is asked by."""
        method = self._methods.get(path)
        if method is None:
            return self._application.query(path, data, height=height, prove=prove)
        return method.ask(data, height)

    def _unknown(self, path: str) -> str:
        service, _, name = path[:200].removeprefix("/").rpartition("/")
        if any(known.startswith(f"/{service}/") for known in self._methods):
            return f"unknown method {name} for service {service}"
        return f"unknown service {service}"


def _of_node(
    handle: Callable[[bytes], bytes], height: Callable[[], BlockHeight]
) -> Callable[[bytes, BlockHeight], QueryResult]:
    return lambda data, _: answer_query(lambda: handle(data), height())


def _refusal(status: Status, text: str) -> QueryResult:
    return QueryResult(code=1, log=text, codespace="sdk", status=status, description=text)


def message_types(path: str) -> tuple[type[Message], type[Message]] | None:
    """Return the request and the answer of ``/package.Service/Method``, if our schemas have it.

    A method that its service had once and has no more is known by its messages' names.
    """
    service, _, name = path.removeprefix("/").rpartition("/")
    package = service.rpartition(".")[0]
    pool = descriptor_pool.Default()
    try:
        method = pool.FindServiceByName(service).methods_by_name.get(name)
        if method is not None:
            pair = (method.input_type, method.output_type)
        else:
            pair = (
                pool.FindMessageTypeByName(f"{package}.Query{name}Request"),
                pool.FindMessageTypeByName(f"{package}.Query{name}Response"),
            )
    except KeyError:
        return None
    return message_factory.GetMessageClass(pair[0]), message_factory.GetMessageClass(pair[1])


def parse_height_metadata(text: str) -> BlockHeight:
    """Return the height that a client asks for; 0, the last one, if it names none ("").

    Raises:
        InvalidRequest: Not a whole number of 64 bits from 0.
    """
    if not text:
        return BlockHeight(0)
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= MAX_HEIGHT_DIGITS):
        raise InvalidRequest(f"invalid height header {text[:40]!r}")
    if text.startswith("-"):
        raise InvalidRequest("height < 0")
    return BlockHeight(int(text))
