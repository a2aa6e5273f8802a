"""Reading one table of a settings file: each key once, and none that nobody knows."""

import re
from collections.abc import Callable, Mapping

from chainkit.primitives.errors import RuleBroken
from chainkit.primitives.types import DurationNs

_UNITS_NS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_DURATION_PART = re.compile(r"(\d{1,12})(?:\.(\d{1,9}))?(ns|us|µs|ms|s|m|h)")
_DURATION = re.compile(rf"0|(?:{_DURATION_PART.pattern})+")
_IGNORED_SECTIONS = frozenset(
    {"blocksync", "storage", "tx_index", "instrumentation", "log_level", "log_format"}
    | {"genesis_file", "priv_validator_key_file", "priv_validator_state_file", "node_key_file"}
    | {"abci", "proxy_app", "db_backend", "db_dir", "filter_peers"}
    | {"mode", "version", "block_sync", "pprof_laddr"}
)
_IGNORED: Mapping[str, frozenset[str]] = {
    "": _IGNORED_SECTIONS,
    "mempool": frozenset({"version", "type"}),
    "statesync": frozenset(
        {"discovery_time", "temp_dir", "chunk_request_timeout", "chunk_fetchers"}
    ),
}
"""Keys of CometBFT that mean nothing here, by section."""


class BadSetting(RuleBroken):
    """A setting is not of the form it must have; the message names its path."""

    def __init__(self, *, path: str, expected: str) -> None:
        super().__init__(f"config: {path}: expected {expected}")
        self.path = path
        self.expected = expected


def parse_duration(value: str) -> DurationNs:
    """Return the nanoseconds of a Go duration such as ``"1m30s"`` or ``"1.5s"``.

    Raises:
        ValueError: Not such a text.
    """
    if _DURATION.fullmatch(value) is None:
        raise ValueError(value)
    total = 0
    for whole, fraction, unit in _DURATION_PART.findall(value):
        scale = _UNITS_NS[unit]
        total += int(whole) * scale
        if fraction:
            total += int(fraction) * scale // 10 ** len(fraction)
    return DurationNs(total)


def format_duration(duration: DurationNs) -> str:
    """Return a duration in whole milliseconds, or nanoseconds if it is none."""
    return f"{duration // 1_000_000}ms" if duration % 1_000_000 == 0 else f"{duration}ns"


class Section:
    """The reader of one TOML table; mutable: it notes which keys were read."""

    def __init__(self, name: str, values: Mapping[str, object]) -> None:
        self._name = name
        self._values = values
        self._read: set[str] = set()

    def _get(self, key: str) -> object:
        self._read.add(key)
        return self._values.get(key)

    def bad(self, key: str, expected: str) -> BadSetting:
        """Return the refusal of a key's value."""
        return BadSetting(path=f"{self._name}.{key}".lstrip("."), expected=expected)

    def string(self, key: str, otherwise: str) -> str:
        """Return a text."""
        value = self._get(key)
        if value is None:
            return otherwise
        if not isinstance(value, str):
            raise self.bad(key, "a string")
        return value

    def parsed(
        self, key: str, otherwise: object, parse: Callable[[str], object], expected: str
    ) -> object:
        """Return what a text means, by a reader that raises ``ValueError`` for others."""
        value = self._get(key)
        if value is None:
            return otherwise
        if not isinstance(value, str):
            raise self.bad(key, expected)
        try:
            return parse(value)
        except ValueError as error:
            raise self.bad(key, expected) from error

    def duration(self, key: str, otherwise: DurationNs) -> DurationNs:
        """Return a Go duration."""
        value = self.parsed(key, otherwise, parse_duration, 'a duration like "500ms" or "3s"')
        assert isinstance(value, int)
        return DurationNs(value)

    def number(self, key: str, otherwise: int) -> int:
        """Return a whole number from 0."""
        value = self._get(key)
        if value is None:
            return otherwise
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
            raise self.bad(key, "a whole number from 0")
        return value

    def flag(self, key: str, otherwise: bool) -> bool:
        """Return true or false."""
        value = self._get(key)
        if value is None:
            return otherwise
        if not isinstance(value, bool):
            raise self.bad(key, "true or false")
        return value

    def section(self, key: str) -> "Section":
        """Return a table within."""
        value = self._get(key)
        if value is None:
            return Section(key, {})
        if not isinstance(value, dict):
            raise self.bad(key, "a table")
        return Section(key, value)

    def finish(self) -> None:
        """Refuse keys that nobody read."""
        for key in self._values:
            if key not in self._read and key not in _IGNORED.get(self._name, ()):
                raise self.bad(key, f"one of {', '.join(sorted(self._read))}")
