"""Every bound of the gRPC server and the REST gateway, with what happens at it."""

from chainkit.primitives.limits import MAX_TX_BYTES

MAX_REQUEST_BYTES = MAX_TX_BYTES + 65_536
"""A longer request message is refused as RESOURCE_EXHAUSTED; holds any transaction."""

MAX_REST_BODY_BYTES = 2 * 1024 * 1024
"""A larger body is answered 413; holds a base64 transaction of MAX_TX_BYTES."""

MAX_HEADER_BYTES = 16_384
"""The headers of one gRPC call; a longer list ends the connection."""

MAX_CALLS_PER_CONNECTION = 100
"""gRPC calls of one connection that are open at once (HTTP/2 SETTINGS_MAX_CONCURRENT_STREAMS)."""

MAX_BUFFERED_BYTES = 4 * 1024 * 1024
"""Requests that have begun and answers that wait for a slow reader, of one connection; a client
that makes more is cut off."""

MAX_CONNECTIONS = 128
"""Connections of each server; the next one is closed at once."""

HANDSHAKE_TIMEOUT_S = 10.0
"""A connection that sends no request for so long after it opened is closed."""

IDLE_TIMEOUT_S = 300.0
"""A connection without a call that is silent for so long is closed."""

IDLE_REST_TIMEOUT_S = 30.0
"""A REST connection whose next request is not whole, headers first, after so long is closed."""

STALLED_TIMEOUT_S = 20.0
"""A client that neither sends the rest of its request nor reads its answer for so long is cut
off."""

MAX_TXS_PER_PAGE = 100
"""Transactions of one page of ``GetTxsEvent`` (CometBFT ``maxPerPage``)."""

MAX_ANY_DEPTH = 16
"""``Any`` inside ``Any`` is opened so deep in JSON; below it stays base64."""

MAX_HEIGHT_DIGITS = 19
"""Digits of an ``x-cosmos-block-height``."""
