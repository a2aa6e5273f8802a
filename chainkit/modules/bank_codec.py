"""Messages, stored forms and queries of ``cosmos.bank.v1beta1``."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from chainkit.primitives.amounts import Coin, normalize_coins
from chainkit.primitives.errors import MalformedMessage
from chainkit.primitives.limits import MAX_STORE_VALUE_BYTES, MAX_TX_BYTES
from chainkit.primitives.types import Address, Denom
from chainkit.runtime.addresses import format_address, parse_address
from chainkit.runtime.context import Context
from chainkit.runtime.errors import InvalidCoins, NotFound
from chainkit.runtime.messages import MessageRoute, QueryRoute
from chainkit.runtime.page_codec import paginate
from chainkit.runtime.transaction import AnyMessage
from chainkit.runtime.tx_codec import coin_from_proto, coin_to_proto
from chainkit.wire.codec import decode_known, encode
from chainkit.wire.proto.cosmos.bank.v1beta1 import bank_pb2, query_pb2, tx_pb2

SERVICE = "/cosmos.bank.v1beta1.Query/"
SEND_TYPE_URL = "/cosmos.bank.v1beta1.MsgSend"
MAX_QUERY_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Send:
    """``MsgSend``: move ``coins``, sorted and positive."""

    sender: Address
    receiver: Address
    coins: tuple[Coin, ...]


@dataclass(frozen=True, slots=True)
class DenomMetadata:
    """What readers are told of a voucher."""

    denom: Denom
    base: str
    display_path: str


def send_message(prefix: str, message: Send) -> AnyMessage:
    """Return ``MsgSend`` as a transaction carries it."""
    pb = tx_pb2.MsgSend(
        from_address=format_address(prefix, message.sender),
        to_address=format_address(prefix, message.receiver),
        amount=[coin_to_proto(coin) for coin in message.coins],
    )
    return AnyMessage(SEND_TYPE_URL, encode(pb))


def send_route(prefix: str, handle: Callable[[Context, Send], None]) -> MessageRoute[Send]:
    """Return the route of ``MsgSend`` to ``handle``."""

    def decode(data: bytes) -> Send:
        pb = decode_known(tx_pb2.MsgSend, data, max_bytes=MAX_TX_BYTES)
        coins = tuple(coin_from_proto(coin) for coin in pb.amount)
        try:
            ordered = normalize_coins(coins)
        except MalformedMessage as error:
            raise InvalidCoins(str(error)) from error
        if not coins or coins != ordered:
            raise InvalidCoins("coins are empty or not sorted")
        sender = parse_address(prefix, pb.from_address)
        return Send(sender, parse_address(prefix, pb.to_address), coins)

    def run(ctx: Context, message: Send) -> bytes:
        handle(ctx, message)
        return encode(tx_pb2.MsgSendResponse())

    return MessageRoute(SEND_TYPE_URL, decode, lambda message: (message.sender,), run)


def _metadata_to_proto(metadata: DenomMetadata) -> bank_pb2.Metadata:
    full = f"{metadata.display_path}/{metadata.base}" if metadata.display_path else metadata.base
    return bank_pb2.Metadata(
        description=f"IBC token from {full}",
        denom_units=[bank_pb2.DenomUnit(denom=metadata.denom, aliases=[metadata.base])],
        base=metadata.denom,
        display=full,
        name=f"{full} IBC token",
        symbol=metadata.base.upper(),
    )


def encode_metadata(metadata: DenomMetadata) -> bytes:
    """Return the stored form."""
    return encode(_metadata_to_proto(metadata))


def decode_metadata(data: bytes) -> DenomMetadata:
    """Return what :func:`encode_metadata` stored."""
    pb = decode_known(bank_pb2.Metadata, data, max_bytes=MAX_STORE_VALUE_BYTES)
    base = pb.denom_units[0].aliases[0]
    return DenomMetadata(Denom(pb.base), base, pb.display.removesuffix(base).removesuffix("/"))


class Bank(Protocol):
    """What the queries read."""

    def balance(self, ctx: Context, address: Address, denom: Denom) -> int:
        """Return what an account holds."""
        ...

    def balances(self, ctx: Context, address: Address) -> tuple[Coin, ...]:
        """Return all that an account holds."""
        ...

    def supply(self, ctx: Context, denom: Denom) -> int:
        """Return how much exists."""
        ...

    def total_supply(self, ctx: Context) -> tuple[Coin, ...]:
        """Return the supply of every denomination."""
        ...

    def denom_metadata(self, ctx: Context, denom: str) -> DenomMetadata | None:
        """Return what is noted of ``denom``."""
        ...

    def all_metadata(self, ctx: Context) -> list[tuple[bytes, DenomMetadata]]:
        """Return what is noted of every denomination."""
        ...


class BankQueries:
    """Answers ``cosmos.bank.v1beta1.Query``."""

    def __init__(self, prefix: str, bank: Bank) -> None:
        self._prefix = prefix
        self._bank = bank

    def routes(self) -> tuple[QueryRoute, ...]:
        """Return the routes."""
        return (
            QueryRoute(
                SERVICE + "Balance",
                self._balance,
                ("GET /cosmos/bank/v1beta1/balances/{address}/by_denom",),
            ),
            QueryRoute(
                SERVICE + "AllBalances",
                self._all_balances,
                ("GET /cosmos/bank/v1beta1/balances/{address}",),
            ),
            QueryRoute(
                SERVICE + "SpendableBalances",
                self._spendable,
                ("GET /cosmos/bank/v1beta1/spendable_balances/{address}",),
            ),
            QueryRoute(
                SERVICE + "TotalSupply", self._total_supply, ("GET /cosmos/bank/v1beta1/supply",)
            ),
            QueryRoute(
                SERVICE + "SupplyOf",
                self._supply_of,
                (
                    "GET /cosmos/bank/v1beta1/supply/by_denom",
                    "GET /cosmos/bank/v1beta1/supply/{denom}",
                ),
            ),
            QueryRoute(
                SERVICE + "DenomMetadata",
                self._metadata,
                ("GET /cosmos/bank/v1beta1/denoms_metadata/{denom=**}",),
            ),
            QueryRoute(
                SERVICE + "DenomsMetadata",
                self._all_metadata,
                ("GET /cosmos/bank/v1beta1/denoms_metadata",),
            ),
            QueryRoute(SERVICE + "Params", self._params, ("GET /cosmos/bank/v1beta1/params",)),
        )

    def _balance(self, ctx: Context, data: bytes) -> bytes:
        request = decode_known(query_pb2.QueryBalanceRequest, data, max_bytes=MAX_QUERY_BYTES)
        address, denom = parse_address(self._prefix, request.address), Denom(request.denom)
        coin = Coin(denom, self._bank.balance(ctx, address, denom))
        return encode(query_pb2.QueryBalanceResponse(balance=coin_to_proto(coin)))

    def _all_balances(self, ctx: Context, data: bytes) -> bytes:
        request = decode_known(query_pb2.QueryAllBalancesRequest, data, max_bytes=MAX_QUERY_BYTES)
        coins = self._bank.balances(ctx, parse_address(self._prefix, request.address))
        page, rest = paginate(((coin.denom.encode(), coin) for coin in coins), request.pagination)
        balances = [coin_to_proto(coin) for coin in page]
        return encode(query_pb2.QueryAllBalancesResponse(balances=balances, pagination=rest))

    def _spendable(self, ctx: Context, data: bytes) -> bytes:
        request = decode_known(
            query_pb2.QuerySpendableBalancesRequest, data, max_bytes=MAX_QUERY_BYTES
        )
        coins = self._bank.balances(ctx, parse_address(self._prefix, request.address))
        page, rest = paginate(((coin.denom.encode(), coin) for coin in coins), request.pagination)
        balances = [coin_to_proto(coin) for coin in page]
        return encode(query_pb2.QuerySpendableBalancesResponse(balances=balances, pagination=rest))

    def _total_supply(self, ctx: Context, data: bytes) -> bytes:
        request = decode_known(query_pb2.QueryTotalSupplyRequest, data, max_bytes=MAX_QUERY_BYTES)
        coins = self._bank.total_supply(ctx)
        page, rest = paginate(((coin.denom.encode(), coin) for coin in coins), request.pagination)
        supply = [coin_to_proto(coin) for coin in page]
        return encode(query_pb2.QueryTotalSupplyResponse(supply=supply, pagination=rest))

    def _supply_of(self, ctx: Context, data: bytes) -> bytes:
        request = decode_known(query_pb2.QuerySupplyOfRequest, data, max_bytes=MAX_QUERY_BYTES)
        coin = Coin(Denom(request.denom), self._bank.supply(ctx, Denom(request.denom)))
        return encode(query_pb2.QuerySupplyOfResponse(amount=coin_to_proto(coin)))

    def _metadata(self, ctx: Context, data: bytes) -> bytes:
        request = decode_known(query_pb2.QueryDenomMetadataRequest, data, max_bytes=MAX_QUERY_BYTES)
        found = self._bank.denom_metadata(ctx, request.denom)
        if found is None:
            raise NotFound(f"client metadata for denom {request.denom[:140]}")
        return encode(query_pb2.QueryDenomMetadataResponse(metadata=_metadata_to_proto(found)))

    def _all_metadata(self, ctx: Context, data: bytes) -> bytes:
        request = decode_known(
            query_pb2.QueryDenomsMetadataRequest, data, max_bytes=MAX_QUERY_BYTES
        )
        page, rest = paginate(self._bank.all_metadata(ctx), request.pagination)
        found = [_metadata_to_proto(metadata) for metadata in page]
        return encode(query_pb2.QueryDenomsMetadataResponse(metadatas=found, pagination=rest))

    def _params(self, _ctx: Context, _data: bytes) -> bytes:
        params = bank_pb2.Params(default_send_enabled=True)
        return encode(query_pb2.QueryParamsResponse(params=params))
