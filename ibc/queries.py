"""A query route from a function of protobufs; the only glue that the query modules share."""

from collections.abc import Callable
from typing import TypeVar

from google.protobuf.message import Message

from chainkit.primitives.limits import MAX_TX_BYTES
from chainkit.runtime.context import Context
from chainkit.runtime.messages import QueryRoute
from chainkit.wire.codec import decode_known, encode

Q = TypeVar("Q", bound=Message)
REST_HEIGHT = "/revision/{revision_number}/height/{revision_height}"
"""How paths of the REST gateway name a height of another chain."""


def query_route(
    path: str,
    request: type[Q],
    answer: Callable[[Context, Q], Message],
    rest: tuple[str, ...] = (),
) -> QueryRoute:
    """Return the route that decodes ``request``, asks ``answer`` and encodes what it says."""

    def handle(ctx: Context, data: bytes) -> bytes:
        return encode(answer(ctx, decode_known(request, data, max_bytes=MAX_TX_BYTES)))

    return QueryRoute(path, handle, rest)
