"""Amounts of tokens: a denomination and an unsigned integer of at most 256 bits."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.types import Denom

MAX_AMOUNT = 2**256 - 1
"""Cosmos SDK ``math.Int``: 256 bits; ICS-20 uses the same bound."""

_DENOM = re.compile(r"[a-zA-Z][a-zA-Z0-9/:._-]{2,127}", re.ASCII)
_AMOUNT = re.compile(r"0|[1-9]\d{0,77}", re.ASCII)
_COIN = re.compile(r"(\d{1,78})([a-zA-Z][a-zA-Z0-9/:._-]{2,127})", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Coin:
    """An amount of one denomination, in its base unit."""

    denom: Denom
    amount: int

    def __str__(self) -> str:
        return f"{self.amount}{self.denom}"


def parse_denom(text: str) -> Denom:
    """Return ``text`` as a denomination (Cosmos SDK ``ValidateDenom``).

    Raises:
        MalformedMessage: Not 3 to 128 of its characters.
    """
    if _DENOM.fullmatch(text) is None:
        raise MalformedMessage(f"not a denomination: {text[:140]!r}")
    return Denom(text)


def parse_amount(text: str) -> int:
    """Return the unsigned decimal integer that ``text`` writes in its only form.

    Raises:
        MalformedMessage: A sign, a leading zero, another character, or over 256 bits.
    """
    if _AMOUNT.fullmatch(text) is None:
        raise MalformedMessage(f"not an amount: {text[:80]!r}")
    amount = int(text)
    if amount > MAX_AMOUNT:
        raise MalformedMessage("amount is over 256 bits")
    return amount


def parse_coin(text: str) -> Coin:
    """Return the coin written ``<amount><denom>``, as in ``10stake``.

    Raises:
        MalformedMessage: Another form.
    """
    match = _COIN.fullmatch(text)
    if match is None:
        raise MalformedMessage(f"not a coin: {text[:220]!r}")
    return Coin(parse_denom(match[2]), parse_amount(match[1].lstrip("0") or "0"))


def parse_coins(text: str) -> tuple[Coin, ...]:
    """Return comma-separated coins, sorted by denomination; an empty text is no coins.

    Raises:
        MalformedMessage: A part is not a coin, is zero, or repeats a denomination.
    """
    return normalize_coins([parse_coin(part) for part in text.split(",")]) if text else ()


def format_coins(coins: Iterable[Coin]) -> str:
    """Return coins as the SDK prints them in events: comma-separated."""
    return ",".join(str(coin) for coin in coins)


def normalize_coins(coins: Iterable[Coin]) -> tuple[Coin, ...]:
    """Return the coins sorted by denomination.

    Raises:
        MalformedMessage: An amount that is not positive, or a denomination twice.
    """
    ordered = tuple(sorted(coins))
    if any(not 0 < coin.amount <= MAX_AMOUNT for coin in ordered):
        raise MalformedMessage("a coin's amount is not positive")
    if len({coin.denom for coin in ordered}) != len(ordered):
        raise MalformedMessage("a denomination is listed twice")
    return ordered
