"""Pages of a query's answer (``cosmos.base.query.v1beta1``)."""

from collections.abc import Iterable
from typing import TypeVar

from chainkit.runtime.errors import InvalidRequest
from chainkit.wire.proto.cosmos.base.query.v1beta1.pagination_pb2 import PageRequest, PageResponse

T = TypeVar("T")
DEFAULT_PAGE = 100
"""SDK ``query.DefaultLimit``."""


def paginate(
    items: Iterable[tuple[bytes, T]], request: PageRequest
) -> tuple[list[T], PageResponse]:
    """Return the page asked for of ``items`` (their keys in ascending order), and the rest's key.

    Raises:
        InvalidRequest: Both an offset and a key are given.
    """
    if request.offset and request.key:
        raise InvalidRequest("invalid request, either offset or key is expected, got both")
    ordered = list(items)
    if request.reverse:
        ordered.reverse()
    start = request.offset
    if request.key:
        start = next(
            (
                index
                for index, (key, _) in enumerate(ordered)
                if (key <= request.key if request.reverse else key >= request.key)
            ),
            len(ordered),
        )
    end = start + (request.limit or DEFAULT_PAGE)
    response = PageResponse(next_key=ordered[end][0] if end < len(ordered) else b"")
    if request.count_total or (not request.limit and not request.key):
        response.total = len(ordered)
    return [value for _, value in ordered[start:end]], response
