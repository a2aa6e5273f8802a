"""Readers of a module's part of the genesis state: JSON values to checked ones."""

from collections.abc import Mapping
from typing import cast

from chainkit.primitives.amounts import Coin, normalize_coins, parse_amount, parse_denom
from chainkit.primitives.errors import MalformedMessage


def list_of_mappings(state: Mapping[str, object], key: str) -> list[Mapping[str, object]]:
    """Return the list of objects at ``key``, empty if it is absent."""
    value = state.get(key, [])
    if not isinstance(value, list | tuple) or not all(isinstance(e, Mapping) for e in value):
        raise MalformedMessage(f"genesis: {key} is not a list of objects")
    return cast("list[Mapping[str, object]]", list(value))


def mapping(state: Mapping[str, object], key: str) -> Mapping[str, object]:
    """Return the object at ``key``, empty if it is absent."""
    value = state.get(key, {})
    if not isinstance(value, Mapping):
        raise MalformedMessage(f"genesis: {key} is not an object")
    return cast("Mapping[str, object]", value)


def text(state: Mapping[str, object], key: str, default: str | None = None) -> str:
    """Return the text at ``key``."""
    value = state.get(key, default)
    if not isinstance(value, str):
        raise MalformedMessage(f"genesis: {key} is not a text")
    return value


def integer(state: Mapping[str, object], key: str, default: int | None = None) -> int:
    """Return the unsigned integer at ``key``: a number, or a text as protobuf's JSON writes it."""
    value = state.get(key, default)
    if isinstance(value, str):
        return parse_amount(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise MalformedMessage(f"genesis: {key} is not an unsigned integer")
    return value


def seconds(state: Mapping[str, object], key: str, default: int) -> int:
    """Return the duration at ``key``, written as the SDK writes it: ``60s``."""
    written = text(state, key, f"{default}s")
    if not written.endswith("s"):
        raise MalformedMessage(f"genesis: {key} is not of the form 60s")
    return parse_amount(written[:-1])


def coins(state: Mapping[str, object], key: str) -> tuple[Coin, ...]:
    """Return the coins at ``key``, each ``{"denom": .., "amount": ".."}``."""
    return normalize_coins(
        Coin(parse_denom(text(entry, "denom")), parse_amount(text(entry, "amount")))
        for entry in list_of_mappings(state, key)
    )
