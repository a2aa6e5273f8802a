"""Accounts as stored, and the queries of ``cosmos.auth.v1beta1.Query``."""

from typing import Protocol

from google.protobuf.any_pb2 import Any as AnyProto

from chainkit.primitives.limits import MAX_STORE_VALUE_BYTES
from chainkit.primitives.types import Address
from chainkit.runtime.addresses import format_address, module_address, parse_address
from chainkit.runtime.ante import MAX_TX_MEMO_CHARACTERS, Account
from chainkit.runtime.context import Context
from chainkit.runtime.errors import KeyNotFound
from chainkit.runtime.gas import GAS_TX_SIZE_PER_BYTE, GAS_VERIFY_SECP256K1
from chainkit.runtime.messages import QueryRoute
from chainkit.runtime.page_codec import paginate
from chainkit.runtime.transaction import MAX_SIGNATURES
from chainkit.runtime.tx_codec import decode_public_key, encode_public_key
from chainkit.wire.codec import decode_known, encode, pack_any, unpack_any
from chainkit.wire.proto.cosmos.auth.v1beta1 import auth_pb2, query_pb2

SERVICE = "/cosmos.auth.v1beta1.Query/"
MAX_QUERY_BYTES = 65_536
MODULE_ACCOUNT_TYPE_URL = "/cosmos.auth.v1beta1.ModuleAccount"


def _base_to_proto(prefix: str, account: Account) -> auth_pb2.BaseAccount:
    key = encode_public_key(account.public_key) if account.public_key else None
    return auth_pb2.BaseAccount(
        address=format_address(prefix, account.address),
        pub_key=key,
        account_number=account.number,
        sequence=account.sequence,
    )


def account_to_any(prefix: str, account: Account) -> AnyProto:
    """Return the ``Any`` of an account: ``BaseAccount`` or ``ModuleAccount``."""
    base = _base_to_proto(prefix, account)
    if not account.module_name:
        return pack_any(base)
    return pack_any(auth_pb2.ModuleAccount(base_account=base, name=account.module_name))


def encode_account(prefix: str, account: Account) -> bytes:
    """Return an account's stored form."""
    return encode(account_to_any(prefix, account))


def decode_account(prefix: str, data: bytes) -> Account:
    """Return the account in its stored form."""
    value = decode_known(AnyProto, data, max_bytes=MAX_STORE_VALUE_BYTES)
    module_name = ""
    if value.type_url == MODULE_ACCOUNT_TYPE_URL:
        module = unpack_any(value, auth_pb2.ModuleAccount)
        base, module_name = module.base_account, module.name
    else:
        base = unpack_any(value, auth_pb2.BaseAccount)
    key = decode_public_key(base.pub_key) if base.HasField("pub_key") else b""
    address = parse_address(prefix, base.address)
    return Account(address, base.account_number, base.sequence, key, module_name)


class Accounts(Protocol):
    """What the queries read."""

    def account(self, ctx: Context, address: Address) -> Account | None:
        """Return the account at ``address``, or None."""
        ...

    def accounts(self, ctx: Context) -> list[tuple[bytes, Account]]:
        """Return every account with its address."""
        ...


class AuthQueries:
    """Answers ``cosmos.auth.v1beta1.Query``."""

    def __init__(self, prefix: str, accounts: Accounts) -> None:
        self._prefix = prefix
        self._accounts = accounts

    def routes(self) -> tuple[QueryRoute, ...]:
        """Return the routes."""
        return (
            QueryRoute(
                SERVICE + "Account", self._account, ("GET /cosmos/auth/v1beta1/accounts/{address}",)
            ),
            QueryRoute(
                SERVICE + "AccountInfo",
                self._account_info,
                ("GET /cosmos/auth/v1beta1/account_info/{address}",),
            ),
            QueryRoute(SERVICE + "Accounts", self._all, ("GET /cosmos/auth/v1beta1/accounts",)),
            QueryRoute(
                SERVICE + "Bech32Prefix", self._bech32_prefix, ("GET /cosmos/auth/v1beta1/bech32",)
            ),
            QueryRoute(
                SERVICE + "ModuleAccountByName",
                self._module_account,
                ("GET /cosmos/auth/v1beta1/module_accounts/{name}",),
            ),
            QueryRoute(SERVICE + "Params", self._params, ("GET /cosmos/auth/v1beta1/params",)),
        )

    def _find(self, ctx: Context, address: Address) -> Account:
        found = self._accounts.account(ctx, address)
        if found is None:
            raise KeyNotFound(f"account {format_address(self._prefix, address)} not found")
        return found

    def _account(self, ctx: Context, data: bytes) -> bytes:
        request = decode_known(query_pb2.QueryAccountRequest, data, max_bytes=MAX_QUERY_BYTES)
        found = self._find(ctx, parse_address(self._prefix, request.address))
        return encode(query_pb2.QueryAccountResponse(account=account_to_any(self._prefix, found)))

    def _account_info(self, ctx: Context, data: bytes) -> bytes:
        request = decode_known(query_pb2.QueryAccountInfoRequest, data, max_bytes=MAX_QUERY_BYTES)
        found = self._find(ctx, parse_address(self._prefix, request.address))
        return encode(query_pb2.QueryAccountInfoResponse(info=_base_to_proto(self._prefix, found)))

    def _all(self, ctx: Context, data: bytes) -> bytes:
        request = decode_known(query_pb2.QueryAccountsRequest, data, max_bytes=MAX_QUERY_BYTES)
        page, rest = paginate(self._accounts.accounts(ctx), request.pagination)
        accounts = [account_to_any(self._prefix, account) for account in page]
        return encode(query_pb2.QueryAccountsResponse(accounts=accounts, pagination=rest))

    def _bech32_prefix(self, _ctx: Context, _data: bytes) -> bytes:
        return encode(query_pb2.Bech32PrefixResponse(bech32_prefix=self._prefix))

    def _module_account(self, ctx: Context, data: bytes) -> bytes:
        request = decode_known(
            query_pb2.QueryModuleAccountByNameRequest, data, max_bytes=MAX_QUERY_BYTES
        )
        found = self._find(ctx, module_address(request.name))
        value = account_to_any(self._prefix, found)
        return encode(query_pb2.QueryModuleAccountByNameResponse(account=value))

    def _params(self, _ctx: Context, _data: bytes) -> bytes:
        params = auth_pb2.Params(
            max_memo_characters=MAX_TX_MEMO_CHARACTERS,
            tx_sig_limit=MAX_SIGNATURES,
            tx_size_cost_per_byte=GAS_TX_SIZE_PER_BYTE,
            sig_verify_cost_ed25519=590,
            sig_verify_cost_secp256k1=GAS_VERIFY_SECP256K1,
        )
        return encode(query_pb2.QueryParamsResponse(params=params))
