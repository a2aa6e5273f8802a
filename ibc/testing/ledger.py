"""A token ledger in a store of its own; it fits the port ``TokenLedger``."""

from chainkit.primitives.amounts import Coin
from chainkit.primitives.hashing import sha256_truncated
from chainkit.primitives.types import Address, Denom
from chainkit.runtime.context import Context
from chainkit.runtime.errors import InsufficientFunds
from chainkit.runtime.events import Event

STORE_NAME = "test_ledger"
_SUPPLY = b"supply/"


class TestLedger:
    """Balances as decimals; modules' accounts take nothing from users."""

    __test__ = False

    def module_address(self, module: str) -> Address:
        """Return the SDK's address of a module."""
        return sha256_truncated(module.encode())

    def send(self, ctx: Context, sender: Address, receiver: Address, coin: Coin) -> None:
        """Move tokens."""
        self._change(ctx, _key(sender, coin.denom), -coin.amount)
        self._change(ctx, _key(receiver, coin.denom), coin.amount)
        ctx.emit(Event("transfer", (("amount", str(coin)),)))

    def mint(self, ctx: Context, module: str, coin: Coin) -> None:
        """Make tokens."""
        self._change(ctx, _key(self.module_address(module), coin.denom), coin.amount)
        self._change(ctx, _SUPPLY + coin.denom.encode(), coin.amount)

    def burn(self, ctx: Context, module: str, coin: Coin) -> None:
        """Destroy tokens."""
        self._change(ctx, _key(self.module_address(module), coin.denom), -coin.amount)
        self._change(ctx, _SUPPLY + coin.denom.encode(), -coin.amount)

    def balance(self, ctx: Context, address: Address, denom: Denom) -> int:
        """Return a balance."""
        return _read(ctx, _key(address, denom))

    def supply(self, ctx: Context, denom: Denom) -> int:
        """Return how much exists."""
        return _read(ctx, _SUPPLY + denom.encode())

    def is_blocked(self, address: Address) -> bool:
        """Return whether it is a module's account."""
        return address in {self.module_address(name) for name in ("gov", "transfer")}

    def set_denom_metadata(self, ctx: Context, denom: Denom, base: str, display_path: str) -> None:
        """Keep nothing: readers of tests look at the trace."""

    def _change(self, ctx: Context, key: bytes, difference: int) -> None:
        value = _read(ctx, key) + difference
        if value < 0:
            raise InsufficientFunds(f"{-value} short")
        store = ctx.store(STORE_NAME)
        if value:
            store.set(key, str(value).encode())
        else:
            store.delete(key)


def _key(address: Address, denom: Denom) -> bytes:
    return b"balance/" + address + denom.encode()


def _read(ctx: Context, key: bytes) -> int:
    value = ctx.store(STORE_NAME).get(key)
    return 0 if value is None else int(value)
