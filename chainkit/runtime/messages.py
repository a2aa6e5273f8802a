"""Routes from a message's type, or a query's path, to the module that answers it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from chainkit.primitives.types import Address
from chainkit.runtime.context import Context
from chainkit.runtime.errors import UnknownRequest

M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class MessageRoute(Generic[M]):
    """How messages of one type are decoded, who must have signed them, and what they do.

    ``decode`` is total: it returns the message, stateless rules checked, or raises a
    ``RuleBroken``. ``handle`` returns the encoded ``Msg*Response``, whose type URL is
    ``type_url + "Response"``; it checks first and writes after, and a raised
    ``RuleBroken`` undoes the whole transaction.
    """

    type_url: str
    decode: Callable[[bytes], M]
    signers: Callable[[M], tuple[Address, ...]]
    handle: Callable[[Context, M], bytes]

    @property
    def response_type_url(self) -> str:
        """The type URL of what ``handle`` returns."""
        return self.type_url + "Response"


@dataclass(frozen=True, slots=True)
class QueryRoute:
    """A gRPC-style query: ``path`` is ``/package.Service/Method``, bytes in, bytes out.

    ``rest`` are the HTTP verbs and path templates that the REST gateway answers it under, such
    as ``GET /cosmos/bank/v1beta1/balances/{address}`` (``google.api.http``).
    """

    path: str
    handle: Callable[[Context, bytes], bytes]
    rest: tuple[str, ...] = ()


class MessageRouter:
    """The message routes of an application, by type URL."""

    __slots__ = ("_routes",)

    def __init__(self, routes: Iterable[MessageRoute[Any]]) -> None:
        self._routes: dict[str, MessageRoute[Any]] = {}
        for route in routes:
            assert route.type_url not in self._routes, f"{route.type_url} has two handlers"
            self._routes[route.type_url] = route

    def route(self, type_url: str) -> MessageRoute[Any]:
        """Return the route for ``type_url``.

        Raises:
            UnknownRequest: No module handles this type.
        """
        route = self._routes.get(type_url)
        if route is None:
            raise UnknownRequest(f"no message handler for {type_url[:200]}")
        return route

    def type_urls(self) -> tuple[str, ...]:
        """Return every type URL that has a handler, sorted."""
        return tuple(sorted(self._routes))


class QueryRouter:
    """The query routes of an application, by path."""

    __slots__ = ("_routes",)

    def __init__(self, routes: Iterable[QueryRoute]) -> None:
        self._routes: dict[str, QueryRoute] = {}
        for route in routes:
            assert route.path not in self._routes, f"{route.path} has two handlers"
            self._routes[route.path] = route

    def route(self, path: str) -> QueryRoute:
        """Return the route for ``path``.

        Raises:
            UnknownRequest: No module answers this query.
        """
        route = self._routes.get(path)
        if route is None:
            raise UnknownRequest(f"unknown query path {path[:200]}")
        return route

    def routes(self) -> tuple[QueryRoute, ...]:
        """Return every route, sorted by path."""
        return tuple(self._routes[path] for path in sorted(self._routes))

    def paths(self) -> tuple[str, ...]:
        """Return every path that has a handler, sorted."""
        return tuple(sorted(self._routes))
