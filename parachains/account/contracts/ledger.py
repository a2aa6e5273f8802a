"""ICS-20's ledger: the chain's coin in accounts, all else as ERC-20 tokens.

An escrow is an account of its own for each channel, which no key has; so what one channel owes
cannot be taken through another.
"""

from chainkit.formats.ethereum.types import ZERO_ADDRESS
from chainkit.primitives.amounts import Coin
from chainkit.primitives.types import Address, Denom
from chainkit.runtime.addresses import module_address
from chainkit.runtime.context import Context
from parachains.account.addresses import (
    FACTORY_ADDRESS,
    HASH_LOCK_ADDRESS,
    IBC_ADDRESS,
    VOUCHER_DENOM_PREFIX,
    token_of_denom,
    voucher_address,
)
from parachains.account.contracts import erc20
from parachains.account.contracts.machine import GAS_CALL_VALUE, revert, touch_account
from parachains.account.limits import MAX_TOKEN_NAME_BYTES, MAX_TOKEN_SYMBOL_BYTES
from parachains.account.world import world_of

_BLOCKED = frozenset(
    {
        ZERO_ADDRESS,
        IBC_ADDRESS,
        FACTORY_ADDRESS,
        HASH_LOCK_ADDRESS,
        *(module_address(name) for name in ("transfer", "gov", "mint")),
    }
)


def _shortened(text: str, max_bytes: int) -> str:
    return text.encode()[:max_bytes].decode(errors="ignore")


class AccountLedger:
    """Balances in the world of a context; it fits ``ibc.ics20_transfer.port.TokenLedger``."""

    def __init__(self, native: Denom) -> None:
        self.native = native

    def module_address(self, module: str) -> Address:
        """Return the address of a module's own account."""
        return module_address(module)

    def is_blocked(self, address: Address) -> bool:
        """Return whether nobody may be paid at ``address``: contracts and modules."""
        return address in _BLOCKED

    def _token(self, ctx: Context, denom: Denom) -> Address:
        """Return the token of a denomination, for the price of looking.

        Raises:
            Reverted: There is no such token.
        """
        token = token_of_denom(denom)
        if token is None:
            raise revert(f"no token {denom}")
        touch_account(ctx, token)
        if not erc20.is_token(ctx, token):
            raise revert(f"no token {denom}")
        return token

    def send(self, ctx: Context, sender: Address, receiver: Address, coin: Coin) -> None:
        """Move coins or tokens.

        Raises:
            InsufficientBalance: The sender has less of the coin.
            Reverted: There is no such token, or the sender has less of it.
        """
        if coin.denom != self.native:
            erc20.move(ctx, self._token(ctx, coin.denom), sender, receiver, coin.amount)
            return
        ctx.gas.consume(GAS_CALL_VALUE, "pay")
        touch_account(ctx, receiver)
        world_of(ctx).move(sender, receiver, coin.amount)

    def mint(self, ctx: Context, module: str, coin: Coin) -> None:
        """Make vouchers in a module's account; nothing else can be made so.

        Raises:
            Reverted: The denomination is no voucher of this chain.
        """
        if not coin.denom.startswith(VOUCHER_DENOM_PREFIX):
            raise revert(f"{coin.denom} is no voucher")
        erc20.mint(ctx, self._token(ctx, coin.denom), module_address(module), coin.amount)

    def burn(self, ctx: Context, module: str, coin: Coin) -> None:
        """Destroy vouchers of a module's account.

        Raises:
            Reverted: The denomination is no voucher, or the module has less.
        """
        if not coin.denom.startswith(VOUCHER_DENOM_PREFIX):
            raise revert(f"{coin.denom} is no voucher")
        erc20.burn(ctx, self._token(ctx, coin.denom), module_address(module), coin.amount)

    def balance(self, ctx: Context, address: Address, denom: Denom) -> int:
        """Return what an account holds; 0 of what there is not."""
        if denom == self.native:
            return world_of(ctx).balance(address)
        token = token_of_denom(denom)
        if token is None or not erc20.is_token(ctx, token):
            return 0
        return erc20.balance_of(ctx, token, address)

    def supply(self, ctx: Context, denom: Denom) -> int:
        """Return how much of a token there is; the coin's supply is genesis less what was burnt."""
        token = token_of_denom(denom)
        if token is None or not erc20.is_token(ctx, token):
            return 0
        return erc20.total_supply(ctx, token)

    def set_denom_metadata(self, ctx: Context, denom: Denom, base: str, display_path: str) -> None:
        """Make the voucher's token: its name is the path, its symbol the base denomination."""
        token = voucher_address(denom)
        if not erc20.is_token(ctx, token):
            erc20.deploy(
                ctx,
                token,
                name=_shortened(display_path, MAX_TOKEN_NAME_BYTES),
                symbol=_shortened(base, MAX_TOKEN_SYMBOL_BYTES),
                decimals=0,
                owner=ZERO_ADDRESS,
            )
