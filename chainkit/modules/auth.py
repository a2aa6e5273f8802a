"""Accounts: who may sign, with which key and sequence (Cosmos SDK x/auth; store ``acc``)."""

from collections.abc import Mapping

from chainkit.modules.auth_codec import AuthQueries, decode_account, encode_account
from chainkit.modules.genesis import list_of_mappings, text
from chainkit.primitives.types import Address
from chainkit.runtime.addresses import module_address, parse_address
from chainkit.runtime.ante import Account
from chainkit.runtime.context import Context
from chainkit.runtime.messages import QueryRoute
from chainkit.runtime.module import BaseModule, ValidatorUpdate

STORE = "acc"
ACCOUNT_PREFIX = b"\x01"
NEXT_NUMBER_KEY = b"\x02"


class AuthModule(BaseModule):
    """The accounts of a chain; fits ``chainkit.runtime.ante.AccountKeeper``."""

    name = "auth"
    store_names = (STORE,)

    def __init__(self, address_prefix: str) -> None:
        self.address_prefix = address_prefix

    def account(self, ctx: Context, address: Address) -> Account | None:
        """Return the account at ``address``, or None."""
        value = ctx.store(STORE).get(ACCOUNT_PREFIX + address)
        return None if value is None else decode_account(self.address_prefix, value)

    def save(self, ctx: Context, account: Account) -> None:
        """Write an account that exists."""
        value = encode_account(self.address_prefix, account)
        ctx.store(STORE).set(ACCOUNT_PREFIX + account.address, value)

    def ensure(self, ctx: Context, address: Address, *, module_name: str = "") -> Account:
        """Return the account at ``address``, made with the next number if there is none."""
        found = self.account(ctx, address)
        if found is not None:
            return found
        store = ctx.store(STORE)
        number = int.from_bytes(store.get(NEXT_NUMBER_KEY) or b"", "big")
        store.set(NEXT_NUMBER_KEY, (number + 1).to_bytes(8, "big"))
        account = Account(address, number, module_name=module_name)
        self.save(ctx, account)
        return account

    def ensure_module(self, ctx: Context, name: str) -> Account:
        """Return a module's account, made if there is none."""
        return self.ensure(ctx, module_address(name), module_name=name)

    def accounts(self, ctx: Context) -> list[tuple[bytes, Account]]:
        """Return every account with its address, in the order of addresses."""
        end = bytes([ACCOUNT_PREFIX[0] + 1])
        return [
            (key[1:], decode_account(self.address_prefix, value))
            for key, value in ctx.store(STORE).iterate(ACCOUNT_PREFIX, end)
        ]

    def query_routes(self) -> tuple[QueryRoute, ...]:
        """Return the queries of ``cosmos.auth.v1beta1.Query``."""
        return AuthQueries(self.address_prefix, self).routes()

    def init_genesis(
        self, ctx: Context, state: Mapping[str, object]
    ) -> tuple[ValidatorUpdate, ...]:
        """Make the accounts in ``accounts``, each with an ``address``, numbered in order."""
        for entry in list_of_mappings(state, "accounts"):
            self.ensure(ctx, parse_address(self.address_prefix, text(entry, "address")))
        return ()
