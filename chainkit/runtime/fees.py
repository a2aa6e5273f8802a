"""The least fee that a node asks for, as ``minimum-gas-prices`` of the SDK's app.toml."""

import re
from dataclasses import dataclass

from chainkit.primitives.amounts import Coin, parse_denom
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.types import Denom
from chainkit.runtime.errors import InsufficientFee

ATTO = 10**18
_PRICE = re.compile(r"(\d{1,40})(?:\.(\d{1,18}))?([a-zA-Z][a-zA-Z0-9/:._-]{2,127})", re.ASCII)


@dataclass(frozen=True, slots=True)
class GasPrice:
    """A price of one unit of gas, in 10**-18 of ``denom``'s base unit."""

    denom: Denom
    atto: int

    def fee_of(self, gas: int) -> int:
        """Return what so much gas costs, rounded up, in the base unit."""
        return -(-self.atto * gas // ATTO)

    def __str__(self) -> str:
        whole, part = divmod(self.atto, ATTO)
        fraction = f".{part:018d}".rstrip("0") if part else ""
        return f"{whole}{fraction}{self.denom}"


def parse_gas_prices(text: str) -> tuple[GasPrice, ...]:
    """Return prices written as ``0.025stake,1other``; an empty text is none.

    Raises:
        MalformedMessage: Another form.
    """
    prices = []
    for part in text.split(",") if text else ():
        match = _PRICE.fullmatch(part)
        if match is None:
            raise MalformedMessage(f"not a gas price: {part[:100]!r}")
        atto = int(match[1]) * ATTO + int((match[2] or "").ljust(18, "0"))
        prices.append(GasPrice(parse_denom(match[3]), atto))
    return tuple(prices)


def require_minimum_fee(
    prices: tuple[GasPrice, ...], fee: tuple[Coin, ...], gas_limit: int
) -> None:
    """Check that some coin of ``fee`` pays the node's price for ``gas_limit``.

    Raises:
        InsufficientFee: None does, and the price is not zero.
    """
    needed = {price.denom: price.fee_of(gas_limit) for price in prices}
    if not any(needed.values()):
        return
    paid = {coin.denom: coin.amount for coin in fee}
    if not any(denom in paid and paid[denom] >= least for denom, least in needed.items()):
        required = ",".join(f"{least}{denom}" for denom, least in needed.items())
        got = ",".join(map(str, fee))
        raise InsufficientFee(f"insufficient fees; got: {got} required: {required}")
