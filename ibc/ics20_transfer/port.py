"""The port of a token ledger: what ICS-20 asks of the chain that keeps the balances."""

from typing import Protocol

from chainkit.primitives.amounts import Coin
from chainkit.primitives.types import Address, Denom
from chainkit.runtime.context import Context


class TokenLedger(Protocol):
    """Balances of this chain; ``chainkit.modules.bank`` fits it.

    Amounts are whole base units, above 0. A refusal is a ``RuleBroken`` that has changed
    nothing.
    """

    def module_address(self, module: str) -> Address:
        """Return the address of a module's own account."""
        ...

    def send(self, ctx: Context, sender: Address, receiver: Address, coin: Coin) -> None:
        """Move tokens between accounts, also those of modules and escrows."""
        ...

    def mint(self, ctx: Context, module: str, coin: Coin) -> None:
        """Make tokens in the account of ``module``."""
        ...

    def burn(self, ctx: Context, module: str, coin: Coin) -> None:
        """Destroy tokens of the account of ``module``."""
        ...

    def balance(self, ctx: Context, address: Address, denom: Denom) -> int:
        """Return what an account holds."""
        ...

    def supply(self, ctx: Context, denom: Denom) -> int:
        """Return how much of a token exists on this chain."""
        ...

    def is_blocked(self, address: Address) -> bool:
        """Return whether users' tokens must not be sent to ``address`` (module accounts)."""
        ...

    def set_denom_metadata(self, ctx: Context, denom: Denom, base: str, display_path: str) -> None:
        """Note for readers that ``denom`` is the voucher of ``base`` that came by a path."""
        ...
