"""Parameters of RPC methods, from JSON or from a URI."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from chainkit.primitives.errors import MalformedMessage, RuleBroken
from relay_chain.node.json_forms import from_base64, from_hex, integer, text
from relay_chain.node.limits import DEFAULT_PER_PAGE, MAX_PER_PAGE

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class _Parse(Protocol[T_co]):
    def __call__(self, value: object, *, what: str) -> T_co: ...


class BadRequest(RuleBroken):
    """A request is refused; ``rpc_code`` is JSON-RPC's."""

    def __init__(self, reason: str, *, rpc_code: int = -32603) -> None:
        super().__init__(reason)
        self.rpc_code = rpc_code


@dataclass(frozen=True, slots=True)
class Parameters:
    """A request's parameters by name; ``from_uri`` says in which form byte strings are."""

    values: Mapping[str, object]
    from_uri: bool = False

    def _get(self, name: str) -> object:
        value = self.values.get(name)
        if self.from_uri and isinstance(value, str) and value.startswith('"'):
            return self._json(value, name)
        return value

    @staticmethod
    def _json(value: str, name: str) -> object:
        try:
            return json.loads(value)
        except (ValueError, RecursionError) as error:
            raise BadRequest(f"{name} is not JSON", rpc_code=-32602) from error

    def value(self, name: str) -> object:
        """Return a JSON value as it was given; of a URI, the object its text stands for."""
        value = self.values.get(name)
        if self.from_uri and isinstance(value, str) and value.startswith("{"):
            return self._json(value, name)
        return value

    def string(self, name: str, otherwise: str = "") -> str:
        """Return a text."""
        value = self._get(name)
        return otherwise if value is None else self._checked(text, value, name)

    def number(self, name: str) -> int | None:
        """Return an integer, or None if it is not given (or given as 0 in words: "")."""
        value = self._get(name)
        if value is None or value == "":
            return None
        return self._checked(integer, value, name)

    def flag(self, name: str) -> bool:
        """Return a truth value; false if it is not given."""
        value = self._get(name)
        # A list of a request cannot be looked up in a set.
        if value in (None, "", "false", False):
            return False
        if value in ("true", True):
            return True
        raise BadRequest(f"{name} must be true or false", rpc_code=-32602)

    def data(self, name: str) -> bytes:
        """Return bytes that JSON gives in base64; a URI gives ``0x``-hex or a quoted text."""
        value = self.values.get(name)
        if value is None:
            return b""
        if self.from_uri:
            return self._uri_bytes(value, name)
        try:
            return from_base64(value, what=name)
        except MalformedMessage as error:
            raise BadRequest(str(error), rpc_code=-32602) from error

    def hex_data(self, name: str) -> bytes:
        """Return bytes that JSON gives in hex (``abci_query``'s data)."""
        value = self.values.get(name)
        if value is None or value == "":
            return b""
        if self.from_uri:
            return self._uri_bytes(value, name)
        try:
            return from_hex(value, what=name)
        except MalformedMessage as error:
            raise BadRequest(str(error), rpc_code=-32602) from error

    def hash(self, name: str) -> bytes:
        """Return a hash: base64 as CometBFT's clients send it, or 64 hex digits."""
        value = self.values.get(name)
        if isinstance(value, str) and not self.from_uri and len(value) == 64:
            return self._checked_hex(value, name)
        return self.data(name)

    def page(self) -> tuple[int, int]:
        """Return (page from 1, items a page)."""
        per_page = self.number("per_page")
        size = DEFAULT_PER_PAGE if per_page is None or per_page < 1 else per_page
        page = self.number("page")
        return (1 if page is None else page), min(size, MAX_PER_PAGE)

    def _uri_bytes(self, value: object, name: str) -> bytes:
        raw = self._checked(text, value, name)
        if raw.startswith("0x"):
            return self._checked_hex(raw[2:], name)
        if raw.startswith('"'):
            return self.string(name).encode()
        raise BadRequest(f'{name} must be 0x and hex digits, or a "quoted" text', rpc_code=-32602)

    @staticmethod
    def _checked_hex(value: str, name: str) -> bytes:
        try:
            return bytes.fromhex(value)
        except ValueError as error:
            raise BadRequest(f"{name} is not hex", rpc_code=-32602) from error

    @staticmethod
    def _checked(parse: "_Parse[T]", value: object, name: str) -> T:
        try:
            return parse(value, what=name)
        except MalformedMessage as error:
            raise BadRequest(str(error), rpc_code=-32602) from error


def paginate(page: int, per_page: int, total: int) -> range:
    """Return the indices of a page.

    Raises:
        BadRequest: There is no such page.
    """
    pages = max(1, -(-total // per_page))
    if not 1 <= page <= pages:
        raise BadRequest(f"page should be within [1, {pages}] range, given {page}")
    start = (page - 1) * per_page
    return range(start, min(start + per_page, total))


def named(values: object, names: Sequence[str]) -> Mapping[str, object]:
    """Return a request's ``params``: an object, null, or a list in the method's order."""
    if values is None:
        return {}
    if isinstance(values, dict):
        return values
    if isinstance(values, list) and len(values) <= len(names):
        return dict(zip(names, values, strict=False))
    raise BadRequest("params must be an object or a list", rpc_code=-32602)
