"""What people type: amounts, durations and JSON, each refused with what was expected."""

import json
import re
from pathlib import Path

import click

from chainkit.primitives.amounts import Coin, parse_coin, parse_coins
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.timestamps import NS_PER_SECOND

_DURATION = re.compile(r"(\d{1,9})(s|m|h)", re.ASCII)
_GAS_PRICE = re.compile(r"(\d{1,9})(?:\.(\d{1,6}))?", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600}


class CoinType(click.ParamType[Coin]):
    """An amount and its denomination, as 10uisth."""

    name = "coin"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Coin:
        """Return the coin."""
        try:
            coin = value if isinstance(value, Coin) else parse_coin(str(value))
        except MalformedMessage:
            self.fail(
                f"expected an amount and a denomination, as 10uisth; got {value!r}", param, ctx
            )
        if not coin.amount:
            self.fail("expected an amount above 0", param, ctx)
        return coin


class CoinsType(click.ParamType[tuple[Coin, ...]]):
    """Coins with commas between them."""

    name = "coins"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[Coin, ...]:
        """Return the coins, sorted by denomination."""
        if isinstance(value, tuple):
            return value
        try:
            coins = parse_coins(str(value))
        except MalformedMessage:
            coins = ()
        if not coins:
            self.fail(f"expected coins, as 10uisth,5utoka; got {value!r}", param, ctx)
        return coins


class DurationType(click.ParamType[int]):
    """A time in whole seconds, minutes or hours."""

    name = "duration"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return nanoseconds."""
        if isinstance(value, int):
            return value
        match = _DURATION.fullmatch(str(value))
        if match is None or not int(match[1]):
            self.fail(f"expected a duration above 0, as 30s, 10m or 1h; got {value!r}", param, ctx)
        return int(match[1]) * _SECONDS[match[2]] * NS_PER_SECOND


class Hex32(click.ParamType[bytes]):
    """32 bytes: a hash or a preimage."""

    name = "hex"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> bytes:
        """Return the bytes."""
        if isinstance(value, bytes):
            return value
        try:
            data = bytes.fromhex(str(value).removeprefix("0x"))
        except ValueError:
            data = b""
        if len(data) != 32:
            self.fail(f"expected 64 hex digits, got {str(value)[:80]!r}", param, ctx)
        return data


class GasPriceType(click.ParamType[int]):
    """What a unit of gas costs, in base units with at most six decimals."""

    name = "price"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return millionths of a base unit."""
        if isinstance(value, int):
            return value
        match = _GAS_PRICE.fullmatch(str(value))
        if match is None:
            self.fail(f"expected base units a unit of gas, as 0.025; got {value!r}", param, ctx)
        return int(match[1]) * 10**6 + int((match[2] or "").ljust(6, "0"))


class JsonObject(click.ParamType[dict[str, object]]):
    """A JSON object, or ``@FILE`` with one."""

    name = "json"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, object]:
        """Return the object."""
        if isinstance(value, dict):
            return value
        text = str(value)
        try:
            if text.startswith("@"):
                text = Path(text[1:]).read_text(encoding="utf-8")
            found = json.loads(text)
        except (OSError, ValueError, RecursionError) as error:
            self.fail(f"expected a JSON object or @FILE: {error}", param, ctx)
        if not isinstance(found, dict):
            self.fail("expected a JSON object", param, ctx)
        return found
