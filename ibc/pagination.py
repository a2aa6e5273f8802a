"""Pages of a list, as the Cosmos SDK's ``query.Paginate`` cuts them."""

from collections.abc import Callable, Iterator
from typing import TypeVar

from chainkit.runtime.errors import InvalidRequest
from chainkit.runtime.store import KVStore, PrefixStore
from chainkit.wire.proto.cosmos.base.query.v1beta1 import pagination_pb2
from ibc.limits import DEFAULT_PAGE_LIMIT, MAX_PAGE_KEY_BYTES

T = TypeVar("T")
Pair = tuple[bytes, bytes]


def page_of(
    pairs: Iterator[tuple[bytes, T]], request: pagination_pb2.PageRequest
) -> tuple[list[T], pagination_pb2.PageResponse]:
    """Return one page of ``pairs``, which begin at the request's key, and where the next begins.

    Raises:
        InvalidRequest: Both a key and an offset, or a key that is too long.
    """
    if request.key and request.offset:
        raise InvalidRequest("either offset or key is expected, got both")
    if len(request.key) > MAX_PAGE_KEY_BYTES:
        raise InvalidRequest(f"page key of {len(request.key)} bytes")
    limit = request.limit or DEFAULT_PAGE_LIMIT
    counting = not request.key and (request.count_total or request.limit == 0)
    response = pagination_pb2.PageResponse()
    page: list[T] = []
    count = 0
    for key, value in pairs:
        if count >= request.offset and len(page) < limit:
            page.append(value)
        elif len(page) == limit and not response.next_key:
            response.next_key = key
            if not counting:
                break
        count += 1
    if counting:
        response.total = count
    return page, response


def page_of_store(
    store: KVStore,
    prefix: bytes,
    request: pagination_pb2.PageRequest,
    keep: Callable[[Pair], bool] = lambda _pair: True,
) -> tuple[list[Pair], pagination_pb2.PageResponse]:
    """Return one page of what lies under ``prefix`` and is kept; keys without the prefix."""
    below = PrefixStore(store, prefix)
    if request.reverse:
        end = request.key + b"\x00" if request.key else None
        pairs = below.iterate(b"", end, reverse=True)
    else:
        pairs = below.iterate(request.key, None)
    return page_of(((pair[0], pair) for pair in pairs if keep(pair)), request)
