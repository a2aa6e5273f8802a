"""Balances and supply (Cosmos SDK x/bank; store ``bank``).

Invariant: the supply of a denomination is the sum of its balances. Only :meth:`BankModule.mint`
and :meth:`BankModule.burn` change it, and both move the balance with it.
"""

from collections.abc import Callable, Iterator, Mapping

from chainkit.modules.auth import AuthModule
from chainkit.modules.bank_codec import (
    BankQueries,
    DenomMetadata,
    Send,
    decode_metadata,
    encode_metadata,
    send_route,
)
from chainkit.modules.genesis import coins as coins_of
from chainkit.modules.genesis import list_of_mappings, text
from chainkit.primitives.amounts import MAX_AMOUNT, Coin, format_coins
from chainkit.primitives.types import Address, Denom
from chainkit.runtime.addresses import format_address, module_address, parse_address
from chainkit.runtime.context import Context
from chainkit.runtime.errors import InsufficientFunds, InvalidCoins, InvalidRequest, Unauthorized
from chainkit.runtime.events import Event
from chainkit.runtime.messages import MessageRoute, QueryRoute
from chainkit.runtime.module import BaseModule, ValidatorUpdate
from chainkit.runtime.store import prefix_end

STORE = "bank"
SUPPLY_PREFIX = b"\x00"
METADATA_PREFIX = b"\x01"
BALANCE_PREFIX = b"\x02"


MoveWatcher = Callable[[Context, Address, Address, Coin], None]
"""Hears of a move from an account to another after it was made; may refuse it."""


def balance_key(address: Address, denom: str = "") -> bytes:
    """Return the key of a balance; without ``denom`` the prefix of an account's balances."""
    return BALANCE_PREFIX + bytes([len(address)]) + address + denom.encode()


