"""What the supply reader needs of a chain, whatever form its node answers in.

Each form is a class below that fits :class:`Books`; the reader asks each of them whether it
knows a node, so a chain of another form needs a class and its place in the reader's list.
"""

import http.client
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from demos.supply_equation import End
from demos.supply_forms import Event, ReadFailed

CALL_TIMEOUT_S = 10
MAX_BATCH = 500
"""Calls in one request; nodes take up to 1,000."""


@dataclass(frozen=True, slots=True)
class Source:
    """A chain to read: its name, a node's address, its accounts' prefix, its own token."""

    name: str
    rpc: str
    prefix: str
    denom: str = ""
    chain_id: str = ""
    """The name by which other chains' clients know it, for forms whose nodes do not tell it."""


class Node:
    """One node's JSON-RPC. Mutable: it keeps a connection."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._host = urlsplit(source.rpc).netloc
        self._connection = http.client.HTTPConnection(self._host, timeout=CALL_TIMEOUT_S)

    def ask(self, method: str, **params: object) -> object:
        """Return the result of one call.

        Raises:
            ReadFailed: No answer, or an error.
        """
        answer = self._post({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}, method)
        return self._result(answer, method)

    def ask_all(self, calls: Sequence[tuple[str, Sequence[object]]]) -> list[object]:
        """Return the results of calls whose parameters go by place, in one request.

        Raises:
            ReadFailed: No answer, or one of them is an error.
        """
        found: list[object] = []
        for first in range(0, len(calls), MAX_BATCH):
            part = calls[first : first + MAX_BATCH]
            answers = self._post(
                [
                    {"jsonrpc": "2.0", "id": number, "method": method, "params": list(params)}
                    for number, (method, params) in enumerate(part)
                ],
                part[0][0],
            )
            if not isinstance(answers, list) or not all(isinstance(a, dict) for a in answers):
                raise ReadFailed(f"{part[0][0]} at {self.source.rpc}: no answer to a batch")
            by_id = {answer.get("id"): answer for answer in answers}
            found += [self._result(by_id.get(n), method) for n, (method, _) in enumerate(part)]
        return found

    def _post(self, request: object, what: str) -> object:
        headers = {"Content-Type": "application/json"}
        try:
            self._connection.request("POST", "/", json.dumps(request), headers)
            answer: object = json.loads(self._connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._connection.close()
            raise ReadFailed(f"{what} at {self.source.rpc}: {error!r}") from error
        return answer

    def _result(self, answer: object, method: str) -> object:
        if not isinstance(answer, dict) or answer.get("result") is None:
            error_text = answer.get("error") if isinstance(answer, dict) else "no object"
            raise ReadFailed(f"{method} at {self.source.rpc}: {error_text}")
        result: object = answer["result"]
        return result

    def call(self, method: str, **params: object) -> dict[str, object]:
        """Return the result of one call, an object.

        Raises:
            ReadFailed: No answer, an error, or something else.
        """
        result = self.ask(method, **params)
        if not isinstance(result, dict):
            raise ReadFailed(f"{method} at {self.source.rpc}: no object")
        return result


class Books(Protocol):
    """One chain's blocks and ledger. A height is read once, and in order from 1 on."""

    @property
    def first_timed(self) -> int:
        """The first block whose time a clock gave."""
        ...

    @property
    def chain_id(self) -> str:
        """The name by which other chains' clients know it."""
        ...

    def newest(self) -> int:
        """Return the newest height that can be read: one that stays."""
        ...

    def events(self, height: int) -> Sequence[Event]:
        """Return what a block did."""
        ...

    def time_ns(self, height: int) -> int:
        """Return a block's time in nanoseconds since 1970."""
        ...

    def transfer_ends(self, height: int) -> Mapping[End, str]:
        """Return the token channels after a block, and each one's other chain by its id."""
        ...

    def escrow(self, end: End, height: int) -> Mapping[str, int]:
        """Return what is in escrow for a channel end after a block."""
        ...

    def supply(self, height: int) -> Mapping[str, int]:
        """Return the whole supply after a block."""
        ...

    def issued(self, height: int) -> Mapping[str, int]:
        """Return what the chain's rules let a block add to the supply."""
        ...

    def held(self, height: int, *, is_busy: bool) -> Mapping[str, int] | None:
        """Return what everybody together holds after a block; None where it was not asked.

        ``is_busy`` tells that something was done in the block.
        """
        ...
