"""Parameters of RPC methods, from JSON or from a URI.

Of a URI a text is in double quotes or hex after ``0x``, bytes likewise, a number or a truth
value plain (CometBFT rpc/jsonrpc, ``http_uri_handler.go``). JSON gives numbers as strings or
numbers, and bytes in base64, or in hex where CometBFT has ``HexBytes``.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from chainkit.primitives.errors import MalformedMessage, RuleBroken
from relay_chain.node.json_forms import from_base64, from_hex, integer, text
from relay_chain.node.limits import DEFAULT_PER_PAGE, MAX_PER_PAGE

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
_INTEGER = re.compile(r"-?[0-9]+", re.ASCII)


class _Parse(Protocol[T_co]):
    def __call__(self, value: object, *, what: str) -> T_co: ...


class BadRequest(RuleBroken):
    """A request is refused; the message is for whoever made it."""


class WrongParameter(BadRequest):
    """A parameter is not of the form it must have."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """A request's parameters by name; ``from_uri`` says in which form they are."""

    values: Mapping[str, object]
    from_uri: bool = False

    def _get(self, name: str) -> object:
        """Return a value as JSON has it; None if it is not given, or of a URI empty."""
        value = self.values.get(name)
        if not self.from_uri or value is None:
            return value
        raw = self._checked(text, value, name)
        if not raw:
            return None
        return raw if _INTEGER.fullmatch(raw) else self._json(raw, name)

    @staticmethod
    def _json(value: str, name: str) -> object:
        try:
            return json.loads(value)
        except (ValueError, RecursionError) as error:
            raise WrongParameter(f"{name} is not JSON: {value[:50]!r}") from error

    def value(self, name: str) -> object:
        """Return a JSON value."""
        return self._get(name)

    def string(self, name: str, otherwise: str = "") -> str:
        """Return a text."""
        if self.from_uri and self._is_hex(name):
            try:
                return self._hex_of_uri(name).decode()
            except UnicodeDecodeError as error:
                raise WrongParameter(f"{name} is not text") from error
        value = self._get(name)
        return otherwise if value is None else self._checked(text, value, name)

    def number(self, name: str) -> int | None:
        """Return an integer, or None if it is not given (or given as 0 in words: "")."""
        if self.from_uri and self._is_hex(name):
            raise WrongParameter(f"{name}: got a hex string arg, but expected a number")
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
        raise WrongParameter(f"{name} must be true or false")

    def data(self, name: str) -> bytes:
        """Return bytes that JSON gives in base64."""
        if self.from_uri:
            return self._uri_bytes(name)
        value = self.values.get(name)
        return b"" if value is None else self._checked(from_base64, value, name)

    def hex_data(self, name: str) -> bytes:
        """Return bytes that JSON gives in hex (``abci_query``'s data)."""
        if self.from_uri:
            return self._uri_bytes(name)
        value = self.values.get(name)
        return b"" if value is None else self._checked(from_hex, value, name)

    def hash(self, name: str) -> bytes:
        """Return a hash: base64 as CometBFT's clients send it, or 64 hex digits."""
        value = self.values.get(name)
        if isinstance(value, str) and not self.from_uri and len(value) == 64:
            return self._checked(from_hex, value, name)
        return self.data(name)

    def page(self) -> tuple[int, int]:
        """Return (page from 1, items a page)."""
        per_page = self.number("per_page")
        size = DEFAULT_PER_PAGE if per_page is None or per_page < 1 else per_page
        page = self.number("page")
        return (1 if page is None else page), min(size, MAX_PER_PAGE)

    def strings(self, name: str) -> tuple[str, ...]:
        """Return a list of texts."""
        value = self._get(name)
        if value is None:
            return ()
        if not isinstance(value, list):
            raise WrongParameter(f"{name} must be a list")
        return tuple(self._checked(text, item, name) for item in value)

    def _is_hex(self, name: str) -> bool:
        value = self.values.get(name)
        return isinstance(value, str) and value[:2].lower() == "0x"

    def _hex_of_uri(self, name: str) -> bytes:
        return self._checked(from_hex, str(self.values[name])[2:], name)

    def _uri_bytes(self, name: str) -> bytes:
        raw = self.values.get(name)
        if raw is None or raw == "":
            return b""
        if self._is_hex(name):
            return self._hex_of_uri(name)
        if isinstance(raw, str) and raw.startswith('"') and raw.endswith('"'):
            return self.string(name).encode()
        raise WrongParameter(f'{name} must be 0x and hex digits, or a "quoted" text')

    @staticmethod
    def _checked(parse: "_Parse[T]", value: object, name: str) -> T:
        try:
            return parse(value, what=name)
        except MalformedMessage as error:
            raise WrongParameter(str(error)) from error


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
    if not isinstance(values, list):
        raise WrongParameter("unknown type for JSON params: expected map or array")
    if values and len(values) != len(names):
        raise WrongParameter(
            f"expected {len(names)} parameters ([{' '.join(names)}]), got {len(values)}"
        )
    return dict(zip(names, values, strict=False))