class BankModule(BaseModule):
    """Tokens of a chain; fits the ledgers that fees, ICS-20 and staking need."""

    name = "bank"
    store_names = (STORE,)

    def __init__(self, auth: AuthModule, *, module_accounts: tuple[str, ...] = ()) -> None:
        """``module_accounts`` are those that users must not send to."""
        self._auth = auth
        self._prefix = auth.address_prefix
        self._modules = {module_address(name): name for name in module_accounts}
        self._watchers: tuple[MoveWatcher, ...] = ()

    def watch(self, watcher: MoveWatcher) -> None:
        """Let somebody hear of every move between accounts; part of the composition."""
        self._watchers = (*self._watchers, watcher)

    def ensure_module_account(self, ctx: Context, module: str) -> None:
        """Give a module its account before it has received anything, so that queries find it."""
        self._auth.ensure_module(ctx, module)

    def module_address(self, module: str) -> Address:
        """Return the account of a module."""
        return module_address(module)

    def is_blocked(self, address: Address) -> bool:
        """Return whether users' tokens must not be sent to ``address``."""
        return address in self._modules

    def balance(self, ctx: Context, address: Address, denom: Denom) -> int:
        """Return what an account holds of ``denom``, in its base unit."""
        value = ctx.store(STORE).get(balance_key(address, denom))
        return 0 if value is None else int(value)

    def balances(self, ctx: Context, address: Address) -> tuple[Coin, ...]:
        """Return all that an account holds, by denomination."""
        prefix = balance_key(address)
        pairs = ctx.store(STORE).iterate(prefix, prefix_end(prefix))
        return tuple(Coin(Denom(key[len(prefix) :].decode()), int(value)) for key, value in pairs)

    def holders(self, ctx: Context) -> Iterator[tuple[Address, Coin]]:
        """Yield every balance of every account, by address and denomination."""
        pairs = ctx.store(STORE).iterate(BALANCE_PREFIX, prefix_end(BALANCE_PREFIX))
        for key, value in pairs:
            end = 2 + key[1]
            yield Address(key[2:end]), Coin(Denom(key[end:].decode()), int(value))

    def supply(self, ctx: Context, denom: Denom) -> int:
        """Return how much of ``denom`` exists."""
        value = ctx.store(STORE).get(SUPPLY_PREFIX + denom.encode())
        return 0 if value is None else int(value)

    def total_supply(self, ctx: Context) -> tuple[Coin, ...]:
        """Return the supply of every denomination."""
        pairs = ctx.store(STORE).iterate(SUPPLY_PREFIX, prefix_end(SUPPLY_PREFIX))
        return tuple(Coin(Denom(key[1:].decode()), int(value)) for key, value in pairs)

    def send(self, ctx: Context, sender: Address, receiver: Address, coin: Coin) -> None:
        """Move tokens between any two accounts; the receiver's is made if there is none.

        Raises:
            InvalidCoins: The amount is not positive.
            InsufficientFunds: The sender holds less.
        """
        self.send_coins(ctx, sender, receiver, (coin,))

    def send_coins(
        self, ctx: Context, sender: Address, receiver: Address, coins: tuple[Coin, ...]
    ) -> None:
        """Move several tokens at once, all or none; see :meth:`send`."""
        with ctx.savepoint():
            for coin in coins:
                self._subtract(ctx, sender, coin)
            amount = format_coins(coins)
            source = format_address(self._prefix, sender)
            self._emit(ctx, "coin_spent", spender=source, amount=amount)
            for coin in coins:
                self._add(ctx, receiver, coin)
            target = format_address(self._prefix, receiver)
            self._emit(ctx, "coin_received", receiver=target, amount=amount)
            self._auth.ensure(ctx, receiver, module_name=self._modules.get(receiver, ""))
            self._emit(ctx, "transfer", recipient=target, sender=source, amount=amount)
            self._emit(ctx, "message", sender=source)
            for watcher in self._watchers:
                for coin in coins:
                    watcher(ctx, sender, receiver, coin)

    def mint(self, ctx: Context, module: str, coin: Coin) -> None:
        """Make tokens in the account of ``module``.

        Raises:
            InvalidCoins: The amount is not positive, or the supply would pass 256 bits.
        """
        supply = self.supply(ctx, coin.denom) + coin.amount
        if supply > MAX_AMOUNT:
            raise InvalidCoins(f"supply of {coin.denom} would pass 256 bits")
        account = self._auth.ensure_module(ctx, module)
        self._add(ctx, account.address, coin)
        self._set_supply(ctx, coin.denom, supply)
        address = format_address(self._prefix, account.address)
        self._emit(ctx, "coin_received", receiver=address, amount=str(coin))
        self._emit(ctx, "coinbase", minter=address, amount=str(coin))

    def burn(self, ctx: Context, module: str, coin: Coin) -> None:
        """Destroy tokens of the account of ``module``.

        Raises:
            InvalidCoins: The amount is not positive.
            InsufficientFunds: The module holds less.
        """
        holder = module_address(module)
        self._subtract(ctx, holder, coin)
        self._set_supply(ctx, coin.denom, self.supply(ctx, coin.denom) - coin.amount)
        address = format_address(self._prefix, holder)
        self._emit(ctx, "coin_spent", spender=address, amount=str(coin))
        self._emit(ctx, "burn", burner=address, amount=str(coin))

    def set_denom_metadata(self, ctx: Context, denom: Denom, base: str, display_path: str) -> None:
        """Note for readers that ``denom`` is the voucher of ``base`` that came by a path."""
        metadata = DenomMetadata(denom, base, display_path)
        ctx.store(STORE).set(METADATA_PREFIX + denom.encode(), encode_metadata(metadata))

    def denom_metadata(self, ctx: Context, denom: str) -> DenomMetadata | None:
        """Return what is noted of ``denom``."""
        value = ctx.store(STORE).get(METADATA_PREFIX + denom.encode())
        return None if value is None else decode_metadata(value)

    def all_metadata(self, ctx: Context) -> list[tuple[bytes, DenomMetadata]]:
        """Return what is noted of every denomination."""
        pairs = ctx.store(STORE).iterate(METADATA_PREFIX, prefix_end(METADATA_PREFIX))
        return [(key[1:], decode_metadata(value)) for key, value in pairs]

    def message_routes(self) -> tuple[MessageRoute[Send], ...]:
        """Return the route of ``MsgSend``."""
        return (send_route(self._prefix, self._handle_send),)

    def query_routes(self) -> tuple[QueryRoute, ...]:
        """Return the queries of ``cosmos.bank.v1beta1.Query``."""
        return BankQueries(self._prefix, self).routes()

    def init_genesis(
        self, ctx: Context, state: Mapping[str, object]
    ) -> tuple[ValidatorUpdate, ...]:
        """Fill the accounts in ``balances``, each an ``address`` and ``coins``."""
        supply: dict[Denom, int] = {}
        for entry in list_of_mappings(state, "balances"):
            address = parse_address(self._prefix, text(entry, "address"))
            self._auth.ensure(ctx, address, module_name=self._modules.get(address, ""))
            for coin in coins_of(entry, "coins"):
                self._add(ctx, address, coin)
                supply[coin.denom] = supply.get(coin.denom, 0) + coin.amount
        for denom, amount in sorted(supply.items()):
            if amount > MAX_AMOUNT:
                raise InvalidCoins(f"supply of {denom} would pass 256 bits")
            self._set_supply(ctx, denom, amount)
        declared = coins_of(state, "supply")
        if declared and declared != self.total_supply(ctx):
            raise InvalidRequest("genesis: supply is not the sum of the balances")
        return ()

    def _handle_send(self, ctx: Context, message: Send) -> None:
        if self.is_blocked(message.receiver):
            text_ = format_address(self._prefix, message.receiver)
            raise Unauthorized(f"{text_} is not allowed to receive funds")
        self.send_coins(ctx, message.sender, message.receiver, message.coins)

    def _add(self, ctx: Context, address: Address, coin: Coin) -> None:
        if coin.amount <= 0:
            raise InvalidCoins(str(coin))
        balance = self.balance(ctx, address, coin.denom) + coin.amount
        ctx.store(STORE).set(balance_key(address, coin.denom), str(balance).encode())

    def _subtract(self, ctx: Context, address: Address, coin: Coin) -> None:
        if coin.amount <= 0:
            raise InvalidCoins(str(coin))
        held = self.balance(ctx, address, coin.denom)
        if held < coin.amount:
            raise InsufficientFunds(f"spendable balance {held}{coin.denom} is smaller than {coin}")
        key = balance_key(address, coin.denom)
        if held == coin.amount:
            ctx.store(STORE).delete(key)
        else:
            ctx.store(STORE).set(key, str(held - coin.amount).encode())

    def _set_supply(self, ctx: Context, denom: Denom, amount: int) -> None:
        assert amount >= 0
        key = SUPPLY_PREFIX + denom.encode()
        if amount:
            ctx.store(STORE).set(key, str(amount).encode())
        else:
            ctx.store(STORE).delete(key)

    @staticmethod
    def _emit(ctx: Context, kind: str, **attributes: str) -> None:
        ctx.emit(Event(kind, tuple(attributes.items())))
