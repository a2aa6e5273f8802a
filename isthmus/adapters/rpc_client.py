"""JSON-RPC over HTTP: one call to the first node that answers."""

import io
import itertools
from collections.abc import Mapping, Sequence
from typing import Self

import aiohttp
import msgspec

from chainkit.primitives.errors import OperationFailed

CALL_TIMEOUT_S = 10
LARGE_BODY_BYTES = 1_048_576
MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""A light block of the largest validator set is a few MiB."""


_NO_ANSWER = (
    aiohttp.ClientError,
    TimeoutError,
    OSError,
    msgspec.DecodeError,
    RecursionError,  # JSON nested deeper than the decoder goes
)


class RpcFailed(OperationFailed):
    """The node answered with an error."""

    def __init__(self, *, url: str, method: str, code: int, message: str, data: str) -> None:
        super().__init__(f"{method} at {url}: {message}{': ' if data else ''}{data[:300]}")
        self.url = url
        self.method = method
        self.code = code


class NodeUnreachable(OperationFailed):
    """No node answered."""

    def __init__(self, *, urls: Sequence[str], method: str, reason: str) -> None:
        super().__init__(f"no answer to {method} from {', '.join(urls)}: {reason}")
        self.urls = tuple(urls)
        self.method = method


class HttpRpcTransport:
    """Calls one of the chain's nodes, and stays with it. Mutable: it owns the HTTP session.

    It goes on to the next where one does not answer, or says of itself that it is catching
    up: what such a node knows is old. Use as an async context manager.
    """

    def __init__(self, urls: Sequence[str]) -> None:
        assert urls
        self._urls = tuple(urls)
        self._at = 0
        self._ids = itertools.count(1)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Open the session."""
        timeout = aiohttp.ClientTimeout(total=CALL_TIMEOUT_S)
        self._session = aiohttp.ClientSession(timeout=timeout)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def call(self, method: str, params: Mapping[str, object]) -> object:
        """Return the ``result`` of one call.

        Raises:
            RpcFailed: A node answered with an error: asking another would not help.
            NodeUnreachable: None answered in time, or with anything that is not JSON-RPC.
        """
        reason = ""
        behind: object = None
        first, count = self._at, len(self._urls)
        for at in ((first + offset) % count for offset in range(count)):
            url = self._urls[at]
            try:
                answer = await self._post(url, method, params)
            except _NO_ANSWER as error:
                reason = f"{type(error).__name__}: {error}"[:200]
                continue
            if isinstance(answer, dict) and "error" in answer:
                self._at = at
                raise _failure(url, method, answer["error"])
            if isinstance(answer, dict) and "result" in answer:
                result: object = answer["result"]
                if method == "status" and _is_behind(result):
                    behind = result
                    continue
                self._at = at
                return result
            reason = "not a JSON-RPC answer"
        if behind is not None:
            return behind
        raise NodeUnreachable(urls=self._urls, method=method, reason=reason)

    async def _post(self, url: str, method: str, params: Mapping[str, object]) -> object:
        assert self._session is not None, "used outside its context"
        request = {
            "jsonrpc": "2.0",
            "id": str(next(self._ids)),
            "method": method,
            "params": dict(params),
        }
        raw = msgspec.json.encode(request)
        # A large body, such as a block, goes out in pieces: other calls are not held up.
        async with self._session.post(
            url,
            data=io.BytesIO(raw) if len(raw) > LARGE_BODY_BYTES else raw,
            headers={"Content-Type": "application/json"},
        ) as response:
            body = bytearray()
            async for chunk in response.content.iter_chunked(65_536):
                body += chunk
                if len(body) > MAX_ANSWER_BYTES:
                    raise aiohttp.ClientPayloadError("answer is over its limit")
        answer: object = msgspec.json.decode(bytes(body))
        return answer


def _is_behind(status: object) -> bool:
    """Return whether a node's status says that it is catching up."""
    info = status.get("sync_info") if isinstance(status, dict) else None
    return isinstance(info, dict) and info.get("catching_up") is True


def _failure(url: str, method: str, error: object) -> RpcFailed:
    details = error if isinstance(error, dict) else {}
    code = details.get("code", 0)
    return RpcFailed(
        url=url,
        method=method,
        code=code if isinstance(code, int) else 0,
        message=str(details.get("message", "")),
        data=str(details.get("data", "")),
    )
